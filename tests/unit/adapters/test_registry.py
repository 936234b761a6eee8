from __future__ import annotations

from pathlib import Path

import pytest

from connector.adapters import BUILT_IN, adapter_class, adapter_types
from connector.adapters.memory import Memory
from connector.ports import Adapter
from connector.spec import SpecError
from tests.packages import HOUSE, install


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


def test_another_package_may_bring_an_adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "house = house_crm:House")
    assert adapter_types().keys() == {*BUILT_IN, "house"}
    assert adapter_types()["house"].package == "house-crm 1.0"
    assert adapter_types()["house"].clash is None
    assert adapter_class("house").__name__ == "House"


def test_nobody_takes_the_place_of_a_built_in_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "memory = house_crm:House")
    assert adapter_class("memory") is Memory
    assert str(adapter_types()["memory"].clash) == (
        "type 'memory' is claimed by house-crm 1.0 too; the one of connector is used"
    )


def test_of_two_packages_the_first_by_name_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "b", monkeypatch, "house = b_crm:House", module="b_crm", version="2.0")
    install(tmp_path / "a", monkeypatch, "house = a_crm:House", module="a_crm", version="3.0")
    assert adapter_class("house").__module__ == "a_crm"
    clash = adapter_types()["house"].clash
    assert clash is not None
    assert clash.in_("ja") == "種類 'house' は b-crm 2.0 にもありますが、a-crm 3.0 のものを使います"


def test_what_a_package_prints_is_not_what_we_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(tmp_path, monkeypatch, "house = house_crm:House", "print('hello')\n" + HOUSE)
    assert adapter_class("house").__name__ == "House"
    assert capsys.readouterr() == ("", "hello\n")


@pytest.mark.parametrize(
    ("points", "source", "said"),
    [
        ("house = house_crm:Gone", HOUSE, "cannot be loaded from house_crm:Gone (house-crm 1.0): AttributeError"),
        ("house = house_crm", HOUSE, "no subclass of connector.ports.Adapter"),
        ("house = elsewhere_crm:House", HOUSE, "ModuleNotFoundError: No module named 'elsewhere_crm'"),
        ("house = house_crm:House", "import no_such_library", "No module named 'no_such_library'"),
        ("house = house_crm:House", "class House", "SyntaxError"),
        ("house = house_crm:House", "1 / 0", "ZeroDivisionError"),
        ("house = house_crm:House", "class House: type = 'house'", "no subclass of connector.ports.Adapter"),
        ("house = house_crm:House", "House = 42", "no subclass of connector.ports.Adapter"),
        ("house2 = house_crm:House", HOUSE, "no adapter of type 'house2': its `type` is 'house'"),
        ("house = house_crm:House", HOUSE.replace("    Config = Config", "    Config = dict"), "its Config is no"),
        ("house = house_crm:House", HOUSE.replace("    role = Role.SFA\n", ""), "it has no `role`"),
        ("house = house_crm:House", HOUSE + "    writes = frozenset({int})", "its `writes` holds what is no change"),
        ("house = house_crm:House", HOUSE + "    writes = [1]", "its `writes` holds what is no change"),
        ("house = house_crm:House", HOUSE + "    writes = property(id)", "its `writes` holds what is no change"),
        ("house = house_crm:House", HOUSE + "    batch = 0", "its `batch` or `connections` is no number from 1"),
        ("house = house_crm:House", HOUSE + "    connections = 0", "its `batch` or `connections` is no number from 1"),
        ("house = house_crm:House", "import sys\nsys.exit(3)", "SystemExit: 3"),
        (
            "house = house_crm:House",
            "import typing\n" + HOUSE.replace("    tenant: str", "    type: typing.Literal['home'] = 'home'"),
            "its Config wants type 'home'",
        ),
        (
            "house = house_crm:House",
            "from connector.ports import Adapter\nclass House(Adapter):\n    type = 'house'",
            "it lacks __init__, check, pull, push, streams",
        ),
    ],
)
def test_what_is_no_adapter_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, points: str, source: str, said: str
) -> None:
    install(tmp_path, monkeypatch, points, source)
    with pytest.raises(SpecError) as caught:
        adapter_class(points.partition(" ")[0])
    assert said in str(caught.value.what)
    assert "house-crm 1.0" in str(caught.value.what)
    assert caught.value.what.in_("ja") != str(caught.value.what)
    assert caught.value.fix is not None
