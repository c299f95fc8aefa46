"""FisherMask in several processes, started by torchrun: the pool is shared out by image.

The worker writes what it has into a folder and starts

    torchrun --nproc-per-node=<FISHER_PROCESSES> -m fishermask_backend.learning.fisher_job <folder>

Every process reads its part, on a GPU of its own where there are enough, and the first one writes what
was found. The result is that of one process (`tests/learning/test_fisher_job.py`). Processes on several
machines that share the folder do the same, started on each with torchrun's `--nnodes`
(`docs/scaling.md`).
"""

import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import torch
import torch.distributed as dist

from fishermask_backend.errors import FisherMaskError
from fishermask_backend.fisher import JointSelection, Parts, PoolScorer, Shards
from fishermask_backend.learning.acquisition import Acquisition, acquire
from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.learning.tensors import (
    load_tensors,
    numbered,
    of_number,
    save_tensors,
)
from fishermask_backend.learning.trained import Trained
from fishermask_backend.logs import configure
from fishermask_backend.machine.locks import locked
from fishermask_backend.machine.priority import lower_session
from fishermask_backend.project_settings import NAMES
from fishermask_backend.settings import Settings, load_settings
from fishermask_backend.state import FISHER_JOB

log = logging.getLogger(__name__)

FOUND = "found.safetensors"
PICKED = "picked"  # how many images, and of how many, for the worker's progress
LOOK_SECONDS = 0.5
WATCH = "--end-with-worker"
LOG_LINES = 80
SILENCE = timedelta(minutes=10)  # of the others, until a process gives up; they do equal work


class ProcessesFailed(FisherMaskError):
    """One of the processes of a round's Fisher computation has died; the round is tried again."""


def acquire_in_processes(trained: Trained, settings: Settings) -> Acquisition:
    """Do what `acquire` does, in `FISHER_PROCESSES` processes.

    `trained.on_pick` is told of the first process's picks, of the latest about twice a second.

    Raises:
        ProcessesFailed: One of them died; the others have been ended.
        OSError: MODEL_DIR has no room for a copy of the rows.
    """
    settings.model_dir.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix=FISHER_JOB, dir=settings.model_dir) as name,
        locked(Path(name), wait=False) as folder,
    ):
        trained.save(folder)
        _run(folder, settings, trained.on_pick)
        return read_found(folder)


def read_found(folder: Path) -> Acquisition:
    """Read what the first process wrote at its end."""
    tensors, metadata = load_tensors(folder / FOUND)
    own = [of_number(tensors, number) for number in range(int(metadata["heads"]))]
    selection = JointSelection(
        tensors["indices"],
        tensors["gains"],
        tensors["remaining"],
        tuple(map(PoolScorer.from_tensors, own)),
        Parts(*(tensors[f"parts.{name}"] for name in Parts._fields)),
    )
    notes = [note for note in metadata["notes"].split("\n") if note]
    masks = tuple(each["mask"] for each in own)
    return Acquisition(masks, tensors["chosen"], selection, notes)


def remove_abandoned(model_dir: Path) -> None:
    """Remove the folders of workers that were killed while their processes computed."""
    for folder in model_dir.glob(f"{FISHER_JOB}*"):
        with suppress(BlockingIOError, FileNotFoundError), locked(folder, wait=False):
            shutil.rmtree(folder)


