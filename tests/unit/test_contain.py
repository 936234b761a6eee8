"""An adapter that fails with anything but our errors stops nobody else, and quotes nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from connector.adapters.memory import Config, Memory
from connector.changes import AnyChange
from connector.config import load
from connector.engine.app import open_app
from connector.engine.check import check_all
from connector.engine.report import Exit
from connector.errors import AdapterError, ConfigError, Unavailable
from connector.ports import Page, Receipt
from tests.machine.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "w")
    yield made
    made.close()


def fails(*_: object, **__: object) -> Any:
    raise KeyError("山田 太郎")


def sfa_alone(monkeypatch: pytest.MonkeyPatch, method: str, broken: Any) -> None:
    whole = getattr(Memory, method)

    def maybe(self: Memory, *args: Any) -> Any:
        return broken(self, *args) if self._system.name == "sfa" else whole(self, *args)

    monkeypatch.setattr(Memory, method, maybe)


def test_a_reading_that_fails_is_told_and_the_other_system_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def after_a_page(self: Memory, stream: str, cursor: str | None) -> Iterator[Page]:
        yield Page([], "")
        fails()

    sfa_alone(monkeypatch, "pull", after_a_page)
    world.ma.add_person(email="taro@alpha.co.jp", family_name="山田")

    report = world.run()

    assert report.exit is Exit.FAILED
    ((system, error),) = report.problems
    assert (system, type(error)) == ("sfa", Unavailable)
    assert re.search(r"the adapter failed: KeyError in test_contain\.py:\d+ ← test_contain\.py:\d+ ← ", str(error))
    assert "太郎" not in str(error)
    assert report.ledger["ma", "people"].used == 1


def test_a_write_that_fails_may_have_happened_and_is_sent_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.ma.add_person(email="taro@alpha.co.jp", family_name="山田", opted_out=True)
    world.sfa.add_person(email="taro@alpha.co.jp", family_name="山田")
    whole = Memory.push

    def done_and_then_fails(self: Memory, changes: Sequence[AnyChange]) -> Iterator[Receipt]:
        list(whole(self, changes))
        fails()
        yield Receipt("", "done")

    with monkeypatch.context() as patch:
        sfa_alone(patch, "push", done_and_then_fails)
        assert world.run().exit is Exit.FAILED
    assert world.run().exit is Exit.DONE
    assert world.fresh() == []


def test_what_a_library_hides_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def hidden(*_: object) -> Any:
        try:
            fails()
        except KeyError as error:
            raise ArithmeticError("山田 太郎") from error

    sfa_alone(monkeypatch, "pull", hidden)

    ((_, error),) = world.run().problems
    assert "ArithmeticError ← KeyError in test_contain.py:" in str(error)
    assert "太郎" not in str(error)


def test_a_check_that_fails_is_a_finding_about_that_system(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sfa_alone(monkeypatch, "check", fails)

    found = {each.system: each.error for each in check_all(world.app, None)}

    assert found["ma"] is None
    assert "KeyError" in str(found["sfa"])


def test_an_adapter_that_cannot_be_made_or_asked_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Memory, "__init__", fails)
        with pytest.raises(AdapterError, match="KeyError"):
            open_app(load(world.folder / "config.yaml"))
    for cls, method in ((Memory, "offers"), (Config, "model_validate")):
        with monkeypatch.context() as patch:
            patch.setattr(cls, method, classmethod(fails))
            with pytest.raises(ConfigError) as caught:
                load(world.folder / "config.yaml")
            assert [problem.line for problem in caught.value.problems] == [4, 5]
            assert "太郎" not in str(caught.value)
