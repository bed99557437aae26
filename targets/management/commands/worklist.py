"""The people of one list of a region, household by household, masked."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from enrollment import births, people
from enrollment.commands import PortalCommand, aligned, moment, place, policy_year, stamp
from enrollment.models import Birth, PolicyYear, Region
from enrollment.models.people import PersonQuerySet
from subsidies.models import Entitlement
from targets import worklist


class Command(PortalCommand):
    help = (
        "待办名单：应参未参、断保、从未参保、困难身份、新生儿、重点人群；不给 --list 时列出人数。"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_place_arguments(parser)
        parser.add_argument(
            "--list",
            dest="key",
            metavar="名单",
            help="missing、lapsed、never、hardship、newborn 或 focus:人群名",
        )
        parser.add_argument(
            "--as-of", metavar="时间", help="截止时间，如 2023-12-31（当日 24 时），默认现在"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        year = policy_year(options["county"], options["year"])
        region = place(options["region"], year)
        until = moment(options["as_of"])
        key = options["key"]
        if not key:
            self._summary(year, region, until)
            return
        # Refuses an unknown list before anything is counted.
        found = worklist.people(year, region, key, until=until)
        lists = worklist.of(year, region, until=until)
        todo = lists.asked[key]
        persons = self._persons(year, found, key, until)
        self.answer(
            {
                "list": key,
                "title": todo.title,
                "region": {"code": region.key, "name": region.path},
                "as_of": stamp(lists.as_of),
                "people": todo.people,
                "homes": len({(one["village_code"], one["home"]) for one in persons}),
                "note": todo.note,
                "cohort": self._cohort(lists) if key == worklist.NEWBORN else None,
                "persons": persons,
            },
            "\n".join(
                [
                    f"{region.path} {todo.title} {todo.people or 0:,} 人　{todo.note}".rstrip("　"),
                    aligned(
                        ["村", "户号", "姓名", "关系", "年龄", "证件号码"],
                        [
                            [
                                one["village"],
                                one["household"],
                                one["name"],
                                one["relation"],
                                one["age"],
                                one["id"],
                            ]
                            for one in persons
                        ],
                    ),
                ]
            ),
        )

    def _summary(self, year: PolicyYear, region: Region, until: datetime | None) -> None:
        lists = worklist.of(year, region, until=until)
        self.answer(
            {
                "region": {"code": region.key, "name": region.path},
                "as_of": stamp(lists.as_of),
                "lists": [
                    {
                        "list": one.key,
                        "title": one.title,
                        "people": one.people,
                        "homes": one.homes,
                        "note": one.note,
                        "cites": one.cites,
                    }
                    for one in lists.todos
                ],
                "cohort": self._cohort(lists),
                "units": [
                    {"code": one.region.key, "name": one.region.name, **one.counts}
                    for one in lists.units
                ],
            },
            aligned(
                ["名单", "名称", "人数", "说明"],
                [[one.key, one.title, one.people, one.note] for one in lists.todos],
            ),
        )

    @staticmethod
    def _cohort(lists: worklist.Worklist) -> dict[str, Any]:
        cohort = lists.cohort
        return {
            "births": cohort.births,
            "over": cohort.over,
            "in_time": cohort.in_time,
            "insured": cohort.insured,
            "rate": None if cohort.rate is None else float(cohort.rate),
            "goal": None if lists.goal is None else float(lists.goal.rate),
        }

    @staticmethod
    def _persons(
        year: PolicyYear, found: PersonQuerySet, key: str, until: datetime | None
    ) -> list[dict[str, Any]]:
        day = timezone.localdate(until or timezone.now())
        event = births.rule(year) if key == worklist.NEWBORN else None
        born = {}
        if event is not None:
            told = Birth.objects.filter(policy_year=year, person__in=found.values("pk"))
            born = {one.person_id: births.last_day(one.born_on, event) for one in told}
        held: dict[int, list[str]] = {}
        if key == worklist.HARDSHIP:
            identities = Entitlement.objects.filter(
                policy_year=year,
                removed_on=None,
                category__purpose="subsidy",
                person__in=found.values("pk"),
            )
            for one in identities.select_related("category").order_by("category__order", "pk"):
                word = one.category
                held.setdefault(one.person_id, []).append(
                    word.public_word or word.name if word.sensitive else word.name
                )
        rows = []
        ordered = found.select_related("village__parent", "household").order_by(
            "town_id", "village_id", "household__number", "pk"
        )
        for person in ordered.iterator(chunk_size=2000):
            row: dict[str, Any] = {
                "person": person.pk,
                "village": person.village.path,
                "village_code": person.village.key,
                "home": person.household_id or -person.pk,
                "household": person.household.number if person.household else "",
                "name": person.name,
                "relation": person.relation,
                "sex": person.sex,
                "age": people.age(person, day),
                "id": person.masked(),
            }
            if last := born.get(person.pk):
                row |= {"last_day": last.isoformat(), "days_left": births.days_left(last, day)}
            if person.pk in held:
                row["identities"] = held[person.pk]
            rows.append(row)
        return rows
