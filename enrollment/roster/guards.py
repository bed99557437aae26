"""What is confirmed a second time: a list that would end a large share, or a whole town."""

from django.db.backends.utils import CursorWrapper

from enrollment.models import Fate, Roster, RosterRow
from enrollment.roster.kinds import KINDS

# A full list that ends more than this share of what is there, or a whole town, is asked about.
END_SHARE = 0.10


def leaving(roster: Roster, held: int) -> str:
    """A sentence where an exit list ends a large share: a full list may have been taken for one."""
    going = roster.would_end or 0
    if not going or going <= held * END_SHARE:
        return ""
    return (
        f"这份退出名单会使 {going:,} 人退出，占现有 {held:,} 人的 {going / held:.1%}。"
        "请确认这不是全量名单，再次确认后才会入库。"
    )


def ending(roster: Roster, cursor: CursorWrapper) -> str:
    """A sentence where the list would end a large share, or the whole of a town; else nothing."""
    if not roster.would_end:
        return ""
    cursor.execute(
        """
        SELECT g.name, count(*) FILTER (WHERE r.fate = 'would_end'),
               count(*) FILTER (WHERE r.fate <> 'would_end')
        FROM enrollment_rosterrow r
        LEFT JOIN enrollment_region g ON g.id = r.town_id
        WHERE r.roster_id = %s
            AND (r.fate IN ('would_end', 'unchanged', 'changed') OR r.code = 'name_differs')
        GROUP BY g.id, g.name, g."order" ORDER BY g."order"
        """,
        [roster.pk],
    )
    towns = cursor.fetchall()
    going = sum(end for _, end, _ in towns)
    staying = sum(stay for _, _, stay in towns)
    share = going / (going + staying)
    if not KINDS[roster.kind].about_people:
        gone = "、".join(
            RosterRow.objects.filter(roster=roster, fate=Fate.WOULD_END).values_list(
                "name", flat=True
            )
        )
        return f"名单中没有{gone}，入库后这些单位不再有任务数。请确认名单完整，再次确认后才会入库。"
    emptied = [name for name, end, stay in towns if end and not stay]
    sentences = []
    if share > END_SHARE:
        sentences.append(
            f"这份全量名册会使 {going:,} 人退出，占现有 {going + staying:,} 人的 {share:.1%}"
        )
    if emptied:
        sentences.append(f"{'、'.join(emptied)}的人员会全部退出")
    if not sentences:
        return ""
    return "；".join(sentences) + "。请确认文件完整无缺，再次确认后才会入库。"
