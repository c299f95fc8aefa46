"""Logits that are moved by something known, in which no parameter is: z(x) = z_θ(x) + o(x).

Statistics calls o an offset. The derivative of z by θ is that of z_θ, so that the Fisher matrix differs
by its probabilities alone.
"""

from torch import Tensor, nn


class WithOffset(nn.Module):
    """A network whose logits are moved.

    Attributes:
        network: From inputs to logits (N, C).
        offset: From the same inputs to what is added (N, C); it has no trained parameter.
    """

    def __init__(self, network: nn.Module, offset: nn.Module) -> None:
        """Add an offset to a network."""
        super().__init__()
        self.network, self.offset = network, offset

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits (N, C)."""
        moved: Tensor = self.network(inputs) + self.offset(inputs)
        return moved
