"""A pool whose images are shared out among processes, each on its own device or machine."""

import torch
import torch.distributed as dist
from torch import Tensor


class Shards:
    """What the processes tell each other: sums and greatest values, the same result everywhere.

    Without a group there is one process, which holds the whole pool.

    Args:
        group: Of torch.distributed: Gloo for tensors on the CPU, NCCL on GPUs. Images are numbered
            by rank: those of rank 0 come first.
    """

    def __init__(self, group: dist.ProcessGroup | None = None) -> None:
        self._group = group

    def sum(self, tensor: Tensor) -> Tensor:
        """Return the sum over the processes; the tensor is overwritten by it."""
        if self._group is not None:
            dist.all_reduce(tensor, dist.ReduceOp.SUM, self._group)
        return tensor

    def largest(self, value: float, like: Tensor) -> float:
        """Return the greatest of the processes' values; `like` says on which device to compare."""
        if self._group is None:
            return value
        found = torch.tensor(value, dtype=torch.float64, device=like.device)
        dist.all_reduce(found, dist.ReduceOp.MAX, self._group)
        return float(found)

    def counts(self, count: int, like: Tensor) -> list[int]:
        """Return every process's count, by rank."""
        if self._group is None:
            return [count]
        counts = torch.zeros(
            dist.get_world_size(self._group), dtype=torch.int64, device=like.device
        )
        counts[dist.get_rank(self._group)] = count
        return [int(each) for each in self.sum(counts)]

    def part(self, total: int) -> slice:
        """Return this process's share of so many images: as equal as can be, in order of rank."""
        first, last = (total * rank // self.size for rank in (self.rank, self.rank + 1))
        return slice(first, last)

    def joined(self, own: Tensor, total: int) -> Tensor:
        """Return the parts (n, …) of all processes one behind the other (total, …), by rank."""
        if self._group is None:
            return own
        first = sum(self.counts(len(own), own)[: self.rank])
        together = own.new_zeros((total, *own.shape[1:]))
        together[first : first + len(own)] = own
        return self.sum(together)

    @property
    def size(self) -> int:
        """The number of processes."""
        return 1 if self._group is None else dist.get_world_size(self._group)

    @property
    def rank(self) -> int:
        """The number of this process."""
        return 0 if self._group is None else dist.get_rank(self._group)
