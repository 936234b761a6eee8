"""A small world of files and a register: `csv` on both sides, `esales_csv` with its batch client, and `rest`.

What a kill leaves is a copy of its folder: the store, what the adapters remember, and the files that people and batch
jobs share with them. Beside the points of any run there are those of files: one is put in its place or taken away, and
an adapter's own memory is committed.
"""

from __future__ import annotations

import copy
import csv
import hashlib
import io
import os
import shutil
import sqlite3
import sys
import textwrap
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

from sqlalchemy import update

from connector.adapters.csvfile.book import NEW
from connector.config import load
from connector.engine.app import App, open_app
from connector.engine.preview import plan_preview
from connector.engine.report import Report
from connector.engine.run import run
from connector.sandbox.clock import Clock
from connector.sandbox.esales_csv import BatchClient, Import, Sheet
from connector.sandbox.inhouse import InHouse
from connector.store import tables as t
from connector.store.database import open_engine, writing
from tests.faults.checks import Sleeper, fallen_asleep
from tests.faults.cuts import content
from tests.faults.ends import End, _stored
from tests.faults.points import Dead, Points, instrumented
from tests.faults.story import START
from tests.faults.world import reaching
from tests.unit.adapters.esales_csv_kit import OPTIONS, Office
from tests.unit.adapters.rest_kit import CONFIG as REGISTER

PORT = 5
"""Where nobody listens: requests that are taken to the register directly."""
CONFIG = """\
timezone: Asia/Tokyo
store: sqlite:///data/connector.db
systems:
  marketing:
    type: csv
    role: ma
    folder: marketing/in
    out: marketing/out
    encoding: cp932
    settle: 0s
    files:
      - pattern: "接点*.csv"
        kind: touchpoints
        columns: {happened: 日時, touchpoint: 種別, label: 名称, name: 氏名, company: 会社名, email: メールアドレス}
        values:
          touchpoint: {出席: seminar_attended, 来場: booth_visit, 名刺: business_card, 問合せ: inquiry}
  sales:
    type: csv
    role: sfa
    folder: sales/in
    out: sales/out
    encoding: cp932
    settle: 0s
    files:
      - pattern: "担当者*.csv"
        kind: people
        columns: {id: 担当者コード, name: 担当者名, company: 顧客名, email: メールアドレス, owner: 営業担当}
      - pattern: "案件*.csv"
        kind: deals
        columns:
          id: 案件番号
          name: 案件名
          state: 進捗
          stage: 進捗
          stage_since: 進捗更新日
          closed_at: 完了日
          lost_reason: 失注理由
          owner: 営業担当
          company: 顧客名
          person: 担当者コード
        values: {state: {受注: won, 失注: lost, "*": open}}
  esm:
    type: esales_csv
"""
PEOPLE = """\
- in: sales
  object: person
  key: 連携ID
  create: {object: person, when: {touchpoint: {kind: booth_visit, within: 30d}}, require: [email, company]}
  fields:
    name: {to: 担当者名, wins: once}
    company: {to: 顧客名, wins: once}
    email: {to: メールアドレス, wins: once}
    score.interest: {to: MAスコア, wins: ma}
    touchpoints.last: {to: 最終接点, wins: ma, max_length: 100}
  timeline: {to: timeline, kinds: [seminar_attended, booth_visit], since: 90d}
- in: esm
  object: 名刺
  key: 連携キー
  create: {object: 名刺, when: {touchpoint: {kind: business_card, within: 30d}}, require: [email, company]}
  fields:
    family_name: {to: 姓, wins: sfa_unless_blank}
    given_name: {to: 名, wins: sfa_unless_blank}
    email: {to: メールアドレス, wins: sfa_unless_blank}
    company: {to: 企業名, wins: once}
    score.interest: {to: MAスコア, wins: ma}
    touchpoints.last: {to: MA最終接点, wins: ma, max_length: 100}
  timeline: {to: MA接点, kinds: [seminar_attended, business_card], since: 90d}
- in: crm
  object: person
  key: external_key
  create: {object: person, when: {touchpoint: {kind: inquiry, within: 30d}}, require: [email, company]}
  fields:
    email: {to: mail, wins: sfa_unless_blank}
    company: {to: company, wins: sfa_unless_blank}
    touchpoints.last: {to: memo, wins: ma, max_length: 100}
  timeline: {to: notes, kinds: [seminar_attended, inquiry], since: 90d}
"""
MAPPINGS = {
    "people.yaml": PEOPLE,
    "deals.yaml": """\
- in: esm
  object: 案件
  fields: {name: 案件名, stage: 進捗, owner: 主担当, company: 顧客コード, people: 名刺コード}
  states: {won: 受注, lost: 失注}
  linked_by: {company: 顧客コード}
- in: crm
  object: deal
  fields: {name: title, stage: status, closes_on: closes_on, owner: owner.id, people: contacts}
  states: {won: 受注, lost: [失注, 中止]}
""",
    "scores.yaml": """\
interest:
  rules:
    - {id: seminar, touchpoint: seminar_attended, within: 1y, points: 10}
    - {id: others, touchpoint: [booth_visit, business_card, inquiry], within: 180d, points: 5}
  bands: {hot: 40}
""",
    "alerts.yaml": """\
- id: deal-stirs
  title: 案件に動き
  when: {deal: {state: open}, touchpoint: {kind: seminar_attended, within: 3d}}
  to: deal_owner
  repeat: {per: deal, every: 7d}
""",
    "nurture.yaml": """\
- id: lost-to-nurture
  when: {deal: {state: lost, closed: {gte: 14d}}}
  unless: [{deal: {state: open}}]
  list: 失注
  leave_when: {deal: {state: open}}
""",
}


