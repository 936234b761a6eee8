from __future__ import annotations

from pathlib import Path

import pytest

from connector.adapters import BUILT_IN, adapter_class, adapter_types
from connector.adapters.memory import Memory
from connector.ports import Adapter
from connector.spec import SpecError


@pytest.mark.parametrize("type_", sorted(BUILT_IN))
def test_what_is_built_in_can_be_loaded_and_bears_its_name(type_: str) -> None:
    found = adapter_class(type_)
    assert issubclass(found, Adapter)
    assert found.type == type_


def test_an_unknown_type_is_told_with_the_nearest_one() -> None:
    with pytest.raises(SpecError) as caught:
        adapter_class("salesfroce")
    assert caught.value.what.in_("ja") == "不明な連携先の種類 'salesfroce'"
    assert caught.value.fix is not None
    assert caught.value.fix.in_("en") == "did you mean 'salesforce'?"


def install(root: Path, monkeypatch: pytest.MonkeyPatch, points: str, source: str) -> None:
    """Another package, as pip leaves it."""
    (root / "house_crm.py").write_text(source, encoding="utf-8")
    meta = root / "house_crm-1.0.dist-info"
    meta.mkdir()
    (meta / "METADATA").write_text("Metadata-Version: 2.1\nName: house-crm\nVersion: 1.0\n", encoding="utf-8")
    (meta / "entry_points.txt").write_text(f"[connector.adapters]\n{points}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(root)


HOUSE = "from connector.adapters.memory import Memory\nclass House(Memory):\n    type = 'house'\n"


def test_another_package_may_bring_an_adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points = "house = house_crm:House\nmemory = house_crm:House\nhouse2 = house_crm:House\ngone = house_crm:Gone"
    install(tmp_path, monkeypatch, points, HOUSE)
    assert adapter_types().keys() == {*BUILT_IN, "house", "house2", "gone"}
    assert adapter_class("house").__name__ == "House"
    assert adapter_class("memory") is Memory
    with pytest.raises(SpecError, match="no adapter of type 'house2'"):
        adapter_class("house2")
    with pytest.raises(SpecError, match="cannot be loaded from house_crm:Gone"):
        adapter_class("gone")
