"""`fishermask simulate`: what strategies would have saved on images whose labels are known.

data → embedding → split → courses (live rounds without a Label Studio) → statistics → report.
"""

from importlib.util import find_spec

from fishermask_backend.errors import FisherMaskError


class SimulationImpossible(FisherMaskError):
    """The simulation cannot be made as asked; the text names what is wrong, and what to do."""


def check_installed() -> None:
    """Raise SimulationImpossible where the packages of the report are not installed."""
    missing = [name for name in ("matplotlib", "jinja2") if find_spec(name) is None]
    if missing:
        raise SimulationImpossible(
            f"The report needs {' and '.join(missing)}: pip install 'fishermask-backend[simulate]'."
        )
