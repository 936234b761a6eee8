"""A person is erased to the last byte, stays out, and nobody else is hurt."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, insert, make_url, select, update

from connector.adapters.memory import Memory
from connector.changes import Lane, RaiseAlert
from connector.config import load
from connector.engine.forget import forget
from connector.engine.review import Answer, cut, decide, parse_ref, questions
from connector.engine.safekeeping import backup, restore
from connector.engine.status import status
from connector.engine.trail import audit
from connector.engine.why import why
from connector.errors import ConnectorError, Locked, StoreError, WrongStore, text
from connector.model import DealState, Kind, Ref
from connector.ports import Page
from connector.store import database, erase, files, outbox, runs
from connector.store import tables as t
from connector.store.codec import dump_change
from tests.machine.world import World
from tests.postgres import Cluster

NAMES = (
    "鷹觜",
    "椛音",
    "タカノハシ",
    "ハナネ",
    "hanane.takanohashi",
    "09081234567",
    "080-9876-5432",
    "ドリームスクエア",
)
"""Of the person who is erased; nobody else has any of them."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "w")
    yield made
    made.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    on_server = request.param == "postgresql"
    made = World(tmp_path / "w", *([request.getfixturevalue("postgres_url")] if on_server else []))
    yield made
    made.close()


def enter(world: World, **more: str) -> Ref:
    """The person comes to the MA."""
    said = {
        "email": "hanane.takanohashi@alpha.co.jp", "family_name": "鷹觜", "given_name": "椛音",
        "family_kana": "タカノハシ", "given_kana": "ハナネ", "mobile": "09081234567", "phone": "080-9876-5432",
        "company": "アルファ", "address": "東京都千代田区丸の内9-9-9 ドリームスクエア",
    }  # fmt: skip
    visitor = world.ma.add_person(**{**said, **more})
    for day in (1, 2, 3):
        world.ma.add_touchpoint(visitor, Kind.SEMINAR_ATTENDED, world.now - timedelta(days=day), label="入門")
    world.ma.add_touchpoint(visitor, Kind.PAGE_VIEW, world.now, url="https://alpha.example/hanane.takanohashi")
    return visitor


def a_history(world: World) -> Ref:
    """The person has records in both systems, an alert, entries, lists, a doubtful double, an answer about it."""
    owner = world.sfa.add_owner("営業")
    contact = world.sfa.add_person(
        email="hanane.takanohashi@alpha.co.jp", family_name="鷹觜", given_name="椛音", mobile="09081234567",
        owner_id=owner,
    )  # fmt: skip
    colleague = world.sfa.add_person(email="ichiro@alpha.co.jp", family_name="井上", given_name="一郎", owner_id=owner)
    long_ago = world.now - timedelta(days=90)
    world.sfa.add_deal("案件", probability=70, people=(contact.id, colleague.id), owner_id=owner, stage_since=long_ago)
    visitor = enter(world)
    world.ma.add_person(email="ichiro@alpha.co.jp", family_name="井上", given_name="一郎", company="アルファ")
    world.run()
    world.run()
    world.ma.edit_person(visitor, family_kana="タカノハシ", title="課長")
    world.run()
    return visitor


def bytes_of(folder: Path, words: Sequence[str] = NAMES) -> dict[str, list[str]]:
    """In which files the words stand, as any program may write them."""
    found: dict[str, list[str]] = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        content = path.read_bytes()
        for word in words:
            spelt = {word.encode(code) for code in ("utf-8", "cp932", "utf-16-le")} | {ascii(word)[1:-1].encode()}
            if any(each in content for each in spelt):
                found.setdefault(path.name, []).append(word)
    return found


def test_no_byte_of_the_person_is_left_in_any_file(world: World) -> None:
    a_history(world)
    assert set(bytes_of(world.folder)["connector.db"]) == set(NAMES)

    done = forget(world.app, "hanane.takanohashi@alpha.co.jp", really=True)

    assert done.erased
    assert bytes_of(world.folder) == {}
    world.app.close()
    assert bytes_of(world.folder) == {}


