from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.changes import RaiseAlert
from connector.model import Deal, DealState, Kind, Owner, Person, Ref, Role
from connector.rules.alert import AlertRule, pace, release_time
from connector.rules.plan import Rules
from connector.spec import hours
from tests.unit.rules.kit import INTEREST, NOW, TOKYO, block, contact, deal, decide, visitor, world

STIRS = """
id: stirs
title: 停滞案件に動き
when:
  deal: {state: open, stage_unchanged: {gte: 60d}}
  touchpoint: {kind: [page_view], within: 1d, url: "/price*"}
to: deal_owner
in: sfa
repeat: {per: deal, every: 7d}
"""
OLD = NOW - timedelta(days=60)
VIEW = (Kind.PAGE_VIEW, NOW - timedelta(hours=2), "https://x.jp/price")


def rules(text: str = STIRS) -> Rules:
    return Rules({"interest": INTEREST}, alerts=(block(AlertRule, text),))


def raised(*persons: Person, text: str = STIRS, **rest: Any) -> list[RaiseAlert]:
    changes, _ = decide(rules(text), *(persons or (visitor(), contact())), **rest)
    return [change for change in changes if isinstance(change, RaiseAlert)]


def test_the_owner_of_a_stalled_deal_is_told_what_stirred() -> None:
    (alert,) = raised(
        visitor(), contact(company="アルファ", name="山田 太郎"),
        deals=(deal(stage="提案", stage_since=OLD, owner_id="005"),), touches=[VIEW],
    )  # fmt: skip

    assert (alert.owner_id, alert.deal, alert.person) == (
        "005", Ref("sfa", "Opportunity", "006"), Ref("sfa", "Contact", "003"),
    )  # fmt: skip
    assert alert.title == "[MA] 停滞案件に動き: アルファ 山田 太郎"
    assert "2026-04-01 10:00 Web閲覧: 頁" in alert.body
    assert "案件006 / 提案（2026-01-31から）" in alert.body
    assert str(alert.due_on) == "2026-04-02"


def test_nothing_is_told_where_nobody_can_be_told() -> None:
    """In an SFA that takes no alerts, or is in the configuration no more, an alert would wait for ever."""
    anywhere = STIRS.replace("in: sfa\n", "")
    hot = "id: hot\nwhen: {score.interest: {gte: 10}}\nto: person_owner\nrepeat: {per: person, every: 7d}\n"
    roles = {"ma": Role.MA, "sfa": Role.SFA, "kintone": Role.SFA}
    known = Person(Ref("kintone", "people", "12-5"), {}, owner_id="kishi")
    persons = (visitor(), contact(owner="005"), known)
    deals = (Deal(Ref("kintone", "deals", "15-1"), "案件", DealState.OPEN, "提案", OLD, owner_id="kishi"),)

    def told(text: str, **rest: Any) -> list[tuple[str, str]]:
        world_ = world(**rest)
        return [(a.system, a.owner_id) for a in raised(*persons, text=text, deals=deals, touches=[VIEW], world_=world_)]

    assert told(anywhere, roles=roles) == told(hot, roles=roles) == [("kintone", "kishi")]
    for rest in ({"roles": roles, "silent": frozenset({"kintone"})}, {"roles": {"ma": Role.MA, "sfa": Role.SFA}}):
        assert told(anywhere, **rest) == []
        assert told(hot, **rest) == [("sfa", "005")]


@pytest.mark.parametrize(
    ("stage_since", "view", "state"),
    [
        (NOW - timedelta(days=60) + timedelta(seconds=1), VIEW, DealState.OPEN),
        (OLD, (Kind.PAGE_VIEW, NOW - timedelta(days=1), "https://x.jp/price"), DealState.OPEN),
        (OLD, (Kind.PAGE_VIEW, NOW - timedelta(hours=2), "https://x.jp/blog"), DealState.OPEN),
        (OLD, (Kind.DOWNLOAD, NOW - timedelta(hours=2), "https://x.jp/price"), DealState.OPEN),
        (OLD, VIEW, DealState.LOST),
        (None, VIEW, DealState.OPEN),
    ],
)
def test_nothing_is_said_when_a_condition_fails(
    stage_since: datetime | None, view: tuple[Kind, datetime, str], state: DealState
) -> None:
    assert raised(deals=(deal(state=state, stage_since=stage_since, owner_id="005"),), touches=[view]) == []


def test_the_same_thing_is_not_said_again_before_its_time() -> None:
    stalled: dict[str, Any] = {"deals": (deal(stage_since=OLD, owner_id="005"),), "touches": [VIEW]}
    said = ("stirs", "deal:sfa/Opportunity/006")

    assert raised(**stalled, alerts={said: NOW - timedelta(days=6, hours=23)}) == []
    assert len(raised(**stalled, alerts={said: NOW - timedelta(days=7)})) == 1


