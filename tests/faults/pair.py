"""The MA and one SFA over HTTP with the shipped configuration, a proxy before each, and a story of people in them."""

from __future__ import annotations

import atexit
import copy
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from connector.config import Setup, load
from connector.engine.app import App, open_app
from connector.engine.preview import plan_preview
from connector.engine.probing import probe
from connector.engine.report import Exit, Report
from connector.engine.run import run
from connector.sandbox.chaos import Chaos
from connector.sandbox.clock import Clock
from connector.sandbox.company import kintone_apps, remix_tenant, setting
from connector.sandbox.esales import RemixEmulator, RemixSettings
from connector.sandbox.kintone import KintoneEmulator
from connector.sandbox.salesforce import SalesforceEmulator
from connector.sandbox.salesforce import Settings as OrgSettings
from connector.sandbox.shanon import ShanonEmulator
from connector.store import outbox
from connector.templates import TEMPLATES
from tests.faults.kinds import MOST_BYTES
from tests.faults.proxy import Proxy
from tests.faults.world import reaching

START = datetime.fromisoformat("2026-10-14T10:00:00+09:00")
SITE = "https://www.mirai-soft-example.co.jp"
SFAS = ("salesforce", "kintone", "esales")
FAST_DISK = "/dev/shm" if Path("/dev/shm").is_dir() else None  # the store waits for the disk at every commit
KARI = "kari@kari-example.co.jp"
"""Somebody of whom nobody knows much: a visitor to whom nothing is written."""
BETWEEN_RUNS = timedelta(minutes=15)


class Sales:
    """An SFA: what its users do, and what can be seen in it. Companies and people are told by their names."""

    chaos: Chaos
    handle: Callable[..., Any]

    def contact(self, name: str, company: str, email: str) -> Any:
        raise NotImplementedError

    def deal(self, company: str, contact: Any, *, state: str, days: int) -> Any:
        """`state`: `likely`, `slow` or `lost`; it has been in it for so many days."""
        raise NotImplementedError

    def lose(self, deal: Any) -> None:
        raise NotImplementedError

    def say_no(self, contact: Any) -> None:
        """Somebody wants no mail any more."""
        raise NotImplementedError

    def drop(self, contact: Any) -> None:
        """A record is deleted."""
        raise NotImplementedError

    def merge(self, winner: Any, loser: Any) -> None:
        """Two records become one; where a system has no word for that, one of them is deleted."""
        self.drop(loser)

    def secrets(self) -> Mapping[str, str]:
        raise NotImplementedError

    def places(self, url: str) -> Mapping[str, str]:
        """Patterns in the shipped configuration, and what stands there instead."""
        raise NotImplementedError

    def seen(self) -> Mapping[str, Any]:
        """What people see: without ids and times that depend on how often something was tried."""
        raise NotImplementedError

    def keys(self) -> Counter[str]:
        """How often each of our keys is there."""
        raise NotImplementedError


