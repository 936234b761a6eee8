"""One measurement: `python -m benchmarks.child module:function '{"argument": ...}'` prints its result as JSON."""

from __future__ import annotations

import importlib
import json
import resource
import sys

from benchmarks.measure import Failed
from connector.engine import log


def main() -> None:
    log.set_up("info")  # as in production: writing the log is a part of the work
    module, _, function = sys.argv[1].partition(":")
    measure = getattr(importlib.import_module(f"benchmarks.{module}"), function)
    try:
        result = measure(**json.loads(sys.argv[2])) or {}
    except Failed as failure:
        sys.exit(str(failure))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(result | {"peak": peak}))


if __name__ == "__main__":
    main()
