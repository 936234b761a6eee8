"""People and two years of their touchpoints, made up from a seed: as columns, and in the default store's tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine

from benchmarks.measure import Size
from connector.model import Kind
from connector.rules.columns import KINDS, Int8s, Int32s, Int64s, Texts, Touchpoints, micros
from connector.rules.identify import IdentityRules
from connector.rules.score import ScoreRule, ScoreSpec
from connector.store import tables as t
from connector.store.codec import dump_values
from connector.store.database import open_engine, upgrade, writing
from connector.store.runs import remember

AS_OF = datetime(2026, 4, 1, 3, 0, tzinfo=UTC)
HISTORY = timedelta(days=730)
BATCH = 100_000

SHARES = {
    Kind.PAGE_VIEW: 55,
    Kind.MAIL_OPEN: 20,
    Kind.MAIL_CLICK: 8,
    Kind.DOWNLOAD: 3,
    Kind.FORM_SUBMITTED: 2,
    Kind.SURVEY_ANSWERED: 1,
    Kind.SEMINAR_REGISTERED: 3,
    Kind.SEMINAR_ATTENDED: 2,
    Kind.INQUIRY: 1,
    Kind.CALL: 3,
    Kind.MEETING: 1,
    Kind.MAIL_BOUNCED: 1,
}

RULES = (
    (Kind.PAGE_VIEW, 30, 1, 10),
    (Kind.PAGE_VIEW, 7, 2, 10),
    (Kind.MAIL_OPEN, 30, 1, 5),
    (Kind.MAIL_CLICK, 60, 2, 10),
    (Kind.DOWNLOAD, 90, 5, 15),
    (Kind.FORM_SUBMITTED, 180, 10, 20),
    (Kind.SURVEY_ANSWERED, 365, 5, 10),
    (Kind.SEMINAR_REGISTERED, 180, 5, 15),
    (Kind.SEMINAR_ATTENDED, 365, 10, 30),
    (Kind.INQUIRY, 365, 20, 40),
    (Kind.CALL, 90, 5, 15),
    (Kind.MAIL_BOUNCED, 90, -10, 20),
)
"""Kind, days, points for each, cap: twelve rules that SQL can express too."""


def spec() -> ScoreSpec:
    """`RULES` as a score."""
    rules = tuple(
        ScoreRule(
            id=f"rule{i}",
            touchpoint=(kind,),
            within=timedelta(days=days),
            points=float(points),
            each=True,
            cap=float(cap),
        )
        for i, (kind, days, points, cap) in enumerate(RULES)
    )
    return ScoreSpec(rules=rules, bands={"hot": 40.0, "warm": 20.0})


@dataclass(frozen=True, slots=True)
class Columns:
    """Touchpoints in the order in which they happened; texts are codes into `texts`."""

    person: Int32s
    kind: Int8s
    happened_at: Int64s
    text: Int32s
    texts: tuple[str, ...]

    def by_person(self) -> Touchpoints:
        """As scoring reads them."""
        order = np.lexsort((self.happened_at, self.person))
        labels = Texts(self.text[order], self.texts)
        none = Texts(np.zeros(len(order), np.int32), ("",))
        return Touchpoints(self.person[order], self.kind[order], self.happened_at[order], labels, none, none, none)


def columns(people: int, touchpoints: int, seed: int) -> Columns:
    """Some people do much and most do little; all of it at any time of the two years."""
    random = np.random.default_rng(seed)
    who = random.permutation(people).astype(np.int32)
    shares = np.array([SHARES.get(kind, 0) for kind in KINDS], float)
    end = micros(AS_OF)
    begin = end - HISTORY // timedelta(microseconds=1)
    return Columns(
        person=who[(people * random.random(touchpoints) ** 2).astype(np.int32)],
        kind=random.choice(len(KINDS), touchpoints, p=shares / shares.sum()).astype(np.int8),
        happened_at=np.sort(random.integers(begin, end, touchpoints, endpoint=True)),
        text=random.integers(0, 300, touchpoints, dtype=np.int32),
        texts=tuple(f"製品紹介ページ {i}" for i in range(300)),
    )


# --- into the store ---------------------------------------------------------------------------------------------------


def store(size: Size) -> str:
    """URL of a store that holds all of it, everybody due for planning; made when it is not there yet."""
    path = Path(size.folder) / f"{size.people}-{size.touchpoints}-{size.seed}.db"
    url = f"sqlite:///{path.absolute()}"
    if not path.exists():
        half = path.with_suffix(".half")
        half.unlink(missing_ok=True)
        engine = open_engine(f"sqlite:///{half.absolute()}")
        upgrade(engine)
        fill(engine, size)
        engine.dispose()
        half.rename(path)
    return url


def make(people: int, touchpoints: int, seed: int, folder: str) -> dict[str, Any]:
    """`store`, as a measurement of its own."""
    return {"url": store(Size(people, touchpoints, seed, folder))}


def fill(engine: Engine, size: Size) -> None:
    """Rows as a year of runs would have left them: touchpoints in the order of time, indexes over all of them."""
    indexes = list(t.touchpoint.indexes)
    with writing(engine) as conn:
        for index in indexes:
            index.drop(conn)
        raw: Any = conn.connection.driver_connection
        for table, names, rows in (
            ("identity", "no id company due_at", _identities(size)),
            ("person", "no system object id identity company fields native seen_at known", _people(size)),
            ("touchpoint", "system stream id person kind happened_at seen_at label url", _touchpoints(size)),
        ):
            places = ", ".join("?" * len(names.split()))
            raw.executemany(f"INSERT INTO {table} ({', '.join(names.split())}) VALUES ({places})", rows)
        for index in indexes:
            index.create(conn)
        # Who is who is decided already: nothing is measured here that would read the keys of people.
        remember(conn, "identity", IdentityRules().model_dump_json())
    with engine.connect() as conn:
        conn.exec_driver_sql("ANALYZE")


def _identities(size: Size) -> Iterator[tuple[Any, ...]]:
    for no in range(1, size.people + 1):
        yield no, f"identity-{no:08}", f"company-{no % (size.people // 8 + 1)}", 0


def _people(size: Size) -> Iterator[tuple[Any, ...]]:
    """A record of everybody in the MA, and of every second in the SFA."""
    seen = micros(AS_OF)
    for no in range(1, size.people + 1):
        fields = dump_values(
            {
                "email": f"user{no}@company{no % (size.people // 8 + 1)}.example",
                "family_name": "山田",
                "given_name": f"太郎{no}",
                "company": f"株式会社テスト{no % (size.people // 8 + 1)}",
                "department": "情報システム部",
                "title": "部長",
                "opted_out": False,
            }
        )
        company = f"company-{no % (size.people // 8 + 1)}"
        yield no, "ma", "person", f"{no:06}", no, company, fields, "{}", seen, True
        if no % 2:
            yield size.people + no, "sfa", "person", f"{no:06}", no, company, fields, "{}", seen, True


def _touchpoints(size: Size) -> Iterator[tuple[Any, ...]]:
    made = columns(size.people, size.touchpoints, size.seed)
    kinds = [kind.value for kind in KINDS]
    for start in range(0, size.touchpoints, BATCH):
        part = slice(start, start + BATCH)
        times = made.happened_at[part].tolist()
        for no, person, kind, at, text in zip(
            range(start, size.touchpoints),
            made.person[part].tolist(),
            made.kind[part].tolist(),
            times,
            made.text[part].tolist(),
            strict=False,
        ):
            url = f"https://www.example.com/products/{text}" if kinds[kind] == "page_view" else ""
            yield "ma", "touchpoints", f"{no:09}", person + 1, kinds[kind], at, at, made.texts[text], url