class InSalesforce(Sales):
    def __init__(self, clock: Clock, smp: ShanonEmulator, page: int) -> None:
        self.org = SalesforceEmulator(clock=clock, settings=OrgSettings(page_size=page))
        self.chaos, self.handle = self.org.chaos, self.org.handle
        setting.set_up(self.org, smp)
        self.owner = self.org.add_user("高橋")
        self.accounts: dict[str, str] = {}

    def contact(self, name: str, company: str, email: str) -> str:
        family, given = name.split()
        account = self._account(company)
        values = {"LastName": family, "FirstName": given, "Email": email, "AccountId": account, "OwnerId": self.owner}
        return self.org.create("Contact", values)

    def _account(self, company: str) -> str:
        if company not in self.accounts:
            self.accounts[company] = self.org.create("Account", {"Name": company, "OwnerId": self.owner})
        return self.accounts[company]

    def deal(self, company: str, contact: str, *, state: str, days: int) -> str:
        stage = {"likely": "Negotiation/Review", "slow": "Qualification", "lost": "Closed Lost"}[state]
        now = self.org.clock()
        made = {
            "AccountId": self._account(company),
            "Name": f"{company} 更新",
            "StageName": stage,
            "OwnerId": self.owner,
        }
        day = (now - timedelta(days=days)).date() if state == "lost" else (now + timedelta(days=60)).date()
        more = {"Loss_Reason__c": "予算", "Product__c": "勤怠クラウド"} if state == "lost" else {}
        self.org.clock.advance(-timedelta(days=days))
        deal = self.org.create("Opportunity", {**made, "CloseDate": day.isoformat(), **more})
        self.org.clock.advance(timedelta(days=days))
        self.org.update("Opportunity", deal, {"Description": "入力済"})  # seen as new today, in its stage since then
        self.org.create("OpportunityContactRole", {"OpportunityId": deal, "ContactId": contact})
        return deal

    def lose(self, deal: str) -> None:
        self.org.update("Opportunity", deal, {"StageName": "Closed Lost"})

    def say_no(self, contact: str) -> None:
        self.org.update("Contact", contact, {"HasOptedOutOfEmail": True})

    def drop(self, contact: str) -> None:
        self.org.delete("Contact", contact)

    def merge(self, winner: str, loser: str) -> None:
        self.org.merge("Contact", winner, [loser])

    def secrets(self) -> Mapping[str, str]:
        return {"SF_CLIENT_ID": self.org.client_id, "SF_CLIENT_SECRET": self.org.client_secret}

    def places(self, url: str) -> Mapping[str, str]:
        return {r"domain: example\.my .*": f"base_url: {url}"}

    def seen(self) -> Mapping[str, Any]:
        names = {row["Id"]: f"{row['LastName']}{row['FirstName']}" for name in ("Contact", "Lead")
                 for row in self.org.records(name)}  # fmt: skip
        return {
            **{
                name: Counter(_plain(row, _OF_ORG) for row in self.org.records(name))
                for name in ("Contact", "Lead", "Account", "Opportunity")
            },
            "Task": Counter(
                _plain({**row, "who": names.get(row["WhoId"])}, _OF_ORG) for row in self.org.records("Task")
            ),
        }

    def keys(self) -> Counter[str]:
        tasks = Counter(str(row["MA_Key__c"]) for row in self.org.records("Task"))
        people = [row.get("MA_Person_Id__c") for name in ("Contact", "Lead") for row in self.org.records(name)]
        return tasks + Counter(str(key) for key in people if key)


class InKintone(Sales):
    def __init__(self, clock: Clock, smp: ShanonEmulator, page: int) -> None:
        self.page = page
        self.kintone = KintoneEmulator(clock=clock)
        self.chaos, self.handle = self.kintone.chaos, self.kintone.handle
        setting.set_up(SalesforceEmulator(clock=clock), smp)
        self.apps = kintone_apps.set_up(self.kintone)
        self.kintone.add_user("kishi", "岸 智也")

    def contact(self, name: str, company: str, email: str) -> str:
        app = self.apps.people.id
        number = f"W{len(self.kintone.records(app)):04}"
        values = {"顧客番号": number, "氏名": name, "会社名": company, "メールアドレス": email, "担当者": ["kishi"]}
        self.kintone.create(app, values)
        return number

    def deal(self, company: str, contact: str, *, state: str, days: int) -> str:
        app = self.apps.deals.id
        now = self.kintone.clock()
        day = (now - timedelta(days=days)).date().isoformat()
        stage, chance = {"likely": ("見積", "A"), "slow": ("提案", "B"), "lost": ("失注", "C")}[state]
        values = {"案件番号": f"D{len(self.kintone.records(app)):04}", "案件名": f"{company} 更新", "顧客番号": contact,
                  "担当者": ["kishi"], "進捗": stage, "進捗更新日": day, "確度": chance}  # fmt: skip
        more = {"失注理由": "予算", "製品": "勤怠クラウド", "完了日": day} if state == "lost" else {}
        return self.kintone.create(app, values | more)

    def lose(self, deal: str) -> None:
        day = self.kintone.clock().date().isoformat()
        self.kintone.update(self.apps.deals.id, deal, {"進捗": "失注", "完了日": day})

    def say_no(self, contact: str) -> None:
        self.kintone.update(self.apps.people.id, self._number(contact), {"メール配信": ["停止"]})

    def drop(self, contact: str) -> None:
        self.kintone.delete(self.apps.people.id, self._number(contact))

    def _number(self, contact: str) -> str:
        rows = self.kintone.records(self.apps.people.id)
        return str(next(row["$id"] for row in rows if row["顧客番号"] == contact))

    def secrets(self) -> Mapping[str, str]:
        return {f"KINTONE_{name.upper()}": app.token for name, app in self.apps.by_name().items()}

    def places(self, url: str) -> Mapping[str, str]:
        apps = {
            rf"(?s)(\b{name}:(?: \{{|\s+))id: \d+": rf"\g<1>id: {app.id}" for name, app in self.apps.by_name().items()
        }
        here = f"base_url: {url.replace('127.0.0.1', 'localhost')}\n    page_size: {self.page}"
        return {r"base_url: https://example\.cybozu\.com": here, **apps}

    def seen(self) -> Mapping[str, Any]:
        people, apps = self.apps.people.id, self.apps.by_name().items()
        numbers = [row["$id"] for row in self.kintone.records(people)]
        comments = Counter(each.text for number in numbers for each in self.kintone.comments(people, number))
        rows = {name: Counter(_plain(row, _OF_KINTONE) for row in self.kintone.records(app.id)) for name, app in apps}
        return {**rows, "comments": comments}

    def keys(self) -> Counter[str]:
        rows = (row for app in self.apps.by_name().values() for row in self.kintone.records(app.id))
        return Counter(str(row["ma_key"]) for row in rows if row.get("ma_key"))


