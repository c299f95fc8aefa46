import pytest

from fishermask_backend.extra_headers import read_headers
from fishermask_backend.settings import BadSettings


def test_headers_are_an_object():
    assert read_headers("") == {}
    told = '{"CF-Access-Client-Id": "a.access", "CF-Access-Client-Secret": "b, c=d"}'
    assert read_headers(told) == {
        "CF-Access-Client-Id": "a.access",
        "CF-Access-Client-Secret": "b, c=d",
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("X-Gate: s3cret", "a JSON object like"),
        ("[" * 3000, "a JSON object like"),
        ('["X-Gate", "s3cret"]', "a JSON object like"),
        ('{"X Gate": "s3cret"}', "'X Gate' is not a header's name"),
        ('{"": "s3cret"}', "'' is not a header's name"),
        ('{"X-Gate": 3}', "the value of X-Gate"),
        ('{"X-Gate": ""}', "the value of X-Gate"),
        ('{"X-Gate": "s3cret\\r\\nHost: evil"}', "the value of X-Gate"),
        ('{"X-Gate": "s3crét"}', "the value of X-Gate"),
        ('{"authorization": "Basic s3cret"}', "Authorization carries Label Studio's own key"),
        ('{"Host": "s3cret"}', "Host is set by each request itself"),
    ],
)
def test_what_cannot_be_sent_is_refused_and_not_repeated(configured, text, told):
    with pytest.raises(ValueError, match=told):
        read_headers(text)
    with pytest.raises(BadSettings, match=r"LABEL_STUDIO_HEADERS=\(hidden\): ") as refused:
        configured(LABEL_STUDIO_HEADERS=text)
    assert "s3cr" not in str(refused.value)


def test_no_secret_in_the_settings_repr(configured):
    assert "s3cret" not in repr(configured(LABEL_STUDIO_HEADERS='{"X-Gate": "s3cret"}'))
