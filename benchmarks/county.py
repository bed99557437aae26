"""Make a county's files from a seed, and count the answers while making them.

    python -m benchmarks.county --pack policies/jinzhai-2024.toml --out DIR
        [--scale 0.01] [--seed 1] [--mess] [--by-town] [--inline]

Towns and printed numbers come from `benchmarks.places`, typed from the notices; the application
is not imported, so that `truth.json` is an oracle for it. One seed gives the same bytes.
"""

import argparse
import json
import resource
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from random import Random

from benchmarks import forms, mess, sheets
from benchmarks.draft import MARKS, Count, Draft, plan, register_rows, target
from benchmarks.payments import INTERIM, Row, half_up, yuan
from benchmarks.people import BASE_DATE
from benchmarks.places import ALIASES, COUNTIES
from benchmarks.sheets import Sheet, Value

PACKS = {"jinzhai": "jinzhai", "yueyang": "yueyang", "yunyang": "nongba", "nongba": "nongba"}


def write(
    county: str,
    out: Path,
    scale: float = 1.0,
    seed: int = 1,
    mess: bool = False,
    *,
    by_town: bool = False,
    shared: bool = True,
) -> Path:
    """Write every file of the county into `out` and return the path of `truth.json`."""
    out.mkdir(parents=True, exist_ok=True)
    draft = plan(COUNTIES[county], Decimal(str(scale)), seed)
    writer = Writer(draft, out, seed, mess=mess, shared=shared)
    writer.register(by_town=by_town)
    writer.status_lists()
    writer.payments()
    writer.insured_lists()
    writer.targets()
    truth = _truth(draft, writer, scale=scale, seed=seed)
    path = out / "truth.json"
    path.write_text(json.dumps(truth, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return path


class Writer:
    """Writes the files one after another and remembers what is in each."""

    def __init__(self, draft: Draft, out: Path, seed: int, *, mess: bool, shared: bool) -> None:
        self.draft, self.out, self.mess, self.shared = draft, out, mess, shared
        # Its own source of chance, so that a messy county has the same people as a clean one.
        self.random = Random(f"mess {draft.county.slug} {seed}")
        self.files: dict[str, dict] = {}
        self.spoilt: dict[str, dict[str, int]] = {}

    def register(self, *, by_town: bool) -> None:
        draft = self.draft
        expected = sum(area.population for area in draft.areas)
        headings: Sequence[Sequence[Value]] = [forms.REGISTER]
        columns = forms.columns(forms.REGISTER)
        merges: tuple[str, ...] = ()
        titles: list[tuple[str, ...]] = []
        rows: Iterator[tuple] | list[tuple] = register_rows(draft)
        if self.mess or by_town:
            rows = list(rows)
        if by_town:
            self._registers_by_town(list(rows))
        extra: list[Sheet] = []
        if self.mess:
            rows, counts = mess.spoil(
                [tuple(row[i] for i in forms.MESSY_ORDER) for row in rows],
                self.random,
                kind="register",
                number=1,
                name=0,
                town=3,
                stranger=draft.stranger,
            )
            titles = forms.titles(draft.county, "户籍人口名单", "县公安局", "2023年8月31日")
            headings = forms.MESSY_HEADINGS
            merges = forms.title_merges(len(columns)) + forms.MESSY_MERGES
            columns = [columns[i] for i in forms.MESSY_ORDER]
            extra = [_dictionary_sheet()]
            self._note_mess("register.xlsx", counts, len(titles), len(headings))
            expected = len(rows)
        main = Sheet("户籍人口", columns, rows, headings, titles, merges=merges, length=expected)
        self._write("register.xlsx", [main, *extra])
        self.files["register.xlsx"]["people"] = sum(area.population for area in draft.areas)

    def _registers_by_town(self, rows: list[tuple]) -> None:
        """One file per town, one sheet per village: how townships hand in a supplement."""
        folder = self.out / "registers"
        folder.mkdir(exist_ok=True)
        by_town: dict[str, dict[str, list[tuple]]] = {}
        for row in rows:
            by_town.setdefault(row[7], {}).setdefault(row[8], []).append(row)
        for number, (town, villages) in enumerate(by_town.items(), 1):
            pages = [
                Sheet(village, forms.columns(forms.REGISTER), people, [forms.REGISTER])
                for village, people in villages.items()
            ]
            self._write(f"registers/{number:02d}-{town}.xlsx", pages)

    def status_lists(self) -> None:
        for kind, people in self.draft.lists.items():
            headings = forms.status_headings(kind)
            rows: list[tuple] = [
                forms.status_row(self.draft.random, kind, position, listed)
                for position, listed in enumerate(people, 1)
            ]
            name = f"status-{kind}.xlsx"
            titles = forms.titles(
                self.draft.county, f"{kind}人员名单", "县有关部门", "2023年8月31日"
            )
            if self.mess and rows:
                rows, counts = mess.spoil(
                    rows,
                    self.random,
                    kind="status",
                    number=forms.number_column(headings),
                    name=headings.index("姓名"),
                    town=forms.town_column(headings),
                    stranger=self.draft.stranger,
                )
                self._note_mess(name, counts, len(titles), 1)
            merges = forms.title_merges(len(headings))
            page = Sheet(kind, forms.columns(headings), rows, [headings], titles, merges=merges)
            self._write(name, [page])
            self.files[name]["people"] = len(people)

    def payments(self) -> None:
        self.draft.payments.sort()
        self._payments("payments.xlsx", self.draft.payments, "2024年3月1日", spoil=self.mess)
        early = [row for row in self.draft.payments if row.paid <= INTERIM]
        self._payments("payments-1120.xlsx", early, "2023年11月20日", spoil=False)

    def _payments(self, name: str, payments: list[Row], moment: str, *, spoil: bool) -> None:
        county, towns = self.draft.county, [area.town for area in self.draft.areas]
        titles = forms.titles(county, "缴费明细", county.bureau, moment)
        rows: Iterator[tuple] | list[tuple] = (
            (
                position,
                towns[row.town],
                row.name,
                "居民身份证",
                row.number,
                row.cents / 100 if row.cents % 100 else row.cents // 100,
                row.paid.isoformat(" "),
                row.channel,
                row.serial,
            )
            for position, row in enumerate(payments, 1)
        )
        length = len(payments)
        if spoil:
            rows, counts = mess.spoil(
                list(rows),
                self.random,
                kind="payments",
                number=4,
                name=2,
                town=1,
                stranger=self.draft.stranger,
                amount=5,
                paid=6,
            )
            self._note_mess(name, counts, len(titles), 1)
            length = len(rows)
        columns = forms.columns(forms.PAYMENTS)
        page = Sheet("缴费明细", columns, rows, [forms.PAYMENTS], titles, length=length)
        page.merges = forms.title_merges(len(columns))
        self._write(name, [page])
        self.files[name] |= {
            "payments": len(payments),
            "people": len({row.number for row in payments}),
            "amount": yuan(sum(row.cents for row in payments)),
            "refunds": sum(row.cents < 0 for row in payments),
            "zero_declarations": sum(row.cents == 0 for row in payments),
            "serials": len({row.serial for row in payments}),
        }

    def insured_lists(self) -> None:
        for year, people in ((2023, self.draft.before), (2024, self.draft.platform)):
            rows = (
                (
                    position,
                    name,
                    "居民身份证",
                    number,
                    "城乡居民基本医疗保险",
                    "正常参保",
                    town,
                    ALIASES.get(village, village),
                    f"{year}-01-01",
                )
                for position, (number, name, town, village) in enumerate(people, 1)
            )
            columns = forms.columns(forms.INSURED)
            page = Sheet("参保人员", columns, rows, [forms.INSURED], length=len(people))
            self._write(f"insured-{year}.xlsx", [page])
            self.files[f"insured-{year}.xlsx"]["people"] = len(people)

    def targets(self) -> None:
        county, areas = self.draft.county, self.draft.areas
        numbers = [target(area, county) for area in areas]
        if county.rate is not None:
            return  # computed from the register, not assigned
        rows: list[tuple] = [
            (area.unit.printed or area.unit.name, number)
            for area, number in zip(areas, numbers, strict=True)
        ]
        rows.append(("合 计", sum(numbers)))
        columns = [sheets.Column(30), sheets.Column(26, "0")]
        titles = [(f"{county.title}参保缴费任务分配表（演示数据）",)]
        page = Sheet("任务", columns, rows, [county.target_headings], titles, merges=("A1:B1",))
        self._write("targets.xlsx", [page])

    def _write(self, name: str, pages: list[Sheet]) -> None:
        count = sheets.write(self.out / name, pages, shared=self.shared)
        self.files[name] = {"lines": count, "bytes": (self.out / name).stat().st_size}

    def _note_mess(self, name: str, counts: dict[str, int], titles: int, headings: int) -> None:
        self.spoilt[name] = {"title": titles, "heading": headings, **counts}


def _dictionary_sheet() -> Sheet:
    """A hidden sheet of drop-down values, as forms with pick lists have."""
    words = ["户主", "配偶", "长子", "长女", "次子", "父亲", "母亲", "儿媳", "孙子", "孙女"]
    return Sheet("字典", [sheets.Column()], [(word,) for word in words], [("关系",)], hidden=True)


def _truth(draft: Draft, writer: Writer, *, scale: float, seed: int) -> dict:
    county = draft.county
    units = []
    for number, area in enumerate(draft.areas):
        counts = [draft.counts[number, position] for position in range(len(area.villages))]
        loose = Count() if county.town else draft.unplaced[area.town]
        villages = [
            {"name": name, **_figures(count)}
            for (name, _), count in zip(area.villages, counts, strict=True)
        ]
        figures = _figures(_sum([*counts, loose]))
        units.append(
            {
                "name": area.unit.name,
                "printed": area.unit.printed or area.unit.name,
                "town": area.town,
                **figures,
                "base": figures["population"] - figures["deductions"],
                "target": target(area, county),
                "villages": [] if county.town else villages,
            }
        )
    total = _figures(_sum([*draft.counts.values(), *draft.unplaced.values()]))
    base = total["population"] - total["deductions"]
    sum_of_rows = sum(unit["target"] for unit in units)
    whole = half_up(base * Decimal(county.rate)) if county.rate else sum_of_rows
    return {
        "note": "演示数据，非真实统计",
        "county": {"key": county.key, "slug": county.slug, "name": county.name},
        "town": county.town,
        "year": 2024,
        "base_date": BASE_DATE.isoformat(),
        "rate": county.rate,
        "scale": scale,
        "seed": seed,
        "address_code": county.address,
        "cutoffs": MARKS,
        "units": units,
        "unplaced": {town: _figures(count) for town, count in draft.unplaced.items()},
        "total": {**total, "base": base, "target": whole, "target_sum_of_rows": sum_of_rows},
        "lists": {
            "people": {kind: len(people) for kind, people in draft.lists.items()},
            "sum": sum(len(people) for people in draft.lists.values()),
            "distinct": total["deductions"],
            "on_two": draft.twice,
        },
        "payers": draft.payers,
        "unknown_people": draft.unknown_people,
        "cases": dict(draft.cases),
        "aliases": ALIASES if any("付祠村" in odd for odd in county.odd_villages.values()) else {},
        "files": writer.files,
        "mess": writer.spoilt,
    }


def _sum(counts: Sequence[Count]) -> Count:
    whole = Count()
    for count in counts:
        whole.population += count.population
        whole.deductions += count.deductions
        whole.insured.update(count.insured)
        whole.insured_though_deducted += count.insured_though_deducted
        whole.insured_before += count.insured_before
        whole.renewed += count.renewed
        whole.new += count.new
        whole.lapsed += count.lapsed
    return whole


def _figures(count: Count) -> dict:
    return {
        "population": count.population,
        "deductions": count.deductions,
        "insured": count.insured["end"],
        "insured_at": {mark: count.insured[mark] for mark in MARKS if mark != "end"},
        "insured_though_deducted": count.insured_though_deducted,
        "insured_before": count.insured_before,
        "renewed": count.renewed,
        "new": count.new,
        "lapsed": count.lapsed,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Make a county's files from a seed.")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--pack", type=Path, help="policy pack; its file name says the county")
    which.add_argument("--county", choices=sorted(COUNTIES))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mess", action="store_true", help="spoil the lists as real ones are")
    parser.add_argument("--by-town", action="store_true", help="also one register per town")
    parser.add_argument("--inline", action="store_true", help="inline strings, not shared ones")
    options = parser.parse_args()
    slug = options.county or PACKS.get(options.pack.stem.split("-")[0])
    if slug is None:
        parser.error(f"no county is known for {options.pack.name}")
    started = time.perf_counter()
    path = write(
        slug,
        options.out,
        options.scale,
        options.seed,
        options.mess,
        by_town=options.by_town,
        shared=not options.inline,
    )
    truth = json.loads(path.read_text(encoding="utf-8"))
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    total = truth["total"]
    print(
        f"{path}: {total['population']} people, {total['deductions']} deducted, "
        f"{truth['files']['payments.xlsx']['payments']} payments, "
        f"{total['insured']} insured; {seconds:.1f} s, {peak:.0f} MB"
    )


if __name__ == "__main__":
    main()
