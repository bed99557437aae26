"""What a department's unknown words mean: answered once from the preview, remembered for it.

A word becomes a name of a category as this department says it, or is no identity of ours at all
(不是资助身份); either way its lists are read by the answer from then on.
"""

from collections.abc import Mapping

from django.db import transaction

from enrollment import audit
from enrollment.failure import Failure
from enrollment.models import Roster, RosterState, User
from subsidies.models import Category, DepartmentAlias, PassedWord
from subsidies.names import Names, key

PASSED = "-"
"""The answer 不是资助身份."""


def offered(roster: Roster) -> list[Category]:
    """The categories a word of this roster may mean, in printed order."""
    known = Category.objects.filter(policy_year=roster.policy_year)
    return list(known.select_related("department").order_by("order", "pk"))


@transaction.atomic
def explain(roster: Roster, said: Mapping[str, str], *, by: User) -> int:
    """Keep what each word means: a category's name, or PASSED. Returns how many were answered.

    The roster is not read again here. Raises Failure where it waits no more, where a word is none
    of its unknown ones, or where nothing was answered.
    """
    if roster.state != RosterState.WAITING:
        raise Failure("not_waiting", f"这份名册{roster.get_state_display()}，不用再说明叫法")
    asked = {one["word"] for one in roster.unknown_words}
    answers = {word: meaning for word, meaning in said.items() if meaning}
    if not answers:
        raise Failure("nothing", "请至少说明一种叫法")
    if strange := sorted(set(answers) - asked):
        raise Failure("not_asked", f"“{strange[0][:40]}”不在这份名册没有认出的叫法里，请刷新本页")
    categories = {category.name: category for category in offered(roster)}
    names = Names(roster.policy_year, roster.department)
    for word, meaning in answers.items():
        if not key(word):
            raise Failure("bad_word", f"“{word[:40]}”没有字可认，请部门改正名单")
        if meaning == PASSED:
            PassedWord.objects.get_or_create(
                county=roster.county,
                department=roster.department,
                key=key(word)[:100],
                defaults={"word": word[:100], "said_by": by},
            )
            continue
        category = categories.get(meaning)
        if category is None:
            raise Failure("unknown_category", f"本年度没有“{meaning[:40]}”这种资助对象类别")
        other = names.named(word)
        if other is not None and other != category:
            raise Failure("known", f"“{word[:40]}”已是“{other.name}”的叫法，请刷新本页")
        _remember(category, roster, word)
    audit.record(
        "explain_words", by=by, county=roster.county, subject=f"roster {roster.pk}",
        department=roster.department.name if roster.department else "",
        words={word: "不是资助身份" if told == PASSED else told for word, told in answers.items()},
    )  # fmt: skip
    return len(answers)


def _remember(category: Category, roster: Roster, word: str) -> None:
    """As the department's own word; a list handed in for no department teaches everybody."""
    if roster.department:
        DepartmentAlias.objects.get_or_create(
            category=category, department=roster.department, name=word
        )
    elif word not in category.aliases:
        category.aliases = [*category.aliases, word]
        category.save(update_fields=["aliases"])
