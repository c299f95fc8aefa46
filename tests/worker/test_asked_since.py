"""Since when a config asks what it asks."""

from fishermask_backend.controls.reading import CONTROL_ITSELF
from fishermask_backend.worker.asked_since import asked_since


def config(*classes, more="", beside=""):
    inside = "".join(f'<Choice value="{name}"/>' for name in classes)
    return (
        f'<View><Image name="image" value="$image"/>{beside}<Choices name="label" toName="image" '
        f'choice="multiple" {more}>{inside}</Choices></View>'
    )


QUALITY = '<Choices name="quality" toName="image"><Choice value="1"/><Choice value="2"/></Choices>'


def test_what_is_seen_first_was_always_asked():
    found = asked_since(config("a", "b", beside=QUALITY), None, 5.0)
    assert found == {
        "label": {"a": 0.0, "b": 0.0, CONTROL_ITSELF: 0.0},
        "quality": {"1": 0.0, "2": 0.0, CONTROL_ITSELF: 0.0},
    }


def test_what_comes_later_is_asked_since_then():
    first = asked_since(config("a"), None, 5.0)
    second = asked_since(config("a", "b"), first, 10.0)
    third = asked_since(config("a", "b", beside=QUALITY), second, 20.0)
    assert third["label"] == {"a": 0.0, "b": 10.0, CONTROL_ITSELF: 0.0}
    assert third["quality"] == {"1": 20.0, "2": 20.0, CONTROL_ITSELF: 20.0}


def test_what_was_gone_meanwhile_begins_anew():
    first = asked_since(config("a", "b"), None, 5.0)
    without = asked_since(config("a"), first, 10.0)
    assert asked_since(config("a", "b"), without, 20.0)["label"]["b"] == 20.0


def test_what_was_hidden_is_asked_of_everybody_since_it_is_not():
    first = asked_since(config("a", more='visibleWhen="choice-selected"'), None, 5.0)
    assert first["label"] == {"a": 0.0}
    assert asked_since(config("a"), first, 10.0)["label"] == {"a": 0.0, CONTROL_ITSELF: 10.0}


def test_what_cannot_be_learnt_asks_nothing():
    assert asked_since("", None, 5.0) == asked_since("<View/>", {"label": {}}, 5.0) == {}
    dynamic = '<View><Image name="i" value="$i"/><Choices name="c" toName="i" value="$o"/></View>'
    assert asked_since(dynamic, None, 5.0) == {}