def test_on_a_server_no_byte_is_left_in_its_data_files_after_a_full_vacuum(
    postgres_cluster: Cluster, postgres_url: str, tmp_path: Path
) -> None:
    world = World(tmp_path / "w", postgres_url)
    a_history(world)
    with postgres_cluster.connect(str(make_url(postgres_url).database)) as admin:

        def data_files() -> dict[str, list[str]]:
            admin.execute("CHECKPOINT")
            place = admin.execute(
                "SELECT current_setting('data_directory'), oid FROM pg_database WHERE datname = current_database()"
            ).fetchone()
            assert place is not None
            return bytes_of(Path(place[0]) / "base" / str(place[1]))

        assert {word for words in data_files().values() for word in words} == set(NAMES)

        forget(world.app, "hanane.takanohashi@alpha.co.jp", really=True)
        world.close()
        admin.execute("VACUUM FULL")

        assert data_files() == {}
    assert bytes_of(world.folder) == {}


def test_a_doubtful_double_stays_a_person_of_its_own_and_what_was_said_of_the_pair_goes(world: World) -> None:
    a_history(world)
    world.ma.add_person(email="h.t@gmail.com", mobile="09081234567")  # without a name: may be the same one
    world.run()
    (asked,) = questions(world.app)
    decide(world.app, [Answer(asked.a.ref, asked.b.ref, "later", "鷹觜さん本人に確認")], "somebody")

    forget(world.app, "hanane.takanohashi@alpha.co.jp", really=True)

    assert set(bytes_of(world.folder)["connector.db"]) == {"09081234567"}
    assert questions(world.app) == []
    forget(world.app, "h.t@gmail.com", really=True)
    assert bytes_of(world.folder, [*NAMES, "h.t@gmail"]) == {}


def test_every_table_was_asked(world: World) -> None:
    """What a later table may hold of a person has to be thought of when it is made."""
    known = {
        "identity", "person", "person_key", "company", "spelling", "proposal", "decision", "identity_event", "owner",
        "deal", "deal_person", "touchpoint", "member", "score", "outbox", "delivery", "cursor", "lease", "run",
        "ledger", "reject", "calls", "meta", "tombstone", "job", "trail", "tally",
    }  # fmt: skip

    assert set(t.metadata.tables) == known, "does forget erase what the new table holds of a person?"


def rows_about(world: World, identity: str) -> int:
    with world.app.reading() as conn:
        return sum(
            conn.scalar(select(func.count()).select_from(table).where(table.c[column] == identity)) or 0
            for table, column in (
                (t.identity, "id"), (t.outbox, "identity"), (t.delivery, "identity"), (t.identity_event, "identity"),
                (t.identity_event, "other"),
            )
        )  # fmt: skip


def test_the_rows_are_gone_on_both_databases_and_everything_works_on(either: World) -> None:
    a_history(either)
    identity = why(either.app, "hanane.takanohashi@alpha.co.jp").identity
    assert rows_about(either, identity) > 0

    shown = forget(either.app, identity, really=False)
    assert rows_about(either, identity) > 0
    done = forget(either.app, identity, really=True)

    assert {"person", "touchpoint", "person_key", "score", "delivery", "identity"} <= set(done.rows)
    assert done.rows == shown.rows
    assert rows_about(either, identity) == 0
    with pytest.raises(ConnectorError, match="nobody is known"):
        why(either.app, "hanane.takanohashi@alpha.co.jp")
    assert why(either.app, "ichiro@alpha.co.jp").records
    status(either.app)
    questions(either.app)
    assert either.run().exit == 0


def test_no_system_brings_the_person_in_again(either: World) -> None:
    visitor = a_history(either)
    forget(either.app, "hanane.takanohashi@alpha.co.jp", really=True)
    before = either.snapshot()

    # Everything is told anew: the record edited, something done, read from the beginning.
    either.ma.edit_person(visitor, title="部長")
    either.ma.add_touchpoint(visitor, Kind.SEMINAR_ATTENDED, either.now)
    with database.writing(either.app.store) as conn:
        for system in ("ma", "sfa"):
            runs.forget_cursors(conn, system)
    report = either.run()
    either.run()

    assert report.exit == 0
    assert report.ledger["ma", "people"].ignored == 1
    assert report.ledger["ma", "touchpoints"].ignored == 5
    assert all(counts.balances() for counts in report.ledger.values())
    with pytest.raises(ConnectorError, match="nobody is known"):
        why(either.app, "hanane.takanohashi@alpha.co.jp")
    assert either.snapshot()[1] == before[1]  # type: ignore[index]  # nobody is made in the SFA


