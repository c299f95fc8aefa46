"""A forward pass that remembers where each trained parameter was used, and proves it saw all."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from fishermask_backend.fisher.layers import RULES, Use, refuse_batch_statistics


@dataclass(frozen=True)
class Recording:
    """One forward pass.

    Attributes:
        logits: (N, C), with their graph.
        uses: Of each parameter whose every use was by a layer known in `layers.py`, those uses.
    """

    logits: Tensor
    uses: dict[Tensor, list[Use]]


class _Listener(TorchFunctionMode):
    """Notes every call of a function that `layers.RULES` knows, whichever module makes it."""

    def __init__(self) -> None:
        super().__init__()
        self.uses: list[Use] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: Any = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is functional.batch_norm:
            refuse_batch_statistics(*args, **kwargs)
        output = func(*args, **kwargs)
        rule = RULES.get(func)
        if rule is not None:
            self.uses += rule(output, *args, **kwargs)
        return output


def trained_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Return the parameters the Fisher matrix is over, in the order of their flat indices.

    Raises:
        ValueError: There is none.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    if not trained:
        raise ValueError("The model has no parameter with requires_grad=True to take a Fisher of.")
    return trained


def record(model: nn.Module, images: Tensor) -> Recording:
    """Run the model on images (N, ...) and note the uses of its trained parameters.

    A parameter counts as known only if the graph from the logits back shows as many uses as were
    noted, each with the images along its first axis and its input unchanged since: anything else
    (a weight used directly, by an unknown layer, or through a copy) is left to `exact.py`.

    Raises:
        ValueError: The model does not give finite logits (N, C).
    """
    parameters = trained_parameters(model)
    with _Listener() as listener:
        logits = model(images.clone() if images.is_inference() else images)
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(images):
        shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ValueError(f"The model must give logits ({len(images)}, C), it gave {shape}.")
    finite = torch.isfinite(logits.detach()).all(1)
    if not finite.all():
        bad = int((~finite).nonzero()[0])
        raise ValueError(f"The logits of image {bad} of the chunk are not finite: check the model.")
    nodes, edges = _graph(logits)
    known = {p: _trusted(p, listener.uses, nodes, edges, len(images)) for p in parameters}
    return Recording(logits, {p: uses for p, uses in known.items() if uses is not None})


def _trusted(
    parameter: Tensor, uses: list[Use], nodes: set[Node], edges: Counter[Tensor], images: int
) -> list[Use] | None:
    """Return the parameter's uses if they are all of its uses, else None."""
    own = [use for use in uses if use.parameter is parameter and use.edge.node in nodes]
    layouts = {use.layout for use in own}
    sound = all(len(use.source) == images and use.source._version == use.version for use in own)
    return own if sound and len(own) == edges[parameter] and len(layouts) <= 1 else None


def _graph(logits: Tensor) -> tuple[set[Node], Counter[Tensor]]:
    """Return the nodes behind the logits, and how many edges lead to each leaf tensor."""
    nodes: set[Node] = set()
    edges: Counter[Tensor] = Counter()
    stack = [logits.grad_fn] if logits.grad_fn is not None else []
    while stack:
        node = stack.pop()
        if node in nodes:
            continue
        nodes.add(node)
        for following, _ in node.next_functions:
            if following is None:
                continue
            if hasattr(following, "variable"):
                edges[following.variable] += 1
            stack.append(following)
    return nodes, edges


@contextlib.contextmanager
def differentiable(model: nn.Module) -> Iterator[None]:
    """Set up for exact gradients, and put everything back: modes, gradients switched off, TF32."""
    modes = [(module, module.training) for module in model.modules()]
    precision = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    try:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        model.eval()
        with gradients_on(trained_parameters(model)[0].device.type):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = precision
        for module, training in modes:
            module.training = training


@contextlib.contextmanager
def gradients_on(device: str) -> Iterator[None]:
    """Record gradients, in full precision, whatever the caller has switched off in this thread."""
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        torch.autocast(device, enabled=False),
    ):
        yield
