"""Forget: erase one person from everything of ours, and keep them out.

What a system holds is not touched; that is for whoever answers for that system.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy import Connection

from connector.config import Setup
from connector.engine.app import App, trail_of
from connector.engine.app import who as account
from connector.engine.identify import decide_around
from connector.engine.keep_out import ADDRESSES, is_erased
from connector.engine.why import nobody_or_many
from connector.errors import StoreError
from connector.model import Person, Ref
from connector.rules.identify import keys_of, mailbox_of
from connector.store import erase, files, load, people, runs, spellings, tombstones
from connector.store import tables as t
from connector.store.beside import Beside, cannot_write, sqlite_file
from connector.store.erase import Traces
from connector.store.lease import Lease
from connector.store.marks import mark_people
from connector.store.people import Changed, Filed
from connector.store.trail import forgot, restored

log = structlog.get_logger("connector.forget")

BATCH = 1000
_TO_WIPE = "wipe"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What is, or would be, erased."""

    records: tuple[Person, ...]
    rows: Mapping[str, int]
    """How many rows of each table."""
    copies: tuple[Path, ...]
    """Copies of the store beside it that go, too."""
    still_named: Counter[str]
    """Where the name or an address stands in what others said, as `table.column`: that stays."""
    on_server: bool
    """The store is on a server: its files, logs and backups are in other hands."""
    erased: bool
    """Whether it was done, or only shown."""


def forget(app: App, words: str, *, really: bool) -> Forgotten:
    """Erase the person that `words` means (as `why` takes them), or show what that would be.

    Of somebody who is not known, a record or an address is kept out from now on.

    :raises ConnectorError: nobody or several people are meant
    :raises Locked: a run is at work
    """
    file = sqlite_file(app.store.url)
    copies = tuple(files.copies_beside(file)) if file is not None else ()
    with app.reading() as conn:
        who, hashes = _meant(conn, app.setup, words)
        records = tuple(one.person for one in people.load_filed(conn, t.person.c.no, who.nos))
        rows = erase.count(conn, who)
    if not really:
        return Forgotten(records, rows, copies, Counter(), on_server=file is None, erased=False)
    named = _names(records)
    with app.lease() as lease:
        with lease.writing() as conn:
            who, hashes = _meant(conn, app.setup, words)
            sealed = _erase(conn, app.setup, who, hashes, app.clock())
            app.trail.add(conn, "", app.clock(), [forgot(sealed, account())])
            left = erase.still_named(conn, named)
            _note(conn, app.beside)
        for copy in copies:
            _remove(copy)
        erase.wipe(app.store)
    log.info("person_forgotten", records=len(records), rows=sum(rows.values()))
    return Forgotten(records, rows, copies, left, on_server=file is None, erased=True)


def _meant(conn: Connection, setup: Setup, words: str) -> tuple[Traces, set[str]]:
    """Whom some words mean, and the tombstones that keep them out."""
    mailbox = mailbox_of(words, setup.identity)
    found = load.find_identity(conn, words) or load.find_identity(conn, mailbox or words.strip().lower())
    if len(found) > 1:
        raise nobody_or_many(len(found))
    ref = _as_ref(words)
    nos = people.person_nos(conn, [ref]).values() if ref is not None else ()
    who = erase.traces(conn, found, nos)
    if not who.nos and ref is None and mailbox is None:
        raise nobody_or_many(0)
    unknown = Person(ref or Ref("", "", ""), {"email": words} if mailbox else {}) if not who.nos else None
    return who, _hashes(conn, setup, who, unknown)


def _as_ref(words: str) -> Ref | None:
    parts = words.strip().split("/", 2)
    return Ref(*parts) if len(parts) == 3 and all(parts) else None


def _hashes(conn: Connection, setup: Setup, who: Traces, unknown: Person | None) -> set[str]:
    """Of every record, of our key, and of every address that nobody else has, or has under this name."""
    stones = tombstones.load(conn)
    persons = [one.person for one in people.load_filed(conn, t.person.c.no, who.nos)] + ([unknown] if unknown else [])
    hashes = {stones.of_record(p.ref.system, p.ref.id) for p in persons if p.ref.system}
    hashes |= {stones.of_key("key", identity) for identity in who.identities}
    for kind in ADDRESSES[:2]:
        values = {value for person in persons for value in keys_of(person, setup.identity).of(kind)}
        shared = erase.held_by_others(conn, kind, values, who.nos) if kind == "email" else set()
        hashes |= {stones.of_key(kind, value) for value in values - shared}
    return hashes


