"""操作记录: who did or looked at what, for the auditor."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods

from enrollment import people
from enrollment.access import Place, enter
from enrollment.failure import Failure
from enrollment.models import AuditEvent, Decision, Fate, Job, Person, Region, Roster
from enrollment.models.audit import AuditQuerySet
from enrollment.roles import ROLES
from enrollment.roster.kinds import KINDS

PER_PAGE = 50

ACTIONS = {
    "sign_in": "登录",
    "sign_in_password": "登录（待验证码）",
    "sign_in_failed": "登录未成功",
    "start_second_factor": "开通两步验证",
    "stop_second_factor": "解除两步验证",
    "sign_out": "退出登录",
    "change_password": "修改密码",
    "search": "查找居民",
    "open_person": "打开居民页",
    "reveal": "查看完整号码",
    "open_names": "打开名单",
    "export": "导出名单",
    "export_audit": "导出操作记录",
    "hand_in": "交名册",
    "explain_headings": "对应表头",
    "explain_words": "说明名单叫法",
    "apply_roster": "名册入库",
    "withdraw_roster": "撤回名册",
    "declare_nil": "报名单无变动",
    "send_checks": "下发金额核查",
    "recall_checks": "收回金额核查",
    "close_checks": "办结金额核查",
    "answer_check": "答复金额核查",
    "resolve_checks": "核定后自动办结核查",
    "record_attribute": "登记属性",
    "remove_attribute": "撤销属性登记",
    "record_event": "登记特殊情形",
    "remove_event": "撤销情形登记",
    "verify_event": "核实特殊情形",
    "discard_roster": "放弃名册",
    "download_problems": "下载名册问题文件",
    "download_original": "下载名册原文件",
    "forget_file": "删除到期原件",
    "cancel_job": "取消任务进程",
    "answer_question": "核实事项",
    "add_person": "新建档案",
    "correct_person": "更正档案",
    "give_number": "登记证件号码",
    "note_residence": "居住登记",
    "register": "登记参保",
    "withdraw_registration": "撤销登记",
    "ask_refund": "登记退费申请",
    "answer_refund": "答复退费申请",
    "change_household": "编户",
    "arrange_household": "更正户内关系",
    "split_household": "分户",
    "merge_household": "并户",
    "join_people": "合并建档",
    "propose_move": "提出迁移",
    "decide_move": "确认迁移",
    "move_person": "迁移",
    "leave_county": "迁出本县",
    "record_death": "去世登记",
    "set_status": "登记状态",
    "end_status": "终止状态",
    "review_status": "核对扣减",
    "raise_objection": "登记异议",
    "answer_objection": "答复异议",
    "attach_paper": "上传附件",
    "open_paper": "打开附件",
    "forget_paper": "删除到期附件",
    "object_to_move": "不同意迁出",
    "place_people": "落实到村",
    "record_visit": "记录走访",
    "assign_visits": "走访分工",
    "add_contact": "通讯录加人",
    "change_contact": "通讯录更正",
    "remove_contact": "通讯录移出",
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
    "grant_account": "授权账号",
    "take_cash": "收现金",
    "reverse_cash": "冲销收据",
    "remit_cash": "登记线上缴费",
    "close_cash_day": "现金日清",
    "see_cash_day": "复核日清",
    "hand_over_account": "交接账号",
    "open_record": "查看个人信息档案",
    "assign_account": "修改岗位和区域",
    "stop_account": "停用账号",
    "start_account": "启用账号",
    "reset_password": "重置密码",
    "rotate_keys": "更换加密密钥",
    "rotate_index_key": "更换检索密钥",
    "load_policy": "载入政策包",
    "declare_zero": "登记零申报",
    "withdraw_declaration": "撤回零申报",
    "clear_declaration": "核对后准予申报",
    "settle_difference": "登记退补",
    "reverse_difference": "冲销退补",
    "close_recovery": "处理资助收回",
    "reopen_recovery": "重新打开资助收回",
    "add_help": "登记另行扶持",
    "remove_help": "删除另行扶持",
    "settle_year": "年度结算",
    "unsettle_year": "撤销年度结算",
    "edit_policy": "修改政策",
    "draft_policy": "存入政策修改稿",
    "discard_policy_draft": "放弃政策修改稿",
    "restore_policy": "恢复政策版本",
    "clone_year": "复制到新年度",
    "confirm_policy": "核对沿用的政策",
    "activate_year": "启用年度",
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
    "region": "地区",
    "key": "地区",
    "village": "村",
    "town": "乡镇",
    "counts": "结果",
    "filter": "条件",
    "form": "格式",
    "until": "截至",
    "month": "月份",
    "name": "名称",
    "alias": "别名",
    "before": "原为",
    "after": "改为",
    "role": "岗位",
    "department": "部门",
    "mapping": "表头对应",
    "words": "叫法",
    "decision": "结论",
    "question": "事项编号",
    "let_in": "入库行数",
    "version": "版本编号",
    "source": "来源",
    "document": "文号",
    "issued_on": "下达日期",
    "units": "单位数",
    "total": "合计",
    "kept_back": "保留未动",
    "declared_on": "申报日期",
    "office": "办理单位",
    "conclusion": "核对结论",
    "left": "未办",
    "amount": "金额",
    "settled_on": "退补日期",
    "giver": "扶持单位",
    "state": "情况",
    "checksum": "台账校验码",
    "tier": "档次",
    "group": "人群",
    "agent": "代办人",
    "proof": "与名单不符的凭据",
    "outcome": "结果",
} | dict(Fate.choices)


# What a word of the database is called on this page, by the detail it stands in.
VALUES: dict[str, dict[str, str]] = {
    "decision": dict(Decision.choices),
    "role": {key: role.title for key, role in ROLES.items()},
    "source": {
        "pack": "政策包",
        "computed": "由名册计算",
        "list": "任务名单",
        "edited": "页面录入",
    },
    "form": {
        "xlsx": "Excel",
        "pdf": "PDF",
        "csv": "CSV",
        "csv-utf-8": "CSV（UTF-8）",
        "csv-gb18030": "CSV（GB18030）",
    },
}
PLACES = ("region", "key", "village", "town")
LEFT_OUT = ("figure", "version")
"""Details that the subject already says in words."""
_NUMBERED = re.compile(r"(roster|job) (\d+)")


class Words:
    """The events of one page (or one stretch of an export) in words, in four queries at most."""

    def __init__(self, events: Iterable[AuditEvent], county: Region) -> None:
        self.events = list(events)
        numbers: dict[str, set[int]] = {"roster": set(), "job": set()}
        for event in self.events:
            if found := _NUMBERED.fullmatch(event.subject):
                numbers[found[1]].add(int(found[2]))
        jobs = Job.objects.filter(pk__in=numbers["job"], roster__county=county)
        self.jobs = dict(jobs.values_list("pk", "roster_id"))
        rosters = Roster.objects.filter(
            county=county, pk__in=numbers["roster"] | set(self.jobs.values())
        )
        self.rosters = {roster.pk: roster for roster in rosters}
        ids = {event.person_id for event in self.events if event.person_id}
        known = Person.objects.filter(county=county, pk__in=ids)
        self.people = {pk: people.masked_name(name) for pk, name in known.values_list("pk", "name")}
        keys = {key for event in self.events for key in _places(event.details)}
        regions = Region.objects.filter(county=county, key__in=keys).select_related("town")
        self.regions = {region.key: region.path for region in regions}

    def lines(self) -> list[dict[str, Any]]:
        """What the page and the export show of each event."""
        return [
            {
                "event": event,
                "word": ACTIONS.get(event.action, event.action),
                "subject": self.subject(event),
                "person": self.person(event),
                "details": self.details(event),
            }
            for event in self.events
        ]

    def subject(self, event: AuditEvent) -> str:
        """名册 13《空挂户人员名单.xlsx》 for ``roster 13``; other subjects are in words already."""
        found = _NUMBERED.fullmatch(event.subject)
        if found is None:
            return event.subject
        word, number = found[1], int(found[2])
        roster = self.rosters.get(number if word == "roster" else self.jobs.get(number, 0))
        name = "名册" if word == "roster" else "任务进程"
        return f"{name} {number}" + (f"《{roster.file_name}》" if roster else "")

    def person(self, event: AuditEvent) -> str:
        """A masked name; the number is what tells two of one name apart."""
        if not event.person_id:
            return ""
        return f"{self.people.get(event.person_id, '居民')}（编号 {event.person_id}）"

    def details(self, event: AuditEvent) -> str:
        """What an event says beside its action and subject, empty parts left out."""
        return "；".join(
            f"{_label(name)} {self._said(name, value)}"
            for name, value in _in_order(event.details)
            if value not in (None, "", [], {}) and name not in LEFT_OUT
        )

    def _said(self, name: str, value: object) -> str:
        if isinstance(value, dict):
            if name == "mapping":
                return f"{len(value)} 栏"
            # Of counts only those that counted something.
            return "、".join(
                f"{_label(one)} {self._said(one, part)}"
                for one, part in _in_order(value)
                if part not in (None, "", 0) and one not in LEFT_OUT
            )
        if isinstance(value, list):
            many = len(value) > 5 or name == "people"
            return f"{len(value)} 项" if many else "、".join(self._said(name, v) for v in value)
        if isinstance(value, bool):
            return "是" if value else "否"
        if isinstance(value, str):
            if name in PLACES:
                return self.regions.get(value, value)
            if name == "kind" and value in KINDS:
                return KINDS[value].title
            if moment := _moment(value):
                return moment
        return VALUES.get(name, {}).get(str(value), str(value))


def _in_order(details: dict[str, Any]) -> list[tuple[str, Any]]:
    """The parts as ``DETAILS`` lists them: the database keeps no order of its own."""
    order = list(DETAILS)
    return sorted(details.items(), key=lambda one: order.index(one[0]) if one[0] in order else 99)


def _label(name: str) -> str:
    return str(DETAILS.get(name, name))


def _places(details: dict[str, Any]) -> Iterator[str]:
    """The regions' keys an event speaks of, also inside what was before and after."""
    for name, value in details.items():
        if isinstance(value, dict):
            yield from _places(value)
        elif name in PLACES and isinstance(value, str):
            yield value


