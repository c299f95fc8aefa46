"""What every strategy does, and how a new one is added."""

from dataclasses import dataclass
from itertools import pairwise
from typing import get_args

import pytest
import torch

from fishermask_backend.labeling import parse_label_config
from fishermask_backend.learning.ordering import QUEUE_END, Order, evenly_spaced
from fishermask_backend.learning.strategies import STRATEGIES, load_scorer
from fishermask_backend.learning.strategies.activeml import PACKAGE
from fishermask_backend.learning.strategies.random import RANDOM
from fishermask_backend.learning.strategies.strategy import Strategy
from fishermask_backend.learning.tensors import TensorsUnusable, save_tensors
from fishermask_backend.settings import Settings
from fishermask_backend.store import pool, rounds
from fishermask_backend.store.schema import Round
from fishermask_backend.worker.round import run_round
from fishermask_backend.worker.schedule import round_due
from fishermask_backend.worker.scoring import score_new_tasks
from tests.conftest import CONFIG
from tests.round_problem import POOL, begun, embedded, label, lite0, ranking
from tests.trained_head import CLOSED, ENVIRONMENT, QUEUE, features, head, trained

ONE = parse_label_config(CONFIG)
SEVERAL = parse_label_config(CONFIG.replace("toName", 'choice="multiple" toName'))
LATER = range(26, POOL + 1)  # tasks that come after the round
PACKAGED = {strategy.name for strategy in PACKAGE}
OWN = [name for name in STRATEGIES if name not in PACKAGED]  # which place later tasks by gain


@pytest.fixture(params=[ONE, SEVERAL], ids=["one", "several"])
def spec(request):
    return request.param


@pytest.fixture(scope="module")
def backbone():
    return lite0()


@pytest.fixture
def labelled(store, project, configured):
    """A step on a project with ten labels and 25 embedded tasks, by some strategy."""

    def make(name):
        configured(STRATEGY=name, BATCH_SIZE="3", QUEUE_MARGIN="2", MASK_INNER="10")
        work = begun(store, project)
        set_rows(work, dict.fromkeys(LATER))
        label(work, {i: ["cat" if i % 2 else "dog"] for i in range(1, 11)})
        return work

    return make


def set_rows(work, rows):
    with work.store.begin() as session:
        for i, task in pool.tasks_by_id(session, work.project_id, list(rows)).items():
            task.row = rows[i]


def serve(work, made):
    """Let a round serve, and embed the later tasks."""
    with work.store.begin() as session:
        rounds.activate(session, made.id)
    set_rows(work, {i: i - 1 for i in LATER})


def test_the_setting_offers_what_there_is():
    assert [*STRATEGIES] == [*get_args(Settings.model_fields["strategy"].annotation)]


@pytest.mark.parametrize("name", OWN)
def test_a_round_is_named_for_its_strategy_and_places_later_tasks(labelled, spec, backbone, name):
    work = labelled(name)
    with embedded(work, backbone) as inputs:
        made = run_round(work, spec, backbone, inputs)
        assert (made.acquisition, made.state) == (name, "computed")
        assert {"read", "train", "order", "save"} <= made.seconds.keys()
        ordered, scores = ranking(work, made)
        assert sorted(ordered) == list(range(11, 26))
        assert [scores[i].score < QUEUE_END for i in ordered] == [True] * 5 + [False] * 10
        rest = [scores[i].gain for i in ordered[5:]]
        assert all(before >= after for before, after in pairwise(rest))
        serve(work, made)
        assert not score_new_tasks(work, backbone, inputs)
    _, scores = ranking(work, made)
    assert all(QUEUE_END <= scores[i].score <= 1.0 for i in LATER)
    assert all(rounds.class_probabilities(made, scores[i]).keys() == {"cat", "dog"} for i in LATER)
    for i in LATER:  # behind all that gain more, before all that gain less
        place = QUEUE_END + QUEUE_END * sum(gain > scores[i].gain for gain in rest) / len(rest)
        assert scores[i].score == pytest.approx(place)


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_round_whose_files_are_lost_becomes_due_again(labelled, backbone, name):
    work = labelled(name)
    with embedded(work, backbone) as inputs:
        made = run_round(work, ONE, backbone, inputs)
    assert round_due(work, ONE, backbone.key) is None
    with work.store.begin() as session:
        rounds.lose_files(session, made.id, "a disk broke")
    assert "cannot be read" in round_due(work, ONE, backbone.key).reason


