"""scikit-activeml's strategies behind the one interface, and how it is told that it is missing."""

import importlib.util
import subprocess
import sys

import pytest
import torch
from torch import nn

from fishermask_backend import allowed_values
from fishermask_backend.allowed_values import ONE_CLASS, PACKAGED
from fishermask_backend.errors import UnsupportedLabelConfig
from fishermask_backend.labeling import parse_label_config
from fishermask_backend.learning.cold_start import cold_start_features
from fishermask_backend.learning.ordering import QUEUE_END
from fishermask_backend.learning.strategies import STRATEGIES, activeml
from fishermask_backend.learning.strategies.activeml import PACKAGE, PackageFailed, last_inputs
from fishermask_backend.project_settings import read_params
from fishermask_backend.settings import BadSettings
from fishermask_backend.worker.round import run_round
from tests.conftest import CONFIG
from tests.round_problem import begun, embedded, label, lite0, ranking
from tests.trained_head import CLOSED, ENVIRONMENT, LABELLED, POOL, QUEUE, head, marks, trained

ONE = parse_label_config(CONFIG)
SEVERAL_CONFIG = CONFIG.replace("toName", 'choice="multiple" toName')
NAMES = [strategy.name for strategy in PACKAGE]


def ordered(name, given, settings):
    order = STRATEGIES[name].order(given, settings, lambda stage: None)
    places = order.scores.argsort(stable=True)[: int((order.scores < 1).sum())]
    return order, places.tolist()


def a_round(store, project, settings, name):
    """A round by a strategy, on ten labels of thirty tasks."""
    work, backbone = begun(store, project), lite0()
    work.settings = settings.model_copy(update={"strategy": name})
    label(work, {i: ["cat" if i % 2 else "dog"] for i in range(1, 11)})
    with embedded(work, backbone) as inputs:
        return run_round(work, ONE, backbone, inputs), work


def test_the_setting_and_the_table_name_the_same():
    assert tuple(NAMES) == PACKAGED
    assert set(ONE_CLASS) == {strategy.name for strategy in PACKAGE if strategy.asks_classifier}


@pytest.mark.parametrize("name", NAMES)
def test_the_queue_is_of_different_servable_images_and_the_rest_follows(configured, name):
    settings = configured(**ENVIRONMENT)
    given = trained(settings, ONE)
    order, places = ordered(name, given, settings)
    assert sorted(places) == (~CLOSED).nonzero().flatten().tolist()
    assert int((order.scores < QUEUE_END).sum()) == QUEUE
    assert ordered(name, given, settings)[1] == places
    other = ordered(name, given, configured(**{**ENVIRONMENT, "SEED": "1"}))[1]
    assert other[QUEUE:] != places[QUEUE:]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("left", [0, 1, 3])
def test_fewer_images_than_a_queue_are_all_of_it(configured, name, left):
    settings = configured(**ENVIRONMENT)
    servable = marks(*range(10, 10 + left))
    _, places = ordered(name, trained(settings, ONE, servable=servable), settings)
    assert sorted(places) == list(range(10, 10 + left))


def test_core_set_takes_the_image_furthest_from_all_taken(configured):
    settings = configured(**ENVIRONMENT)
    given = trained(settings, ONE)
    X = last_inputs(given).double()
    taken, expected = LABELLED.nonzero().flatten().tolist(), []
    for _ in range(QUEUE):
        nearest = torch.cdist(X, X[taken]).amin(1).masked_fill(CLOSED, -1)
        expected.append(int(nearest.argmax()))
        taken.append(expected[-1])
    assert ordered("coreset", given, settings)[1][:QUEUE] == expected


def test_badge_begins_with_the_largest_gradient_of_the_last_layer(configured):
    settings = configured(**ENVIRONMENT)
    given = trained(settings, ONE)
    norms = []
    for row in given.rows:
        given.model.zero_grad()
        logits = given.model(row[None])
        nn.functional.cross_entropy(logits, logits.argmax(1)).backward()
        norms.append(float(given.model[-1].weight.grad.norm()))
    best = torch.tensor(norms).masked_fill(CLOSED, -1).argmax()
    assert ordered("badge", given, settings)[1][0] == int(best)


def test_the_last_layer_s_inputs_are_what_it_is_given(configured):
    given = trained(configured(**ENVIRONMENT), ONE)
    torch.testing.assert_close(last_inputs(given), given.model[:-1](given.rows))
    assert activeml.images(given).norm(dim=1).tolist() == pytest.approx([1.0] * POOL)
    assert torch.equal(cold_start_features(given.rows), given.rows)


