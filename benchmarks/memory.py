from collections.abc import Iterator
from benchmarks.measure import Line, Size


def lines(size: Size) -> Iterator[Line]:
    yield from ()
