from fishermask_backend.store import batches as module
from fishermask_backend.store.batches import batches


def test_every_id_is_in_one_batch_in_order(monkeypatch):
    monkeypatch.setattr(module, "IDS_A_STATEMENT", 3)
    assert list(batches([])) == []
    assert list(batches([5, 1, 2])) == [[5, 1, 2]]
    assert list(batches([5, 1, 2, 9])) == [[5, 1, 2], [9]]
