import argparse
import json
import time
from datetime import date
from pathlib import Path

from tests.this_machine import machine

from . import gradients, heads, options, page, rivals, rounds, scoring, selection, strategies
from .measure import RESULTS, gemm_rates

PARTS = {
    "gradients": gradients.run,
    "selection": selection.run,
    "agreement": selection.agreement,
    "rivals": rivals.run,
    "heads": heads.run,
    "scoring": scoring.run,
    "rounds": rounds.run,
    "options": options.run,
    "strategies": strategies.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Benchmarks of the Fisher engine.")
    parser.add_argument("parts", nargs="*", help=f"of: {', '.join(PARTS)}, page (default: all)")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that it runs")
    parser.add_argument(
        "--images", type=Path, help="a folder of images, one folder a class: a case of «heads», too"
    )
    arguments = parser.parse_args()
    wanted = arguments.parts or [*PARTS, "page"]
    if unknown := set(wanted) - {*PARTS, "page"}:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    RESULTS.mkdir(parents=True, exist_ok=True)
    for name in wanted:
        if name == "page":
            page.write(quick=arguments.quick)
            continue
        started = time.perf_counter()
        own = {"images": arguments.images} if name == "heads" else {}
        result = PARTS[name](quick=arguments.quick, **own)
        result |= {
            "machine": machine(),
            "gemm": gemm_rates(),
            "date": date.today().isoformat(),
            "seconds": round(time.perf_counter() - started),
        }
        (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1))
        print(f"{name}: {result['seconds']} s", flush=True)


if __name__ == "__main__":
    main()
