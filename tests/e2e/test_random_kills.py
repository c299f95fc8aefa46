"""Nothing is lost when processes are killed at random moments; the long form is `tests.soak.kills`."""

from pathlib import Path

import pytest

from fishermask_backend.demo.server import LabelStudioServer
from tests.e2e.people import Person
from tests.soak.aftermath import FLAWS, flaws
from tests.soak.kills import Soak, moments


def test_a_seed_stands_for_its_moments():
    assert moments(3, 30) == moments(3, 30) != moments(4, 30)
    assert {m.stage for m in moments(3, 6)} == {m.stage for m in moments(4, 30)}


def test_every_flaw_is_named():
    right = {"active_rounds": 1, "active_queues": 1, "served": True, "scores_match": True}
    found = {**right, **dict.fromkeys(FLAWS, 0)}
    assert flaws(found) == {}
    for name in found:
        wrong = {name: 2 if name in right else [7]}
        assert flaws(found | wrong) == wrong


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_nothing_is_lost_or_left_behind(
    label_studio: LabelStudioServer,
    owner: Person,
    tmp_path: Path,
    database: str,
    request: pytest.FixtureRequest,
):
    other = database == "postgresql"
    more = {"DATABASE_URL": request.getfixturevalue("postgresql")} if other else {}
    soak = Soak(label_studio, owner, tmp_path, seed=2, **more)
    found = soak.run(kills=3, rounds=2, outages=not other)
    assert flaws(found) == {}
    assert len(found["kills"]) == 3
    assert found["rounds"] >= 2
