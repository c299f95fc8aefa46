"""What rounds over made-up features start from."""

import pytest

from tests.round_problem import embedded, lite0


@pytest.fixture(scope="module")
def backbone():
    return lite0()


@pytest.fixture
def inputs(work, backbone):
    """The rows of a project whose images are embedded."""
    with embedded(work, backbone) as made:
        yield made
