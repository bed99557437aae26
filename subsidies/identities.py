"""Reading a department's list: its columns, what it may be about, and whom its rows call what.

A file is about one category (its topic), about the grades of one kind (按残疾等级), or says the
identity row by row; a cell may hold several, and each becomes one line.
"""

from collections import Counter
from dataclasses import replace

from enrollment.failure import Failure
from enrollment.headings import Column
from enrollment.models import Department, PolicyYear, Roster, User
from enrollment.models.rules import Duty
from enrollment.roster import Line
from enrollment.roster.register import ID_NUMBER, NAME, PHONE, SEX, TOWN, VILLAGE
from subsidies.models import Category
from subsidies.names import BY_GRADE, Meaning, Names, fits, graded_topics, grades

COLUMNS = (
    replace(
        NAME,
        aliases=(*NAME.aliases, "对象姓名", "保障对象姓名", "救助对象姓名", "残疾人姓名",
                 "共同生活家庭成员姓名", "成员姓名"),
    ),
    replace(
        ID_NUMBER,
        aliases=(*ID_NUMBER.aliases, "残疾人证号", "残疾证号", "残疾人证号码", "残疾证号码",
                 "残疾人证编号", "证件号码（身份证号）"),
    ),
    TOWN,
    VILLAGE,
    Column(
        "identity",
        "身份类别",
        ("人员身份", "医疗救助身份", "特殊身份", "特殊人员类别", "特殊人员身份类别",
         "特殊人群身份类别", "人员类别", "人员类型", "对象类别", "对象类型", "资助类别",
         "资助身份", "资助对象类别", "代缴类别", "困难类型", "困难身份", "困难群众类别",
         "救助对象类别", "优抚对象类别", "优抚类别", "计生类别", "计生对象类别", "监测对象类别",
         "监测对象类型", "易返贫致贫户（监测对象）类型", "户类型", "保障类别", "救助类别", "类别",
         "类型", "身份"),
    ),
    Column(
        "grade_word",
        "等级",
        ("残疾等级", "残疾级别", "残疾证等级", "级别", "评定等级", "低保类别", "保障等级",
         "低保等级"),
    ),
    Column(
        "day",
        "纳入时间",
        ("纳入资助时间", "纳入日期", "享受开始时间", "开始时间", "起始时间", "起始日期",
         "开始日期", "有效期起", "救助开始时间", "保障开始时间", "享受待遇时间", "首次保障时间",
         "享受起始年月"),
    ),
    Column(
        "recognised_on",
        "认定时间",
        ("认定日期", "识别时间", "首次识别时间", "风险识别时间", "识别监测时间", "批准时间",
         "批准日期", "审批时间", "审批日期", "核准时间", "评定时间", "评残时间", "发证日期",
         "新增时间"),
    ),
    Column(
        "ends_on",
        "退出时间",
        ("退出日期", "终止时间", "终止日期", "停保时间", "停发时间", "风险消除时间", "有效期止",
         "截止日期", "截止时间", "取消时间", "注销时间"),
    ),
    SEX,
    PHONE,
)  # fmt: skip


def topics(policy_year: PolicyYear, user: User | None) -> list[str]:
    """What a whole list may be about, for this user, in printed order.

    Sensitive categories are not for the towns; a department is offered its own, where it has any.
    """
    known = Category.objects.filter(policy_year=policy_year).order_by("order", "pk")
    if user is not None and user.job.level != "county":
        known = known.filter(sensitive=False)
    if user is not None and user.job.own_department:
        duties = Duty.objects.filter(policy_year=policy_year, department=user.department_id)
        named = {name for lists in duties.values_list("lists", flat=True) for name in lists}
        own = known.filter(department=user.department_id) | known.filter(name__in=named)
        known = own if own.exists() else known
    categories = list(known)
    return [category.name for category in categories] + graded_topics(categories)


def find_topic(policy_year: PolicyYear, department: Department | None, text: str) -> str:
    """The category's own name for a word of the department's. Raises Failure."""
    names = Names(policy_year, department)
    graded = graded_topics(names.categories)
    if text in graded:
        return text
    if category := names.named(text):
        return category.name
    known = "、".join([category.name for category in names.categories] + graded) or "无"
    raise Failure("unknown_category", f"没有“{text}”这种资助对象类别（本年度有：{known}）")


