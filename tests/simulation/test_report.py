"""The report: it needs nothing else, whoever opens it."""

import base64
import io
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from fishermask_backend.simulation.findings import find
from fishermask_backend.simulation.report import About, write_report
from tests.simulation.made_points import courses

NAMES = ["fishermask:ridge=1", "margin", "random"]
ABOUT = About(
    "the images in <b>&co</b>",
    {"images": "30 of 3 classes", "made by": "a <script>alert(1)</script> of nobody"},
    ["2 images can't be read: a.png: damaged."],
)


def made(seeds=4):
    random = np.random.default_rng(0)
    curves = {
        name: np.sort(random.uniform(0.3 + 0.05 * i, 0.9, (seeds, 5)), axis=1).tolist()
        for i, name in enumerate(NAMES)
    }
    return find(courses(curves), NAMES, 5, seeds)


@pytest.fixture
def report(tmp_path):
    sentences = write_report(tmp_path, made(), ABOUT)
    return sentences, (tmp_path / "report.html").read_text(encoding="utf-8")


def test_it_says_its_verdict_and_every_figure(report):
    sentences, text = report
    assert len(sentences) == 2
    for each in made().figures:
        assert f'<td class="whole">{each.area:.1%}</td>' in text
    assert "FisherMask (ridge=1) minus margin" in text
    assert "2 images can&#39;t be read: a.png: damaged." in text
    assert text.count("<tr") == 2 + 3 + 3  # heads, strategies, comparisons


def test_what_may_be_chance_is_shown_as_such(report):
    _, text = report
    rows = re.findall(r"<tr( class=\"chance\")?>(<td>[^<]* minus .*?)</tr>", text)
    every = [*made().to_baseline, *made().to_first]
    assert [bool(grey) for grey, _ in rows] == [each.p > 0.05 for each in every]
    assert all(("may be chance" in cells) == bool(grey) for grey, cells in rows)


def test_names_are_text_and_nothing_comes_from_elsewhere(report):
    _, text = report
    assert "<script" not in text
    assert "&lt;b&gt;&amp;co&lt;/b&gt;" in text
    sources = re.findall(r"(?:src|href)\s*=\s*[\"']?([^\"'\s>]+)", text)
    assert [source[:15] for source in sources] == ["data:image/png;"]
    without = text.replace(sources[0], "")
    assert not re.findall(r"https?:|url\(|@import", without)


def test_the_picture_is_in_it_and_beside_it(tmp_path, report):
    _, text = report
    (inside,) = re.findall(r'src="data:image/png;base64,([^"]+)"', text)
    beside = (tmp_path / "curves.png").read_bytes()
    assert base64.b64decode(inside) == beside
    width, height = Image.open(io.BytesIO(beside)).size
    assert width > 1500
    assert height > 600


def test_one_seed_and_many_strategies_can_be_drawn(tmp_path):
    names = [*(f"bait:ridge={i}" for i in range(1, 13)), "random"]
    curves = {name: [[0.1, 0.2]] for name in names}
    sentences = write_report(tmp_path, find(courses(curves), names, 2, 1), ABOUT)
    assert "nothing can be said of chance" in sentences[1]
    assert "<td>–</td>" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_browser_without_a_network_shows_all_of_it_and_prints_it(tmp_path, report):
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs a chromium: apt-get install chromium")
    asked, said = [], []
    with playwright.sync_playwright() as tool:
        browser = tool.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        context = browser.new_context(offline=True, viewport={"width": 1000, "height": 900})
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url[:30]))
        page.on("console", lambda message: said.append(message.text))
        page.goto((tmp_path / "report.html").as_uri())
        image = page.locator("img")
        assert image.evaluate("image => image.complete && image.naturalWidth > 1500")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.locator(".verdict p").all_inner_texts() == report[0]
        page.set_viewport_size(
            {"width": 380, "height": 700}
        )  # a phone: tables scroll by themselves
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        printed = page.pdf(prefer_css_page_size=True)
        browser.close()
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) <= 2
