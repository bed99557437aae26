"""What somebody may read of a sensitive identity: below the county only 特殊情形 (C116).

Neither the name of the category nor the office, the paragraph or the grade that give it away.
"""

from functools import cached_property

from enrollment import people
from enrollment.models import PolicyYear, User
from subsidies.models import Category, Standard

HIDDEN = "特殊情形"


class Words:
    """The year's categories as one reader knows them; without a reader (a command), by name."""

    def __init__(self, policy_year: PolicyYear, viewer: User | None) -> None:
        known = Category.objects.filter(policy_year=policy_year).select_related("department")
        self.categories = list(known.order_by("order", "pk"))
        self.names = {one.pk: one.name for one in self.categories}
        self.hidden: dict[int, str] = {}
        if viewer is not None and not people.sees_sensitive(viewer):
            self.hidden = {
                one.pk: one.public_word or HIDDEN for one in self.categories if one.sensitive
            }

    def name(self, category: int | None) -> str:
        """What this reader calls a category; nothing for none."""
        if category is None:
            return ""
        return self.hidden.get(category) or self.names[category]

    def veiled(self, text: str) -> str:
        """A sentence without a hidden identity's name, office and paragraph."""
        said = text
        for pk, word in self.hidden.items():
            name = self.names[pk]
            start = text.find(f"{name}（")
            while start >= 0:
                end = text.find("）", start)
                text = text[:start] + word + text[end + 1 :]
                start = text.find(f"{name}（")
            text = text.replace(name, word)
        if text != said:
            for cites in self._paragraphs:
                text = text.replace(f"（{cites}）", "")
        return text

    @cached_property
    def _paragraphs(self) -> list[str]:
        """Where the notice speaks of the hidden identities' money."""
        found = Standard.objects.filter(category__in=list(self.hidden)).exclude(cites="")
        return list(found.order_by("cites").values_list("cites", flat=True).distinct())

    def columns(self) -> dict[str, set[int]]:
        """A heading for each identity with money, in printed order, and what stands under it."""
        found: dict[str, set[int]] = {}
        for one in self.categories:
            if one.purpose == Category.Purpose.SUBSIDY:
                found.setdefault(self.name(one.pk), set()).add(one.pk)
        return found

    def departments(self) -> list[str]:
        """The offices of the identities that this reader knows by name."""
        named = [
            one.department.name
            for one in self.categories
            if one.department and one.pk not in self.hidden and one.purpose == "subsidy"
        ]
        return list(dict.fromkeys(named))
