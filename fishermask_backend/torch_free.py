"""`LabelStudioMLBase` without torch, which the web process has no use for.

label-studio-ml 1.0.9 takes `torch.multiprocessing` where there is one, to run jobs that are not run
here, and Python's own `multiprocessing` elsewhere. torch would cost each web process 0.3 GB and
two seconds of its start.
"""

import sys
from importlib import import_module
from types import ModuleType


def _label_studio_ml() -> ModuleType:
    if "torch" in sys.modules:  # imported already: in tests, or by whoever uses the class elsewhere
        return import_module("label_studio_ml.model")
    sys.modules["torch"] = None  # type: ignore[assignment]  # importing it fails, as if there were none
    try:
        return import_module("label_studio_ml.model")
    finally:
        del sys.modules["torch"]


LabelStudioMLBase = _label_studio_ml().LabelStudioMLBase