def _erase(conn: Connection, setup: Setup, who: Traces, hashes: Collection[str], at: datetime) -> int:
    """Everything about a person goes, and those who were like them are decided anew; as `erase.erase`."""
    near = {*people.put_keys(conn, dict.fromkeys(who.nos, ())), *erase.fellows(conn, who.nos)} - set(who.nos)
    mark_people(conn, near)
    spelt = erase.spellings_of(conn, who.nos)
    sealed = erase.erase(conn, who)
    unused = spellings.use(conn, spelt, ())
    decide_around(conn, setup, Changed((), frozenset(near), frozenset(unused)), at)
    erase.drop_unused_spellings(conn, {no for no in spelt if no is not None})
    tombstones.add(conn, hashes, at)
    return sealed


def _note(conn: Connection, beside: Beside | None) -> None:
    """The tombstones beside the store, before they are committed in it: an older copy of it may come back."""
    if beside is not None:
        stones = tombstones.load(conn)
        beside.note_forgotten(stones.key, stones.hashes)


def _remove(copy: Path) -> None:
    try:
        copy.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(copy, error) from None


def _names(records: Sequence[Person]) -> set[str]:
    """What a person is called and reached by, as others may have written it."""
    found: set[str] = set()
    for person in records:
        said = {name: str(value) for name, value in person.fields.items() if isinstance(value, str) and value.strip()}
        found |= {said[name] for name in ("email", "name", "phone", "mobile") if name in said}
        if "family_name" in said and "given_name" in said:
            found |= {f"{said['family_name']}{gap}{said['given_name']}" for gap in ("", " ", "\u3000")}
    return found


def erase_stored(conn: Connection, setup: Setup, refs: Collection[Ref], at: datetime, run: str) -> None:
    """Erase those of these records that are stored, and what was merged into them: they are of somebody erased.

    Who has no other living record is erased as by `forget`; of anybody else only these records go. The bytes are left
    to `wiping`.
    """
    theirs = _with_merged(conn, refs)
    count = sealed = 0
    for no in sorted(theirs):
        for one in people.load_filed(conn, t.person.c.no, [no]):  # none where it went with one before it
            who = _going(conn, one, theirs)
            count += len(who.nos)
            hashes = _hashes(conn, setup, who, None) if who.identities else _hashes_of(conn, who.refs)
            sealed += _erase(conn, setup, who, hashes, at)
    if count:
        trail_of(setup).add(conn, run, at, [forgot(sealed, account())])
        runs.remember(conn, _TO_WIPE, "due")
        log.info("records_erased", records=count)


def _hashes_of(conn: Connection, refs: Sequence[Ref]) -> set[str]:
    stones = tombstones.load(conn)
    return {stones.of_record(ref.system, ref.id) for ref in refs}


def _with_merged(conn: Connection, refs: Collection[Ref]) -> set[int]:
    stored = people.person_nos(conn, refs)
    found, into = set(stored.values()), set(stored)
    while into:
        tied, _ = people.holders(conn, {"id": [str(ref) for ref in into]})
        merged = [f for f in people.load_filed(conn, t.person.c.no, sorted(tied - found)) if f.successor in into]
        found.update(one.no for one in merged)
        into = {one.person.ref for one in merged}
    return found


def _going(conn: Connection, one: Filed, theirs: Collection[int]) -> Traces:
    """The person whose record it is, where nothing else of them lives; or the record."""
    if one.identity_no is not None:
        fellows = people.load_filed(conn, t.person.c.identity, [one.identity_no])
        if all(each.gone or each.no in theirs for each in fellows):
            return erase.traces(conn, [one.identity_no], [one.no])
    return erase.traces(conn, [], [one.no])


@contextmanager
def wiping(app: App, lease: Lease) -> Iterator[None]:
    """At the end, leave no bytes of what `erase_stored` erased, here or earlier; what fails is left to the next."""
    yield
    if app.stopping:
        return
    try:
        with app.reading() as conn:
            if not runs.remembered(conn, _TO_WIPE):
                return
            _note(conn, app.beside)
        erase.wipe(app.store)
        with lease.writing() as conn:
            runs.remember(conn, _TO_WIPE, "")
    except StoreError:
        log.warning("wipe_put_off")


def erase_again(conn: Connection, setup: Setup, beside: Beside | None, at: datetime) -> tuple[int, bool]:
    """In a store that was put back, erase whom the tombstones beside it name; how many records, and whether that went.

    It did not where none stand beside it, or this store has some that were made with another key.
    """
    kept = beside.forgotten() if beside is not None else None
    whole = tombstones.take_over(conn, kept, at)
    stones = tombstones.with_key(conn)
    last = count = sealed = 0
    while stones:
        filed = people.all_filed(conn, last, BATCH)
        if not filed:
            break
        last = filed[-1].no
        for one in filed:
            if is_erased(stones, one.person, setup.identity):
                who = erase.traces(conn, [one.identity_no] if one.identity_no is not None else [], [one.no])
                count += len(who.nos)
                sealed += _erase(conn, setup, who, _hashes(conn, setup, who, None), at)
    trail_of(setup).add(conn, "", at, [restored(account()), *([forgot(sealed, account())] if sealed else [])])
    return count, whole
