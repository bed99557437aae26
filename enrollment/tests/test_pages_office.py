"""The pages 行政区划, 账号 and 待核实事项."""

import re

import pytest
from django.urls import reverse

from enrollment import roster
from enrollment.models import Person, Question, Region, Status, User
from enrollment.tests import handing
from enrollment.tests.cast import id_number, make_payment, make_person, make_status, place

pytestmark = pytest.mark.django_db


def url(name, *args, county="990001", query=""):
    return reverse(f"enrollment:{name}", args=[county, 2024, *args]) + query


def text(response):
    return response.content.decode()


@pytest.fixture
def differs(cast):
    return Question.objects.create(
        **place(cast.red_star),
        policy_year=cast.year,
        kind="name_differs",
        person=cast.people["甲一"],
        text="证件号码相同，姓名不同",
        given="甲壹",
        known="甲一",
    )


class TestWho:
    @pytest.mark.parametrize(
        ("name", "args", "enter"),
        [
            ("regions", [], {"county_officer", "administrator"}),
            ("regions-one", ["990001101201"], {"county_officer", "administrator"}),
            ("regions-new", ["990001101"], {"county_officer", "administrator"}),
            ("accounts", [], {"administrator", "security"}),
            ("accounts-new", [], {"administrator"}),
            (
                "questions",
                [],
                {
                    "county_officer",
                    "county_viewer",
                    "east_officer",
                    "west_officer",
                    "red_star_clerk",
                },
            ),
        ],
    )
    def test_each_page_opens_to_its_roles_only(self, cast, signed_in, name, args, enter):
        for who, user in cast.users.items():
            found = signed_in(user).get(url(name, *args)).status_code
            if who in ("stranger", "nobody"):
                assert found == 404, who
            else:
                assert found == (200 if who in enter else 403), who

    def test_foreign_places_accounts_and_questions_do_not_exist(self, cast, signed_in, differs):
        admin, west = signed_in(cast.administrator), signed_in(cast.west_officer)
        assert admin.get(url("regions-one", "990002101")).status_code == 404
        assert admin.get(url("accounts-one", cast.stranger.pk)).status_code == 404
        assert west.get(url("questions-one", differs.pk)).status_code == 404


class TestRegions:
    def test_rename_merge_and_move_through_the_page(self, cast, signed_in):
        browser = signed_in(cast.county_officer)
        here = url("regions-one", cast.red_star.key)
        page = browser.post(here, {"verb": "rename", "name": "红光村"}, follow=True)
        assert "原名称留作别名" in text(page)
        page = browser.post(here, {"verb": "merge", "other": cast.willow.pk})
        assert page.status_code == 400 and "先核对" in text(page)
        page = browser.post(
            here, {"verb": "move", "other": cast.west.pk, "sure": "on"}, follow=True
        )
        assert "人员 2" in text(page) and "户 1" in text(page)
        page = browser.post(
            here, {"verb": "merge", "other": cast.bridge.pk, "sure": "on"}, follow=True
        )
        assert "并入西河镇/石桥村" in text(page)
        assert Person.objects.filter(village=cast.bridge).count() == 3
        assert "已并入石桥村" in text(browser.get(url("regions", query="?region=990001102")))

    def test_a_foreign_or_placeholder_target_is_not_offered(self, cast, signed_in):
        browser = signed_in(cast.county_officer)
        here = url("regions-one", cast.red_star.key)
        for other in (cast.neighbour_village, cast.east_unplaced, cast.red_star, cast.east):
            data = {"verb": "merge", "other": other.pk, "sure": "on"}
            assert browser.post(here, data).status_code == 400

    def test_new_town_and_village(self, cast, signed_in):
        browser = signed_in(cast.administrator)
        data = {"name": "北山镇", "aliases": "北山、北山乡"}
        page = browser.post(url("regions-new", "990001"), data, follow=True)
        assert "已新增北山镇" in text(page)
        town = Region.objects.get(name="北山镇")
        assert town.aliases == ["北山", "北山乡"]
        page = browser.post(url("regions-new", "990001"), {"name": "北山镇"})
        assert page.status_code == 400 and "已是北山镇" in text(page)

    def test_aliases(self, cast, signed_in):
        browser = signed_in(cast.administrator)
        here = url("regions-one", cast.east.key)
        browser.post(here, {"verb": "add_alias", "alias": "东丰镇"})
        assert Region.objects.get(pk=cast.east.pk).aliases == ["东丰镇"]
        browser.post(here, {"verb": "remove_alias", "alias": "东丰镇"})
        assert Region.objects.get(pk=cast.east.pk).aliases == []
        assert "没有“东丰镇”" in text(
            browser.post(here, {"verb": "remove_alias", "alias": "东丰镇"}, follow=True)
        )


