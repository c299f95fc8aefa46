"""The process's store: opened once, and without what it does not need."""

import pytest

from fishermask_backend.store import open_store
from tests.own_process import printed

LOADED = """
import importlib, sys
importlib.import_module("fishermask_backend." + sys.argv[1])
print(*sorted({"label_studio_ml", "torch"} & set(sys.modules)))
"""


def test_a_process_has_one_store(store):
    assert open_store() is store


@pytest.mark.parametrize("module", ["store", "web.status", "web.metrics", "state"])
def test_the_state_is_told_without_label_studio_s_library_and_torch(module):
    assert printed(LOADED, module) == []
