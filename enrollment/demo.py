"""Whether this is the demonstration, and who may sign in to it.

Demonstration accounts exist in embedded mode only; whoever makes them writes them to
``CANBAO_HOME/demo-logins.json``. Where that file stands, every page, print and export says
演示数据，非真实统计.
"""

import json
from pathlib import Path

from django.conf import settings

from enrollment.models import Region
from enrollment.roles import ROLES

NOTICE = "演示数据，非真实统计"


def logins_path() -> Path:
    """Where the demonstration's accounts are written down."""
    return Path(settings.CANBAO_HOME) / "demo-logins.json"


def is_running() -> bool:
    """Whether this portal shows generated people."""
    return bool(settings.CANBAO_EMBEDDED) and logins_path().is_file()


def logins() -> list[dict[str, str]]:
    """The accounts as they are written down: role and region as keys, username, password."""
    if not is_running():
        return []
    return json.loads(logins_path().read_text(encoding="utf-8"))


def logins_in_words() -> list[dict[str, str]]:
    """The accounts as the sign-in page shows them: role and region by their names."""
    known = logins()
    keys = {login["region"] for login in known}
    places = {region.key: region for region in Region.objects.filter(key__in=keys)}
    return [
        login
        | {
            "role": ROLES[login["role"]].title if login["role"] in ROLES else login["role"],
            "region": places[login["region"]].path if login["region"] in places else "",
        }
        for login in known
    ]
