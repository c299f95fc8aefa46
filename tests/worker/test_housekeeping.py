"""What nothing refers to any more goes; what somebody may still use stays."""

import os
import time

from fishermask_backend.state import project_folder
from fishermask_backend.worker.housekeeping import remove_leftovers, remove_strays
from tests.conftest import publish_round


def touch(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


def test_only_what_rounds_name_is_kept(work, store, project):
    folder = f"projects/{project.id}"
    for number in (1, 2):
        publish_round(
            store, project, [1, 2],
            weights=f"{folder}/round-{number}.1.safetensors",
            scorer=f"{folder}/round-{number}.1-scorer.safetensors",
        )  # fmt: skip
    kept = ["inputs-key.rows", "round-1.1.safetensors", "round-2.1-scorer.safetensors"]
    kept.append("round-2.1.safetensors")
    killed = ["round-3.2.safetensors", "round-3.2-scorer.safetensors", ".inputs-key.rows.77"]
    killed.append(".round-3.2.safetensors.77")
    touch(work.folder, *kept, "round-1.1-scorer.safetensors", *killed)
    remove_leftovers(work)
    assert sorted(p.name for p in work.folder.iterdir()) == sorted(kept)


def test_another_project_s_files_are_not_its_business(work):
    other = project_folder(work.settings.model_dir, work.project_id + 1)
    touch(other, "round-1.1.safetensors")
    remove_leftovers(work)
    assert [p.name for p in other.iterdir()] == ["round-1.1.safetensors"]


def test_strays_of_killed_processes(settings):
    folder = settings.model_dir
    touch(folder, "factors.7.tmp", "factors.8.tmp", ".secret.key-abc", "secret.key")
    past = time.time() - 3600
    for name in ("factors.7.tmp", ".secret.key-abc", "secret.key"):
        os.utime(folder / name, (past, past))
    remove_strays(settings)
    assert sorted(p.name for p in folder.iterdir()) == ["factors.8.tmp", "secret.key"]
