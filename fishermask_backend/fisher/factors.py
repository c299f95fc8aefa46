"""Factors of the images' Fisher matrices over the masked parameters."""

import torch
from torch import Tensor, nn

from fishermask_backend.fisher.chunks import for_each_chunk, images_per_chunk
from fishermask_backend.fisher.exact import image_rows
from fishermask_backend.fisher.gradients import Entries, backward_rows, patches_of
from fishermask_backend.fisher.likelihood import Likelihood, Weighting, factor_seeds
from fishermask_backend.fisher.recording import differentiable, record, trained_parameters


def masked_factors(
    model: nn.Module,
    images: Tensor,
    mask: Tensor,
    *,
    weighting: Weighting = "expected",
    likelihood: Likelihood = "categorical",
) -> Tensor:
    """Return V, with VᵀV an image's Fisher matrix over the masked parameters.

    V_c = √p_c · ∂ log p_c/∂θ[mask] for a softmax, √(p_c(1 − p_c)) · ∂z_c/∂θ[mask] for independent
    sigmoids (arXiv 2411.05752, section III; the root makes VᵀV the expectation over classes).

    Args:
        model: Gives logits (N, C); run in eval mode and left as it was found.
        images: (N, ...), whatever the model takes.
        mask: Flat parameter indices (d,), as `fisher_mask` gives them.
        weighting: «expected», or «uniform» for the published code's V without the root.
        likelihood: «categorical» for one label an image, «bernoulli» for any number.

    Returns:
        V (N, C, d) on the images' device, columns in the order of the mask.

    Raises:
        ValueError: No trained parameter, a mask index outside [0, P), or logits that are not
            finite or not (N, C).
    """
    parameters = trained_parameters(model)
    device = parameters[0].device
    mask = _checked(mask, sum(p.numel() for p in parameters)).to(device)
    columns = _columns(mask, parameters)
    with differentiable(model):
        if not (len(images) and len(mask)):
            classes = model(images.to(device)).shape[1]
            return images.new_zeros((len(images), classes, len(mask)), dtype=parameters[0].dtype)
        probe = record(model, images[:1].to(device))
        classes = probe.logits.shape[1]
        size = images_per_chunk(probe)
        factors = torch.empty(
            (len(images), classes, len(mask)), dtype=probe.logits.dtype, device=images.device
        )

        def work(start: int, stop: int) -> None:
            chunk = images[start:stop].to(device)
            known = columns.keys() & probe.uses.keys()
            _fill(factors[start:stop], model, chunk, columns, known, weighting, likelihood)

        for_each_chunk(len(images), size, work)
    return factors


def _fill(
    out: Tensor,
    model: nn.Module,
    images: Tensor,
    columns: dict[Tensor, tuple[Tensor | slice, Tensor]],
    known: set[Tensor],
    weighting: Weighting,
    likelihood: Likelihood,
) -> None:
    """Write the factors of a chunk of images into out (N, C, d)."""
    recording = record(model, images)
    uses = {p: own for p, own in recording.uses.items() if p in known}
    seeds = factor_seeds(recording.logits.detach(), weighting, likelihood)
    readers = {
        p: Entries(patches_of(own), own[0].layout[1], columns[p][1])
        for p, own in uses.items()
        if own
    }
    for parameter in uses.keys() - readers.keys():  # in no path to the logits
        out[:, :, columns[parameter][0]] = 0
    for c, row in enumerate(backward_rows(recording, uses, seeds)):
        for parameter, gradient in row.items():
            part = readers[parameter].read(gradient)
            out[:, c, columns[parameter][0]] = part.to(out)
    unknown = [p for p in columns if p not in uses]
    if unknown:
        _fill_exactly(out, model, images, unknown, columns, weighting, likelihood)


def _fill_exactly(
    out: Tensor,
    model: nn.Module,
    images: Tensor,
    unknown: list[Tensor],
    columns: dict[Tensor, tuple[Tensor | slice, Tensor]],
    weighting: Weighting,
    likelihood: Likelihood,
) -> None:
    for n, image in enumerate(torch.split(images, 1)):
        rows = image_rows(model, image, unknown, lambda z: factor_seeds(z, weighting, likelihood))
        for parameter in unknown:
            where, wanted = columns[parameter]
            out[n, :, where] = rows[parameter][:, wanted].to(out)


def _columns(
    mask: Tensor, parameters: list[nn.Parameter]
) -> dict[Tensor, tuple[Tensor | slice, Tensor]]:
    """Return, of each parameter in the mask, its columns of V and its own entries in them."""
    found: dict[Tensor, tuple[Tensor | slice, Tensor]] = {}
    start = 0
    for parameter in parameters:
        stop = start + parameter.numel()
        columns = ((mask >= start) & (mask < stop)).nonzero().flatten()
        if len(columns):
            first, last = int(columns[0]), int(columns[-1])
            in_a_row = last - first + 1 == len(columns)  # always if the mask is sorted
            where = slice(first, last + 1) if in_a_row else columns.cpu()
            found[parameter] = where, mask[columns] - start
        start = stop
    return found


def _checked(mask: Tensor, size: int) -> Tensor:
    if mask.ndim != 1 or mask.dtype != torch.int64:
        raise ValueError(
            f"The mask must be indices (d,) of type int64, it is {mask.dtype} {tuple(mask.shape)}."
        )
    if len(mask) and not 0 <= int(mask.min()) <= int(mask.max()) < size:
        raise ValueError(
            f"The mask has indices {int(mask.min())} to {int(mask.max())}, the model has {size} "
            "trained parameters: make the mask from this model's diagonal."
        )
    return mask
