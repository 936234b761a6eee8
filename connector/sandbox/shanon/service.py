"""SMP's REST service: who may call, what is asked, and the answer."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl

from werkzeug.http import http_date
from werkzeug.wrappers import Request, Response

from connector.sandbox.chaos import Chaos
from connector.sandbox.clock import Clock
from connector.sandbox.shanon import search, streams, visitors, xml
from connector.sandbox.shanon.auth import Tokens, sign
from connector.sandbox.shanon.records import Records
from connector.sandbox.shanon.refusal import Refusal, bad_item, bad_parameter
from connector.sandbox.shanon.streams import Stream
from connector.sandbox.shanon.xml import Node, Value

_PREFIX = "/services/rest/"
_AUTHENTICATION = "authentication"
_WRITES = {
    ("POST", "visitor"): {"ignore_itemcheck"},
    ("PUT", "visitor"): {"ignore_itemcheck", "upsert", "update_key"},
    ("POST", "staticlist"): set[str](),
    ("PUT", "staticlist"): set[str](),
    ("DELETE", "staticlist"): set[str](),
    ("POST", "staticlist/visitor"): set[str](),
    ("DELETE", "staticlist/visitor"): set[str](),
}


class ShanonEmulator(Records):
    """An SMP account that answers its REST API; see the package's docstring for what is known and what is guessed.

    Attributes:
        calls: the API calls that came in, refused ones included, logins not.
        logins: the tokens given out.
        token_status: the HTTP status of the answer to a dead token; 200 is possible, the body is the same.
        refuse_repeats: whether adding a member twice and removing an absent one is refused.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        chaos: Chaos | None = None,
        api_key: str = "sandbox-key",
        password: str = "sandbox-password",  # noqa: S107  it opens nothing
        secret: str = "sandbox-secret",  # noqa: S107  it opens nothing
    ) -> None:
        super().__init__(clock=clock, chaos=chaos)
        self.api_key = api_key
        self.password = password
        self.secret = secret
        self.calls = 0
        self.logins = 0
        self.token_status = 401
        self._tokens = Tokens()

    def expire_tokens(self) -> None:
        """Let every token die."""
        with self._lock:
            self._tokens.clear()

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        with self._lock:
            try:
                response = self._answer(request)
            except Refusal as refusal:
                response = xml.refusal_answer(refusal)
            response.headers["Date"] = http_date(self.clock())
            return response

    def _answer(self, request: Request) -> Response:
        if not request.path.startswith(_PREFIX):
            raise Refusal(404, "NotFound", "URLが存在しません。")
        resource = request.path.removeprefix(_PREFIX)
        params = _params(request)
        if resource == _AUTHENTICATION:
            return self._login(request, params)
        self.calls += 1
        stream = streams.STREAMS.get(resource)
        if stream is None:
            raise Refusal(404, "NotFound", "URLが存在しません。")
        self._limit(request)
        self._authorize(request, params)
        asked = {name: value for name, value in params.items() if name not in ("api_key", "token", "api_sig")}
        method = _method(request)
        if method == "GET":
            return self._read(request, stream, asked)
        known = _WRITES.get((method, resource))
        if known is None:
            raise Refusal(405, "MethodNotAllowed", "許可されていないメソッドです。")
        if unknown := asked.keys() - known:
            raise bad_parameter(f"不明なパラメータです: {', '.join(sorted(unknown))}")
        body = xml.read_body(request, stream.element)
        if self.chaos.take("row_fail", method, request.full_path) is not None:
            raise bad_item("登録できませんでした。")
        return self._write(method, stream, body, asked)

    # --- who may call -------------------------------------------------------------------------------------------------

    def _login(self, request: Request, params: Mapping[str, str]) -> Response:
        if request.method != "GET":
            raise Refusal(405, "MethodNotAllowed", "許可されていないメソッドです。")
        if unknown := params.keys() - {"api_key", "password", "api_sig"}:
            raise bad_parameter(f"不明なパラメータです: {', '.join(sorted(unknown))}")
        self._check_signature(params)
        if params.get("password") != self.password:
            raise Refusal(401, "AuthenticationFailed", "認証に失敗しました。")
        self.logins += 1
        return xml.token_answer(self._tokens.issue(self.clock()))

    def _authorize(self, request: Request, params: Mapping[str, str]) -> None:
        self._check_signature(params)
        token = params.get("token", "")
        if self.chaos.take("expired", request.method, request.full_path) is not None:
            self._tokens.kill(token)
        if not self._tokens.alive(token, self.clock()):
            raise Refusal(self.token_status, "InvalidToken", "トークンが無効です。")

    def _check_signature(self, params: Mapping[str, str]) -> None:
        if params.get("api_key") != self.api_key:
            raise Refusal(401, "InvalidApiKey", "APIキーが正しくありません。")
        if not hmac.compare_digest(sign(self.secret, params), params.get("api_sig", "")):
            raise Refusal(401, "InvalidSignature", "署名が正しくありません。")

    def _limit(self, request: Request) -> None:
        fault = self.chaos.take("quota", request.method, request.full_path)
        if fault is not None:
            wait = str(fault.params.get("seconds", 60))
            raise Refusal(429, "TooManyRequests", "リクエスト数が上限を超えました。", {"Retry-After": wait})

    # --- what is asked ------------------------------------------------------------------------------------------------

    def _read(self, request: Request, stream: Stream, asked: Mapping[str, str]) -> Response:
        query = search.parse(stream, asked)
        matching = query.select(self._rows(stream))
        limit = query.limit
        fault = self.chaos.take("small_pages", request.method, request.full_path)
        if fault is not None:
            limit = min(limit, int(fault.params.get("rows", max(1, limit // 2))))
        page = matching[query.offset : query.offset + limit]
        counts = {"count": len(page), "countAll": len(matching)} if query.count else {}
        return xml.rows_answer(stream.element, page, counts)

    def _write(self, method: str, stream: Stream, body: Node, asked: Mapping[str, str]) -> Response:
        if stream is streams.VISITOR:
            check = asked.get("ignore_itemcheck") != "1"
            if method == "PUT":
                return xml.done(self._put_visitor(body, asked, check=check))
            self._refuse_id(body)
            self._register(self._fields.read(body, check=check))
            return xml.done(201)
        if stream is streams.STATIC_LIST:
            return xml.done(self._write_list(method, body))
        return xml.done(self._write_member(method, body))

    def _put_visitor(self, body: Node, asked: Mapping[str, str], *, check: bool) -> int:
        if asked.get("upsert") == "1":
            self._refuse_id(body)
            values = self._fields.read(body, check=check)
            found = self._matching(values, asked.get("update_key") or "Email")
            if len(found) > 1:
                raise bad_item("更新キーに該当するリードが複数存在します。")
            if not found:
                self._register(values)
                return 201
            self._change(found[0], values)
            return 200
        visitor_id = _number(body, "Id")
        if visitor_id not in self._tables[streams.VISITOR.path]:
            raise Refusal(404, "VisitorNotFound", "リードが存在しません。")
        self._change(visitor_id, self._fields.read(body, check=check))
        return 200

    def _refuse_id(self, body: Node) -> None:
        if any(node.name == "Id" for node in body.children):
            raise bad_item("Id は指定できません。")

    def _matching(self, values: Mapping[str, Value], update_key: str) -> list[int]:
        keys = [streams.VISITOR.columns.get(key) for key in update_key.split(":")]
        columns = [column for column in keys if column is not None]
        wanted = [column.of(values) for column in columns]
        if len(columns) < len(keys) or None in wanted:
            raise bad_item("更新キーの値がありません。")
        table = self._tables[streams.VISITOR.path]
        return [key for key in table if [column.of(table[key]) for column in columns] == wanted]

    def _write_list(self, method: str, body: Node) -> int:
        fields = _flat(body, {"Name", "Memo"} if method == "POST" else {"Id", "Name", "Memo"})
        if method == "POST":
            self._check_list_name(fields.get("Name", ""))
            self.create_list(fields["Name"], fields.get("Memo", ""))
            return 201
        list_id = _number(body, "Id")
        table = self._tables[streams.STATIC_LIST.path]
        if list_id not in table:
            raise Refusal(404, "StaticlistNotFound", "リストが存在しません。")
        if method == "PUT":
            self._check_list_name(fields.get("Name", ""), besides=list_id)
            self._touch(streams.STATIC_LIST, list_id, {name: fields[name] for name in fields.keys() - {"Id"}})
            return 200
        table.remove(list_id)
        for visitor_id in self.members(list_id):
            self._members.remove((list_id, visitor_id))
        return 200

    def _check_list_name(self, name: str, besides: int | None = None) -> None:
        if not name or len(name) > visitors.MAX_TEXT:
            raise bad_item(f"リスト名を{visitors.MAX_TEXT}文字以内で指定してください。")
        if any(known == name for key, known in self.lists().items() if key != besides):
            raise bad_item("同じ名前のリストが存在します。")

    def _write_member(self, method: str, body: Node) -> int:
        _flat(body, {"StaticlistId", "VisitorId"})
        list_id, visitor_id = _number(body, "StaticlistId"), _number(body, "VisitorId")
        if list_id not in self._tables[streams.STATIC_LIST.path]:
            raise Refusal(404, "StaticlistNotFound", "リストが存在しません。")
        present = (list_id, visitor_id) in self._members
        if method == "DELETE":
            if self.refuse_repeats and not present:
                raise bad_item("リードはリストに存在しません。")
            self._members.remove((list_id, visitor_id))
            return 200
        if visitor_id not in self._tables[streams.VISITOR.path]:
            raise Refusal(404, "VisitorNotFound", "リードが存在しません。")
        if self.refuse_repeats and present:
            raise bad_item("リードは既にリストに存在します。")
        self._join(list_id, visitor_id)
        return 201


def _params(request: Request) -> dict[str, str]:
    """The query by name; a name that comes twice would leave open which one was signed."""
    try:
        pairs = parse_qsl(request.query_string.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise bad_parameter("クエリを解釈できません。") from error
    params = dict(pairs)
    if len(params) < len(pairs):
        raise bad_parameter("パラメータが重複しています。")
    return params


def _method(request: Request) -> str:
    """The method, which a POST may override by the header that apidoc.shanon.co.jp names for PUT."""
    override = request.headers.get("X-HTTP-Method-Override", "").upper()
    return override if request.method == "POST" and override in ("PUT", "DELETE") else request.method


def _flat(body: Node, known: set[str]) -> dict[str, str]:
    names = [node.name for node in body.children]
    if len(set(names)) < len(names) or not set(names) <= known or any(node.children for node in body.children):
        raise bad_item("要素が不正です。")
    return {node.name: node.text for node in body.children}


def _number(body: Node, name: str) -> int:
    found = [node.text for node in body.children if node.name == name]
    if len(found) != 1 or not (found[0].isascii() and found[0].isdecimal()):
        raise bad_item(f"{name} を指定してください。")
    return int(found[0])
