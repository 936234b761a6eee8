"""The register's API: who may call, how lists are divided and searched, how rows are written."""

from __future__ import annotations

import base64
import hmac
import json
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from werkzeug.http import http_date
from werkzeug.wrappers import Request, Response

from connector.sandbox.chaos import Chaos
from connector.sandbox.clock import Clock
from connector.sandbox.inhouse.tables import FIELDS, JST, UNIQUE, RefusalError, Row, Tables, place

_SECRET = "sandbox-token"  # noqa: S105  it opens nothing
_MOST = 100


@dataclass(frozen=True, slots=True)
class Settings:
    """The habits of this register.

    Attributes:
        auth: how callers say who they are; `none` asks nobody.
        paging: how lists are divided.
        order: by time of change, oldest first, or by id.
        since: whether lists take `updated_since`.
        first: number of the first page.
        largest: rows per page at most; more may be asked for, so many come.
        total: whether answers tell how many rows there are.
        wrap: whether a body stands in a block named `record`, and an answer about one record too.
        writes: `patch` a row and `post` new ones, or `put` rows, new ones under their key.
        replaces: whether what is not sent in a `put` is emptied.
    """

    auth: Literal["none", "header", "bearer", "basic"] = "header"
    paging: Literal["none", "page", "offset", "cursor", "link"] = "page"
    order: Literal["changed", "id"] = "changed"
    since: bool = True
    first: int = 1
    largest: int = _MOST
    total: bool = True
    wrap: bool = False
    writes: Literal["patch", "put"] = "patch"
    replaces: bool = False


