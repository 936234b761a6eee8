"""People who appear in the contract, and changes about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from connector.changes import (
    AddToList,
    AddTouchpoint,
    AnyChange,
    Change,
    CloseAlert,
    CreatePerson,
    Lane,
    RaiseAlert,
    RemoveFromList,
    SetFields,
)
from connector.model import Company, Deal, DealState, Kind, Membership, Owner, Ref, Touchpoint, Value
from connector.testing.world import World

SPRING = datetime(2026, 4, 1, 1, 30, tzinfo=UTC)

CANARIES: Mapping[str, Value] = {
    "email": "canary.mail@canary-kanaria.example",
    "family_name": "金糸雀",
    "given_name": "鳴子",
    "company": "金糸雀観測株式会社",
    "phone": "03-9999-4649",
}
"""A person whose values must never be seen in a log, an error, a receipt or a reject."""

FAMILY = ("佐藤", "鈴木", "髙橋", "田中", "伊藤", "渡邉", "山本", "中村", "小林", "加藤")
GIVEN = ("一郎", "花子", "次郎", "美咲", "三郎", "さくら", "健", "葵", "誠", "結衣")


def some_person(world: World, n: int) -> dict[str, Value]:
    """The n-th person, in the words this world takes."""
    person: dict[str, Value] = {
        "email": f"person{n}@example.com",
        "family_name": FAMILY[n % len(FAMILY)],
        "given_name": GIVEN[n % len(GIVEN)],
        "company": f"第{n}製作所",
        "phone": f"03-0000-{n:04}",
    }
    return {word: value for word, value in person.items() if word in world.person_words}


def set_text(world: World, ref: Ref, value: Value, *, field: str | None = None) -> SetFields:
    """Write one text field."""
    name = field or world.text_field
    key = f"set:{ref}:{name}:{sha256(str(value).encode()).hexdigest()[:8]}"
    return SetFields(
        key=key, system=world.name, identity="p1", lane=Lane.SCORES, ref=ref, values={name: value}, before={name: None}
    )


def create(world: World, key: str, text: str = "作成時の根拠") -> CreatePerson:
    """Create a person under our key."""
    return CreatePerson(
        key=f"create:{key}",
        system=world.name,
        identity="p1",
        lane=Lane.FIELDS,
        object=world.person_object,
        key_field=world.key_field,
        key_value=key,
        values={**world.required, world.text_field: text},
    )


def alert(world: World, key: str, title: str, person: Ref | None = None) -> RaiseAlert:
    """Tell an owner something."""
    owner = try_to(lambda: world.add_owner("営業 担当"))
    return RaiseAlert(
        key=key,
        system=world.name,
        identity="p1",
        lane=Lane.ALERTS,
        rule="stalled-deal-stirs",
        subject="person:p1",
        owner_id=owner or "",
        title=title,
        body="60日以上動きのない案件の担当者が資料をダウンロードしました",
        due_on=date(2026, 4, 2),
        person=person,
    )


def close(world: World, key: str, title: str, person: Ref | None = None) -> CloseAlert:
    """Take back an alert that is raised first."""
    (receipt,) = world.adapter().push([alert(world, key, title, person)])
    assert receipt.remote_id is not None, "the receipt of an alert that can be closed tells its id"
    return CloseAlert(
        key=f"close:{key}",
        system=world.name,
        identity="p1",
        lane=Lane.ALERTS,
        alert=key,
        remote_id=receipt.remote_id,
    )


def entry(world: World, ref: Ref, key: str, title: str) -> AddTouchpoint:
    """Put something on a timeline."""
    return AddTouchpoint(
        key=key,
        system=world.name,
        identity="p1",
        lane=Lane.BACKFILL,
        person=ref,
        owner_id=None,
        title=title,
        body="春の製造業セミナー",
        happened_at=SPRING,
        on=date(2026, 4, 1),
    )


def put_on(world: World, name: str, ref: Ref) -> AddToList:
    """Put somebody on a list."""
    return AddToList(
        key=f"add:{name}:{ref}", system=world.name, identity="p1", lane=Lane.NURTURE, list=name, person=ref
    )


def take_off(world: World, name: str, ref: Ref) -> RemoveFromList:
    """Take somebody off a list."""
    return RemoveFromList(
        key=f"remove:{name}:{ref}", system=world.name, identity="p1", lane=Lane.NURTURE, list=name, person=ref
    )


def one_of_each(world: World, given: Mapping[str, Value] | None = None) -> list[AnyChange]:
    """One change of every kind the adapter takes, about a person who exists."""
    writes = world.adapter().writes
    ref = world.add_person(**(given or some_person(world, 1)))
    off = world.add_person(**some_person(world, 2))
    if RemoveFromList in writes:
        world.put_on_list(max(world.needs.lists), off)
    makers: dict[type[Change], AnyChange] = {}
    if SetFields in writes:
        makers[SetFields] = set_text(world, ref, "45点 hot")
    if CreatePerson in writes:
        makers[CreatePerson] = create(world, "U0000777")
    if RaiseAlert in writes:
        makers[RaiseAlert] = alert(world, "alert-1", "停滞案件に動き", ref)
    if CloseAlert in writes:
        makers[CloseAlert] = close(world, "alert-0", "取り消すアラート", ref)
    if AddTouchpoint in writes:
        makers[AddTouchpoint] = entry(world, ref, "entry-1", "セミナー参加")
    if AddToList in writes:
        makers[AddToList] = put_on(world, min(world.needs.lists), ref)
    if RemoveFromList in writes:
        makers[RemoveFromList] = take_off(world, max(world.needs.lists), off)
    return list(makers.values())


def ref_of(changes: Sequence[AnyChange]) -> Ref:
    """The record the last SetFields is about."""
    return [change.ref for change in changes if isinstance(change, SetFields)][-1]


def unlike(id_: str) -> str:
    """An id of the same shape that belongs to nobody."""
    return id_[:-3] + ("997" if id_[-3:] != "997" else "998") if len(id_) > 3 else "99999997"


def try_to(act: Any) -> Any:
    """The result of `act`; None where the world cannot do it."""
    try:
        return act() or True
    except pytest.skip.Exception:
        return None


def fill(world: World) -> None:
    """Something of every kind the system gives, enough for several pages."""
    refs = [world.add_person(**some_person(world, n)) for n in range(world.many)]
    if Company in world.reads:
        world.add_company("東都精工㈱")
    if Owner in world.reads:
        world.add_owner("髙橋 一郎")
    if Deal in world.reads:
        for state in DealState:
            world.add_deal(f"案件 {state}", state, refs[0])
    if Touchpoint in world.reads:
        for n, ref in enumerate(refs):
            world.add_touchpoint(ref, Kind.SEMINAR_ATTENDED, SPRING + timedelta(days=n), f"セミナー{n}")
    if Membership in world.reads:
        for name in world.needs.lists:
            world.put_on_list(name, refs[0])