def _moment(text: str) -> str:
    """A moment as the portal stores it, in Shanghai's time; "" for other text."""
    if not re.match(r"\d{4}-\d\d-\d\dT", text):
        return ""
    try:
        found = parse_datetime(text)
    except ValueError:
        return ""
    if found is None:
        return ""
    return f"{timezone.localtime(found) if timezone.is_aware(found) else found:%Y-%m-%d %H:%M}"


class Filter(forms.Form):
    """What the list is narrowed to; everything optional."""

    user = forms.CharField(label="账号或姓名", max_length=150, required=False)
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
            who = Q(username=chosen["user"]) | Q(user__full_name__contains=chosen["user"])
            events = events.filter(who)
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
    problem = ""
    if request.method == "POST":
        try:
            person = _person(place, request.POST.get("number", ""))
        except Failure as failure:
            problem = failure.message
        else:
            return redirect(f"{request.path}?{urlencode({'person': person.pk})}")
    form, events = asked_for(request, place)
    page = Paginator(events.select_related("user", "seal"), PER_PAGE).get_page(
        request.GET.get("page")
    )
    words = Words(page, place.county)
    asked = request.GET.copy()
    asked.pop("page", None)
    export = reverse("enrollment:audit-export", args=[county, year])
    person_id = form.cleaned_data.get("person") if form.is_valid() else None
    context = {
        "page_title": "操作记录",
        "answer": f"符合条件的操作 {page.paginator.count:,} 条，最近的在前。",
        "form": form,
        "page": page,
        "rows": words.lines(),
        "problem": problem,
        "person": person_id,
        "person_word": _person_word(place, person_id) if person_id else "",
        "export_url": f"{export}?{asked.urlencode()}",
    }
    return render(request, "enrollment/audit.html", context, status=400 if problem else 200)


def asked_for(request: HttpRequest, place: Place) -> tuple[Filter, AuditQuerySet]:
    """The filter as filled in, and the events of the county it lets through."""
    visible = AuditEvent.objects.visible_to(place.user).filter(county=place.county)
    used = visible.order_by("action").values_list("action", flat=True).distinct()
    form = Filter(request.GET or {}, actions=list(used))
    return form, form.narrow(visible) if form.is_valid() else visible.none()


def _person_word(place: Place, pk: int) -> str:
    """Whose trail the page shows, masked."""
    found = Person.objects.filter(county=place.county, pk=pk).first()
    return f"{people.masked_name(found.name)}（{found.masked}）" if found else f"编号 {pk}"


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
