"""What the README shows, for tests that try it."""

import re
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"


def good_config():
    """Return the labelling config of its section on one."""
    section = README.read_text().partition("## A good labelling config")[2].partition("\n## ")[0]
    (config,) = re.findall(r"```xml\n(.*?)```", section, re.DOTALL)
    return config
