"""The pools that are selected from: a small head on clustered features, as a round has them."""

import torch
from torch import Tensor, nn

from fishermask_backend.fisher import fisher_diagonal, fisher_mask, masked_factors

FEATURES, HIDDEN = 1280, 64  # of the default backbone, and its head's


def clustered_features(count: int, classes: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Features (N, 1280) around class centres, and the classes (N,)."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn((classes, FEATURES), generator=generator)
    labels = torch.randint(classes, (count,), generator=generator)
    features = torch.randn((count, FEATURES), generator=generator)
    for part in torch.arange(count).split(4096):
        features[part] += 0.5 * centres[labels[part]]
    return features, labels


def trained_head(features: Tensor, labels: Tensor, classes: int) -> nn.Module:
    """The default backbone's head, trained for a moment on some labels."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(FEATURES, HIDDEN), nn.ReLU(), nn.Dropout(0.2), nn.Linear(HIDDEN, classes)
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(100):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(features), labels).backward()
        optimizer.step()
    return model.eval()


def pool(
    count: int, classes: int, dim: int, labelled: int = 100, device: str = "cpu"
) -> tuple[Tensor, Tensor]:
    """Factors V (N, C, d) of a pool, d as asked for, and which images are labelled (N,)."""
    features, labels = clustered_features(count, classes)
    known = torch.zeros(count, dtype=torch.bool)
    known[torch.randperm(count, generator=torch.Generator().manual_seed(1))[:labelled]] = True
    model = trained_head(features[known], labels[known], classes).to(device)
    diagonal = fisher_diagonal(model, features[:2000])
    inner = dim - classes * (HIDDEN + 1)
    mask = fisher_mask(diagonal, model, inner=inner)
    return masked_factors(model, features.to(device), mask), known.to(device)
