"""The last part of a policy pack, how targets are set and reported, and the pack as a whole."""

from __future__ import annotations

from enrollment import pack as enrollment_pack
from enrollment.pack import RULE
from enrollment.pack_format import Section
from subsidies import pack as subsidies_pack
from targets.models import (
    Cadence,
    Denominator,
    Form,
    FormColumn,
    Goal,
    Ranking,
    RankingWeight,
    Target,
    TargetDeduction,
    TargetRule,
    TargetVersion,
)

TARGET_RULE = Section(
    "target_rule",
    TargetRule,
    (
        "method",
        "rate",
        "rounding",
        "rounding_source",
        "total",
        "total_source",
        "base_formula",
        "deductions",
        "deductions_open",
        "base_word",
        "target_word",
        *RULE,
    ),
    single=True,
)
GOALS = Section(
    "goals",
    Goal,
    ("name", "kind", "rate", "denominator", "categories", "event", "elsewhere_counts", *RULE),
    natural=("name",),
)
DENOMINATORS = Section(
    "denominators",
    Denominator,
    ("kind", "name", "department", "definition", *RULE),
    natural=("name",),
)
CADENCES = Section("cadences", Cadence, ("instrument", "period", "text", *RULE))
RANKING = Section(
    "ranking",
    Ranking,
    ("text", "commend_first", "follow_up", *RULE),
    single=True,
    children=(Section("weights", RankingWeight, ("goal", "weight"), owner="ranking", inline=True),),
)
FORMS = Section(
    "forms",
    Form,
    (
        "key",
        "region",
        "title",
        "annex",
        "head_left",
        "head_right",
        "orientation",
        "total_label",
        "printed_names",
        "sample_rows",
        "rows_per_file",
        "notes",
        *RULE,
    ),
    natural=("key",),
    children=(
        Section(
            "columns",
            FormColumn,
            (
                "heading",
                "figure",
                "status",
                "bucket",
                "choices",
                "number_format",
                "width",
                "total",
            ),
            owner="form",
            inline=True,
        ),
    ),
)
TARGETS = Section(
    "targets",
    TargetVersion,
    ("set_by", "number", "state", "document", "title", "issued_on", "cites", "note"),
    natural=("set_by", "number"),
    ordered=False,
    fixed={"source": TargetVersion.Source.PACK},
    children=(
        Section(
            "rows",
            Target,
            ("region", "population", "deductions", "base", "rate", "target", "note"),
            natural=("region",),
            owner="version",
            ordered=False,
            inline=True,
            children=(
                Section(
                    "items",
                    TargetDeduction,
                    ("kind", "people"),
                    natural=("kind",),
                    owner="target",
                    ordered=False,
                ),
            ),
        ),
    ),
)
OWN = (TARGET_RULE, DENOMINATORS, GOALS, CADENCES, RANKING, FORMS, TARGETS)
SECTIONS = (*enrollment_pack.SECTIONS, *subsidies_pack.SECTIONS, *OWN)
