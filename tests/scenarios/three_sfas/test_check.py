"""`check` of a mapping that was broken on purpose names every fault at once, each at its line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.engine.check import Checked
from tests.scenarios.three_sfas.world import World, world


@pytest.fixture
def ready(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        made.probe()
        yield made


def faults(checked: Checked) -> dict[tuple[str, str], int]:
    """Object and field of every error, and the line of the mapping it stands at (0: in no mapping)."""
    assert checked.error is None
    return {
        (finding.object, finding.field): mark.line if mark else 0
        for finding, mark in checked.findings
        if finding.severity == "error"
    }


def line(ready: World, file: str, word: str) -> int:
    content = (ready.folder / "mappings" / file).read_text(encoding="utf-8").splitlines()
    return next(number for number, each in enumerate(content, 1) if word in each)


@pytest.mark.parametrize("system", ["shanon", "salesforce", "kintone", "esales"])
def test_the_shipped_mappings_fit_the_systems(ready: World, system: str) -> None:
    assert faults(ready.check(system)) == {}


def test_every_fault_of_kintone(ready: World) -> None:
    ready.edit(
        "mappings/people-kintone.yaml",
        ("key: ma_key", "key: MA最終接点"),  # duplicates are allowed in it
        ("to: MAスコア,", "to: ＭＡスコア,"),  # full width is another field
        ("hot: ホット", "hot: 灼熱"),  # no such option
        ("to: 役職, wins: sfa_unless_blank", "to: 作成日時, wins: ma"),  # kintone fills it
        ("to: MAスコア根拠", "to: MAスコア"),  # a number holds no sentence
        ("    touchpoints.last:    {to: MA最終接点, wins: ma, max_length: 255}\n", ""),
    )
    ready.edit(
        "mappings/deals-kintone.yaml", ("lost: 失注", "lost: [失注, 中止]"), ("amount: 金額", "amount: 受注金額")
    )
    ready.edit("config.yaml", ("fields: {person: 人物, deal: 案件}", "fields: {person: 人物, deal: 案件名称}"))

    found = faults(ready.check("kintone"))

    assert set(found) == {
        ("people", "MA最終接点"), ("people", "ＭＡスコア"), ("people", "MAランク"), ("people", "作成日時"),
        ("people", "MAスコア"), ("deals", "進捗"), ("deals", "受注金額"), ("alerts", "案件名称"),
    }  # fmt: skip
    assert found["people", "ＭＡスコア"] == line(ready, "people-kintone.yaml", "ＭＡスコア")
    assert found["people", "MAランク"] == line(ready, "people-kintone.yaml", "MAランク")


def test_a_lookup_and_its_copies_are_not_to_be_written(ready: World) -> None:
    ready.edit(
        "mappings/people-kintone.yaml",
        ("object: people", "object: deals"),
        ("to: 会社名, wins: sfa", "to: 会社名, wins: ma"),
    )
    (ready.folder / "mappings" / "deals-kintone.yaml").unlink()

    assert ("deals", "会社名") in faults(ready.check("kintone"))


def test_every_fault_of_esales(ready: World) -> None:
    ready.edit(
        "mappings/people-esales.yaml",
        ("key: MA人物ID", "key: MAスコア"),  # not a text
        ("    score.interest:      {to: MAスコア, wins: ma}\n", ""),
        ("to: MAスコア根拠", "to: MAスコアの根拠"),  # no such column
        ("hot: ホット", "hot: 灼熱"),  # no such choice
    )
    ready.edit("mappings/deals-esales.yaml", ("lost: 失注", "lost: 敗注"), ("amount: 金額", "amount: 受注金額"))
    ready.edit("config.yaml", ("key: MAキー", "key: MAのキー"))

    found = faults(ready.check("esales"))

    assert {place for place, _ in found.items()} >= {
        ("person", "MAスコア"), ("person", "MAスコアの根拠"), ("person", "MAランク"), ("business", "進捗"),
        ("business", "受注金額"), ("extension_1", "MAのキー"),
    }  # fmt: skip
    assert found["person", "MAスコアの根拠"] == line(ready, "people-esales.yaml", "MAスコアの根拠")


def test_every_fault_of_salesforce(ready: World) -> None:
    ready.edit(
        "mappings/people-salesforce.yaml",
        ("key: MA_Person_Id__c", "key: MA_Band__c"),
        ("    score.interest.band: {to: MA_Band__c, wins: ma}\n", ""),
        ("to: MA_Last_Touch__c", "to: MA_LastTouch__c"),
    )
    ready.edit("mappings/deals-salesforce.yaml", ("product: Product__c", "product: Products__c"))

    assert set(faults(ready.check("salesforce"))) == {
        *((name, field) for name in ("Contact", "Lead") for field in ("MA_Band__c", "MA_LastTouch__c")),
        ("Opportunity", "Products__c"),
    }  # fmt: skip
