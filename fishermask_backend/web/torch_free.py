"""label-studio-ml without torch, which the web process has no use for.

Its 1.0.9 takes `torch.multiprocessing` where there is one, to run jobs that are not run here, and
Python's own `multiprocessing` elsewhere. torch would cost each web process 0.3 GB and three
seconds of its start.
"""

import sys
from importlib import import_module
from types import ModuleType


def label_studio_ml() -> ModuleType:
    """Return the module `label_studio_ml.model`; torch is not loaded for it."""
    if "torch" in sys.modules:  # there already, in a process that learns
        return import_module("label_studio_ml.model")
    sys.modules["torch"] = None  # type: ignore[assignment]  # its import fails, as if there were none
    try:
        return import_module("label_studio_ml.model")
    finally:
        del sys.modules["torch"]