class InEsales(Sales):
    def __init__(self, clock: Clock, smp: ShanonEmulator, page: int) -> None:
        self.remix = RemixEmulator(clock=clock, settings=RemixSettings(page_size=page))
        self.chaos, self.handle = self.remix.chaos, self.remix.handle
        setting.set_up(SalesforceEmulator(clock=clock), smp)
        self.columns = remix_tenant.set_up(self.remix)
        self.owner = self.remix.add_user("N001", "伊達 政彦")
        self.remix.add_person(self.remix.add_customer("接続テスト株式会社"), "テスト 太郎", {916: "接続確認用"})
        self.customers: dict[str, int] = {}

    def contact(self, name: str, company: str, email: str) -> int:
        return self.remix.add_person(self._customer(company), name, {914: email})

    def _customer(self, company: str) -> int:
        if company not in self.customers:
            self.customers[company] = self.remix.add_customer(company)
        return self.customers[company]

    def deal(self, company: str, contact: int, *, state: str, days: int) -> int:
        now = self.remix.clock()
        day = (now - timedelta(days=days)).date()
        stage, chance = {"likely": ("見積", "A"), "slow": ("提案", "B"), "lost": ("失注", "C")}[state]
        values: dict[int, Any] = {203: stage, 204: chance, 208: self.owner, self.columns.person: contact,
                                  self.columns.stage_since: day}  # fmt: skip
        more = {207: "予算", self.columns.closed_on: day} if state == "lost" else {}
        return self.remix.add_deal(self._customer(company), f"{company} 更新", values | more)

    def lose(self, deal: int) -> None:
        self.remix.update("business", deal, {203: "失注", self.columns.closed_on: self.remix.clock().date()})

    def say_no(self, contact: int) -> None:
        self.remix.update("person", contact, {self.columns.optout: "停止"})

    def drop(self, contact: int) -> None:
        self.remix.delete("person", contact)

    def secrets(self) -> Mapping[str, str]:
        return {"ESALES_TOKEN": self.remix.api_token}

    def places(self, url: str) -> Mapping[str, str]:
        return {r"login_url: .*": f"login_url: {url}/{self.remix.settings.context}/esales-pc\n    rate: 1000"}

    def seen(self) -> Mapping[str, Any]:
        names = ("person", "business", self.remix.settings.extension)
        return {name: Counter(_plain(row, _OF_ESALES) for row in self.remix.records(name)) for name in names}

    def keys(self) -> Counter[str]:
        people = [row.get(self.columns.key) for row in self.remix.records("person")]
        alerts = [value for row in self.remix.records(self.remix.settings.extension) for value in row.values()]
        return Counter(str(key) for key in people if key) + Counter(
            key for key in alerts if isinstance(key, str) and re.fullmatch(r"[0-9a-f]{32}", key)
        )


def _plain(row: Mapping[Any, Any], without: frozenset[Any]) -> str:
    """A row for comparing."""
    return repr(sorted((str(name), _shown(value)) for name, value in row.items() if name not in without
                       and not isinstance(value, datetime)))  # fmt: skip


