"""SHANON MARKETING PLATFORM (SMP, シャノン): visitors, what they did, and lists, by its REST API over XML.

What is known of the API, from where, and what is guessed: `docs/adapters/shanon.facts.md`. Wherever something is
guessed, this adapter takes a path that works either way, or says that the service did not do what it was asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Literal, get_args

from pydantic import Field

from connector.adapters.shanon import fields, scan
from connector.adapters.shanon.api import Api, Credentials
from connector.adapters.shanon.document import Document, Row, UnwritableError, leaf, text_of
from connector.adapters.shanon.records import VISITOR, Convert, Titles, Touchpoints, merged, page, person, words_of
from connector.changes import AddToList, AnyChange, RemoveFromList, SetFields
from connector.errors import ConfigError, Refused, Text, Unauthorized, Unavailable, text
from connector.http import BaseUrl, HttpOptions
from connector.model import Kind, Membership, Ref, Role
from connector.ports import Adapter, Finding, Needs, Page, Receipt
from connector.spec import Duration, Many, Secret, Spec, unknown_key

Stream = Literal["mergelog", "application", "attendance", "enquete", "mail", "trackingaccesslog", "activity"]
KindWord = Annotated[Kind, Field(strict=False)]

_STREAMS: tuple[Stream, ...] = get_args(Stream)
_MERGES = "mergelog"
_LIST = "staticlist:"
_MEMBERS = "staticlist/visitor"
_PATHS: Mapping[str, str] = {
    VISITOR: "visitor",
    _MERGES: "visitor/mergelog",
    "trackingaccesslog": "visitor/trackingaccesslog",
    "mail": "visitor/mail",
    "enquete": "visitor/enquete",
    "application": "visitor/application/seminar",
    "attendance": "visitor/attendance",
    "activity": "visitor/activity",
}
_BY_ID: Mapping[str, tuple[str, ...]] = {
    "application": ("DateUpdate", "DateRegist", "DateApplication"),
    "attendance": ("DateUpdate", "DateRegist", "DateAttendance"),
}
"""Resources without a search by date, and the times a row may hold."""

_TRACKING_DELAY = timedelta(hours=2)
"""Page views reach SMP through a server of their own, by the vendor's word half an hour late or more when it is busy
(learn.shanon.co.jp, article 21882518606745)."""

_CLOCKS_APART = timedelta(minutes=2)

_ACTIVITY_KINDS: Mapping[str, Kind] = {
    "名刺": Kind.BUSINESS_CARD,
    "名刺交換": Kind.BUSINESS_CARD,
    "展示会": Kind.BOOTH_VISIT,
    "ブース来訪": Kind.BOOTH_VISIT,
    "資料ダウンロード": Kind.DOWNLOAD,
    "資料請求": Kind.DOWNLOAD,
    "問い合わせ": Kind.INQUIRY,
    "お問い合わせ": Kind.INQUIRY,
}
_CAMPAIGN_KINDS: Mapping[str, Kind] = {
    "資料ダウンロード": Kind.DOWNLOAD,
    "資料請求": Kind.DOWNLOAD,
    "問い合わせ": Kind.INQUIRY,
    "お問い合わせ": Kind.INQUIRY,
    "フォーム": Kind.FORM_SUBMITTED,
}


class Config(HttpOptions):
    """An account of SHANON MARKETING PLATFORM with its API option switched on."""

    type: Literal["shanon"] = "shanon"
    """The word that chooses this adapter."""
    base_url: BaseUrl
    """Address of the account, as `https://example.smktg.jp`."""
    api_key: Secret
    """API key of the account."""
    password: Secret
    """Password of the API."""
    secret: Secret
    """Secret key that calls are signed with."""
    rate: Annotated[float, Field(gt=0)] | None = 5.0
    """Most requests per second. The vendor publishes no limit."""
    page_size: Annotated[int, Field(ge=1, le=1000)] = 1000
    """Records per call."""
    overlap: Duration = timedelta(minutes=10)
    """How late a record may become visible after its time stamp, clocks that differ included."""
    reread: Duration = timedelta(days=30)
    """How far back registrations and attendance, which cannot be searched by date, are read again for changes."""
    streams: Many[Stream] = _STREAMS
    """What is read besides people and lists: take out what the account has no contract for."""
    lists: dict[str, Annotated[int, Field(gt=0)]] = Field(default_factory=dict)
    """Lists by the names that mappings use: their numbers in SMP. A list that mappings name by number needs none."""
    activity_kinds: dict[str, KindWord] = Field(default_factory=lambda: dict(_ACTIVITY_KINDS))
    """What an activity (活動履歴) of a type means; types that are not here are left out."""
    campaign_kinds: dict[str, KindWord] = Field(default_factory=lambda: dict(_CAMPAIGN_KINDS))
    """What a registration for a campaign of a category means; any other is `seminar_registered`."""


class Shanon(Adapter):
    """One account of SMP."""

    type = "shanon"
    Config = Config
    role = Role.MA
    writes = frozenset({SetFields, AddToList, RemoveFromList})
    person_words = frozenset(words_of({}))
    batch = 20
    connections = 2

    def __init__(self, name: str, config: Spec, needs: Needs) -> None:
        if not isinstance(config, Config):
            raise TypeError(config)
        self._name = name
        self._config = config
        self._needs = needs
        self._lists = _numbers_of_lists(config, needs)
        self._api = Api(name, config.base_url, config, Credentials(config.api_key, config.password, config.secret))
        self._items: fields.Items | None = None
        self._touchpoints = Touchpoints(
            name,
            Titles(self._api, "seminar", "Title", category="SeminarCategory", size=config.page_size, count=False),
            Titles(self._api, "enquetehistory", "Name", size=config.page_size, count=True),
            config.campaign_kinds,
            config.activity_kinds,
        )
        self.http = self._api.http

    @property
    def streams(self) -> Sequence[str]:
        """People, the lists that mappings name, whom people were merged into, and what they did."""
        lists = [_LIST + name for name in sorted(self._needs.lists)]
        # A stream that cannot be read ends the system's turn, so what everybody has comes first.
        return [VISITOR, *lists, *(stream for stream in _STREAMS if stream in self._config.streams)]

    def check(self) -> Sequence[Finding]:
        """Sign in, read a record of each stream, the account's own items and the lists."""
        self._api.sign_in()
        return [*self._check_clock(), *self._check_streams(), *self._check_fields(), *self._check_lists()]

    def pull(self, stream: str, cursor: str | None) -> Iterator[Page]:
        """By DateUpdate; by Id where a resource knows no search by date; a list as a whole."""
        try:
            if stream.startswith(_LIST):
                yield self._members(stream.removeprefix(_LIST))
            elif stream in _BY_ID:
                yield from self._pull_by_id(stream, cursor)
            else:
                yield from self._pull_by_update(stream, cursor)
        except Refused as error:
            fix = text(
                "see `check`; take the stream out of `streams` if the account has no such function",
                "check を実行してください。契約にない機能なら streams から外してください",
            )
            raise Unavailable(error.what, where=error.where, code=error.code, fix=fix) from None

    def push(self, changes: Sequence[AnyChange]) -> Iterator[Receipt]:
        """Each change by a call of its own: no write of this API takes several records."""
        for change in changes:
            try:
                self._carry_out(change)
            except Refused as error:
                yield Receipt(change.key, "refused", code=error.code, what=error.what, fix=error.fix, said=error.said)
            else:
                yield Receipt(change.key, "done", _ref(change).id)

    def calls_for(self, changes: int) -> int:
        """One call per change."""
        return changes

    def server_time(self) -> datetime | None:
        """The service's clock when last heard."""
        return self._api.http.server_time

    def close(self) -> None:
        """Let go of connections."""
        self._api.http.close()

    # --- reading ------------------------------------------------------------------------------------------------------

    def _pull_by_update(self, stream: str, cursor: str | None) -> Iterator[Page]:
        late = self._config.overlap + (_TRACKING_DELAY if stream == "trackingaccesslog" else timedelta(0))
        size, count = self._config.page_size, stream != _MERGES
        for rows, behind in scan.by_update(self._api, _PATHS[stream], cursor, size=size, overlap=late, count=count):
            yield page(stream, rows, behind, self._convert(stream, rows))

    def _pull_by_id(self, stream: str, cursor: str | None) -> Iterator[Page]:
        size, depth, dates = self._config.page_size, self._config.reread, _BY_ID[stream]
        for rows, behind in scan.by_id(self._api, _PATHS[stream], cursor, size=size, depth=depth, dates=dates):
            yield page(stream, rows, behind, self._convert(stream, rows))

    def _convert(self, stream: str, rows: Sequence[Row]) -> Convert:
        if stream == VISITOR:
            return partial(person, self._name, self._needs.of(VISITOR))
        if stream == _MERGES:
            return partial(merged, self._name)
        return self._touchpoints.convert(stream, rows)

    def _members(self, name: str) -> Page:
        """The whole of a list. What does not look like it is no list: an empty or a foreign one would free people."""
        number = str(self._lists[name])

        def search(offset: int) -> Document:
            only = ("StaticlistId", "eq", number)
            return self._api.search(_MEMBERS, only, order="VisitorId", limit=self._config.page_size, offset=offset)

        members: set[str] = set()
        for row in scan.everything(self._api, _MEMBERS, search):
            visitor = text_of(row, "VisitorId")
            if visitor is None or text_of(row, "StaticlistId") not in (None, number):
                raise Unavailable(_NOT_A_LIST, where=f"{self._name}/{_MEMBERS}")
            members.add(visitor)
        if not members and not self._list_exists(number):
            raise Unavailable(_no_list(name, number), where=f"{self._name}/{_LIST}{name}", fix=_SEE_LISTS)
        return Page([Membership(self._name, name, frozenset(members))], "", complete=True)

    def _list_exists(self, number: str) -> bool:
        rows = self._api.search("staticlist", ("Id", "eq", number), order="Id", limit=1).rows
        return any(text_of(row, "Id") == number for row in rows)

    def _own_items(self) -> fields.Items:
        """The account's own items; none where SMP does not list them as expected."""
        if self._items is None:
            try:
                self._items = fields.items(self._api.search("visitorsetting", order="Id", limit=1000).rows)
            except Refused:
                self._items = {}
        return self._items

    # --- writing ------------------------------------------------------------------------------------------------------

    def _carry_out(self, change: AnyChange) -> None:
        """Do what `change` says.

        :raises Refused: it cannot be done
        """
        if _ref(change).object != VISITOR:
            raise Refused(text("only visitors are written", "書き込めるのはリードだけです"), where=self._name)
        match change:
            case SetFields():
                self._set(change)
            case AddToList():
                self._move(change, "POST")
            case RemoveFromList():
                self._move(change, "DELETE")

    def _set(self, change: SetFields) -> None:
        """Write only the fields of the change; without `upsert`, so that a visitor who is gone stays gone."""
        items = self._own_items() if any(map(fields.is_own, change.values)) else {}
        try:
            inside = [fields.element(name, value, items) for name, value in change.values.items()]
        except UnwritableError as error:
            raise Refused(error.what, where=str(change.ref), code="unwritable") from None
        # The check is of the whole record: a visitor that lacks an item required since could take no other.
        params = {"ignore_itemcheck": "1"}
        self._api.write("PUT", "visitor", "VisitorData", leaf("Id", change.ref.id) + "".join(inside), params)

    def _move(self, change: AddToList | RemoveFromList, method: str) -> None:
        """Put on a list, or take off. A refusal may mean that this was done before, so then the list is asked."""
        number = self._lists.get(change.list)
        if number is None:
            raise Refused(_no_list(change.list, "?"), where=self._name, fix=_SEE_LISTS, code="unknown_list")
        member = leaf("StaticlistId", str(number)) + leaf("VisitorId", change.person.id)
        try:
            self._api.write(method, _MEMBERS, "StaticlistVisitor", member, {})
        except Refused:
            if self._is_member(str(number), change.person.id) != isinstance(change, AddToList):
                raise

    def _is_member(self, number: str, visitor: str) -> bool:
        where = (("StaticlistId", "eq", number), ("VisitorId", "eq", visitor))
        rows = self._api.search(_MEMBERS, *where, order="VisitorId", limit=self._config.page_size).rows
        return any((text_of(row, "StaticlistId"), text_of(row, "VisitorId")) == (number, visitor) for row in rows)

    # --- checking -----------------------------------------------------------------------------------------------------

    def _check_clock(self) -> Iterator[Finding]:
        heard = self._api.http.heard
        apart = abs(heard - self._api.http.utcnow()) if heard else timedelta(0)
        if apart > _CLOCKS_APART:
            seconds = round(apart.total_seconds())
            what = text("its clock and ours differ by {n} s", "時計が{n}秒ずれています", n=seconds)
            yield Finding("warning", what, fix=text("set this machine's clock", "このマシンの時刻を合わせてください"))

    def _check_streams(self) -> Iterator[Finding]:
        for stream in self.streams:
            if stream in _PATHS:
                yield from self._check_stream(stream)

    def _check_stream(self, stream: str) -> Iterator[Finding]:
        try:
            self._api.search(_PATHS[stream], order="Id", limit=1, count=False)
        except (Refused, Unauthorized) as error:
            what = text(
                "{stream} cannot be read ({why})", "{stream} を読めません ({why})", stream=stream, why=error.code
            )
            fix = text(
                "give the API account the right to read it, or take it out of `streams`",
                "API アカウントに参照権限を与えるか、streams から外してください",
            )
            yield Finding("error", what, object=stream, fix=fix)

    def _check_fields(self) -> Iterator[Finding]:
        needs = self._needs.of(VISITOR)
        key = {needs.key} if needs.key else set()
        items = self._own_items()
        for name in sorted(needs.read | needs.write | key):
            if fields.is_own(name) and not items:
                what = text("{name} could not be verified", "{name} の有無を確認できませんでした", name=name)
                yield Finding("info", what, VISITOR, name)
            elif name not in fields.STANDARD and name not in items:
                what = text("there is no field {name}", "項目 {name} がありません", name=name)
                yield Finding("error", what, VISITOR, name, unknown_key(name, fields.STANDARD | items.keys())[1])
        for name in sorted(needs.write):
            if not fields.is_writable(name):
                what = text("{name} cannot be written", "{name} は書き込めません", name=name)
                yield Finding("error", what, VISITOR, name)
        for other in sorted(self._needs.objects.keys() - {VISITOR}):
            what = text("there is no object {name}", "オブジェクト {name} がありません", name=other)
            yield Finding("error", what, other, fix=text("write visitor", "visitor と指定してください"))

    def _check_lists(self) -> Iterator[Finding]:
        for name in sorted(self._needs.lists):
            number = str(self._lists[name])
            try:
                exists = self._list_exists(number)
            except (Refused, Unauthorized) as error:
                what = text("lists cannot be read ({why})", "リストを読めません ({why})", why=error.code)
                yield Finding("error", what, "staticlist")
                return
            if not exists:
                yield Finding("error", _no_list(name, number), "staticlist", fix=_SEE_LISTS)


