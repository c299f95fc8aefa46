"""Keys of backbones: safe in a file's name on every disk, and never another's."""

from pathlib import Path

import torchvision
from hypothesis import given
from hypothesis import strategies as st

from fishermask_backend.learning.backbones.key import LONGEST, backbone_key, file_safe
from fishermask_backend.state import INPUTS

NAMES = st.text(max_size=8) | st.text("aA1._-/%", max_size=2 * LONGEST)
DETAILS = st.lists(st.from_regex("[a-z0-9_]{1,3}", fullmatch=True), max_size=3)


@given(NAMES, NAMES)
def test_different_names_are_different_on_any_disk(one: str, other: str) -> None:
    assert (file_safe(one).lower() == file_safe(other).lower()) == (one == other)


@given(NAMES, NAMES, DETAILS, DETAILS)
def test_different_keys_are_of_different_things(
    one: str, other: str, details: list[str], others: list[str]
) -> None:
    same = backbone_key(one, *details) == backbone_key(other, *others)
    assert same == ((one, details) == (other, others))


@given(NAMES)
def test_a_key_is_part_of_a_file_s_name(name: str) -> None:
    key = backbone_key(name, "head", 12 * "f", "1024")
    assert len(key) <= 200  # what the database keeps
    assert Path("folder", f"inputs-{key}.rows").parent == Path("folder")
    assert INPUTS.matches(f"projects/1/inputs-{key}.rows")  # `fishermask restore` takes it


def test_a_name_with_a_slash_stays_readable() -> None:
    assert backbone_key("timm/resnet18", "head", "64") == "timm.2fresnet18-head-64"
    assert file_safe("timm/resnet18.a1_in1k") == "timm.2fresnet18.2ea1_in1k"


def test_torchvision_s_names_stay_as_they_are() -> None:
    names = [*torchvision.models.list_models(module=torchvision.models), "efficientnet_lite0"]
    assert [file_safe(name) for name in names] == names
