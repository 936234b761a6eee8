"""A year of what people did: pages, mails, seminars, downloads, surveys. A few do a lot, most do little."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from operator import itemgetter

from connector.sandbox.company.calendar import Calendar
from connector.sandbox.company.people import Human
from connector.sandbox.company.setting import SITE
from connector.sandbox.shanon import ShanonEmulator
from connector.sandbox.shanon.records import MailEvents

VISITS = 7000
MAILINGS, READERS = 10, 700
ACTIVITIES = (("名刺交換", 350), ("ブース来訪", 150), ("資料ダウンロード", 260), ("お問い合わせ", 90), ("電話", 60))
ANSWERS = 600
AUDIENCE, REQUESTS = 220, 140

_PAGES = (
    ("/", "トップ", 20),
    ("/products/kintai", "勤怠クラウド", 14),
    ("/products/keihi", "経費クラウド", 12),
    ("/products/seikyu", "請求クラウド", 10),
    ("/price", "料金", 7),
    ("/price/enterprise", "料金 (エンタープライズ)", 3),
    ("/case/seizo", "導入事例 製造業", 8),
    ("/case/oroshi", "導入事例 卸売業", 7),
    ("/column/denshichobo", "コラム 電子帳簿保存法", 14),
    ("/column/invoice", "コラム インボイス制度", 12),
    ("/company", "会社情報", 5),
    ("/recruit", "採用情報", 3),
)
_WEBINARS = (
    "はじめての勤怠クラウド",
    "電帳法 直前対策",
    "経費精算の自動化",
    "インボイス実務の落とし穴",
    "人事労務の法改正 まとめ",
    "請求書電子化の進め方",
    "製造業の働き方改革",
    "バックオフィスDX入門",
)
_DOCUMENTS = ("勤怠クラウド カタログ", "経費クラウド カタログ", "電帳法ガイドブック", "導入事例集", "料金表")
_SUBJECTS = ("今月の法改正情報", "新機能のお知らせ", "導入事例のご紹介", "セミナーのご案内", "夏季休業のお知らせ")
_CHANCES_OF_A_MAIL = (0.45, 0.28)
"""That it is opened, and that a link in an opened one is followed."""


@dataclass(frozen=True, slots=True)
class Campaigns:
    """The ids of what people can register for: past ones with their age in days, one to come, a form."""

    past: Sequence[tuple[int, int]]
    coming: int
    documents: int


Event = tuple[datetime, Callable[[], object]]
"""When something happened, and what puts it into SMP."""


def a_year(smp: ShanonEmulator, people: Sequence[Human], calendar: Calendar, dice: random.Random) -> Campaigns:
    """Everything that people known to SMP did, in the order in which it happened."""
    known = [human for human in people if human.visitors]
    zeal = [human.zeal for human in known]
    campaigns = _campaigns(smp, calendar)
    events = [
        *_pages(smp, dice.choices(known, zeal, k=VISITS), calendar, dice),
        *_mails(smp, known, calendar, dice),
        *_seminars(smp, campaigns, known, calendar, dice),
        *_surveys(smp, dice.choices(known, zeal, k=ANSWERS), calendar, dice),
    ]
    for kind, count in ACTIVITIES:
        for human in dice.choices(known, zeal, k=count):
            title, at = dice.choice(_DOCUMENTS) if kind == "資料ダウンロード" else kind, calendar.moment()
            events.append((at, partial(smp.add_activity, human.visitors[-1], kind, title, at)))
    for _, happen in sorted(events, key=itemgetter(0)):
        happen()
    return campaigns


def _pages(smp: ShanonEmulator, visits: Sequence[Human], calendar: Calendar, dice: random.Random) -> Iterator[Event]:
    weights = [page[2] for page in _PAGES]
    for number, human in enumerate(visits):
        at = calendar.moment()
        # Some are not known while they look around, and a few of those never.
        stranger = dice.random() < 0.04
        visitor, session = None if stranger else dice.choice(human.visitors), f"s{number}"
        for path, title, _ in dice.choices(_PAGES, weights, k=dice.choice((1, 1, 2, 3, 4, 6))):
            yield at, partial(smp.add_page_view, visitor, SITE + path, title, at, session=session)
            at = calendar.before_now(at + timedelta(seconds=dice.randint(15, 240)))
        if stranger and dice.random() < 0.15:
            yield at, partial(smp.identify, session, human.visitors[0])


def _mails(smp: ShanonEmulator, known: Sequence[Human], calendar: Calendar, dice: random.Random) -> Iterator[Event]:
    for mailing in range(1, MAILINGS + 1):
        sent_at = calendar.ago(mailing * 34)
        subject = f"【ミライソフト】{dice.choice(_SUBJECTS)}"
        for human in dice.sample(known, min(READERS, len(known))):
            events = _reaction(human, f"{SITE}/column/invoice?m={mailing}", sent_at, calendar, dice)
            yield sent_at, partial(smp.add_mail, human.visitors[0], mailing, subject, sent_at, **events)


def _reaction(human: Human, url: str, sent_at: datetime, calendar: Calendar, dice: random.Random) -> MailEvents:
    opened_by, clicked_by = _CHANCES_OF_A_MAIL
    if human.bounces:
        return {"bounced_at": calendar.after(sent_at, 0.2)}
    if dice.random() > opened_by:
        return {}
    opened_at = calendar.after(sent_at, 60)
    if dice.random() > clicked_by:
        return {"opened_at": opened_at}
    return {"opened_at": opened_at, "clicked_at": calendar.after(opened_at, 0.2), "click_url": url}


def _campaigns(smp: ShanonEmulator, calendar: Calendar) -> Campaigns:
    return Campaigns(
        past=[
            (smp.add_seminar(f"Webセミナー「{title}」", "セミナー", calendar.ago(days, hours=-4)), days)
            for title, days in zip(_WEBINARS, range(15, 400, 42), strict=False)
        ],
        coming=smp.add_seminar("Webセミナー「年末調整 直前講座」", "セミナー", calendar.now + timedelta(days=14)),
        documents=smp.add_seminar("資料請求フォーム", "資料請求", calendar.now),
    )


def _seminars(
    smp: ShanonEmulator, campaigns: Campaigns, known: Sequence[Human], calendar: Calendar, dice: random.Random
) -> Iterator[Event]:
    for seminar, days in campaigns.past:
        for human in dice.sample(known, min(AUDIENCE, len(known))):
            registered, held = calendar.moment(days + 25, days + 1), calendar.ago(days, hours=-5)
            status = "attended" if dice.random() < 0.68 else "absent"
            yield registered, partial(smp.add_application, human.visitors[0], seminar, registered)
            yield held, partial(smp.add_attendance, human.visitors[0], seminar, status, held)
    for human in dice.sample(known, min(REQUESTS, len(known))):
        at = calendar.moment()
        yield at, partial(smp.add_application, human.visitors[0], campaigns.documents, at)


def _surveys(
    smp: ShanonEmulator, answering: Sequence[Human], calendar: Calendar, dice: random.Random
) -> Iterator[Event]:
    surveys = [smp.add_enquete("セミナー満足度"), smp.add_enquete("導入時期アンケート")]
    for human in answering:
        answers = {1: dice.choice(("大変満足", "満足", "普通")), 2: dice.choice(("3か月以内", "半年以内", "未定"))}
        survey, at = dice.choice(surveys), calendar.moment()
        yield at, partial(smp.add_enquete_answer, human.visitors[0], survey, answers, at)