class TestAccounts:
    def test_a_new_account_signs_in_once_and_chooses_its_password(self, cast, signed_in, client):
        browser = signed_in(cast.administrator)
        data = {
            "username": "beishan",
            "full_name": "新来的",
            "role": "town_officer",
            "region": cast.east.pk,
        }
        page = browser.post(url("accounts-new"), data)
        password = re.search(r"<code[^>]*>([^<]+)</code>", text(page))[1]
        assert "no-store" in page["Cache-Control"]
        assert password not in text(browser.get(url("accounts")))

        guard = signed_in(cast.security)
        assert "1 个等待安全管理员授权" in text(guard.get(url("accounts")))
        waiting = url("accounts-one", User.objects.get(username="beishan").pk)
        assert "授权登录" in text(guard.get(waiting))
        guard.post(waiting, {"verb": "grant"})

        credentials = {"username": "beishan", "password": password}
        client.post(reverse("enrollment:sign-in"), credentials)
        change = reverse("enrollment:password")
        for address in (url("questions"), url("regions"), "/"):
            assert client.get(address)["Location"] == change
        assert client.get(url("questions"), headers={"HX-Request": "true"})["HX-Redirect"] == change
        own = "春眠不觉晓-Spring-1"
        new = {"old_password": password, "new_password1": own, "new_password2": own}
        client.post(change, new)
        assert not User.objects.get(username="beishan").must_change_password
        assert client.get(url("questions")).status_code == 200

    def test_stop_reset_and_assign(self, cast, signed_in):
        browser = signed_in(cast.administrator)
        here = url("accounts-one", cast.east_officer.pk)
        assert "一次性密码" in text(browser.post(here, {"verb": "reset"}))
        data = {"verb": "assign", "role": "village_clerk", "region": cast.east.pk}
        assert browser.post(here, data | {"region": cast.willow.pk}).status_code == 403
        guard = signed_in(cast.security)
        page = guard.post(here, data)
        assert page.status_code == 400 and "区域应是村" in text(page)
        guard.post(here, data | {"region": cast.willow.pk})
        assert User.objects.get(pk=cast.east_officer.pk).region == cast.willow
        browser.post(here, {"verb": "stop"})
        assert not User.objects.get(pk=cast.east_officer.pk).is_active
        assert "一次性密码" in text(browser.post(here, {"verb": "start"}))

    def test_nothing_for_oneself(self, cast, signed_in):
        browser = signed_in(cast.administrator)
        here = url("accounts-one", cast.administrator.pk)
        assert "另一位管理员" in text(browser.get(here))
        assert "另一位管理员" in text(browser.post(here, {"verb": "stop"}, follow=True))
        assert User.objects.get(pk=cast.administrator.pk).is_active

    def test_a_demonstration_account_need_not_change_its_password(self, cast, signed_in):
        User.objects.filter(pk=cast.east_officer.pk).update(must_change_password=True, is_demo=True)
        assert signed_in(cast.east_officer).get(url("questions")).status_code == 200


