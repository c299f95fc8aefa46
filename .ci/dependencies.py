"""When each pinned version was released, and what is newest: writes docs/dependencies.md.

    make dependencies

For people who decide about updates where no database of weaknesses can be reached; where one can,
`pip-audit --requirement requirements.txt --no-deps --disable-pip` asks it.
"""

import json
import os
import re
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/dependencies.md"
PIN = re.compile(r"^([\w.-]+)==([\w.+-]+)", re.MULTILINE)


def main() -> None:
    """Write the page."""
    pins = sorted(set(PIN.findall((ROOT / "requirements.txt").read_text())))
    index = index_url()
    with ThreadPoolExecutor(8) as threads:
        rows = list(threads.map(lambda pin: row(index, *pin), pins))
    PAGE.write_text(
        "# Dependencies and their dates\n\n"
        f"The {len(rows)} versions pinned in `requirements.txt`, with the day each was put on the\n"
        f"index, and the newest release there on {date.today()}. Made by `make dependencies`.\n\n"
        "| package | pinned | of | newest | of |\n|---|---|---|---|---|\n" + "\n".join(rows) + "\n"
    )
    print(PAGE.relative_to(ROOT))


def index_url() -> str:
    """Return the index that pip asks, as its help tells: its own, or the one that is configured."""
    asked = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--help"],
        env=os.environ | {"COLUMNS": "500"},  # an address in one piece
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"Base URL of .*\(default (\S+)\)", asked.stdout)
    assert found, asked.stdout
    return found[1].rstrip("/")


def row(index: str, name: str, pinned: str) -> str:
    """Return one line of the table."""
    days = released(index, name)
    stable = [version for version in days if not (version.is_prerelease or version.is_devrelease)]
    newest = max(stable, default=Version(pinned))
    ours = days.get(Version(pinned), "?")
    later = ("", "") if newest <= Version(pinned) else (str(newest), days[newest])
    return f"| {name} | {pinned} | {ours} | {later[0]} | {later[1]} |"


def released(index: str, name: str) -> dict[Version, str]:
    """Return the day of each version's first file."""
    kind = {"Accept": "application/vnd.pypi.simple.v1+json"}
    request = urllib.request.Request(f"{index}/{name}/", headers=kind)
    with urllib.request.urlopen(request, timeout=60) as answer:
        files = json.load(answer)["files"]
    days: dict[Version, str] = {}
    for file in files:
        parse = parse_wheel_filename if file["filename"].endswith(".whl") else parse_sdist_filename
        try:
            version = parse(file["filename"])[1]
        except (InvalidVersion, InvalidWheelFilename, InvalidSdistFilename):
            continue
        if not file.get("yanked"):
            day = file.get("upload-time", "?")[:10]
            days[version] = min(day, days.get(version, day))
    return days


if __name__ == "__main__":
    main()
