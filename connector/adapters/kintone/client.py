"""One kintone domain behind HTTP: paths, credentials, the calls we make, and what they cost each app.

Source: kintone REST API ("Common specifications", "Record", "Get Fields"). A GET may also travel as a POST with
`X-HTTP-Method-Override`, its parameters in the body: more than 100 fields and long queries do not fit into a URL.
No cursor is ever made: there are ten in the whole domain, and reading on behind the last record needs none.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar
from urllib.parse import quote, urlencode

from connector.adapters.kintone.form import Form, form
from connector.adapters.kintone.options import MOST_READ, App, Config
from connector.adapters.kintone.refusals import Rejected, judge
from connector.adapters.kintone.values import Json
from connector.errors import AdapterError, ConfigError, Mismatch, Text, Unauthorized, Unavailable, Uncertain, text
from connector.evidence import masked
from connector.http import Http, Meter

T = TypeVar("T")

Row = Mapping[str, Mapping[str, Any]]
"""A record of an answer: `{code: {"type": ..., "value": ...}}`."""
Filled = Mapping[str, Mapping[str, Json]]
"""A record to be written: `{code: {"value": ...}}`."""

Action = Literal["insert", "update", "upsert"]
_ACTIONS: Mapping[Action, tuple[str, Mapping[str, Json], Callable[[Any], Sequence[Any]]]] = {
    "insert": ("POST", {}, lambda answer: answer["ids"]),
    "update": ("PUT", {}, lambda answer: [each["id"] for each in answer["records"]]),
    "upsert": ("PUT", {"upsert": True}, lambda answer: [each["id"] for each in answer["records"]]),
}
"""How records are written: method, what goes along, and the numbers in the answer."""

MOST_TOKENS = 9
"""API tokens that kintone takes in one request."""
_LONGEST_TARGET = 4096
"""Characters of a URL; kintone takes about twice as many, and its own client changes to POST here."""
_MOST_IN_URL = 100
_FORM_SECONDS = 900.0
"""How long an app is taken for what its form said: a run, if that is shorter."""


class Client:
    """The kintone of one system in the configuration. Makes no request until it is asked something."""

    def __init__(self, name: str, config: Config) -> None:
        self.name = name
        self.config = config
        self.http = Http(name, config.base_url, config, judge=judge)
        free = 1 - config.budget.leave_free
        for word, app in config.apps.items():
            # The day of kintone begins at 9:00 in Japan, which is midnight in UTC.
            self.http.meters[word] = Meter(math.floor(app.calls_per_day * free))
        self._forms: dict[str, tuple[Form, float]] = {}

    def app(self, word: str) -> App:
        """The options of an app."""
        return self.config.apps[word]

    def word_of(self, number: int) -> str | None:
        """The name of the app with this number, if it is configured."""
        return next((word for word, app in self.config.apps.items() if app.id == number), None)

    def left(self, word: str) -> int:
        """Calls that the app's allowance still has today."""
        meter = self.http.meters[word]
        return max(0, (meter.limit or 0) - meter.before - meter.calls)

    # --- what an app is ---------------------------------------------------------------------------------------------

    def form(self, word: str) -> Form:
        """The fields of an app: asked once, until they are forgotten."""
        known, asked_at = self._forms.get(word, (None, -math.inf))
        now = self.http.clock()
        if known is None or now - asked_at > _FORM_SECONDS:
            answer = self._get(word, "app/form/fields", {"app": self.app(word).id})
            known = _told(answer, lambda: form(answer["properties"]), self._where(word), asks=True)
            self._forms[word] = known, now
        return known

    def forget_forms(self) -> None:
        """Somebody may have changed the apps: ask again."""
        self._forms.clear()

    def states(self, word: str) -> tuple[str, ...]:
        """The states that a record of the app can be in (プロセス管理)."""
        answer = self._get(word, "app/status", {"app": self.app(word).id})
        return _told(answer, lambda: tuple(answer["states"] or ()), self._where(word), asks=True)

    # --- reading ----------------------------------------------------------------------------------------------------

    def records(self, word: str, query: str, fields: Sequence[str]) -> Sequence[Row]:
        """The records that a query finds."""
        params = {"app": self.app(word).id, "fields": list(fields), "query": query}
        answer = self._get(word, "records", params)
        return _told(answer, lambda: _rows(answer["records"]), self._where(word), asks=True)

    def scan(self, word: str, condition: str, fields: Sequence[str]) -> Iterator[Row]:
        """All records for which a condition holds (empty: all there are), in order of their numbers."""
        last = 0
        while True:
            tests = f"({condition}) and $id > {last}" if condition else f"$id > {last}"
            rows = self.records(word, f"{tests} order by $id asc limit {MOST_READ}", ["$id", *fields])
            yield from rows
            if len(rows) < MOST_READ:
                return
            last = int(rows[-1]["$id"]["value"])

    def record(self, word: str, number: int) -> Row:
        """One record, as it is now."""
        answer = self._get(word, "record", {"app": self.app(word).id, "id": number})
        return _told(answer, lambda: _rows([answer["record"]])[0], self._where(word), asks=True)

    def comments(self, word: str, number: int, offset: int) -> Sequence[tuple[str, str]]:
        """Ids and texts of ten comments of a record, the latest first."""
        params = {"app": self.app(word).id, "record": number, "order": "desc", "offset": offset, "limit": 10}
        answer = self._get(word, "record/comments", params)
        return _told(
            answer, lambda: [(str(c["id"]), str(c["text"])) for c in answer["comments"]], self._where(word), asks=True
        )

    def closed(self, word: str, numbers: Sequence[int]) -> set[int]:
        """Which of up to 100 records our user may not edit; nothing is known where we come with tokens.

        Source: "Evaluate Record Permissions": with a password only; one record that is not there refuses all.
        """
        if self.config.username is None:
            return set()
        try:
            answer = self._get(word, "records/acl/evaluate", {"app": self.app(word).id, "ids": list(numbers)})
        except Rejected:
            middle = len(numbers) // 2
            parts = (numbers[:middle], numbers[middle:]) if middle else ()
            return {number for part in parts for number in self.closed(word, part)}
        return _told(
            answer,
            lambda: {int(each["id"]) for each in answer["rights"] if each["record"]["editable"] is False},
            self._where(word),
            asks=True,
        )

    def rights(self, word: str, number: int) -> Mapping[str, bool] | None:
        """What our user may do with a record: `viewable editable deletable`; None where we come without a password.

        Source: as `closed`.
        """
        if self.config.username is None:
            return None
        answer = self._get(word, "records/acl/evaluate", {"app": self.app(word).id, "ids": [number]})
        return _told(answer, lambda: dict(answer["rights"][0]["record"]), self._where(word), asks=True)

    def manages(self, word: str) -> bool:
        """Whether we may change the settings of an app: only who may is shown those that are not in use yet."""
        try:
            self._get(word, "preview/app/form/fields", {"app": self.app(word).id})
        except Mismatch as error:
            if error.code not in ("GAIA_NO01", "CB_NO02"):
                raise
            return False
        return True

    # --- writing ----------------------------------------------------------------------------------------------------

    def write(self, word: str, action: Action, parts: Sequence[Sequence[Mapping[str, Json]]]) -> Sequence[str]:
        """New records, or changes of records by `id` or `updateKey`, all or none; their numbers.

        More than one part makes a bulk request, in which each part counts as a call: whether kintone counts so is
        unknown. `api` in it is the path from the root, also of a guest space.
        """
        method, more, numbers = _ACTIONS[action]
        api = self._path(word, "records")
        payloads = [{"app": self.app(word).id, "records": list(part), **more} for part in parts]
        if len(payloads) == 1:
            answers: Any = {"results": [self._call(method, word, api, json=payloads[0])]}
        else:
            requests = [{"method": method, "api": f"/{api}", "payload": payload} for payload in payloads]
            path = self._path(word, "bulkRequest")
            answers = self._call("POST", word, path, json={"requests": requests}, calls=len(requests))

        def take() -> Sequence[str]:
            told = zip(answers["results"], parts, strict=True)
            return [number for answer, part in told for number in _all(numbers(answer), len(part))]

        return _told(answers, take, self._where(word), asks=False)

    def update_one(self, word: str, number: int, revision: int, record: Filled) -> None:
        """Change one record, if nobody did since `revision`."""
        self._send("PUT", word, "record", {"id": number, "revision": revision, "record": record})

    def comment(self, word: str, number: int, said: str, mentions: Sequence[str]) -> str:
        """Comment on a record, calling users; the comment's id."""
        called = [{"code": code, "type": "USER"} for code in mentions]
        body = {"record": number, "comment": {"text": said, "mentions": called}}
        answer = self._send("POST", word, "record/comment", body)
        return _told(answer, lambda: str(answer["id"]), self._where(word), asks=False)

    # --- requests ---------------------------------------------------------------------------------------------------

    def _get(self, word: str, api: str, params: Mapping[str, Any]) -> Any:
        path = self._path(word, api)
        flat = urlencode(list(_flat(params)), quote_via=quote)
        if len(path) + len(flat) < _LONGEST_TARGET and len(params.get("fields", ())) <= _MOST_IN_URL:
            return self._call("GET", word, f"{path}?{flat}")
        override = {"X-HTTP-Method-Override": "GET"}
        return self._call("POST", word, path, repeatable=True, json=params, extra=override)

    def _send(self, method: str, word: str, api: str, body: Mapping[str, Any]) -> Any:
        return self._call(method, word, self._path(word, api), json={"app": self.app(word).id, **body})

    def _call(
        self, method: str, word: str, url: str, *, extra: Mapping[str, str] | None = None, calls: int = 1, **kw: Any
    ) -> Any:
        try:
            headers = {**self._credentials(word, writes=method != "GET" and not extra), **(extra or {})}
            return self.http.json(method, url, headers=headers, spends={word: calls}, **kw)
        except ConfigError as error:  # a secret that was there when we began
            raise Unauthorized(error.problems[0].what, where=self._where(word), fix=error.problems[0].fix) from None
        except AdapterError as error:
            error.where = self._where(word)
            raise

    def _path(self, word: str, api: str) -> str:
        space = self.app(word).guest_space
        return f"k/{f'guest/{space}/' if space else ''}v1/{api}.json"

    def _where(self, word: str) -> str:
        return f"{self.name}/{word}"

    def _credentials(self, word: str, *, writes: bool) -> Mapping[str, str]:
        config = self.config
        headers: dict[str, str] = {}
        if config.basic is not None:
            headers["Authorization"] = f"Basic {_pair(config.basic.username.reveal(), config.basic.password.reveal())}"
        if config.username is not None and config.password is not None:
            headers["X-Cybozu-Authorization"] = _pair(config.username.reveal(), config.password.reveal())
        elif config.oauth_token is not None:
            headers["Authorization"] = f"Bearer {config.oauth_token.reveal()}"
        else:
            headers["X-Cybozu-API-Token"] = ",".join(self._tokens(word, writes=writes))
        return headers

    def _tokens(self, word: str, *, writes: bool) -> Sequence[str]:
        """The app's own token; for a write also those of the apps that its lookups read."""
        words = [word, *(self.looked_up(word) if writes else ())]
        if len(words) > MOST_TOKENS:
            raise Mismatch(too_many_tokens(len(words)), where=self._where(word), fix=USE_A_USER)
        tokens = [self.app(each).token for each in words]
        return [token.reveal() for token in tokens if token is not None]

    def looked_up(self, word: str) -> Sequence[str]:
        """The configured apps that the lookups of an app read."""
        found = (self.word_of(number) for number in sorted(self.form(word).looked_up()))
        return [each for each in found if each not in (None, word)]


