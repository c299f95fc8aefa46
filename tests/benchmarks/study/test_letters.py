"""The letters that sets are drawn of."""

import random
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from tests.benchmarks.study.letters import SIZE, background, drawn, families_of, photos_in

FONTS = Path(matplotlib.get_data_path()) / "fonts/ttf"


def test_a_letter_is_in_the_image_and_the_same_seed_draws_the_same():
    families = families_of(FONTS)
    assert len(families) > 1
    for letter in "AZ":
        pictures = []
        for _ in range(2):
            chance = random.Random(3)
            pictures.append(np.asarray(drawn(letter, families, background([], chance), chance)))
        assert pictures[0].shape == (SIZE, SIZE, 3)
        assert len(np.unique(pictures[0].reshape(-1, 3), axis=0)) > 1
        assert (pictures[0] == pictures[1]).all()


def test_a_folder_without_fonts_is_refused(tmp_path):
    with pytest.raises(SystemExit, match=r"no \.ttf or \.otf font"):
        families_of(tmp_path)


def test_a_folder_without_photographs_is_refused(tmp_path):
    with pytest.raises(SystemExit, match=r"no \.jpg or \.png photograph"):
        photos_in(tmp_path)
