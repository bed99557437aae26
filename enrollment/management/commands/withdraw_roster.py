"""Withdraw a roster that was applied: everything as it was before, what was touched since stays."""

from typing import Any

from django.core.management.base import CommandParser

from enrollment import commands, roster
from enrollment.failure import Failure
from enrollment.models import Roster


class Command(commands.PortalCommand):
    help = "撤回已入库的名册"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("roster", type=int, metavar="ID")

    def handle(self, *args: Any, **options: Any) -> None:
        found = Roster.objects.filter(pk=options["roster"]).first()
        if found is None:
            raise Failure("unknown_roster", f"没有第 {options['roster']} 号名册")
        done = roster.withdraw(found, by=None)
        self.answer(
            {"roster": done.pk, "withdrawn": True, "kept_back": done.kept_back},
            f"名册第 {done.pk} 号已撤回；因后来有改动而保留 {done.kept_back} 行",
        )
