"""Label Studio's answers about project 7, from a web server whose routes a test changes."""

import json
from urllib.parse import parse_qs, urlsplit

from tests.conftest import CONFIG
from tests.images.image_server import Server

PROJECT = {
    "id": 7,
    "created_at": "1970-01-01T00:16:40Z",
    "title": "Animals",
    "label_config": CONFIG,
    "sampling": "Sequential sampling",
    "model_version": "",
}
BACKEND = {"id": 1, "url": "http://backend:9090", "title": "FisherMask", "project": 7}
JSON = {"Content-Type": "application/json"}


class Answers(Server):
    """Answers about one project, for those who know a key."""

    def __init__(self, *keys):
        super().__init__()
        self.keys = {f"Token {key}" for key in keys}
        self.put("/api/projects/7/", PROJECT)
        self.put("/api/projects/", {"count": 1, "results": [PROJECT]})
        self.put("/api/ml/", [{**BACKEND, "model_version": "fishermask-0"}])
        self.put("/api/webhooks/", [])

    def put(self, path, body, status=200):
        """Answer with this, as JSON."""

        def answer(handler):
            if self.keys and handler.headers["Authorization"] not in self.keys:
                return (401, JSON, b'{"detail": "Invalid token."}')
            page = parse_qs(urlsplit(handler.path).query).get("page", ["1"])
            if page != ["1"]:  # of projects, which the SDK reads until there are no more
                return (404, JSON, b'{"detail": "Invalid page."}')
            return (status, JSON, json.dumps(body).encode())

        self.routes[path] = answer
