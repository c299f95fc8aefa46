"""The house is in order: tests mirror the package, documents name what exists, nothing is too large."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.this_machine import ROOT

PACKAGE = ROOT / "fishermask_backend"
TESTS = ROOT / "tests"

# Rooms whose tests go by subject: the same cases for whatever computes them, the entries of a registry,
# a command as a whole.
BY_SUBJECT = {"fisher", "demo", "learning/strategies", "commands/doctor", "commands/export"}

# Modules that are tried as programs, or through those they serve.
ELSEWHERE = {
    "allowed_values.py": "tests/test_settings.py",
    "commands/disconnect.py": "tests/e2e/test_disconnect_command.py",
    "commands/serve.py": "tests/web/test_metrics.py",
    "commands/work.py": "tests/test_cli.py",
    "simulation/command.py": "tests/simulation/test_simulate.py",
    "simulation/curves.py": "tests/simulation/test_report.py",
    "simulation/running.py": "tests/simulation/test_simulate.py",
    "store/inserting.py": "tests/store/test_projects.py",
    "store/noted.py": "tests/store/test_upgrade.py",
    "store/schema.py": "tests/store/test_upgrade.py",
    "studio/http.py": "tests/studio/test_company_network.py",
    "studio/calls.py": "tests/studio/test_client.py",
    "studio/listing.py": "tests/studio/test_client.py",
}

STORIES = {"benchmarks", "containers", "data", "e2e", "soak"}  # tests of no single module

LONGEST_MODULE = 250  # lines
MOST_PARAMETERS = 6
MANY_PARAMETERS = {"fit_classifier"}  # by keyword


def modules() -> list[Path]:
    """Every module with code of its own, as a path below the package."""
    found = (path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
    return sorted(
        path
        for path in found
        if path.stem not in ("__init__", "__main__") and "migrations" not in path.parts
    )


def test_file(module: Path) -> Path:
    """Where a module's tests are looked for."""
    return TESTS / module.with_name(f"test_{module.name}")


test_file.__test__ = False  # type: ignore[attr-defined]


@pytest.mark.parametrize("module", modules(), ids=str)
def test_every_module_has_its_tests(module):
    if module.parent.as_posix() in BY_SUBJECT:
        assert list(test_file(module).parent.glob("test_*.py"))
    elif module.as_posix() in ELSEWHERE:
        assert not test_file(module).exists()
        assert (ROOT / ELSEWHERE[str(module)]).is_file()
    else:
        assert test_file(module).is_file()


def test_every_folder_of_tests_is_a_room_or_a_story():
    folders = {
        path.parent.relative_to(TESTS) for path in TESTS.rglob("test_*.py") if path.parent != TESTS
    }
    strange = {
        folder
        for folder in folders
        if folder.parts[0] not in STORIES and not (PACKAGE / folder).is_dir()
    }
    assert not strange


def test_no_module_is_too_long_to_be_read():
    lines = {m: len((PACKAGE / m).read_text().splitlines()) for m in modules()}
    long = {str(m): n for m, n in lines.items() if n > LONGEST_MODULE}
    assert long.keys() <= {"settings.py"}  # one table


@pytest.mark.parametrize("room", ["learning", "worker"])
def test_no_function_takes_a_bundle_by_hand(room):
    many = []
    for path in (PACKAGE / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                a = node.args
                given = [x.arg for x in (*a.posonlyargs, *a.args, *a.kwonlyargs)]
                count = len([x for x in given if x not in ("self", "cls")])
                if count > MOST_PARAMETERS and node.name not in MANY_PARAMETERS:
                    many.append(f"{path.name}: {node.name} takes {count}")
    assert not many


def test_the_mathematics_imports_torch_alone():
    for path in (PACKAGE / "fisher").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                own = name.startswith("fishermask_backend.fisher")
                assert own or name.partition(".")[0] in {"torch", *sys.stdlib_module_names}, (
                    path.name
                )


def documents() -> list[str]:
    """The texts of the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [name for name in listed.stdout.split() if not name.startswith("tests/")]


@pytest.mark.parametrize("document", documents())
def test_documents_name_files_that_exist(document):
    named = re.findall(
        r"(?<![\w/.-])((?:fishermask_backend|tests|docs|docker)/[\w./-]+\.(?:py|md|yaml))",
        (ROOT / document).read_text(),
    )
    assert not [name for name in named if not (ROOT / name).is_file()]
