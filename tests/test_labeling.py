import pytest

from fishermask_backend.controls import Choices
from fishermask_backend.controls.config import EXAMPLE
from fishermask_backend.controls.question import Question
from fishermask_backend.errors import UnsupportedLabelConfig
from fishermask_backend.labeling import LabelSpec, parse_label_config
from tests.conftest import CONFIG

MULTIPLE = CONFIG.replace('toName="image">', 'toName="image" choice="multiple">')


def choices(*names, control="label"):
    return [
        {
            "from_name": control,
            "to_name": "image",
            "type": "choices",
            "value": {"choices": list(names)},
        }
    ]


def test_single_choice():
    spec = parse_label_config(CONFIG)
    assert spec == LabelSpec("image", (Question("label", "image", Choices(("cat", "dog"))),))
    assert (spec.classes, spec.likelihood) == (("cat", "dog"), "categorical")


def test_multiple_choice():
    assert parse_label_config(MULTIPLE).likelihood == "bernoulli"


def test_names_aliases_and_nesting():
    spec = parse_label_config(
        '<View><View><Header value="Which?"/><Image name="pic" value="$photo"/></View><View>'
        '<Choices name="kind" toName="pic" choice="single-radio"><View>'
        '<Choice value="A cat" alias="cat"/>'
        '</View><Choice value="Dog"/></Choices></View></View>'
    )
    assert spec == LabelSpec("photo", (Question("kind", "pic", Choices(("cat", "Dog"))),))
    assert (spec.classes, spec.likelihood) == (("cat", "Dog"), "categorical")


def controls_of(spec):
    return [question.control for question in spec.questions]


def test_every_fitting_control_is_taken_and_control_name_picks_some():
    config = CONFIG.replace(
        "<View>",
        '<View><Choices name="text" toName="t"><Choice value="x"/><Choice value="y"/></Choices>'
        '<Text name="t" value="$text"/>',
    ).replace(
        "</View>",
        '<Choices name="second" toName="image"><Choice value="a"/><Choice value="b"/></Choices></View>',
    )
    assert controls_of(parse_label_config(config)) == ["label", "second"]
    assert controls_of(parse_label_config(config, "second")) == ["second"]
    assert controls_of(parse_label_config(config, "second, label")) == ["label", "second"]


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("<View/>", "no <Choices>, <Taxonomy> or <Rating> tag"),
        ("<View", "not valid XML"),
        ("", "not valid XML"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><View>&a;</View>', "not valid XML"),
        (CONFIG.replace("<Image", "<Text"), "no <Image> tag"),
        (CONFIG.replace("$image", "http://x/y.png"), "a value like"),
        (CONFIG.replace('toName="image"', 'toName="image" perRegion="true"'), "perRegion"),
        (CONFIG.replace('<Choice value="dog"/>', ""), "at least two"),
        (
            CONFIG.replace(
                '<Choice value="dog"/>', '<Choice value="d"><Choice value="e"/></Choice>'
            ),
            "write <Taxonomy>",
        ),
        (CONFIG.replace('toName="image"', 'toName="image" value="$options"'), "<Choice> tags"),
    ],
)
def test_unsupported_configs_say_what_to_change(config, says):
    with pytest.raises(UnsupportedLabelConfig, match=says):
        parse_label_config(config)


def test_control_name_that_is_not_there():
    with pytest.raises(UnsupportedLabelConfig, match="CONTROL_NAME"):
        parse_label_config(CONFIG, "nothing")


def test_refusals_are_whole_sentences_with_a_config_that_works():
    choices = '<Choices toName="i"/><Choices name="a" toName="b"/>'
    config = f'<View><Image name="i" value="$i"/>{choices}</View>'
    with pytest.raises(UnsupportedLabelConfig) as raised:
        parse_label_config(config)
    assert str(raised.value) == (
        "Nothing to learn in the labelling config: <Choices name=None> needs a name; <Choices "
        "name='a'> has toName=\"b\", which is no <Image> tag with that name. A config that works: "
        f"{EXAMPLE}"
    )
    assert parse_label_config(EXAMPLE).classes == ("cat", "dog")
    with pytest.raises(UnsupportedLabelConfig) as raised:
        parse_label_config(config, "c")
    assert (
        "config: there is no <Choices name='c'>, <Taxonomy name='c'> or <Rating name='c'>, which "
        "CONTROL_NAME asks for. A"
    ) in str(raised.value)


def test_specs_are_values():
    assert len({parse_label_config(CONFIG), parse_label_config(CONFIG)}) == 1
    assert parse_label_config(CONFIG) != parse_label_config(MULTIPLE)


