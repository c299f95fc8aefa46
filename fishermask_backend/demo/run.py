"""`make demo`: everything started, connected and shown, and stopped again at the end."""

import argparse
import hashlib
import os
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NoReturn

import httpx

from fishermask_backend.demo import DemoError
from fishermask_backend.demo.folder import DemoFolder, port_is_free
from fishermask_backend.demo.images import DemoImages, read_images, write_images
from fishermask_backend.demo.processes import stop_on_signals
from fishermask_backend.demo.progress import Progress
from fishermask_backend.demo.project import (
    connect_backend,
    create_project,
    project_exists,
    upload_images,
)
from fishermask_backend.demo.running import Running, start
from fishermask_backend.demo.simulate import simulate
from fishermask_backend.demo.sources import find_source, folder_source

LABEL_STUDIO = Path(".venv-label-studio/bin/label-studio")


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; `make demo` turns DATA, TASKS, PORT, SIMULATE and PACE into it."""
    parser = argparse.ArgumentParser(prog="fishermask demo", description=__doc__)
    parser.add_argument("--data", type=Path, help="your own images, one folder a class")
    parser.add_argument("--tasks", type=int, default=300, help="images in it (%(default)s)")
    parser.add_argument("--port", type=int, help="where Label Studio listens (8080, or a free one)")
    parser.add_argument(
        "--simulate", type=int, metavar="LABELS", help="let a simulated annotator label so many"
    )
    parser.add_argument("--pace", type=float, default=1.0, help="its seconds a label (%(default)s)")
    parser.add_argument(
        "--folder", type=Path, default=Path(".demo"), help="data and logs (%(default)s)"
    )
    parser.add_argument(
        "--label-studio",
        type=Path,
        default=Path(os.environ.get("LABEL_STUDIO_BIN", LABEL_STUDIO)),
        help="the label-studio program (%(default)s)",
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo until Ctrl-C, or a simulation to its end; answer the exit code."""
    options = arguments(argv)
    stop_on_signals()
    try:
        check(options)
        with ExitStack() as stack:
            folder = stack.enter_context(closing(DemoFolder(options.folder.resolve())))
            return run(options, folder, stack)
    except DemoError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except httpx.HTTPError as error:
        print(f"\nA call to a server of the demo failed: {error!r}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.")
        return 130 if options.simulate else 0


def check(options: argparse.Namespace) -> None:
    """Find what would be in the way, before anything is started.

    Raises:
        DemoError: A program or folder is missing, a number makes no sense, the port is taken.
    """
    if not options.label_studio.exists():
        raise DemoError(
            f"There is no Label Studio at {options.label_studio}. `make demo` installs it; one "
            "that you have yourself is named by LABEL_STUDIO_BIN."
        )
    if options.data is not None:
        folder_source(options.data.expanduser())
    if options.tasks < 1 or (options.simulate is not None and options.simulate < 1):
        raise DemoError("TASKS and SIMULATE are numbers of images, at least 1.")
    if options.pace < 0:
        raise DemoError(f"PACE={options.pace} can't be: it is seconds a label, 0 or more.")
    if options.port is not None and not port_is_free(options.port):
        raise DemoError(
            f"Port {options.port} is taken by another program (or not allowed). Stop that, name "
            "another by PORT=…, or leave PORT out and a free one is found."
        )


def run(options: argparse.Namespace, folder: DemoFolder, stack: ExitStack) -> int:
    """Start everything on `stack`, make the project and show it, or simulate."""
    images = prepare_images(options, folder)
    running = start(options.label_studio, options.port, folder, stack)
    client = stack.enter_context(running.studio.client())
    if options.simulate:
        title = f"Simulation {time.strftime('%m-%d %H:%M:%S')}: {images.name}"
        project = new_project(client, title, images)
        connect_backend(client, project, running.backend.url)
        return simulate(client, project, images, running, options.simulate, options.pace)
    key = images.folder.name
    project = folder.remembered.projects.get(key, 0)
    if not project or not project_exists(client, project):
        project = new_project(client, f"FisherMask demo: {images.name}", images)
        folder.remembered.projects[key] = project
        folder.save()
    connect_backend(client, project, running.backend.url)
    print(welcome(running, project), flush=True)
    return watch(running, project)


def prepare_images(options: argparse.Namespace, folder: DemoFolder) -> DemoImages:
    """Return the images as an earlier start wrote them, or written now."""
    data = options.data and options.data.expanduser().resolve()
    place = hashlib.sha256(str(data).encode()).hexdigest()[:8] if data else "default"
    target = folder.path / "images" / f"{place}-{options.tasks}"
    images = read_images(target)
    if images is None:
        with Progress("Looking for images") as progress:
            progress("Debian's Fashion-MNIST, a download of it, or scikit-learn's digits")
            source = find_source(data, folder.path / "downloads")
        with Progress("Writing images") as progress:
            images = write_images(source, target, options.tasks, progress)
    left_out = f" ({images.unreadable} could not be read)" if images.unreadable else ""
    print(f"Images: {images.title}; {len(images.tasks)} for the project{left_out}", flush=True)
    return images


def new_project(client: httpx.Client, title: str, images: DemoImages) -> int:
    """Make a project and upload the images into it."""
    project = create_project(client, title, images.classes)
    with Progress("Uploading the images to Label Studio") as progress:
        upload_images(client, project, images.files(list(images.tasks)), progress)
    return project


def welcome(running: Running, project: int) -> str:
    """Return what the user does next."""
    studio = running.studio
    return f"""
Label Studio:  {studio.url}/projects/{project}/data
Log in with:   {studio.user}
Password:      {studio.password}

Press «Label All Tasks»: the tasks come in FisherMask's order, and a new order follows every
20 labels or so. How it does: {running.backend.url}/projects/{project}
Logs: {studio.log_file.parent}
Ctrl-C stops everything; `make demo` goes on where you were."""


def watch(running: Running, project: int) -> NoReturn:
    """Says when a round is finished, until Ctrl-C.

    Raises:
        DemoError: One of the processes ended by itself.
    """
    shown = len(running.backend.finished_rounds(project))
    while True:
        time.sleep(2)
        running.check()
        for each in running.backend.finished_rounds(project)[shown:]:
            shown += 1
            print(f"Round {each['number']}: learnt from {each['labels']} labels.", flush=True)
