"""The kinds of fault that a request can meet on its way, each as something that a proxy does."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from typing import Any

from defusedxml import ElementTree

from tests.faults.proxy import Answer, Spoil, Wire

JSON = (("Content-Type", "application/json;charset=utf-8"),)
HTML = b"<!DOCTYPE html><html><body><h1>Bad Gateway</h1></body></html>"
CUT_AFTER = 0.3
"""Seconds after which a client of these tests gives a request up."""
MOST_BYTES = 4_000_000
"""What a client of these tests takes of an answer."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault; `variant` where there are several. `spoil` gives False when there was nothing to spoil."""

    name: str
    spoil: Callable[[Wire, Scene], bool | None]
    variant: str = ""
    hangs: bool = False
    """Whether the client has to give up by itself."""
    on_writes: bool = False
    """Whether it can strike only what is written."""

    def __str__(self) -> str:
        return f"{self.name}-{self.variant}" if self.variant else self.name


@dataclass(frozen=True, slots=True)
class Scene:
    """What a fault must know of where it strikes."""

    arm: Callable[[str], Callable[[], bool]]
    """Orders a fault of the emulated system itself for the next request; what it gives tells whether it struck."""
    own: Mapping[str, str]
    """The emulated system's own words: for `partial`, `locked`, `expired`, `quota`, `locator`."""
    error_body: tuple[str, bytes]
    """Content type and body of an error of this vendor."""
    canary: str
    """The address of a server that must never hear of us."""
    now: Callable[[], datetime]
    """The clock that the client compares dates with."""


def _reset_before(wire: Wire, scene: Scene) -> None:
    wire.reset()


