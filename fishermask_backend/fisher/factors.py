"""Factors of the images' Fisher matrices over the masked parameters."""

import os
from collections.abc import Callable, Iterator, Set
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from fishermask_backend.fisher.chunks import images_per_chunk
from fishermask_backend.fisher.exact import image_rows
from fishermask_backend.fisher.gradients import Entries, backward_rows, grouped
from fishermask_backend.fisher.likelihood import (
    Likelihood,
    Weighting,
    factor_vectors,
    label_model,
)
from fishermask_backend.fisher.parallel import over_images, shares
from fishermask_backend.fisher.recording import (
    Recording,
    differentiable,
    record,
    trained_parameters,
)
from fishermask_backend.fisher.sketch import Sketch

Columns = dict[Tensor, tuple[Tensor | slice, Tensor]]


def masked_factors(
    model: nn.Module,
    images: Tensor,
    mask: Tensor,
    *,
    weighting: Weighting = "expected",
    likelihood: Likelihood = "categorical",
    top_classes: int | None = None,
    max_dim: int | None = None,
    seed: int = 0,
    out: Tensor | None = None,
) -> Tensor:
    """Return V, with VᵀV an image's Fisher matrix over the masked parameters.

    V_c = √p_c · ∂ log p_c/∂θ[mask] for a softmax, √(p_c(1 − p_c)) · ∂z_c/∂θ[mask] for independent
    sigmoids (arXiv 2411.05752; the root makes VᵀV the expectation over classes).

    Args:
        model: Gives logits (N, C); run in eval mode and left as it was found.
        images: (N, ...), whatever the model takes.
        mask: Flat parameter indices (d,), as `fisher_mask` gives them.
        weighting: «expected», or «uniform» for the published code's V without the root.
        likelihood: «categorical» for one label an image, «bernoulli» for any number.
        top_classes: Only the rows of each image's c most probable classes (of largest p(1 − p) for
            sigmoids); `rest_weight` tells what that leaves out. None: all.
        max_dim: A larger mask's columns are sketched down to so many; `Sketch` says how well that
            keeps inner products. None: as they are.
        seed: Of the sketch.
        out: Where to put V: of its shape, and of any floating dtype and device (half as large in
            bfloat16; on disk with `factors_on_disk`).

    Returns:
        V (N, C, d) on the images' device, columns in the order of the mask; C is c with
        `top_classes`, d at most `max_dim`.

    Raises:
        ValueError: No trained parameter, a mask index outside [0, P), an option out of range, or
            logits that are not finite or not (N, C).
    """
    parameters = trained_parameters(model)
    device = parameters[0].device
    mask = _checked(mask, sum(p.numel() for p in parameters)).to(device)
    columns = _columns(mask, parameters)
    make_vectors = partial(
        factor_vectors,
        labels=label_model(likelihood),
        weighting=weighting,
        top_classes=top_classes,
    )
    shorten = None
    if max_dim is not None and len(mask) > max_dim:
        shorten = Sketch(len(mask), max_dim, seed, parameters[0])
    with differentiable(model):
        probe = record(model, images[:1].to(device))
        rows = make_vectors(probe.logits.detach()).shape[1]
        shape = (len(images), rows, len(mask) if shorten is None else max_dim or 0)
        factors = _destination(out, shape, probe.logits.dtype, images.device)

        def work(own: nn.Module, _: int, start: int, stop: int) -> None:
            chunk = images[start:stop].to(device)
            recording = record(own, chunk)
            known = columns.keys() & recording.uses.keys() & probe.uses.keys()
            for r, row in enumerate(_rows(own, chunk, recording, known, columns, make_vectors)):
                factors[start:stop, r] = (shorten(row) if shorten else row).to(factors)

        count = shares(model, len(images))
        over_images(model, len(images), images_per_chunk(probe), count, work)
    return factors


def factors_on_disk(path: Path, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Return a tensor in a memory-mapped file, for `masked_factors(out=...)` and `select_batch`.

    Args:
        path: The file, made or overwritten; delete it when the tensor is no longer needed.
        shape: (N, C, d).
        dtype: Of the entries; bfloat16 halves the file and keeps 3 digits.

    Raises:
        OSError: The disk has no room for it, and nothing is left there.
    """
    size = torch.Size(shape).numel()
    path.unlink(missing_ok=True)
    _allocate(path, size * dtype.itemsize)
    return torch.from_file(str(path), shared=True, size=size, dtype=dtype).view(shape)


def _allocate(path: Path, size: int) -> None:
    """Make a file whose blocks are the disk's own: writing to a hole in a full disk kills."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        if size and hasattr(os, "posix_fallocate"):  # macOS has none
            os.posix_fallocate(descriptor, 0, size)
    except OSError:
        path.unlink()
        raise
    finally:
        os.close(descriptor)


def _rows(
    model: nn.Module,
    images: Tensor,
    recording: Recording,
    known: Set[Tensor],
    columns: Columns,
    make_vectors: Callable[[Tensor], Tensor],
) -> Iterator[Tensor]:
    """Yield the rows V_c (n, d) of a chunk of images, in one tensor that is used again.

    Of the parameters in the mask, those that are `known` have rules; of the others autograd tells.
    """
    vectors = make_vectors(recording.logits.detach())
    groups = grouped({p: recording.uses[p] for p in known})
    readers = [
        {p: Entries(x, group.outputs, columns[p][1]) for p, x in group.patches.items()}
        for group in groups
    ]
    exact = _exact_rows(model, images, [*(columns.keys() - known)], columns, make_vectors)
    gradients = backward_rows(recording, groups, vectors)
    d = sum(len(entries) for _, entries in columns.values())
    row = vectors.new_zeros((len(images), d))  # parameters in no path to the logits stay 0
    for r in range(vectors.shape[1]):
        # Without groups nothing is passed backward, so that no gradient comes.
        for own, gradient in zip(readers, next(gradients, ()), strict=True):
            for parameter, reader in own.items():
                row[:, columns[parameter][0]] = reader.read(gradient)
        for parameter, parts in exact.items():
            row[:, columns[parameter][0]] = parts[:, r]
        yield row


def _exact_rows(
    model: nn.Module,
    images: Tensor,
    parameters: list[Tensor],
    columns: Columns,
    make_vectors: Callable[[Tensor], Tensor],
) -> dict[Tensor, Tensor]:
    """Return the masked entries (n, C, k) of parameters that no rule knows."""
    if not parameters:
        return {}
    rows = [image_rows(model, image, parameters, make_vectors) for image in torch.split(images, 1)]
    return {p: torch.stack([row[p][:, columns[p][1]] for row in rows]) for p in parameters}


def _destination(
    out: Tensor | None, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device
) -> Tensor:
    if out is None:
        return torch.empty(shape, dtype=dtype, device=device)
    if out.shape != shape or not out.is_floating_point():
        raise ValueError(
            f"out must be floating {shape}, it is {out.dtype} {tuple(out.shape)}: N images, C "
            "classes or top_classes, mask entries or max_dim."
        )
    return out


def _columns(mask: Tensor, parameters: list[nn.Parameter]) -> Columns:
    """Return, of each parameter in the mask, its columns of V and its own entries in them."""
    found: Columns = {}
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
