"""What the words for an identity mean: names, aliases, a department's own words, grade spellings.

Nothing is guessed. A word that no name of the year's categories equals, after spelling is set
aside, is unknown; so is one that two categories could mean. Spelling is: width, spaces, brackets,
kinds of dash, and the ways to write a range of grades (一、二级, 1―2级, 1-2级; C98).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from enrollment.models import Department, PolicyYear
from subsidies.models import Category, PassedWord

BY_GRADE = "按"
"""A topic such as 按残疾等级: the grade of each row says which of the graded categories it is."""

_DASHES = dict.fromkeys(map(ord, "―—–‐‑‒−～〜"), "-")
_DIGITS = {word: str(number) for number, word in enumerate("零一二三四五六七八九")}
_DIGITS |= {"壹": "1", "贰": "2", "叁": "3", "肆": "4"}
_ROMAN = {"IV": "4", "III": "3", "II": "2", "I": "1"}
_DIGIT = "[1-9一二三四五六七八九壹贰叁肆]"
_RANGE = re.compile(rf"({_DIGIT})级?(?:[、,/和及\-~至到]|(?={_DIGIT}级))({_DIGIT})级")
_ONE = re.compile(rf"(?<!-)({_DIGIT})级")
_ROMAN_GRADE = re.compile(r"(IV|I{1,3})级")
_LETTERS = re.compile(r"[A-Z](?:[、,/][A-Z])+(?=类)")
_MARKS = re.compile("[\\s()\\[\\]{}<>《》【】“”‘’\"'·.:\u200b\ufeff]+")
_CLOSE = {"(": ")", "[": "]", "{": "}", "【": "】"}
_BETWEEN = "、,;|/+\n\r"
_SPAN = re.compile(r"([1-9])-([1-9])级")


@dataclass(frozen=True)
class Meaning:
    """A category, and the grade where the word itself says one."""

    category: Category
    grade: int | None = None


@dataclass(frozen=True)
class Identity:
    """One identity of a cell: as it was written, and what it means; None = unknown.

    ``passed``: the department's word for something that is no identity of ours (不是资助身份).
    """

    word: str
    meaning: Meaning | None
    passed: bool = False


def spelt(text: str) -> str:
    """The text with grades and dashes spelt one way: 重度（一、二级）残疾 → 重度(1-2级)残疾."""
    text = unicodedata.normalize("NFKC", text).translate(_DASHES)
    text = _ROMAN_GRADE.sub(lambda found: f"{_ROMAN[found[1]]}级", text)
    text = _RANGE.sub(lambda found: f"{_digit(found[1])}-{_digit(found[2])}级", text)
    text = _ONE.sub(lambda found: f"{_digit(found[1])}级", text)
    return _LETTERS.sub(lambda found: re.sub("[、,/]", "", found[0]), text)


def key(text: str) -> str:
    """What two spellings of one name share."""
    return _MARKS.sub("", spelt(text)).upper()


def grades(text: str) -> tuple[int, int] | None:
    """The grades a cell of a grade column states: 三级 → (3, 3), 1―2级 → (1, 2), A类 → None.

    Raises ValueError where it states something else than a grade or a class.
    """
    word = key(re.sub(r"\.0+$", "", text.strip()))
    if not word or re.fullmatch(r"[A-Z]{1,4}类?", word):
        return None
    word = word.removeprefix("残疾").removesuffix("残疾")
    if span := _SPAN.fullmatch(word):
        return int(span[1]), int(span[2])
    if one := re.fullmatch(rf"({_DIGIT})级?", word):
        return int(_digit(one[1])), int(_digit(one[1]))
    raise ValueError(text)


class Names:
    """Every name of the year's categories, as one department says them.

    Without a department the words of all of them count where they mean one thing only.
    """

    def __init__(self, policy_year: PolicyYear, department: Department | None = None) -> None:
        self.categories = list(
            Category.objects.filter(policy_year=policy_year)
            .select_related("department")
            .prefetch_related("department_aliases")
        )
        self._known: dict[str, Meaning | None] = {}
        own: dict[str, Meaning | None] = {}
        for category in self.categories:
            for name in (category.name, category.printed_name, *category.aliases):
                self._learn(self._known, name, category)
            for alias in category.department_aliases.all():
                if department is None or alias.department_id == department.pk:
                    self._learn(own, alias.name, category)
        # What a department calls something goes before what others call it.
        self._known |= own
        passed = PassedWord.objects.filter(county=policy_year.county_id, department=department)
        self._passed = set(passed.values_list("key", flat=True))
        self.find = lru_cache(maxsize=4096)(self._find)
        self.read = lru_cache(maxsize=65536)(self._read)

    def _learn(self, known: dict[str, Meaning | None], name: str, category: Category) -> None:
        word = key(name)
        if not word:
            return
        told = {word: Meaning(category)}
        if (span := _SPAN.search(word)) and category.grade_from is not None:
            # 残疾3-4级 also says what 残疾3级 is.
            for grade in range(int(span[1]), int(span[2]) + 1):
                told[_SPAN.sub(f"{grade}级", word, count=1)] = Meaning(category, grade)
        for one, meaning in told.items():
            other = known.get(one, meaning)
            known[one] = meaning if other and other.category == category else None

    def _find(self, word: str) -> Meaning | None:
        """What one word means; None where nothing or more than one thing."""
        plain = key(word)
        if plain in self._known:
            return self._known[plain]
        # A grade or the category's own range beside the name, where it is one of certain grades.
        if span := _SPAN.search(plain):
            meaning = self._known.get(plain[: span.start()] + plain[span.end() :])
            if meaning and _span_of(meaning.category) == (int(span[1]), int(span[2])):
                return meaning
        elif found := _ONE.search(plain):
            grade = int(_digit(found[1]))
            meaning = self._known.get(plain[: found.start()] + plain[found.end() :])
            if meaning and _span_of(meaning.category) and fits(meaning.category, grade):
                return Meaning(meaning.category, grade)
        return None

    def _read(self, cell: str) -> tuple[Identity, ...]:
        """Every identity of a cell, in order, each once."""
        text = cell.strip()
        if not text:
            return ()
        if (whole := self._one(text)).meaning or whole.passed:
            return (whole,)
        found: dict[object, Identity] = {}
        for piece in _pieces(spelt(text), _BETWEEN):
            for identity in self._piece(piece):
                said = identity.meaning
                found.setdefault(said.category.pk if said else identity.word, identity)
        return tuple(found.values())

    def _piece(self, piece: str) -> list[Identity]:
        if (whole := self._one(piece)).meaning or whole.passed:
            return [whole]
        words = _pieces(piece, " \t\u3000")
        told = [self._one(word) for word in words]
        # Spaces stand between identities only where they do so throughout the piece.
        if len(told) > 1 and any(identity.meaning for identity in told):
            return told
        return [Identity(" ".join(piece.split()), None)]

    def _one(self, word: str) -> Identity:
        meaning = self.find(word)
        return Identity(word, meaning, passed=meaning is None and key(word) in self._passed)

    def named(self, text: str) -> Category | None:
        """The one category somebody names."""
        meaning = self.find(text)
        return meaning.category if meaning else None

    def graded(self, kind: str, grade: int) -> Category | None:
        """The one category of this kind of grade that this grade belongs to."""
        fitting = [
            category
            for category in self.categories
            if category.grade_kind == kind and category.grade_from and fits(category, grade)
        ]
        return fitting[0] if len(fitting) == 1 else None


def graded_topics(categories: Iterable[Category]) -> list[str]:
    """Topics that the grade decides: where several categories share one kind of grade."""
    counted: dict[str, int] = {}
    for category in categories:
        if category.grade_kind and category.grade_from is not None:
            counted[category.grade_kind] = counted.get(category.grade_kind, 0) + 1
    return [f"{BY_GRADE}{kind}" for kind, count in counted.items() if count > 1]


def _span_of(category: Category) -> tuple[int, int] | None:
    if category.grade_from is None or category.grade_to is None:
        return None
    return category.grade_from, category.grade_to


def fits(category: Category, grade: int) -> bool:
    """Whether the category is one of this grade; one without grades takes any."""
    span = _span_of(category)
    return span is None or span[0] <= grade <= span[1]


def _digit(text: str) -> str:
    return _DIGITS.get(text, text)


def _pieces(text: str, between: str) -> list[str]:
    """The parts of a text, cut at separators that do not stand inside brackets."""
    parts, waiting = [""], ""
    for letter in text:
        if letter == waiting:
            waiting = ""
        elif not waiting and letter in _CLOSE and _CLOSE[letter] in text:
            waiting = _CLOSE[letter]
        if letter in between and not waiting:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]
