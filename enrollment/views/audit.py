"""操作记录: who did or looked at what, for the auditor."""

from datetime import datetime, time, timedelta

from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods

from enrollment import people
from enrollment.access import Place, enter
from enrollment.failure import Failure
from enrollment.models import AuditEvent, Fate, Person
from enrollment.models.audit import AuditQuerySet

PER_PAGE = 50

ACTIONS = {
    "sign_in": "登录",
    "sign_in_failed": "登录未成功",
    "sign_out": "退出登录",
    "change_password": "修改密码",
    "search": "查找居民",
    "open_person": "打开居民页",
    "reveal": "查看完整号码",
    "open_names": "打开名单",
    "export": "导出名单",
    "hand_in": "交名册",
    "explain_headings": "对应表头",
    "apply_roster": "名册入库",
    "withdraw_roster": "撤回名册",
    "declare_nil": "报名单无变动",
    "discard_roster": "放弃名册",
    "download_problems": "下载名册问题文件",
    "download_original": "下载名册原文件",
    "forget_file": "删除到期原件",
    "cancel_job": "取消任务进程",
    "answer_question": "核实事项",
    "place_people": "落实到村",
    "draft_targets": "起草任务",
    "issue_targets": "下达任务",
    "discard_targets": "删除任务草稿",
    "withdraw_targets": "撤回任务名单",
    "download_table": "下载表格",
    "download_pack": "下载政策包",
    "add_region": "新增行政区划",
    "rename_region": "行政区划改名",
    "merge_region": "合并行政区划",
    "move_village": "划转村",
    "add_alias": "添加别名",
    "remove_alias": "去掉别名",
    "create_account": "建立账号",
    "assign_account": "修改岗位和区域",
    "stop_account": "停用账号",
    "start_account": "启用账号",
    "reset_password": "重置密码",
    "rotate_keys": "更换加密密钥",
    "rotate_index_key": "更换检索密钥",
    "load_policy": "载入政策包",
}

DETAILS = {
    "reason": "原因",
    "people": "人数",
    "rows": "行数",
    "file": "文件",
    "pack": "文件",
    "changes": "变动",
    "kind": "种类",
    "topic": "细类",
    "region": "地区代码",
    "key": "代码",
    "village": "村代码",
    "alias": "别名",
    "before": "原为",
    "after": "改为",
    "role": "岗位",
    "department": "部门",
    "mapping": "表头对应",
    "decision": "结论",
    "question": "事项编号",
    "version": "版本编号",
    "source": "来源",
    "document": "文号",
    "issued_on": "下达日期",
    "units": "单位数",
    "total": "合计",
    "kept_back": "保留未动",
} | dict(Fate.choices)


def details(event: AuditEvent) -> str:
    """What an event says beside its action and subject, in words, empty parts left out."""
    return "；".join(
        f"{DETAILS.get(name, name)} {_said(value)}"
        for name, value in event.details.items()
        if value not in (None, "", [], {})
    )


def _said(value: object) -> str:
    if isinstance(value, dict):
        return "、".join(
            f"{DETAILS.get(name, name)} {_said(part)}"
            for name, part in value.items()
            if part not in (None, "")
        )
    if isinstance(value, list):
        return f"{len(value)} 项" if len(value) > 5 else "、".join(map(str, value))
    return str(value)


class Filter(forms.Form):
    """What the list is narrowed to; everything optional."""

    user = forms.CharField(label="账号", max_length=150, required=False)
    action = forms.ChoiceField()
    since = forms.DateField(
        label="自", required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    until = forms.DateField(
        label="至", required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    person = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args, actions: list[str], **kwargs) -> None:
        super().__init__(*args, **kwargs)
        words = [(action, ACTIONS.get(action, action)) for action in actions]
        self.fields["action"] = forms.ChoiceField(
            label="操作", required=False, choices=[("", "全部"), *words]
        )

    def narrow(self, events: AuditQuerySet) -> AuditQuerySet:
        """The events that all the filled-in fields allow; days are whole days in Shanghai."""
        chosen = self.cleaned_data
        if chosen["user"]:
            events = events.filter(username=chosen["user"])
        if chosen["action"]:
            events = events.filter(action=chosen["action"])
        if chosen["since"]:
            events = events.filter(at__gte=_midnight(chosen["since"]))
        if chosen["until"]:
            events = events.filter(at__lt=_midnight(chosen["until"] + timedelta(days=1)))
        if chosen["person"]:
            events = events.filter(person_id=chosen["person"])
        return events


@require_http_methods(["GET", "POST"])
def audit(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """The trail of the county, newest first; by account, action, time or person."""
    place = enter(request, county, year, may="reads_audit")
    visible = AuditEvent.objects.visible_to(place.user).filter(county=place.county)
    problem = ""
    if request.method == "POST":
        try:
            person = _person(place, request.POST.get("number", ""))
        except Failure as failure:
            problem = failure.message
        else:
            return redirect(f"{request.path}?{urlencode({'person': person.pk})}")
    used = visible.order_by("action").values_list("action", flat=True).distinct()
    form = Filter(request.GET or {}, actions=list(used))
    events = form.narrow(visible) if form.is_valid() else visible.none()
    page = Paginator(events.select_related("user", "seal"), PER_PAGE).get_page(
        request.GET.get("page")
    )
    context = {
        "page_title": "操作记录",
        "answer": f"符合条件的操作 {page.paginator.count:,} 条，最近的在前。",
        "form": form,
        "page": page,
        "rows": [
            {
                "event": event,
                "word": ACTIONS.get(event.action, event.action),
                "details": details(event),
            }
            for event in page
        ],
        "problem": problem,
        "person": form.cleaned_data.get("person") if form.is_valid() else None,
    }
    return render(request, "enrollment/audit.html", context, status=400 if problem else 200)


def _person(place: Place, number: str) -> Person:
    """Whose trail is asked for. Raises Failure where nobody of the county has this number."""
    search = people.read(number, today=timezone.localdate())
    if search.kind != "id":
        raise Failure("number", "请输入完整的证件号码；要按账号或时间查找，请用下面的条件")
    found = people.find(search, among=Person.objects.filter(county=place.county)).first()
    if found is None:
        raise Failure("nobody", f"{search.shown}：本县没有这个人的登记，因此没有操作记录")
    return found


def _midnight(day) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
