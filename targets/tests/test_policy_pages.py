"""Editing the policy on pages: what is saved counts at once, what is wrong is refused beside its
field, and nobody overwrites what another saved meanwhile."""

import re
import tomllib
from decimal import Decimal

import pytest
from django.test import Client

from enrollment.models import AuditEvent, PolicyYear
from enrollment.models.rules import Fee, StatusKind, Window
from enrollment.tests.cast import Cast, make_user
from subsidies import case, quote
from subsidies.models import Category, Standard
from targets import amendment, pack
from targets.models import PolicyDraft, PolicyVersion
from targets.tests.test_pack_loading import SMALL

pytestmark = pytest.mark.django_db

POLICY = "/990001/2024/policy"
FEE = f"{POLICY}/rules/fees/1/"
STANDARD = f"{POLICY}/rules/categories/1/standards/1/"


def own_pack() -> str:
    """The small pack as the cast's county would write it; the tasks are another page's."""
    text = SMALL[: SMALL.index("[[targets]]")]
    return (
        text.replace("990000", "990001")
        .replace("示例县", "示范县")
        .replace("甲镇", "东风镇")
        .replace("乙镇", "西河镇")
        .replace("甲乡", "东风乡")
    )


@pytest.fixture(name="county")
def ruled_county(cast: Cast) -> Cast:
    """The cast's county with a small policy."""
    pack.load([pack.read(own_pack(), file="示范.toml")])
    cast.year.refresh_from_db()
    return cast


@pytest.fixture(name="officer")
def officers_browser(county: Cast, signed_in) -> Client:
    return signed_in(county.county_officer)


def filled(browser: Client, url: str) -> dict[str, str]:
    """The form of a page as a browser would send it back untouched."""
    page = browser.get(url).content.decode()
    form = page[page.index('<form class="form entry"') :]
    form = form[: form.index("</form>")]
    values: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name = re.search(r'name="([^"]+)"', tag)
        value = re.search(r'value="([^"]*)"', tag, re.S)
        if not name or 'type="checkbox"' in tag and "checked" not in tag:
            continue
        values[name[1]] = _plain(value[1]) if value else "on" if "checked" in tag else ""
    for name, body in re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>(.*?)</textarea>', form, re.S):
        values[name] = _plain(body).removeprefix("\n")
    for name, body in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.search(r'<option value="([^"]*)" selected', body)
        values[name] = _plain(chosen[1]) if chosen else ""
    return values


def _plain(text: str) -> str:
    for one, other in (("&quot;", '"'), ("&#x27;", "'"), ("&lt;", "<"), ("&gt;", ">")):
        text = text.replace(one, other)
    return text.replace("&amp;", "&")


def save(browser: Client, url: str, *, why: str = "更正", wait: str = "", **values: str):
    given = filled(browser, url) | {"amend-why": why} | values
    if wait:
        given["amend-wait"] = wait
    return browser.post(url, given)


def due(year: PolicyYear) -> Decimal | None:
    return quote.quote(year, case.ask(year, tier="一档")).due


def test_an_untouched_form_says_what_was_there(county, officer):
    """Every table and entry: opening and saving changes nothing."""
    before = pack.dump(county.year)
    for address in (
        "year", "departments/1", "departments/1/duties/1", "groups/1", "tiers/1", "fees/1",
        "windows/1", "windows/2", "statuses/2", "categories/1", "categories/1/standards/1",
        "target_rule",
    ):  # fmt: skip
        answer = save(officer, f"{POLICY}/rules/{address}/")
        assert answer.status_code == 302, (address, answer.content.decode())
        assert pack.dump(county.year) == before, address


def test_a_fee_changed_on_the_page_changes_the_quote(county, officer):
    Standard.objects.update(amount=None, personal=None)
    assert due(county.year) == 380
    answer = save(officer, FEE, personal="400", why="更正文号〔2023〕9号")
    assert answer.status_code == 302, answer.content.decode()
    assert due(county.year) == 400
    version = PolicyVersion.objects.latest("number")
    assert (version.by, version.why, version.source) == (
        county.county_officer,
        "更正文号〔2023〕9号",
        "page",
    )
    event = AuditEvent.objects.filter(action="edit_policy").latest("pk")
    assert event.user == county.county_officer and event.details["changes"] == 1


def test_the_revision_follows_so_that_figures_do(county, officer):
    revision = PolicyYear.objects.get(pk=county.year.pk).revision
    save(officer, f"{POLICY}/rules/windows/2/", pays_to="2024-03-31")
    assert PolicyYear.objects.get(pk=county.year.pk).revision == revision + 1
    assert str(Window.objects.get(name="延长期").pays_to) == "2024-03-31"