# --- the world --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A row of a file of results, with what tells it from others in there."""

    file: str
    key: str
    cells: Mapping[str, str]


OUT = ("marketing/out", "sales/out")
ONCE = ("sales/out/alerts.csv", "sales/out/timeline.csv")
"""Files whose rows make something in the system each time that they are carried there."""


@dataclass
class Town:
    """Everything in one folder, but for the register, which answers requests, and what e-Sales Manager holds."""

    root: Path
    house: InHouse
    sheets: dict[str, Sheet]
    taken: list[Row] = field(default_factory=list)
    """Rows of files of results that somebody has carried into the systems, oldest first."""
    early: set[str] = field(default_factory=set)
    """File and key of rows that were carried away before the adapter had noted that they lie there."""

    @property
    def store(self) -> str:
        """URL of the store."""
        return f"sqlite:///{self.root / 'data' / 'connector.db'}"

    def copy(self, root: Path) -> Town:
        """Another one, to do with as one likes."""
        shutil.copytree(self.root, root, symlinks=True)
        return Town(root, copy.deepcopy(self.house), copy.deepcopy(self.sheets), list(self.taken), set(self.early))

    @contextmanager
    def app(self) -> Iterator[App]:
        """The connector as a fresh process would open it."""
        app = open_app(load(self.root / "config.yaml"), clock=self.house.clock)
        try:
            yield app
        finally:
            app.close()

    def run(self) -> Report:
        """One pass."""
        with self.app() as app:
            return run(app)

    def results(self) -> Iterator[Path]:
        """The files of results that lie there."""
        for out in OUT:
            for path in sorted((self.root / out).rglob("*.csv")):
                if path.parent.name != "problems":
                    yield path

    def take(self) -> None:
        """Somebody carries all files of results into the systems, and takes them away."""
        for path in list(self.results()):
            rows = _rows(path, self.root)
            self.taken += rows
            self.early |= {f"{row.file} {row.key}" for row in rows if row.file in ONCE and self._is_unnoted(path, row)}
            path.unlink()

    def _is_unnoted(self, path: Path, row: Row) -> bool:
        with closing(sqlite3.connect(path.with_name(".state.db"))) as db:
            noted = "SELECT state FROM handout WHERE file = ? AND key = ?"
            return bool(db.execute(noted, (path.name, row.key)).fetchone() == (NEW,))

    def expire_lease(self) -> None:
        """The time of whoever holds the lease is over."""
        engine = open_engine(self.store)
        with writing(engine) as conn:
            conn.execute(update(t.lease).values(expires=0))
        engine.dispose()

    def fresh(self) -> list[object]:
        """What a run would still write."""
        with self.app() as app:
            return list(plan_preview(app, pull=False, as_of=None).fresh)

    def batch(self) -> None:
        """The batch client of e-Sales Manager imports what lies there."""
        imports = self.root / "imports"
        conditions = [
            Import(imports / "名刺", self.sheets["名刺"], "名刺コード", "update"),
            Import(imports / "名刺新規", self.sheets["名刺"], "連携キー"),
            Import(imports / "MA接点", self.sheets["MA接点"], "接点キー"),
            Import(imports / "MA通知", self.sheets["MA通知"], "通知キー"),
        ]
        BatchClient(conditions, self.root / "results", {"営業 太郎"}).run()


