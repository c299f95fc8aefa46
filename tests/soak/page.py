"""docs/reliability.md, from what the soaks measured last; fails where a promise is not kept.

    .venv/bin/python -m tests.soak.page

A section for every file in .benchmarks/reliability; a soak that has not run here has none.
"""

import sys

from tests.tables import table

from .scene import RESULTS, ROOT
from .sections import SECTIONS, yes

PAGE = ROOT / "docs/reliability.md"
INTRODUCTION = """# Reliability

Made by the parts of `make soak`: the last run of each, with its command, date, commit and machine.
Label Studio 1.23.2, web server and worker are real, and share one machine; faults and «memory over
rounds» may share it with each other, too. `make soak` fails where one of these is not kept:"""


def main() -> int:
    ran = {RESULTS / name: part for name, part in SECTIONS.items() if (RESULTS / name).exists()}
    promises = [promise for path, part in ran.items() for promise in part.promises(path)]
    rows = [(each.text, each.measured, yes(each.kept)) for each in promises]
    overview = table(["promise", "measured", "kept"], rows)
    parts = [part.write(path) for path, part in ran.items()]
    PAGE.write_text("\n\n".join([INTRODUCTION, overview, *parts]) + "\n")
    print(PAGE.read_text())
    broken = [promise for promise in promises if not promise.kept]
    for promise in broken:
        print(f"NOT KEPT: {promise.text}: {promise.measured}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