def test_history_says_which_rule_from_what_to_what(county, officer):
    save(officer, f"{POLICY}/rules/windows/2/", pays_to="2024-03-31")
    number = PolicyVersion.objects.latest("number").number
    page = officer.get(f"{POLICY}/versions/{number}/").content.decode()
    for text in ("缴费窗口", "延长期", "缴费截止日", "2024-02-29", "2024-03-31", "县经办", "更正"):
        assert text in page


def test_a_bad_value_is_refused_beside_its_field(county, officer):
    before = pack.dump(county.year)
    answer = save(officer, STANDARD, amount="191")
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "380.00 元的 50% 是 190.00 元，与所写 191 元不符" in page.replace("380 元", "380.00 元")
    assert re.search(r'id="id_amount_error"[^§]*?不符', page)
    assert 'value="191"' in page, "nothing typed is lost"
    assert pack.dump(county.year) == before


def test_a_value_the_database_refuses_has_its_sentence(county, officer):
    answer = save(officer, f"{POLICY}/rules/windows/1/", start_on="")
    assert answer.status_code == 400
    assert "待遇起算为固定日期时必须填写日期" in answer.content.decode()


def test_a_rule_without_paragraph_is_refused(county, officer):
    answer = save(officer, f"{POLICY}/rules/tiers/1/", cites="")
    assert answer.status_code == 400
    assert "没有写明出处" in answer.content.decode()


def test_why_is_asked(county, officer):
    answer = save(officer, f"{POLICY}/rules/windows/2/", pays_to="2024-03-31", why=" ")
    assert answer.status_code == 400 and "写明修改的原因" in answer.content.decode()


def test_not_stated_can_be_chosen_and_is_shown(county, officer):
    save(officer, f"{POLICY}/rules/windows/2/", price="")
    assert Window.objects.get(name="延长期").price is None
    page = officer.get(f"{POLICY}/").content.decode()
    assert "缴费标准：政策未规定" in page


def test_what_hangs_together_waits_in_the_draft_and_takes_effect_at_once(county, officer):
    refused = save(officer, FEE, personal="400")
    page = refused.content.decode()
    assert refused.status_code == 400
    assert "资助标准" in page and "先存入修改稿" in page
    assert due(county.year) == 380

    waiting = save(officer, FEE, personal="400", wait="1")
    assert waiting.status_code == 302 and due(county.year) == 380
    page = officer.get(f"{POLICY}/draft/").content.decode()
    assert "还不能生效" in page and "380" in page and "400" in page

    # The page of a rule now shows the draft's values and saves into it.
    assert filled(officer, FEE)["personal"] == "400"
    assert save(officer, STANDARD, amount="200", personal="200").status_code == 302
    page = officer.get(f"{POLICY}/draft/").content.decode()
    assert "还不能生效" not in page
    step = re.search(r'name="step" value="([^"]+)"', page)
    assert step is not None
    done = officer.post(f"{POLICY}/draft/", {"verb": "publish", "step": step[1], "why": "新标准"})
    assert done.status_code == 302
    assert due(county.year) == 400 and not PolicyDraft.objects.exists()
    assert Standard.objects.get().amount == 200
    assert PolicyVersion.objects.latest("number").why == "新标准"


def test_the_amounts_of_subsidies_can_follow_a_new_fee(county, officer):
    save(officer, FEE, personal="400", wait="1")
    officer.post(f"{POLICY}/draft/", {"verb": "follow"})
    assert Standard.objects.get().amount == 190, "not before it takes effect"
    preview = amendment.preview(county.year)
    assert preview is not None and preview.problems == []
    assert {(one.field, one.after) for one in preview.changes} == {
        ("个人缴费", "400"), ("金额", "200"), ("个人缴费", "200"),
    }  # fmt: skip
    officer.post(f"{POLICY}/draft/", {"verb": "follow"})
    again = amendment.preview(county.year)
    assert again is not None and again.changes == preview.changes


def test_a_draft_is_not_published_as_somebody_else_left_it(county, officer, signed_in):
    save(officer, FEE, personal="400", wait="1")
    save(officer, STANDARD, amount="200", personal="200")
    page = officer.get(f"{POLICY}/draft/").content.decode()
    step = re.search(r'name="step" value="([^"]+)"', page)
    assert step is not None
    other = signed_in(make_user("xian2", "county_officer", county.county, "县经办二"))
    save(other, f"{POLICY}/rules/windows/2/", pays_to="2024-03-31")
    answer = officer.post(f"{POLICY}/draft/", {"verb": "publish", "step": step[1], "why": "新标准"})
    assert answer.status_code == 400 and "又有改动" in answer.content.decode()
    assert due(county.year) == 380