def _shown(value: Any) -> str:
    if isinstance(value, str):
        # The ports are those of this time. Our keys come of which record of a person was met first: any will do.
        return re.sub(r"\A(p[a-z2-7]{16}|[0-9a-f]{32})\Z", "our key", re.sub(r"http://localhost:\d+", "", value))
    if isinstance(value, list):  # rows of a table, whose ids count how often it was written
        return repr([{name: v for name, v in each.items() if name != "id"} if isinstance(each, dict) else each
                     for each in value])  # fmt: skip
    return repr(value)


_OF_ORG = frozenset(
    {"Id", "CreatedDate", "SystemModstamp", "LastModifiedDate", "LastModifiedById", "CreatedById", "WhoId",
     "LastActivityDate", "CompletedDateTime", "LastStageChangeDate"}
)  # fmt: skip
_OF_KINTONE = frozenset({"$id", "$revision", "更新日時", "作成日時", "更新者", "作成者", "レコード番号"})
_OF_ESALES = frozenset({928, 20001})


@dataclass
class Pair:
    """Both systems, what stands between us and them, and the connector."""

    sfa: str
    clock: Clock
    smp: ShanonEmulator
    sales: Sales
    proxies: Mapping[str, Proxy]
    setup: Setup
    store: str
    """URL of the store."""
    reports: list[Report] = field(default_factory=list)
    visitors: dict[str, int] = field(default_factory=dict)
    deals: dict[str, Any] = field(default_factory=dict)
    contacts: dict[str, Any] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        """Of the store."""
        return Path(self.store.removeprefix("sqlite:///"))

    def chaos(self, system: str) -> Chaos:
        return self.smp.chaos if system == "shanon" else self.sales.chaos

    # --- the story ------------------------------------------------------------------------------------------------

    def visitor(self, name: str, company: str, email: str, *pages: str) -> int:
        """Somebody in the MA who looked at some pages in the last hours."""
        family, given = name.split()
        typed = {"Name1": family, "Name2": given, "CompanyName": company, "Email": email}
        made = self.visitors[email] = self.smp.add_visitor(typed)
        for hours, page in enumerate(pages, 1):
            self.smp.add_page_view(made, f"{SITE}{page}", page, self.clock() - timedelta(hours=hours))
        return made

    def begin(self) -> None:
        """What happened before the first run."""
        sales = self.sales
        self.contacts["nobody"] = sales.contact("試 用", "株式会社試", "")
        self.visitor("仮 登録", "株式会社仮", KARI, "/case")
        known = self.contacts["known"] = sales.contact("三枝 亮", "株式会社碧海", "saegusa@hekikai-example.co.jp")
        sales.contact("柴 良平", "株式会社碧海", "shiba@hekikai-example.co.jp")
        slow = sales.contact("榎本 静", "株式会社榎本", "enomoto@enomoto-example.co.jp")
        lost = sales.contact("八木 巧", "株式会社八木", "yagi@yagi-example.co.jp")
        self.visitor("三枝 亮", "株式会社碧海", "saegusa@hekikai-example.co.jp", "/price", "/case")
        self.visitor("榎本 静", "株式会社榎本", "enomoto@enomoto-example.co.jp", "/price")
        self.visitor("八木 巧", "株式会社八木", "yagi@yagi-example.co.jp")
        new = self.visitor("新田 望", "株式会社新田", "nitta@nitta-example.co.jp", "/price", "/price2", "/price3")
        seminar = self.smp.add_seminar("秋の製造業セミナー", "セミナー", self.clock() - timedelta(days=3))
        for visitor in (new, self.visitors["saegusa@hekikai-example.co.jp"]):
            self.smp.add_attendance(visitor, seminar, "attended", self.clock() - timedelta(days=3))
        self.deals["likely"] = sales.deal("株式会社碧海", known, state="likely", days=5)
        self.deals["slow"] = sales.deal("株式会社榎本", slow, state="slow", days=100)
        self.deals["lost"] = sales.deal("株式会社八木", lost, state="lost", days=30)

    def go_on(self) -> None:
        """What happens between the first run and the one that is hit: something for every kind of change."""
        sales = self.sales
        self.visitor("関 渚", "株式会社関", "seki@seki-example.co.jp", "/price", "/price2", "/price3")
        self.visitor("柴 良平", "株式会社碧海", "shiba@hekikai-example.co.jp", "/case")
        self.smp.unsubscribe(self.visitors["nitta@nitta-example.co.jp"])
        later = sales.contact("槙 薫", "株式会社槙", "maki@maki-example.co.jp")
        maki = self.visitor("槙 薫", "株式会社槙", "maki@maki-example.co.jp", "/price")
        seminar = self.smp.add_seminar("品質管理の実際", "セミナー", self.clock() - timedelta(days=1))
        self.smp.add_attendance(maki, seminar, "attended", self.clock() - timedelta(days=1))
        self.deals["late"] = sales.deal("株式会社槙", later, state="slow", days=80)
        sales.lose(self.deals["likely"])

    # --- the connector --------------------------------------------------------------------------------------------

    @contextmanager
    def app(self, seconds: float = 60.0) -> Iterator[App]:
        """As a fresh process opens it, but that it never sleeps, and waits no longer than that for an answer."""
        setup = replace(self.setup, config=self.setup.config.model_copy(update={"store": self.store}))
        app = open_app(setup, clock=self.clock)
        for adapter in app.adapters.values():
            http = adapter.http
            if http is not None:
                brief = {"timeout": timedelta(seconds=seconds), "max_bytes": MOST_BYTES}
                http.options = http.options.model_copy(update=brief)
                http.sleep = _no_sleep
        try:
            yield app
        finally:
            app.close()

    @contextmanager
    def directly(self, *, but: str = "") -> Iterator[None]:
        """Inside, no proxy and no socket stands between, `but` before one system: for what nothing is to happen to."""
        by_system = {"shanon": self.smp.handle, self.sfa: self.sales.handle}
        by_system.pop(but, None)
        with reaching({urlsplit(self.proxies[name].url).port or 0: handle for name, handle in by_system.items()}):
            yield

    def run(self, seconds: float = 60.0) -> Report:
        """One pass, some minutes after the one before."""
        self.clock.advance(BETWEEN_RUNS)
        with self.app(seconds) as app:
            self.reports.append(run(app))
        return self.reports[-1]

    def fresh(self) -> list[object]:
        """What a run would still write."""
        with self.app() as app:
            return list(plan_preview(app, pull=True, as_of=None).fresh)

    def parked(self) -> list[str]:
        with self.app() as app, app.reading() as conn:
            return [f"{each.system} {each.kind} {each.code} {each.error}" for each in outbox.parked(conn)]

    def send_again(self) -> None:
        """An administrator has mended why some changes were refused: they are due again, as they were."""
        with self.app() as app, app.lease() as lease, lease.writing() as conn:
            outbox.put_off(conn, [each.key for each in outbox.parked(conn)], self.clock())

    def backlog(self) -> dict[tuple[str, str], int]:
        """Changes that are neither done nor dropped."""
        with self.app() as app, app.reading() as conn:
            return {place: n for place, n in outbox.backlog(conn).items() if place[1] not in ("done", "dropped")}

    def seen(self) -> dict[str, Any]:
        """What people see in both systems."""
        return {
            **self.sales.seen(),
            "visitors": Counter(
                _plain(row, frozenset({"DateUpdate", "DateUnsubscribe"})) for row in self.smp.visitors()
            ),
            "lists": {name: Counter(self.smp.members(number)) for number, name in self.smp.lists().items()},
        }


