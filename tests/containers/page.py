"""docs/deployment.md, from what `make docker-test` measured last.

make docker-test
.venv/bin/python -m tests.containers.page
"""

import json

from tests.containers.conftest import FIGURES
from tests.tables import table
from tests.this_machine import ROOT

PAGE = ROOT / "docs/deployment.md"
ROWS = (
    ("image", "image, `VARIANT=cuda`", "{:.1f} GB"),
    ("build", "its build from nothing, downloads included", "{:.0f} s"),
    ("up", "`up --detach` with new volumes, until all are healthy", "{:.0f} s"),
    ("up again", "`down`, then `up --detach` with the volumes that are there", "{:.0f} s"),
    ("connect", "`fishermask connect`, until Label Studio shows «Connected»", "{:.1f} s"),
    ("connect to first queue", "from there to the first queue, 80 images", "{:.0f} s"),
    ("label to order", "the label that begins a round, to the new order", "{:.0f} s"),
    (
        "killed worker to new order",
        "`docker kill` of the worker in a round and `up --detach`, to the new order",
        "{:.0f} s",
    ),
    ("stop in a round", "`docker stop` of the worker in a round", "{:.1f} s"),
    ("memory idle", "memory, idle: web server / worker", "{} MB"),
    (
        "memory at most",
        "memory, the most since their start, in rounds: web server / worker",
        "{} MB",
    ),
    ("scale up", "compose.scale.yaml: `up --detach` with new volumes", "{:.0f} s"),
    (
        "scale killed worker to new order",
        "compose.scale.yaml: `docker kill` of the worker in a round, to the new order by the other one",
        "{:.0f} s",
    ),
    (
        "killed rank to the other's end",
        "Fisher computation in two containers: `docker kill` of one, to the end of the other",
        "{:.1f} s",
    ),
)
TEXT = """# Deployment, measured

How to deploy: [docker/README.md](../docker/README.md). How far it grows: [scaling.md](scaling.md).
Written by `python -m tests.containers.page` from the last run of `make docker-test`, which builds the
image of `docker/Dockerfile`, brings `compose.yaml` and `compose.scale.yaml` up, labels through Label
Studio's API and breaks what can break.

{table}

({machine}; {date}. Small batches of 5 labels, images of 64×64 pixels, the default backbone.)

Where no image can be pulled the tests take Label Studio from its package and PostgreSQL from Debian, on
a base made by `debootstrap`: the seconds of `up` are then those of the stand-ins.

## Images

| image | size |
| --- | --- |
| this backend, `VARIANT=cuda` | {image:.1f} GB: 4.3 GB CUDA's libraries, 1.2 GB torch |
| this backend, `VARIANT=cpu` | about 1.8 GB, estimated from a CPU build of torch, not built |
| a usual example of label-studio-ml with torch | 5 – 10 GB as people report, not measured here |
"""


def main() -> None:
    figures = {path.stem: json.loads(path.read_text()) for path in FIGURES.glob("*.json")}
    rows = [
        (what, shape.format(figures[name]["value"]))
        for name, what, shape in ROWS
        if name in figures
    ]
    last = max(figures.values(), key=lambda figure: figure["date"])
    machine = last["machine"]
    parts = (
        f"{machine['cores']} cores {machine['processor']}",
        f"{machine['memory_gb']:.0f} GB",
        machine["cuda"] or "no GPU",
    )
    text = TEXT.format(
        table=table(["what", "figure"], rows),
        machine=", ".join(parts),
        date=last["date"],
        image=figures["image"]["value"],
    )
    PAGE.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
