"""Why a gain is as large as it is: what it is the product of.

    tr[Q (I + P)⁻¹] = uncertain · unlike · many · rare · once

with u the trace of the Fisher matrix of an image's logits, r what its classes count in the target
and the traces of P and Q summed over the heads (those of the joint network, `joint.py`):

    uncertain = u                   how open the label still is
    unlike    = tr P / u            how little is known of what it depends on: leverage, by openness
    many      = Σ_h tr Q_h/r_h / tr P   what the pool asks for there, over what is known there
    rare      = tr Q / Σ_h tr Q_h/r_h   how much more it is asked for because its classes are rare
    once      = tr[Q (I + P)⁻¹] / tr Q  the part of that which one label brings, at most 1

Where factors do not tell how open a label is (`Known.apart`), u·tr P stands for tr P: unlike = tr P,
and many is what the pool asks for there, over what is known there and what is open of the image itself.
All of it is read off P and Q, which the selection has.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from fishermask_backend.fisher.information import Information, traces
from fishermask_backend.fisher.shards import Shards

PARTS = ("uncertain", "unlike", "many", "rare", "once")
COMPARED = 4  # of these, the first, tell images apart; the last says how a large P is used up
EQUAL = 1e-9  # numbers this close, relative to them, are equal: rounding decides nothing


class Known(NamedTuple):
    """What is known of a head's images beside their factors.

    Attributes:
        uncertain: The trace of the Fisher matrix of each image's logits (N,), above 0.
        rare: What each image's classes count in the target (N,), above 0, 1 in the mean.
        apart: Factors are made without it: an image informs alike, however open its label is.
    """

    uncertain: Tensor
    rare: Tensor
    apart: bool = False

    @classmethod
    def alike(cls, size: int) -> "Known":
        """Return what tells no image from another."""
        return cls(torch.ones(size), torch.ones(size))


class Parts(NamedTuple):
    """The parts of gains, in the order of PARTS; their product is the gain.

    Attributes:
        picked: Of each pick when it was made (K, 5).
        above: The share of those that could be picked then, of which each part was less (K, 4).
        left: Of each image after the batch (N, 5), picked ones too; not a number for those that could
            not be picked.
    """

    picked: Tensor
    above: Tensor
    left: Tensor


def openness(p: Tensor) -> Tensor:
    """Return the trace Σ_c p_c(1 − p_c) of the Fisher matrix of logits (N,), of either likelihood.

    Args:
        p: Class probabilities (N, C).
    """
    # Of what float32 calls certain, next to nothing is open.
    return (p * (1 - p)).sum(1).clamp_min(torch.finfo(torch.float32).eps)


def gain_parts(known: Sequence[Known], heads: Sequence[Information]) -> Tensor:
    """Return all parts but the last, and tr Q, of every candidate (M, 5).

    Args:
        known: Of each head's candidates.
        heads: Their information, as it is now.
    """
    uncertain = torch.stack([own.uncertain for own in known]).sum(0)
    P = torch.stack([_trace(*each) for each in zip(known, heads, strict=True)]).sum(0)
    of_heads = [traces(head.Q).clamp_min(0) for head in heads]
    Q = torch.stack(of_heads).sum(0)
    pairs = zip(of_heads, known, strict=True)
    alike = torch.stack([trace / own.rare for trace, own in pairs]).sum(0)
    return torch.stack([uncertain, _over(P, uncertain), _over(alike, P), _over(Q, alike), Q], dim=1)


def _trace(known: Known, head: Information) -> Tensor:
    """Return tr P of every candidate (M,); of factors without it, times how open the label is."""
    P = traces(head.P).clamp_min(0)
    return P * known.uncertain if known.apart else P


def _at(numbers: Tensor, some: Tensor, like: Tensor) -> Tensor:
    return numbers[some.to(numbers.device)].to(like)


class Explained:
    """Keeps the parts of picks as they are made."""

    def __init__(
        self, known: Sequence[Known], heads: Sequence[Information], shards: Shards
    ) -> None:
        """Take what is known.

        Args:
            known: Of each head's images (N,).
            heads: Their information.
            shards: The other processes.
        """
        self._heads, self._shards = heads, shards
        some, like = heads[0].candidates, heads[0].pool_fisher
        self._known = [
            Known(_at(own.uncertain, some, like), _at(own.rare, some, like), own.apart)
            for own in known
        ]
        self._picked: dict[int, tuple[Tensor, Tensor]] = {}

    def note(self, index: int, place: int | None, gain: float, open_: Tensor) -> None:
        """Keep the parts of the next pick, before it is made.

        Args:
            index: Its index over all processes.
            place: Among this process's candidates; None: it is another's.
            gain: What it brings.
            open_: (M,) bool, which candidates could be picked.
        """
        now = gain_parts(self._known, self._heads)
        own = self._shards.sum(now.new_zeros(now.shape[1]) if place is None else now[place].clone())
        compared = now[open_, :COMPARED]
        below = (compared < own[:COMPARED] * (1 - EQUAL)).sum(0).double()
        own[COMPARED] = _over(own.new_tensor(gain), own[COMPARED])
        self._picked[index] = own, torch.cat([below, below.new_tensor([len(compared)])])

    def parts(self, indices: Sequence[int], gains: Tensor, size: int) -> Parts:
        """Return the parts of the picks, and of this process's images as they are now.

        Args:
            indices: The picks, in order.
            gains: (M,) of the candidates.
            size: N.
        """
        now = gain_parts(self._known, self._heads)
        now[:, COMPARED] = _over(gains, now[:, COMPARED])
        left = now.new_full((size, len(PARTS)), torch.nan)
        left[self._heads[0].candidates] = now
        own = [self._picked[index] for index in indices]
        if not own:
            return Parts(now[:0], now[:0, :COMPARED], left)
        counts = self._shards.sum(torch.stack([counted for _, counted in own]))
        above = counts[:, :COMPARED] / counts[:, COMPARED:].clamp_min(1)
        return Parts(torch.stack([values for values, _ in own]), above, left)


def _over(part: Tensor, whole: Tensor) -> Tensor:
    """Return part/whole; 0 where the whole is nothing."""
    return torch.where(whole > 0, part / whole, torch.zeros_like(part))