def _no_sleep(_: float) -> None:
    """Waiting is not what these tests are about."""


_PAGE = 3
_MAKERS: Mapping[str, Callable[[Clock, ShanonEmulator, int], Sales]] = {
    "salesforce": InSalesforce,
    "kintone": InKintone,
    "esales": InEsales,
}


MOMENTS = ("first run", "later run")


@contextmanager
def pair(sfa: str, *, small: str = "", before: str = "first run") -> Iterator[Pair]:
    """Two systems in which the story has come to one of the `MOMENTS`; the system `small` gives small pages."""
    with _ground(sfa, small).pair(before) as made:
        yield made


@dataclass(frozen=True)
class _Moment:
    """A state of both systems and of the store, which many pairs can start from."""

    state: Mapping[str, Any]
    store: Path


@dataclass
class _Ground:
    """What pairs of one kind stand on, one at a time: proxies that listen, and the configuration for them."""

    sfa: str
    proxies: Mapping[str, Proxy]
    setup: Setup
    folder: Path
    moments: dict[str, _Moment]
    taken: bool = False

    @contextmanager
    def pair(self, before: str) -> Iterator[Pair]:
        """A copy of what there was before a run."""
        if before not in self.moments:
            with self.pair(MOMENTS[0]) as made:
                with made.directly():
                    assert made.run().exit is Exit.DONE
                made.go_on()
                self.moments[before] = self.kept(made, before)
        with self._copied(self.moments[before]) as made:
            yield made

    @contextmanager
    def _copied(self, moment: _Moment) -> Iterator[Pair]:
        assert not self.taken, "two pairs would share their proxies"
        with tempfile.TemporaryDirectory(dir=FAST_DISK) as folder:
            store = Path(shutil.copytree(moment.store, Path(folder) / "data")) / "connector.db"
            state = copy.deepcopy(moment.state)
            made = Pair(self.sfa, proxies=self.proxies, setup=self.setup, store=f"sqlite:///{store}", **state)
            self.taken = True
            try:
                self._stand(made)
                yield made
            finally:
                self.taken = False

    def _stand(self, made: Pair) -> None:
        for name, system in (("shanon", made.smp), (self.sfa, made.sales)):
            proxy = self.proxies[name]
            proxy.system = system.handle
            proxy.late.clear()
            proxy.forget()

    def kept(self, made: Pair, name: str) -> _Moment:
        """How things stand, to be copied; no program has the store open."""
        folder = self.folder / name
        shutil.copytree(made.file.parent, folder)
        return _Moment(copy.deepcopy({each: getattr(made, each) for each in _STATE}), folder)


