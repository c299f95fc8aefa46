"""What the processor gives this process, and how long it keeps it waiting."""

import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self


class Turns(NamedTuple):
    """Seconds of all threads together.

    Attributes:
        used: On a core.
        waited: Ready to go on, while others had the cores; 0 where the system does not tell.
    """

    used: float
    waited: float

    @classmethod
    def now(cls) -> Self:
        """Return what there has been since the process began; of threads that ended only `used`."""
        waited = 0
        for thread in Path("/proc/self/task").glob("*/schedstat"):
            with suppress(OSError, ValueError, IndexError):  # ended meanwhile, or an empty file
                waited += int(thread.read_text().split()[1])
        return cls(time.process_time(), waited / 1e9)

    def since(self, before: Self) -> Self:
        """Return what came after `before`."""
        return type(self)(self.used - before.used, max(0.0, self.waited - before.waited))

    @property
    def share(self) -> float:
        """Part of what was wanted that was given; 1 where nothing was wanted."""
        wanted = self.used + self.waited
        return self.used / wanted if wanted > 0 else 1.0