USE_A_USER = text("use a user of its own instead of tokens", "トークンの代わりに専用ユーザーを使ってください")


def too_many_tokens(count: int) -> Text:
    """That the lookups of an app lead to too many others."""
    return text(
        "writing would take {n} API tokens; kintone takes {most}",
        "書き込みに{n}個のAPIトークンが必要です(上限{most}個)",
        n=count,
        most=MOST_TOKENS,
    )


def _pair(login: str, password: str) -> str:
    return b64encode(f"{login}:{password}".encode()).decode()


def _flat(params: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in params.items():
        if isinstance(value, list):
            yield from ((f"{name}[{place}]", each) for place, each in enumerate(value))
        else:
            yield name, value


def _rows(records: Any) -> Sequence[Row]:
    """Records that say which they are."""
    for each in records:
        if "$id" in each:
            int(each["$id"]["value"])
    return list(records)


def _all(ids: Sequence[Any], count: int) -> Sequence[str]:
    if len(ids) != count:
        raise ValueError(count)
    return [str(int(each)) for each in ids]


def _told(answer: Any, take: Callable[[], T], where: str, *, asks: bool) -> T:
    """A part of an answer.

    :raises Unavailable, Uncertain: when it is not there; the answer goes with it, masked
    """
    try:
        return take()
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        what = text("the answer makes no sense", "応答を解釈できません")
        error = (Unavailable if asks else Uncertain)(what, where=where)
        error.evidence = masked(answer)
        raise error from None
