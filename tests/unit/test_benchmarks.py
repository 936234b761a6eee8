"""The benchmarks still measure what they say: references and ours agree. How fast they are is not asserted."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import engine, generate, ingest, score
from connector.adapters.memory import SYSTEMS

PEOPLE, TOUCHPOINTS, SEED = 300, 6000, 3


@pytest.fixture
def url(tmp_path: Path) -> str:
    return str(generate.make(PEOPLE, TOUCHPOINTS, SEED, str(tmp_path))["url"])


def test_sql_columns_and_the_store_give_the_same_scores(url: str) -> None:
    plain = score.sqlite(url, PEOPLE)["digest"]
    assert score.end_to_end(url, PEOPLE)["digest"] == plain
    assert score.compute(PEOPLE, TOUCHPOINTS, SEED)["digest"] == plain
    assert score.duckdb(PEOPLE, TOUCHPOINTS, SEED).get("digest", plain) == plain


def test_a_pass_after_a_little_change_plans_a_few_people(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "TOUCHED", (0.01,))
    SYSTEMS.clear()
    try:
        everybody, few = engine.passes(url, PEOPLE)["passes"]
    finally:
        SYSTEMS.clear()
    assert everybody["identities"] == PEOPLE
    assert 3 <= few["identities"] < PEOPLE / 2


def test_pages_are_ingested(url: str) -> None:
    SYSTEMS.clear()
    assert ingest.pages(url, PEOPLE, 1500).keys() == ingest.plain(url, PEOPLE, 1500).keys() == {"new", "again"}
    SYSTEMS.clear()
