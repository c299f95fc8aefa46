"""How many images a selection looks at, and how much memory it then takes."""

import subprocess
import sys

import pytest
import torch

from fishermask_backend.fisher import Shards, find_head
from fishermask_backend.labeling import parse_label_config
from fishermask_backend.learning.candidates import bytes_needed, within_memory
from fishermask_backend.learning.trained import Trained
from tests.conftest import CONFIG
from tests.fisher_problem import ENVIRONMENT as WHOLE_NETWORK
from tests.fisher_problem import HEAD as FROZEN
from tests.fisher_problem import small_problem, two_heads
from tests.trained_head import ENVIRONMENT, LABELLED, POOL, trained

SPEC = parse_label_config(CONFIG)
TIMES = 20_000  # the head's pool is repeated so often
MASK = torch.arange(50, 68)  # of the head: its last layer, and four entries of the one before
FIRST = torch.arange(24)  # of a whole network: its first layer


def repeated(few: Trained, times: int) -> Trained:
    """A pool many times over, in which only the first are labelled."""
    labelled = few.labelled.repeat(times)
    labelled[len(few.rows) :] = False
    rows = few.rows.repeat(times, *[1] * (few.rows.ndim - 1))
    probs = few.probs.repeat(times, 1)
    return Trained(few.model, few.backbone, rows, probs, labelled, ~labelled, few.recipe)


def looked_at(given, mask, settings):
    head = given.recipe.head(given.model, given.rows, mask)
    return within_memory(given, [(mask, head)], settings, Shards())


def of_a_head(settings) -> Trained:
    return repeated(trained(settings, SPEC), TIMES)


def test_factors_on_disk_need_no_memory(configured):
    images = 4 * 2**20  # bytes beyond what is taken without any image
    limit = str(2**30 + 56 * len(FIRST) ** 2 + images)

    def of(factors):
        settings = configured(**WHOLE_NETWORK, MEMORY_LIMIT=limit, FACTORS=factors)
        given = repeated(small_problem(settings, POOL)[0], 100)
        assert find_head(given.model, FIRST) is None
        return looked_at(given, FIRST, settings)

    assert len(of("float32")[0]) < len(of("bfloat16")[0]) < len(of("disk")[0])
    assert "FACTORS=bfloat16 holds more" in of("float32")[1][0]
    assert "FACTORS=disk holds more" in of("bfloat16")[1][0]
    assert of("disk")[1][0].endswith("marginal gain.")


def test_a_head_s_factors_take_the_same_whatever_is_asked_for(configured):
    limit = str(2**30 + 56 * len(MASK) ** 2 + 30 * 2**20)

    def of(factors):
        settings = configured(**ENVIRONMENT, MEMORY_LIMIT=limit, FACTORS=factors)
        return looked_at(of_a_head(settings), MASK, settings)

    chosen, (note,) = of("float32")
    head = find_head(of_a_head(configured(**ENVIRONMENT)).model, MASK)
    assert len(chosen) == 30 * 2**20 // (2 * 32 + head.image_bytes(2) + 16 * 2**2)
    assert note.endswith("marginal gain.")  # no FACTORS holds more
    for factors in ("bfloat16", "disk"):
        same, notes = of(factors)
        assert torch.equal(same, chosen)
        assert notes == [note]


def test_sketched_columns_are_formed(configured):
    sketch = {"MAX_DIM": "10", "MAX_DIM_RULE": "sketch"}
    settings = configured(**ENVIRONMENT, **sketch, MEMORY_LIMIT=str(2**30 + 10 * 2**20))
    chosen, (note,) = looked_at(of_a_head(settings), MASK, settings)
    needed = bytes_needed(
        len(chosen), row_bytes=32, factor_bytes=4 * 2 * 10, classes=2, mask_size=10
    )
    assert abs(needed - settings.memory_limit) < 300
    assert "FACTORS=bfloat16 holds more" in note


