"""The demo's project in Label Studio, made the way a user makes one."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from xml.sax.saxutils import quoteattr

import httpx

from fishermask_backend.demo import DemoError

CONTROL, IMAGE = "label", "image"
LONGEST_TITLE = 50  # letters, says Label Studio
FILES_PER_UPLOAD = 50  # Label Studio takes up to 100 files a request


def label_config(classes: Sequence[str]) -> str:
    """Return the labelling page: the image, one choice among the classes, on the keys 1 to 9 and 0."""
    hotkeys = dict(zip(range(len(classes)), "1234567890", strict=False))
    choices = "".join(
        f"    <Choice value={quoteattr(name)}"
        + (f' hotkey="{hotkeys[number]}"' if number in hotkeys else "")
        + "/>\n"
        for number, name in enumerate(classes)
    )
    return (
        f'<View>\n  <Image name="{IMAGE}" value="$image" maxWidth="400px"/>\n'
        # Required: the hotkey of a pre-labelled class unchecks it, and an empty label is none.
        f'  <Choices name="{CONTROL}" toName="{IMAGE}" choice="single" required="true" '
        'showInline="true">\n'
        f"{choices}"
        "  </Choices>\n</View>"
    )


def answer(response: httpx.Response) -> httpx.Response:
    """Return the response, if Label Studio did as asked.

    Raises:
        DemoError: It refused; with its own words.
    """
    if response.is_success:
        return response
    request = response.request
    raise DemoError(
        f"Label Studio answered {response.status_code} to {request.method} {request.url.path}: "
        f"{response.text[:500]}"
    )


def create_project(client: httpx.Client, title: str, classes: Sequence[str]) -> int:
    """Make an empty project; its id."""
    body = {"title": title[:LONGEST_TITLE], "label_config": label_config(classes)}
    return int(answer(client.post("/api/projects", json=body)).json()["id"])


def project_exists(client: httpx.Client, project: int) -> bool:
    """Whether Label Studio has (still) a project with this id."""
    response = client.get(f"/api/projects/{project}")
    return response.status_code != httpx.codes.NOT_FOUND and bool(answer(response))


def upload_images(
    client: httpx.Client,
    project: int,
    files: Sequence[Path],
    progress: Callable[[str], None] = lambda state: None,
) -> None:
    """Upload files as the import page does, so that each becomes a task served by Label Studio."""
    done = 0
    for batch in _batches(files):
        progress(f"{done} of {len(files)}")
        with ExitStack() as stack:
            parts = [
                (file.name, (file.name, stack.enter_context(file.open("rb")), "image/png"))
                for file in batch
            ]
            answer(client.post(f"/api/projects/{project}/import", files=parts))
        done += len(batch)


def connect_backend(client: httpx.Client, project: int, url: str) -> None:
    """Connect the backend at `url` and forget it at any other, as after a change of port."""
    connected = False
    for backend in answer(client.get("/api/ml", params={"project": project})).json():
        if backend["url"].rstrip("/") == url:
            connected = True
        else:
            answer(client.delete(f"/api/ml/{backend['id']}"))
            _forget_webhooks(client, project, backend["url"].rstrip("/"))
    if not connected:
        body = {"url": url, "project": project, "title": "FisherMask"}
        answer(client.post("/api/ml", json=body))


def start_training(client: httpx.Client, project: int) -> None:
    """Presses «Start training» on the project's settings page."""
    for backend in answer(client.get("/api/ml", params={"project": project})).json():
        answer(client.post(f"/api/ml/{backend['id']}/train", json={}))


def _forget_webhooks(client: httpx.Client, project: int, url: str) -> None:
    # Removing a backend leaves its webhook, which would cost every submit a second.
    for hook in answer(client.get("/api/webhooks/", params={"project": project})).json():
        if hook["url"].startswith(f"{url}/"):
            answer(client.delete(f"/api/webhooks/{hook['id']}/"))


def _batches(files: Sequence[Path]) -> list[Sequence[Path]]:
    return [files[at : at + FILES_PER_UPLOAD] for at in range(0, len(files), FILES_PER_UPLOAD)]
