"""Where a task's data hold the address of its image."""

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st

from fishermask_backend.controls import Misfit
from fishermask_backend.controls.image import address, data_key, shown

from .json_values import ANY, UNHURRIED

URL = "https://images.example/a.png"


def image(value):
    return fromstring(f'<Image name="i" value="{value}"/>')


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("$image", "image"),
        ("$meta.photo", "meta.photo"),
        ("$photos[0]", "photos[0]"),
        ("$base/$file", "$base/$file"),
        ("https://h/$file", "https://h/$file"),
        ("$my-image", "$my-image"),  # to the editor it is the field «my»
    ],
)
def test_what_is_kept_and_shown(value, key):
    assert data_key(image(value)) == key
    assert shown(key) == value


@pytest.mark.parametrize("value", ["", "https://h/a.png", "$", "$ image", "$ßeite"])
def test_the_same_image_for_every_task_is_refused(value):
    with pytest.raises(Misfit, match="needs a value like"):
        data_key(image(value))


@pytest.mark.parametrize("name", ["valueList", "valuelist", "VALUELIST"])
def test_several_images_are_refused(name):
    with pytest.raises(Misfit, match=r"several images \(valueList\)"):
        data_key(fromstring(f'<Image name="i" {name}="$images"/>'))


@pytest.mark.parametrize(
    ("key", "data", "found"),
    [
        ("image", {"image": URL}, URL),
        ("meta.photo", {"meta": {"photo": URL}}, URL),
        ("meta.photo", {"meta.photo": URL, "meta": {"photo": "other"}}, URL),
        ("photos[0]", {"photos": [URL, "other"]}, URL),
        ("photos[1].big", {"photos": [{}, {"big": URL}]}, URL),
        ("$base/$file", {"base": "https://images.example", "file": "a.png"}, URL),
        ("https://h/$number.png", {"number.png": "7"}, "https://h/7"),
        ("https://h/$of[0]", {"of": [7]}, "https://h/7"),
    ],
)
def test_addresses(key, data, found):
    assert address(data, key) == found


@pytest.mark.parametrize(
    ("key", "data"),
    [
        ("image", {}),
        ("image", {"photo": URL}),
        ("image", {"image": None}),
        ("image", {"image": [URL]}),
        ("image", {"image": {"url": URL}}),
        ("meta.photo", {"meta": URL}),
        ("photos[2]", {"photos": [URL]}),
        ("photos[999999999999]", {"photos": [URL]}),
        ("$base/$file", {"file": "a.png"}),
        ("$base/$file", {"base": "", "file": "a.png"}),
    ],
)
def test_no_address(key, data):
    assert address(data, key) == ""


@given(
    st.dictionaries(st.sampled_from(["a", "b"]) | st.text(max_size=3), ANY),
    st.sampled_from(["a", "a.b", "a[0]", "a[0].b", "$a/$b.a", "x$a[0][1]", "[]", "{{idx}}"]),
)
@UNHURRIED
def test_data_of_any_json(data, key):
    assert isinstance(address(data, key), str)
