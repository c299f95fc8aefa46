"""A = λI + Σ XᵀX, the information so far, and how well its inverse can be known."""

import logging

import torch
from torch import Tensor

log = logging.getLogger(__name__)

CONDITION = 5e7  # of A, above which its inverse's errors decide picks


class Accumulated:
    """A (d, d), symmetric. Steps are noted and added up when A is wanted."""

    def __init__(self, labelled: Tensor, ridge: float) -> None:
        """Set up A = λI + `labelled` (d, d), which is changed."""
        self._A, self._ridge = labelled, ridge
        self._A.diagonal().add_(ridge)
        self._diagonal = self._A.diagonal().clone()
        self._since: list[tuple[Tensor, float]] = []
        self._warned = False

    def add(self, X: Tensor, sign: float) -> None:
        """Add sign · XᵀX, X (r, d)."""
        self._since.append((X, sign))
        self._diagonal.add_(X.square().sum(0), alpha=sign)

    def cholesky(self) -> Tensor:
        """Return L with A = LLᵀ; where rounding has eaten the ridge, of a slightly larger A."""
        if self._since:
            X = torch.cat([X for X, _ in self._since])
            signed = torch.cat([X * sign for X, sign in self._since])
            self._A.addmm_(signed.T, X)
            self._since = []
        A = self._A
        factor: Tensor
        factor, failed = torch.linalg.cholesky_ex(A)
        more = torch.finfo(A.dtype).eps * float(A.diagonal().sum())
        while failed:
            log.warning(
                "The ridge is lost in the rounding of A: %.1e is added to its diagonal.", more
            )
            factor, failed = torch.linalg.cholesky_ex(A + more * torch.eye(len(A)).to(A))
            more *= 10
        return factor

    @property
    def condition(self) -> float:
        """The largest entry of the diagonal, in λ."""
        return float(self._diagonal.max()) / self._ridge if len(self._diagonal) else 1.0

    def ill_conditioned(self) -> bool:
        """Return whether A⁻¹ is too inexact to be updated; logged once."""
        condition = self.condition
        if condition < CONDITION:
            return False
        if not self._warned:
            log.warning(
                "The ridge λ = %.1e is small beside the information, %.1e: P and Q are computed "
                "afresh at every pick, which is slow. A larger ridge is fast.",
                self._ridge, condition * self._ridge,
            )  # fmt: skip
        self._warned = True
        return True
