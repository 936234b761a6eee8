"""The emulated company's year: the same for a seed, of the promised size, and as untidy as promised."""

from __future__ import annotations

import unicodedata
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.sandbox.clock import Clock
from connector.sandbox.salesforce import SalesforceEmulator
from connector.sandbox.seed import Cast, seed
from connector.sandbox.shanon import ShanonEmulator

NOW = datetime(2026, 10, 14, 1, 0, tzinfo=UTC)

Year = tuple[SalesforceEmulator, ShanonEmulator, Cast]


def a_year(number: int) -> Year:
    clock = Clock(NOW, ticking=False)
    org, smp = SalesforceEmulator(clock=clock), ShanonEmulator(clock=clock)
    return org, smp, seed(org, smp, NOW, number)


@pytest.fixture(scope="module")
def year() -> Year:
    return a_year(1)


def everything(year: Year) -> dict[str, Any]:
    org, smp, cast = year
    found: dict[str, Any] = {each.name: org.records(each.name, include_deleted=True) for each in org.schema}
    for path, table in smp._tables.items():
        found[path] = [table[key] for key in table]
    return {**found, "members": [smp.members(each) for each in smp.lists()], "cast": cast}


def rows(smp: ShanonEmulator, path: str) -> list[Any]:
    return [smp._tables[path][key] for key in smp._tables[path]]


def folded(text: object) -> str:
    return unicodedata.normalize("NFKC", str(text or "")).lower()


def stage_since(deal: dict[str, Any]) -> str:
    return str(deal["LastStageChangeDate"] or deal["CreatedDate"])


def test_the_same_seed_gives_the_same_year_and_another_seed_another(year: Year) -> None:
    same, other = a_year(1), a_year(2)

    assert everything(same) == everything(year)
    assert everything(other) != everything(year)


def test_it_has_the_promised_size(year: Year) -> None:
    org, smp, _ = year
    addresses = {folded(visitor.get("Email")) for visitor in smp.visitors()}
    addresses |= {folded(row.get("Email")) for name in ("Lead", "Contact") for row in org.records(name)}
    mails = rows(smp, "visitor/mail")
    reactions = sum(name in row for row in mails for name in ("DateOpen", "DateClick", "DateError"))
    streams = ("trackingaccesslog", "application/seminar", "attendance", "activity", "enquete")
    touchpoints = reactions + sum(len(rows(smp, f"visitor/{name}")) for name in streams)
    touchpoints += len(org.records("Task")) + len(org.records("Event"))

    assert 1800 < len(addresses) < 2200
    assert 27_000 < touchpoints < 33_000
    assert 280 < len(org.records("Opportunity")) < 320


def test_nothing_lies_in_the_future_or_in_the_hour_that_stands_still(year: Year) -> None:
    org, smp, _ = year
    times = [row["DateAccess"] for row in rows(smp, "visitor/trackingaccesslog")]
    times += [row["DateApplication"] for row in rows(smp, "visitor/application/seminar")]
    times += [row["DateAttendance"] for row in rows(smp, "visitor/attendance")]
    times += [datetime.fromisoformat(row["CompletedDateTime"]) for row in org.records("Task")]
    times += [datetime.fromisoformat(stage_since(row)) for row in org.records("Opportunity")]

    assert max(times) < NOW
    assert not [at for at in times if (at - NOW) % timedelta(days=1) < timedelta(minutes=50)]


def test_rows_are_stamped_when_they_happened(year: Year) -> None:
    org, smp, _ = year
    stamps = sorted(row["SystemModstamp"] for row in org.records("Opportunity"))
    views = rows(smp, "visitor/trackingaccesslog")
    known = [row for row in views if row["DateUpdate"] == row["DateAccess"]]

    assert stamps[0] < "2026-01" < stamps[-1]
    assert len(known) > 0.95 * len(views)


def test_deals_stand_in_every_state_and_some_have_nobody(year: Year) -> None:
    org, _, _ = year
    deals = org.records("Opportunity")
    states = Counter((deal["IsClosed"], deal["IsWon"]) for deal in deals)
    reasons = {deal.get("Loss_Reason__c") for deal in deals if deal["IsClosed"] and not deal["IsWon"]}
    old = [deal for deal in deals if not deal["IsClosed"] and stage_since(deal) < "2026-08-15"]
    with_people = {role["OpportunityId"] for role in org.records("OpportunityContactRole")}

    assert min(states[False, False], states[True, True], states[True, False]) > 50
    assert reasons == {"予算", "時期", "競合", "その他", None}
    assert len(old) > 10
    assert len({deal["Id"] for deal in deals} - with_people) > 20


