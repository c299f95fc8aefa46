"""From facts to HTML."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from fishermask_backend.store import projects
from fishermask_backend.web.page import rendering
from fishermask_backend.web.page.facts import project_facts, thumbnails_of
from fishermask_backend.web.page.rendering import render_report
from tests.web.test_review_status import to_review

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


class Elements(HTMLParser):
    """The elements of a page, and what looks like a script's attribute."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def named(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture
def report(store, served, settings):
    thumbnails_of(settings, served.id).put({1: b"jpeg of task 2"})

    def make(**fields):
        with store.begin() as session:
            row = projects.get(session, served.id)
            row.public_url = "http://studio:8080"
            for name, value in fields.items():
                setattr(row, name, value)
        facts = project_facts(7)
        return render_report(facts, {1: b"jpeg of task 2"})

    return make


def test_a_report_needs_nothing_else(report):
    page = Elements(report())
    for tag in ("link", "form", "iframe", "object"):
        assert not page.named(tag)
    assert not [script for script in page.named("script") if "src" in script]
    assert [image["src"] for image in page.named("img")] == [
        "data:image/jpeg;base64," + base64.b64encode(b"jpeg of task 2").decode()
    ]
    assert {a["href"] for a in page.named("a")} == {
        "#main", "http://studio:8080/projects/7/data",
        "http://studio:8080/projects/7/data?task=1", "http://studio:8080/projects/7/data?task=2",
    }  # fmt: skip


def test_its_scripts_and_styles_are_those_its_policy_names(report):
    text = report()
    (policy,) = [
        meta["content"]
        for meta in Elements(text).named("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    blocks = re.findall(r"<(?:script|style)>(.*?)</(?:script|style)>", text, re.DOTALL)
    assert len(blocks) == len(rendering.SCRIPTS) + len(rendering.STYLES)
    for block in blocks:
        digest = base64.b64encode(hashlib.sha256(block.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_what_people_wrote_stays_text(report):
    text = report(title=EVIL, error=EVIL, failures=1, order_note=f"paused, {EVIL}")
    page = Elements(text)
    assert [i for i in page.named("img") if not i["src"].startswith("data:")] == []
    assert len(page.named("script")) == len(rendering.SCRIPTS) + 1  # and the curve
    assert not [1 for _, attributes in page.found for name in attributes if name.startswith("on")]
    assert "&lt;script&gt;alert(1)" in text


def test_labels_to_review_are_shown_with_what_is_thought_of_them(report, store, work):
    assert "No label looks wrong" in report()
    to_review(work, store)
    section = report().partition('<section id="review"')[2].partition("</section>")[0]
    text = " ".join(re.sub(r"<[^>]+>", " ", section).split())
    assert "task 1 labelled cat 3 % the model says dog 97 %" in text
    assert "Tied 2 labels" in text
    assert "task 4 labelled none" in text
    assert "data:image/jpeg;base64," in section  # of task 2


def test_the_curve_s_figures_are_data(report):
    (curve,) = re.findall(r'<script type="application/json" id="curve">(.*?)</script>', report())
    assert json.loads(curve)["labels"] == [5]


def test_no_page_sets_styles_by_hand():
    for template in rendering.TEMPLATES.iterdir():
        assert "style=" not in template.read_text(), template.name


def test_a_page_without_thumbnails_is_small(report):
    assert len(report().encode()) < 200_000
