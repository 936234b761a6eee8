"""One org behind a client: signed in when it is first asked, every answer's allowance noted, every refusal ours.

simple-salesforce builds the requests; `connector.http` sends them.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import requests
from simple_salesforce import Salesforce as Client
from simple_salesforce.exceptions import SalesforceError
from urllib3.util import parse_url

from connector.adapters.salesforce.auth import BearerAuth, PlainLoopback, Tokens, codes_of, json_of
from connector.adapters.salesforce.fields import Description, description
from connector.errors import AdapterError, Exhausted, Throttled, Unauthorized, Unavailable, Uncertain, text
from connector.http import Http, check_base_url, error_of, is_loopback
from connector.ports import Quota
from connector.spec import SpecError
from connector.verbatim import verbatim

if TYPE_CHECKING:
    from connector.adapters.salesforce import Config

T = TypeVar("T")
Row = Mapping[str, Any]

_USAGE = re.compile(r"api-usage=(\d+)/(\d+)")
_CONCURRENT_PAUSE = timedelta(seconds=30)
_DESCRIPTION_SECONDS = 900.0
"""How long what an org tells about an object is taken as it was: about a run."""
_HOST_SUFFIX = ".salesforce.com"

NOT_NOW = frozenset(
    {
        "FUNCTIONALITY_TEMPORARILY_UNAVAILABLE",
        "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE",
        "INTERNAL_ERROR",
        "ORG_IN_MAINTENANCE",
        "QUERY_TIMEOUT",
        "REQUEST_RUNNING_TOO_LONG",
        "SERVER_UNAVAILABLE",
        "SERVICE_UNAVAILABLE",
        "TXN_SECURITY_METERING_ERROR",
        "UNABLE_TO_LOCK_ROW",
        "UNKNOWN_EXCEPTION",
    }
)
"""Codes of things that heal by themselves (StatusCode and ExceptionCode of the WSDL)."""


class Org:
    """The org of one system in the configuration. Makes no request until it is asked something."""

    def __init__(self, name: str, config: Config) -> None:
        self.name = name
        self.config = config
        self.http = Http(name, config.address, config)
        self._tokens = Tokens(self.http, config)
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._connected_to = ""
        self._described: dict[str, tuple[Description | None, float]] = {}
        self.http.session.auth = BearerAuth(self._tokens)
        self.http.session.hooks["response"].append(self._note_usage)

    def query(self, soql: str, *, put_away: bool = False) -> Mapping[str, Any]:
        """The first page of a query; `put_away`: with the records in the recycle bin, and archived activities."""
        return self._call(lambda client: client.query(soql, include_deleted=put_away), asks=True)

    def query_more(self, url: str) -> Mapping[str, Any]:
        """The page at a `nextRecordsUrl`."""
        return self._call(lambda client: client.query_more(url, identifier_is_url=True), asks=True)

    def query_all(self, soql: str, *, put_away: bool = False) -> Iterator[Row]:
        """All records a query finds; `put_away` as for `query`."""
        page = self.query(soql, put_away=put_away)
        yield from page["records"]
        while not page["done"]:
            page = self.query_more(page["nextRecordsUrl"])
            yield from page["records"]

    def read(self, path: str) -> Any:
        """What stands at `path` under the API version."""
        return self._call(lambda client: client.restful(path), asks=True)

    def write(self, method: str, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Any:
        """Send a change.

        :raises Uncertain: when its answer was lost
        """
        return self._call(
            lambda client: client.restful(path, method=method, json=body, headers=dict(headers)), asks=False
        )

    def send(self, method: str, path: str, *, version: str, asks: bool = False, **kw: Any) -> requests.Response:
        """Send what simple-salesforce has no way for, with its body as bytes; `asks`: a repeat is the same as once.

        :raises Unavailable: when its answer was lost, and it asks
        :raises Uncertain: when its answer was lost otherwise
        """
        url = f"{self._instance()}/services/data/v{version}/{path}"
        response = self.http.session.request(method, url, repeatable=asks, **kw)
        if response.status_code >= 300:
            raise self.error(response.status_code, json_of(response), asks=asks)
        return response

    def describe(self, name: str) -> Description | None:
        """An object as the user sees it; None: there is none, or the user may not see it."""
        known, asked_at = self._described.get(name, (None, -math.inf))
        now = self.http.clock()
        if now - asked_at < _DESCRIPTION_SECONDS:
            return known
        try:
            found = description(self.read(f"sobjects/{name}/describe"))
        except AdapterError as error:
            if error.code != "NOT_FOUND":
                raise
            found = None
        self._described[name] = (found, now)
        return found

    def adopt(self, described: Description) -> None:
        """Take an object for what it was at an earlier run; whatever was heard since stands."""
        self._described.setdefault(described.name, (described, self.http.clock()))

    def forget_descriptions(self) -> None:
        """Somebody changed the org: ask again."""
        self._described.clear()

    def versions(self) -> list[str]:
        """The API versions the org still answers to, oldest first."""
        listed = self.http.json("GET", f"{self._instance()}/services/data")
        return [str(each["version"]) for each in listed]

    def quota(self) -> Quota | None:
        """Calls of the last 24 hours, as last told by `Sforce-Limit-Info`."""
        told = self.http.quota
        return None if told is None else Quota(told.used, told.limit)

    # --- signing in -------------------------------------------------------------------------------------------------

    def _instance(self) -> str:
        scheme = parse_url(self.http.base_url).scheme
        return f"{scheme}://{self._signed_in().sf_instance}"

    def _signed_in(self) -> Client:
        instance = self._tokens.current().instance
        with self._lock:
            if self._client is None or self._connected_to != instance:
                self._client, self._connected_to = self._connect(instance), instance
            return self._client

    def _connect(self, instance: str) -> Client:
        self._admit(instance)
        # The session signs each request with the token of the moment; the one given here is never sent.
        client = Client(
            session_id="-",
            instance_url=instance,
            session=self.http.session,
            version=self.config.api_version,
            object_pairs_hook=dict,
        )
        del client.headers["X-PrettyPrint"]  # answers a third smaller
        return client

    def _admit(self, instance: str) -> None:
        """Let requests go to where the answer to the sign-in sends us, if that is Salesforce or this machine."""
        try:
            url, home = parse_url(check_base_url(instance)), parse_url(self.http.base_url)
        except SpecError:
            raise self._foreign("?") from None
        host = url.host or ""
        local = is_loopback(host) and is_loopback(home.host or "")
        if not (local or (url.scheme == "https" and (host == home.host or host.endswith(_HOST_SUFFIX)))):
            raise self._foreign(host)
        self.http.allow_host(instance)
        if url.scheme == "http":
            session = self.http.session
            session.mount(f"https://{url.netloc}/", PlainLoopback(session.get_adapter(instance)))

    def _foreign(self, host: str) -> Unavailable:
        what = text(
            "the sign-in leads to {host}, which is not Salesforce",
            "サインイン先の {host} は Salesforce ではありません",
            host=host,
        )
        return Unavailable(what, where=self.name, fix=text("check domain", "domain を確認してください"))

    # --- answers ----------------------------------------------------------------------------------------------------

    def _call(self, do: Callable[[Client], T], *, asks: bool) -> T:
        client = self._signed_in()
        try:
            return do(client)
        except SalesforceError as error:
            raise self.error(error.status, error.content, asks=asks) from None
        except (ValueError, RecursionError):
            what = text("the answer is not JSON", "応答が JSON として読めません")
            raise (Unavailable if asks else Uncertain)(what, where=self.name) from None

    def error(self, status: int, content: Any, *, asks: bool) -> AdapterError:
        """What an answer of 300 or more means; `asks`: the request changes nothing."""
        error = self._meant(status, content, asks=asks)
        error.said = verbatim(content)
        return error

    def _meant(self, status: int, content: Any, *, asks: bool) -> AdapterError:
        code = next(iter(codes_of(content)), "")
        if code == "REQUEST_LIMIT_EXCEEDED":
            return self._limited(content, code)
        if code in NOT_NOW and status < 500:
            said = text("asks to come back later ({code})", "時間をおいて再度とのことです ({code})", code=code)
            return Unavailable(said, where=self.name, code=code)
        if status == 410:
            return Unavailable(
                text(
                    "API version {version} is retired",
                    "API バージョン {version} は廃止されました",
                    version=self.config.api_version,
                ),
                where=self.name,
                code=code,
                fix=text("raise api_version", "api_version を新しくしてください"),
            )
        if status == 420:
            return (Unavailable if asks else Uncertain)(
                text("is not ready", "準備ができていません"), where=self.name, code=code
            )
        if status in (401, 403):
            return Unauthorized(
                text("does not let us in ({code})", "アクセスが許可されません ({code})", code=code or status),
                where=self.name,
                code=code,
                fix=text(
                    "check the permissions of the integration user (API Enabled, the objects)",
                    "連携ユーザーの権限(「API の有効化」、対象オブジェクト)を確認してください",
                ),
            )
        return error_of(status, where=self.name, repeatable=asks, code=code)

    def _limited(self, content: Any, code: str) -> AdapterError:
        """Two limits share one code: calls within 24 hours, and requests that run at the same time."""
        if any("Concurrent" in str(each.get("message")) for each in content):
            what = text("too many requests at the same time", "同時リクエスト数が上限に達しました")
            return Throttled(what, wait=_CONCURRENT_PAUSE, where=self.name, code=code)
        return Exhausted(
            text("the org's API calls of 24 hours are used up", "組織の24時間の API コール数を使い切りました"),
            where=self.name,
            code=code,
            fix=text(
                "the rest follows in a later run; a budget keeps some free for others",
                "残りは次回以降に送ります。budget で他システムの分を残せます",
            ),
        )

    def _note_usage(self, response: requests.Response, **_: Any) -> None:
        found = _USAGE.search(response.headers.get("Sforce-Limit-Info", ""))
        if found:
            self.http.quota = Quota(int(found[1]), int(found[2]))