def test_calls_have_results_and_one_user_has_left(year: Year) -> None:
    org, _, _ = year
    left = [user["Id"] for user in org.records("User") if not user["IsActive"]]

    assert {"興味あり", "不在"} <= {task.get("CallDisposition") for task in org.records("Task")}
    assert len(left) == 1
    assert [row for row in org.records("Account") if row["OwnerId"] in left]
    assert [row for row in org.records("Lead") if row["OwnerId"] == org.queue_id]


def test_companies_and_names_come_in_several_spellings(year: Year) -> None:
    org, smp, _ = year
    typed = {str(visitor.get("CompanyName")) for visitor in smp.visitors()}
    families = {str(visitor.get("Name1")) for visitor in smp.visitors()} | {
        c["LastName"] for c in org.records("Contact")
    }

    for mark in ("㈱", "(株)", "（株）", "株式会社", "支店", "\u3000"):
        assert [name for name in typed if mark in name], mark
    assert [name for name in typed if name.startswith("株式会社")]
    assert [name for name in typed if name.endswith("株式会社")]
    assert {"髙橋", "高橋", "渡邊", "渡辺", "齋藤"} <= families


def test_the_same_people_stand_twice(year: Year) -> None:
    org, smp, _ = year
    spelt = [str(visitor["Email"]) for visitor in smp.visitors() if visitor.get("Email")]
    twice = [address for address, count in Counter(map(str.lower, spelt)).items() if count == 2]
    leads = {row.get("Email") for row in org.records("Lead")} - {None}
    contacts = {row.get("Email") for row in org.records("Contact")} - {None}

    assert len(twice) > 20
    assert len(set(spelt)) > len({each.lower() for each in spelt})
    assert len(leads & contacts) > 5


def test_addresses_are_shared_in_full_width_bouncing_or_missing(year: Year) -> None:
    _, smp, _ = year
    visitors = smp.visitors()
    addresses = [str(visitor.get("Email") or "") for visitor in visitors]
    names_at_info = Counter(folded(a) for a in addresses if folded(a).startswith("info@"))

    assert max(names_at_info.values()) > 2
    assert len([a for a in addresses if not a.isascii()]) > 5
    assert max(map(len, addresses)) == 255, "no system takes a longer one"
    assert len([visitor for visitor in visitors if visitor["EmailValid"].id == 2]) > 10  # type: ignore[union-attr]
    assert [row for row in rows(smp, "visitor/mail") if "DateError" in row]
    assert [v for v in visitors if not v.get("Email") and not v.get("Name1")], "a person without any key"
    assert len([v for v in visitors if not v.get("CompanyName")]) > 20


def test_people_opted_out_on_either_side(year: Year) -> None:
    org, smp, _ = year

    assert len([visitor for visitor in smp.visitors() if visitor["UnsubscribeStatus"] == 1]) > 20
    assert len([row for row in org.records("Contact") if row["HasOptedOutOfEmail"]]) > 5


def test_lists_have_the_numbers_of_the_shipped_configuration(year: Year) -> None:
    _, smp, _ = year

    assert list(smp.lists().items())[:4] == [
        (1, "do-not-mass-mail"),
        (2, "nurture-budget"),
        (3, "nurture-timing"),
        (4, "nurture-lost"),
    ]
    assert not [member for number in range(1, 5) for member in smp.members(number)]


def test_the_characters_are_who_they_are_said_to_be(year: Year) -> None:
    org, smp, cast = year
    newsletter = smp.members(cast.newsletter)

    assert org.get("Opportunity", cast.stalled.deal)["LastStageChangeDate"] < "2026-08-01"
    assert org.get("Opportunity", cast.losing.deal)["Probability"] == 75
    assert org.get("Opportunity", cast.customer.deal)["IsWon"]
    assert not cast.customer.visitors
    assert len(cast.growing.visitors) == 5
    assert set(cast.growing.visitors) <= set(newsletter)
    assert org.get("Opportunity", cast.leaving.deal)["Loss_Reason__c"] == "時期"
    assert {org.get("Contact", each)["Email"].lower() for each in cast.twin.records} == {cast.twin.email}