def test_a_discarded_draft_leaves_no_trace_in_the_rules(county, officer):
    before = pack.dump(county.year)
    save(officer, FEE, personal="400", wait="1")
    officer.post(f"{POLICY}/draft/", {"verb": "discard"})
    assert PolicyDraft.objects.exists(), "it asks first"
    officer.post(f"{POLICY}/draft/", {"verb": "discard", "sure": "on"})
    assert not PolicyDraft.objects.exists() and pack.dump(county.year) == before


def test_what_changes_in_force_while_a_draft_is_open_stays(county, officer):
    """A roster's word is confirmed as an alias meanwhile; the draft knows nothing of it."""
    save(officer, FEE, personal="400", wait="1")
    officer.post(f"{POLICY}/draft/", {"verb": "follow"})
    Fee.objects.update(basis="省通知")
    Window.objects.filter(name="延长期").update(note="已公告")
    StatusKind.objects.filter(name="服役").update(aliases=["参军"])
    version = amendment.publish(county.year, by=county.county_officer, why="新标准")
    assert StatusKind.objects.get(name="服役").aliases == ["参军"]
    assert Window.objects.get(name="延长期").note == "已公告"
    fee = Fee.objects.get()
    assert fee.personal == 400, "the rule that the draft itself changes is the draft's"
    # What others changed is a version of its own, so that nobody is said to have done it.
    before = PolicyVersion.objects.get(number=version.number - 1)
    assert (before.source, before.by) == ("roster", None)


def test_two_officers_at_once_the_second_sees_what_changed(county, officer, signed_in):
    other = signed_in(make_user("xian2", "county_officer", county.county, "县经办二"))
    url = f"{POLICY}/rules/windows/2/"
    first, second = filled(officer, url), filled(other, url)
    assert (
        officer.post(url, first | {"pays_to": "2024-03-31", "amend-why": "更正"}).status_code == 302
    )
    answer = other.post(url, second | {"pays_to": "2024-04-30", "amend-why": "更正"})
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "县经办" in page and "2024-02-29 → 2024-03-31" in page
    assert 'value="2024-04-30"' in page
    # Having seen it, the second may still decide.
    again = filled_from(page)
    assert other.post(url, again | {"amend-why": "商定"}).status_code == 302
    assert str(Window.objects.get(name="延长期").pays_to) == "2024-04-30"


def filled_from(page: str) -> dict[str, str]:
    class Page:
        content = page.encode()

        def get(self, url):
            return self

    return filled(Page(), "")  # type: ignore[arg-type]


def test_a_rule_that_was_removed_meanwhile_is_not_written_over_its_neighbour(county, officer):
    url = f"{POLICY}/rules/windows/2/"
    stale = filled(officer, url)
    officer.post(url, {"amend-verb": "remove", "amend-sure": "on", "amend-was": stale["amend-was"]})
    assert Window.objects.count() == 1
    answer = officer.post(url, stale | {"pays_to": "2024-05-31", "amend-why": "更正"})
    assert answer.status_code == 404


def test_a_renamed_category_keeps_its_people(county, officer):
    category = Category.objects.get()
    answer = save(officer, f"{POLICY}/rules/categories/1/", name="最低生活保障对象")
    assert answer.status_code == 302, answer.content.decode()
    category.refresh_from_db()
    assert category.name == "最低生活保障对象"
    data = pack.dump_data(county.year)
    assert data["departments"][0]["duties"][0]["lists"] == ["最低生活保障对象"]


def test_a_new_category_comes_with_its_standard_by_way_of_the_draft(county, officer):
    url = f"{POLICY}/rules/categories/new/"
    values = {"name": "重度残疾人", "purpose": "subsidy", "department": "民政局", "cites": "四"}
    alone = save(officer, url, **values)
    assert alone.status_code == 400 and "没有资助标准" in alone.content.decode()
    assert save(officer, url, wait="1", **values).status_code == 302
    made = save(
        officer, f"{POLICY}/rules/categories/2/standards/new/",
        tier="一档", method="fixed", amount="100", cites="四",
        **{"funding-0-fund": "医疗救助资金", "funding-0-share": "100"},
    )  # fmt: skip
    assert made.status_code == 302, made.content.decode()
    amendment.publish(county.year, by=county.county_officer, why="新增")
    standard = Standard.objects.get(category__name="重度残疾人")
    assert (standard.amount, standard.funding.get().fund) == (100, "医疗救助资金")


