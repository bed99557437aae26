"""Whether this is the demonstration, and who may sign in to it.

Demonstration accounts exist in embedded mode only; whoever makes them writes them to
``CANBAO_HOME/demo-logins.json``. Where that file stands, every page, print and export says
演示数据，非真实统计.
"""

import json
from pathlib import Path

from django.conf import settings

NOTICE = "演示数据，非真实统计"


def logins_path() -> Path:
    """Where the demonstration's accounts are written down."""
    return Path(settings.CANBAO_HOME) / "demo-logins.json"


def is_running() -> bool:
    """Whether this portal shows generated people."""
    return bool(settings.CANBAO_EMBEDDED) and logins_path().is_file()


def logins() -> list[dict[str, str]]:
    """The accounts to show at sign-in: role, region, username, password of each."""
    if not is_running():
        return []
    return json.loads(logins_path().read_text(encoding="utf-8"))