def test_a_new_record_with_the_address_is_theirs_and_stays_out(world: World) -> None:
    a_history(world)
    forget(world.app, "hanane.takanohashi@alpha.co.jp", really=True)

    again = world.ma.add_person(email="Hanane.Takanohashi@alpha.co.jp ", family_name="鷹觜")
    world.run()
    world.ma.add_touchpoint(again, Kind.SEMINAR_ATTENDED, world.now)
    world.ma.edit_person(again, email=None)
    world.run()

    assert bytes_of(world.folder) == {}
    with world.app.reading() as conn:
        assert conn.scalar(select(func.count()).select_from(t.person).where(t.person.c.id == again.id)) in (0, None)


def test_what_a_lead_becomes_stays_out_too(world: World) -> None:
    lead = world.sfa.add_person("lead", family_name="鷹觜", given_name="椛音", mobile="09081234567")
    world.run()
    forget(world.app, str(lead), really=True)

    contact = world.sfa.add_person("contact", family_name="鷹觜", given_name="椛音", mobile="09081234567")
    world.sfa.delete_person(lead, into=contact)
    world.run()
    world.sfa.edit_person(contact, title="課長")
    world.run()

    with pytest.raises(ConnectorError, match="nobody is known"):
        why(world.app, str(contact.id))


def double(world: World) -> Ref:
    """Somebody who may be the person, under another address, stays when the person goes; the person's record."""
    visitor = enter(world)
    twin = world.ma.add_person(email="h.t@gmail.com", mobile="09081234567", title="謎の人物")
    world.ma.add_touchpoint(twin, Kind.SEMINAR_ATTENDED, world.now, label="謎の入門")
    world.run()
    world.run()
    forget(world.app, str(visitor), really=True)
    world.run()
    assert [record.ref for record in why(world.app, "h.t@gmail.com").records] == [twin]
    return twin


OF_DOUBLE = ("h.t@gmail", "謎の人物", "謎の入門", "09081234567")


def becomes_theirs(world: World, twin: Ref, how: str) -> None:
    """The double turns out to be the person, by the address or because the person's record was merged into it."""
    if how == "address":
        world.ma.edit_person(twin, email="hanane.takanohashi@alpha.co.jp")
    else:
        visitor = next(ref for ref in world.ma.people if ref != twin.id)
        world.ma.delete_person(Ref("ma", "person", visitor), into=twin)


@pytest.mark.parametrize("how", ["address", "merge"])
def test_a_double_that_turns_out_to_be_the_person_is_erased_too(world: World, how: str) -> None:
    twin = double(world)
    assert set(bytes_of(world.folder, OF_DOUBLE)["connector.db"]) == set(OF_DOUBLE)
    becomes_theirs(world, twin, how)
    report = world.run()
    world.ma.edit_person(twin, opted_out=True)
    world.run()

    assert report.exit == 0
    assert all(counts.balances() for counts in report.ledger.values())
    assert bytes_of(world.folder, [*NAMES, *OF_DOUBLE]) == {}
    assert audit(world.app, []).checked.faults == 0
    assert world.fresh() == []


@pytest.mark.parametrize("how", ["address", "merge"])
def test_a_double_goes_on_both_databases_with_all_that_was_done_for_it(either: World, how: str) -> None:
    twin = double(either)
    identity = why(either.app, "h.t@gmail.com").identity
    assert rows_about(either, identity) > 0

    becomes_theirs(either, twin, how)
    either.run()

    assert rows_about(either, identity) == 0
    with either.app.reading() as conn:
        left = [conn.scalar(select(func.count()).select_from(x)) for x in (t.person, t.person_key, t.touchpoint)]
    assert left == [0, 0, 0]


def test_of_who_has_other_records_only_the_one_that_is_the_persons_goes(world: World) -> None:
    twin = double(world)
    earlier = world.ma.add_person(email="h.t@gmail.com", mobile="09081234567", address="以前の住所")
    world.run()
    world.ma.delete_person(earlier, into=twin)
    contact = world.sfa.add_person(email="h.t@gmail.com", family_name="木村", mobile="09081234567")
    lost = world.now - timedelta(days=15)
    world.sfa.add_deal("案件", DealState.LOST, lost_reason="予算", closed_at=lost, people=(contact.id,))
    world.run()
    assert [ref.ref for ref in why(world.app, "h.t@gmail.com").records] == [twin, contact]
    assert world.ma.lists["budget"] == {twin.id}
    world.ma.lists["budget"].clear()

    becomes_theirs(world, twin, "address")
    world.run()
    world.run()

    assert [ref.ref for ref in why(world.app, "h.t@gmail.com").records] == [contact]
    assert payloads(world, twin) == []
    assert bytes_of(world.folder, ["以前の住所"]) == {}
    assert not world.ma.lists["budget"]
    world.sfa.edit_person(contact, title="課長")
    world.run()
    assert why(world.app, "h.t@gmail.com").records  # with the address, they are still who they were