def test_order_and_removal(county, officer):
    url = f"{POLICY}/rules/statuses/2/"
    was = filled(officer, url)["amend-was"]
    officer.post(url, {"amend-verb": "up", "amend-was": was})
    rows = pack.dump_data(county.year)["statuses"]
    assert [row["name"] for row in rows] == ["服刑", "服役"]
    url = f"{POLICY}/rules/statuses/1/"
    was = filled(officer, url)["amend-was"]
    officer.post(url, {"amend-verb": "remove", "amend-was": was})
    assert len(pack.dump_data(county.year)["statuses"]) == 2, "it asks first"
    officer.post(url, {"amend-verb": "remove", "amend-was": was, "amend-sure": "on"})
    assert [row["name"] for row in pack.dump_data(county.year)["statuses"]] == ["服役"]


def test_an_earlier_version_can_hold_again(county, officer):
    save(officer, f"{POLICY}/rules/windows/2/", pays_to="2024-03-31")
    save(officer, f"{POLICY}/rules/windows/2/", pays_to="2024-04-30")
    first = PolicyVersion.objects.get(source="pack")
    url = f"{POLICY}/versions/{first.number}/"
    assert officer.post(url, {"why": ""}).status_code == 400
    answer = officer.post(url, {"why": "误改"})
    assert answer.status_code == 302, answer.content.decode()
    assert str(Window.objects.get(name="延长期").pays_to) == "2024-02-29"
    last = PolicyVersion.objects.latest("number")
    assert last.source == "restored" and last.digest == first.digest


def test_load_dump_load_after_edits(county, officer):
    save(officer, f"{POLICY}/rules/windows/2/", pays_to="2024-03-31")
    save(officer, f"{POLICY}/rules/statuses/2/", public_word="特殊", note="一\n二")
    dumped = pack.dump(county.year)
    with pytest.raises(pack.EditedSince):
        pack.load([pack.read(own_pack(), file="示范.toml")])
    (again,) = pack.load([pack.read(dumped, file="写回.toml")])
    assert not again.changed and pack.dump(county.year) == dumped
    assert tomllib.loads(dumped)["windows"][1]["pays_to"].isoformat() == "2024-03-31"


def test_aliases_of_places_are_left_to_their_own_page(county, officer):
    county.east.refresh_from_db()
    county.east.aliases = [*county.east.aliases, "东风公社"]
    county.east.save()
    save(officer, f"{POLICY}/rules/windows/2/", pays_to="2024-03-31")
    county.east.refresh_from_db()
    assert "东风公社" in county.east.aliases


@pytest.mark.parametrize("who", ["east_officer", "red_star_clerk", "county_viewer", "auditor"])
def test_nobody_else_edits(who, county, signed_in):
    browser = signed_in(getattr(county, who))
    assert browser.get(FEE).status_code == 403
    assert browser.post(FEE, {"personal": "1"}).status_code == 403
    assert browser.post(f"{POLICY}/versions/1/", {"why": "x"}).status_code == 403
    assert Fee.objects.get().personal == 380
    page = browser.get(f"{POLICY}/").content.decode()
    assert "/policy/rules/" not in page


@pytest.mark.parametrize("state", ["settled", "closed"])
def test_a_settled_year_is_not_edited(state, county, officer):
    PolicyYear.objects.filter(pk=county.year.pk).update(state=state)
    answer = save(officer, f"{POLICY}/rules/windows/2/", pays_to="2024-03-31")
    assert answer.status_code == 400 and "政策不能再改" in answer.content.decode()


@pytest.mark.parametrize(
    "where", ["county/1", "regions/1", "fees/9", "nothing", "fees/x", "categories/1/nothing"]
)
def test_what_is_no_place_of_a_policy_is_not_there(where, officer):
    assert officer.get(f"{POLICY}/rules/{where}/").status_code == 404


def test_the_pages_ask_the_database_few_questions(county, officer, django_assert_max_num_queries):
    for url, most in (
        (f"{POLICY}/", 85), (FEE, 60), (f"{POLICY}/rules/categories/", 60),
        (f"{POLICY}/versions/", 12),
    ):  # fmt: skip
        with django_assert_max_num_queries(most):
            officer.get(url)
