"""Remix's REST service: who may call, what is asked, and the answer."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from werkzeug.http import http_date
from werkzeug.wrappers import Request, Response

from connector.sandbox.chaos import Chaos
from connector.sandbox.clock import Clock
from connector.sandbox.esales.refusal import Refusal, bad
from connector.sandbox.esales.remix import search, values
from connector.sandbox.esales.remix.rows import shaped
from connector.sandbox.esales.remix.settings import ListShape, RemixSettings
from connector.sandbox.esales.remix.tenant import Tenant
from connector.sandbox.esales.sheets import Column, Row, Sheet

_JSON = "application/json;charset=UTF-8"


class RemixEmulator(Tenant):
    """A Remix tenant that answers its REST API; see `connector.sandbox.esales` for what is known and what is guessed.

    Attributes:
        api_token: a token that lives from the start.
        calls: the calls that came in, refused ones included.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        chaos: Chaos | None = None,
        settings: RemixSettings | None = None,
        token: str = "sandbox-token",  # noqa: S107  it opens nothing
    ) -> None:
        super().__init__(clock=clock, chaos=chaos, settings=settings, token=token)
        self.calls = 0
        self._dice = random.Random(0)  # noqa: S311  a repeatable disorder, not a secret

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        with self._lock:
            try:
                response = _json(200, self._answer(request))
            except Refusal as refusal:
                response = self._refusal(refusal)
            response.headers["Date"] = http_date(self.clock())
            return response

    # --- who may call -------------------------------------------------------------------------------------------------

    def _answer(self, request: Request) -> Any:
        prefix = f"/{self.settings.context}/rest/v1/"
        if not request.path.startswith(prefix):
            raise Refusal(404, "URLが存在しません。")
        self.calls += 1
        self._faults(request)
        if not self.access.allows(request.headers):
            raise Refusal(401, "認証に失敗しました。")
        resource = request.path.removeprefix(prefix)
        routes = self._routes().get(resource)
        if routes is None:
            raise Refusal(404, "URLが存在しません。")
        handler = routes.get(request.method)
        if handler is None:
            raise Refusal(405, "許可されていないメソッドです。")
        return handler(request)

    def _routes(self) -> dict[str, dict[str, Callable[[Request], Any]]]:
        return {
            "entities/names": {"GET": self._names},
            "entities/columns": {"GET": self._columns},
            "entities/selectitems": {"GET": self._selectitems},
            "entities/checkitems": {"GET": self._checkitems},
            "entities/search": {"POST": self._search},
            "entity": {"GET": self._one, "POST": self._post, "PUT": self._put, "DELETE": self._delete},
        }

    def _faults(self, request: Request) -> None:
        def struck(kind: str) -> Mapping[str, Any] | None:
            fault = self.chaos.take(kind, request.method, request.full_path)
            return None if fault is None else fault.params

        if (params := struck("quota")) is not None:
            seconds = params.get("seconds", 60)
            headers = {} if seconds is None else {"Retry-After": str(seconds)}
            raise Refusal(429, "リクエスト数が上限を超えました。", headers)
        if struck("expired") is not None:
            self.access.kill(request.headers)
        if request.method != "GET" and not request.path.endswith("/search") and struck("row_fail") is not None:
            raise bad("登録できませんでした。")

    def _refusal(self, refusal: Refusal) -> Response:
        status = refusal.status if self.settings.error_status == "code" or refusal.status == 429 else 200
        match self.settings.error_body:
            case "json":
                response = _json(status, {"code": refusal.status, "messages": [refusal.message]})
            case "text":
                response = Response(refusal.message, status, mimetype="text/plain")
            case _:
                page = f"<!DOCTYPE html><html><body><h1>{escape(refusal.message)}</h1></body></html>"
                response = Response(page, status, mimetype="text/html")
        response.headers.extend(refusal.headers)
        return response

    # --- what there is ------------------------------------------------------------------------------------------------

    def _names(self, request: Request) -> Any:
        _params(request, set())
        return {"names": list(self.sheets)}

    def _columns(self, request: Request) -> Any:
        sheet = self._sheet(_params(request, {"obj_name"})["obj_name"])
        return _listed(
            self.settings.columns,
            [(each.key, each.name, each.type.removesuffix("time")) for each in sheet.columns.values()],
        )

    def _selectitems(self, request: Request) -> Any:
        choices = self._choices(request, "select")
        return {"selectItems": [{"selectItemName": name, "selectItemCode": code} for code, name in choices.items()]}

    def _checkitems(self, request: Request) -> Any:
        choices = self._choices(request, "checkbox")
        return _listed(self.settings.checkitems, [(code, name, "") for code, name in choices.items()])

    def _choices(self, request: Request, kind: str) -> Mapping[int, str]:
        params = _params(request, {"obj_name", "column_code"})
        column = search.column(self._sheet(params["obj_name"]), _code(params["column_code"]))
        if column.type != kind:
            raise bad(f"選択肢のない項目です: {column.name}")
        return column.choices

    def _sheet(self, name: Any) -> Sheet:
        found = self.sheets.get(name) if isinstance(name, str) else None
        if found is None:
            raise bad(f"不明なオブジェクトです: {name}")
        return found

    # --- reading ------------------------------------------------------------------------------------------------------

    def _one(self, request: Request) -> Any:
        params = _params(request, {"obj", "id", "columncodes"})
        sheet = self._sheet(params["obj"])
        columns = [search.column(sheet, _code(code)) for code in params["columncodes"].split(",")]
        row = self._visible(sheet).get(_code(params["id"]))
        return self._found([] if row is None else [row], columns, 0 if row is None else 1)

    def _search(self, request: Request) -> Any:
        query = search.query(self.sheets, _body(request))
        found = search.matching(query.condition, self._visible)
        rows = self._ordered(found)
        start = 0
        if query.from_index is not None and self.settings.from_index == "honoured":
            start = max(0, query.from_index - self.settings.from_base)
        size = self.settings.page_size
        fault = self.chaos.take("small_pages", request.method, request.full_path)
        if fault is not None:
            size = min(size, int(fault.params.get("rows", max(1, size // 2))))
        return self._found(rows[start : start + size], query.columns, len(rows))

    def _ordered(self, found: Mapping[int, Row]) -> list[Row]:
        match self.settings.order:
            case "key":
                return [found[record_id] for record_id in sorted(found)]
            case "scattered":
                return [found[record_id] for record_id in sorted(found, key=lambda each: (each * 7919) % 10007)]
            case "unstable":
                return self._dice.sample(list(found.values()), len(found))

    def _found(self, rows: list[Row], columns: tuple[Column, ...] | list[Column], hits: int) -> Any:
        if self.settings.hits == "rows":
            hits = len(rows)
        return {"hits": hits, "values": [shaped(row, columns, self.settings) for row in rows]}

    # --- writing ------------------------------------------------------------------------------------------------------

    def _post(self, request: Request) -> Any:
        sheet, given = self._written(_body(request), set())
        return self._done(self._create(sheet, self._checked(sheet, given)))

    def _put(self, request: Request) -> Any:
        sheet, given = self._written(_body(request), set())
        record_id = self._pick(sheet, given)
        checked = self._checked(sheet, given)
        self._writable(sheet, record_id)
        self._change(sheet, record_id, checked)
        return self._done(record_id)

    def _delete(self, request: Request) -> Any:
        body = _body(request)
        sheet, given = self._written(body, {"bulkRelate"})
        bulk = body.get("bulkRelate", False)
        record_id = self._pick(sheet, given)
        if given or not isinstance(bulk, bool):
            raise bad("削除の指定が不正です。")
        self._writable(sheet, record_id)
        self._remove(sheet, record_id, with_children=bulk)
        return self._done(record_id)

    def _written(self, body: Mapping[str, Any], more: set[str]) -> tuple[Sheet, dict[Any, Any]]:
        if unknown := body.keys() - {"objectName", "items"} - more:
            raise bad(f"不明なパラメータです: {', '.join(sorted(unknown))}")
        sheet, items = self._sheet(body.get("objectName")), body.get("items")
        if not isinstance(items, list) or not items:
            raise bad("items を指定してください。")
        given: dict[Any, Any] = {}
        for item in items:
            if not isinstance(item, dict) or "column_code" not in item:
                raise bad("column_code を指定してください。")
            if unknown := item.keys() - {"column_code", *values.VALUE_KEYS}:
                raise bad(f"不明なパラメータです: {', '.join(sorted(unknown))}")
            column = search.column(sheet, item["column_code"])
            if column.key in given:
                raise bad(f"項目が重複しています: {column.key}")
            given[column.key] = values.given(item, column)
        return sheet, given

    def _pick(self, sheet: Sheet, given: dict[Any, Any]) -> int:
        """The primary key, taken out of what was sent."""
        record_id = given.pop(sheet.key, None)
        if not isinstance(record_id, int):
            raise bad(f"主キーを指定してください: {sheet.key}")
        return record_id

    def _done(self, record_id: int) -> Any:
        code = self.settings.success_code
        return {"primarykey": record_id} if code is None else {"code": code, "primarykey": record_id}


def _json(status: int, body: Any) -> Response:
    return Response(json.dumps(body, ensure_ascii=False), status, content_type=_JSON)


def _listed(shape: ListShape, entries: list[tuple[Any, str, str]]) -> Any:
    answer: Any = [
        {shape.code: code, shape.name: name} | ({shape.kind: kind} if shape.kind else {})
        for code, name, kind in entries
    ]
    for member in reversed(shape.path):
        answer = {member: answer}
    return answer


def _params(request: Request, wanted: set[str]) -> dict[str, str]:
    params = request.args.to_dict()
    if params.keys() != wanted:
        raise bad(f"パラメータが不正です: {', '.join(sorted(wanted ^ params.keys()))}")
    return params


def _code(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise bad(f"数値を指定してください: {text}")
    return int(text)


def _body(request: Request) -> dict[str, Any]:
    if request.mimetype != "application/json":
        raise Refusal(415, "Content-Type は application/json を指定してください。")
    try:
        found = json.loads(request.get_data(), parse_constant=_no_constant)
        json.dumps(found, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError):
        raise bad("JSONを解釈できません。") from None
    if not isinstance(found, dict):
        raise bad("JSONを解釈できません。")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(name)