class TestQuestions:
    def test_answering_through_the_page(self, cast, signed_in, differs):
        browser = signed_in(cast.east_officer)
        page = browser.get(url("questions"))
        assert "待核实事项 1 件" in text(page) and "红星村" in text(page)
        listed = browser.get(url("questions", query="?kind=name_differs"))
        assert "甲壹" in text(listed) and "东风镇经办、县级经办" in text(listed)
        here = url("questions-one", differs.pk)
        page = browser.post(here, {"text": ""})
        assert page.status_code == 400 and "请选择一种结论" in text(page)
        browser.post(here, {"decision": "take", "text": "查身份证"})
        assert Person.objects.get(pk=cast.people["甲一"].pk).name == "甲壹"
        assert "没有待核实事项" in text(browser.get(url("questions")))
        assert "查身份证" in text(browser.get(here))

    def test_a_row_that_waits_goes_in_and_the_page_says_so(self, cast, signed_in, monkeypatch):
        handing.read_in_process(monkeypatch)
        found = handing.handed(
            cast, "status", [["甲壹", id_number(1), "", "", ""]], status="服刑", region=cast.county
        )
        found.file_name = "服刑人员.xlsx"
        found = roster.apply(roster.read(found), by=cast.county_officer)
        here = url("questions-one", Question.objects.get().pk)
        for user, seen in ((cast.county_officer, True), (cast.east_officer, False)):
            for page in (here, url("questions", query="?kind=name_differs")):
                shown = text(signed_in(user).get(page))
                assert ("服刑人员.xlsx" in shown) == seen
                assert ("人员状态名单" in shown) != seen
        answered = signed_in(cast.east_officer).post(
            here, {"decision": "keep", "text": "查户口簿"}, follow=True
        )
        assert "1 行已入库" in text(answered)
        assert Status.objects.get().person.name == "甲一"

    def test_towns_that_disagree_leave_it_to_the_county(self, cast, signed_in, monkeypatch):
        handing.read_in_process(monkeypatch)
        rows = [["", "", "甲一", id_number(1), "西河镇", "石桥村", "", ""]]
        handing.put_in(cast, "register", rows, region=cast.west, mode="supplement")
        here = url("questions-one", Question.objects.get().pk)
        assert signed_in(cast.west_officer).get(here).status_code == 404
        town = signed_in(cast.east_officer)
        assert "西河镇交来的户籍册" in text(town.get(here))
        said = town.post(here, {"decision": "stays", "text": "人还在"}, follow=True)
        assert "交县级决定" in text(said)
        assert "保存并下一个" not in text(town.get(here))
        county = signed_in(cast.county_officer)
        assert "人还在（东风镇经办" in text(county.get(here))
        county.post(here, {"decision": "moves", "text": "已查迁移证"})
        assert Person.objects.get(pk=cast.people["甲一"].pk).village == cast.bridge

    def test_a_viewer_sees_and_does_not_answer(self, cast, signed_in, differs):
        browser = signed_in(cast.red_star_clerk)
        here = url("questions-one", differs.pk)
        assert "请联系东风镇经办、县级经办核实" in text(browser.get(here))
        assert browser.post(here, {"decision": "keep", "text": "x"}).status_code == 400
        assert Question.objects.open().exists()

    def test_placing(self, cast, signed_in):
        person = make_person(cast.east_unplaced, "无名")
        browser = signed_in(cast.east_officer)
        here = url("questions", query="?kind=unplaced")
        page = text(browser.get(here))
        assert "无名" in page and "柳林村" in page and "石桥村" not in page
        data = {"person": person.pk, "village": cast.bridge.key}
        assert "请选择" in text(browser.post(here, data, follow=True))
        data["village"] = cast.willow.key
        assert "已把 1 人落实到东风镇/柳林村" in text(browser.post(here, data, follow=True))

    def test_deducted_and_insured(self, cast, signed_in):
        make_status(cast.people["甲一"], cast.kinds["服刑"])
        make_payment(cast.people["甲一"], cast.year)
        here = url("questions", query="?kind=deducted_insured")
        assert "服刑" in text(signed_in(cast.county_officer).get(here))
        below = text(signed_in(cast.east_officer).get(here))
        assert "甲一" in below and "服刑" not in below

    def test_queries_do_not_grow_with_people(self, cast, signed_in, django_assert_max_num_queries):
        for number in range(30):
            make_person(cast.east_unplaced, f"无名{number}")
        browser = signed_in(cast.county_officer)
        with django_assert_max_num_queries(26):
            browser.get(url("questions", query="?kind=unplaced"))
