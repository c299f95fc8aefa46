"""Which control of a config is learnt; Label Studio's own rules say whether it takes pre-labels."""

import pytest
from label_studio_sdk.label_interface import LabelInterface

from fishermask_backend.controls import Rating, Taxonomy
from fishermask_backend.errors import UnsupportedLabelConfig
from fishermask_backend.labeling import parse_label_config

IMAGE = '<Image name="image" value="$image"/>'
TWO = '<Choice value="cat"/><Choice value="dog" alias="Hund"/>'
TREE = '<Choice value="A"><Choice value="1"/><Choice value="2"/></Choice><Choice value="B"/>'

LEARNT = [
    f'<View>{IMAGE}<Choices name="label" toName="image">{TWO}</Choices></View>',
    f'<View>{IMAGE}<Choices name="label" toName="image" layout="select">{TWO}</Choices></View>',
    f'<VIEW>{IMAGE.replace("Image", "IMAGE")}<CHOICES name="label" toName="image" CHOICE="multiple">'
    f"{TWO.replace('Choice', 'CHOICE')}</CHOICES></VIEW>",
    f'<view>{IMAGE.lower()}<choices name="label" toName="image">'
    f"{TWO.replace('Choice', 'choice')}</choices></view>",
    f'<View>{IMAGE}<Choices name="label" toName="image" allownested="true">{TREE}</Choices></View>',
    f'<View>{IMAGE}<Taxonomy name="label" toName="image">{TREE}</Taxonomy></View>',
    f'<View>{IMAGE}<taxonomy name="label" toName="image" leafsOnly="true">'
    f"{TREE.replace('Choice', 'choice')}</taxonomy></View>",
    f'<View>{IMAGE}<Rating name="label" toName="image" maxRating="7"/></View>',
    f'<View>{IMAGE}<rating name="label" toName="image"/></View>',
]


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("config", LEARNT)
def test_label_studio_takes_every_pre_label(config, level):
    spec = parse_label_config(config, level=level)
    interface = LabelInterface(config)
    shown = 0
    for name in spec.classes:
        known = {each: 0.9 if each == name else 0.1 for each in spec.classes}
        for region in spec.prelabel(known):
            dropped = bool(interface.validate_region(region, return_errors=True))
            assert dropped == spec.spelling.singly  # then it is sent by itself, unlooked at
            assert spec.answer([region]) == {name}
            shown += 1
    assert spec.prelabelled
    assert shown >= 1


REFUSED = [
    (IMAGE, '<Choices name="label" toname="image">' + TWO + "</Choices>", 'needs toName="image"'),
    (IMAGE, '<Choices NAME="label" toName="image">' + TWO + "</Choices>", 'needs name="label"'),
    (
        '<Image name="image" Value="$image"/>',
        f'<Choices name="label" toName="image">{TWO}</Choices>',
        r'labels <Image name="image">, which needs value="\$image" in this letter case',
    ),
    (
        '<Image name="image" valueList="$images"/>',
        f'<Choices name="label" toName="image">{TWO}</Choices>',
        r'<Image name="image">, which shows several images \(valueList\)',
    ),
    (
        IMAGE + '<Image name="b" value="$b"/>',
        f'<Choices name="label" toName="image,b">{TWO}</Choices>',
        'labels several things together .toName="image,b".; name one <Image>',
    ),
    (
        IMAGE,
        f'<choices name="label" toName="image" PERREGION="true">{TWO}</choices>',
        "<choices name='label'> labels regions or items",
    ),
    (IMAGE, '<Rating name="label" toName="image" perItem="true"/>', "labels regions or items"),
    (
        "",
        '<repeater on="$images" indexFlag="{{idx}}"><Image name="i_{{idx}}" '
        'value="$images[{{idx}}]"/><Choices name="c_{{idx}}" toName="i_{{idx}}">'
        f"{TWO}</Choices></repeater>",
        "is in a <Repeater>, which asks once for each item of a list",
    ),
]


@pytest.mark.parametrize(("image", "control", "says"), REFUSED)
def test_what_is_not_learnt_is_told(image, control, says):
    with pytest.raises(UnsupportedLabelConfig, match=says):
        parse_label_config(f"<View>{image}{control}</View>")


def test_choices_come_before_what_was_not_learnt_once():
    config = (
        f'<View>{IMAGE}<Rating name="quality" toName="image"/>'
        f'<Taxonomy name="kind" toName="image">{TREE}</Taxonomy>'
        f'<Choices name="label" toName="image">{TWO}</Choices></View>'
    )
    assert parse_label_config(config).control == "label"
    assert isinstance(parse_label_config(config, "quality").spelling, Rating)
    assert isinstance(parse_label_config(config, "kind", level=1).spelling, Taxonomy)
    assert parse_label_config(config, "kind", level=1).classes == ("A", "B")


def test_image_names_in_another_letter_case_are_found_by_nobody():
    with pytest.raises(UnsupportedLabelConfig, match='needs name="image" in this letter case'):
        parse_label_config(
            '<View><image Name="image" value="$image"/>'
            f'<Choices name="label" toName="image">{TWO}</Choices></View>'
        )