class InHouse:
    """One register.

    Attributes:
        tables: what it holds; users act there.
        calls: requests that came in.
        deaf: parameters that are taken and not obeyed, as in a system that has a fault.
    """

    def __init__(
        self, settings: Settings | None = None, *, clock: Clock | None = None, chaos: Chaos | None = None
    ) -> None:
        self.settings = settings or Settings()
        self.clock = clock or Clock()
        self.chaos = chaos or Chaos()
        self.tables = Tables(self.clock)
        self.token = _SECRET
        self.calls = 0
        self.deaf: set[str] = set()
        self._lock = threading.RLock()

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        with self._lock:
            self.calls += 1
            try:
                response = self._answer(request)
            except RefusalError as refusal:
                response = _json({"error": str(refusal)}, refusal.status)
            response.headers["Date"] = http_date(self.clock())
            return response

    def _answer(self, request: Request) -> Response:
        self._authorize(request)
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["api", table] if table in FIELDS:
                return self._list(table, request)
            case "GET", ["api", table, id_] if table in FIELDS and id_.isdecimal():
                if int(id_) not in self.tables.rows[table]:
                    raise RefusalError(404, "not found")
                return _json(self._shown(self.tables.rows[table][int(id_)]))
            case "GET", ["api", table, "by-key", key] if table in FIELDS:
                found = self.tables.with_key(table, key)
                if not found:
                    raise RefusalError(404, "not found")
                return _json(self._shown(found[0]))
            case method, ["api", table, *rest] if table in FIELDS and method != "GET":
                return self._write(method, table, rest, request)
        raise RefusalError(404, "no such path")

    def _authorize(self, request: Request) -> None:
        pair = base64.b64encode(f"sync:{self.token}".encode()).decode()
        wanted = {
            "none": ("", ""),
            "header": ("X-Api-Token", self.token),
            "bearer": ("Authorization", f"Bearer {self.token}"),
            "basic": ("Authorization", f"Basic {pair}"),
        }
        name, value = wanted[self.settings.auth]
        if name and not hmac.compare_digest(request.headers.get(name, "").encode(), value.encode()):
            raise RefusalError(401, "who are you?")

    # --- lists --------------------------------------------------------------------------------------------------------

    def _list(self, table: str, request: Request) -> Response:
        asked = {name: value for name, value in request.args.items() if name not in self.deaf}
        rows = sorted(self.tables.rows[table].values(), key=place if self.settings.order == "changed" else _by_id)
        if "updated_since" in asked and self.settings.since:
            since = _moment(asked.pop("updated_since"))
            rows = [row for row in rows if place(row)[0] >= since]
        if "external_key" in asked and UNIQUE in FIELDS[table]:
            key = asked.pop("external_key")
            rows = [row for row in rows if row[UNIQUE] == key]
        total, size = len(rows), min(_number(asked.pop("per_page", str(_MOST))), self.settings.largest)
        start, more = self._start(asked, size)
        if asked:
            raise RefusalError(400, f"unknown parameter: {min(asked)}")
        part = rows[start:] if self.settings.paging == "none" else rows[start : start + size]
        body: dict[str, Any] = {"items": part} | ({"total": total} if self.settings.total else {})
        follows = start + len(part) < total
        if self.settings.paging == "cursor":
            body["next"] = str(start + size) if follows else None
        response = _json(body)
        if self.settings.paging == "link" and follows:
            query = "&".join(f"{name}={value}" for name, value in more.items())
            response.headers["Link"] = f'<{request.path}?{query}&offset={start + size}>; rel="next"'
        return response

    def _start(self, asked: dict[str, str], size: int) -> tuple[int, dict[str, str]]:
        """The first row of the part that is asked for, and what a link to the next part has to repeat."""
        repeated = {name: value.replace("+", "%2B") for name, value in asked.items() if name != "offset"}
        match self.settings.paging:
            case "page":
                page = _number(asked.pop("page", str(self.settings.first))) - self.settings.first
                if page < 0:
                    raise RefusalError(400, "no such page")
                return page * size, {}
            case "offset" | "link":
                return _number(asked.pop("offset", "0")), repeated | {"per_page": str(size)}
            case "cursor":
                return _number(asked.pop("cursor", "0")), {}
            case "none":
                return 0, {}

    # --- writes -------------------------------------------------------------------------------------------------------

    def _write(self, method: str, table: str, rest: list[str], request: Request) -> Response:
        fields = self._sent(request)
        patches = self.settings.writes == "patch"
        match method, rest:
            case "POST", [] if patches:
                return self._said(table, self.tables.add(table, fields), 201)
            case "PATCH", [id_] if patches and id_.isdecimal():
                self.tables.change(table, int(id_), fields)
                return self._said(table, int(id_), 200)
            case "PUT", [id_] if not patches and id_.isdecimal():
                return self._put(table, int(id_), fields)
            case "PUT", ["by-key", key] if not patches:
                found = self.tables.with_key(table, key)
                if not found:
                    return self._said(table, self.tables.add(table, {**fields, UNIQUE: key}), 201)
                return self._put(table, found[0]["id"], {**fields, UNIQUE: key})
        raise RefusalError(405, "not so")

    def _sent(self, request: Request) -> Row:
        if request.mimetype != "application/json":
            raise RefusalError(415, "JSON, please")
        try:
            fields: Any = json.loads(request.get_data())
        except ValueError:
            raise RefusalError(400, "that is not JSON") from None
        if self.settings.wrap:
            if not isinstance(fields, dict) or fields.keys() != {"record"}:
                raise RefusalError(422, "record is missing")
            fields = fields["record"]
        if not isinstance(fields, dict):
            raise RefusalError(422, "a block of fields, please")
        return fields

    def _put(self, table: str, id_: int, fields: Row) -> Response:
        blank: Row = dict.fromkeys(FIELDS[table]) if self.settings.replaces else {}
        self.tables.change(table, id_, blank | fields)
        return self._said(table, id_, 200)

    def _said(self, table: str, id_: int, status: int) -> Response:
        return _json(self._shown(self.tables.rows[table][id_]), status)

    def _shown(self, row: Row) -> Row:
        return {"record": row} if self.settings.wrap else row


def _by_id(row: Row) -> int:
    return int(row["id"])


def _number(value: str) -> int:
    if not value.isdecimal():
        raise RefusalError(400, "a number, please")
    return int(value)


def _moment(value: str) -> datetime:
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise RefusalError(400, "a time, please") from None
    return found if found.tzinfo else found.replace(tzinfo=JST)


def _json(data: Any, status: int = 200) -> Response:
    return Response(json.dumps(data, ensure_ascii=False), status, mimetype="application/json")
