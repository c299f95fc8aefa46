"""People at Label Studio, and what they do there: by the calls that its pages make."""

import re
import secrets
from typing import Any

import httpx

Task = dict[str, Any]


class Person:
    """Somebody with an account.

    Args:
        client: With their token, and Label Studio's address as its base.
    """

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def call(self, method: str, path: str, **more: Any) -> Any:
        """Do one call that Label Studio must accept; its JSON."""
        response = self.client.request(method, path, **more)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text[:500]}"
        return response.json() if response.content else None

    @property
    def id(self) -> int:
        return int(self.call("GET", "/api/current-user/whoami")["id"])

    def open_next(self, project: int) -> Task:
        """Press «Label All Tasks»: the task that is served, and from now on held by this person."""
        return dict(self.call("GET", f"/api/projects/{project}/next"))

    def submit(self, task: Task, *classes: str) -> dict[str, Any]:
        """Press «Submit» with these classes chosen, whatever the pre-label was."""
        shown = next(iter(task["predictions"]), None)
        return self._annotate(
            task,
            result=result(*classes),
            parent_prediction=shown and shown["id"],
        )

    def skip(self, task: Task) -> dict[str, Any]:
        """Press «Skip»."""
        return self._annotate(task, result=[], was_cancelled=True)

    def change(self, annotation: dict[str, Any], **fields: Any) -> None:
        """Press «Update» on an annotation."""
        self.call("PATCH", f"/api/annotations/{annotation['id']}", json=fields)

    def delete(self, annotation: dict[str, Any]) -> None:
        """Delete an annotation."""
        self.call("DELETE", f"/api/annotations/{annotation['id']}")

    def _annotate(self, task: Task, **body: Any) -> dict[str, Any]:
        if task.get("unique_lock_id"):  # served and locked, not opened from the list
            body["unique_id"] = task["unique_lock_id"]
        address = f"/api/tasks/{task['id']}/annotations"
        return dict(self.call("POST", address, params={"project": task["project"]}, json=body))


def result(*classes: str) -> list[dict[str, Any]]:
    """What an annotation holds when these classes are chosen."""
    value = {"choices": list(classes)}
    region = {"from_name": "label", "to_name": "image", "type": "choices", "value": value}
    return [region] if classes else []


def sign_up(owner: Person) -> Person:
    """Follow an invitation and make an account in the owner's organisation."""
    address = str(owner.client.base_url)
    invitation = owner.call("GET", "/api/invite")["invite_url"]
    with httpx.Client(base_url=address, timeout=60) as browser:
        page = browser.get(invitation)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert token, page.text[:500]
        form = {
            "csrfmiddlewaretoken": token[1],
            "email": f"annotator-{secrets.token_hex(4)}@example.com",
            "password": "annotator-password",
            "allow_newsletters": "false",
        }
        answer = browser.post(invitation, data=form, headers={"Referer": address})
        assert answer.status_code == 302, answer.text[:500]
        key = browser.get("/api/current-user/token").json()["token"]
    return Person(
        httpx.Client(base_url=address, headers={"Authorization": f"Token {key}"}, timeout=60)
    )
