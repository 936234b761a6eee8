"""What is said of fields that are filled for the first time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from connector.cli.say import Console
from connector.engine.filling import Fill


def fill_lines(console: Console, fills: Iterable[Fill]) -> Iterator[str]:
    """What a run would fill, and what that costs."""
    for fill in fills:
        yield console.say(
            "{s}: new fields {f}: {n} {n:record|records} to fill, {c} API {c:call|calls}; sent last (lane backfill)",
            "{s}: 新しい項目 {f}: {n}件に書き込み、API {c}回。最後に送ります（backfill）",
            s=fill.system, f=", ".join(fill.fields), n=fill.records, c=fill.calls,
        )  # fmt: skip


def filled_lines(console: Console, filled: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """What a run filled, and what it left."""
    for each in filled:
        yield console.say(
            "{s}: new fields {f}: filled in {n} {n:record|records}, {m} {m:waits|wait}"
            " (lane backfill; `connector backfill` tells the cost)",
            "{s}: 新しい項目 {f}: {n}件に書き込み、残り{m}件（backfill。費用は `connector backfill`）",
            s=each["system"], f=", ".join(each["fields"]), n=each["sent"], m=each["waiting"],
        )  # fmt: skip