def direct(town: Town) -> AbstractContextManager[None]:
    """Requests to the register of this town reach it without a socket, until the end of the block."""
    return reaching({PORT: town.house.handle})


def begin(root: Path) -> Town:
    """Exports that nobody has read yet, and a register of people: each kind of change is due."""
    for folder in ("marketing/in", "marketing/out", "sales/in", "sales/out", "data"):
        (root / folder).mkdir(parents=True)
    clock = Clock(START, ticking=False)
    clock.advance(START - clock())
    house, office = InHouse(clock=clock), Office(root)
    _exports(root, clock())
    _esales(office)
    _register(house)
    (root / "token").write_text(house.token, encoding="utf-8")
    (root / "token").chmod(0o600)
    register = REGISTER.replace("URL", f"http://127.0.0.1:{PORT}").replace(
        "{env: CRM_TOKEN}", f"{{file: {root / 'token'}}}"
    )
    systems = textwrap.indent(OPTIONS, "    ")
    systems += "  crm:\n    type: rest\n    allow_private: true" + textwrap.indent(register, "    ")
    (root / "config.yaml").write_text(CONFIG + systems, encoding="utf-8")
    (root / "mappings").mkdir()
    for name, text in MAPPINGS.items():
        (root / "mappings" / name).write_text(text, encoding="utf-8")
    sheets = {sheet.name: sheet for sheet in (office.cards, office.entries, office.notices)}
    town = Town(root, house, sheets)
    with direct(town), town.app():  # how a store is made is another story
        return town


def _drop(path: Path, header: str, *rows: str) -> None:
    path.write_bytes("".join(f"{line}\r\n" for line in (header, *rows)).encode("cp932"))
    os.utime(path, (1_790_000_000, 1_790_000_000))


def _exports(root: Path, now: datetime) -> None:
    lately = f"{now - timedelta(hours=20):%Y/%m/%d %H:%M}"
    _drop(
        root / "marketing/in/接点1.csv",
        "日時,種別,名称,氏名,会社名,メールアドレス",
        *(
            f"{lately},{kind},{kind}の催し,{name},{company},{who}@{who}-example.co.jp"
            for kind, name, company, who in (
                ("出席", "木下 誠", "木下工業株式会社", "kinoshita"),  # in the files of sales
                ("出席", "榎 茂", "株式会社榎商店", "enoki"),  # in e-Sales Manager
                ("出席", "小野寺 圭", "株式会社春日", "onodera"),  # in the register
                ("来場", "早乙女 純", "夕凪水産株式会社", "saotome"),  # nowhere yet, as those below
                ("名刺", "星野 光", "銀河物流株式会社", "hoshino"),
                ("問合せ", "平田 稔", "平田電機株式会社", "hirata"),
                ("出席", "加山 望", "加山製菓株式会社", "kayama"),  # whose deal was lost
            )
        ),
    )
    _drop(
        root / "sales/in/担当者1.csv",
        "担当者コード,担当者名,顧客名,メールアドレス,営業担当,MAスコア,最終接点,連携ID",
        "00012,木下 誠,木下工業株式会社,kinoshita@kinoshita-example.co.jp,営業 花子,,,",
        "00034,加山 望,加山製菓株式会社,kayama@kayama-example.co.jp,営業 花子,,,",
    )
    _drop(
        root / "sales/in/案件1.csv",
        "案件番号,案件名,進捗,進捗更新日,完了日,失注理由,営業担当,顧客名,担当者コード",
        "D1,更新,提案,2026/07/01,,,営業 花子,木下工業株式会社,00012",
        "D2,新規,失注,2026/08/01,2026/08/01,予算,営業 花子,加山製菓株式会社,00034",
    )