def _reset_mid_body(wire: Wire, scene: Scene) -> None:
    answer = wire.forward()
    wire.send(answer.head(len(answer.body) + 10) + answer.body[: len(answer.body) // 2])
    wire.reset()


def _reset_after(wire: Wire, scene: Scene) -> None:
    wire.forward()
    wire.reset()


def _timeout_before(wire: Wire, scene: Scene) -> None:
    wire.wait_for_client()


def _timeout_after(wire: Wire, scene: Scene) -> None:
    wire.forward()
    wire.wait_for_client()


def _late_commit(wire: Wire, scene: Scene) -> None:
    wire.forward_later()
    wire.reset()


def _status(status: int, body: bytes = b"", **headers: str) -> Callable[[Wire, Scene], None]:
    def spoil(wire: Wire, scene: Scene) -> None:
        wire.reply(Answer(status, (), body).having(**headers))

    return spoil


def _asked_to_wait(when: Callable[[datetime], str]) -> Callable[[Wire, Scene], None]:
    def spoil(wire: Wire, scene: Scene) -> None:
        wire.reply(Answer(429, [("Retry-After", when(scene.now()))]))

    return spoil


def _in_two_seconds(now: datetime) -> str:
    return format_datetime(now.astimezone(UTC) + timedelta(seconds=2), usegmt=True)


def _broken_after(wire: Wire, scene: Scene) -> None:
    wire.forward()
    wire.reply(Answer(500))


def _slow_loris(wire: Wire, scene: Scene) -> None:
    answer = wire.forward()
    wire.wait_for_client(answer.head(len(answer.body)) + answer.body)


def _too_short(wire: Wire, scene: Scene) -> bool:
    answer = wire.forward()
    half = len(answer.body) // 2
    if half:
        wire.send(answer.having(connection="close").head(half) + answer.body[:half])
        wire.hang_up()
    return _unspoilt(wire, answer)


def _malformed(wire: Wire, scene: Scene) -> bool:
    answer = wire.forward()
    if not answer.body:
        return _unspoilt(wire, answer)
    wire.reply(Answer(answer.status, answer.headers, answer.body[:-1] + b'\x00{"<'))
    return True


def _wrong_type(wire: Wire, scene: Scene) -> None:
    wire.reply(wire.forward().having(content_type="text/html"))


def _error_in_200(wire: Wire, scene: Scene) -> None:
    kind, body = scene.error_body
    wire.reply(Answer(200, [("Content-Type", kind)], body))


def _own(word: str) -> Callable[[Wire, Scene], bool]:
    """A fault that only the system itself can make."""

    def spoil(wire: Wire, scene: Scene) -> bool:
        struck = scene.arm(scene.own[word])
        answer = wire.forward()
        done = struck()
        wire.reply(answer)
        return done

    return spoil


def _expired(wire: Wire, scene: Scene) -> bool:
    """A session that ends; where there is none, a 401 that is gone with the next request."""
    if "expired" in scene.own:
        return _own("expired")(wire, scene)
    wire.reply(Answer(401))
    return True


def _redirect(wire: Wire, scene: Scene) -> None:
    wire.reply(Answer(302, [("Location", f"{scene.canary}{wire.asked.target}")]))


@cache
def _bomb() -> bytes:
    return gzip.compress(b" " * 60_000_000, 9)


def _gzip_bomb(wire: Wire, scene: Scene) -> None:
    wire.forward()
    wire.reply(Answer(200, [*JSON, ("Content-Encoding", "gzip")], _bomb()))


def _skewed(by: timedelta) -> Callable[[Wire, Scene], None]:
    def spoil(wire: Wire, scene: Scene) -> None:
        answer = wire.forward()
        wire.reply(answer.having(date=format_datetime(scene.now().astimezone(UTC) + by, usegmt=True)))

    return spoil


def _unspoilt(wire: Wire, answer: Answer) -> bool:
    wire.reply(answer)
    return False


# --- pages ------------------------------------------------------------------------------------------------------------


def of_pages(change: Callable[[list[Any]], list[Any]]) -> Callable[[Wire, Scene], bool]:
    """Changes the rows of an answer that is a page of them, in JSON or XML."""

    def spoil(wire: Wire, scene: Scene) -> bool:
        answer = wire.forward()
        body = _with_rows(answer, change) if answer.status == 200 else None
        if body is None:
            return _unspoilt(wire, answer)
        wire.reply(Answer(answer.status, answer.headers, body))
        return True

    return spoil


def _with_rows(answer: Answer, change: Callable[[list[Any]], list[Any]]) -> bytes | None:
    kind = next((value for name, value in answer.headers if name.lower() == "content-type"), "")
    return _xml(answer.body, change) if "xml" in kind else _json(answer.body, change)


def _json(body: bytes, change: Callable[[list[Any]], list[Any]]) -> bytes | None:
    told = json.loads(body)
    if isinstance(told, dict):
        for name, rows in told.items():
            if name in _PAGES and isinstance(rows, list) and rows:
                return json.dumps({**told, name: change(rows)}).encode()
    return None


def _xml(body: bytes, change: Callable[[list[Any]], list[Any]]) -> bytes | None:
    root = ElementTree.fromstring(body)
    for parent in root.iter():
        rows = [child for child in parent if len(child)]
        if parent.tag.endswith("List") and rows:
            for row in rows:
                parent.remove(row)
            parent.extend(change(rows))
            told: bytes = ElementTree.tostring(root, encoding="utf-8")
            return told
    return None


_PAGES = frozenset({"records", "values"})


KINDS: tuple[Kind, ...] = (
    Kind("reset before", _reset_before),
    Kind("reset mid-body", _reset_mid_body),
    Kind("reset after commit", _reset_after),
    Kind("timeout", _timeout_before, "before commit", hangs=True),
    Kind("timeout", _timeout_after, "after commit", hangs=True),
    Kind("late commit", _late_commit, on_writes=True),
    Kind("408", _status(408)),
    Kind("429", _asked_to_wait(lambda _: "2"), "seconds"),
    Kind("429", _asked_to_wait(_in_two_seconds), "date"),
    Kind("429", _status(429), "none"),
    Kind("429", _asked_to_wait(lambda _: "99999999999999"), "huge"),
    Kind("5xx", _status(500, b"{}", content_type="application/json"), "500"),
    Kind("5xx", _status(502, HTML, content_type="text/html"), "502"),
    Kind("5xx", _status(503), "503"),
    Kind("5xx", _status(504), "504"),
    Kind("500 after commit", _broken_after),
    Kind("slow-loris", _slow_loris, hangs=True),
    Kind("truncated length", _too_short),
    Kind("malformed", _malformed),
    Kind("wrong content type", _wrong_type),
    Kind("200 with an error", _error_in_200),
    Kind("partial batch", _own("partial"), on_writes=True),
    Kind("row locked", _own("locked"), on_writes=True),
    Kind("401 expired", _expired),
    Kind("403 quota", _own("quota")),
    Kind("redirect", _redirect),
    Kind("gzip bomb", _gzip_bomb),
    Kind("duplicated page", of_pages(lambda rows: [*rows, *rows])),
    Kind("reordered page", of_pages(lambda rows: rows[::-1])),
    Kind("cursor expired", _own("locator")),
    Kind("skewed Date", _skewed(timedelta(days=1)), "ahead"),
    Kind("skewed Date", _skewed(-timedelta(days=1)), "behind"),
)


def spoiling(kind: Kind, scene: Scene, note: Callable[[], None]) -> Spoil:
    """The fault as a proxy takes it; `note` is called when it has struck."""

    def spoil(wire: Wire) -> None:
        struck: bool | None = True
        try:
            struck = kind.spoil(wire, scene)
        finally:
            if struck is not False:
                note()

    return spoil
