"""One hardened session for every system that speaks HTTP.

Whatever goes through `Http.session` - by our own hand or by a vendor's client library that was given the session -
keeps a total deadline and a cap on the answer, follows no redirect, takes nothing from the environment (proxies,
`.netrc`, CA bundles), reaches only the hosts that the configuration named, is counted against the budget and logged
without query, headers or body. What goes wrong is raised as one of our errors, whose messages name no URL and no
content; the system's own words go with them apart from that (`AdapterError.said`).

What may be sent again:

* what never left this machine (no connection): always
* 425 and 429, which say that the request was not carried out: always
* a lost answer, 408, 500, 502, 503, 504: only where the request is `repeatable`, that is, where it only asks. A write
  is not, even under a key that makes a repeat harmless: the engine has to know that its answer was lost. 503 counts
  as lost for a write also with a Retry-After, because a gateway says it of work that was begun behind it.
"""

from __future__ import annotations

import ipaddress
import math
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from functools import cached_property
from io import BytesIO
from types import MappingProxyType
from typing import Annotated, Any, Protocol, Self, cast

import requests
import structlog
from pydantic import AfterValidator, Field
from requests.adapters import HTTPAdapter
from tenacity import RetryCallState, Retrying, retry_if_exception_type, retry_if_result, stop_after_attempt
from tenacity.wait import wait_exponential_jitter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.poolmanager import ProxyManager
from urllib3.util import parse_url

from connector.errors import (
    AdapterError,
    Exhausted,
    Refused,
    Throttled,
    Unauthorized,
    Unavailable,
    Uncertain,
    text,
)
from connector.spec import Duration, Secret, Share, Spec, SpecError
from connector.verbatim import words_of

log = structlog.get_logger("connector.http")

LONGEST_WAIT = timedelta(seconds=60)
"""What we sit out inside a run when a system asks for it; told to wait longer, we say so to the engine at once."""

