"""From facts to HTML: pages that a server answers, and one that stands by itself."""

import base64
import hashlib
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from fishermask_backend import __version__
from fishermask_backend.web.page.facts import ProjectFacts
from fishermask_backend.web.page.wording import FILTERS
from fishermask_backend.web.why import MEANINGS

HERE = Path(__file__).parent
STATIC, TEMPLATES = HERE / "static", HERE / "templates"
SCRIPTS = ("uPlot.iife.min.js", "idiomorph.min.js", "page.js")
STYLES = ("uPlot.min.css", "page.css")

Address = Callable[..., str]


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(FILTERS)
    return made


@cache
def version_of_files() -> str:
    """Return a mark of the files in `static`, by which browsers know new ones."""
    digest = hashlib.sha256()
    for name in (*SCRIPTS, *STYLES):
        digest.update((STATIC / name).read_bytes())
    return digest.hexdigest()[:12]


def render(template: str, address: Address, **values: Any) -> str:
    """Return a page as a server answers it.

    Args:
        template: Its name.
        address: Makes the addresses of what belongs to it, as `flask.url_for`.
        values: What the template shows.
    """
    return _environment().get_template(template).render(
        **_common(), address=address, standalone=False, **values
    )  # fmt: skip


def render_report(facts: ProjectFacts, pictures: dict[int, bytes]) -> str:
    """Return a project's page as one file that needs nothing else.

    Args:
        facts: What it shows.
        pictures: Thumbnails by row.
    """
    scripts = [_read(name) for name in SCRIPTS]
    styles = [_read(name) for name in STYLES]
    inline = {row: _inline(body) for row, body in pictures.items()}
    policy = (
        f"default-src 'none'; img-src data:; script-src {_hashes(scripts)}; "
        f"style-src {_hashes(styles)}; base-uri 'none'; form-action 'none'"
    )
    return _environment().get_template("project.html").render(
        **_common(),
        standalone=True,
        facts=facts,
        token="",
        policy=policy,
        # The package's own files, whose hashes the policy names.
        scripts=[Markup(text) for text in scripts],
        styles=[Markup(text) for text in styles],
        thumbnail=lambda row: inline[row],
    )  # fmt: skip


def _common() -> dict[str, Any]:
    return {"version": __version__, "now": time.time(), "meanings": MEANINGS}


def _read(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")


def _inline(body: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(body).decode()}"


def _hashes(texts: list[str]) -> str:
    digests = (hashlib.sha256(text.encode()).digest() for text in texts)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
