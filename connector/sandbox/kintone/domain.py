"""A kintone domain past HTTP: what its administrators set up, and what its users do on the screen."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import count
from secrets import token_hex
from typing import Any

from connector.sandbox.chaos import Chaos
from connector.sandbox.clock import Clock
from connector.sandbox.kintone import times
from connector.sandbox.kintone.auth import Doors, Who
from connector.sandbox.kintone.errors import no_app, no_record
from connector.sandbox.kintone.fields import MAX_FIELDS, PEOPLE, Field, build, system_fields
from connector.sandbox.kintone.model import ADMINISTRATOR, RIGHTS, App, Comment, Process, Record, Token, User
from connector.sandbox.kintone.render import Renderer
from connector.sandbox.kintone.store import Store
from connector.sandbox.kintone.values import Groups
from connector.sandbox.kintone.writing import Writer

JST = timezone(timedelta(hours=9), "JST")
AppId = int | str


class Domain:
    """Apps, records and people of a domain. Ids are given as text, as kintone gives them, and taken as text or number.

    Attributes:
        clock: the time that stamps are taken from.
        zone: the time zone of the users.
        language: of messages, unless the caller names another one.
        locale: the language in which apps are made, which decides about the codes of their system fields.
        refused: the records whose next writes fail, and the field that is to blame.
        closed: the records that those who call may read, and not edit.
    """

    def __init__(
        self, *, clock: Clock | None = None, chaos: Chaos | None = None, language: str = "ja", locale: str = "ja"
    ) -> None:
        self.clock = clock or Clock()
        self.chaos = chaos or Chaos()
        self.lock = threading.RLock()
        self.zone: tzinfo = JST
        self.language = language
        self.locale = locale
        self.apps: dict[int, App] = {}
        self.store = Store()
        self.doors = Doors()
        self.organizations: dict[str, str] = {}
        self.group_names: dict[str, str] = {}
        self.refused: dict[tuple[int, int], str] = {}
        self.closed: set[tuple[int, int]] = set()
        self.counted: Counter[tuple[int, str]] = Counter()
        self._comments: dict[tuple[int, int], list[Comment]] = {}
        self._rows = count(1)
        self._late: float | None = None
        self._in_transaction = False
        self.add_user(ADMINISTRATOR, ADMINISTRATOR)

    # --- who and what there is ----------------------------------------------------------------------------------------

    def add_user(self, code: str, name: str, password: str = "", *, two_factor: bool = False) -> None:
        """Let somebody in, by `password` if there is one."""
        with self.lock:
            self.doors.users[code] = User(code, name, password, two_factor)

    def add_organization(self, code: str, name: str) -> None:
        """Add a department."""
        with self.lock:
            self.organizations[code] = name

    def add_group(self, code: str, name: str) -> None:
        """Add a group of users."""
        with self.lock:
            self.group_names[code] = name

    def add_token(self, app: AppId, *rights: str, deployed: bool = True) -> str:
        """An API token of an app; one that is not `deployed` works from the next change of the app on."""
        if unknown := set(rights) - RIGHTS:
            raise ValueError(f"no such right: {', '.join(sorted(unknown))}")
        token = token_hex(20)
        with self.lock:
            self.doors.tokens[token] = Token(self.app(app).id, frozenset(rights), deployed)
        return token

    def remove_token(self, token: str) -> None:
        """Delete an API token."""
        with self.lock:
            del self.doors.tokens[token]

    def add_bearer(self, user: str = ADMINISTRATOR) -> str:
        """An OAuth access token of a user."""
        token = token_hex(20)
        with self.lock:
            self.doors.bearers[token] = user
        return token

    def require_basic(self, login: str, password: str) -> None:
        """Ask for Basic authentication in front of everything."""
        with self.lock:
            self.doors.basic = (login, password)

    def set_rights(self, app: AppId, user: str, *rights: str) -> None:
        """Leave a user only these rights in an app; without this call they have all."""
        with self.lock:
            self.app(app).user_rights[user] = frozenset(rights)

    def groups(self) -> Groups:
        """Who can be chosen in fields and called in comments."""
        users = {code: user.name for code, user in self.doors.users.items()}
        return Groups(users, self.organizations, self.group_names)

    # --- apps ---------------------------------------------------------------------------------------------------------

    def create_app(
        self,
        name: str,
        fields: Mapping[str, Mapping[str, Any]],
        *,
        guest_space: int | None = None,
        code: str = "",
    ) -> str:
        """An app with these fields, defined as in fields.json, and those that every app has; returns its id."""
        with self.lock:
            built = {each: build(each, definition) for each, definition in fields.items()} | system_fields(self.locale)
            now = times.stamp(self.clock())
            app = App(len(self.apps) + 1, name, built, ADMINISTRATOR, now, guest_space, code, modified=now)
            self.apps[app.id] = app
            for each in built.values():
                self._index(app, each)
            return str(app.id)

    def change_fields(
        self, app: AppId, add: Mapping[str, Mapping[str, Any]] | None = None, remove: tuple[str, ...] | list[str] = ()
    ) -> None:
        """Change an app's form and deploy it: what is removed loses its values, what is known already is replaced."""
        with self.lock:
            changed = self.app(app)
            for code in remove:
                field = changed.fields.pop(code)
                if field.unique:
                    self.store.drop_index(changed.id, code)
                for record in list(self.store.table(changed.id).values()):
                    left = {each: value for each, value in record.values.items() if each != code}
                    self.store.rewrite(changed.id, replace(record, values=left))
            for code, definition in (add or {}).items():
                changed.fields[code] = build(code, definition)
                self.store.drop_index(changed.id, code)
                self._index(changed, changed.fields[code])
            self.deploy(app)

    def deploy(self, app: AppId) -> None:
        """Update the app: its tokens begin to work."""
        with self.lock:
            changed = self.app(app)
            changed.revision += 1
            changed.modified = times.stamp(self.clock())
            for name, token in self.doors.tokens.items():
                if token.app == changed.id:
                    self.doors.tokens[name] = replace(token, deployed=True)

    def set_process(
        self,
        app: AppId,
        states: Mapping[str, Mapping[str, Any]],
        actions: list[Mapping[str, Any]],
        *,
        enabled: bool = True,
    ) -> None:
        """Set the process management of an app, in the form of app/status.json; all records begin anew."""
        with self.lock:
            changed = self.app(app)
            full = {
                name: {"name": name, "index": str(index), "assignee": {"type": "ONE", "entities": []}, **state}
                for index, (name, state) in enumerate(states.items())
            }
            kept = tuple({"filterCond": "", "type": "PRIMARY", **action} for action in actions)
            changed.process = Process(full, kept, enabled)
            for code, field in changed.fields.items():
                if field.type in ("STATUS", "STATUS_ASSIGNEE"):
                    changed.fields[code] = replace(field, settings={**field.settings, "enabled": enabled})
            first = changed.process.first
            for record in list(self.store.table(changed.id).values()):
                self.store.rewrite(changed.id, replace(record, status=first, assignees=()))
            self.deploy(app)

    def disable_comments(self, app: AppId) -> None:
        """Switch comments of an app off."""
        with self.lock:
            self.app(app).comments_enabled = False

    def app(self, app: AppId) -> App:
        """The app with this id."""
        found = self.apps.get(int(app))
        if found is None:
            raise no_app(int(app))
        return found

    def _index(self, app: App, field: Field) -> None:
        if sum(1 + len(each.inner) for each in app.fields.values()) > MAX_FIELDS:
            raise ValueError(f"an app has {MAX_FIELDS} fields at most")
        if field.unique:
            self.store.index(app.id, field.code, numeric=field.type == "NUMBER")

    # --- records ------------------------------------------------------------------------------------------------------

    def create(self, app: AppId, values: Mapping[str, Any], *, user: str = ADMINISTRATOR) -> str:
        """Enter a record on the screen, in plain form: code -> value; returns its id.

        People are given by code, tables as a list of plain rows.
        """
        with self.lock, self.writing():
            found = self.app(app)
            writer = Writer(self, found, Who(user), on_screen=True)
            record = writer.create(_given(found.fields, values), "record")
            writer.done()
            return str(record.id)

    def update(self, app: AppId, record_id: AppId, values: Mapping[str, Any], *, user: str = ADMINISTRATOR) -> None:
        """Change a record on the screen; what is not named stays."""
        with self.lock, self.writing():
            found = self.app(app)
            writer = Writer(self, found, Who(user), on_screen=True)
            writer.update(int(record_id), _given(found.fields, values), "record")
            writer.done()

    def delete(self, app: AppId, record_id: AppId) -> None:
        """Delete a record on the screen."""
        with self.lock, self.writing():
            Writer(self, self.app(app), Who(ADMINISTRATOR)).delete(int(record_id))

    def get(self, app: AppId, record_id: AppId) -> dict[str, Any]:
        """A record in plain form, with `$id` and `$revision`; people by code, tables as a list of plain rows."""
        with self.lock:
            self.settle()
            record = self.store.table(int(app)).get(int(record_id))
            if record is None:
                raise no_record(int(record_id))
            return self._plain(self.app(app), record)

    def records(self, app: AppId) -> list[dict[str, Any]]:
        """All records in plain form, the oldest first."""
        with self.lock:
            self.settle()
            found = self.app(app)
            return [self._plain(found, record) for _, record in sorted(self.store.table(found.id).items())]

    def _plain(self, app: App, record: Record) -> dict[str, Any]:
        shown = Renderer(app, self.groups()).record(record)
        return {code: _plain(cell) for code, cell in shown.items()}

    def comments(self, app: AppId, record_id: AppId) -> list[Comment]:
        """The comments of a record, the oldest first."""
        with self.lock:
            return list(self._comments.get((int(app), int(record_id)), []))

    def thread(self, app: int, record_id: int) -> list[Comment]:
        """The list of comments itself."""
        return self._comments.setdefault((app, record_id), [])

    def refuse(self, app: AppId, record_id: AppId, code: str) -> None:
        """Let every write to this record fail, as if the required field `code` had been left empty."""
        with self.lock:
            self.refused[int(app), int(record_id)] = code

    def close(self, app: AppId, record_id: AppId) -> None:
        """Let nobody edit this record but on the screen, by a right on single records (レコードのアクセス権)."""
        with self.lock:
            self.closed.add((int(app), int(record_id)))

    def allow(self, app: AppId, record_id: AppId) -> None:
        """Take a refusal back."""
        with self.lock:
            self.refused.pop((int(app), int(record_id)), None)

    # --- time and transactions ----------------------------------------------------------------------------------------

    @contextmanager
    def back_then(self) -> Iterator[Callable[[datetime], None]]:
        """Live in the past while inside: what is written is stamped with the moment last gone to."""
        with self.lock:
            present = self.clock
            past = self.clock = Clock(present(), ticking=False)
            try:
                yield lambda at: past.advance(at - past())
            finally:
                self.clock = present

    @contextmanager
    def late_commit(self, seconds: float) -> Iterator[None]:
        """Let what is written inside be stamped now, but seen only `seconds` later by the clock."""
        with self.lock:
            before, self._late = self._late, seconds
            try:
                yield
            finally:
                self._late = before

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction: everything written inside, or nothing; one inside another is a part of it."""
        with self.lock:
            if self._in_transaction:
                yield
                return
            self.settle()
            visible = None if self._late is None else self.clock() + timedelta(seconds=self._late)
            self._in_transaction = True
            try:
                with self.store.transaction(visible):
                    yield
            finally:
                self._in_transaction = False

    def settle(self) -> None:
        """Let writes that are due be seen."""
        self.store.settle(self.clock())

    def next_row(self) -> int:
        """An id for a row of a table."""
        return next(self._rows)

    def charge(self, app: int) -> None:
        """Count a request to an app."""
        self.counted[app, self._day()] += 1

    def requests_today(self, app: AppId) -> int:
        """The requests to an app since the counter was reset, at 9 o'clock in Japan; nothing is refused for them."""
        with self.lock:
            return self.counted[int(app), self._day()]

    def _day(self) -> str:
        # 9 o'clock in Japan is midnight in UTC.
        return self.clock().astimezone(UTC).date().isoformat()