_CONNECT_SECONDS = 10.0
_DAY = timedelta(days=1)
_QUOTA_FRESH_SECONDS = 900.0
_ASKING = frozenset({"GET", "HEAD"})
_NOT_CARRIED_OUT = frozenset({425, 429})
_TRANSIENT = frozenset({408, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


# --- options ----------------------------------------------------------------------------------------------------------


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine by its very spelling: `localhost`, 127.0.0.0/8, `::1`."""
    bare = host.strip("[]").rstrip(".").lower()
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return bare == "localhost"


def check_base_url(value: str) -> str:
    """`value` without a trailing slash, when it is https (http only to loopback) and nothing but scheme, host, path.

    :raises SpecError: when it is not
    """
    fix = text("write https://host", "https://ホスト名 の形で指定してください")
    try:
        url = parse_url(value)
    except LocationParseError:
        raise SpecError(text("not a URL", "URL ではありません"), fix) from None
    if not url.host or url.auth or url.query or url.fragment:
        raise SpecError(text("not a plain base URL", "ベース URL として使えません"), fix)
    if url.scheme != "https" and not (url.scheme == "http" and is_loopback(url.host)):
        raise SpecError(text("not https", "https ではありません"), fix)
    return value.rstrip("/")


BaseUrl = Annotated[str, AfterValidator(check_base_url)]


def _proxy(value: str | Secret) -> str | Secret:
    if isinstance(value, str):
        url = parse_url(value)
        if url.scheme != "http" or not url.host or url.auth:
            raise SpecError(
                text("not the URL of a proxy", "プロキシの URL ではありません"),
                text(
                    "write http://host:port; with a password in it {{env: NAME}}",
                    "http://ホスト:ポート の形で、パスワードを含むなら {{env: 名前}} で指定してください",
                ),
            )
    return value


class Budget(Spec):
    """How many calls may be sent; those that are due beyond it are deferred, by name."""

    calls_per_run: Annotated[int, Field(ge=0)] | None = None
    """Most calls in one run, retries and sign-ins included."""
    calls_per_day: Annotated[int, Field(ge=0)] | None = None
    """Most calls in one day of the configured time zone, over all runs."""
    leave_free: Share = 0.1
    """Share of the system's own daily allowance that is left to others, where the system tells it."""


class HttpOptions(Spec):
    """What every system that speaks HTTP can be told; the `Config` of such an adapter inherits it."""

    timeout: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(seconds=60)
    """Longest time of one request, from connecting to the last byte of the answer."""
    max_bytes: Annotated[int, Field(gt=0)] = 64_000_000
    """Largest answer that is taken, after decompression."""
    rate: Annotated[float, Field(gt=0)] | None = None
    """Most requests per second."""
    retries: Annotated[int, Field(ge=0, le=10)] = 4
    """How often a request that is safe to send again is sent again."""
    proxy: Annotated[str | Secret, AfterValidator(_proxy)] | None = None
    """`http://host:port` of a proxy, or a reference to it where it holds a password. The environment is not asked."""
    ca_bundle: str | None = None
    """File of certificate authorities to trust instead of the public ones (a company's own)."""
    allow_private: bool = False
    """Whether the system may stand at a private address (a company's own network)."""
    budget: Budget = Budget()
    """Limits on the number of calls."""


class Allowance(Protocol):
    """What a system grants today, by its own count (`ports.Quota` is one)."""

    @property
    def used(self) -> int:
        """Calls used up."""

    @property
    def limit(self) -> int:
        """Calls granted."""


@dataclass
class Meter:
    """Calls to a part of a system that has a daily allowance of its own, as an app of kintone has."""

    limit: int
    """Most calls in one day."""
    before: int = 0
    """Calls of today in earlier runs; when a day ends in mid-run, less those of this run that belong to it."""
    calls: int = 0
    """Calls in this run."""
    on: str = ""
    """The day that is counted."""
    fresh: Counter[str] = field(default_factory=Counter)
    """Calls by day that nobody has written down yet."""

    def left(self, now: datetime) -> int:
        """Calls that may still be made."""
        day = self.day(now)
        if self.on not in ("", day):
            self.before = -self.calls
        self.on = day
        return self.limit - self.before - self.calls

    def spend(self, calls: int) -> None:
        """Count calls on the day that `left` was last asked about."""
        self.calls += calls
        self.fresh[self.on] += calls

    @staticmethod
    def day(now: datetime) -> str:
        """The day that `now` belongs to: it begins at midnight UTC."""
        return now.astimezone(UTC).date().isoformat()


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that was sent: the status of its answer (0: none came), and the milliseconds it took."""

    status: int
    ms: int


@dataclass(frozen=True, slots=True)
class Again:
    """A request that was sent again: because of which status (0: no answer), and the milliseconds asked to wait."""

    status: int
    waited_ms: int


# --- what an answer means ---------------------------------------------------------------------------------------------


def error_of(status: int, *, where: str, repeatable: bool, code: str = "") -> AdapterError:
    """What an HTTP status of 300 or more means to the engine: the one table for all systems.

    An adapter that knows better by the vendor's `code` makes its own error first (`Http(judge=...)`).
    """
    said = text("answered HTTP {status}", "HTTP {status} が返されました", status=status)
    if 300 <= status < 400:
        return Unavailable(said, where=where, code=code, fix=_CHECK_ADDRESS)
    if status in (401, 403):
        fix = text("check the credentials and their permissions", "認証情報とその権限を確認してください")
        return Unauthorized(said, where=where, code=code, fix=fix)
    if status in _NOT_CARRIED_OUT or status == 407:
        return Unavailable(said, where=where, code=code)
    if status in _TRANSIENT or status >= 500:
        return (Unavailable if repeatable else Uncertain)(said, where=where, code=code)
    return Refused(said, where=where, code=code)


_CHECK_ADDRESS = text(
    "check base_url (or domain): requests are not forwarded elsewhere",
    "base_url (または domain) を確認してください。転送先への再送は行いません",
)


class _NotSent(Unavailable):
    """Nothing left this machine, and a second try may succeed."""


class _Lost(Uncertain):
    """Sent, and the answer did not arrive."""


def retry_after(response: requests.Response, now: datetime) -> timedelta | None:
    """How long the system asks us to wait (RFC 9110, 10.2.3: seconds or a date), one day at most; None: not said."""
    said = response.headers.get("Retry-After", "").strip()
    if said.isascii() and said.isdigit():
        return min(timedelta(seconds=int(said[:9])), _DAY)
    try:
        wait = _date(said) - now
    except (ValueError, OverflowError):
        return None
    return min(max(wait, timedelta(0)), _DAY)


def _date(said: str) -> datetime:
    """A date of the wire. One without a zone (`-0000`) is of UTC, wherever this machine stands.

    :raises ValueError, OverflowError: when it is none
    """
    found = parsedate_to_datetime(said)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


# --- one request on its way -------------------------------------------------------------------------------------------

_here = threading.local()


class _Exchange:
    """The request that this thread is sending: which addresses it may reach, and when it must be over.

    A socket's own timeout is per read: a server that drips would hold us for ever, in the head as in the body. So
    a watch cuts the connection when the time is up.
    """

    def __init__(self, allows: Callable[[str, int], None] | None, seconds: float) -> None:
        self.allows = allows
        self.sent = False
        self.expired = False
        self.socket: socket.socket | None = None
        self._watch = threading.Timer(seconds, self._cut)
        self._watch.daemon = True

    def __enter__(self) -> Self:
        _here.exchange = self
        self._watch.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._watch.cancel()

    def _cut(self) -> None:
        self.expired = True
        try:
            if self.socket is not None:
                # As a plain socket: that of TLS would drop its state under the hands of the thread that reads.
                socket.socket.shutdown(self.socket, socket.SHUT_RDWR)
        except OSError:
            pass  # closed already: the reader has noticed


class _Connection(HTTPConnection):
    """Connects only where it may, and tells the exchange what it does."""

    def _new_conn(self) -> socket.socket:
        exchange: _Exchange = _here.exchange
        if exchange.allows is None:
            return super()._new_conn()
        exchange.allows(self.host, self.port or 0)
        sock = super()._new_conn()
        # A name may answer differently the second time (DNS rebinding): what counts is whom we reached.
        try:
            exchange.allows(sock.getpeername()[0], self.port or 0)
        except AdapterError:
            sock.close()
            raise
        return sock

    def connect(self) -> None:
        try:
            super().connect()
        finally:
            _here.exchange.sent = False  # what a proxy was told to connect us is not the request

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        exchange: _Exchange = _here.exchange
        exchange.socket = self.sock
        exchange.sent = True
        super().send(data)


class _SecureConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS = {"http": _Pool, "https": _SecurePool}


class _Transport(HTTPAdapter):
    """Where every request passes, also those that an authentication hook sends again."""

    def __init__(self, http: Http) -> None:
        self._http = http
        super().__init__()

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kw: Any) -> None:  # noqa: FBT001, FBT002  the base's signature
        super().init_poolmanager(connections, maxsize, block, **kw)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kw: Any) -> ProxyManager:
        manager: ProxyManager = super().proxy_manager_for(proxy, **kw)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        """Send one request and read its answer; what the caller wants of timeouts, proxies and trust is not asked."""
        http = self._http
        http.permit(str(request.url))
        if not getattr(_here, "asks", False):
            http.may_write()  # last of all: signing in, and waiting for our turn, may have taken long
        started, status = http.clock(), 0
        seconds = http.options.timeout.total_seconds()
        with _Exchange(None if http.proxies else http.allow_address, seconds) as exchange:
            try:
                response = super().send(
                    request,
                    stream=True,
                    timeout=(min(seconds, _CONNECT_SECONDS), seconds),
                    verify=http.options.ca_bundle or True,
                    proxies=http.proxies,
                )
                status = response.status_code
                # Read here, for whoever reads later. The session finds no cookies on it, and keeps none: each request
                # stands for itself.
                response.raw = BytesIO(self._body(response))
                if exchange.expired:  # an answer without a length looks complete when the connection is cut
                    raise requests.ReadTimeout
            except (requests.RequestException, HTTPError, OSError) as error:
                status = 0  # what was heard of an answer is none
                raise self._failure(error, exchange) from None
            finally:
                http.note_sent(request, status, started)
        http.note_heard(response)
        return response

    def _body(self, response: requests.Response) -> bytes:
        parts, size, most = [], 0, self._http.options.max_bytes
        for part in response.raw.stream(65536, decode_content=True):
            size += len(part)
            if size > most:
                response.close()
                raise Uncertain(
                    text("answered more than {n} bytes", "応答が{n}バイトを超えました", n=most),
                    where=self._http.system,
                    fix=text("raise max_bytes if that is right", "妥当な大きさなら max_bytes を増やしてください"),
                )
            parts.append(part)
        return b"".join(parts)

    def _failure(self, error: Exception, exchange: _Exchange) -> AdapterError:
        where = self._http.system
        if exchange.expired:
            seconds = self._http.options.timeout.total_seconds()
            what = text("no complete answer within {n:g} s", "{n:g}秒以内に応答が完了しませんでした", n=seconds)
            return (_Lost if exchange.sent else _NotSent)(what, where=where)
        if exchange.sent:
            return _Lost(text("the answer was lost", "応答が途中で失われました"), where=where)
        if isinstance(error, requests.exceptions.ProxyError):
            fix = text("check proxy", "proxy を確認してください")
            return _NotSent(text("the proxy does not connect us", "プロキシが接続できません"), where=where, fix=fix)
        if isinstance(error, requests.exceptions.SSLError):
            what = text("its certificate is not trusted", "サーバー証明書を信頼できません")
            fix = text("check base_url and ca_bundle", "base_url と ca_bundle を確認してください")
            return Unavailable(what, where=where, fix=fix)
        if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
            what = text("ca_bundle cannot be read", "ca_bundle を読み込めません")
            return Unavailable(what, where=where)
        return _NotSent(text("cannot be reached", "接続できません"), where=where)


# --- the session ------------------------------------------------------------------------------------------------------


class _Session(requests.Session):
    """A `requests.Session` that sends again what is safe to send again, for whoever holds it."""

    def __init__(self, http: Http) -> None:
        super().__init__()
        self._http = http
        self.trust_env = False
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Transport(http))

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002  the base's signature
        """No redirect is followed: a header with a credential would be forwarded."""
        return

    def request(
        self,
        method: str | bytes,
        url: str | bytes,
        *args: Any,
        repeatable: bool | None = None,
        spends: Mapping[str, int] = MappingProxyType({}),
        **kw: Any,
    ) -> requests.Response:
        """As `Http.request`, but with the last answer returned whatever its status."""
        word = method.decode() if isinstance(method, bytes) else method
        asks = word.upper() in _ASKING if repeatable is None else repeatable
        retrying = Retrying(
            stop=stop_after_attempt(1 + self._http.options.retries),
            wait=self._wait,
            sleep=self._http.sleep,
            retry=retry_if_exception_type((_NotSent, _Lost) if asks else _NotSent)
            | retry_if_result(lambda r: r.status_code in _NOT_CARRIED_OUT or (asks and r.status_code in _TRANSIENT)),
            before_sleep=self._http.note_again,
            retry_error_callback=_last,
        )
        try:
            response = retrying(self._once, retrying, word, url, *args, asks=asks, spends=spends, **kw)
        except Uncertain as lost:
            if not asks:
                raise
            raise Unavailable(lost.what, where=lost.where, fix=lost.fix, code=lost.code) from None
        except (requests.exceptions.InvalidHeader, UnicodeEncodeError):  # which quote the header
            what = text("a credential holds what no header can", "認証情報に、ヘッダーで送れない文字があります")
            fix = text("check the secret: one line, ASCII", "秘密情報を確認してください（1行、ASCII）")
            raise Unauthorized(what, where=self._http.system, fix=fix) from None
        wait = self._asked_wait(response, asks=asks)
        if wait is not None:
            raise self._throttled(wait)
        return response

    def _once(
        self, retrying: Retrying, *args: Any, asks: bool, spends: Mapping[str, int], **kw: Any
    ) -> requests.Response:
        _here.attempt = retrying.statistics["attempt_number"]
        # A sign-in may be asked for amid the request that needs it.
        around = getattr(_here, "spends", {}), getattr(_here, "asks", False)
        _here.spends, _here.asks = spends, asks
        try:
            response = super().request(*args, **kw)
        finally:
            _here.spends, _here.asks = around
        wait = self._asked_wait(response, asks=asks)
        if wait is not None and wait > LONGEST_WAIT:
            raise self._throttled(wait)
        if response.status_code in _REDIRECTS:
            raise Unavailable(
                text("redirects elsewhere", "別のアドレスへ転送しようとしました"),
                where=self._http.system,
                fix=_CHECK_ADDRESS,
            )
        if _is_page(response):
            raise (Uncertain if response.ok else Unavailable)(
                text("answered with a web page instead of data", "データではなく Web ページが返されました"),
                where=self._http.system,
                fix=text(
                    "a login page or a proxy stands in between: check base_url and proxy",
                    "途中にログイン画面かプロキシがあります。base_url と proxy を確認してください",
                ),
            )
        return response

    def _asked_wait(self, response: requests.Response, *, asks: bool) -> timedelta | None:
        """How long we were told to wait, when the answer was no more than that."""
        asked = retry_after(response, self._http.utcnow())
        if response.status_code == 429:
            return LONGEST_WAIT if asked is None else asked
        return asked if asks and response.status_code == 503 else None

    def _throttled(self, wait: timedelta) -> Throttled:
        return Throttled(text("asks us to wait", "待つよう求められました"), wait=wait, where=self._http.system)

    def _wait(self, state: RetryCallState) -> float:
        outcome = state.outcome
        if outcome is not None and not outcome.failed:
            asked = retry_after(outcome.result(), self._http.utcnow())
            if asked is not None:
                return asked.total_seconds()
        return _BACK_OFF(state)


_BACK_OFF = wait_exponential_jitter(multiplier=0.5, max=30, jitter=0.5)


def _last(state: RetryCallState) -> requests.Response:
    """The answer of the last attempt, or its error."""
    assert state.outcome is not None  # noqa: S101  tenacity calls this after an attempt
    response: requests.Response = state.outcome.result()
    return response


def _is_page(response: requests.Response) -> bool:
    """Whether a human's page came where data was asked for. A 401 and a 5xx say enough by themselves."""
    kind = response.headers.get("Content-Type", "").lower()
    return kind.startswith("text/html") and response.status_code < 500 and response.status_code != 401


class Http:
    """A system's address, its session, and the count of what was sent to it. Safe to use from several threads.

    `system` is the name in messages and logs. `judge` may read an answer before the table of statuses does and
    give an error of its own (vendors answer 403 for a spent quota, or 200 with an error inside); None: no opinion.
    What the system says of an error is found in the usual places of JSON, where `judge` did not find it (`said`).
    `clock` and `sleep` count seconds; `utcnow` is what dates of the wire are compared with.

    :raises SpecError: when `base_url` is none (see `BaseUrl`)
    """

    def __init__(
        self,
        system: str,
        base_url: str,
        options: HttpOptions,
        *,
        judge: Callable[[requests.Response], AdapterError | None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        utcnow: Callable[[], datetime] = lambda: datetime.now(UTC),  # noqa: TID251  compared with a date of the wire
    ) -> None:
        self.system = system
        self.base_url = check_base_url(base_url)
        self.options = options
        self.judge, self.clock, self.sleep, self.utcnow = judge, clock, sleep, utcnow
        self.calls = 0
        """Requests sent in this run, retries included."""
        self.heard: datetime | None = None
        """The system's own clock, as it was last told."""
        self._by_day: Counter[str] = Counter()
        self._fresh: Counter[str] = Counter()
        self._traffic: list[Sent | Again] = []
        self._now, self._zone = utcnow, cast("tzinfo", UTC)
        self._quota: tuple[Allowance, float, int] | None = None
        self._lock = threading.Lock()
        self._next_at = -math.inf
        self.may_write: Callable[[], None] = _always
        """Asked right before each sending of a request that does more than ask; see `writing_while`."""
        self._hosts = {_authority(self.base_url)}
        self._loopback = is_loopback(_authority(self.base_url)[0])
        self.meters: dict[str, Meter] = {}
        """Parts of the system with a daily allowance of their own, by a name that the adapter chooses."""
        self.session = _Session(self)
        """To be handed to a vendor's client library: what goes through it is protected in the same way. It takes
        `repeatable=` beside the arguments of requests, and gives the answer back whatever its status."""

    @cached_property
    def proxies(self) -> dict[str, str]:
        """The proxy as requests wants it; a reference is read when it is first needed."""
        proxy = self.options.proxy
        found = proxy.reveal() if isinstance(proxy, Secret) else proxy
        return {"http": found, "https": found} if found else {}

    @property
    def calls_today(self) -> int:
        """Requests sent today: those of earlier runs, as far as we were told, and of this one."""
        return self._by_day[self._day()]

    def charge_before(
        self, calls_today: int, calls_in_run: int = 0, *, now: Callable[[], datetime] | None = None, zone: tzinfo = UTC
    ) -> None:
        """Begin a run, on a day on which `calls_today` requests were sent so far; or go on with one.

        `now` and `zone` tell when another day begins: a run may go on over midnight.
        """
        with self._lock:
            self._now, self._zone, self.calls = now or self.utcnow, zone, calls_in_run
            self._by_day = Counter({self._day(): calls_today})

    def take_fresh(self) -> Mapping[tuple[str, str], int]:
        """Calls that were made since this was last asked, by part of the system (none: the whole) and day."""
        with self._lock:
            taken = {("", day): calls for day, calls in self._fresh.items()}
            self._fresh.clear()
            for part, meter in self.meters.items():
                taken |= {(part, day): calls for day, calls in meter.fresh.items()}
                meter.fresh.clear()
        return taken

    def take_traffic(self) -> Sequence[Sent | Again]:
        """What was sent, and sent again, since this was last asked."""
        with self._lock:
            taken, self._traffic = self._traffic, []
        return taken

    @contextmanager
    def writing_while(self, allowed: Callable[[], None]) -> Iterator[None]:
        """Inside, `allowed` is asked before each sending of what does more than ask; what it raises keeps that back.

        A process may have stood still, and somebody else have done its work, since it decided to write.
        """
        self.may_write = allowed
        try:
            yield
        finally:
            self.may_write = _always

    def left(self) -> float:
        """Calls that the budgets leave, as far as is known now; infinite where nothing limits them."""
        return min(left for _, _, left in self._limits())

    def _day(self) -> str:
        return self._now().astimezone(self._zone).date().isoformat()

    @property
    def server_time(self) -> datetime | None:
        """The system's own clock as last heard, and never later than ours.

        A cursor that follows a clock which is ahead - that of one server of many, say - passes what is yet to come. One
        that is behind costs no more than reading some records twice.
        """
        return self.heard and min(self.heard, self.utcnow().replace(microsecond=0))

    @property
    def quota(self) -> Allowance | None:
        """What the system grants today, as last told."""
        return self._quota[0] if self._quota is not None else None

    @quota.setter
    def quota(self, quota: Allowance | None) -> None:
        self._quota = None if quota is None else (quota, self.clock(), self.calls)

    def allow_host(self, url: str) -> None:
        """Let requests go to the host and port of `url`, too: one that the adapter has found to be the system's own."""
        self._hosts.add(_authority(check_base_url(url)))

    def request(self, method: str, url: str, *, repeatable: bool | None = None, **kw: Any) -> requests.Response:
        """Send a request and give its good answer, at `url` behind `base_url`, or absolute at an allowed host.

        `repeatable`: whether it only asks, so that it may be sent again when its answer was lost; by default GET and
        HEAD do. `spends`: how many calls it is worth on which of `meters`. `kw` are those of
        `requests.Session.request`; the answer is read already, even with `stream`.

        :raises Unavailable: it was not carried out, or only asked; Throttled and Exhausted among it
        :raises Uncertain: it was sent, is not repeatable, and its answer was lost or tells nothing
        :raises Unauthorized, Refused: by status, see `error_of`
        """
        response = self.session.request(method, self._absolute(url), repeatable=repeatable, **kw)
        error = self.judge(response)
        if error is None and response.status_code >= 300:
            asks = method.upper() in _ASKING if repeatable is None else repeatable
            error = error_of(response.status_code, where=self.system, repeatable=asks)
        if error is not None:
            error.said = error.said or words_of(response)
            raise error
        return response

    def json(self, method: str, url: str, *, repeatable: bool | None = None, **kw: Any) -> Any:
        """As `request`, the answer read as JSON (None where it is empty)."""
        response = self.request(method, url, repeatable=repeatable, **kw)
        if not response.content:
            return None
        try:
            return response.json()
        except (ValueError, RecursionError):  # not JSON, or nested without end
            asks = method.upper() in _ASKING if repeatable is None else repeatable
            what = text("the answer is not JSON", "応答が JSON として読めません")
            raise (Unavailable if asks else Uncertain)(what, where=self.system) from None

    def close(self) -> None:
        """Close the connections."""
        self.session.close()

    # What the transport asks and tells.

    def permit(self, url: str) -> None:
        """Count a request that is about to be sent, after waiting for its turn.

        :raises Unavailable: when `url` is not to be reached, or (Exhausted) a budget is spent; nothing is sent then
        """
        host, port = _authority(url)
        if (host, port) not in self._hosts or (parse_url(url).scheme != "https" and not is_loopback(host)):
            what = text("{host} is not a host of this system", "{host} はこの連携先のホストではありません", host=host)
            raise Unavailable(what, where=self.system, fix=_CHECK_ADDRESS)
        with self._lock:
            self._check_budget()
            self._spend(getattr(_here, "spends", {}))
            self.calls += 1
            day = self._day()
            self._by_day[day] += 1
            self._fresh[day] += 1
            now = self.clock()
            wait = max(self._next_at - now, 0.0)
            self._next_at = now + wait + (1 / self.options.rate if self.options.rate else 0)
        if wait:
            self.sleep(wait)

    def _check_budget(self) -> None:
        for option, limit, left in self._limits():
            if left <= 0:
                raise self._exhausted(option, limit)

    def _limits(self) -> Iterator[tuple[str, int, float]]:
        """Each limit that holds now: its option, how high it is, and how many calls it leaves."""
        budget = self.options.budget
        if budget.calls_per_run is not None:
            yield "budget.calls_per_run", budget.calls_per_run, budget.calls_per_run - self.calls
        if budget.calls_per_day is not None:
            yield "budget.calls_per_day", budget.calls_per_day, budget.calls_per_day - self.calls_today
        if self._quota is not None:
            quota, heard, at = self._quota
            # Allowances come back with time: when the last word is old, one request goes through and hears a new one.
            if self.clock() - heard < _QUOTA_FRESH_SECONDS:
                # Those under way have not been heard of yet.
                used = quota.used + max(0, self.calls - at)
                yield "budget.leave_free", quota.limit, quota.limit * (1 - budget.leave_free) - used
        yield "", 0, math.inf

    def _spend(self, spends: Mapping[str, int]) -> None:
        for name, calls in spends.items():
            if self.meters[name].left(self._now()) < calls:
                raise self._exhausted(f"{name}: calls_per_day", self.meters[name].limit)
        for name, calls in spends.items():
            self.meters[name].spend(calls)

    def _exhausted(self, option: str, limit: int) -> Exhausted:
        what = text(
            "the call budget is spent ({option}, limit {limit})",
            "呼び出し回数の予算を使い切りました ({option}、上限 {limit})",
            option=option,
            limit=limit,
        )
        fix = text("the rest follows in a later run", "残りは次回以降に送ります")
        return Exhausted(what, where=self.system, fix=fix)

    def allow_address(self, host: str, port: int) -> None:
        """Whether every address that `host` stands for may be reached.

        :raises Unavailable: when one may not, or the name is unknown
        """
        try:
            found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
        except (OSError, UnicodeError):
            what = text("the name {host} is not known", "ホスト名 {host} を解決できません", host=host)
            raise _NotSent(what, where=self.system, fix=_CHECK_ADDRESS) from None
        if not all(self._may_reach(ipaddress.ip_address(address.partition("%")[0])) for address in found):
            raise Unavailable(
                text("{host} leads to an internal address", "{host} は内部アドレスを指しています", host=host),
                where=self.system,
                fix=text(
                    "check base_url; allow_private: true if the system stands in your own network",
                    "base_url を確認してください。社内の連携先なら allow_private: true を指定してください",
                ),
            )

    def _may_reach(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
        address = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None) or address
        if address in _NAT64:
            address = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if self._loopback or address.is_loopback:
            return self._loopback and address.is_loopback
        if address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved:
            return False
        private = not address.is_global or getattr(address, "is_site_local", False)
        return self.options.allow_private or not private

    def note_sent(self, request: requests.PreparedRequest, status: int, started: float) -> None:
        """Log a request: never its query, headers or body. Status 0: no answer."""
        ms = round((self.clock() - started) * 1000)
        with self._lock:
            self._traffic.append(Sent(status, ms))
        log.debug(
            "request_sent",
            system=self.system,
            method=request.method,
            path=parse_url(str(request.url)).path,
            status=status,
            ms=ms,
            attempt=getattr(_here, "attempt", 1),
        )

    def note_again(self, state: RetryCallState) -> None:
        """Remember that a request is about to be sent again, and how long it was told to wait before."""
        assert state.outcome is not None  # noqa: S101  tenacity calls this after an attempt
        assert state.next_action is not None  # noqa: S101  and with what comes next
        answer: requests.Response | None = None if state.outcome.failed else state.outcome.result()
        asked = answer is not None and (answer.status_code == 429 or retry_after(answer, self.utcnow()) is not None)
        ms = round(state.next_action.sleep * 1000) if asked else 0
        with self._lock:
            self._traffic.append(Again(0 if answer is None else answer.status_code, ms))

    def note_heard(self, response: requests.Response) -> None:
        """Remember the system's clock."""
        try:
            self.heard = _date(response.headers.get("Date", ""))
        except (ValueError, OverflowError):
            return

    def _absolute(self, url: str) -> str:
        return url if "://" in url.partition("?")[0] else f"{self.base_url}/{url.lstrip('/')}"


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def _always() -> None:
    """Nobody else could be at work."""


def _authority(url: str) -> tuple[str, int]:
    """Host (lower case) and port, as the library that connects reads them."""
    parts = parse_url(url)
    return (parts.host or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)