def test_a_large_pool_is_looked_at_in_part_and_said_so(configured, monkeypatch):
    monkeypatch.setattr(activeml, "LARGEST", 12)
    settings = configured(**ENVIRONMENT)
    order, places = ordered("coreset", trained(settings, ONE), settings)
    assert sorted(places) == (~CLOSED).nonzero().flatten().tolist()
    assert order.notes == [
        "STRATEGY=coreset: scikit-activeml picks the queue from 12 of 34 unlabelled images, drawn at "
        "random."
    ]


@pytest.mark.parametrize("name", NAMES)
def test_features_without_a_value_stop_nothing(configured, name):
    settings = configured(**ENVIRONMENT)
    given = trained(settings, ONE)
    given.rows[[7, 20]] = torch.nan
    assert len(ordered(name, given, settings)[1]) == POOL - int(CLOSED.sum())


def test_what_the_package_raises_is_a_sentence(configured, monkeypatch):
    import skactiveml.pool

    def query(*_, **__):
        raise UnboundLocalError("cluster_id")

    monkeypatch.setattr(skactiveml.pool.TypiClust, "query", query)
    settings = configured(**ENVIRONMENT)
    with pytest.raises(PackageFailed, match=r"STRATEGY=typiclust: .*UnboundLocalError: cluster_id"):
        ordered("typiclust", trained(settings, ONE), settings)


@pytest.mark.parametrize("name", ["coreset", "typiclust", "probcover"])
def test_several_classes_an_image_are_nothing_to_those_that_ask_no_classifier(configured, name):
    settings = configured(**ENVIRONMENT, STRATEGY=name)
    spec = settings.read_config(SEVERAL_CONFIG)
    assert len(ordered(name, trained(settings, spec), settings)[1]) == POOL - int(CLOSED.sum())


@pytest.mark.parametrize("name", ONE_CLASS)
def test_several_classes_an_image_are_refused_where_the_config_is_read(configured, name):
    settings = configured(STRATEGY=name)
    assert settings.read_config(CONFIG).classes == ("cat", "dog")
    with pytest.raises(UnsupportedLabelConfig, match=f"STRATEGY={name} knows one class an image"):
        settings.read_config(SEVERAL_CONFIG)


@pytest.mark.parametrize("name", NAMES)
def test_a_round_by_it_leaves_nothing_to_place_later_tasks_by(store, project, configured, name):
    settings = configured(STRATEGY=name, BATCH_SIZE="3", QUEUE_MARGIN="2")
    made, work = a_round(store, project, settings, name)
    assert (made.acquisition, made.state, made.scorer) == (name, "computed", None)
    assert sorted(ranking(work, made)[0]) == list(range(11, 31))


def test_the_package_is_imported_by_those_who_choose_alone():
    script = (
        "import sys; from fishermask_backend.settings import Settings; Settings(strategy='badge');"
        "import fishermask_backend.learning.strategies, fishermask_backend.worker.step;"
        "import fishermask_backend.web.app;"
        "print('skactiveml' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.stdout == "False\n", ended.stderr


def test_where_the_package_is_missing_the_setting_is_refused(configured, monkeypatch):
    def find_spec(name):
        return None if name == "skactiveml" else importlib.util.find_spec(name)

    monkeypatch.setattr(allowed_values, "find_spec", find_spec)
    with pytest.raises(BadSettings) as refused:
        configured(STRATEGY="badge")
    assert str(refused.value) == (
        "STRATEGY='badge': it is one of scikit-activeml's, which is not installed: "
        "pip install 'fishermask-backend[strategies]'."
    )
    with pytest.raises(Exception, match="which is not installed"):
        read_params({"strategy": "typiclust"})
    assert read_params({"strategy": "margin"}) == {"strategy": "margin"}


# CONTRIBUTING's recipe: another of the package's is a line


def test_another_strategy_of_the_package_is_a_line(store, project, configured, monkeypatch):
    herding = activeml.Packaged("maxherding", "MaxHerding", activeml.images)
    monkeypatch.setitem(STRATEGIES, herding.name, herding)
    made, work = a_round(store, project, configured(BATCH_SIZE="3", QUEUE_MARGIN="2"), "maxherding")
    assert made.acquisition == "maxherding"
    first = ranking(work, made)[0][:5]
    settings = configured(**ENVIRONMENT)
    _, places = ordered("maxherding", trained(settings, ONE, head(2)), settings)
    assert sorted(places) == (~CLOSED).nonzero().flatten().tolist()
    assert len(set(first)) == 5
