"""The command `fishermask`, run in this process."""

from click.testing import CliRunner, Result

from fishermask_backend.cli import main


def fishermask(*arguments: object) -> Result:
    """Run a command: its exit code and what it printed; a bug's error is the test's."""
    runner = CliRunner(catch_exceptions=False)
    return runner.invoke(main, list(map(str, arguments)), prog_name="fishermask")
