"""Answers are lost, connections cut, gateways busy: each change takes effect once, and everybody is read."""

from __future__ import annotations

from typing import Any

import pytest

from connector.changes import AnyChange
from connector.errors import AdapterError
from connector.model import Person
from connector.sandbox.chaos import Chaos
from connector.sandbox.esales import EsmSettings, RemixSettings
from tests.unit.adapters import esales_esm_kit, esales_kit
from tests.unit.adapters.esales_kit import drain, of
from tests.unit.adapters.test_esales_esm import alert as esm_alert
from tests.unit.adapters.test_esales_esm import create as esm_create
from tests.unit.adapters.test_esales_esm import set_fields as esm_set


def rates(chaos: Chaos) -> None:
    for kind in ("reset_before", "reset_after", "truncate", "status"):
        chaos.rate(kind, 0.05)


def until_done(make: Any, changes: list[AnyChange]) -> None:
    """Push as the engine does over many runs: what raised or is to be retried comes again."""
    waiting = {change.key: change for change in changes}
    for _ in range(200):
        try:
            for receipt in make().push(list(waiting.values())):
                assert receipt.status != "refused", receipt.code
                if receipt.status == "done":
                    del waiting[receipt.key]
        except AdapterError:
            pass
        if not waiting:
            return
    raise AssertionError(waiting)


@pytest.mark.parametrize("rows", ["positional", "by_code"])
def test_remix(rows: Any) -> None:
    with esales_kit.stage(RemixSettings(rows=rows, page_size=3)) as ready:
        ready.company("第二製作所")
        ids = [ready.person() for _ in range(5)]
        values = {"氏名": "高橋 花子", "顧客コード": "第二製作所"}
        changes: list[AnyChange] = [esales_kit.set_fields(id_, {esales_kit.WHY: f"{id_}点"}) for id_ in ids]
        changes += [esales_kit.create(f"U{n}", values) for n in range(5)]
        changes += [esales_kit.alert(f"a{n}") for n in range(5)]
        rates(ready.esm.chaos)
        until_done(ready.adapter, changes)
        ready.esm.chaos.calm()
        keys = [row.get(ready.codes[esales_kit.KEY]) for row in ready.esm.records("person")]
        assert sorted(key for key in keys if key) == [f"U{n}" for n in range(5)]
        assert len(ready.esm.records("extension_1")) == 5
        assert [ready.held(id_)[ready.codes[esales_kit.WHY]] for id_ in ids] == [f"{id_}点" for id_ in ids]
        assert len({person.ref for person in of(Person, drain(ready.adapter(), "person"))}) == 10


@pytest.mark.parametrize("created", ["id", "none"])
def test_esm(created: Any) -> None:
    with esales_esm_kit.stage(EsmSettings(created=created)) as ready:
        ready.company("第二製作所")
        ids = [ready.card() for _ in range(5)]
        changes: list[AnyChange] = [esm_set(id_, {esales_esm_kit.WHY: f"{id_}点"}) for id_ in ids]
        changes += [esm_create(f"U{n}") for n in range(5)]
        changes += [esm_alert(f"a{n}") for n in range(5)]
        rates(ready.esm.chaos)
        until_done(ready.adapter, changes)
        ready.esm.chaos.calm()
        keys = [row.get(esales_esm_kit.KEY) for row in ready.esm.records("businesscard")]
        assert sorted(key for key in keys if key) == [f"U{n}" for n in range(5)]
        assert len(ready.esm.records("sheet_134")) == 5
        assert [ready.held(id_)[esales_esm_kit.WHY] for id_ in ids] == [f"{id_}点" for id_ in ids]
        assert len({person.ref for person in of(Person, drain(ready.adapter(), "businesscard"))}) == 10
