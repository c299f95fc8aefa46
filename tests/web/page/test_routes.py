"""The pages' addresses: who gets a page, who JSON; what is refused."""

import csv
import io
import re

import pytest

from fishermask_backend.store import open_store, pool, projects
from fishermask_backend.store.tokens import TokenBox
from fishermask_backend.web.app import create_app
from fishermask_backend.web.page.facts import thumbnails_of
from fishermask_backend.web.page.rendering import SCRIPTS, STATIC, STYLES

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
JPEG = b"\xff\xd8 a thumbnail"


@pytest.fixture
def client(store):
    return create_app().test_client()


def page(client, path="/projects/7", **headers):
    return client.get(path, headers=BROWSER | headers)


def token_of(client):
    return re.search(r'name="token" value="([^"]+)"', page(client).text)[1]


def former(project):
    with open_store().read() as session:
        return projects.get(session, project.id)


@pytest.mark.parametrize("accept", ["*/*", "", "application/json", "application/json, text/html"])
@pytest.mark.parametrize("path", ["/", "/projects/7"])
def test_scripts_get_json(client, served, path, accept):
    headers = {"Accept": accept} if accept else {}
    assert client.get(path, headers=headers).is_json


@pytest.mark.parametrize("path", ["/", "/projects/7"])
def test_browsers_get_a_page_that_runs_nothing_but_its_own(client, served, path):
    answer = page(client, path)
    assert answer.content_type == "text/html; charset=utf-8"
    assert "Animals" in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert not re.findall(r"<script(?![^>]*(?:src=|application/json))", answer.text)
    assert not re.findall(r"<style|style=|\son\w+=", answer.text)
    assert answer.headers["Vary"] == "Accept"


def test_all_that_a_page_loads_is_here_and_small(client, served):
    text = page(client).text
    own = re.findall(r'(?:src|href)="(/static/[^"]+)"', text)
    assert [path.rpartition("/")[2] for path in own] == [*STYLES, *SCRIPTS]
    answers = [client.get(path) for path in own]
    assert [answer.status_code for answer in answers] == [200] * 5
    assert all("immutable" in answer.headers["Cache-Control"] for answer in answers)
    assert len(text) + sum(len(answer.data) for answer in answers) < 200_000
    licences = (STATIC / "LICENSES.txt").read_text()
    assert all(name in licences for name in (SCRIPTS[0], SCRIPTS[1], STYLES[0]))


def test_no_file_of_elsewhere_is_sent(client):
    assert client.get("/static/x/../../routes.py").status_code == 404
    assert client.get("/static/x/%2e%2e/rendering.py").status_code == 404


def test_a_project_that_nobody_knows_is_told_of_as_a_page(client):
    for path in ("/projects/8", f"/projects/{10**30}"):
        answer = page(client, path)
        assert answer.status_code == 404
        assert "not connected" in answer.text
    for name in ("status.json", "tasks.csv", "thumbnails/1.jpg"):
        assert client.get(f"/projects/8/{name}").status_code == 404


def test_below_a_prefix_every_address_has_it(configured, store, served):
    configured(URL_PREFIX="/s3cr3t")
    client = create_app().test_client()
    text = page(client, "/s3cr3t/projects/7").text
    addresses = re.findall(r'(?:src|href|action)="(/[^"]*)"', text)
    assert len(addresses) > 8
    assert all(address.startswith("/s3cr3t/") for address in addresses)
    assert client.get(addresses[0]).status_code in (200, 304)
    assert page(client, "/projects/7").status_code == 404


def test_credentials_are_asked_for_everywhere(configured, store, served):
    configured(BASIC_AUTH_USER="u", BASIC_AUTH_PASS="p")
    client = create_app().test_client()
    thumbnails_of(configured(), served.id).put({0: JPEG})
    paths = ("/", "/projects/7", "/projects/7/thumbnails/0.jpg", "/projects/7/tasks.csv",
             "/projects/7/status.json", "/static/x/page.css")  # fmt: skip
    for path in paths:
        answer = page(client, path)
        assert (answer.status_code, "Basic" in answer.headers["WWW-Authenticate"]) == (401, True)
        assert client.get(path, auth=("u", "p")).status_code == 200
    for path in ("/projects/7/train", "/projects/7/give-back"):
        assert client.post(path).status_code == 401


def test_a_thumbnail_is_sent_once(client, settings, served):
    thumbnails_of(settings, served.id).put({2: JPEG})
    path = "/projects/7/thumbnails/2.jpg"
    answer = client.get(path)
    assert (answer.data, answer.content_type) == (JPEG, "image/jpeg")
    assert "private" in answer.headers["Cache-Control"]
    again = client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert client.get("/projects/7/thumbnails/9.jpg").status_code == 404


def test_a_button_asks_for_training(client, served):
    answer = client.post("/projects/7/train", data={"token": token_of(client)})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/projects/7")
    assert former(served).train_asked_at > 0


def test_a_button_gives_the_order_back(client, store, served):
    with store.begin() as session:
        projects.get(session, served.id).former = {"sampling": "s", "model_version": ""}
    client.post("/projects/7/give-back", data={"token": token_of(client)})
    assert former(served).former["returned"]


@pytest.mark.parametrize("action", ["train", "give-back"])
def test_a_form_of_another_site_is_refused(client, served, action):
    path, good = f"/projects/7/{action}", token_of(client)
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    assert client.post(path).status_code == 403
    assert client.post(path, data={"token": "x"}).status_code == 403
    assert client.post(path, data={"token": good}, headers=elsewhere).status_code == 403
    assert client.get(path).status_code == 405
    assert former(served).train_asked_at == 0


def test_downloads_are_whole(client, served):
    answer = client.get("/projects/7/tasks.csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert len([*csv.reader(io.StringIO(answer.text))]) == 5
    assert client.get("/projects/7/status.json").get_json(force=True)["id"] == 7


def test_no_secret_is_on_a_page(configured, store, served):
    settings = configured(LABEL_STUDIO_API_KEY="the-key")
    with store.begin() as session:
        row = projects.get(session, served.id)
        row.token = TokenBox.of(settings).seal("their-token")
        sealed = row.token
        for task in pool.tasks_by_id(session, served.id, [1, 2, 3, 4]).values():
            task.image = "https://bucket/1.png?X-Amz-Signature=5ecret"
    client = create_app().test_client()
    texts = [page(client).text, page(client, "/").text]
    texts += [client.get(f"/projects/7/{name}").text for name in ("tasks.csv", "status.json")]
    for secret in ("the-key", "their-token", sealed, "5ecret"):
        assert not [text for text in texts if secret in text]
