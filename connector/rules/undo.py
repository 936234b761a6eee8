"""Undo: what takes a run back, judged by what stands in the systems now. Pure, as every rule.

A field goes back to what stood there before, where nobody has touched it since; who was put on a list comes off, who
was taken off goes back; an alert is closed. What cannot be taken back is named with its cause. Nothing is deleted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from connector.changes import (
    UNDO,
    AddToList,
    AddTouchpoint,
    AnyChange,
    Change,
    CloseAlert,
    CreatePerson,
    Lane,
    RaiseAlert,
    Reason,
    RemoveFromList,
    SetFields,
)
from connector.errors import Text, text
from connector.model import EMPTY, Person, Ref, Value
from connector.rules.translate import same, truth


@dataclass(frozen=True, slots=True)
class Done:
    """A change as it was carried out, and the system's id of what was written or made."""

    change: AnyChange
    remote_id: str | None = None


@dataclass(frozen=True, slots=True)
class Now:
    """What is known of the records concerned at this moment.

    `unread`: systems that could not be read; `takes`: which changes each system takes; `people`: records that are
    there; `lists`: who is on which list (those that are read); `later`: by key and field (none for lists), the run that
    wrote there since; `under_way`: keys of changes of which a system has yet to tell the result.
    """

    people: Mapping[Ref, Person] = field(default_factory=dict)
    lists: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    takes: Mapping[str, frozenset[type[Change]]] = field(default_factory=dict)
    unread: frozenset[str] = frozenset()
    later: Mapping[tuple[str, str], str] = field(default_factory=dict)
    under_way: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Left:
    """Something that stays as it is: where, which field, and why."""

    code: str
    place: str
    why: Text
    field: str = ""


@dataclass(frozen=True, slots=True)
class Undoing:
    """What takes a run back: the changes, what stays, and how much is back already."""

    changes: tuple[AnyChange, ...] = ()
    left: tuple[Left, ...] = ()
    back_already: int = 0


def undo(done: Sequence[Done], run: str, now: Now) -> Undoing:
    """The changes that take back what `run` did (`done`, in that order), as far as it still stands."""
    found: list[AnyChange | Left | None] = []
    for change in _wholes(done):
        found += _fields(change, run, now)
    for each in done:
        match each.change:
            case SetFields():
                pass  # looked at as a whole, above
            case AddToList() | RemoveFromList():
                found.append(_membership(each.change, run, now))
            case RaiseAlert():
                found.append(_alert(each.change, each.remote_id, run, now))
            case CreatePerson():
                found.append(_created(each.change, each.remote_id))
            case AddTouchpoint():
                found.append(_shown(each.change, each.remote_id))
            case CloseAlert():
                found.append(_closed(each.change))
            case _:
                assert_never(each.change)
    return Undoing(
        tuple(each for each in found if isinstance(each, Change)),
        tuple(each for each in found if isinstance(each, Left)),
        sum(each is None for each in found),
    )


def _wholes(done: Sequence[Done]) -> list[SetFields]:
    """What was written to each record, all rounds together: the first before, the last after."""
    whole: dict[Ref, SetFields] = {}
    for change in (each.change for each in done if isinstance(each.change, SetFields)):
        first = whole.get(change.ref, change)
        whole[change.ref] = SetFields(
            key=change.key, system=change.system, identity=change.identity,
            lane=min(first.lane, change.lane, key=list(Lane).index), reasons=(*first.reasons, *change.reasons),
            ref=change.ref, values={**first.values, **change.values}, before={**change.before, **first.before},
        )  # fmt: skip
    return list(whole.values())


def _fields(change: SetFields, run: str, now: Now) -> list[AnyChange | Left | None]:
    """One change with the fields that can go back, and a word on each of the others."""
    ours = {reason.field for reason in change.reasons if reason.rule == "identity"}
    # Whatever a system calls it: `strictest` writes nothing but a no.
    told = [reason for reason in change.reasons if reason.rule == "opted_out"]
    noes = {r.field for r in told if r.text == "strictest" or truth(change.values.get(r.field))}
    stay = dict.fromkeys(ours, _KEY) | dict.fromkeys(noes, _NO)
    judged = {name: _field(change, name, now, stay) for name in change.values}
    back = [name for name, verdict in judged.items() if verdict is _BACK]
    found: list[AnyChange | Left | None] = [v for v in judged.values() if v is None or isinstance(v, Left)]
    if back:
        found.append(
            SetFields(
                key=change.key, system=change.system, identity=change.identity, lane=change.lane,
                reasons=tuple(Reason(UNDO, run, name) for name in back), ref=change.ref,
                values={name: change.before.get(name) for name in back},
                before={name: now.people[change.ref].native.get(name) for name in back},
            )
        )  # fmt: skip
    return found


_BACK = "back"
_KEY = ("key", text("our key stays: it changes nothing for anybody", "当方のキーは残します（業務に影響しません）"))
_NO = ("consent", text("a no to mail stays: nobody but the person takes it back",
                       "配信停止は残します（取り消せるのは本人だけです）"))  # fmt: skip


