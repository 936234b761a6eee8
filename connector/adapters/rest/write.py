"""Writing records: what is changed, and what is made once per key."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from connector.adapters.rest.api import NOT_FOUND, Api, filled
from connector.adapters.rest.config import Config, Notice
from connector.adapters.rest.places import Row, Times, UnreadableError, at, said
from connector.adapters.rest.shape import KEY, Create, Made, Search, Update
from connector.changes import AddTouchpoint, AnyChange, Change, CreatePerson, RaiseAlert, SetFields
from connector.errors import Mismatch, Refused, text
from connector.model import Value


def offers(config: Config) -> frozenset[type[Change]]:
    """What a system so configured can take."""
    people = config.people.values()
    able: dict[type[Change], bool] = {
        SetFields: any(each.update for each in people),
        CreatePerson: any(each.create for each in people),
        RaiseAlert: config.alerts is not None and config.alerts.create is not None,
        AddTouchpoint: config.timeline is not None and config.timeline.create is not None,
    }
    return frozenset(kind for kind, holds in able.items() if holds)


class Writer:
    """Carries out changes, one at a time."""

    def __init__(self, api: Api, config: Config, times: Times) -> None:
        self._api = api
        self._config = config
        self._times = times
        self._unproved: dict[Search, str] = {}
        """By search: the key of the first record that was made, until it was found again; empty after that."""

    def carry_out(self, change: AnyChange) -> str | None:
        """Do what `change` says; the id of the record, where it was told.

        :raises Refused: it cannot be done
        :raises Unavailable, Uncertain, Unauthorized: as `connector.http` does
        """
        config = self._config
        match change:
            case SetFields():
                people = config.people.get(change.ref.object)
                if people is not None and people.update is not None:
                    self._update(people.update, change.ref.id, self._fields(change.ref.object, change.values))
                    return change.ref.id
            case CreatePerson():
                return self._person(change)
            case RaiseAlert() if config.alerts is not None:
                deal = self._id(change.deal.id if change.deal else None)
                return self._notice(config.alerts, change, change.due_on, {config.alerts.deal: deal})
            case AddTouchpoint() if config.timeline is not None:
                return self._notice(config.timeline, change, change.on, {})
        raise Refused(
            text("this system does not take such a change", "この連携先では行えない変更です"), code="not_offered"
        )

    def search(self, search: Search, key_field: str, key: str) -> Row | None:
        """The record that holds our key; None: there is none.

        :raises Mismatch: what came is not what was searched for
        :raises Refused: several hold it
        """
        by_path = KEY in search.path
        try:
            answer = self._api.ask(filled(search.path, key=key), {search.param: key} if search.param else {})
        except Refused as error:
            if error.code == NOT_FOUND and by_path:
                return None
            raise
        place = search.rows or ("" if by_path else self._config.rows)
        found = at(answer.data, place)
        several = [found] if by_path and isinstance(found, dict) else self._api.rows(answer, place)
        if not all(_told(each, key_field) == key for each in several):
            what = text(
                "the search by our key is not obeyed: records with other keys came",
                "キーによる検索条件が効いていません (別のキーのレコードが返されました)",
            )
            raise self._api.senseless(what, answer.data, _CHECK_SEARCH)
        if len(several) > 1:
            what = text("{n} records hold the same key", "同じキーのレコードが{n}件あります", n=len(several))
            raise Refused(what, where=f"{self._api.http.system}/{key_field}", code="ambiguous_key")
        return several[0] if several else None

    def _update(self, update: Update, id_: str, fields: Mapping[str, Any]) -> None:
        path = filled(update.path, id_=id_)
        if update.method == "PUT":
            self._api.ask(path, {})  # refused when it is gone: a PUT might make it again
        self._api.write(update.method, path, fields, update.wrap)

    def _person(self, change: CreatePerson) -> str | None:
        people = self._config.people.get(change.object)
        if people is None or people.create is None:
            what = text("{name} is not created here", "{name} はここでは作成しません", name=change.object)
            raise Refused(what, where=self._api.http.system, code="not_offered")
        fields = self._fields(change.object, {**change.values, change.key_field: change.key_value})
        found = self._made_before(people, change.key_field, change.key_value)
        if found is None or people.update is None:
            return self._make(people.create, people.search, change.key_value, fields)
        id_ = _told(found, people.id)
        if id_ is None:
            what = text("{place}, the id, is missing", "ID ({place}) がありません", place=people.id)
            raise self._api.senseless(what, found)
        self._update(people.update, id_, fields)
        return id_

    def _notice(
        self, notice: Notice, change: RaiseAlert | AddTouchpoint, on: date, further: Mapping[str, Value]
    ) -> str | None:
        told: dict[str, Value] = {
            **notice.values,
            **further,
            notice.owner: self._id(change.owner_id),
            notice.person: self._id(change.person.id if change.person else None),
            notice.day: on,
            notice.title: change.title,
            notice.body: change.body,
            notice.key: change.key,
        }
        sent = {name: self._times.written(value) for name, value in told.items() if name and value not in (None, "")}
        if notice.create is None:
            raise Refused(text("there is no place for this", "登録先がありません"), where=self._api.http.system)
        found = self._made_before(notice, notice.key, change.key)
        if found is not None:
            return _told(found, notice.create.id)
        return self._make(notice.create, notice.search, change.key, sent)

    def _id(self, id_: str | None) -> Value:
        return int(id_) if id_ and self._config.number_ids and id_.isdecimal() else id_

    def _made_before(self, made: Made, key_field: str, key: str) -> Row | None:
        """What was made under this key before; not asked where making it again is harmless.

        :raises Mismatch: the search does not find what we have just made, so that a lost answer could make it twice
        """
        search = made.search
        if search is None:
            return None
        last = self._unproved.get(search)
        if last and key != last:
            if self.search(search, key_field, last) is None:
                what = text(
                    "the search by our key does not find what was just made",
                    "登録した直後のレコードがキーで見つかりません",
                )
                raise Mismatch(what, where=self._api.http.system, fix=_CHECK_SEARCH)
            self._unproved[search] = ""
        return self.search(search, key_field, key)

    def _make(self, create: Create, search: Search | None, key: str, fields: Mapping[str, Any]) -> str | None:
        answer = self._api.write(create.method, filled(create.path, key=key), fields, create.wrap)
        if search is not None:
            self._unproved.setdefault(search, key)
        found = at(answer, create.id)
        return None if found is None or isinstance(found, dict | list) else str(found)

    def _fields(self, object_: str, values: Mapping[str, Value]) -> dict[str, Any]:
        people = self._config.people[object_]
        dotted = sorted(name for name in values if "." in name)
        if dotted:
            what = text("{name} is read only: it stands in a block", "{name} は読み取り専用です", name=dotted[0])
            raise Refused(what, where=f"{self._api.http.system}/{object_}", code="dotted")
        return {name: self._times.written(value, day=name in people.days) for name, value in values.items()}


_CHECK_SEARCH = text("check search", "search を確認してください")


def _told(row: Row, place: str) -> str | None:
    """What stands at a place as text; None where it cannot be read."""
    try:
        return said(row, place)
    except UnreadableError:
        return None
