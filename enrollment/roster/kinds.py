"""What the pipeline must know of a kind of roster; each kind hands in a description of itself.

The pipeline reads, stages, previews, applies and withdraws without knowing what a payment or a
subsidy is. An app adds its kinds from its ``AppConfig.ready`` with ``add``.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.db.backends.utils import CursorWrapper

from enrollment.headings import Column
from enrollment.models import Department, Mode, PolicyYear, Roster, User
from enrollment.roster.places import Places


@dataclass
class Line:
    """One person (or unit) of one row while it is checked.

    ``values`` are the parsed cells by field; whoever finds a problem appends a sentence, and the
    first one's ``code`` names it. ``remarks`` go in with the row and do not stop it.
    """

    values: dict[str, Any]
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    code: str = ""

    def refuse(self, code: str, sentence: str) -> None:
        self.code = self.code or code
        self.problems.append(sentence)


class Split(Protocol):
    """Turns one person of a row into the lines they stand for; made once for each reading.

    ``unknown`` counts the words it could not place, as the file spells them.
    """

    unknown: Counter[str]

    def __call__(self, line: Line) -> list[Line]: ...


@dataclass(frozen=True)
class Kind:
    """名册种类.

    ``diff`` inserts one RosterRow per staged line, with fate and reason, changing nothing else;
    ``apply`` writes what these say, for the lines that are staged: the few that an answer lets in
    later go the same way. ``withdraw`` undoes it and returns how many rows it had to leave because
    they were touched since. All run inside the pipeline's transaction.
    """

    key: str
    title: str
    columns: tuple[Column, ...]
    diff: Callable[[Roster, CursorWrapper], None]
    apply: Callable[[Roster, CursorWrapper], None]
    withdraw: Callable[[Roster, CursorWrapper], int]
    missing: Callable[[Roster, CursorWrapper], None] | None = None
    """Enters whom a full list no longer names, beside what ``diff`` says of its lines."""
    end: Callable[[Roster, CursorWrapper], None] | None = None
    """Ends whom a full list no longer names."""
    check: Callable[[Line, Places], None] | None = None
    plain: tuple[str, ...] | None = None
    """Fields which, all given, leave ``check`` nothing to say of a row of the county's own hand-in;
    None where it must be asked of each."""
    about_people: bool = True
    number_optional: bool = False
    """A row may name somebody without a document's number; ``check`` says how they are told."""
    makes_villages: bool = False
    """Villages it names and the county does not know are proposed and made when it is applied."""
    ends_missing: bool = True
    """A full list ends what it no longer names."""
    reads_totals: bool = False
    """Its 合计 row is a figure of its own, not a row to pass over."""
    modes: tuple[str, ...] = (Mode.FULL, Mode.SUPPLEMENT)
    topics: Callable[[PolicyYear, User | None], list[str]] | None = None
    """What one whole file may be about, for whoever hands it in; else it is told row by row."""
    find_topic: Callable[[PolicyYear, Department | None, str], str] | None = None
    """The topic somebody means by a word of theirs; raises Failure where there is none."""
    topic_column: str = ""
    """The field that tells it row by row, required of a file without a topic."""
    topic_word: str = "细类"
    split: Callable[[Roster], Split] | None = None
    held: Callable[[Roster, CursorWrapper], int] | None = None
    """How many of what an exit list speaks of are there now: what its share is taken of."""
    hint: str = ""
    unit: str = "人"
    """What its entries are counted in, as sentences about it say: 新增 123 人."""


KINDS: dict[str, Kind] = {}


def add(kind: Kind) -> None:
    """Make a kind known to the pipeline, the upload page and the command."""
    KINDS[kind.key] = kind
