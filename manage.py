#!/usr/bin/env python
"""Run a command of the portal."""

import os
import sys

from django.core.management import execute_from_command_line

from config import environment


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        environment.ensure_keys()
        execute_from_command_line(sys.argv)
    except environment.EnvironmentProblem as problem:
        environment.stop_with(problem)


if __name__ == "__main__":
    main()
