"""The gateway: who may call, what is asked, and the answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from werkzeug.http import http_date
from werkzeug.wrappers import Request, Response

from connector.sandbox.chaos import Chaos
from connector.sandbox.clock import Clock
from connector.sandbox.esales.esm import answers, items, lists, search, timeline
from connector.sandbox.esales.esm.catalogue import LISTED, prefix_of
from connector.sandbox.esales.esm.refusals import absent, busy, forbidden
from connector.sandbox.esales.esm.settings import EsmSettings
from connector.sandbox.esales.esm.tenant import Right, Tenant
from connector.sandbox.esales.esm.tokens import ACCESS_LIFE
from connector.sandbox.esales.refusal import Refusal, bad
from connector.sandbox.esales.sheets import Row, Sheet

_JAPAN = timezone(timedelta(hours=9))
_OFFSET = re.compile(r"([+-])(\d\d):(\d\d)", re.ASCII)
_RIGHTS: dict[str, Right] = {"GET": "参照", "POST": "登録", "PUT": "変更", "DELETE": "削除"}
_GRANTS = {"password": {"grantType", "userId", "password", "tenantId"}, "refresh": {"grantType", "refreshToken"}}


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of somebody who may call: `path` is what follows `/pub/esms/v1/`."""

    request: Request
    method: str
    path: tuple[str, ...]
    zone: tzinfo
    user_id: int


