"""`<Rating>`: what it offers, and how results spell it."""

import pytest
from defusedxml.ElementTree import fromstring

from fishermask_backend.controls import Misfit, Rating, Unreadable


def rating(more=""):
    return Rating.of(fromstring(f"<Rating {more}/>"))


def test_classes_are_numbers_of_stars():
    assert rating().classes == ("1", "2", "3", "4", "5")
    assert rating('maxRating="3"').classes == ("1", "2", "3")
    assert rating().write(["4"]) == {"rating": 4}


@pytest.mark.parametrize(("value", "named"), [(3, ["3"]), (3.0, ["3"]), (0, []), (12, ["12"])])
def test_values(value, named):
    assert rating().read({"rating": value}) == named


@pytest.mark.parametrize("value", [None, True, 2.5, "3", [3], float("nan"), float("inf")])
def test_values_that_are_no_number_of_stars(value):
    with pytest.raises(Unreadable, match="not a whole number of stars"):
        rating().read({"rating": value})


@pytest.mark.parametrize("value", [10**400, -(10**400), 10**4000, 1e300])
def test_numbers_too_large_to_be_written_out(value):
    with pytest.raises(Unreadable, match="a number beyond 1000000, not one of stars"):
        rating().read({"rating": value})


@pytest.mark.parametrize("stars", ["1", "0", "-5", "101", "many", "1e3", "99999"])
def test_stars_that_cannot_be_learnt(stars):
    with pytest.raises(Misfit, match=f'has maxRating="{stars}"; 2 to 100'):
        rating(f'maxRating="{stars}"')


def test_the_server_reads_five_stars_in_another_letter_case():
    with pytest.raises(Misfit, match='needs maxRating="7" in this letter case'):
        rating('maxrating="7"')
