"""What each kind of layer knows of its parameters' gradients.

Every layer here is linear in its parameters, so that the gradient of image n for row c is one
contraction of what went into the layer with what came back to its output:

    ∂/∂θ[g, o, i] = Σ_t gradient[n, c, g, o, t] · patch[n, g, i, t]

g groups, o outputs and i inputs of a group, t positions (pixels, tokens). Flattened, [g, o, i] is
the order of the parameter's own entries. Bias and scale are special cases: a bias has one input,
whose patch is 1, and a normalisation has one group per feature.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.nn import functional


@dataclass(frozen=True)
class Use:
    """One use of one parameter in a forward pass.

    Attributes:
        parameter: The tensor used.
        edge: Where the gradient of the layer's output is to be had.
        layout: (G, O, I).
        patches: Gives (N, G, I, T); None for a bias, whose patches are 1.
        align: Brings a gradient of the output (N, ...) to (N, G, O, T).
        source: What went in, to check that nothing changed it in place afterwards.
        version: The source's version at that moment.
    """

    parameter: Tensor
    edge: GradientEdge
    layout: tuple[int, int, int]
    patches: Callable[[], Tensor] | None
    align: Callable[[Tensor], Tensor]
    source: Tensor
    version: int


def linear(output: Tensor, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> list[Use]:
    """Apply x Wᵀ + b for x (N, ..., I): every axis in between is a position."""
    if input.ndim < 2:
        return []

    def positions(tensor: Tensor) -> Tensor:
        return tensor.reshape(len(tensor), -1, tensor.shape[-1]).mT.unsqueeze(1)

    patches = partial(positions, input.detach())
    layout = (1, weight.shape[0], weight.shape[1])
    return [
        *_use(weight, output, input, layout, patches, positions),
        *_use(bias, output, input, (*layout[:2], 1), None, positions),
    ]


def conv2d(
    output: Tensor,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> list[Use]:
    """Convolution of x (N, I, H, W), each output pixel a position."""
    if input.ndim != 4:
        return []
    kernel, size = (weight.shape[2], weight.shape[3]), output.shape[2:]
    stride, dilation = _pair(stride), _pair(dilation)
    margins = _margins(padding, kernel, dilation)

    def patches() -> Tensor:
        pixels = functional.pad(input.detach(), margins)
        n, c, y, x = pixels.stride()
        windows = pixels.as_strided(
            (*pixels.shape[:2], *kernel, *size),
            (n, c, y * dilation[0], x * dilation[1], y * stride[0], x * stride[1]),
        )
        return windows.reshape(len(input), groups, -1, size.numel())

    def positions(gradient: Tensor) -> Tensor:
        return gradient.reshape(len(gradient), groups, weight.shape[0] // groups, -1)

    layout = (groups, weight.shape[0] // groups, weight[0].numel())
    return [
        *_use(weight, output, input, layout, patches, positions),
        *_use(bias, output, input, (*layout[:2], 1), None, positions),
    ]


def batch_norm(
    output: Tensor,
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> list[Use]:
    """Apply w x̂ + b per channel of x (N, F, ...), x̂ standardised by stored statistics."""

    def patches() -> Tensor:
        standard = functional.batch_norm(input.detach(), running_mean, running_var, eps=eps)
        return standard.reshape(len(input), input.shape[1], 1, -1)

    def positions(gradient: Tensor) -> Tensor:
        return gradient.reshape(len(gradient), gradient.shape[1], 1, -1)

    layout = (input.shape[1], 1, 1)
    return [
        *_use(weight, output, input, layout, patches, positions),
        *_use(bias, output, input, (*layout[:2], 1), None, positions),
    ]


def refuse_batch_statistics(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    *_: Any,
    **__: Any,
) -> None:
    """Check what a batch norm is called with.

    Raises:
        ValueError: The statistics are the batch's own, so that images are not independent.
    """
    if training or running_mean is None:
        raise ValueError(
            "A batch norm uses statistics of the batch in eval mode, so that an image's gradient "
            "depends on the images beside it: build it with track_running_stats=True."
        )


def layer_norm(
    output: Tensor,
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> list[Use]:
    """Apply w x̂ + b per entry of the last axes, x̂ standardised over them."""
    shape = tuple(normalized_shape)
    if input.ndim <= len(shape):
        return []
    features = torch.Size(shape).numel()

    def positions(tensor: Tensor) -> Tensor:
        return tensor.reshape(len(tensor), -1, features).mT.unsqueeze(2)

    def patches() -> Tensor:
        return positions(functional.layer_norm(input.detach(), shape, eps=eps))

    layout = (features, 1, 1)
    return [
        *_use(weight, output, input, layout, patches, positions),
        *_use(bias, output, input, (*layout[:2], 1), None, positions),
    ]


RULES: dict[Callable[..., Any], Callable[..., list[Use]]] = {
    functional.linear: linear,
    functional.conv2d: conv2d,
    functional.batch_norm: batch_norm,
    functional.layer_norm: layer_norm,
}


def _use(
    parameter: Tensor | None,
    output: Tensor,
    source: Tensor,
    layout: tuple[int, int, int],
    patches: Callable[[], Tensor] | None,
    align: Callable[[Tensor], Tensor],
) -> list[Use]:
    if parameter is None or not output.requires_grad:
        return []
    edge = get_gradient_edge(output)
    return [Use(parameter, edge, layout, patches, align, source, source._version)]


def _pair(value: Any) -> tuple[int, int]:
    rows, columns = (value, value) if isinstance(value, int) else (value * 2)[:2]
    return int(rows), int(columns)


def _margins(
    padding: Any, kernel: tuple[int, int], dilation: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Left, right, top, bottom, as functional.pad takes them."""
    if padding == "valid":
        return (0, 0, 0, 0)
    if padding == "same":  # an odd one goes right and below
        rows, columns = (d * (k - 1) for d, k in zip(dilation, kernel, strict=True))
        return (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)
    rows, columns = _pair(padding)
    return (columns, columns, rows, rows)
