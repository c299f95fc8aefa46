"""Every error of the package is one of the domain: a sentence on the command line and over HTTP."""

import importlib
import pkgutil

import click
import pytest

import fishermask_backend
from fishermask_backend.errors import BadRequest, FisherMaskError, UnsupportedLabelConfig
from fishermask_backend.web.app import create_app


def own_errors():
    """The public exception classes of all modules."""
    for module in pkgutil.walk_packages(fishermask_backend.__path__, "fishermask_backend."):
        if "migrations" in module.name or module.name.endswith("__main__"):
            continue
        for value in vars(importlib.import_module(module.name)).values():
            if (
                isinstance(value, type)
                and issubclass(value, Exception)
                and value.__module__ == module.name
                and not value.__name__.startswith("_")
            ):
                yield value


def test_errors_are_of_the_domain():
    strange = [
        error.__name__
        for error in own_errors()
        if not issubclass(error, (FisherMaskError, click.ClickException))
    ]
    assert strange == []


@pytest.mark.parametrize("error", sorted(set(own_errors()), key=lambda e: e.__name__))
def test_errors_say_what_they_mean(error):
    assert error.__doc__


@pytest.mark.parametrize(
    ("error", "status"), [(BadRequest, 400), (UnsupportedLabelConfig, 422), (FisherMaskError, 503)]
)
def test_errors_are_answered(settings, error, status):
    app = create_app()

    def fail():
        raise error("What happened. What to do.")

    app.add_url_rule("/fails", view_func=fail)
    answer = app.test_client().get("/fails")
    assert answer.status == f"{status} What happened. What to do."
    assert answer.json == {"error": "What happened. What to do."}
