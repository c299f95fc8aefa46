"""Classes and parameters are given up where memory would not hold what a round must look at."""

import pytest
import torch
from torch import Tensor

from fishermask_backend.fisher import Shards
from fishermask_backend.labeling import parse_label_config
from fishermask_backend.learning.acquisition import with_enough_classes
from fishermask_backend.learning.candidates import memories
from fishermask_backend.learning.fitting import fitted
from fishermask_backend.learning.strategies.fishermask import FISHERMASK
from tests.fisher_problem import ENVIRONMENT as WHOLE_NETWORK
from tests.fisher_problem import HEAD as FROZEN
from tests.fisher_problem import two_heads
from tests.trained_head import ENVIRONMENT, head, trained

C = 60
CHOICES = "".join(f'<Choice value="{c}"/>' for c in range(C))
SPEC = parse_label_config(
    '<View><Image name="image" value="$image"/>'
    f'<Choices name="choice" toName="image">{CHOICES}</Choices></View>'
)
GIB = 2**30
DIM = 10 + 7 * C  # the mask's
EACH = 10  # images: four labelled, and a queue of six


def held(rows: int, dim: int) -> int:
    """Bytes that a round over the labelled images and a queue is reckoned to take."""
    row, factors = 2 * 32, 8 * rows * C + 4 * (7 + 10)
    return GIB + 56 * dim**2 + EACH * (row + factors + 16 * rows**2)


@pytest.fixture
def under(configured):
    """The round that a limit leaves: rows an image, parameters, notes; the settings may say more."""

    def make(limit: int, **more: str):
        settings = configured(**ENVIRONMENT, MEMORY_LIMIT=str(limit), **more)
        given = with_enough_classes(trained(settings, SPEC, head(C)), settings)
        found, chosen, notes = fitted(given, settings)
        return found.recipe.top_classes, min(chosen.max_dim or DIM, DIM), notes

    return make


def test_nothing_is_given_up_where_it_fits(under):
    top, dim, notes = under(4 * GIB)
    assert (dim, notes) == (DIM, [])
    assert top == under(held(top, DIM))[0]


def test_classes_go_first(under):
    top, dim, (note,) = under(held(10, DIM))
    assert (top, dim) == (10, DIM)
    assert f"10 labelled and queued images with 40 classes of each and {DIM} masked" in note
    assert note.endswith(f"in this round they are 10 and {DIM}.")


def test_then_parameters(under):
    top, dim, (note,) = under(held(5, 256))
    assert (top, dim) == (5, 256)
    assert note.endswith("in this round they are 5 and 256.")


def test_what_is_set_stays(under):
    assert under(1, TOP_CLASSES="12")[0] == 12
    assert under(1, MAX_DIM="400")[1] == 400
    assert under(1, TOP_CLASSES="12", MAX_DIM="400")[2] == []


def test_processes_hold_what_does_not_depend_on_the_pool_once_each(under):
    assert under(held(10, DIM))[:2] == (10, DIM)
    assert under(held(10, DIM), FISHER_PROCESSES="2")[:2] == (5, 256)
    twice = held(10, DIM) + GIB + 56 * DIM**2
    assert under(twice, FISHER_PROCESSES="2")[:2] == (10, DIM)


def test_a_round_says_it_and_later_images_are_scored_by_it(configured):
    settings = configured(**ENVIRONMENT, MEMORY_LIMIT=str(held(5, 256)))
    given = trained(settings, SPEC, head(C))
    order = FISHERMASK.order(given, settings, lambda stage: None)
    assert any(note.endswith("they are 5 and 256.") for note in order.notes)
    assert not any("exceeded" in note for note in order.notes)
    assert len(order.scorer.mask) == 256
    assert order.scorer.recipe.top_classes == 5
    assert isinstance(order.scorer.gains(given.model, given.rows), Tensor)


def test_parameters_of_every_control_go_where_all_together_do_not_fit(configured):
    environment = {**WHOLE_NETWORK, **FROZEN}
    given = two_heads(configured(**environment), 40)
    images = int(given.labelled.sum()) + 7

    def need(dim: int) -> int:
        made = [
            (mask, own.recipe.head(own.model, own.rows, mask))
            for own in given.heads
            for mask in [torch.arange(dim)]
        ]
        (memory,) = memories(given, made, configured(**environment), Shards())
        return memory.need(images)

    assert need(512) > need(256) > 2**30
    settings = configured(**environment, MEMORY_LIMIT=str(need(512)))
    found, chosen, (note,) = fitted(given, settings)
    assert chosen.max_dim == 512
    assert [own.recipe.top_classes for own in found.heads] == [None, None]
    assert "and 512. (The most of any control.)" in note
