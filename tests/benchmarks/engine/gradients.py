"""`fisher_diagonal` and `masked_factors`, against a forward pass and other programs."""

import warnings
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from backpack import backpack, extend, extensions
from torch import Tensor, nn
from torch.func import functional_call, jacrev, vmap
from torchvision.models import resnet18

from fishermask_backend.fisher import fisher_diagonal, fisher_mask, masked_factors
from fishermask_backend.learning.backbones.small_cnn import small_cnn
from tests.fisher.networks import published_cnn

from .measure import interleaved, spread
from .pools import clustered_features, trained_head

CLASSES = 10
POOL = 10_000


def run(*, quick: bool) -> dict[str, Any]:
    warnings.filterwarnings("ignore", "Full backward hook")
    batch, repeats = (16, 1) if quick else (256, 15)
    torch.manual_seed(0)
    grey, colour = torch.rand(batch, 1, 28, 28), torch.rand(batch, 3, 28, 28)
    own = nn.Sequential(small_cnn(28), nn.Linear(64, CLASSES))
    networks = {
        "small_cnn of the paper, 28×28": (published_cnn(CLASSES), grey),
        "BACKBONE=small_cnn, 28×28": (own, colour),
    }
    tables = {name: compare(*made, repeats) for name, made in networks.items()}
    images = torch.rand(8 if quick else 64, 3, 32, 32)
    tables["resnet18, 32×32"] = compare(resnet18(num_classes=CLASSES), images, min(repeats, 5))
    features, labels = clustered_features(batch, CLASSES)
    head = trained_head(features, labels, CLASSES)
    tables["efficientnet_lite0's head"] = compare(head, features, repeats)
    return {"tables": tables, "pool": whole_pool(head, 500 if quick else POOL, repeats)}


def compare(model: nn.Module, images: Tensor, repeats: int) -> dict[str, Any]:
    """Times on one batch, in turns."""
    model.eval()
    diagonal = fisher_diagonal(model, images)
    mask = fisher_mask(diagonal, model, inner=round(0.002 * len(diagonal)))
    works: dict[str, Callable[[], object]] = {
        "forward pass": lambda: forward(model, images),
        "fisher_diagonal": lambda: fisher_diagonal(model, images),
        "masked_factors": lambda: masked_factors(model, images, mask),
        "image by image, class by class": lambda: loop(model, images),
        "torch.func, vmap(jacrev)": lambda: with_torch_func(model, images),
    }
    if isinstance(model, nn.Sequential):
        works["BackPACK DiagGGNExact"] = with_backpack(model, images)
    times = interleaved(works, repeats)
    return {
        "images": len(images),
        "parameters": len(diagonal),
        "d": len(mask),
        "times": {name: spread(taken) for name, taken in times.items()},
        "differences": {
            "torch.func, vmap(jacrev)": difference(with_torch_func(model, images), diagonal)
        },
    }


def whole_pool(head: nn.Module, count: int, repeats: int) -> dict[str, Any]:
    """The frozen backbone's head over a whole pool, with the default mask."""
    features, _ = clustered_features(count, CLASSES)
    mask = fisher_mask(fisher_diagonal(head, features), head, inner=1000)
    times = interleaved(
        {
            "fisher_diagonal": lambda: fisher_diagonal(head, features),
            "masked_factors": lambda: masked_factors(head, features, mask),
        },
        min(repeats, 5),
    )
    taken = {name: spread(seconds) for name, seconds in times.items()}
    return {"images": count, "d": len(mask), "times": taken}


@torch.no_grad()
def forward(model: nn.Module, images: Tensor) -> Tensor:
    return model(images)


def loop(model: nn.Module, images: Tensor) -> Tensor:
    """One forward pass an image, one backward pass an image and class."""
    parameters = list(model.parameters())
    total = torch.zeros(sum(p.numel() for p in parameters))
    for image in images.split(1):
        log_p = model(image).log_softmax(1)[0]
        for c in range(CLASSES):
            gradient = torch.autograd.grad(log_p[c], parameters, retain_graph=True)
            flat = torch.cat([g.flatten() for g in gradient])
            total += log_p[c].detach().exp() * flat.square()
    return total / len(images)


def with_torch_func(model: nn.Module, images: Tensor) -> Tensor:
    """Per-image Jacobians of log p by vmap and jacrev, 8 images at a time for their size."""
    parameters = {name: p.detach() for name, p in model.named_parameters()}
    buffers = dict(model.named_buffers())

    def log_p(own: dict[str, Tensor], image: Tensor) -> Tensor:
        return functional_call(model, (own, buffers), image.unsqueeze(0))[0].log_softmax(0)

    jacobians = vmap(jacrev(log_p), in_dims=(None, 0))
    total = torch.zeros(sum(p.numel() for p in parameters.values()))
    for part in images.split(8):
        p = forward(model, part).softmax(1)
        parts = jacobians(parameters, part).values()
        squares = [torch.einsum("nc,ncp->p", p, part.flatten(2).square_()) for part in parts]
        total += torch.cat(squares)
    return total / len(images)


def with_backpack(model: nn.Sequential, images: Tensor) -> Callable[[], object]:
    extended, loss = extend(deepcopy(model)), extend(nn.CrossEntropyLoss())
    targets = torch.zeros(len(images), dtype=torch.int64)

    def work() -> Tensor:
        with backpack(extensions.DiagGGNExact()):
            loss(extended(images), targets).backward()
        parts = [p.diag_ggn_exact.flatten() for p in extended.parameters()]
        extended.zero_grad()
        return torch.cat(parts)

    return work


def difference(theirs: Tensor, ours: Tensor) -> float:
    """Largest, as a part of the largest entry."""
    return float((theirs - ours).abs().max() / ours.abs().max())
