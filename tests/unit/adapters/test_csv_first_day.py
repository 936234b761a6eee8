"""The files of `tests/scenarios/first_day`, read by the configuration that the how-to page shows."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector.adapters.csvfile import CsvFile
from connector.config import Setup, load
from connector.model import Company, Deal, DealState, Kind, Owner, Person, Record, Touchpoint
from tests.scenarios.first_day.files import company, configure
from tests.unit.adapters.csv_kit import of

HOW_TO = Path(__file__).parents[3] / "docs/how-to"
PAGES = ["first-day-with-spreadsheets.md", "first-day-with-spreadsheets.ja.md"]


@pytest.fixture(params=PAGES)
def setup(request: pytest.FixtureRequest, tmp_path: Path) -> Setup:
    """The first morning."""
    company(tmp_path)
    configure(tmp_path, HOW_TO / request.param)
    return load(tmp_path / "config.yaml")


def everything(setup: Setup, system: str) -> list[Record]:
    cls, options = setup.systems[system]
    adapter = cls(system, options, setup.needs(system))
    assert isinstance(adapter, CsvFile)
    assert [str(finding.what) for finding in adapter.check()] == []
    pages = [page for stream in adapter.streams for page in adapter.pull(stream, None)]
    assert [reject for page in pages for reject in page.rejects] == []
    return [record for page in pages for record in page.records]


def test_marketing(setup: Setup) -> None:
    assert not setup.warnings
    records = everything(setup, "marketing")
    people = {person.ref: person for person in of(Person, records)}
    by_name = {str(p.fields.get("family_name") or p.fields["name"]): p for p in people.values()}
    assert by_name.keys() == {"髙橋", "佐藤", "渡邉", "小林", "加藤 結衣"}
    assert by_name["髙橋"].fields["company"] == "東都精工㈱"
    assert by_name["佐藤"].fields["department"] == "第①開発課"
    assert by_name["小林"].fields["opted_out"] is True
    done = sorted(
        (t.happened_at, t.kind, people[t.person])
        for t in of(Touchpoint, records)
        if people[t.person] is by_name["佐藤"]
    )
    assert [(at, kind) for at, kind, _ in done] == [
        (datetime(2026, 3, 11, 15, tzinfo=UTC), Kind.BUSINESS_CARD),
        (datetime(2026, 4, 2, 5, tzinfo=UTC), Kind.SEMINAR_ATTENDED),
        (datetime(2026, 4, 8, 15, tzinfo=UTC), Kind.BOOTH_VISIT),
    ]
    kinds = {t.kind for t in of(Touchpoint, records)}
    assert kinds == {Kind.BUSINESS_CARD, Kind.BOOTH_VISIT, Kind.SEMINAR_ATTENDED, Kind.SEMINAR_ABSENT}


def test_sales(setup: Setup) -> None:
    records = everything(setup, "sales")
    people = {person.ref.id: person for person in of(Person, records)}
    assert people.keys() == {"00012", "00034", "00056"}
    assert people["00034"].fields["phone"] == "112345678"
    open_, budget, timing = sorted(of(Deal, records), key=lambda deal: deal.ref.id)
    assert (open_.state, open_.probability, open_.amount) == (DealState.OPEN, 50, 3_200_000)
    assert open_.stage_since == datetime(2026, 1, 19, 15, tzinfo=UTC)
    assert (budget.state, budget.lost_reason, budget.people) == (DealState.LOST, "予算", ("00034",))
    assert budget.closed_at == timing.closed_at.replace(day=15)
    assert {owner.name for owner in of(Owner, records)} == {"営業　太郎", "営業　次郎"}
    assert {c.name for c in of(Company, records)} == {"東都精工㈱", "㈱北斗機械", "みなと商会"}


def test_both_languages_show_the_same_configuration() -> None:
    english, japanese = (
        re.findall(r"```yaml\n.*?```", (HOW_TO / page).read_text(encoding="utf-8"), re.DOTALL) for page in PAGES
    )
    without_comments = [[re.sub(r" *#.*", "", block) for block in blocks] for blocks in (english, japanese)]
    assert without_comments[0] == without_comments[1]
