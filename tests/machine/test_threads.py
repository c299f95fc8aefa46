"""How many threads compute, and that it is as before afterwards."""

import pytest
import torch

from fishermask_backend.machine.threads import one_thread


@pytest.mark.parametrize(("when", "within"), [(True, 1), (False, 2)])
def test_for_a_while(when, within):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(KeyError), one_thread(when):
            assert torch.get_num_threads() == within
            raise KeyError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
