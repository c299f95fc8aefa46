"""The memory that containers hold."""

from tests.containers.deployment import Deployment

SERVICES = ("backend", "worker")


def memory(deployment: Deployment, field: str) -> str:
    """MB of web server and worker by a field of /proc: VmRSS, or VmHWM, the most there ever was."""
    return " / ".join(f"{_megabytes(deployment, service, field):.0f}" for service in SERVICES)


def _megabytes(deployment: Deployment, service: str, field: str) -> float:
    (container,) = deployment.containers(service)
    command = f"grep -h {field}: /proc/[0-9]*/status"
    lines = deployment.engine("exec", container, "sh", "-c", command).splitlines()
    return sum(int(line.split()[1]) for line in lines) * 1024 / 1e6