class EsmEmulator(Tenant):
    """An esm tenant that answers its API; see `connector.sandbox.esales` for what is known and what is guessed.

    Attributes:
        login: the user id that may log in from the start, a system user.
        password: its password.
        api_token: an API token of that user.
        calls: the calls that came in, refused ones included, logins not.
        logins: the access tokens given out.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        chaos: Chaos | None = None,
        settings: EsmSettings | None = None,
        login: str = "sandbox-user",
        password: str = "sandbox-password",  # noqa: S107  it opens nothing
    ) -> None:
        super().__init__(clock=clock, chaos=chaos, settings=settings)
        self.login = login
        self.password = password
        self.user_id = self.add_user(login, "API連携", password=password, system=True)
        self.api_token = self.add_token(self.user_id)
        self.calls = 0
        self.logins = 0

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        with self._lock:
            try:
                response = self._answer(request)
            except Refusal as refusal:
                response = self._refusal(request, refusal)
            finally:
                self._acting = 0
            response.headers["Date"] = http_date(self.clock())
            return response

    def _refusal(self, request: Request, refusal: Refusal) -> Response:
        unacceptable = refusal.status == 400 and request.path != "/auth/token" and request.method in ("POST", "PUT")
        disguised = unacceptable and self.settings.invalid == "busy"
        return answers.refusal(busy() if disguised else refusal, self.settings)

    def _answer(self, request: Request) -> Response:
        if request.path == "/auth/token":
            return self._login(request)
        prefix, path = self._path(request)
        self.calls += 1
        self._faults(request)
        user_id = self._authorize(request)
        call = _Call(request, request.method, path, self._zone(request), user_id)
        self._acting = user_id
        match call.path:
            case ("sheet", name):
                return self._sheet_call(call, self._sheet(name), "")
            case ("sheet", name, record_id):
                return self._sheet_call(call, self._sheet(name), record_id)
            case ("list", name, *rest) if prefix == "/esm-api" and len(rest) < 2:
                return self._list_call(call, self._sheet(name), *rest)
            case ("post", *rest) if prefix == "/esm-api" and len(rest) < 2:
                return self._post_call(call, *rest)
            case ("search", name) if self.settings.search and call.method == "POST":
                return self._search_call(call, self._sheet(name))
        raise absent()

    # --- who may call -------------------------------------------------------------------------------------------------

    def _login(self, request: Request) -> Response:
        if request.method != "POST":
            raise Refusal(405, "許可されていないメソッドです。")
        try:
            body = answers.body(request)
        except Refusal:
            raise bad("リクエストの内容が不正です。") from None
        user_id = self._who(body)
        if user_id is None:
            raise bad("リクエストの内容が不正です。")
        self.logins += 1
        access, refresh = self.tokens.issue(user_id, self.clock(), self.settings.refresh_life)
        life: int | str = int(ACCESS_LIFE.total_seconds())
        if self.settings.expire_in == "string":
            life = str(life)
        return answers.answer({"accessToken": access, "tokenType": "BEARER", "expireIn": life, "refreshToken": refresh})

    def _who(self, body: Mapping[str, Any]) -> int | None:
        grant = body.get("grantType")
        wanted = _GRANTS.get(grant) if isinstance(grant, str) else None
        if wanted is None or body.keys() - {"tenantId"} != wanted - {"tenantId"}:
            return None
        if not all(isinstance(value, str) for value in body.values()):
            return None
        if body.get("tenantId", self.settings.tenant) != self.settings.tenant:
            return None
        if grant == "refresh":
            return self.tokens.refresher(body["refreshToken"], self.clock())
        password, user_id = self._passwords.get(body["userId"], ("", 0))
        return user_id if "tenantId" in body and password and body["password"] == password else None

    def _path(self, request: Request) -> tuple[str, tuple[str, ...]]:
        for prefix in self.settings.prefixes:
            base = f"{prefix}/{self.settings.tenant}/pub/esms/v1/"
            if request.path.startswith(base):
                return prefix, tuple(request.path.removeprefix(base).split("/"))
        raise absent()

    def _faults(self, request: Request) -> None:
        def struck(kind: str) -> Mapping[str, Any] | None:
            fault = self.chaos.take(kind, request.method, request.full_path)
            return None if fault is None else fault.params

        if (params := struck("quota")) is not None:
            seconds = params.get("seconds", 60)
            headers = {} if seconds is None else {"Retry-After": str(seconds)}
            raise Refusal(429, "リクエスト数が上限を超えました。", headers)
        if struck("busy") is not None:
            raise busy()
        if struck("expired") is not None:
            self.tokens.kill(_bearer(request))
        if request.method != "GET" and struck("row_fail") is not None:
            raise bad("登録できませんでした。")

    def _authorize(self, request: Request) -> int:
        user_id = self.tokens.user(_bearer(request), self.clock())
        if user_id is None:
            raise Refusal(401, "認証に失敗しました。")
        return user_id

    def _zone(self, request: Request) -> tzinfo:
        named = request.headers.get("X-ESM-TIMEZONE", "")
        found = _zone(named) if self.settings.zone == "name" else _offset(named)
        if found is None:
            raise bad("X-ESM-TIMEZONE を指定してください。")
        return found if self.settings.zone_honoured else _JAPAN

    def _need(self, name: str, right: Right) -> None:
        if (name, right) in self._denied:
            raise forbidden()

    # --- sheets -------------------------------------------------------------------------------------------------------

    def _sheet(self, name: str) -> Sheet:
        found = self.sheets.get(name)
        if found is None:
            raise absent()
        return found

    def _sheet_call(self, call: _Call, sheet: Sheet, record_id: str) -> Response:
        if call.method not in (("GET", "PUT", "DELETE") if record_id else ("POST",)):
            raise Refusal(405, "許可されていないメソッドです。")
        self._need(sheet.name, _RIGHTS[call.method])
        if call.method == "POST":
            new = self._create(sheet, self._given(call, sheet))
            return answers.created(new, prefix_of(sheet), call.request.path, self.settings)
        number = _id(record_id)
        if call.method == "GET":
            row = self._visible(sheet).get(number)
            if row is None:
                raise absent()
            return answers.enveloped(self._printed(sheet, row, call.zone), self.settings)
        if call.method == "PUT":
            given = self._given(call, sheet)
            self._writable(sheet, number)
            self._change(sheet, number, self._emptied(sheet) | given)
        else:
            self._writable(sheet, number)
            self._remove(sheet, number, with_children=False)
        return answers.answer({})

    def _given(self, call: _Call, sheet: Sheet) -> Row:
        parsed: dict[Any, Any] = {}
        for key, value in answers.body(call.request).items():
            column = sheet.columns.get(key)
            if column is not None:
                parsed[key] = items.parse(column, value, call.zone)
            elif self.settings.unknown_keys == "refused":
                raise bad(f"不明な項目です: {key}")
        return self._checked(sheet, parsed)

    def _emptied(self, sheet: Sheet) -> Row:
        if self.settings.put == "partial":
            return {}
        return {each.key: None for each in sheet.columns.values() if not (each.read_only or each.required)}

    def _printed(self, sheet: Sheet, row: Row, zone: tzinfo) -> dict[str, Any]:
        told = [
            each for each in sheet.columns.values() if self.settings.empty != "missing" or row.get(each.key) is not None
        ]
        return {str(each.key): items.printed(each, row.get(each.key), zone, self.settings) for each in told}

    # --- lists, posts, search -----------------------------------------------------------------------------------------

    def _list_call(self, call: _Call, sheet: Sheet, list_id: str = "") -> Response:
        if sheet.name not in LISTED:
            raise absent()
        if call.method not in (("GET", "PUT", "DELETE") if list_id else ("POST",)):
            raise Refusal(405, "許可されていないメソッドです。")
        table = self._tables[sheet.name]
        if call.method == "POST":
            name, ids = lists.written(answers.body(call.request), table)
            if not name:
                raise bad("リスト名を指定してください。")
            new = self._lists.add(sheet.name, name, ids or [])
            return answers.created(new, "list", call.request.path, self.settings)
        number = _id(list_id)
        found = self._lists.of(sheet.name, number)
        if call.method == "GET":
            return self._listed(call, sheet, number)
        if call.method == "PUT":
            name, ids = lists.written(answers.body(call.request), table)
            found.name = name or found.name
            found.ids = found.ids if ids is None else ids
        else:
            self._lists.remove(number)
        return answers.answer({})

    def _listed(self, call: _Call, sheet: Sheet, list_id: int) -> Response:
        self._need(sheet.name, "参照")
        seen, found = self._visible(sheet), self._lists[list_id]
        ids = [each for each in found.ids if each in seen]
        if self.settings.lists == "ids":
            return answers.answer({"id": list_id, "name": found.name, "ids": ids})
        records = [self._printed(sheet, seen[each], call.zone) for each in ids]
        return answers.answer({"data": {"listId": list_id, "total": len(ids), "records": records}})

    def _post_call(self, call: _Call, post_id: str = "") -> Response:
        if call.method not in (("GET", "DELETE") if post_id else ("POST",)):
            raise Refusal(405, "許可されていないメソッドです。")
        self._need("post", _RIGHTS[call.method])
        everywhere = call.user_id in self.system_users
        if call.method == "POST":
            body = answers.body(call.request)
            new = self._timeline.post(body, call.user_id, self._now(), everywhere=everywhere)
            return answers.created(new, "post", call.request.path, self.settings)
        number = _id(post_id)
        post = self._timeline.get(number, call.user_id, everywhere=everywhere)
        if call.method == "GET":
            return answers.answer(timeline.printed(post, call.zone))
        self._timeline.remove(number)
        return answers.answer({})

    def _search_call(self, call: _Call, sheet: Sheet) -> Response:
        self._need(sheet.name, "参照")
        query = search.query(sheet, answers.body(call.request), call.zone)
        found = [row for row in self._visible(sheet).values() if query.fits(row)]
        page = found[query.offset : query.offset + query.limit]
        rows = [self._printed(sheet, row, call.zone) for row in page]
        return answers.answer({"total": len(found), "offset": query.offset, "records": rows})


def _bearer(request: Request) -> str:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if kind == "Bearer" else ""


def _zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def _offset(text: str) -> tzinfo | None:
    found = _OFFSET.fullmatch(text)
    if found is None or int(found[2]) > 23:
        return None
    distance = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(distance if found[1] == "+" else -distance)


def _id(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise absent()
    return int(text)
