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
    """The accounts as people read them: role, county and region by their names, county by county.

    What a county is called stands in a column of its own: two counties have the same roles.
    """
    known = logins()
    keys = {login["region"] for login in known}
    found = Region.objects.filter(key__in=keys).select_related("county", "town")
    places = {region.key: region for region in found}
    words = []
    for login in known:
        region, role = places.get(login["region"]), ROLES.get(login["role"])
        county = region.county if region is not None else None
        words.append(
            login
            | {
                "role": role.title if role else login["role"],
                "county": county.name if county else "",
                "region": region.path if region else "",
            }
        )
    return words
