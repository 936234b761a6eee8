"""What is parked and why, and putting it back: the next run sends it, planned anew and under the brake as ever.

Nothing is sent here. A run looks first whether a change is still wanted, so that an outdated one is never sent again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from connector.changes import (
    AddToList,
    AddTouchpoint,
    AnyChange,
    CloseAlert,
    CreatePerson,
    RaiseAlert,
    RemoveFromList,
    SetFields,
)
from connector.engine.app import App, who
from connector.engine.why import identities_of
from connector.errors import ConnectorError, Text, text
from connector.spec import unknown_key
from connector.store import causes, outbox
from connector.store.causes import Cause, Choice, Chosen, Unreadable
from connector.store.trail import retried

log = structlog.get_logger("connector.retry")

Group = tuple[str, str, str]
"""System, kind and code of parked changes."""


@dataclass(frozen=True, slots=True)
class Errors:
    """Everything that a person must mend: changes that were not taken, and records that could not be read."""

    parked: Sequence[Cause]
    unreadable: Sequence[Unreadable]


@dataclass(frozen=True, slots=True)
class Retried:
    """What would be put back, or was: `done` says which; and what stays parked, with the reason."""

    back: Mapping[Group, int]
    left: Mapping[Group, tuple[int, Text]]
    done: bool

    @property
    def stay(self) -> int:
        """How many changes stay parked."""
        return sum(count for count, _ in self.left.values())


def look_up(app: App, system: str | None) -> None:
    """Refuse a name that is no system's: neither of the configuration, nor of what waits from an earlier one.

    :raises ConnectorError: nothing is called so
    """
    if system is None or system in app.adapters:
        return
    with app.reading() as conn:
        known = {
            *app.adapters,
            *(name for name, _ in outbox.backlog(conn)),
            *(o.system for o in causes.unreadable(conn)),
        }
    if system not in known:
        what = text("there is no system {name!r}", "連携先 {name!r} はありません", name=system)
        raise ConnectorError(what, where="--system", fix=unknown_key(system, known)[1])


def errors(app: App, system: str | None = None) -> Errors:
    """What is parked and what could not be read; `system`: only of that one.

    :raises ConnectorError: there is no such system
    """
    look_up(app, system)
    with app.reading() as conn:
        found = causes.unreadable(conn)
        return Errors(
            causes.causes(conn, Choice(system=system)), [one for one in found if system in (None, one.system)]
        )


def retry(
    app: App,
    *,
    code: str | None = None,
    person: str | None = None,
    system: str | None = None,
    doubtful: bool = False,
    dismiss: bool = False,
    put: bool,
) -> Retried:
    """Put parked changes back, so that the next run sends them; without `put`, only say which.

    `code`, `person`, `system`: only those of this cause, of this person, of this system. `doubtful`: also what may have
    taken effect already, and would then be there twice. `dismiss`: instead, count alerts and timeline entries as done,
    because they are there or nobody needs them any more; they are never sent again. A doubtful creation is given up:
    the next plan creates a record only for whom it finds none.

    :raises ConnectorError: nobody or several people are meant by `person`, or there is no such system
    :raises Locked: another run is at work
    """
    look_up(app, system)
    choice = Choice(code, identities_of(app, person) if person is not None else None, system)
    stays = _planned_anew if dismiss else partial(_stays, app, doubtful=doubtful)
    if not put:
        with app.reading() as conn:
            return _sorted(causes.chosen(conn, choice), stays)[0]
    with app.lease() as lease, lease.writing() as conn:
        shown, back = _sorted(causes.chosen(conn, choice), stays)
        if dismiss:
            outbox.fold(conn, [each.key for each in back if each.kind in ONCE], "", code="dismissed")
            outbox.drop(conn, [each.key for each in back if each.kind not in ONCE], "dismissed")
            log.info("changes_dismissed", changes=len(back), left=shown.stay)
        else:
            causes.put_back(conn, back, app.clock())
            log.info("changes_put_back", changes=len(back), left=shown.stay)
        app.trail.add(conn, "", app.clock(), [retried(len(back), who(), dismissed=dismiss)] if back else [])
    return Retried(shown.back, shown.left, done=True)


def _sorted(meant: Sequence[Chosen], stays: Callable[[Chosen], Text | None]) -> tuple[Retried, list[Chosen]]:
    why = {each.key: stays(each) for each in meant}
    back = [each for each in meant if why[each.key] is None]
    left: dict[Group, tuple[int, Text]] = {}
    for each in meant:
        if (reason := why[each.key]) is not None:
            group = each.system, each.kind, each.code
            left[group] = left.get(group, (0, reason))[0] + 1, reason
    return Retried(Counter((each.system, each.kind, each.code) for each in back), left, done=False), back


def _stays(app: App, change: Chosen, *, doubtful: bool) -> Text | None:
    """Why a parked change is not put back."""
    adapter = app.adapters.get(change.system)
    if adapter is None:
        return _NO_SYSTEM
    if change.kind not in {kind.__name__ for kind in adapter.writes}:
        return _NO_WAY
    return _DOUBTFUL if change.doubtful and not doubtful else None


_NO_SYSTEM = text("this system is not in the configuration any more", "設定から外された連携先です")
_NO_WAY = text("the system takes no such change as it is configured", "現在の設定では書き込む手段がありません")
_DOUBTFUL = text(
    "may have taken effect: look in the system; if it is missing there, --doubtful sends it again",
    "反映済みの可能性があります。連携先で確認し、無ければ --doubtful で再送してください",
)


def _planned_anew(change: Chosen) -> Text | None:
    """Why a parked change is not dismissed: what keeps an end state is wished for again by the next plan."""
    return None if change.kind in ONCE or change.doubtful else _PLANNED


ONCE = frozenset(kind.__name__ for kind in (RaiseAlert, AddTouchpoint, CloseAlert))
"""Kinds of changes that are wished for once and for ever."""
_PLANNED = text(
    "the next plan would wish for it again: mend the record, the mapping or the rule",
    "次回の計画で再び作られます。レコード・マッピング・ルールのいずれかを直してください",
)


def record_of(change: AnyChange) -> str:
    """The record a change is about; for one that is yet to be made, the kind of record and whom it is for."""
    match change:
        case SetFields():
            return str(change.ref)
        case CreatePerson():
            return f"{change.system}/{change.object} ({change.identity})"
        case RaiseAlert():
            return str(change.deal or change.person or change.system)
        case CloseAlert():
            return f"{change.system} {change.remote_id}"
        case AddTouchpoint():
            return str(change.person)
        case AddToList() | RemoveFromList():
            return f"{change.system}/{change.list} {change.person}"
