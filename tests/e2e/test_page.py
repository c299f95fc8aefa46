"""The backend's page in a real browser, while an annotator labels beside it.

`SCREENSHOTS=docs` writes the pictures of README and docs anew.
"""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fishermask_backend.commands.report import report
from fishermask_backend.demo.server import LabelStudioServer
from fishermask_backend.settings import load_settings
from fishermask_backend.web.why import MEANINGS
from tests.e2e.backends import wait_for
from tests.e2e.browser import browser
from tests.e2e.machine import Machine
from tests.e2e.people import Person, result
from tests.e2e.projects import CLASSES, MakeProject, Project
from tests.this_machine import ROOT

axe = pytest.importorskip("axe_playwright_python.base", reason="needs axe-playwright-python")
WIDE, PHONE, LARGE = (1280, 900), (360, 740), (3840, 2160)
FIRST_PICTURE = "#queue .pictures li:first-child"


@pytest.fixture(scope="module")
def context(
    label_studio: LabelStudioServer, machine: Machine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """A browser that is logged in to Label Studio and may open the backend's pages."""
    with browser(label_studio, tmp_path_factory.mktemp("browser"), machine.url) as opened:
        yield opened


@pytest.fixture
def open_page(context: Any) -> Iterator[Callable[[str], Any]]:
    """Opens pages of which nothing may go wrong: no error in the console, nothing that is not there."""
    wrong: list[str] = []
    opened = []

    def failed(request: Any) -> None:
        if request.failure != "net::ERR_ABORTED":  # the page was left meanwhile
            wrong.append(f"{request.url}: {request.failure}")

    def open_one(address: str) -> Any:
        page = context.new_page()
        opened.append(page)
        page.set_viewport_size(dict(zip(("width", "height"), WIDE, strict=True)))
        page.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else 0)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("requestfailed", failed)
        page.on(
            "response", lambda r: wrong.append(f"{r.url}: {r.status}") if r.status >= 400 else 0
        )
        page.goto(address)
        return page

    yield open_one
    for page in opened:
        page.close()
    assert wrong == []


