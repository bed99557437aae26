"""May this person enrol here, and may this office register them: by the county's own clauses.

Nothing is decided that the notice does not say: where no clause speaks of somebody the answer is
政策未规定, and registering goes on with that on record. Being deducted from the base bars nobody
(C109); being insured elsewhere does, unless there is proof that it has ended.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.utils import timezone

from enrollment import people
from enrollment.models import (
    Cover,
    Enrollment,
    HomeHukou,
    Person,
    PolicyYear,
    Region,
    Residence,
    Status,
    StatusKind,
    User,
)
from enrollment.models.rules import (
    Hukou,
    Participant,
    PlaceRule,
    PopulationGroup,
    RegistrarRule,
    Registration,
)

NOT_STATED = "政策未规定"
COMPATRIOT = ("hk-macao-taiwan-permit", "home-return", "taiwan-compatriot")
FOREIGN = ("foreign-permanent-old", "foreign-permanent-new", "passport")

# What a clause calls a paper → the kinds of document that are it. 居住证 is none of them: it is
# held beside the identity card.
PAPERS = {
    "港澳台居民居住证": ("hk-macao-taiwan-permit",),
    "外国人永久居留身份证": ("foreign-permanent-old", "foreign-permanent-new"),
    "外国人永久居留证": ("foreign-permanent-old", "foreign-permanent-new"),
}
RESIDENCE_PERMIT = "居住证"
ANY_PAPER = "有效身份证件"

OFFICES: dict[str, set[str]] = {
    "village_clerk": {RegistrarRule.Office.VILLAGE},
    "town_officer": {
        RegistrarRule.Office.VILLAGE,
        RegistrarRule.Office.TOWNSHIP,
        RegistrarRule.Office.TOWN_OFFICE,
    },
    "county_officer": set(RegistrarRule.Office.values),
}
"""For whom each role works: a town's officer also does a village's work, the county everybody's."""


@dataclass(frozen=True)
class Applicant:
    """What the clauses ask about. ``None`` = not known."""

    doc_type: str = "resident-id"
    has_number: bool = True
    hukou: str = HomeHukou.HERE
    hukou_village: Region | None = None
    """Where the police register has them, for people of the county."""
    permit: bool = False
    employed: bool | None = None
    studies: bool = False
    newborn: bool = False
    talent: bool = False
    group: PopulationGroup | None = None
    registration: str = ""
    kinds: Sequence[StatusKind] = ()
    """What the year's lists say they are."""
    proof: str = ""
    """Evidence that what a list says is over."""


@dataclass(frozen=True)
class Finding:
    """One question and its answer; ``None`` is 政策未规定."""

    about: str
    answer: bool | None
    text: str
    cites: str = ""

    @property
    def sentence(self) -> str:
        return f"{self.text}（{self.cites}）" if self.cites else self.text


@dataclass(frozen=True)
class Eligibility:
    """All findings about one person, one village and one office."""

    findings: list[Finding] = field(default_factory=list)

    @property
    def allowed(self) -> bool:
        return all(one.answer is not False for one in self.findings)

    @property
    def refusals(self) -> list[str]:
        return [one.sentence for one in self.findings if one.answer is False]

    @property
    def not_stated(self) -> list[str]:
        return [f"{one.about}：{one.text}" for one in self.findings if one.answer is None]

    @property
    def clause(self) -> str:
        """The sentence by which somebody belongs to those who may enrol."""
        return next((one.sentence for one in self.findings if one.about == PARTICIPANT), "")


PARTICIPANT, PLACE, OFFICE, ELSEWHERE = "参保对象", "参保地", "登记办理", "其他参保"


def of_person(
    policy_year: PolicyYear,
    person: Person,
    *,
    group: PopulationGroup | None = None,
    registration: str = "",
    employed: bool | None = None,
    studies: bool = False,
    talent: bool = False,
    proof: str = "",
) -> Applicant:
    """What is on record about somebody, with what the clerk adds."""
    residence = Residence.objects.filter(person=person).first()
    on_roll = person.on_roll_from is not None and person.on_roll_to is None
    if on_roll:
        hukou = HomeHukou.HERE.value
    elif residence is not None:
        hukou = residence.hukou
    elif person.doc_type in (*COMPATRIOT, *FOREIGN):
        hukou = HomeHukou.NONE.value
    else:
        hukou = HomeHukou.OUTSIDE.value
    statuses = Status.objects.filter(policy_year=policy_year, person=person)
    return Applicant(
        doc_type=person.doc_type,
        has_number=person.id_index is not None,
        hukou=hukou,
        hukou_village=person.village if on_roll else None,
        permit=residence is not None and _valid(residence),
        employed=employed,
        studies=studies,
        newborn=is_newborn(policy_year, person.birth),
        talent=talent,
        group=group,
        registration=registration or known_registration(policy_year, person),
        kinds=[one.kind for one in statuses.select_related("kind").order_by("kind__order")],
        proof=proof,
    )