def test_labelled_images_and_a_queue_are_looked_at_in_any_case(configured):
    settings = configured(**ENVIRONMENT, MEMORY_LIMIT="1")
    given = of_a_head(settings)
    chosen, (note, exceeded) = looked_at(given, MASK, settings)
    assert int(given.labelled[chosen].sum()) == int(LABELLED.sum())
    assert len(chosen) == int(LABELLED.sum()) + settings.queue_size
    assert f"random {len(chosen)} of {POOL * TIMES} images" in note
    assert exceeded.startswith("MEMORY_LIMIT (0.0 GiB) is exceeded")
    assert f"these {len(chosen)} need 1.0 GiB" in exceeded


def test_a_pool_of_no_more_than_that_exceeds_the_limit_aloud(configured):
    settings = configured(**{**ENVIRONMENT, "QUEUE_MARGIN": "100"}, MEMORY_LIMIT="1")
    given = trained(settings, SPEC)
    chosen, (note,) = looked_at(given, MASK, settings)
    assert torch.equal(chosen, torch.nonzero(given.labelled | given.servable).flatten())
    assert note.startswith("MEMORY_LIMIT (0.0 GiB) is exceeded")


# Each makes factors, lets a batch be picked, and says what that took beside what was estimated.
# Not getrusage: its peak is inherited from the process that started this one.
MEASURE = """
import re, torch
from pathlib import Path
from torch import nn
from fishermask_backend.fisher import select_batch
from fishermask_backend.learning.candidates import bytes_needed
from fishermask_backend.learning.recipe import FactorRecipe

{made}
labelled = torch.arange(len(factors)) < 20
select_batch(factors, labelled, 2, ridge=0.1)
_, C, d = factors.shape
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
needed = bytes_needed(len(factors), row_bytes=row, factor_bytes=each, classes=C, mask_size=d)
print(int(peak[1]) * 1024, needed)
"""
HEAD = """
N, F, H, C, inner, d, top = {sizes}
rows = torch.randn(100, F).repeat(N // 100, 1)
model = nn.Sequential(nn.Linear(F, H), nn.ReLU(), nn.Linear(H, C)).eval()
last = H * (F + 1)
mask = torch.arange(last - inner, last + C * (H + 1))[:d]
own = rows[torch.arange(N)]
factors = FactorRecipe("categorical", "expected", top).head(model, own, mask)(own)
del own
row, each = 4 * F, factors.image_bytes
"""
FORMED = """
N, C, d = {sizes}
factors = torch.randn(100, C, d).repeat(N // 100, 1, 1)
row, each = 0, 4 * C * d
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        (HEAD, (100_000, 1200, 20, 3, 50, 113, None)),  # rows are most of it
        (HEAD, (6_000, 20, 4, 80, 0, 400, None)),  # P and Q are
        (HEAD, (2_000, 20, 1, 1_000, 20, 300, 40)),  # E is
        (HEAD, (100, 50, 64, 10, 3000, 3650, None)),  # the d×d matrices are
        (FORMED, (1_000_000, 2, 130)),
    ],
)
def test_a_selection_takes_what_is_estimated_to_a_third(kind, sizes) -> None:
    code = MEASURE.format(made=kind.format(sizes=sizes))
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, check=True, text=True
    )
    peak, estimate = map(int, done.stdout.split())
    assert abs(estimate - peak) < peak / 3, f"{estimate / peak:.2f} of {peak}"


def test_several_heads_take_their_factors_each_and_the_rows_once(configured):
    environment = {**WHOLE_NETWORK, **FROZEN}
    given = two_heads(configured(**environment), POOL)
    masks = [torch.arange(50), torch.arange(70)]
    each, made = 2 * given.rows[:1].nbytes, []
    for head, mask in zip(given.heads, masks, strict=True):
        maker = head.recipe.head(head.model, head.rows, mask)
        made.append((mask, maker))
        each += maker.image_bytes + 16 * head.num_classes**2
    fixed = 2**30 + 56 * (50**2 + 70**2)
    room = int(given.labelled.sum()) + 8
    settings = configured(**environment, MEMORY_LIMIT=str(fixed + room * each))
    chosen, (note,) = within_memory(given, made, settings, Shards())
    assert len(chosen) == room
    assert "MEMORY_LIMIT" in note
    assert given.labelled[chosen].sum() == given.labelled.sum()