def _esales(office: Office) -> None:
    code = office.card(姓="榎", 名="茂", 企業名="株式会社榎商店", メールアドレス="enoki@enoki-example.co.jp")
    office.deals.add({"案件名": "榎商店 更新", "進捗": "商談中", "主担当": "営業 太郎", "名刺コード": code})
    office.export()


def _register(house: InHouse) -> None:
    owner = house.tables.add("users", {"name": "髙橋", "retired": False})
    known = {
        "mail": "onodera@onodera-example.co.jp",
        "name": {"family": "小野寺", "given": "圭"},
        "company": "株式会社春日",
    }
    person = house.tables.add("people", {**known, "no_mail": False, "owner": {"id": owner}})
    house.tables.add("deals", {"title": "春日 更新", "status": "商談中", "contacts": [person], "owner": {"id": owner}})


# --- how it ends ------------------------------------------------------------------------------------------------------


def end(town: Town) -> End:
    """How things stand once the batch client has imported: every row by its key, wherever it stands."""
    town.batch()
    found = End()
    _files(town, found)
    _systems(town, found)
    names = {str(id_): str(row["mail"]) for id_, row in town.house.tables.rows["people"].items()}
    for kind, key, what in _stored(town.store, names):
        found.add(kind, key, what)
    return found


def _files(town: Town, found: End) -> None:
    rows = town.taken + [row for path in town.results() for row in _rows(path, town.root)]
    latest = {(row.file, row.key): row for row in rows}
    for row in [row for row in rows if row.file in ONCE] + [row for row in latest.values() if row.file not in ONCE]:
        found.add(row.file, row.key, row.cells)
    for folder in ("marketing/in", "sales/in", "exports", "imports"):
        for path in sorted(path for path in (town.root / folder).rglob("*") if path.is_file()):
            found.add("file", f"{folder}/{path.relative_to(town.root / folder)}", "there")


def _systems(town: Town, found: End) -> None:
    for name, sheet in town.sheets.items():
        for record in sheet.records.values():
            key = record.get("メールアドレス") or record.get("接点キー") or record.get("通知キー")
            found.add(f"esm {name}", key, {word: cell for word, cell in record.items() if word != sheet.code})
    for table, key in (("people", "mail"), ("tasks", "external_key"), ("notes", "external_key")):
        for row in town.house.tables.rows[table].values():
            said = {word: value for word, value in row.items() if word not in ("id", "created_at", "updated_at")}
            if table != "people":
                said["person_id"] = _mail(town, row["person_id"])
            found.add(f"crm {table}", row[key], said)


def _rows(path: Path, root: Path) -> list[Row]:
    file = str(path.relative_to(root))
    cells = csv.DictReader(io.StringIO(path.read_bytes().decode("cp932"), newline=""))
    return [Row(file, each.get("キー") or next(iter(each.values())), each) for each in cells]


def _mail(town: Town, person: int | None) -> object:
    return town.house.tables.rows["people"][person]["mail"] if person else None