_STATE = ("clock", "smp", "sales", "visitors", "deals", "contacts")
_OPEN = ExitStack()
"""What listens until the process ends."""
atexit.register(_OPEN.close)


@cache
def _ground(sfa: str, small: str) -> _Ground:
    """Servers, proxies, a configuration, and the beginning of the story: made once in a process."""
    clock = Clock(START, ticking=False)
    smp = ShanonEmulator(clock=clock)
    sales = _MAKERS[sfa](clock, smp, _PAGE if small == sfa else 100)
    folder = Path(_OPEN.enter_context(tempfile.TemporaryDirectory(dir=FAST_DISK)))
    proxies = {}
    for name, system in (("shanon", smp), (sfa, sales)):
        proxies[name] = _OPEN.enter_context(Proxy(system.handle))
    _configure(folder, sfa, smp, sales, proxies, _PAGE if small == "shanon" else 100)
    store = folder / "empty" / "connector.db"
    store.parent.mkdir()
    shutil.copy(_empty_store(), store)
    made = Pair(sfa, clock, smp, sales, proxies, load(folder / "config.yaml"), f"sqlite:///{store}")
    made.begin()
    if sfa == "esales":
        with made.app() as app:
            probe(app, "esales")
    ground = _Ground(sfa, proxies, made.setup, folder, {})
    ground.moments[MOMENTS[0]] = ground.kept(made, MOMENTS[0])
    return ground


def _configure(
    folder: Path, sfa: str, smp: ShanonEmulator, sales: Sales, proxies: Mapping[str, Proxy], page: int
) -> None:
    secrets = {
        "SHANON_API_KEY": smp.api_key, "SHANON_PASSWORD": smp.password, "SHANON_SECRET": smp.secret, **sales.secrets(),
    }  # fmt: skip
    for name, value in secrets.items():
        (folder / name.lower()).write_text(value, encoding="utf-8")
    template = TEMPLATES[f"shanon+{sfa}"]
    config = template.text().replace("data/connector.db", "connector.db")
    shanon = f"base_url: {proxies['shanon'].url}\n    rate: 1000\n    page_size: {page}"
    places: dict[str, str | Callable[[re.Match[str]], str]] = {
        r"base_url: https://example\.smktg\.jp": shanon,
        r"\{env: (\w+)\}": lambda found: f'{{file: "{folder / found[1].lower()}"}}',
        r"guards: \{": "guards: {at_least: 100000, ",
        **sales.places(proxies[sfa].url),
    }
    for shipped, here in places.items():
        config, times = re.subn(shipped, here, config)
        assert times, shipped
    (folder / "config.yaml").write_text(config, encoding="utf-8")
    (folder / "mappings").mkdir()
    for name, mapping in template.mappings():
        (folder / "mappings" / name).write_bytes(mapping.read_bytes())


@cache
def _empty_store() -> Path:
    """A store at the newest schema, made once."""
    folder = Path(tempfile.mkdtemp(dir=FAST_DISK))
    from connector.store import database

    engine = database.open_engine(f"sqlite:///{folder / 'empty.db'}")
    database.upgrade(engine)
    engine.dispose()
    return folder / "empty.db"
