"""代缴前的核对: what speaks against the state paying for somebody.

A ground is a short text that a list gives rise to: ``status:8`` (a kind of status: dead, in
employee insurance, insured elsewhere, in prison …), ``left`` (no longer on the police register),
``double:77`` (somebody else of the same name and birth date for whom the state pays as well).
Being taken out of the base for another reason (外嫁, 离婚, 失联 …) is none: it bars nobody (C109).
"""

from collections.abc import Callable, Iterable

from enrollment import people
from enrollment.models import PolicyYear, User
from enrollment.models.rules import StatusKind

STATUS, LEFT, DOUBLE = "status:", "left", "double:"
WORDS = {LEFT: "已不在户籍册", DOUBLE: "疑似重复：另有同名、同出生日期的人"}

# {people} is a relation of ours with a column person_id; the grounds of each, and the list that
# first gave rise to one.
OF_STATUS = """
SELECT status.person_id, 'status:' || status.kind_id AS ground, status.written_by_id AS roster_id
FROM enrollment_status status
JOIN enrollment_statuskind kind ON kind.id = status.kind_id
WHERE status.policy_year_id = %(year)s AND (kind.bars_proxy OR kind.insurance IS NOT NULL)
  AND status.person_id IN (SELECT person_id FROM {people})
"""
OF_REGISTER = """
SELECT person.id, 'left', NULL::bigint
FROM enrollment_person person
JOIN {people} asked ON asked.person_id = person.id
WHERE person.on_roll_to <= current_date
"""
# Two numbers of one person, probably; one of them is already paid for, or is to be, wherever in
# the county: a town's list holds back whom the county's does.
OF_DOUBLES = """
SELECT one.id, 'double:' || other.id, NULL::bigint
FROM {people} asked
JOIN enrollment_person one ON one.id = asked.person_id
JOIN enrollment_person other
    ON other.county_id = one.county_id AND other.name = one.name AND other.birth = one.birth
   AND other.id <> one.id
WHERE EXISTS (SELECT FROM subsidies_estimate estimate
              WHERE estimate.policy_year_id = %(year)s AND estimate.person_id = other.id
                AND estimate.due = 0 AND estimate.subsidy > 0)
   OR EXISTS (SELECT FROM enrollment_payment payment
              WHERE payment.policy_year_id = %(year)s AND payment.person_id = other.id
                AND payment.withdrawn_at IS NULL AND payment.amount >= 0)
"""
EACH = """
SELECT found.person_id, array_agg(DISTINCT found.ground ORDER BY found.ground) AS grounds
FROM ({found}) found
GROUP BY found.person_id
"""
CLEARED = """
SELECT clearance.person_id, array_agg(ground) AS grounds
FROM subsidies_clearance clearance
CROSS JOIN LATERAL unnest(clearance.grounds) ground
WHERE clearance.policy_year_id = %(year)s
GROUP BY clearance.person_id
"""


def before_paying(people: str) -> str:
    """Everything that holds somebody back, one row a person: person_id, grounds text[]."""
    found = " UNION ALL ".join((OF_STATUS, OF_REGISTER, OF_DOUBLES)).format(people=people)
    return EACH.format(found=found)


def words(policy_year: PolicyYear, viewer: User | None) -> Callable[[Iterable[str]], str]:
    """What a viewer reads for grounds; below the county a sensitive status has its public word."""
    known = {
        f"{STATUS}{kind.pk}": kind.name if viewer is None else people.status_word(kind, viewer)
        for kind in StatusKind.objects.filter(policy_year=policy_year)
    }

    def say(grounds: Iterable[str]) -> str:
        told = [
            WORDS[DOUBLE] if one.startswith(DOUBLE) else known.get(one) or WORDS.get(one, one)
            for one in grounds
        ]
        return "、".join(dict.fromkeys(told))

    return say
