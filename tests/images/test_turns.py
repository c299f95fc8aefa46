"""Label Studio, whose annotators wait for the same server, is asked for few images at a time."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from fishermask_backend.images import ImageUnreachable
from tests.images.image_server import png

OK = (200, {}, png())


class Gate:
    """A route that answers once it is opened; counts who wait in front of it."""

    def __init__(self, answer=OK):
        self.answer = answer
        self.open = threading.Event()
        self.came = threading.Semaphore(0)

    def __call__(self, _handler):
        self.came.release()
        assert self.open.wait(30)
        return self.answer

    def crowd(self, count, more=0.2):
        """Whether so many come, and nobody else for a moment."""
        return all(self.came.acquire(timeout=10) for _ in range(count)) and not self.came.acquire(
            timeout=more
        )


def test_label_studio_is_asked_for_few_images_at_a_time(serve, label_studio, loader_for):
    own, elsewhere = Gate(), Gate()
    label_studio.routes["/data/upload/1/a.png"] = own
    bucket = serve({"/b.png": elsewhere})
    loader = loader_for(label_studio, bucket, own_at_a_time=2)
    with ThreadPoolExecutor(8) as threads:
        mine = [threads.submit(loader.load, "/data/upload/1/a.png", task_id=i) for i in range(4)]
        assert own.crowd(2)
        others = [threads.submit(loader.load, f"{bucket.url}/b.png", task_id=i) for i in range(4)]
        assert elsewhere.crowd(4)  # whose hosts are nobody's to spare
        for gate in (own, elsewhere):
            gate.open.set()
        assert all(each.result().pixels.any() for each in (*mine, *others))


def test_whom_label_studio_sends_elsewhere_no_longer_counts(serve, label_studio, loader_for):
    bucket = serve({"/b.png": (gate := Gate())})
    label_studio.routes["/tasks/7/resolve/"] = (302, {"Location": f"{bucket.url}/b.png"}, b"")
    loader = loader_for(label_studio, bucket, own_at_a_time=1)
    with ThreadPoolExecutor(3) as threads:
        loads = [threads.submit(loader.load, "s3://bucket/b.png", task_id=7) for _ in range(3)]
        assert gate.crowd(3)
        gate.open.set()
        assert all(each.result().pixels.any() for each in loads)


def test_whoever_waits_for_a_turn_waits_no_longer_than_for_an_image(label_studio, loader_for):
    label_studio.routes["/data/upload/1/a.png"] = (gate := Gate())
    loader = loader_for(label_studio, own_at_a_time=1, timeout=0.5)
    with ThreadPoolExecutor(2) as threads:
        loads = [threads.submit(loader.load, "/data/upload/1/a.png", task_id=7) for _ in range(2)]
        for each in loads:
            with pytest.raises(ImageUnreachable, match="within IMAGE_TIMEOUT"):
                each.result(timeout=10)
        gate.open.set()