def _run(folder: Path, settings: Settings, on_pick: Callable[[int, int], None]) -> None:
    count = settings.fisher_processes
    # They meet in files: torchrun's usual store is a port that anybody may reach, without a password.
    command = [
        sys.executable, "-m", "torch.distributed.run", "--max-restarts=0",
        "--rdzv-backend=c10d", f"--rdzv-endpoint={folder / 'meeting'}", "--rdzv-conf=store_type=file",
        f"--rdzv-id={folder.name}", f"--nproc-per-node={count}",
        "-m", "fishermask_backend.learning.fisher_job", str(folder), WATCH,
    ]  # fmt: skip
    importable = [str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")]
    env = {
        "PYTHONPATH": os.pathsep.join(path for path in importable if path),
        # Of its own a project may have these, a strategy its mask, a round with little memory MAX_DIM.
        **{name.upper(): str(getattr(settings, name)) for name in (*NAMES, "backbone_weights")},
        "OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // count)),
        "GLOO_SOCKET_IFNAME": "lo",  # on one machine nothing needs to be reachable from outside
        "NCCL_SOCKET_IFNAME": "lo",
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",  # no port for what they meet in either
    }
    with (folder / "log").open("w+") as output:
        process = subprocess.Popen(
            command, env=os.environ | env, stdout=output, stderr=output, start_new_session=True
        )
        lower_session(process.pid)
        try:
            status = _wait(process, folder / PICKED, on_pick)
        finally:
            if process.poll() is None:  # the worker is being stopped
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        output.seek(0)
        said = output.read()
    if status:
        log.error("The Fisher processes said:\n%s", "\n".join(said.splitlines()[-LOG_LINES:]))
        raise ProcessesFailed(
            f"One of the {count} processes of the Fisher computation (FISHER_PROCESSES) died, the log "
            "has its last words. The round is tried again; the earlier order goes on serving."
        )


def _wait(
    process: "subprocess.Popen[bytes]", picked: Path, on_pick: Callable[[int, int], None]
) -> int:
    """Pass on what is picked until the process ends; return its status."""
    told, status = "", None
    while status is None:
        with suppress(subprocess.TimeoutExpired):
            status = process.wait(LOOK_SECONDS)
        with suppress(FileNotFoundError):  # nothing is picked yet
            if (said := picked.read_text()) != told:
                told = said
                done, of = map(int, said.split())
                on_pick(done, of)
    return status


def main(folder: Path) -> None:
    """Be one of the processes."""
    settings = load_settings()
    configure(settings)
    rank, local = int(os.environ["RANK"]), int(os.environ["LOCAL_RANK"])
    enough = torch.cuda.device_count() >= int(os.environ["LOCAL_WORLD_SIZE"])
    device = (
        torch.device("cuda", local) if enough and settings.device != "cpu" else torch.device("cpu")
    )
    world = int(os.environ["WORLD_SIZE"])
    dist.init_process_group(
        "nccl" if device.type == "cuda" else "gloo",
        timeout=SILENCE,
        store=dist.FileStore(str(folder / "store"), world),  # type: ignore[attr-defined]
        rank=rank,
        world_size=world,
    )
    log.info("process %d of %d computes on %s", rank + 1, dist.get_world_size(), device)
    trained = Trained.load(folder, Backbone.of(settings, device))
    if rank == 0:
        trained = replace(trained, on_pick=partial(_tell, folder / PICKED))
    found = acquire(trained, settings, shards=Shards(dist.group.WORLD))
    if rank == 0:
        _write(folder / FOUND, found)
    dist.barrier()
    dist.destroy_process_group()


def end_with_worker(folder: Path) -> None:
    """End this process once nobody holds the folder: the worker was killed, and another takes over."""

    def wait() -> None:
        with suppress(FileNotFoundError), locked(folder, wait=True):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _tell(path: Path, done: int, of: int) -> None:
    # A reader sees all of a count, or the one before; `whole_file` would wait for the disk each time.
    draft = path.with_suffix(".draft")
    draft.write_text(f"{done} {of}")
    draft.replace(path)


def _write(path: Path, found: Acquisition) -> None:
    selection = found.selection
    heads = zip(selection.scorers, found.masks, strict=True)
    tensors = {
        **numbered([{**scorer.to_tensors(), "mask": mask} for scorer, mask in heads]),
        "chosen": found.chosen,
        "indices": selection.indices,
        "gains": selection.gains,
        "remaining": selection.remaining,
        **{f"parts.{name}": each for name, each in selection.parts._asdict().items()},
    }
    about = {"notes": "\n".join(found.notes), "heads": str(len(found.masks))}
    save_tensors(path, tensors, about)


if __name__ == "__main__":
    if WATCH in sys.argv:
        end_with_worker(Path(sys.argv[1]))
    main(Path(sys.argv[1]))
