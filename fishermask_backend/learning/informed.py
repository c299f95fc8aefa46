"""Heads that know the unlabelled pool, and are as sure as they are right.

Each head of a network over fixed features is given an offset (`neighbours.py`), and both are scaled by
what held-out labels say (`calibration.py`). Networks trained whole stay as they are: their features
change with every round, and held-out labels would take a training each.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fishermask_backend.learning.calibration import Calibration, calibration
from fishermask_backend.learning.folds import folds
from fishermask_backend.learning.heads import parts_of, with_offsets
from fishermask_backend.learning.neighbours import Graph, Neighbours, evidence, seeds_of
from fishermask_backend.learning.objectives import OBJECTIVES, Taught
from fishermask_backend.learning.stacked import fit_stack

REFERENCE = 8192  # images that others are compared with, at most
FEWEST = 10  # labels, below which none is held out
ENOUGH = 150  # held out, for two numbers; each fifth of them takes a training


def informed(
    model: nn.Module,
    rows: Tensor,
    labelled: Tensor,
    taught: Sequence[Taught],
    seed: int,
    trust: Sequence[Calibration] = (),
) -> tuple[nn.Module, tuple[Calibration, ...]]:
    """Return a network over a frozen backbone with what the pool tells of each of its heads.

    Args:
        model: As `fit_heads` returns it; its heads' last layers are scaled.
        rows: (N, F) the pool.
        labelled: (N,) bool, those that it was trained on.
        taught: What each head was taught of them.
        seed: Of the draw of images to compare with, and of folds.
        trust: What each head and its evidence count; empty: as held-out labels say.

    Returns:
        The network, and what each of its heads and its evidence count.
    """
    device = next(model.parameters()).device
    places = labelled.nonzero().flatten()
    generator = torch.Generator().manual_seed(seed)
    kept = torch.randperm(len(places), generator=generator)[:REFERENCE].sort().values
    others = (~labelled).nonzero().flatten()
    drawn = torch.randperm(len(others), generator=generator)[: REFERENCE - len(kept)]
    scale, heads = parts_of(model)
    reference = torch.cat([places[kept], others[drawn]])
    if len(reference) < 2:
        return model, ()
    with torch.no_grad():
        features = scale(rows[reference].to(device))
        graph = Graph(features, seed)
        known = [_some(own, kept).to(device) for own in taught]
        trust = tuple(trust) or tuple(_trust(features, graph, own, seed) for own in known)
        offsets = [_offset(*each, graph) for each in zip(heads, known, trust, strict=True)]
    return with_offsets(model, offsets), trust


def _some(taught: Taught, kept: Tensor) -> Taught:
    """Return what is taught of some of the rows."""
    targets = taught.spread[kept][taught.known[kept]]
    return Taught(taught.likelihood, taught.num_classes, taught.known[kept], targets)


def _offset(head: nn.Module, taught: Taught, trust: Calibration, graph: Graph) -> Neighbours:
    """Scale a head, and return what is added to its logits.

    Args:
        head: Its last layer is scaled.
        taught: What it was taught of the labelled images.
        trust: What it and the evidence count.
        graph: Of the images to compare with, labelled ones first.
    """
    *_, last = head.children()
    for parameter in last.parameters():
        parameter.mul_(trust.scale)
    mass = _mass(graph, taught.known.nonzero().flatten(), taught.targets, taught.num_classes)
    images = graph.directions.clone(), graph.units.clone()  # heads share no tensor in a file
    return Neighbours(*images, mass, trust.scale * trust.strength)


def _trust(features: Tensor, graph: Graph, taught: Taught, seed: int) -> Calibration:
    """Return what a head and its evidence count, by labels that were held out in turn.

    Args:
        features: (M, F) of the images to compare with, labelled ones first.
        graph: Of them.
        taught: What the labelled ones are labelled as.
        seed: Of the folds.
    """
    targets, C = taught.targets, taught.num_classes
    if len(targets) < FEWEST:
        return Calibration()
    places = taught.known.nonzero().flatten()
    own = features[places]
    parts = folds([str(label) for label in targets.tolist()], seed)
    parts = parts[: max(2, math.ceil(ENOUGH / len(parts[-1])))]
    learnt = torch.ones((len(parts), len(targets)), dtype=torch.bool, device=targets.device)
    for fold, part in enumerate(parts):
        learnt[fold, part] = False
    objective = OBJECTIVES[taught.likelihood]
    with torch.enable_grad():
        stack = fit_stack(own, targets, objective, learnt, classes=C, seed=seed)
    logits, heard, named = [], [], []
    for found, known in zip(stack(own), learnt, strict=True):
        mass = _mass(graph, places[known], targets[known], C)
        logits.append(found[~known])
        heard.append(evidence(graph.heard(mass)[places[~known]]))
        named.append(targets[~known])
    return calibration(torch.cat(logits), torch.cat(heard), torch.cat(named), objective)


def _mass(graph: Graph, places: Tensor, targets: Tensor, classes: int) -> Tensor:
    """Return what reaches each image of a graph from those at some places, as they are labelled."""
    seeds = seeds_of(targets, classes)
    every = seeds.new_zeros((len(graph.units), *seeds.shape[1:]))
    every[places] = seeds
    return graph.spread(every)
