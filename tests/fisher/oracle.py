"""The definitions, as slowly and plainly as they can be written: no batches, no update rules."""

import math

import torch
from torch import Tensor, nn


def trained(model: nn.Module) -> list[nn.Parameter]:
    return [p for p in model.parameters() if p.requires_grad]


def gradient(scalar: Tensor, model: nn.Module) -> Tensor:
    """d scalar/dθ (P,), by autograd on everything."""
    parts = torch.autograd.grad(
        scalar, trained(model), retain_graph=True, materialize_grads=True, allow_unused=True
    )
    return torch.cat([part.flatten() for part in parts])


def image_factor(model: nn.Module, image: Tensor, weighting: str, likelihood: str) -> Tensor:
    """V (C, P) of one image, over all parameters."""
    logits = model(image.unsqueeze(0))[0]
    rows = []
    for c in range(len(logits)):
        if likelihood == "categorical":
            weight, row = logits.softmax(0)[c], gradient(logits.log_softmax(0)[c], model)
        else:
            p = logits[c].sigmoid()
            weight, row = p * (1 - p), gradient(logits[c], model)
        rows.append(row * weight.detach().sqrt() if weighting == "expected" else row)
    return torch.stack(rows)


def slow_factors(
    model: nn.Module, images: Tensor, weighting: str = "expected", likelihood: str = "categorical"
) -> Tensor:
    """V (N, C, P), image by image."""
    model.eval()
    return torch.stack([image_factor(model, image, weighting, likelihood) for image in images])


def slow_diagonal(model: nn.Module, images: Tensor, likelihood: str = "categorical") -> Tensor:
    """D (P,), the mean of the diagonals of VᵀV."""
    model.eval()
    total = torch.zeros(sum(p.numel() for p in trained(model)), dtype=images.dtype)
    for image in images:
        V = image_factor(model, image, "expected", likelihood)
        total += (V**2).sum(0)
    return total / len(images)


def objective(A: Tensor, pool_fisher: Tensor) -> float:
    """tr[A⁻¹ I_U]."""
    return float(torch.trace(torch.linalg.inv(A) @ pool_fisher))


class SlowSelection:
    """BAIT's greedy selection with a dense inverse for every image at every pick, float64."""

    def __init__(
        self,
        V: Tensor,
        labelled: Tensor,
        K: int,
        ridge: float = 1.0,
        backward_steps: float = 0.0,
        pick_weight: str = "batch",
        answered: Tensor | None = None,
        target: Tensor | None = None,
    ):
        """Pick; `answered` (N, C) bool tells which rows of a labelled image its label speaks of."""
        V = V.double()
        N, _, d = V.shape
        L = int(labelled.sum())
        each = [1.0] * N if target is None else target.tolist()
        weighed = (w * v.T @ v for w, v in zip(each, V, strict=True))
        self.pool_fisher = sum(weighed, torch.zeros(d, d).double()) / sum(each)
        self.A = ridge * torch.eye(d, dtype=torch.float64)
        known = V if answered is None else V * answered[:, :, None]
        for v in known[labelled]:
            self.A += v.T @ v / (L + K)
        self.X = V * math.sqrt((K if pick_weight == "batch" else 1) / (L + K))
        self.picked: list[int] = []
        self.objectives = [objective(self.A, self.pool_fisher)]
        self.open = [n for n in range(N) if not labelled[n]]
        for _ in range(min(math.floor((backward_steps + 1) * K), len(self.open))):
            self.pick(first_best([self.gain(n) for n in self.open], self.open))
        while len(self.picked) > K:
            self.drop(first_best([-self.loss(n) for n in self.picked], self.picked))

    def gain(self, n: int) -> float:
        """tr[X A⁻¹ I_U A⁻¹ Xᵀ (I + X A⁻¹ Xᵀ)⁻¹]."""
        X, inverse = self.X[n], torch.linalg.inv(self.A)
        S = torch.linalg.inv(torch.eye(len(X)) + X @ inverse @ X.T)
        return float(torch.trace(X @ inverse @ self.pool_fisher @ inverse @ X.T @ S))

    def loss(self, n: int) -> float:
        """−tr[X A⁻¹ I_U A⁻¹ Xᵀ (−I + X A⁻¹ Xᵀ)⁻¹]."""
        X, inverse = self.X[n], torch.linalg.inv(self.A)
        S = torch.linalg.inv(-torch.eye(len(X)) + X @ inverse @ X.T)
        return -float(torch.trace(X @ inverse @ self.pool_fisher @ inverse @ X.T @ S))

    def pick(self, n: int) -> None:
        self.A += self.X[n].T @ self.X[n]
        self.picked.append(n)
        self.open.remove(n)
        self.objectives.append(objective(self.A, self.pool_fisher))

    def drop(self, n: int) -> None:
        self.A -= self.X[n].T @ self.X[n]
        self.picked.remove(n)
        self.open.append(n)
        self.objectives.append(objective(self.A, self.pool_fisher))


def first_best(values: list[float], names: list[int]) -> int:
    """The lowest name among the largest values; what rounding can tell apart is not equal."""
    top = max(values)
    return min(
        name
        for name, value in zip(names, values, strict=True)
        if value >= top - 1e-10 * max(abs(top), 1e-300)
    )
