"""The real cli-kintone against the emulated kintone: what an administrator does with CSV files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.sandbox.kintone import KintoneEmulator
from connector.sandbox.server import Server
from tests import node

FIELDS: dict[str, dict[str, Any]] = {
    "email": {"type": "SINGLE_LINE_TEXT", "unique": True, "required": True},
    "score": {"type": "NUMBER"},
    "touch": {"type": "SUBTABLE", "fields": {"t_at": {"type": "DATETIME"}, "t_kind": {"type": "SINGLE_LINE_TEXT"}}},
}


@pytest.fixture(scope="module")
def _cli() -> None:
    node.need("@kintone/cli")


@pytest.fixture
def kintone() -> KintoneEmulator:
    kintone = KintoneEmulator()
    kintone.create_app("リード", FIELDS, code="LEAD")
    return kintone


@pytest.fixture
def server(kintone: KintoneEmulator, _cli: None) -> Iterator[Server]:
    with Server(kintone.handle, chaos=kintone.chaos) as server:
        yield server


def record(kintone: KintoneEmulator, server: Server, command: str, *args: str) -> str:
    """Run a command and give what it printed."""
    url = server.url.replace("127.0.0.1", "localhost")
    token = kintone.add_token("1", "view", "add", "edit", "delete")
    where = ("--base-url", url, "--api-token", token, "--app", "1")
    done = node.program("cli-kintone", "record", command, *where, *args)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def write(folder: Path, text: str) -> str:
    path = folder / "leads.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_import_upsert_export_delete(kintone: KintoneEmulator, server: Server, tmp_path: Path) -> None:
    new = write(tmp_path, '"email","score"\n"a@example.com","10"\n"b@example.com","20"\n')
    record(kintone, server, "import", "--file-path", new)
    assert [each["score"] for each in kintone.records("1")] == ["10", "20"]

    changed = write(tmp_path, '"email","score"\n"b@example.com","21"\n"c@example.com","30"\n')
    record(kintone, server, "import", "--file-path", changed, "--update-key", "email")
    known = {each["email"]: (each["$id"], each["$revision"], each["score"]) for each in kintone.records("1")}
    assert known == {
        "a@example.com": ("1", "1", "10"),
        "b@example.com": ("2", "2", "21"),
        "c@example.com": ("3", "1", "30"),
    }

    rows = list(csv.DictReader(io.StringIO(record(kintone, server, "export"))))
    assert {row["email"]: row["score"] for row in rows} == {each: known[each][2] for each in known}
    assert {row["レコード番号"] for row in rows} == {"LEAD-1", "LEAD-2", "LEAD-3"}
    ordered = record(kintone, server, "export", "--condition", "score > 15", "--order-by", "score desc")
    assert [row["email"] for row in csv.DictReader(io.StringIO(ordered))] == ["c@example.com", "b@example.com"]
    assert kintone.open_cursors == 0

    record(kintone, server, "delete", "--yes")
    assert kintone.records("1") == []


def test_tables(kintone: KintoneEmulator, server: Server, tmp_path: Path) -> None:
    table = (
        '"*","email","touch","t_at","t_kind"\n'
        '"*","a@example.com","","2026-01-01T00:00:00Z","web"\n'
        '"","a@example.com","","2026-01-02T00:00:00Z","mail"\n'
    )
    record(kintone, server, "import", "--file-path", write(tmp_path, table))
    [found] = kintone.records("1")
    assert [row["t_kind"] for row in found["touch"]] == ["web", "mail"]
    exported = record(kintone, server, "export", "--fields", "email,touch")
    assert [row["t_kind"] for row in csv.DictReader(io.StringIO(exported))] == ["web", "mail"]


def test_thousands(kintone: KintoneEmulator, server: Server, tmp_path: Path) -> None:
    lines = "".join(f'"u{number}@example.com","{number}"\n' for number in range(2300))
    path = write(tmp_path, '"email","score"\n' + lines)
    record(kintone, server, "import", "--file-path", path)
    record(kintone, server, "import", "--file-path", path, "--update-key", "email")
    assert {each["$revision"] for each in kintone.records("1")} == {"2"}
    # One request for each hundred records, which go twenty at a time; how kintone counts them is not known.
    assert len([each for each in server.exchanges if "bulkRequest" in each.target]) == 4


def test_what_is_refused(kintone: KintoneEmulator, server: Server, tmp_path: Path) -> None:
    path = write(tmp_path, '"email","score"\n"a@example.com","10"\n"a@example.com","20"\n')
    url = server.url.replace("127.0.0.1", "localhost")
    token = kintone.add_token("1", "view", "add")
    where = ("--base-url", url, "--api-token", token, "--app", "1")
    done = node.program("cli-kintone", "record", "import", *where, "--file-path", path)
    assert done.returncode != 0
    assert "値がほかのレコードと重複しています。" in done.stdout + done.stderr
    assert kintone.records("1") == []
