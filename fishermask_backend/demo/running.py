"""The three servers of the demo, started together and stopped together."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from fishermask_backend.demo.backend import Backend
from fishermask_backend.demo.folder import DemoFolder
from fishermask_backend.demo.processes import ChildProcess
from fishermask_backend.demo.progress import Progress
from fishermask_backend.demo.server import LabelStudioServer, wait_for_health

USUAL_PORTS = {"label-studio": 8080, "backend": 9090}


@dataclass(frozen=True)
class Running:
    """All that the demo has started."""

    studio: LabelStudioServer
    backend: Backend

    @property
    def processes(self) -> tuple[ChildProcess, ...]:
        """In the order of their start."""
        return (self.studio, self.backend.web, self.backend.worker)

    def check(self) -> None:
        """Raise DemoError if one of them has ended by itself."""
        for process in self.processes:
            process.check()

    def note(self, folder: DemoFolder) -> None:
        """Leaves word in the folder of what runs there."""
        ids = [str(process.pid) for process in self.processes if process.pid]
        folder.note_running(f"{self.studio.url}, process ids {' '.join(ids)}")


def start(label_studio: Path, port: int | None, folder: DemoFolder, stack: ExitStack) -> Running:
    """Start Label Studio, the backend's web server and its worker, and wait for the first two.

    Args:
        label_studio: The `label-studio` program.
        port: Where Label Studio shall listen; as at the last start, 8080 or any other if None.
        folder: For data and logs.
        stack: Stops what was started when it is closed.

    Raises:
        DemoError: One of them did not come up.
    """
    known = folder.remembered
    studio = LabelStudioServer(
        label_studio.absolute(),
        folder.path / "label-studio",
        port=port or folder.port("label-studio", USUAL_PORTS["label-studio"]),
        user=known.user,
        password=known.password,
        token=known.token,
        log_file=folder.path / "logs" / "label-studio.log",
        inherit=[folder.lock],
    )
    backend_port = folder.port("backend", USUAL_PORTS["backend"])
    backend = Backend(folder.path, backend_port, studio, inherit=[folder.lock])
    folder.save()
    running = Running(studio, backend)
    for process in running.processes:
        stack.callback(process.stop)
    with Progress("Starting Label Studio (a minute the first time)") as progress:
        studio.start()
        running.note(folder)
        studio.wait(progress)
    with Progress("Starting the backend") as progress:
        backend.web.start()
        backend.worker.start()
        wait_for_health(backend.web, backend.url, progress, "waiting for its answer", seconds=60)
        running.note(folder)
    return running
