"""Requests at a steady rate, from a process of its own, and how long each took.

    python -m tests.soak.requests '<JSON: url, project, task, count, rate, without>'

Each request has its time on the clock and is counted from then, whether or not those before it have
been answered: a server that stalls cannot hide what would have come meanwhile.
"""

import json
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

THREADS = 32
ROOT = Path(__file__).resolve().parents[2]


def from_another_process(**plan: Any) -> dict[str, dict[str, float]]:
    """Run a plan; of each route its median, p99, greatest (milliseconds), count and failures."""
    command = [sys.executable, "-m", "tests.soak.requests", json.dumps(plan)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout))


def run(plan: dict[str, Any]) -> dict[str, dict[str, float]]:
    routes = calls(plan["project"], plan["task"])
    names = [name for name in routes if name not in plan.get("without", ())]
    times: dict[str, list[float]] = {name: [] for name in names}
    failures = dict.fromkeys(names, 0)
    limits = httpx.Limits(max_connections=THREADS, max_keepalive_connections=THREADS)
    start = time.perf_counter() + 1
    with (
        httpx.Client(base_url=plan["url"], timeout=60, trust_env=False, limits=limits) as client,
        ThreadPoolExecutor(THREADS) as threads,
    ):

        def one(number: int) -> None:
            name, due = names[number % len(names)], start + number / plan["rate"]
            time.sleep(max(0.0, due - time.perf_counter()))
            method, path, body = routes[name]
            answer = client.request(method, path, json=body)
            times[name].append(time.perf_counter() - due)
            failures[name] += not answer.is_success

        list(threads.map(one, range(plan["count"])))
    return {
        name: {
            "median": 1000 * statistics.median(taken),
            "p99": 1000 * sorted(taken)[int(len(taken) * 0.99)],
            "greatest": 1000 * max(taken),
            "requests": len(taken),
            "failures": failures[name],
        }
        for name, taken in times.items()
    }


def calls(project: dict[str, Any], task: dict[str, Any]) -> dict[str, tuple[str, str, Any]]:
    """What Label Studio sends: of each route the method, path and body."""
    named = f"{project['id']}.{project['created']}"
    setup = {
        "project": named,
        "schema": project["label_config"],
        "hostname": "",
        "extra_params": "",
    }
    predict = {"tasks": [task], "project": named, "label_config": project["label_config"]}
    event = {
        "action": "ANNOTATION_CREATED",
        "project": {"id": project["id"], "label_config": project["label_config"]},
        "task": {"id": task["id"]},
    }
    return {
        "/health": ("GET", "/health", None),
        "/setup": ("POST", "/setup", setup),
        "/webhook": ("POST", "/webhook", event),
        "/predict": ("POST", "/predict", predict),
    }


if __name__ == "__main__":
    print(json.dumps(run(json.loads(sys.argv[1]))))
