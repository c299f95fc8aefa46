"""A real browser at Label Studio's own pages, and what the labelling page shows."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from fishermask_backend.demo.server import LabelStudioServer

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE = 60_000.0  # milliseconds


class LabellingPage:
    """The labelling page of one person.

    Args:
        page: Playwright's.
        address: Label Studio's.
    """

    def __init__(self, page: Any, address: str) -> None:
        self._page, self._address = page, address

    def open(self, project: int) -> None:
        """Press «Label All Tasks», in a project with one task."""
        self._page.goto(f"{self._address}/projects/{project}/data?labeling=1", wait_until="commit")
        self._submit.wait_for()

    def shown(self, *selectors: str) -> list[str]:
        """Wait for a part of the page, and return the text of each that is there."""
        parts = self._page.locator(", ".join(selectors))
        parts.first.wait_for(state="attached")
        return [text.strip() for text in parts.all_text_contents()]

    def count(self, selector: str) -> int:
        """Return how many such parts are there."""
        return int(self._page.locator(selector).count())

    def click(self, selector: str) -> None:
        """Click on a part of the page."""
        self._page.locator(selector).click()

    def submit(self) -> None:
        """Press «Submit», and wait until Label Studio has it."""
        with self._page.expect_response(re.compile(r"/api/tasks/\d+/annotations")):
            self._submit.click()

    @property
    def _submit(self) -> Any:
        return self._page.get_by_role("button", name=re.compile("submit", re.IGNORECASE)).first


@contextmanager
def browsing(label_studio: LabelStudioServer, folder: Path) -> Iterator[LabellingPage]:
    """The labelling page in a browser."""
    with browser(label_studio, folder) as context:
        yield LabellingPage(context.new_page(), label_studio.url)


@contextmanager
def browser(label_studio: LabelStudioServer, folder: Path, *others: str) -> Iterator[Any]:
    """A browser that is logged in, with a profile of its own; skipped where there is none.

    Args:
        label_studio: Where.
        folder: For the profile.
        others: Addresses besides Label Studio's that its pages may come from.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs a chromium: apt-get install chromium")
    with playwright.sync_playwright() as tool:
        context = tool.chromium.launch_persistent_context(
            folder, executable_path=chromium, headless=True, args=list(FLAGS)
        )
        context.set_default_timeout(PATIENCE)
        # Its pages ask for scripts and fonts of the internet, which need not be there.
        context.route("**/*", lambda route: _own(route, (label_studio.url, *others)))
        context.add_cookies(_log_in(label_studio))
        yield context
        context.close()


def _own(route: Any, addresses: tuple[str, ...]) -> None:
    if route.request.url.startswith((*addresses, "data:", "blob:", "file:")):
        route.continue_()
    else:
        route.abort()


def _log_in(label_studio: LabelStudioServer) -> list[dict[str, str]]:
    address = f"{label_studio.url}/user/login"
    with httpx.Client(timeout=60) as client:
        token = re.search(r'csrfmiddlewaretoken" value="([^"]+)"', client.get(address).text)
        assert token
        form = {
            "csrfmiddlewaretoken": token[1],
            "email": label_studio.user,
            "password": label_studio.password,
        }
        assert client.post(address, data=form, headers={"Referer": address}).status_code == 302
        return [
            {"name": name, "value": value, "url": label_studio.url}
            for name, value in client.cookies.items()
        ]
