"""Field rules end to end: cleaned texts, what sales knows in the MA, and a field that is gone from an app."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.engine.report import Exit
from tests.scenarios.three_sfas.world import World, world

EMAIL = "saegusa@hekikai-example.co.jp"
SEGMENTS = """    deal.state: {to: AttributeN21, wins: sfa, values: {open: 商談中}}
    deal.owner: {to: AttributeN22, wins: sfa}
"""


@pytest.fixture
def ready(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        made.probe()
        yield made


def test_a_typed_text_arrives_clean_and_stays_so(ready: World) -> None:
    ready.edit(
        "mappings/people-kintone.yaml",
        ("title:               {to: 役職, wins: sfa_unless_blank}",
         "title:               {to: 役職, wins: sfa_unless_blank, clean: [width, spaces]}"),
    )  # fmt: skip
    visitor = ready.visitor(EMAIL)
    ready.systems.smp.edit_visitor(visitor, {"Post": "ＩＴ推進部　　ﾏﾈｰｼﾞｬｰ"})
    person = ready.in_kintone(EMAIL)

    assert ready.run().exit is Exit.DONE

    assert ready.kintone.get(ready.apps.people.id, person)["役職"] == "IT推進部 マネージャー"
    assert ready.fresh() == []