def test_what_somebody_did_before_we_knew_that_they_are_the_person_goes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = enter(world)
    forget(world.app, str(visitor), really=True)
    forget(world.app, "hanane.takanohashi@alpha.co.jp", really=True)
    pull = Memory.pull
    again: list[Ref] = []

    def registering(self: Memory, stream: str, cursor: str | None) -> Iterator[Page]:
        if stream == "touchpoints" and not again:
            again.append(world.ma.add_person(email="hanane.takanohashi@alpha.co.jp"))
            world.ma.add_touchpoint(again[0], Kind.SEMINAR_REGISTERED, label="鷹觜様")
        yield from pull(self, stream, cursor)

    monkeypatch.setattr(Memory, "pull", registering)
    world.run()
    assert bytes_of(world.folder) == {"connector.db": ["鷹觜"]}
    world.run()

    assert bytes_of(world.folder) == {}
    with world.app.reading() as conn:
        assert conn.scalar(select(func.count()).select_from(t.person)) == 0


def test_bytes_that_could_not_be_removed_are_by_the_next_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    twin = double(world)
    becomes_theirs(world, twin, "address")
    with monkeypatch.context() as patch:

        def busy(_: object) -> None:
            raise StoreError(text("busy", "busy"))

        patch.setattr(erase, "wipe", busy)
        assert world.run().exit == 0
    wiped: list[object] = []
    wipe = erase.wipe
    monkeypatch.setattr(erase, "wipe", lambda engine: wiped.append(wipe(engine)))
    world.run()
    world.run()

    assert len(wiped) == 1
    assert bytes_of(world.folder, [*NAMES, *OF_DOUBLE]) == {}


def test_an_older_copy_does_not_bring_a_double_back(world: World) -> None:
    twin = double(world)
    setup = load(world.folder / "config.yaml")
    copy = backup(setup, world.folder / "copy.db").file
    becomes_theirs(world, twin, "merge")
    world.run()
    world.app.close()

    assert restore(setup, copy, clock=lambda: world.now).erased == 1


def test_a_shared_mailbox_shuts_out_nobody_else(world: World) -> None:
    for name in ("鷹觜", "井上"):
        world.ma.add_person(email="info@alpha.co.jp", family_name=name, given_name="椛音", company="アルファ")
    world.run()
    mine = next(p for p in world.ma.people.values() if p.fields["family_name"] == "鷹觜")

    forget(world.app, str(mine.ref), really=True)
    world.ma.add_person(email="info@alpha.co.jp", family_name="木村", given_name="次郎", company="アルファ")
    again = world.ma.add_person(email="info@alpha.co.jp", family_name="鷹觜", given_name="椛音", company="アルファ")
    world.run()

    with world.app.reading() as conn:
        known = set(conn.scalars(select(t.person.c.id).where(t.person.c.system == "ma")))
    assert len(known) == 2
    assert again.id not in known


def parted(world: World) -> tuple[Ref, Ref]:
    """Two contacts that were one person, and were written to, until somebody parted them: the person's, another's."""
    mine, other = (
        world.sfa.add_person(email="hanane.takanohashi@alpha.co.jp", given_name="椛音", mobile=mobile)
        for mobile in ("09081234567", "09011112222")
    )
    world.ma.add_person(email="hanane.takanohashi@alpha.co.jp", family_name="鷹觜", given_name="椛音", opted_out=True)
    world.run()
    decide(world.app, cut(world.app, [mine]), "somebody")
    world.run()
    return mine, other


def payloads(world: World, ref: Ref) -> list[str]:
    """What is kept of changes to a record."""
    said = f'"{ref.system}","{ref.object}","{ref.id}"'
    with world.app.reading() as conn:
        kept = [*conn.scalars(select(t.delivery.c.payload)), *conn.scalars(select(t.outbox.c.payload))]
    return [each for each in kept if said in each]


