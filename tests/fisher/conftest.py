import pytest

from .cases import BACKBONES, LAYERS, Case


@pytest.fixture(params=LAYERS, ids=lambda case: case.name)
def layer_case(request) -> Case:
    return request.param


@pytest.fixture(params=[*LAYERS, *BACKBONES], ids=lambda case: case.name)
def case(request) -> Case:
    return request.param


@pytest.fixture(params=["categorical", "bernoulli"])
def likelihood(request) -> str:
    return request.param
