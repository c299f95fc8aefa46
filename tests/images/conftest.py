from contextlib import ExitStack

import pytest

from fishermask_backend.images import ImageLoader
from tests.images.image_server import KEY, Server, png, serving


@pytest.fixture
def serve():
    """Starts servers on the loopback address, as many as a test asks for."""
    with ExitStack() as stack:

        def start(routes=None):
            server = Server()
            server.routes.update(routes or {})
            return stack.enter_context(serving(server))

        yield start


@pytest.fixture
def label_studio(serve):
    return serve({"/data/upload/1/a.png": (200, {}, png())})


@pytest.fixture
def loader_for(monkeypatch):
    """Makes loaders with the key above; no proxy of the machine gets in between."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    loaders = []

    def make(label_studio, *allowed, **options):
        loader = ImageLoader(
            label_studio_url=label_studio if isinstance(label_studio, str) else label_studio.url,
            authorization=lambda: KEY,
            image_size=8,
            allowed_hosts=[a if isinstance(a, str) else a.address for a in allowed],
            **options,
        )
        loaders.append(loader)
        return loader

    yield make
    for loader in loaders:
        loader.close()
