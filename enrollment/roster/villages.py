"""Villages a roster names and the county does not know: proposed, made on applying, unmade.

Their ids are reserved while the file is read, so that staged lines can point to them before they
are there.
"""

from django.db.backends.utils import CursorWrapper

from enrollment.models import Fate, Level, Region, Roster, RosterRow
from enrollment.roster.places import Places


def make(roster: Roster) -> None:
    """Create the proposed villages somebody will live in, under the ids reserved for them."""
    proposed = [village["id"] for village in roster.proposals]
    lived_in = RosterRow.objects.filter(
        roster=roster, fate__in=[Fate.NEW, Fate.CHANGED], village_id__in=proposed
    )
    wanted = set(lived_in.values_list("village_id", flat=True))
    # Those a row let in later names may have been made when the roster was applied.
    wanted -= set(Region.objects.filter(pk__in=proposed).values_list("pk", flat=True))
    towns = Region.objects.in_bulk({v["town"] for v in roster.proposals})
    Region.objects.bulk_create(
        Region(
            pk=village["id"],
            key=f"{towns[village['town']].key}-v{village['id']}",
            name=village["name"],
            level=Level.VILLAGE,
            parent=towns[village["town"]],
            town=towns[village["town"]],
            county=roster.county,
            order=village["id"],
        )
        for village in roster.proposals
        if village["id"] in wanted
    )


def adopt(roster: Roster, cursor: CursorWrapper) -> None:
    """Where somebody made a proposed village meanwhile, use theirs; it is no longer ours to make.

    Proposals carry the name as the file spells it, so it is looked up as the reading would.
    """
    places = Places(roster.county, roster.region, propose=False)
    proposals = []
    for village in roster.proposals:
        real = places.village(village["town"], village["name"])
        if real in (None, village["id"]):
            proposals.append(village)
            continue
        cursor.execute(
            "UPDATE enrollment_stage SET village_id = %s WHERE roster_id = %s AND village_id = %s",
            [real, roster.pk, village["id"]],
        )
    roster.proposals = proposals
    # Villages merged or moved since the file was read: the rows go where their people went.
    cursor.execute(
        """
        UPDATE enrollment_stage s SET village_id = m.id, town_id = m.parent_id
        FROM enrollment_region r
        JOIN enrollment_region m ON m.id = COALESCE(r.merged_into_id, r.id)
        WHERE s.roster_id = %s AND s.village_id = r.id
            AND (m.id <> s.village_id OR m.parent_id <> s.town_id)
        """,
        [roster.pk],
    )


def unmake(roster: Roster, cursor: CursorWrapper) -> None:
    """Remove villages this roster made, where nobody and nothing stands in them.

    What waits to be applied may name them, and what is still to be withdrawn may lead back.
    """
    cursor.execute(
        """
        SELECT v FROM unnest(%(proposed)s::bigint[]) v
        WHERE NOT EXISTS (SELECT FROM enrollment_person WHERE village_id = v)
            AND NOT EXISTS (SELECT FROM enrollment_household WHERE village_id = v)
            AND NOT EXISTS (SELECT FROM enrollment_enrollment WHERE village_id = v)
            AND NOT EXISTS (SELECT FROM enrollment_user WHERE region_id = v)
            AND NOT EXISTS (SELECT FROM enrollment_roster WHERE region_id = v)
            AND NOT EXISTS (SELECT FROM enrollment_stage WHERE village_id = v)
            AND NOT EXISTS (
                SELECT FROM enrollment_roster o
                JOIN enrollment_rosterrow r ON r.roster_id = o.id AND r.fate = 'changed'
                WHERE o.county_id = %(county)s AND o.state = 'applied' AND o.id <> %(roster)s
                    AND (r.before->>'village_id')::bigint = v
            )
        """,
        {
            "proposed": [village["id"] for village in roster.proposals],
            "county": roster.county_id,
            "roster": roster.pk,
        },
    )
    empty = [village for (village,) in cursor.fetchall()]
    Region.objects.filter(pk__in=empty, key__contains="-v").delete()