def serious(page: Any) -> list[str]:
    """What axe finds that shuts somebody out."""
    page.evaluate(axe.AXE_SCRIPT)
    found = page.evaluate("axe.run()")["violations"]
    return [
        f"{each['id']}: {each['help']} {[node['html'][:120] for node in each['nodes']]}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


def fits(page: Any, size: tuple[int, int]) -> bool:
    """Whether nothing stands out of a window of so many pixels."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.wait_for_timeout(300)
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def picture(page: Any, name: str, folder: Path) -> None:
    """Take a picture of a whole page; into the folder SCREENSHOTS if that is set."""
    chosen = os.environ.get("SCREENSHOTS")
    page.wait_for_timeout(500)
    page.screenshot(path=(ROOT / chosen if chosen else folder) / f"{name}.png", full_page=True)


def label_by_keyboard(page: Any, address: str, name: str) -> None:
    """Open a task and label it without the mouse: the pre-label, if it is right, or the class's key."""
    page.goto(address)
    page.wait_for_selector("label:has-text('zero') input")
    page.wait_for_timeout(2000)  # the pre-label is applied after the page is drawn
    checked = page.locator("label:has(input:checked)").all_inner_texts()
    if not any(name in text for text in checked):
        page.keyboard.press(str(CLASSES.index(name) + 1))
    with page.expect_response(re.compile(r"/api/tasks/\d+/annotations")):
        page.keyboard.press("Control+Enter")


def say_yes(page: Any, ask: str) -> None:
    """Open a button's question by keyboard, and answer it."""
    page.locator(f"#{ask} summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_the_page_changes_while_an_annotator_labels(
    machine: Machine,
    make_project: MakeProject,
    owner: Person,
    context: Any,
    open_page: Callable[[str], Any],
    tmp_path: Path,
):
    project = make_project()
    project.change(title="Handwritten digits")
    machine.connect(project)
    page = open_page(f"{machine.url}/projects/{project.id}")
    page.wait_for_selector("text=no guess yet")
    assert page.locator("text=There was none yet").count() == 0
    for name in ("zero", "one", "two", "zero"):
        owner.submit(owner.open_next(project.id), name)
    machine.train(project)

    # The page has followed by itself: the round, its guesses, pictures of the queue in its order.
    page.wait_for_selector("#rounds tbody tr:nth-child(2)")
    queue = machine.queue(project)
    shown = page.locator("#queue .pictures li").evaluate_all("all => all.map(each => each.id)")
    assert shown == [f"task-{i}" for i in queue.task_ids]
    wait_for(lambda: page.evaluate("[...document.images].every(i => i.naturalWidth === 64)"))
    assert " %" in page.locator(FIRST_PICTURE).inner_text()
    reasons = [each.split(" · ") for each in page.locator("#queue .why").all_inner_texts()]
    assert reasons
    assert {word for own in reasons for word in own} <= {*MEANINGS}

    # An annotator labels the queue's first three by keyboard; nothing that is open on the page closes.
    page.locator("#ask-train summary").focus()
    page.keyboard.press("Enter")
    labelling = context.new_page()
    for _ in range(3):
        first = page.locator(FIRST_PICTURE)
        task = int(first.get_attribute("id").removeprefix("task-"))
        link = first.locator("a").get_attribute("href")
        # As Label Studio calls itself; the browser is logged in under another name of it.
        assert link.startswith("http://localhost:")
        here = link.replace("http://localhost:", "http://127.0.0.1:")
        label_by_keyboard(labelling, here, project.truth[task])
        machine.rest()
        page.wait_for_selector(f"#task-{task}", state="detached")
    labelling.close()
    for _ in range(2):
        task = owner.open_next(project.id)
        owner.submit(task, project.truth[task["id"]])
    machine.rest()
    assert page.locator("#ask-train button").is_visible()
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    page.wait_for_selector("#rounds tbody tr:nth-child(3)")  # five are a batch
    page.wait_for_selector("#chart canvas")
    assert "9" in page.locator("#answer .figure").nth(1).inner_text()
    assert "Of the last 5 labels" in page.locator("#answer").inner_text()
    (person,) = page.locator("#annotators tbody tr").all_inner_texts()
    assert re.search(r"\d % of 5\s", person)
    assert re.search(r"\s\d+(\.\d)? s\s", person)  # as Label Studio's page measures it

    # What is submitted empty is to be looked at, until something is chosen.
    assert "No label looks wrong" in page.locator("#review").inner_text()
    task = owner.open_next(project.id)
    empty = owner.submit(task)
    machine.rest()
    page.wait_for_selector(f"#review li:has-text('task {task['id']}')")
    assert all(fits(page, size) for size in (PHONE, LARGE, WIDE))
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        assert serious(page) == []
    owner.change(empty, result=result(project.truth[task["id"]]))
    machine.rest()
    page.wait_for_selector("#review li", state="detached")
    if os.environ.get("SCREENSHOTS"):  # a longer course, with an error
        for number in range(20):
            task = owner.open_next(project.id)
            wrong = "one" if project.truth[task["id"]] == "two" else "two"
            owner.submit(task, wrong if number == 4 else project.truth[task["id"]])
            if number % 5 == 4:
                machine.rest()
    machine.worker.lifeline.beat(0)
    page.reload()
    picture(page, "page", tmp_path)


def test_the_order_is_given_back_and_taken_again(
    machine: Machine, project: Project, open_page: Callable[[str], Any]
):
    before = project["sampling"]
    machine.connect(project)
    assert project["sampling"] == "Uncertainty sampling"
    page = open_page(f"{machine.url}/projects/{project.id}")
    say_yes(page, "ask-back")
    machine.rest()
    assert project["sampling"] == before != "Uncertainty sampling"
    page.wait_for_selector("text=somebody gave the order back")
    assert page.locator("#ask-back").count() == 0
    say_yes(page, "ask-train")
    machine.work(lambda: project["sampling"] == "Uncertainty sampling")
    page.wait_for_selector("text=set by FisherMask")
    assert serious(page) == []


def test_the_first_page_and_a_report_stand_by_themselves(
    machine: Machine, project: Project, open_page: Callable[[str], Any], tmp_path: Path
):
    machine.connect(project)
    page = open_page(machine.url)
    page.get_by_role("link", name=re.compile(f"project {project.id}$")).click()
    page.wait_for_selector("#queue .pictures")
    report(load_settings(), project.id, tmp_path / "report.html")
    alone = open_page(f"file://{tmp_path}/report.html")
    alone.wait_for_selector("#queue .pictures img")
    assert alone.evaluate("[...document.images].every(i => i.naturalWidth === 64)")
    assert serious(alone) == serious(page) == []
