"""`python -m benchmarks [NAME ...]`: references and ours in one run, as ratios."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile

from benchmarks import deliver, engine, identity, ingest, memory, score, workers
from benchmarks.measure import Benchmark, Failed, Line, Size, table

BENCHMARKS: dict[str, Benchmark] = {
    "score": score.lines,
    "ingest": ingest.lines,
    "engine": engine.lines,
    "memory": memory.lines,
    "deliver": deliver.lines,
    "identity": identity.lines,
    "workers": workers.lines,
}


def main() -> int:
    """Run what was asked for; 1 when a measurement failed, never because something was slow."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], help="which (default: all)", metavar="NAME")
    for name, default in (("people", 100_000), ("touchpoints", 2_000_000), ("seed", 1)):
        value = int(os.environ.get(f"BENCH_{name.upper()}", default))
        parser.add_argument(f"--{name}", type=int, default=value, help=f"or BENCH_{name.upper()} (default {default:,})")
    parser.add_argument("--folder", help="keep the made-up stores here, and use them again")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="connector-bench-") as temporary:
        size = Size(given.people, given.touchpoints, given.seed, given.folder or temporary)
        return _run(given.names or list(BENCHMARKS), size)


def _run(names: list[str], size: Size) -> int:
    lines: list[Line] = []
    failures = 0
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            for line in BENCHMARKS[name](size):
                lines.append(line)
                print(f"  {line.what}: {line.reference} / {line.ours}", file=sys.stderr, flush=True)
        except Failed as failure:
            failures += 1
            print(f"  {failure}", file=sys.stderr, flush=True)
    print(
        f"{size.people:,} people, {size.touchpoints:,} touchpoints over two years, seed {size.seed};"
        f" {os.cpu_count()} cores; processor time, delivery and workers by the wall clock"
    )
    print(table(lines))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
