"""The shared fragments of templates/, rendered with small contexts and without a database."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import django_tables2 as tables
import pytest
from django import forms
from django.template import Context, Engine
from django.template.loader import get_template
from django.test import RequestFactory
from django_tables2 import RequestConfig

from enrollment.templatetags.figures import money, number, rate, signed


def render(name: str, query: str = "", **context: Any) -> str:
    """A template or, with tags in it, a source, under a request and a CSRF token."""
    engine: Engine = get_template("base.html").backend.engine
    template = engine.from_string(name) if "{%" in name else engine.get_template(name)
    request = RequestFactory().get("/list" + query)
    return template.render(Context({"request": request, "csrf_token": "token", **context}))


@pytest.mark.parametrize(
    ("write", "value", "written"),
    [
        (number, 1234567, "1,234,567"),
        (number, 0, "0"),
        (number, None, "—"),
        (signed, 1204, "+1,204"),
        (signed, -6, "−6"),
        (signed, 0, "0"),
        (rate, Decimal("0.57845"), "57.8%"),
        (rate, Decimal("0.5785"), "57.9%"),
        (rate, 1, "100.0%"),
        (rate, Decimal("0.9996"), "99.9%"),
        (rate, Decimal("1.0004"), "100.0%"),
        (rate, Decimal("0.0004"), "0.1%"),
        (rate, 0, "0.0%"),
        (rate, None, "—"),
        (money, Decimal("380"), "380.00"),
        (money, 12345.5, "12,345.50"),
    ],
)
def test_figures_are_written(write, value, written: str) -> None:
    assert write(value) == written


def test_a_bar_says_its_state_in_figures_and_words() -> None:
    html = render("{% load figures %}{% bar 52310 90440 mark=72000 state='behind' %}")
    assert "57.8%" in html
    assert 'viewBox="0 0 90440 10"' in html
    assert 'width="52310"' in html
    assert 'aria-label="进度较慢"' in html


def test_a_bar_without_a_target_is_not_applicable() -> None:
    html = render("{% load figures %}{% bar 12 0 %}")
    assert "—" in html
    assert '<svg class="bar"' not in html


class Villages(tables.Table):
    name = tables.Column(verbose_name="村", footer="合计")
    insured = tables.Column(verbose_name="已参保", attrs={"td": {"class": "num"}}, footer="120")

    class Meta:
        attrs = {"class": "cards", "caption": "各村"}


def villages(count: int, query: str = "") -> str:
    table = Villages([{"name": f"村{n}", "insured": n} for n in range(count)])
    request = RequestFactory().get("/list" + query)
    RequestConfig(request, paginate={"per_page": 50}).configure(table)
    return render(
        "{% load django_tables2 %}{% render_table table '_table.html' %}", query, table=table
    )


def test_a_table_keeps_the_question_when_sorted_and_turned() -> None:
    html = villages(120, "?q=%E6%A2%85&page=2&sort=-insured")
    assert "第 2 / 3 页，共 120 条" in html
    heads = re.findall(r'<th scope="col".*?</th>', html, flags=re.S)
    assert 'class="num"' in heads[1]
    assert 'aria-sort="descending"' in heads[1]
    assert "q=%E6%A2%85" in heads[0]
    assert "page=" not in heads[0]
    assert "page=3" in html
    assert 'data-label="已参保">69</td>' in html
    assert html.count("合计") == 1


def test_an_empty_table_says_so() -> None:
    assert "没有符合条件的记录" in villages(0)


class Handing(forms.Form):
    number = forms.CharField(label="证件号码", help_text="例：…1234")
    note = forms.CharField(label="说明", required=False)


def test_errors_stand_beside_the_field_and_on_top() -> None:
    html = render("_form.html", form=Handing({"note": "x"}), submit="登记", cancel_url="/")
    assert 'href="#id_number"' in html
    assert 'id="id_number_error"' in html
    assert re.search(r'aria-describedby="[^"]*id_number_error', html)
    assert 'value="x"' in html
    assert html.count("选填") == 1
    assert 'value="token"' in html


@pytest.mark.parametrize(
    ("state", "polls", "cancels", "says"),
    [
        ("waiting", True, True, "排队中"),
        ("running", True, True, "412,300 / 673,442 行"),
        ("done", False, False, "已完成"),
        ("failed", False, False, "未完成"),
        ("cancelled", False, False, "已取消，数据没有变化"),
    ],
)
def test_a_job_polls_until_it_is_over(state: str, polls: bool, cancels: bool, says: str) -> None:
    job = {"title": "户籍名册", "state": state, "done": 412300, "total": 673442}
    html = render("_job.html", job={**job, "poll_url": "/p", "cancel_url": "/c"})
    assert ("hx-get" in html) is polls
    assert ("/c" in html) is cancels
    assert says in html


def test_a_number_is_masked_and_asks_for_a_reason() -> None:
    html = render("_masked.html", masked="341524************", reveal_url="/reveal")
    assert "341524************" in html
    assert 'name="reason" required' in html
    assert 'method="post" action="/reveal"' in html
    assert "<form" not in render("_masked.html", masked="341524************")
    assert "341524" not in render("_masked.html", full="110105194912310021")


@pytest.mark.parametrize("name", ["404.html", "403.html", "403_csrf.html", "500.html"])
def test_error_pages_need_nothing(name: str) -> None:
    engine: Engine = get_template("base.html").backend.engine
    html = engine.get_template(name).render(Context({}))
    assert "<h1>" in html
    assert "系统管理员" in html


def test_every_page_of_a_demonstration_says_so() -> None:
    assert "演示数据，非真实统计" in render("base.html", demo=True)
    assert "演示数据" not in render("base.html", demo=False)
    assert "演示数据，非真实统计" in render(
        "enrollment/sign_in.html", demo=True, form=Handing(), demo_logins=[{"username": "a"}]
    )
