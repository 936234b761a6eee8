"""What a run did, as data: the same for people, for `--json`, and for the store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any

from connector.changes import AnyChange
from connector.errors import ConnectorError, Text, kept
from connector.store.runs import Counts


class Exit(IntEnum):
    """Exit codes, as documented for users."""

    DONE = 0
    FAILED = 1
    PENDING = 2
    PARKED = 3
    DEFERRED = 4
    STOPPED = 5
    CONFIG = 78
    INTERRUPTED = 143


@dataclass
class Report:
    """Filled while a run goes on, by several threads."""

    run: str
    started: datetime
    as_of: datetime
    ledger: dict[tuple[str, str], Counts] = field(default_factory=dict)
    problems: list[tuple[str, ConnectorError]] = field(default_factory=list)
    deferred: list[tuple[str, str, ConnectorError]] = field(default_factory=list)
    """(system, stream, why) of streams that a spent budget left unread, and of changes in jobs that are at work."""
    left_alone: dict[str, datetime] = field(default_factory=dict)
    """Systems to which nothing more is sent in this run, and until when what stays there is counted."""
    halted: list[Text] = field(default_factory=list)
    to_mend: bool = False
    """What halted the run is nothing that can be overruled: it must be mended."""
    held: Sequence[AnyChange] = ()
    """Some of the changes that the brake holds back."""
    held_counts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """All of them, by system and kind."""
    calls: dict[str, int] = field(default_factory=dict)
    least_calls: dict[str, int] = field(default_factory=dict)
    planned: int = 0
    identities: int = 0
    interrupted: bool = False
    word: str = ""
    """Said of it instead of the outcome, where it sends nothing: `plan`, `reconcile`."""
    undoes: str = ""
    """The run that this one takes back."""
    ended: datetime | None = None
    closing: Mapping[str, Any] = field(default_factory=dict)
    """What the store said at the end (`connector.engine.closing`)."""
    watch: Callable[[str], None] = lambda _: None
    """Told of every step, for somebody who waits."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, system: str, stream: str, counts: Counts) -> None:
        """Add to a line of the ledger."""
        with self._lock:
            line = self.ledger.setdefault((system, stream), Counts())
            line.add(counts)
        self.watch(f"{system} {stream} {line.read:,}")

    def problem(self, system: str, error: ConnectorError) -> None:
        """A system that could not do its part."""
        with self._lock:
            self.problems.append((system, error))

    def put_off(self, system: str, streams: Sequence[str], error: ConnectorError) -> None:
        """Streams that are read another time."""
        with self._lock:
            self.deferred += [(system, stream, error) for stream in streams]

    def leave_alone(self, system: str, at: datetime) -> None:
        """A system that stopped: nothing more is sent to it."""
        with self._lock:
            self.left_alone[system] = at

    def halt(self, why: Text) -> None:
        """The brake: nothing will be sent."""
        with self._lock:
            self.halted.append(why)

    def expect_calls(self, system: str, calls: int) -> None:
        """Add to the least number of API calls that this run's work takes."""
        with self._lock:
            self.least_calls[system] = self.least_calls.get(system, 0) + calls

    def as_part(self) -> dict[str, Any]:
        """What `add_part` takes on another machine; without the ledger, which stands in the store."""
        with self._lock:
            return {
                "planned": self.planned,
                "identities": self.identities,
                "problems": [[system, _error_data(error)] for system, error in self.problems],
                "deferred": [[system, stream, _error_data(error)] for system, stream, error in self.deferred],
                "left_alone": {system: at.isoformat() for system, at in self.left_alone.items()},
                "halted": [_text_data(why) for why in self.halted],
                "least_calls": dict(self.least_calls),
            }

    def add_part(self, part: Mapping[str, Any]) -> None:
        """Add what a part of this run did that was done elsewhere."""
        with self._lock:
            self.planned += part["planned"]
            self.identities += part["identities"]
            self.problems += [(system, _error_of(data)) for system, data in part["problems"]]
            self.deferred += [(system, stream, _error_of(data)) for system, stream, data in part["deferred"]]
            self.left_alone |= {system: datetime.fromisoformat(at) for system, at in part["left_alone"].items()}
            self.halted += [_text_of(data) for data in part["halted"]]
        for system, calls in part["least_calls"].items():
            self.expect_calls(system, calls)

    @property
    def outcome(self) -> str:
        """One word for how the run ended."""
        return self.word or self.exit.name.lower()

    @property
    def exit(self) -> Exit:
        """The exit code: the worst of what happened."""
        if self.interrupted:
            return Exit.INTERRUPTED
        if self.halted:
            return Exit.STOPPED
        if self.problems or self.unbalanced:
            return Exit.FAILED
        if any(counts.parked for counts in self.ledger.values()):
            return Exit.PARKED
        if self.deferred or any(counts.deferred for counts in self.ledger.values()):
            return Exit.DEFERRED
        return Exit.DONE

    @property
    def unbalanced(self) -> list[tuple[str, str, Counts]]:
        """Lines of the ledger that do not account for every record: (system, stream, counts)."""
        return [(*place, counts) for place, counts in sorted(self.ledger.items()) if not counts.balances()]

    @property
    def created(self) -> int:
        """How many people were made."""
        return sum(counts.used for (_, stream), counts in self.ledger.items() if stream == "→CreatePerson")

    def sent(self) -> int:
        """How many changes reached their system."""
        return sum(counts.used for (_, stream), counts in self.ledger.items() if stream.startswith("→"))

    def as_data(self) -> dict[str, Any]:
        """The report under stable English keys."""
        return {
            "run": self.run,
            "started": self.started.isoformat(),
            "as_of": self.as_of.isoformat(),
            "ended": self.ended.isoformat() if self.ended else None,
            "outcome": self.outcome,
            "exit": int(self.exit),
            "identities": self.identities,
            "planned": self.planned,
            "sent": self.sent(),
            "ledger": [
                {
                    "system": system,
                    "stream": stream,
                    "read": counts.read,
                    "used": counts.used,
                    "unchanged": counts.unchanged,
                    "parked": counts.parked,
                    "ignored": counts.ignored,
                    "deferred": counts.deferred,
                    "balances": counts.balances(),
                }
                for (system, stream), counts in sorted(self.ledger.items())
            ],
            "calls": self.calls,
            "least_calls": self.least_calls,
            "problems": [{"system": system, **_in_both(error)} for system, error in self.problems],
            "deferred": [{"system": s, "stream": stream, **_in_both(error)} for s, stream, error in self.deferred],
            "halted": [str(why) for why in self.halted],
            "held": [{"system": s, "kind": kind, "changes": n} for (s, kind), n in sorted(self.held_counts.items())],
            "unbalanced": [{"system": system, "stream": stream} for system, stream, _ in self.unbalanced],
            "undoes": self.undoes or None,
            "halted_ja": [why.in_("ja") for why in self.halted],
            **self.closing,
        }


def _in_both(error: ConnectorError) -> dict[str, str]:
    """A message as it is kept: who reads the report later may want the other language."""
    return {"message": str(error), "message_ja": error.in_("ja")}


def _text_data(said: Text) -> list[str]:
    return [said.in_("en"), said.in_("ja")]


def _text_of(data: Sequence[str]) -> Text:
    return kept(*data)


def _error_data(error: ConnectorError) -> dict[str, Any]:
    fix = _text_data(error.fix) if error.fix else None
    return {"what": _text_data(error.what), "where": error.where, "fix": fix}


def _error_of(data: Mapping[str, Any]) -> ConnectorError:
    fix = _text_of(data["fix"]) if data["fix"] else None
    return ConnectorError(_text_of(data["what"]), where=data["where"], fix=fix)
