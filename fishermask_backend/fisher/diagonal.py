"""The diagonal of the Fisher matrix."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from fishermask_backend.fisher.chunks import images_per_chunk
from fishermask_backend.fisher.exact import image_rows
from fishermask_backend.fisher.gradients import SquaredSum, backward_rows, grouped
from fishermask_backend.fisher.likelihood import Likelihood, factor_vectors, label_model
from fishermask_backend.fisher.parallel import over_images, shares
from fishermask_backend.fisher.recording import differentiable, record, trained_parameters


def fisher_diagonal(
    model: nn.Module,
    images: Tensor,
    *,
    likelihood: Likelihood = "categorical",
    top_classes: int | None = None,
) -> Tensor:
    """Return D, the mean over images of the diagonals of their Fisher matrices.

    D = 1/N Σ_n Σ_c p_c (∂ log p_c/∂θ)² for a softmax (arXiv 2411.05752), and
    1/N Σ_n Σ_c p_c(1 − p_c) (∂z_c/∂θ)² for independent sigmoids.

    Args:
        model: Gives logits (N, C); run in eval mode and left as it was found.
        images: (N, ...), whatever the model takes.
        likelihood: «categorical» for one label an image, «bernoulli» for any number.
        top_classes: Expectation over each image's c most probable classes only: c backward passes
            instead of C − 1, and D is too small by what the others would add. None: all.

    Returns:
        D (P,) over the parameters with requires_grad, in the order of model.parameters(), each
        flattened. P counts a shared parameter once.

    Raises:
        ValueError: No image, no trained parameter, an option out of range, or logits that are not
            finite or not (N, C).
    """
    if not len(images):
        raise ValueError("The Fisher diagonal is a mean over images, and there is none.")
    parameters = trained_parameters(model)
    device = parameters[0].device
    labels = label_model(likelihood)
    make_vectors = (
        labels.fisher_vectors
        if top_classes is None
        else partial(factor_vectors, labels=labels, top_classes=top_classes)
    )
    with differentiable(model):
        probe = record(model, images[:1].to(device))
        count = shares(model, len(images))
        size = sum(p.numel() for p in parameters)
        totals = torch.zeros((count, size), dtype=torch.float64, device=device)

        def work(own: nn.Module, share: int, start: int, stop: int) -> None:
            chunk = images[start:stop].to(device)
            totals[share] += _sum_of_squares(own, chunk, parameters, set(probe.uses), make_vectors)

        over_images(model, len(images), images_per_chunk(probe), count, work)
    return (totals.sum(0) / len(images)).to(parameters[0].dtype)


def _sum_of_squares(
    model: nn.Module,
    images: Tensor,
    parameters: list[nn.Parameter],
    known: set[Tensor],
    make_vectors: Callable[[Tensor], Tensor],
) -> Tensor:
    """Return Σ_n diag F_n (P,) of a chunk of images."""
    recording = record(model, images)
    uses = {p: u for p, u in recording.uses.items() if p in known}
    vectors = make_vectors(recording.logits.detach())
    groups = grouped(uses)
    sums = [SquaredSum(group, vectors.shape[1]) for group in groups]
    for row in backward_rows(recording, groups, vectors):
        for group_sum, gradient in zip(sums, row, strict=True):
            group_sum.add(gradient)
    known_totals = {p: total for group_sum in sums for p, total in group_sum.totals().items()}
    totals = [known_totals.get(p, torch.zeros_like(p).flatten()) for p in parameters]
    unknown = [i for i, parameter in enumerate(parameters) if parameter not in uses]
    for image in torch.split(images, 1) if unknown else ():
        rows = image_rows(model, image, [parameters[i] for i in unknown], make_vectors)
        for i in unknown:
            totals[i] += rows[parameters[i]].square().sum(0)
    return torch.cat(totals)