def _field(change: SetFields, name: str, now: Now, stay: Mapping[str, tuple[str, Text]]) -> Left | str | None:
    """Why a field stays; None when it is back already; else that it goes back."""
    place = str(change.ref)
    if change.system in now.unread:
        return _unread(change.system, place, name)
    person = now.people.get(change.ref)
    if person is None:
        return Left("gone", place, text("the record is no more", "レコードがもうありません"), name)
    if name in stay:
        code, why = stay[name]
        return Left(code, place, why, name)
    if name not in change.before or name not in person.native:
        return _not_known(change, place, name)
    held = person.native[name]
    if same(held, change.before.get(name)):
        return None
    if since := _since(change, now, place, name):
        return since
    if not same(held, change.values[name]):
        return Left("touched", place, text("changed by somebody since", "その後、変更されています"), name)
    return _BACK


def _not_known(change: SetFields, place: str, name: str) -> Left:
    """What stood there before, or what stands there now."""
    if name not in change.before:
        why = text("what stood there before was never read", "書き込み前の値を読み取っていません")
        return Left("unknown", place, why, name)
    why = text("the mappings do not read this field any more", "現在のマッピングでは読み取らない項目です")
    return Left("not_read", place, why, name)


def _membership(change: AddToList | RemoveFromList, run: str, now: Now) -> AnyChange | Left | None:
    place = f"{change.system}/{change.list} {change.person}"
    if change.system in now.unread:
        return _unread(change.system, place)
    members = now.lists.get((change.system, change.list))
    if members is None:
        why = text("the mappings do not use this list any more", "現在のマッピングでは使わないリストです")
        return Left("not_read", place, why)
    added = isinstance(change, AddToList)
    if (change.person.id in members) is not added:
        return None
    if since := _since(change, now, place):
        return since
    kind = RemoveFromList if added else AddToList
    return kind(
        key=change.key, system=change.system, identity=change.identity, lane=change.lane, reasons=(Reason(UNDO, run),),
        list=change.list, person=change.person,
    )  # fmt: skip


def _alert(change: RaiseAlert, remote_id: str | None, run: str, now: Now) -> AnyChange | Left:
    place = f"{change.system} {change.title}"
    if remote_id is None or CloseAlert not in now.takes.get(change.system, frozenset()):
        why = text("{system} offers no way to close an alert", "{system} ではアラートを閉じられません",
                   system=change.system)  # fmt: skip
        return Left("no_way", place, why)
    return CloseAlert(
        key=f"close:{change.key}", system=change.system, identity=change.identity, lane=change.lane,
        reasons=(Reason(UNDO, run),), alert=change.key, remote_id=remote_id, title=change.title,
    )  # fmt: skip


def _unread(system: str, place: str, name: str = "") -> Left:
    why = text("{system} could not be read: try again later", "{system} を読み込めません。後でやり直してください",
               system=system)  # fmt: skip
    return Left("unread", place, why, name)


def _since(change: AnyChange, now: Now, place: str, name: str = "") -> Left | None:
    """What came after the run in the same place, and stands in the way."""
    if run := now.later.get((change.key, name)):
        why = text(
            "run {run} wrote here since: undo that one first",
            "後の実行 {run} が書き込みました。先にそちらを取り消してください",
            run=run,
        )
        return Left("later_run", place, why, name)
    if change.key in now.under_way:
        why = text(
            "a later change is under way, and its result is yet to come: undo this again after the next run",
            "後の変更を処理中で、結果待ちです。次の実行の後にもう一度取り消してください",
        )
        return Left("under_way", place, why, name)
    return None


def _created(change: CreatePerson, remote_id: str | None) -> Left:
    why = text(
        "was created; nothing is ever deleted in a system: delete it there if it must go",
        "作成済みです。連携先のデータは削除しないため、不要なら連携先で削除してください",
    )
    return Left("created", f"{change.system}/{change.object}/{remote_id or '?'}", why)


def _shown(change: AddTouchpoint, remote_id: str | None) -> Left:
    why = text(
        "stands on the timeline; nothing is ever deleted in a system: delete it there if it must go",
        "タイムラインに記録済みです。連携先のデータは削除しないため、不要なら連携先で削除してください",
    )
    return Left("shown", f"{change.person} {remote_id or ''}".strip(), why)


def _closed(change: CloseAlert) -> Left:
    why = text("an alert that was closed is not opened again", "閉じたアラートは再び開きません")
    return Left("closed", f"{change.system} {change.called}", why)


def undone_values(changes: Sequence[AnyChange]) -> dict[Ref, Mapping[str, Value]]:
    """By record, the values that are taken back."""
    found: dict[Ref, Mapping[str, Value]] = {}
    for change in changes:
        if isinstance(change, SetFields):
            found[change.ref] = {**found.get(change.ref, EMPTY), **change.before}
    return found