class Identities:
    """Turns one person of a row into one line for each identity the row gives them."""

    def __init__(self, roster: Roster) -> None:
        self.names = Names(roster.policy_year, roster.department)
        self.unknown: Counter[str] = Counter()
        self.by_grade = roster.topic.removeprefix(BY_GRADE) if not self._one(roster) else ""
        self.own = self._one(roster)

    def _one(self, roster: Roster) -> Category | None:
        return next((one for one in self.names.categories if one.name == roster.topic), None)

    def __call__(self, line: Line) -> list[Line]:
        values = line.values
        grade = self._grade(line)
        identities = self.names.read(values.get("identity", ""))
        if self.own is not None:
            return [self._of_one(line, self.own, grade)]
        if self.by_grade:
            return [self._of_grade(line, grade)]
        if not identities:
            line.refuse("no_identity", "缺少身份类别")
            return [line]
        passed = [identity.word for identity in identities if identity.passed]
        if len(passed) == len(identities):
            return [_ignored(line, passed)]
        if passed:
            line.remarks.append(f"另写有{_quoted(passed)}，不是资助身份，不计")
        lines = []
        for identity in identities:
            if identity.passed:
                continue
            mine = Line(dict(values), list(line.problems), list(line.remarks), line.code)
            if identity.meaning is None:
                self.unknown[identity.word] += 1
                mine.refuse(
                    "unknown_identity",
                    f"身份“{identity.word[:40]}”不是本年度的资助对象类别或其别名",
                )
            else:
                self._told(mine, identity.meaning, grade, identity.word)
            lines.append(mine)
        return lines

    def _of_one(self, line: Line, own: Category, grade: int | None) -> Line:
        """A row of a list that is about one category as a whole; its own words may not gainsay."""
        said = line.values.get("identity", "")
        meanings = [one.meaning for one in self.names.read(said) if one.meaning]
        fitting = [one for one in meanings if one.category == own]
        if meanings and not fitting:
            line.refuse("other_identity", f"身份写的是“{said[:40]}”，本名单是“{own.name}”")
        elif len(meanings) > len(fitting):
            others = "、".join(one.category.name for one in meanings if one.category != own)
            line.remarks.append(f"另写有“{others}”，本名单只计“{own.name}”")
        self._told(line, fitting[0] if fitting else Meaning(own), grade, said)
        return line

    def _of_grade(self, line: Line, grade: int | None) -> Line:
        if grade is None:
            line.refuse("no_grade", f"缺少{self.by_grade}")
        elif (category := self.names.graded(self.by_grade, grade)) is None:
            line.refuse("no_grade", f"{self.by_grade}{grade}级没有对应的资助对象类别")
        else:
            self._told(line, Meaning(category, grade), grade, line.values.get("identity", ""))
        return line

    def _grade(self, line: Line) -> int | None:
        """The grade: of a disability certificate by law its last digit, else what the row says."""
        certified = line.values.get("grade")
        told: tuple[int, int] | None = None
        if word := line.values.get("grade_word", ""):
            try:
                told = grades(word)
            except ValueError:
                if certified is None:
                    line.refuse("bad_grade", f"等级“{word[:20]}”看不懂，应为一级、二级等")
        if certified is not None:
            if told and not told[0] <= certified <= told[1]:
                line.remarks.append(
                    f"等级与残疾人证号不符（表中为{word}），以证号的{certified}级为准"
                )
            return int(certified)
        return told[0] if told and told[0] == told[1] else None

    def _told(self, line: Line, meaning: Meaning, grade: int | None, word: str) -> None:
        """Write one identity into the line, and refuse a grade that the category does not take."""
        category, values = meaning.category, line.values
        if grade is not None and meaning.grade is not None and grade != meaning.grade:
            line.refuse("grade_differs", f"身份写的是{meaning.grade}级，等级却是{grade}级")
        grade = grade if grade is not None else meaning.grade
        if grade is not None and not fits(category, grade):
            line.refuse(
                "grade_unfit",
                f"{grade}级不属于“{category.name}”（{category.grade_from}至{category.grade_to}级）",
            )
        given = {"recognised": values.get("recognised_on"), "ends": values.get("ends_on")}
        if (start := values.get("day")) and given["ends"] and given["ends"] < start:
            line.refuse("bad_dates", "退出时间早于纳入时间")
        values["facts"] = {"category": category.pk, "grade": grade, "word": word[:60] or None} | {
            name: day.isoformat() for name, day in given.items() if day
        }


def _ignored(line: Line, words: list[str]) -> Line:
    """A row whose words are said to be no identity of ours. It names nobody, so it keeps nobody."""
    kept = {name: line.values[name] for name in ("name", "town_id", "village_id")
            if name in line.values}  # fmt: skip
    return Line(
        kept | {"fate": "ignored", "code": "no_identity", "reason": ""},
        remarks=[f"{_quoted(words)}不是资助身份"],
    )


def _quoted(words: list[str]) -> str:
    return "、".join(f"“{word[:40]}”" for word in words)