def test_what_was_sent_while_the_record_was_anothers_goes_too_and_theirs_stays(either: World) -> None:
    mine, other = parted(either)
    theirs = payloads(either, other)
    assert payloads(either, mine)

    forget(either.app, str(mine), really=True)

    assert payloads(either, mine) == []
    assert theirs
    assert payloads(either, other) == theirs
    assert audit(either.app, []).checked.faults == 0


def test_what_made_the_record_goes_though_the_record_became_somebody_elses(world: World) -> None:
    enter(world)
    world.run()
    world.run()
    (made,) = (person.ref for person in world.sfa.people.values())
    decide(world.app, cut(world.app, [made]), "somebody")
    world.run()

    forget(world.app, str(made), really=True)

    with world.app.reading() as conn:
        assert conn.scalar(select(func.count()).where(t.delivery.c.kind == "CreatePerson")) == 0
    assert payloads(world, made) == []


def test_ids_that_differ_only_in_capitals_are_two_records(world: World) -> None:
    world.sfa.add_person(email="hanane.takanohashi@alpha.co.jp", family_name="鷹觜", given_name="椛音")
    enter(world)
    world.run()
    before = payloads(world, Ref("sfa", "person", "000001"))
    with database.writing(world.app.store) as conn:
        for table in (t.outbox, t.delivery):
            said = func.replace(table.c.payload, '"sfa","person","000001"', '"sfa","person","00000a"')
            conn.execute(update(table).values(payload=said, identity="another"))
        conn.execute(update(t.person).where(t.person.c.system == "sfa").values(id="00000A"))

    forget(world.app, "sfa/person/00000A", really=True)
    assert len(payloads(world, Ref("sfa", "person", "00000a"))) == len(before) > 0


def test_what_happened_to_a_record_whose_id_differs_only_in_capitals_stays(either: World) -> None:
    either.run()
    erased, other = "0035g00000AbCdE", "0035g00000aBcDe"
    with database.writing(either.app.store) as conn:
        for id_ in (erased, other):
            conn.execute(insert(t.person).values(system="sfa", object="person", id=id_, seen_at=0, known=True))
            said = f'["sfa/person/{id_}"]'
            event = insert(t.identity_event).values(kind="merged", identity="i", other="j", records=said, at=0)
            conn.execute(event)
            reject = insert(t.reject).values(
                system="sfa", stream="people", place=f"people/{id_}", code="c", what="w", run="r", at=0
            )
            conn.execute(reject)

    forget(either.app, f"sfa/person/{erased}", really=True)

    with either.app.reading() as conn:
        assert list(conn.scalars(select(t.identity_event.c.records))) == [f'["sfa/person/{other}"]']
        assert list(conn.scalars(select(t.reject.c.place))) == [f"people/{other}"]


def test_a_digest_of_two_who_are_erased_loses_its_text_once(world: World) -> None:
    digest = RaiseAlert(
        key="d", system="sfa", identity="", lane=Lane.ALERTS, reasons=(), rule="digest", subject="digest:o:1",
        owner_id="o", title="2 alerts", body="A\nbody\n\nB\nbody", person=None, deal=None, due_on=world.now.date(),
    )  # fmt: skip
    with database.writing(world.app.store) as conn:
        outbox.enqueue(conn, [digest], "r", world.now, {})
        conn.execute(update(t.outbox).values(state="done"))
        conn.execute(
            insert(t.delivery).values(
                run="r", key="d", kind="RaiseAlert", system="sfa", identity="x", payload=dump_change(digest),
                status="done", at=0,
            )
        )  # fmt: skip
        assert [erase._cut(conn, "d", [part]) for part in ("A\nbody", "B\nbody")] == [1, 0]


def test_a_deal_that_was_told_of_is_not_told_again_by_a_colleague(world: World) -> None:
    a_history(world)
    assert [alert.subject.split(":")[0] for alert in world.sfa.alerts.values()].count("deal") == 1
    forget(world.app, "hanane.takanohashi@alpha.co.jp", really=True)
    colleague = next(p for p in world.ma.people.values() if p.fields.get("family_name") == "井上")

    world.ma.add_touchpoint(colleague.ref, Kind.PAGE_VIEW, world.now)
    world.run()

    assert [alert.subject.split(":")[0] for alert in world.sfa.alerts.values()].count("deal") == 1


def test_without_yes_nothing_happens(world: World) -> None:
    a_history(world)
    with world.app.lease():  # it does not even want the lease
        shown = forget(world.app, "hanane.takanohashi@alpha.co.jp", really=False)

    assert not shown.erased
    assert why(world.app, "hanane.takanohashi@alpha.co.jp").records