def test_answers_of_single_choice():
    spec = parse_label_config(CONFIG)
    assert spec.answer(choices("cat")) == {"cat"}
    assert spec.answer(choices("cat", control="other")) is None
    assert spec.answer(choices("a class that was removed")) is None
    assert spec.answer([]) is None


def test_answers_of_multiple_choice():
    spec = parse_label_config(MULTIPLE)
    assert spec.answer(choices("cat", "dog")) == {"cat", "dog"}
    assert spec.answer([]) == frozenset()
    assert spec.answer(choices("cat", "removed")) == {"cat"}


def test_prelabel_of_the_most_probable_class():
    (region,) = parse_label_config(CONFIG).prelabel({"cat": 0.25, "dog": 0.75})
    assert region["value"] == {"choices": ["dog"]}
    assert (region["from_name"], region["to_name"], region["type"]) == ("label", "image", "choices")
    assert region["score"] == 0.75


def test_prelabel_of_multiple_choice():
    spec = parse_label_config(MULTIPLE)
    (region,) = spec.prelabel({"cat": 0.9, "dog": 0.6})
    assert (region["value"]["choices"], region["score"]) == (["cat", "dog"], 0.6)
    assert spec.prelabel({"cat": 0.2, "dog": 0.5}) == []


def test_what_is_less_probable_than_asked_for_is_not_prelabelled():
    spec = parse_label_config(CONFIG)
    assert spec.prelabel({"cat": 0.4, "dog": 0.6}, above=0.7) == []
    assert spec.prelabel({"cat": 0.3, "dog": 0.7}, above=0.7) != []
    (region,) = parse_label_config(MULTIPLE).prelabel({"cat": 0.9, "dog": 0.6}, above=0.7)
    assert (region["value"]["choices"], region["score"]) == (["cat"], 0.9)


def test_the_config_says_how_it_asks():
    (question,) = parse_label_config(CONFIG).questions
    assert not question.presence.required
    assert question.presence.controls == {"label"}
    assert parse_label_config(EXAMPLE).questions[0].presence.required


def test_prelabel_after_the_classes_changed():
    spec = parse_label_config(CONFIG)
    (region,) = spec.prelabel({"dog": 0.3, "a class that is gone": 0.7})
    assert (region["value"]["choices"], region["score"]) == (["dog"], 0.3)
    assert spec.prelabel({}) == []


TWO = (
    '<View><Image name="image" value="$image"/>'
    '<Choices name="species" toName="image"><Choice value="cat"/><Choice value="dog"/></Choices>'
    '<Choices name="seen" toName="image" choice="multiple"><Choice value="cat"/><Choice value="eye"/>'
    '</Choices><Rating name="quality" toName="image" maxRating="3"/></View>'
)


def test_several_controls_are_learnt_together():
    spec = parse_label_config(TWO)
    assert controls_of(spec) == ["species", "seen", "quality"]
    assert [head.likelihood for head in spec.heads] == ["categorical", "bernoulli", "categorical"]
    assert spec.classes == (
        "species: cat", "species: dog", "seen: cat", "seen: eye", "quality: 1", "quality: 2",
        "quality: 3",
    )  # fmt: skip
    assert spec.learnt == "species; seen; quality"


def test_what_an_annotation_says_of_several_controls():
    spec = parse_label_config(TWO)
    stars = {"from_name": "quality", "type": "rating", "value": {"rating": 2}}
    everything = spec.read(
        [*choices("dog", control="species"), *choices("eye", control="seen"), stars]
    )
    assert everything.classes == {"species: dog", "seen: eye", "quality: 2"}
    assert (everything.unasked, everything.not_learnt) == (frozenset(), None)
    some = spec.read(choices("dog", control="species"))
    assert some.classes == {"species: dog"}  # and nothing is seen: that was asked
    assert some.unasked == {"quality: 1", "quality: 2", "quality: 3"}
    assert some.not_learnt is None


def test_prelabels_of_several_controls():
    spec = parse_label_config(TWO)
    known = {"species: dog": 0.7, "species: cat": 0.3, "seen: cat": 0.8, "quality: 3": 0.4}
    regions = spec.prelabel(known)
    assert [region["from_name"] for region in regions] == ["species", "seen", "quality"]
    assert len({region["id"] for region in regions}) == 3
    assert [region["value"] for region in regions] == [
        {"choices": ["dog"]}, {"choices": ["cat"]}, {"rating": 3},
    ]  # fmt: skip
    assert [region["from_name"] for region in spec.prelabel(known, above=0.75)] == ["seen"]
    assert spec.answer(regions) == {"species: dog", "seen: cat", "quality: 3"}
