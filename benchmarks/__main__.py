"""Runs the quick measurements one after the other, in under ten minutes on two cores: `python -m benchmarks`."""

from __future__ import annotations

import subprocess
import sys
import time

QUICK = (
    ("startup", "--turns", "3"),
    ("latency", "--times", "40"),
    ("evaluating", "--turns", "3"),
    ("shares", "--turns", "5"),
    ("overhead", "--seconds", "6", "--turns", "5"),
    ("throughput", "--turns", "5"),
    ("layer_tables", "--models", "resnet20", "resnet18", "resnet50", "resnet152"),
    ("first_point", "--times", "3"),
)


def main() -> int:
    failed = []
    for name, *options in QUICK:
        start = time.perf_counter()
        print(f"\n== python -m benchmarks.{name} {' '.join(options)}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *options]).returncode:
            failed.append(name)
        print(f"   {time.perf_counter() - start:.0f} s", flush=True)
    if failed:
        print(f"\nFailed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