def test_while_a_run_is_at_work_nobody_is_erased(world: World) -> None:
    a_history(world)
    with world.app.lease(), pytest.raises(Locked):
        forget(world.app, "hanane.takanohashi@alpha.co.jp", really=True)

    assert why(world.app, "hanane.takanohashi@alpha.co.jp").records


def test_whoever_is_not_known_yet_is_kept_out_from_now_on(world: World) -> None:
    done = forget(world.app, "hanane.takanohashi@alpha.co.jp", really=True)
    enter(world)
    world.run()

    assert done.records == ()
    assert bytes_of(world.folder) == {}


@pytest.mark.parametrize("words", ["nobody", "p7777777777777777", "12345"])
def test_words_that_mean_nobody_are_an_error(world: World, words: str) -> None:
    with pytest.raises(ConnectorError, match="nobody is known"):
        forget(world.app, words, really=True)


def test_the_copies_that_we_left_beside_the_store_go_too(world: World) -> None:
    a_history(world)
    setup = load(world.folder / "config.yaml")
    copy = backup(setup, world.folder / "copy.db").file
    world.app.close()
    restore(setup, copy, clock=lambda: world.now)
    copy.unlink()
    world.restart()
    assert files.copies_beside(world.folder / "connector.db")

    done = forget(world.app, "hanane.takanohashi@alpha.co.jp", really=True)

    assert done.copies
    assert bytes_of(world.folder) == {}


def test_an_older_backup_does_not_bring_the_person_back(world: World) -> None:
    a_history(world)
    setup = load(world.folder / "config.yaml")
    copy = backup(setup, world.folder / "copy.db").file
    forget(world.app, "hanane.takanohashi@alpha.co.jp", really=True)
    world.app.close()

    done = restore(setup, copy, clock=lambda: world.now)
    copy.unlink()

    assert (done.erased, done.whole) == (2, True)
    world.restart()
    world.run()
    (world.folder / "connector.db.forgotten").unlink()
    for left in files.copies_beside(world.folder / "connector.db"):
        left.unlink()
    assert bytes_of(world.folder) == {}


def test_a_copy_is_put_back_without_what_stood_beside_it_and_that_is_told(world: World) -> None:
    enter(world)
    world.run()
    copy = world.folder / "copy.db"
    backup(world.app.setup, copy)
    forget(world.app, "hanane.takanohashi@alpha.co.jp", really=True)
    world.app.close()
    for file in world.folder.rglob("*.forgotten"):
        file.unlink()

    assert not restore(world.app.setup, copy).whole


def test_a_store_that_is_begun_anew_keeps_them_out_too(world: World) -> None:
    a_history(world)
    forget(world.app, "hanane.takanohashi@alpha.co.jp", really=True)
    world.app.close()
    (world.folder / "connector.db").unlink()
    with pytest.raises(WrongStore):
        world.restart()
    (world.folder / "connector.db.id").unlink()
    world.restart()

    world.run()

    with pytest.raises(ConnectorError, match="nobody is known"):
        why(world.app, "hanane.takanohashi@alpha.co.jp")


def test_tombstones_say_nothing_without_their_key(world: World) -> None:
    a_history(world)
    forget(world.app, "hanane.takanohashi@alpha.co.jp", really=True)

    with world.app.reading() as conn:
        hashes = set(conn.scalars(select(t.tombstone.c.hash)))
    assert hashes
    assert all(len(each) == 64 for each in hashes)
    with sqlite3.connect(world.folder / "connector.db") as conn2:
        assert conn2.execute("SELECT count(*) FROM tombstone WHERE hash LIKE '%@%'").fetchone() == (0,)
    conn2.close()


def test_where_others_wrote_the_name_is_told(world: World) -> None:
    a_history(world)
    world.sfa.add_deal("鷹觜 椛音様 追加提案")
    world.run()

    done = forget(world.app, "hanane.takanohashi@alpha.co.jp", really=True)

    assert done.still_named == {"deal.name": 1}


def test_a_record_can_be_named_by_system_object_and_id(world: World) -> None:
    visitor = enter(world)
    world.run()

    forget(world.app, str(visitor), really=True)

    assert parse_ref(str(visitor)) == visitor
    assert bytes_of(world.folder) == {}
