"""What the content security policy and a village office's old browser ask of every page."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APPS = ("enrollment", "subsidies", "targets")
FOLDERS = [ROOT / "templates", *(ROOT / app / "templates" for app in APPS)]
PAGES = [page for folder in FOLDERS for page in sorted(folder.rglob("*.html"))]

INLINE = {
    "an inline style": re.compile(r"\sstyle\s*=|<style\b", re.I),
    "an inline script": re.compile(r"<script\b(?![^>]*\bsrc=)|javascript:", re.I),
    "an event handler": re.compile(r"<[^>]*\s(on[a-z]+|hx-on[\w:-]*)\s*=", re.I),
    "an evaluated expression": re.compile(r"\bjs:|hx-vars\b", re.I),
    "an asset from elsewhere": re.compile(
        r"<(?:script|link|img|iframe|use|source|video|audio|object|embed)\b[^>]*"
        r"\b(?:src|href|data)\s*=\s*[\"']?(?:https?:)?//",
        re.I,
    ),
}

# Above the floor of Chromium 86, or loaded from elsewhere.
TOO_NEW = re.compile(
    r"color-mix\(|:has\(|:is\(|:where\(|@layer|@container|@import|aspect-ratio\s*:|\binset\s*:"
    r"|\bd?[sl]v[hw]\b|url\(\s*[\"']?https?:|^\s*&",
    re.M,
)


def without_comments(text: str) -> str:
    return re.sub(r"{% comment %}.*?{% endcomment %}|{#.*?#}", "", text, flags=re.S)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_keeps_the_content_security_policy(page: Path) -> None:
    text = without_comments(page.read_text(encoding="utf-8"))
    found = {what: hit.group(0) for what, rule in INLINE.items() if (hit := rule.search(text))}
    assert not found


@pytest.mark.parametrize(
    "markup",
    [
        '<b style="width:1%">',
        "<script>x</script>",
        '<a onclick="x()">',
        '<script src="https://cdn.example/x.js"></script>',
        '<a href="javascript:x()">',
    ],
)
def test_a_breach_is_recognised(markup: str) -> None:
    assert any(rule.search(markup) for rule in INLINE.values())


def test_own_css_runs_on_chromium_86() -> None:
    css = (ROOT / "static" / "app.css").read_text(encoding="utf-8")
    assert not TOO_NEW.search(re.sub(r"/\*.*?\*/", "", css, flags=re.S))


def test_icons_named_by_pages_exist() -> None:
    sprite = (ROOT / "static" / "icons.svg").read_text(encoding="utf-8")
    known = set(re.findall(r'<symbol id="([^"]+)"', sprite))
    used = {
        name
        for page in PAGES
        for name in re.findall(r'_icon\.html" with name="([^"]+)"', page.read_text("utf-8"))
    }
    assert used and used <= known


def test_vendored_files_are_those_recorded() -> None:
    vendor = ROOT / "static" / "vendor"
    check = [sys.executable, str(vendor / "fetch"), "--check"]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    recorded = json.loads((vendor / "vendor.json").read_text(encoding="utf-8"))
    licences = {package["name"]: package["licence"] for package in recorded["packages"]}
    assert licences == {"bootstrap": "MIT", "htmx.org": "0BSD", "bootstrap-icons": "MIT"}
