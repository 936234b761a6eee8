"""`connector sandbox`: emulated systems stay up on 127.0.0.1 until somebody ends them, with faults when wished.

Words of `--chaos`, each of which strikes a request, or a row, now and then:

* `late`     what is written is stamped now and seen by readers a little later
* `lock`     rows answer UNABLE_TO_LOCK_ROW (Salesforce)
* `quota`    calls are refused as too many
* `reset`    the work is done, but the connection is cut before the answer
* `cut`      the connection is cut before anything was done
* `expired`  the token is dead
* `slow`     the answer takes a second longer
* `partial`  single rows are refused
* `busy`     503
* `html`     a sign-in page instead of an answer
* `half`     half of the answer arrives
* `pages`    fewer records in a page than asked for
"""

from __future__ import annotations

import json
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from connector.demo.console import Console
from connector.demo.systems import Systems, systems
from connector.demo.world import configure, pointed_at
from connector.engine.schema import for_editors
from connector.errors import ConnectorError, Text, text
from connector.sandbox.clock import Clock
from connector.spec import unknown_key
from connector.templates import TEMPLATES

CHAOS: Mapping[str, tuple[str, float]] = {
    "late": ("late_commit", 0.05),
    "lock": ("row_lock", 0.05),
    "quota": ("quota", 0.01),
    "reset": ("reset_after", 0.02),
    "cut": ("reset_before", 0.02),
    "expired": ("expired", 0.01),
    "slow": ("delay", 0.05),
    "partial": ("row_fail", 0.03),
    "busy": ("status", 0.03),
    "html": ("html", 0.01),
    "half": ("truncate", 0.01),
    "pages": ("small_pages", 0.2),
}
"""What each word orders, and how often it strikes."""


def keep_sandbox(seed: int, port_base: int, chaos: str, into: Path | None, console: Console) -> int:
    """Fill the systems, serve them, say how to reach them, and wait for SIGTERM or Ctrl-C.

    :raises ConnectorError: an unknown word in `chaos`; a port that is taken; a folder `into` that is there already
    """
    rates = rates_of(chaos)
    if into is not None and into.exists():
        raise ConnectorError(
            text("already there: {files}", "すでに存在します: {files}", files=into),
            fix=text("name another folder", "別のフォルダーを指定してください"),
        )
    with ended_by_signal() as ended, systems(seed, Clock(), port_base) as running:
        for kind, rate in rates.items():
            for each in running.chaos():
                each.rate(kind, rate)
        if into is not None:
            into.mkdir(parents=True)
            for_editors(configure(into.resolve(), running).parent)
        _announce(console, running, into)
        ended.wait()
    return 0


def rates_of(chaos: str) -> dict[str, float]:
    """The faults that a list of words orders, and how often each strikes.

    :raises ConnectorError: a word is not known
    """
    words = [word for part in chaos.split(",") if (word := part.strip())]
    for word in words:
        if word not in CHAOS:
            what = text("unknown word {word!r}", "不明な語 {word!r}", word=word)
            raise ConnectorError(what, where="--chaos", fix=unknown_key(word, CHAOS)[1])
    return dict(CHAOS[word] for word in words)


@contextmanager
def ended_by_signal() -> Iterator[threading.Event]:
    """An event that SIGTERM and Ctrl-C set while inside."""
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _announce(console: Console, running: Systems, into: Path | None) -> None:
    found = running.connections()
    if console.json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
        sys.stdout.flush()
        return

    def say(said: Text) -> None:
        console.out(said.in_(console.language))

    say(text("All systems answer until Ctrl-C.", "擬似システムが稼働中です（Ctrl-C で終了）。"))
    _show(console, found, "")
    if into is not None:
        say(text("To use them, in another terminal:", "別の端末で次のように使えます:"))
        console.out(f"cd {shlex.quote(str(into))} && connector check")
        return
    say(text("To use them, in another terminal:", "別の端末で次のように使えます:"))
    for name, value in running.secrets().items():
        console.out(f"export {name}={value}")
    say(
        text(
            "# config.yaml; its mappings are those that `connector init --systems all` writes",
            "# config.yaml（mappings は `connector init --systems all` が作成するもの）",
        )
    )
    console.out(pointed_at(TEMPLATES["all"].text(), running))


def _show(console: Console, found: Mapping[str, Any], indent: str) -> None:
    for name, value in found.items():
        if isinstance(value, Mapping):
            console.out(f"{indent}{name}")
            _show(console, value, f"{indent}  ")
        else:
            console.out(f"{indent}{name:<14}{value}")
