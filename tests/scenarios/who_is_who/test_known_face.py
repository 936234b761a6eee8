"""A registrant whom sales knows: recognised at the first run, whatever name and address they give this time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.engine.review import Answer, cut, decide
from connector.engine.why import why
from connector.model import DealState, Kind, Ref
from tests.machine.world import MAPPINGS, World

ALERT = """
- id: known-face-registered
  title: 既知のお客様がセミナーに申込
  when:
    touchpoint: {kind: seminar_registered, within: 1d}
    person: {is: [customer, in_deal, past_lost]}
  to: person_owner
  repeat: {per: person, every: 7d}
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setitem(MAPPINGS, "alerts", ALERT)
    made = World(tmp_path / "w")
    yield made
    made.close()


def contact_with_deal(world: World, state: DealState, **fields: Any) -> tuple[Ref, str]:
    """Somebody in the SFA with a deal, and their owner."""
    owner = world.sfa.add_owner("営業 花子")
    contact = world.sfa.add_person(owner_id=owner, **fields)
    long_ago = world.now - timedelta(days=900)
    closed = {} if state is DealState.OPEN else {"closed_at": long_ago}
    world.sfa.add_deal("昔の案件", state, people=(contact.id,), owner_id=owner, stage_since=long_ago, **closed)
    return contact, owner


@pytest.mark.parametrize("state", list(DealState))
@pytest.mark.parametrize(
    ("known", "registers"),
    [
        pytest.param(
            {"email": "saito@aozora-example.co.jp", "name": "齋藤 一郎"},
            {"email": "SAITO＠aozora-example.co.jp", "name": "斉藤一郎"},
            id="another shape of the name",
        ),
        pytest.param(
            {"email": "taro@uminari-example.co.jp", "name": "山田 太郎", "mobile": "090-1234-5678"},
            {"email": "taro.yamada@gmail.com", "name": "山田太郎", "phone": "９０１２３４５６７８"},
            id="private address, same mobile",
        ),
        pytest.param(
            {"name": "髙木 美和子", "company": "㈱月見製菓"},
            {"email": "takagi@tsukimi-example.co.jp", "name": "高木美和子", "company": "月見製菓 株式会社 東京支店"},
            id="a business card without an address",
        ),
        pytest.param(
            {"email": "hayashi@sub.ginga-example.co.jp", "name": "ﾊﾔｼ ﾏｺﾄ"},
            {"email": "hayashi+seminar@ginga-example.co.jp", "name": "Makoto Hayashi"},
            id="kana, romaji, subdomain, tag",
        ),
    ],
)
def test_a_known_face_is_told_to_the_owner_at_the_first_run(
    world: World, state: DealState, known: dict[str, Any], registers: dict[str, Any]
) -> None:
    contact, owner = contact_with_deal(world, state, **known)
    visitor = world.ma.add_person(**registers)
    world.ma.add_touchpoint(visitor, Kind.SEMINAR_REGISTERED, world.now - timedelta(hours=1), label="秋の勉強会")

    world.run()

    (alert,) = world.sfa.alerts.values()
    assert (alert.owner_id, alert.person) == (owner, contact)
    assert len(world.sfa.people) == 1, "nobody was made twice"


def test_a_stranger_with_the_same_name_is_told_to_nobody(world: World) -> None:
    contact_with_deal(world, DealState.WON, email="sato@aozora-example.co.jp", name="佐藤 健", company="青空精密")
    visitor = world.ma.add_person(email="sato@kasuga-example.co.jp", name="佐藤健", company="春日ホテルズ")
    world.ma.add_touchpoint(visitor, Kind.SEMINAR_REGISTERED, world.now - timedelta(hours=1))

    world.run()

    assert not world.sfa.alerts


def test_a_split_is_followed_by_scores_keys_and_lists(world: World) -> None:
    """Two people were taken for one; after the split the next run corrects the SFA, and a further run has no work."""
    contact, _ = contact_with_deal(world, DealState.LOST, email="naka@ginga-example.co.jp", name="中村 健")
    other = world.sfa.add_person(email="naka2@ginga-example.co.jp", name="仲村 武", family_name="仲村")
    visitor = world.ma.add_person(email="naka2@ginga-example.co.jp", name="仲村武", family_name="仲村")
    world.ma.add_touchpoint(visitor, Kind.PAGE_VIEW, world.now - timedelta(days=1))
    decide(world.app, [], "テスト")
    world.run()
    decide(world.app, [Answer(contact, visitor, "same")], "テスト")
    world.run()
    wrong = world.sfa.people[contact.id].fields
    assert wrong["score"] == 10
    assert visitor.id in world.ma.lists["others"]

    decide(world.app, cut(world.app, [contact]), "テスト")
    world.run()

    right, theirs = world.sfa.people[contact.id].fields, world.sfa.people[other.id].fields
    assert (right["score"], theirs["score"]) == (0, 10)
    assert right["ma_id"] != theirs["ma_id"]
    assert visitor.id not in world.ma.lists["others"]
    assert world.run().sent() == 0
    told = why(world.app, str(contact))
    assert {decided.verdict for decided in told.who.decisions} == {"different"}
    assert [event.kind for event in told.who.events][-1] == "split"
