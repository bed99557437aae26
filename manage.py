#!/usr/bin/env python
"""Run a command of the portal, with the embedded servers around it where it needs data."""

import json
import os
import sys
from contextlib import ExitStack

import django
from django.core.management import call_command, execute_from_command_line
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.migrations.executor import MigrationExecutor

from config import embedded, environment

# These neither read nor write data; nothing is started for them.
WITHOUT_DATA = {
    "check",
    "collectstatic",
    "compilemessages",
    "diffsettings",
    "findstatic",
    "help",
    "makemessages",
    "makemigrations",
    "startapp",
    "version",
}
# These bring the tables along themselves, or must see them as they are.
WITHOUT_MIGRATING = {"dbshell", "doctor", "migrate", "restore", "showmigrations", "sqlmigrate"} | {
    "optimizemigration",
    "squashmigrations",
    "test",
}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    asks_for_help = bool({"-h", "--help", "--version"} & set(sys.argv[1:]))
    try:
        environment.ensure_keys()
        with ExitStack() as stack:
            if command not in WITHOUT_DATA and not asks_for_help:
                stack.enter_context(embedded.servers())
                if command not in WITHOUT_MIGRATING:
                    django.setup()
                    bring_tables_up_to_date()
            execute_from_command_line(sys.argv)
    except environment.EnvironmentProblem as problem:
        if "--json" in sys.argv:
            error = {"code": "environment", "message": str(problem)}
            print(json.dumps({"error": error}, ensure_ascii=False))
        environment.stop_with(problem)


def bring_tables_up_to_date() -> None:
    """Migrate the embedded database, or one that is still empty; never somebody's live one."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not plan:
        return
    ours = not environment.has_database_url()
    fresh = not executor.loader.applied_migrations and not environment.in_production()
    if ours or fresh:
        call_command("migrate", database=DEFAULT_DB_ALIAS, verbosity=0, interactive=False)
    else:
        print(
            f"注意：数据库还有 {len(plan)} 个迁移没有执行，请先运行 manage.py migrate。",
            file=sys.stderr,
        )
    connection.close()


if __name__ == "__main__":
    main()
