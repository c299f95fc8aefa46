"""How many images a selection looks at, and how much memory it then takes."""

import subprocess
import sys

import pytest

from fishermask_backend.fisher import Shards
from fishermask_backend.labeling import parse_label_config
from fishermask_backend.learning.candidates import bytes_needed, within_memory
from fishermask_backend.learning.trained import Trained
from tests.conftest import CONFIG
from tests.trained_head import ENVIRONMENT, LABELLED, POOL, trained

SPEC = parse_label_config(CONFIG)
TIMES = 20_000  # the pool is repeated so often


def many(settings) -> Trained:
    few = trained(settings, SPEC)
    labelled = LABELLED.repeat(TIMES)
    labelled[POOL:] = False
    rows, probs = few.rows.repeat(TIMES, 1), few.probs.repeat(TIMES, 1)
    return Trained(few.model, few.backbone, rows, probs, labelled, ~labelled, few.recipe)


def test_factors_on_disk_need_no_memory(configured):
    mask_size, images = 24, 30 * 2**20  # bytes beyond what is taken without any image
    limit = str(2**30 + 56 * mask_size**2 + images)

    def looked_at(factors):
        settings = configured(**ENVIRONMENT, MEMORY_LIMIT=limit, FACTORS=factors)
        return within_memory(many(settings), mask_size, settings, Shards())

    assert len(looked_at("float32")[0]) < len(looked_at("bfloat16")[0]) < len(looked_at("disk")[0])
    assert "FACTORS=bfloat16 holds more" in looked_at("float32")[1][0]
    assert "FACTORS=disk holds more" in looked_at("bfloat16")[1][0]
    assert looked_at("disk")[1][0].endswith("marginal gain.")


def test_labelled_images_and_a_queue_are_looked_at_in_any_case(configured):
    settings = configured(**ENVIRONMENT, MEMORY_LIMIT="1")
    given = many(settings)
    chosen, (note,) = within_memory(given, 24, settings, Shards())
    assert int(given.labelled[chosen].sum()) == int(LABELLED.sum())
    assert len(chosen) == int(LABELLED.sum()) + settings.queue_size
    assert f"random {len(chosen)} of {POOL * TIMES} images" in note


# Not getrusage: its peak is inherited from the process that started this one.
MEASURE = """
import re, torch
from pathlib import Path
from fishermask_backend.fisher import select_batch

factors = torch.zeros({N}, {C}, {d}).normal_()
labelled = torch.arange({N}) < 20
select_batch(factors, labelled, 2, ridge=0.1)
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(int(peak[1]) * 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("N", "C", "d"), [(10_000, 10, 1000), (50, 3, 3000)])
def test_a_selection_stays_within_the_estimate(N: int, C: int, d: int) -> None:
    code = MEASURE.format(N=N, C=C, d=d)
    used = int(subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE).stdout)
    estimate = bytes_needed(N, C, d, row_bytes=0)
    assert estimate / 3 < used < estimate