# --- where it can be killed -------------------------------------------------------------------------------------------


@dataclass
class Left:
    """What a kill would leave, and the points where it would."""

    town: Town
    points: list[str] = field(default_factory=list)


@dataclass
class Copier(Points):
    """Copies at each point what a kill would leave there."""

    town: Town = field(kw_only=True)
    folder: Path = field(kw_only=True)
    left: dict[tuple[str, int], Left] = field(default_factory=dict)
    wrote: int = 0
    """How often the register may have changed."""

    def __post_init__(self) -> None:
        self.still = self._quiet = threading.RLock()

    def heard(self, method: str) -> None:
        if method != "GET":
            self.wrote += 1

    def reach(self, moment: str, through: object) -> None:
        super().reach(moment, through)
        with self._quiet:
            key = (self._content(), self.wrote)
            if key not in self.left:
                self.left[key] = Left(self.town.copy(self.folder / f"{len(self.left)}"))
            self.left[key].points.append(self.last.name)

    def _content(self) -> str:
        digest = hashlib.sha256()
        for path in sorted(path for path in self.town.root.rglob("*") if path.is_file()):
            if path.parent.name == "data":
                continue
            memory = path.suffix == ".db" and path.stat().st_size
            said = content(path, ()).encode() if memory else path.read_bytes()
            digest.update(f"{path.relative_to(self.town.root)}".encode() + b"\0" + said + b"\0")
        return digest.hexdigest() + content(self.town.root / "data" / "connector.db")


@contextmanager
def handled(points: Points) -> Iterator[None]:
    """Let `points` be told of files that are put somewhere or taken away, and of what adapters remember."""
    replace, unlink, connect = os.replace, os.unlink, sqlite3.connect

    class Memory(sqlite3.Connection):
        """A connection that an adapter opened for itself: SQLAlchemy comes by another way."""

        def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
            if sql != "COMMIT":
                return super().execute(sql, *args)
            points.reach("remember", _adapter())
            with points.still:
                done = super().execute(sql, *args)
            points.reach("remembered", _adapter())
            return done

        def executescript(self, sql: str) -> sqlite3.Cursor:
            with points.still:  # its journal comes and goes
                return super().executescript(sql)

        def close(self) -> None:
            with points.still:
                super().close()

    def putting(*args: Any, **more: Any) -> None:
        points.reach("put", _adapter())
        with points.still:
            replace(*args, **more)
        points.reach("was put", _adapter())

    def taking(*args: Any, **more: Any) -> None:
        points.reach("take", _adapter())
        with points.still:
            unlink(*args, **more)
        points.reach("taken", _adapter())

    os.replace, os.unlink = putting, taking
    sqlite3.connect = lambda *args, **more: connect(*args, factory=Memory, **more)  # type: ignore[assignment]
    try:
        yield
    finally:
        os.replace, os.unlink, sqlite3.connect = replace, unlink, connect


def _adapter() -> object:
    """Which adapter is at work: each run has its own. Nobody's is nobody else's."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        found = frame.f_locals.get("self")
        if hasattr(found, "streams"):
            return found
        frame = frame.f_back
    return object()


@contextmanager
def asleep(town: Town, at: str) -> Iterator[Sleeper]:
    """A run that stands still at a point, for as long as it is not woken."""
    with direct(town), fallen_asleep(town, at, handled) as sleeper:
        yield sleeper


def crash(town: Town, at: str) -> bool:
    """A run that crashes at a point; whether it got there."""
    town.expire_lease()
    with direct(town), instrumented(Points(at)) as points, handled(points), suppress(Dead):
        town.run()
    return points.reached


def killed_everywhere(town: Town, folder: Path) -> tuple[Sequence[Left], Sequence[str]]:
    """One undisturbed run, what kills would leave, and the points in the order in which they came."""
    copier = Copier(town=town, folder=folder)
    with direct(town), instrumented(copier), handled(copier):
        town.run()
    return list(copier.left.values()), copier.seen
