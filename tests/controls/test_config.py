"""Which control of a config is learnt; Label Studio's own rules say whether it takes pre-labels."""

import pytest
from label_studio_sdk.label_interface import LabelInterface

from fishermask_backend.controls import Choices, Rating, Taxonomy
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
            assert (
                dropped == spec.questions[0].spelling.singly
            )  # then it is sent by itself, unlooked at
            assert spec.answer([region]) == {name}
            shown += 1
    assert spec.questions[0].prelabelled
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


def test_all_controls_of_an_image_are_learnt_in_the_config_s_order():
    config = (
        f'<View>{IMAGE}<Rating name="quality" toName="image"/>'
        f'<Taxonomy name="kind" toName="image">{TREE}</Taxonomy>'
        f'<Choices name="label" toName="image">{TWO}</Choices></View>'
    )
    spec = parse_label_config(config)
    assert [q.control for q in spec.questions] == ["quality", "kind", "label"]
    assert [type(q.spelling) for q in spec.questions] == [Rating, Taxonomy, Choices]
    assert spec.set_aside == ()
    assert isinstance(parse_label_config(config, "quality").questions[0].spelling, Rating)
    level = parse_label_config(config, "label,kind", level=1)
    assert [q.control for q in level.questions] == ["kind", "label"]
    assert level.questions[0].classes == ("A", "B")
    assert parse_label_config(config, "kind", level=1).classes == ("A", "B")


def test_image_names_in_another_letter_case_are_found_by_nobody():
    with pytest.raises(UnsupportedLabelConfig, match='needs name="image" in this letter case'):
        parse_label_config(
            '<View><image Name="image" value="$image"/>'
            f'<Choices name="label" toName="image">{TWO}</Choices></View>'
        )


PAIR = (
    f'<View>{IMAGE}<Image name="same" value="$image"/><Image name="back" value="$back"/>'
    '<Rating name="sharp" toName="back"/>'
    f'<Choices name="label" toName="image">{TWO}</Choices>'
    f'<Choices name="again" toName="same">{TWO}</Choices>'
    '<Choices name="few" toName="image"><Choice value="one"/></Choices></View>'
)


def test_controls_of_another_image_are_set_aside_and_that_is_told():
    spec = parse_label_config(PAIR)
    assert [(q.control, q.image) for q in spec.questions] == [("label", "image"), ("again", "same")]
    assert spec.data_key == "image"
    assert spec.set_aside == (
        "The control 'sharp' is not learnt: it labels $back, and 'label' labels $image. "
        "CONTROL_NAME=sharp learns it instead.",
    )
    other = parse_label_config(PAIR, "sharp")
    assert (other.data_key, other.set_aside) == ("back", ())


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ("label,sharp", "different images: 'label' labels .image, 'sharp' labels .back"),
        ("label, few", "Not all that CONTROL_NAME names .*<Choices name='few'> needs at least two"),
        ("label,lable", "Not all .* there is no <Choices name='lable'>, .*which CONTROL_NAME asks for"),
    ],
)  # fmt: skip
def test_all_that_is_named_is_learnt_or_why_not_is_told(names, says):
    with pytest.raises(UnsupportedLabelConfig, match=says):
        parse_label_config(PAIR, names)


def test_a_name_with_a_comma_is_one_name():
    config = LEARNT[0].replace('"label"', '"one,two"')
    assert parse_label_config(config, "one,two").questions[0].control == "one,two"
