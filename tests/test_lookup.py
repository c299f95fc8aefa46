"""Who waits in /predict for scores, and who does not."""

import threading

from fishermask_backend import lookup
from fishermask_backend.lookup import look_up


def test_at_most_half_of_the_threads_wait(store, served, settings, monkeypatch):
    patient = settings.model_copy(update={"predict_wait": 60.0, "threads": 4})
    rest = threading.Event()
    waiting = threading.Barrier(3)  # two, and this test

    def sleep(_):
        waiting.wait(30)
        rest.wait(30)

    monkeypatch.setattr(lookup.time, "sleep", sleep)
    askers = [
        threading.Thread(target=look_up, args=(store, patient, served.id, [4])) for _ in range(2)
    ]
    for asker in askers:
        asker.start()
    waiting.wait(30)
    found = look_up(store, patient, served.id, [2, 4])  # at once, with what there is
    assert (list(found.scores), found.missing) == ([2], [4])
    known = look_up(store, patient, served.id, [1, 2, 3])
    assert (len(known.scores), known.missing) == (3, [])
    monkeypatch.setattr(lookup.time, "monotonic", lambda: float("inf"))
    rest.set()
    for asker in askers:
        asker.join()
