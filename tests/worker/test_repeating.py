"""What a step does again and again beside its work."""

import threading

import pytest

from fishermask_backend.errors import FisherMaskError, LeaseLost
from fishermask_backend.worker.repeating import repeating


@pytest.mark.parametrize("error", [FisherMaskError("full disk"), ZeroDivisionError("a bug")])
def test_what_fails_is_told_and_tried_again(caplog, error):
    done, calls = threading.Event(), []

    def act():
        calls.append(1)
        if len(calls) == 1:
            raise error
        done.set()

    with repeating("heartbeat", 0.001, act):
        assert done.wait(10)
    assert "heartbeat" in caplog.text
    assert str(error) in caplog.text


def test_a_lost_lease_ends_it():
    called, calls = threading.Event(), []

    def act():
        calls.append(threading.current_thread())
        called.set()
        raise LeaseLost("another worker has it")

    with repeating("heartbeat", 0.001, act):
        assert called.wait(10)
        calls[0].join(10)
        assert not calls[0].is_alive()
    assert len(calls) == 1


def test_it_ends_with_the_block():
    called, calls = threading.Event(), []

    def act():
        calls.append(threading.current_thread())
        called.set()

    with repeating("heartbeat", 0.001, act):
        assert called.wait(10)
    assert not calls[0].is_alive()