def check(
    policy_year: PolicyYear, applicant: Applicant, *, village: Region, by: User | None
) -> Eligibility:
    """Hold somebody against the year's clauses, for a village and the office that registers.

    Without ``by`` (a command) the office is not asked. Three queries.
    """
    findings = [
        *_elsewhere(applicant),
        _participant(list(Participant.objects.filter(policy_year=policy_year)), applicant),
        _place(list(PlaceRule.objects.filter(policy_year=policy_year)), applicant, village),
    ]
    if by is not None:
        rules = list(RegistrarRule.objects.filter(policy_year=policy_year))
        findings.append(_office(rules, applicant, by))
    return Eligibility(findings)


def known_registration(policy_year: PolicyYear, person: Person) -> str:
    """First or renewal, where an earlier year's list of the county tells; else "" (to be asked)."""
    covers = Cover.objects.filter(policy_year__year__lt=policy_year.year)
    enrolled = Enrollment.objects.filter(person=person, policy_year__year__lt=policy_year.year)
    if covers.filter(person=person).exists() or enrolled.exists():
        return Registration.RENEWAL.value
    # Without a list of earlier years, nobody's absence from it means anything.
    if covers.filter(county=policy_year.county_id).exists():
        return Registration.FIRST.value
    return ""


def is_newborn(policy_year: PolicyYear, birth: datetime.date | None) -> bool:
    """Born in the benefit year, and so never able to pay in the main window."""
    start = policy_year.benefit_from or datetime.date(policy_year.year, 1, 1)
    return birth is not None and birth >= start


def _valid(residence: Residence) -> bool:
    today = timezone.localdate()
    return residence.permit and (residence.permit_until is None or residence.permit_until >= today)


# Who may enrol


def _participant(rules: Sequence[Participant], applicant: Applicant) -> Finding:
    """The clause by which somebody belongs, or what they lack of the nearest one."""
    for rule in (one for one in rules if one.excluded):
        if barred := _excluded_by(applicant):
            return Finding(PARTICIPANT, False, f"名单列为“{barred}”，{rule.text}不参加", rule.cites)
    roles = _roles(applicant)
    about = [
        rule
        for rule in rules
        if not rule.excluded
        and roles & set(rule.about or [Participant.About.RESIDENT])
        and _hukou_fits(rule.hukou, applicant.hukou)
    ]
    # A clause that names somebody's hukou speaks of them more closely than one that names none.
    general = [one for one in about if not one.about]
    if closer := [one for one in general if one.hukou]:
        about = [one for one in about if one.about or one in closer]
    lacking = [(rule, _lacks(rule, applicant)) for rule in about]
    for rule, lacks in lacking:
        if not lacks:
            return Finding(PARTICIPANT, True, rule.text, rule.cites)
    if lacking:
        rule, lacks = min(lacking, key=lambda pair: len(pair[1]))
        return Finding(PARTICIPANT, False, f"{'，'.join(lacks)}。文件：{rule.text}", rule.cites)
    return Finding(PARTICIPANT, None, f"{NOT_STATED}：文件没有写到这类人员能否参保")


def _roles(applicant: Applicant) -> set[str]:
    about = Participant.About
    if applicant.doc_type in COMPATRIOT:
        return {about.COMPATRIOT} | ({about.COMPATRIOT_STUDENT} if applicant.studies else set())
    if applicant.doc_type in FOREIGN:
        return {about.FOREIGNER} | ({about.FOREIGN_STUDENT} if applicant.studies else set())
    roles = {about.RESIDENT}
    for role, held in (
        (about.STUDENT, applicant.studies),
        (about.NEWBORN, applicant.newborn),
        (about.TALENT, applicant.talent),
    ):
        if held:
            roles.add(role)
    return roles  # type: ignore[return-value]


def _hukou_fits(wanted: str | None, hukou: str) -> bool:
    fits = {
        Hukou.HERE: (HomeHukou.HERE,),
        Hukou.CITY: (HomeHukou.HERE, HomeHukou.CITY),
        Hukou.ELSEWHERE: (HomeHukou.CITY, HomeHukou.OUTSIDE),
        Hukou.OUTSIDE: (HomeHukou.OUTSIDE,),
    }
    return not wanted or hukou in fits[Hukou(wanted)]