@pytest.mark.parametrize("name", OWN)
def test_a_stored_scorer_gives_the_same_gains(configured, spec, tmp_path, name):
    settings = configured(**ENVIRONMENT)
    given = trained(settings, spec)
    order = STRATEGIES[name].order(given, settings, lambda stage: None)
    order.scorer.save(tmp_path / "scorer.safetensors")
    loaded = load_scorer(tmp_path / "scorer.safetensors")
    gains = loaded.gains(given.model, given.rows)
    expected = order.scorer.gains(given.model, given.rows)
    torch.testing.assert_close(gains, expected, rtol=1e-9, atol=0)  # one triangle is stored of each
    behind = ~CLOSED & (order.scores >= QUEUE_END)
    torch.testing.assert_close(gains[behind], order.gains[behind], rtol=1e-4, atol=1e-9)


def test_a_scorer_of_a_strategy_that_is_no_more(tmp_path):
    path = tmp_path / "scorer.safetensors"
    save_tensors(path, {}, {"strategy": "astrology"})
    with pytest.raises(TensorsUnusable, match="strategy astrology"):
        load_scorer(path)


@pytest.mark.parametrize("name", ["margin", "entropy"])
def test_the_least_certain_images_come_first(configured, spec, name):
    settings = configured(**ENVIRONMENT)
    given = trained(settings, spec)
    order = STRATEGIES[name].order(given, settings, lambda stage: None)
    unsure = 1 - (2 * given.probs - 1).abs().amin(1)  # two classes: both measures rank by it
    if spec is SEVERAL and name == "entropy":
        p = given.probs
        unsure = -(p * p.log() + (1 - p) * (1 - p).log()).sum(1)
    unsure[CLOSED] = -1
    ranking = order.scores.argsort().tolist()
    assert ranking[:QUEUE] == unsure.topk(QUEUE).indices.tolist()
    count = int((~CLOSED).sum())
    above = {i: [round(r.above * count) for r in order.reasons[i]] for i in ranking[:count]}
    half = count // 2
    assert above == {i: [count - 1 - n][: n < half] for n, i in enumerate(ranking[:count])}
    assert {r.part for reasons in order.reasons.values() for r in reasons} == {"uncertain"}


def test_random_order_depends_on_images_and_seed_alone(configured):
    def scores(seed):
        settings = configured(**{**ENVIRONMENT, "SEED": seed})
        order = RANDOM.order(trained(settings, ONE, head(2)), settings, lambda stage: None)
        return order.gains

    first, second = scores("0"), scores("1")
    assert torch.equal(first, scores("0"))
    assert not torch.equal(first, second)
    many = RANDOM.scorer({}, {"seed": "0"}).gains(head(2), features(2000))
    counts = torch.histc(many, bins=10, min=0, max=1)
    assert len(many.unique()) == 2000
    assert (counts - 200).abs().max() < 5 * 180**0.5  # five standard deviations


# CONTRIBUTING's recipe, followed to the letter


@dataclass(frozen=True)
class Oldest(Strategy):
    """The images that came first."""

    name: str = "oldest"

    def order(self, trained, settings, lap):
        ranking = trained.servable.nonzero().flatten()
        scores = evenly_spaced(ranking, len(trained.rows), settings.queue_size)
        return Order(scores, torch.zeros_like(scores))


def test_a_new_strategy_is_a_class_and_an_entry(labelled, backbone, monkeypatch):
    monkeypatch.setitem(STRATEGIES, "oldest", Oldest())
    work = labelled("random")
    work.settings = work.settings.model_copy(update={"strategy": "oldest"})
    with embedded(work, backbone) as inputs:
        made = run_round(work, ONE, backbone, inputs)
        assert (made.acquisition, made.scorer) == ("oldest", None)
        assert ranking(work, made)[0] == list(range(11, 26))
        serve(work, made)
        score_new_tasks(work, backbone, inputs)
    _, scores = ranking(work, made)
    assert all(QUEUE_END <= scores[i].score < 1.0 for i in LATER)
    assert all(rounds.class_probabilities(made, scores[i]) for i in LATER)


def test_names_fit_their_column():
    assert all(len(name) <= Round.__table__.c.acquisition.type.length for name in STRATEGIES)
    assert {name: each.name for name, each in STRATEGIES.items()} == {n: n for n in STRATEGIES}
