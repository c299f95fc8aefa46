"""What a container may do, and what is told of it to everybody who may ask the engine."""

from collections.abc import Iterable
from typing import Any

from tests.containers.engine import Engine

DATA = "/data"
WRITE = "import pathlib, sys; pathlib.Path(sys.argv[1]).touch()"


def check_confined(engine: Engine, container: str) -> None:
    """Neither root nor capabilities, and no place to write but MODEL_DIR and /tmp in memory."""
    found = engine.inspect(container)
    host = found["HostConfig"]
    assert found["Config"]["User"] == "10001:10001"
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert not host["Privileged"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert [mount["Destination"] for mount in found["Mounts"]] == [DATA]
    assert list(host["Tmpfs"]) == ["/tmp"]
    assert host["Init"] is True
    assert users(engine, container) == {"10001"}
    for place in ("/opt/fishermask/x", "/etc/x", "/x"):
        assert not writes(engine, container, place)
    assert writes(engine, container, f"{DATA}/x")
    engine("exec", container, "rm", f"{DATA}/x")


def users(engine: Engine, container: str) -> set[str]:
    """The users, by number, whose processes run in a container."""
    lines = engine("top", container, "-eo", "uid,pid").splitlines()
    return {line.split()[0] for line in lines[1:]}


def writes(engine: Engine, container: str, path: str) -> bool:
    try:
        engine("exec", container, "python", "-c", WRITE, path)
    except AssertionError as error:
        assert "Read-only file system" in str(error) or "Permission denied" in str(error)
        return False
    return True


def told_elsewhere(engine: Engine, container: str, secrets: Iterable[str]) -> list[str]:
    """Where the engine tells a secret, but for the environment that `.env` gave the container."""
    found = engine.inspect(container)
    image = engine.inspect(found["Image"])
    environment: Any = found["Config"].pop("Env")
    places = {
        "inspect": str(found),
        "image": str(image),
        "history": engine("history", "--no-trunc", found["Image"]),
        "logs": engine.logs(container),
        "processes": engine("top", container, "-eo", "pid,args"),
    }
    assert environment
    return [place for place, text in places.items() if any(s in text for s in secrets)]