def test_the_key_is_the_same_whoever_of_the_deal_stirs_and_whatever_the_rule_is_called_in_words() -> None:
    stalled: dict[str, Any] = {"deals": (deal(stage_since=OLD, owner_id="005"),)}
    (one,) = raised(**stalled, touches=[VIEW])
    (other,) = raised(
        visitor("2"), contact("004"), text=STIRS.replace("停滞案件に動き", "別の題"), **stalled,
        touches=[(Kind.PAGE_VIEW, NOW - timedelta(hours=3), "https://x.jp/price")],
    )  # fmt: skip

    assert one.key == other.key


def test_an_inactive_owner_is_not_told() -> None:
    gone = world(owners={("sfa", "005"): Owner(Ref("sfa", "User", "005"), "退職", active=False)})
    stalled: dict[str, Any] = {"deals": (deal(stage_since=OLD, owner_id="005"),), "touches": [VIEW], "world_": gone}

    assert raised(**stalled) == []
    (alert,) = raised(visitor(), contact(owner="006x"), **stalled)
    assert alert.owner_id == "006x"
    (alert,) = raised(text=STIRS + "else_to: '009'\n", **stalled)
    assert alert.owner_id == "009"


HOT = """
id: hot
when: {score.interest: {turned: hot}}
to: person_owner
in: sfa
repeat: {per: person, every: 30d}
"""


def test_turning_hot_is_told_once_and_not_on_the_first_evening() -> None:
    warm: dict[str, Any] = {"text": HOT, "touches": [VIEW]}
    owned = visitor(), contact(owner="005")

    assert len(raised(*owned, **warm, bands={"interest": ""})) == 1
    assert raised(*owned, **warm, bands={"interest": "hot"}) == []
    assert raised(*owned, **warm, world_=world(baseline=True)) == []


def test_the_night_passes_before_alerts() -> None:
    quiet = hours("20:00-08:00")
    night = datetime(2026, 4, 1, 14, 30, tzinfo=UTC)  # 23:30 in Tokyo

    assert release_time(night, quiet, TOKYO) == datetime(2026, 4, 1, 23, 0, tzinfo=UTC)
    assert release_time(night + timedelta(hours=2), quiet, TOKYO) == datetime(2026, 4, 1, 23, 0, tzinfo=UTC)
    assert release_time(NOW, quiet, TOKYO) == NOW
    assert release_time(NOW, None, TOKYO) == NOW


def test_one_owners_digest_does_not_touch_anothers_day() -> None:
    (alert,) = raised(deals=(deal(stage_since=OLD, owner_id="005"),), touches=[VIEW])
    waiting = [replace(alert, key=f"k{n}", owner_id=owner) for n, owner in enumerate("AAAB")]

    paced = pace(waiting, {"A": 1}, 2, NOW, TOKYO)

    assert [a.key for a in paced.now] == ["k0", "k3"]
    (digest,) = paced.digests
    assert (digest.owner_id, paced.digested) == ("A", {digest.key: ("k1", "k2")})


# --- several SFAs -----------------------------------------------------------------------------------------------------

TWO = {"ma": Role.MA, "sfa": Role.SFA, "kintone": Role.SFA}


def in_kintone(owner: str | None = "sato") -> Person:
    return Person(Ref("kintone", "people", "12-5"), {}, owner_id=owner, modified_at=NOW - timedelta(days=9))


def kintone_deal(**rest: Any) -> Deal:
    return replace(deal("15-1", stage_since=OLD, **rest), ref=Ref("kintone", "deals", "15-1"))


def test_an_alert_is_told_where_the_deal_lives() -> None:
    (alert,) = raised(
        visitor(), contact(owner="005"), in_kintone(), text=STIRS.replace("in: sfa\n", ""), touches=[VIEW],
        deals=(kintone_deal(owner_id="sato"),), world_=world(roles=TWO),
    )  # fmt: skip

    assert (alert.system, alert.owner_id, alert.deal, alert.person) == (
        "kintone", "sato", Ref("kintone", "deals", "15-1"), Ref("kintone", "people", "12-5"),
    )  # fmt: skip


def test_each_deal_is_told_in_its_own_sfa() -> None:
    found = raised(
        visitor(), contact(), in_kintone(), text=STIRS.replace("in: sfa\n", ""), touches=[VIEW],
        deals=(kintone_deal(owner_id="sato"), deal(stage_since=OLD, owner_id="005")), world_=world(roles=TWO),
    )  # fmt: skip

    assert sorted((alert.system, alert.owner_id) for alert in found) == [("kintone", "sato"), ("sfa", "005")]


def test_a_rule_for_one_sfa_says_nothing_of_deals_in_another() -> None:
    both: dict[str, Any] = {"touches": [VIEW], "world_": world(roles=TWO)}

    assert raised(visitor(), contact(), in_kintone(), deals=(kintone_deal(owner_id="sato"),), **both) == []


def test_without_a_deal_the_alert_goes_where_somebody_looks_after_the_person() -> None:
    (alert,) = raised(
        visitor(),
        contact(owner=None),
        in_kintone(),
        text=HOT.replace("in: sfa\n", ""),
        touches=[VIEW],
        world_=world(roles=TWO),
    )

    assert (alert.system, alert.owner_id) == ("kintone", "sato")
