"""Which company spellings mean, in the store: decided step by step, as if all had been known at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, select, update

from connector.engine import identify
from connector.engine.identify import settle_companies
from connector.rules.companies import AT_HOME, Spelling, companies
from connector.store import database, spellings
from connector.store import tables as t
from tests.machine.world import World

NUMBER, OTHER_NUMBER = "7000012050002", "1180301018771"
NUMBERED, NAMESAKE = Spelling("青葉", NUMBER, "aoba.co.jp"), Spelling("青葉", "", "wakaba.co.jp")

SPELLINGS = st.builds(
    Spelling,
    st.sampled_from(["", "青葉", "青場", "aoba"]),
    st.sampled_from(["", "", "", NUMBER, OTHER_NUMBER]),
    st.sampled_from(["", "aoba.co.jp", "wakaba.co.jp"]),
).filter(any)
RECORD = tuple[Spelling, int]
"""What a record says, and how much it counts: a person, or a company record."""
MORE = st.lists(st.tuples(SPELLINGS, st.sampled_from([1, 1, spellings.ACCOUNT])), max_size=4)
STEPS = st.lists(st.tuples(MORE, st.integers(0, 3)), min_size=1, max_size=8)
"""Records that come, and how many of the oldest go, step by step."""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    made = database.open_engine(f"sqlite:///{tmp_path_factory.mktemp('companies')}/connector.db")
    database.upgrade(made)
    yield made
    made.dispose()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "w")
    yield made
    made.close()


def take(conn: Connection, record: RECORD, *, back: bool = False) -> set[int]:
    """One record comes, or goes; the spellings whose company may differ by that."""
    spelling, weight = record
    nos = list(spellings.ensure(conn, [spelling]).values())
    return spellings.use(conn, nos if back else (), () if back else nos, weight)


def meant(conn: Connection) -> dict[Spelling, str | None]:
    """The companies as they stand in the store, of all spellings in use."""
    c = t.spelling.c
    rows = conn.execute(select(c.core, c.number, c.domain, c.company).where(c.used > 0))
    return {Spelling(row.core, row.number, row.domain): row.company for row in rows}


@given(STEPS)
@example([([(NUMBERED, 1)] * 2, 0), ([(NAMESAKE, 1)] * 3, 0), ([(NAMESAKE, 1)] * 3, 0)])
@example([([(NAMESAKE, 1)] * 4 + [(NUMBERED, 2)], 1)])
def test_company_by_company_it_is_as_if_all_had_been_known_at_once(
    engine: Engine, steps: list[tuple[list[RECORD], int]]
) -> None:
    with engine.connect() as conn:
        records: list[RECORD] = []
        for more, less in steps:
            changed: set[int] = set()
            for record in more:
                changed |= take(conn, record)
            records += more
            for record in records[:less]:
                changed |= take(conn, record, back=True)
            records = records[less:]
            settle_companies(conn, changed)

            counts: Counter[Spelling] = Counter()
            for spelling, weight in records:
                counts[spelling] += weight
            assert meant(conn) == companies(counts)
        conn.rollback()


def test_a_company_that_has_enough_records_is_not_decided_again_at_each_further_one(engine: Engine) -> None:
    with engine.connect() as conn:
        reported = [bool(take(conn, (NAMESAKE, 1))) for _ in range(AT_HOME + 3)]
        conn.rollback()

    assert reported == [True] * AT_HOME + [False] * 3


def test_when_what_the_program_makes_of_the_rules_changes_companies_are_decided_anew(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.ma.add_person(email="a@aoba.co.jp", company="株式会社青葉", corporate_number=NUMBER)
    ids = [world.ma.add_person(email=f"{n}@wakaba.co.jp", company="株式会社青葉") for n in range(5)]
    world.run()
    with world.app.reading() as conn:
        right = meant(conn)
    with world.app.lease() as lease, lease.writing() as conn:
        one = next(company for spelling, company in right.items() if spelling.number)
        conn.execute(update(t.spelling).values(company=one))
        conn.execute(update(t.person).values(company=one))
    assert len(set(right.values())) == 2

    world.run()
    with world.app.reading() as conn:
        assert len(set(meant(conn).values())) == 1

    monkeypatch.setattr(identify, "VERSION", identify.VERSION + 1)
    world.run()

    with world.app.reading() as conn:
        assert meant(conn) == right
        rows = conn.execute(select(t.person.c.id, t.person.c.company).where(t.person.c.system == "ma"))
        of = {row.id: row.company for row in rows}
    assert {of[each.id] for each in ids} == {company for spelling, company in right.items() if not spelling.number}
