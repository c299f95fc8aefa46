import re
from pathlib import Path

import pytest

from fishermask_backend.settings import BadSettings, Settings, load_settings

ROOT = Path(__file__).parent.parent


def test_defaults(settings):
    assert settings.queue_size == 60
    assert settings.labels_per_round == settings.batch_size == 20
    assert settings.database.endswith("state/fishermask.db")
    assert settings.memory_allowed > 2**30


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("BATCH_SIZE", "0", "greater than or equal to 1"),
        ("DEVICE", "gpu", "cuda"),
        ("DEVICE", "mps", "Apple's GPUs have no float64, which the selection needs: use auto, cpu"),
        ("DEVICE", "mps:0", "Apple's GPUs"),
        ("IMAGE_SIZE", "15", "16 to 1024 pixels are expected, or 0 for the backbone's own"),
        ("IMAGE_SIZE", "-1", "or 0"),
        ("IMAGE_SIZE", "1025", "less than or equal to 1024"),
        ("TRAIN", "some", "'head' or 'all'"),
        ("LABEL_STUDIO_URL", "localhost:8080", "http://localhost:8080"),
        ("LABEL_STUDIO_URL", "http://[::1", "Invalid IPv6 URL"),
        ("LABEL_STUDIO_URL", "http://host/label studio", "without spaces"),
        ("BACKEND_URL", "http://host\n.example:9090", "without spaces"),
        ("LABEL_STUDIO_URL", "http://host:99999", "Port out of range"),
        ("BACKEND_URL", "backend:9090", "http://localhost:8080"),
        ("RIDGE", "-1", "greater than 0"),
        ("RIDGE", "inf", "finite"),
        ("SEED", "9223372036854775808", "less than"),
        ("PRELABELS", "maybe", "boolean"),
        ("ALLOWED_IMAGE_HOSTS", "http://minio:9000", "without http://"),
    ],
)
def test_a_bad_value_names_setting_value_and_what_is_allowed(
    settings, monkeypatch, name, value, allowed
):
    monkeypatch.setenv(name, value)
    load_settings.cache_clear()
    with pytest.raises(BadSettings) as error:
        load_settings()
    assert f"{name}={value!r}" in str(error.value)
    assert allowed in str(error.value)


def test_a_secret_is_not_repeated_in_an_error(settings, monkeypatch):
    monkeypatch.setenv("BASIC_AUTH_USER", "somebody")
    load_settings.cache_clear()
    with pytest.raises(BadSettings, match="BASIC_AUTH_PASS"):
        load_settings()


def test_a_line_break_behind_a_secret_or_an_address_is_left_out(configured):
    settings = configured(
        LABEL_STUDIO_URL=" http://labels.example/\n",
        LABEL_STUDIO_API_KEY="abc\n",
        BACKEND_URL="http://backend.example:9090\n",
    )
    assert settings.label_studio_url == "http://labels.example"
    assert settings.label_studio_api_key == "abc"
    assert settings.backend_url == "http://backend.example:9090"


@pytest.mark.parametrize("key", ["s3cret key", "s3cret\nkey", "s3cr\u00e9t"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_repeated(configured, key):
    with pytest.raises(BadSettings, match="a token has letters, digits") as refused:
        configured(LABEL_STUDIO_API_KEY=key)
    assert key not in str(refused.value)
    assert "LABEL_STUDIO_API_KEY=(hidden): " in str(refused.value)


@pytest.mark.parametrize("name", ["LABEL_STUDIO_URL", "BACKEND_URL"])
@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("https://me:s3cret@labels.example", "no place for a user name or password"),
        ("https://s3cret@labels.example/path", "no place for a user name or password"),
        ("https://me:s3/cret@labels.example", "no place for a user name or password"),
        ("labels.example:8080@s3cret", "no place for a user name or password"),
        ("https://labels.example/?token=s3cret", "without a query"),
        ("https://labels.example/#s3cret", "without a query"),
    ],
)
def test_a_password_in_an_address_is_refused_and_not_repeated(configured, name, value, told):
    with pytest.raises(BadSettings, match=told) as refused:
        configured(**{name: value})
    assert f"{name}=(hidden): " in str(refused.value)
    assert "s3" not in str(refused.value)


def test_unknown_names_in_the_env_file_are_refused(settings):
    Path(".env").write_text("BATCHSIZE=3\n")
    load_settings.cache_clear()
    with pytest.raises(BadSettings, match="BATCHSIZE"):
        load_settings()


def test_hosts_are_a_comma_separated_list(settings, monkeypatch):
    monkeypatch.setenv("ALLOWED_IMAGE_HOSTS", "minio:9000, 10.0.0.0/8")
    load_settings.cache_clear()
    assert load_settings().allowed_image_hosts == ("minio:9000", "10.0.0.0/8")


def test_every_setting_stands_in_the_readme_with_its_default_and_its_description():
    rows = re.findall(
        r"^\| `([A-Z_]+)` \| (.*?) \| (.*) \|$", (ROOT / "README.md").read_text(), re.M
    )
    assert {name: (default, description) for name, default, description in rows} == {
        name.upper(): (
            f"`{_shown(field.default)}`" if _shown(field.default) else "–",
            field.description,
        )
        for name, field in Settings.model_fields.items()
    }


def test_the_example_file_names_only_settings_that_exist():
    names = re.findall(r"^#?\s*([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M)
    assert names
    assert {name.lower() for name in names} <= set(Settings.model_fields)


def _shown(value):
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, tuple) else str(value)
