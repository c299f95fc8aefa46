"""What Label Studio's editor shows of pre-labels and stores of labels, in a real browser.

Needs playwright's Python package and a Chromium (CHROMIUM names it, else the one on the PATH).
"""

import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fishermask_backend.demo.server import LabelStudioServer
from tests.e2e.machine import Machine
from tests.e2e.people import Person, result
from tests.e2e.projects import MakeProject, Project, label_config
from tests.readme import good_config

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip
SECONDS = 60_000.0  # in the browser's milliseconds


@pytest.fixture(scope="module")
def page(
    label_studio: LabelStudioServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """A browser's page, logged in as the owner."""
    if not CHROMIUM or not Path(CHROMIUM).exists():
        pytest.skip("needs a Chromium: Debian's package `chromium`, or CHROMIUM")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("browser"),
            executable_path=CHROMIUM,
            headless=True,
            args=list(FLAGS),
        )
        browser.set_default_timeout(SECONDS)
        opened = browser.new_page()
        opened.goto(f"{label_studio.url}/user/login/")
        opened.fill("input[name=email]", label_studio.user)
        opened.fill("input[name=password]", label_studio.password)
        opened.click("button[type=submit]")
        opened.wait_for_url(lambda address: "login" not in address, wait_until="commit")
        yield opened
        browser.close()


def show(page: Any, address: str, project: Project, task: int) -> None:
    """Open a task from the Data Manager."""
    page.goto(f"{address}/projects/{project.id}/data?task={task}")
    page.wait_for_selector("label:has-text('zero') input")
    page.wait_for_timeout(2000)  # the pre-label is applied after the page is drawn


def tall_image() -> bytes:
    """A PNG file of a picture that no page is tall enough for."""
    file = io.BytesIO()
    Image.effect_noise((600, 2400), 90).save(file, "PNG")
    return file.getvalue()


def checked(page: Any) -> list[str]:
    """The classes that are chosen on the page."""
    found = page.locator("label:has(input:checked)").all_inner_texts()
    return [name for text in found for name in ("zero", "one", "two") if name in text]


@pytest.mark.parametrize("more", ["", 'allowNested="true" '])
def test_a_pre_label_is_chosen_on_the_page(
    page: Any,
    label_studio: LabelStudioServer,
    machine: Machine,
    make_project: MakeProject,
    owner: Person,
    more: str,
):
    project = make_project(12, label_config().replace("choice=", f"{more}choice="))
    machine.connect(project)
    for name in ("zero", "one", "two", "zero"):
        owner.submit(owner.open_next(project.id), name)
    machine.train(project)
    queue = machine.queue(project)
    assert queue is not None
    first, *_ = project.predictions(queue.version)
    (choice,) = first["result"][0]["value"]["choices"]
    show(page, label_studio.url, project, first["task"])
    assert checked(page) == [choice[-1] if more else choice]

    page.click("button:has-text('Submit')")
    page.wait_for_timeout(2000)
    (annotation,) = project.task(first["task"])["annotations"]
    assert annotation["result"][0]["value"]["choices"] == [choice]


@pytest.mark.parametrize("required", [True, False])
def test_the_hotkey_of_a_chosen_class_makes_the_label_empty_unless_one_is_required(
    page: Any, label_studio: LabelStudioServer, make_project: MakeProject, required: bool
):
    config = good_config().replace("cat", "zero").replace("dog", "one")
    assert ' required="true"' in config
    project = make_project(0, config if required else config.replace(' required="true"', ""))
    (task,) = project.upload([("zero-tall.png", tall_image())])
    body = [{"task": task, "result": result("zero"), "model_version": "v"}]
    address = f"/api/projects/{project.id}/import/predictions"
    project.owner.call("POST", address, json=body)
    project.change(model_version="v", show_collab_predictions=True)
    show(page, label_studio.url, project, task)
    assert checked(page) == ["zero"]
    classes, image = (page.locator(what).first.bounding_box() for what in (".lsf-choices", "img"))
    assert classes["y"] + classes["height"] < image["y"]
    assert image["y"] + image["height"] < page.viewport_size["height"]  # all is seen at once
    page.keyboard.press("1")
    page.wait_for_timeout(500)
    assert checked(page) == []
    page.click("button:has-text('Submit')")
    page.wait_for_timeout(2000)
    stored = [annotation["result"] for annotation in project.task(task)["annotations"]]
    assert stored == ([] if required else [[]])