def _numbers_of_lists(config: Config, needs: Needs) -> Mapping[str, int]:
    """The number of each list that mappings name, besides those that are configured only."""
    numbers = {name: int(name) for name in needs.lists if name.isascii() and name.isdecimal()} | config.lists
    missing = sorted(needs.lists - numbers.keys())
    if missing:
        raise ConfigError(
            [
                config.mark_of("lists").problem(
                    text("list {name!r} has no number in SMP here", "リスト {name!r} の番号がありません", name=name),
                    text("write {name}: NUMBER under lists", "lists に {name}: 番号 を追加してください", name=name),
                )
                for name in missing
            ]
        )
    return numbers


def _ref(change: AnyChange) -> Ref:
    """The record that a change of ours is about."""
    if isinstance(change, SetFields):
        return change.ref
    if isinstance(change, AddToList | RemoveFromList):
        return change.person
    raise TypeError(change)


def _no_list(name: str, number: str) -> Text:
    return text(
        "there is no list {name!r} (number {number})",
        "リスト {name!r} (番号 {number}) がありません",
        name=name,
        number=number,
    )


_SEE_LISTS = text("check `lists` against the lists in SMP", "lists を SMP のリスト一覧と照合してください")
_NOT_A_LIST = text("what came is not the list that was asked for", "指定したリストと異なる内容が返されました")