def _lacks(rule: Participant, applicant: Applicant) -> list[str]:
    lacks = []
    for paper in rule.documents:
        if not _holds(paper, applicant):
            lacks.append(f"须持有{paper}")
    if rule.unemployed and applicant.employed is not False:
        lacks.append("须未就业" + ("（请核实并勾选）" if applicant.employed is None else ""))
    return lacks


def _holds(paper: str, applicant: Applicant) -> bool:
    if paper in PAPERS:
        return applicant.doc_type in PAPERS[paper]
    if RESIDENCE_PERMIT in paper:
        return applicant.permit
    if paper == ANY_PAPER:
        return applicant.has_number
    return True


def _excluded_by(applicant: Applicant) -> str:
    """The status that puts somebody among those the notice leaves out, unless proof ends it."""
    if applicant.proof:
        return ""
    out = StatusKind.Bucket.OUT_OF_SCOPE
    insured = (StatusKind.Insurance.EMPLOYEE, StatusKind.Insurance.OTHER)
    for kind in applicant.kinds:
        if kind.bucket == out or kind.insurance in insured:
            return people.public_word(kind)
    return ""


# Insured elsewhere


def _elsewhere(applicant: Applicant) -> Iterable[Finding]:
    """疑似重复参保 is resident + resident or resident + employee, and nothing else (C109)."""
    doubled = (StatusKind.Insurance.EMPLOYEE, StatusKind.Insurance.RESIDENT)
    for kind in applicant.kinds:
        if kind.insurance not in doubled:
            continue
        word = people.public_word(kind)
        if applicant.proof:
            yield Finding(ELSEWHERE, True, f"名单列为“{word}”，凭据：{applicant.proof}", kind.cites)
        else:
            text = (
                f"名单列为“{word}”，居民医保不能重复参加；如已停保，"
                "请在“与名单不符的凭据”写明停保凭证"
            )
            yield Finding(ELSEWHERE, False, text, kind.cites)


# Where


def _place(rules: Sequence[PlaceRule], applicant: Applicant, village: Region) -> Finding:
    about = [one for one in rules if _hukou_fits(one.hukou, applicant.hukou)]
    own = [one for one in about if one.group_id and _same_group(one, applicant)]
    about = own or [one for one in about if one.group_id is None]
    if not about:
        return Finding(PLACE, None, f"{NOT_STATED}：文件没有写这类人员在哪里参保")
    only = [one for one in about if one.only]
    for rule in only or about:
        if _at(rule, applicant, village):
            return Finding(PLACE, True, rule.text, rule.cites)
    rule = (only or about)[0]
    where = applicant.hukou_village
    at = f"，户籍在{where.path}" if where and rule.place == PlaceRule.Place.HUKOU else ""
    return Finding(PLACE, False, f"{rule.text}{at}", rule.cites)


def _same_group(rule: PlaceRule | RegistrarRule, applicant: Applicant) -> bool:
    return applicant.group is not None and rule.group_id == applicant.group.pk


def _at(rule: PlaceRule, applicant: Applicant, village: Region) -> bool:
    if rule.place == PlaceRule.Place.HUKOU:
        # Somebody without a hukou village of ours stands in no village that could be it.
        home = applicant.hukou_village
        return home is None and applicant.hukou == HomeHukou.HERE or home == village
    return rule.place == PlaceRule.Place.RESIDENCE


# Which office


def _office(rules: Sequence[RegistrarRule], applicant: Applicant, by: User) -> Finding:
    about = [
        one
        for one in rules
        if set(one.offices) - {RegistrarRule.Office.SELF}
        and _hukou_fits(one.hukou, applicant.hukou)
        and (one.group_id is None or _same_group(one, applicant))
        and (not one.registration or one.registration == applicant.registration)
    ]
    own = [one for one in about if one.group_id]
    for rule in own or about:
        if OFFICES.get(by.role, set()) & set(rule.offices):
            return Finding(OFFICE, True, rule.text, rule.cites)
    if about:
        rule = (own or about)[0]
        words = dict(RegistrarRule.Office.choices)
        offices = "、".join(words[one] for one in rule.offices)
        return Finding(OFFICE, False, f"由{offices}登记，本单位不能登记", rule.cites)
    return Finding(OFFICE, None, f"{NOT_STATED}：文件没有写由谁登记")