def _given(fields: Mapping[str, Field], plain: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values in the form of the API; unlike there, an unknown field is a mistake."""
    found: dict[str, Any] = {}
    for code, value in plain.items():
        field = fields.get(code)
        if field is None:
            raise KeyError(code)
        given = value
        if field.type == "SUBTABLE":
            given = [{"id": row.get("id"), "value": _given(field.inner, _without_id(row))} for row in value]
        elif field.type in PEOPLE:
            given = [{"code": each} if isinstance(each, str) else each for each in value]
        elif field.type in ("CREATOR", "MODIFIER") and isinstance(value, str):
            given = {"code": value}
        found[code] = {"value": given}
    return found


def _without_id(row: Mapping[str, Any]) -> dict[str, Any]:
    return {code: value for code, value in row.items() if code != "id"}


def _plain(cell: Mapping[str, Any]) -> Any:
    kind, value = cell["type"], cell["value"]
    if kind in ("CREATOR", "MODIFIER"):
        return value["code"]
    if kind in PEOPLE | {"STATUS_ASSIGNEE"}:
        return [each["code"] for each in value]
    if kind == "SUBTABLE":
        rows = [{code: _plain(each) for code, each in row["value"].items()} for row in value]
        return [{"id": row["id"], **inner} for row, inner in zip(value, rows, strict=True)]
    return value
