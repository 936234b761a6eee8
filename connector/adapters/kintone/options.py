"""What an administrator writes about a kintone: how to get in, which apps there are, and which part each plays."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from connector.errors import text
from connector.http import BaseUrl, HttpOptions
from connector.spec import Duration, Many, Secret, Spec, SpecError, unknown_key

MOST_READ = 500
"""Records in one answer."""


def _domain(value: str) -> str:
    if re.search(r"/k(/.*)?$", value):
        raise SpecError(
            text("not the address of the domain alone", "ドメインだけのアドレスではありません"),
            text("leave out what begins with /k", "/k 以降を除いてください"),
        )
    return value


class Summary(Spec):
    """A table that shows the latest touchpoints. It is ours: its rows are replaced whenever one changes."""

    table: str
    """Field code of the table: what a mapping names as `to` of `touchpoints.recent`."""
    line: str
    """Field code of the text in it that takes one line."""


class App(Spec):
    """One app of kintone; mappings know it by the name that it has here."""

    id: Annotated[int, Field(ge=1)]
    """Number of the app, as its URL shows it."""
    token: Secret | None = None
    """API token of the app."""
    guest_space: Annotated[int, Field(ge=1)] | None = None
    """Number of the guest space that the app belongs to."""
    calls_per_day: Annotated[int, Field(ge=0)] = 10_000
    """What kintone grants the app in a day (from 9:00 in Japan): 10,000 in the standard course, 100,000 in the wide
    course. `budget.leave_free` of it is left to others."""
    owner: str | None = None
    """Of people: field code of the user selection that holds the rep."""
    summary: Summary | None = None
    """Of people: the table of latest touchpoints, where a mapping writes one."""


class EntryFields(Spec):
    """Which fields of a new record take what; those without a field are left out."""

    key: str = "ma_key"
    """Our key: single-line text, duplicates prohibited."""
    title: str = "件名"
    """The title: text."""
    body: str | None = "内容"
    """The rest of it: multi-line text."""
    person: str | None = None
    """The person's record: a number or text takes its record number, a link its URL, a lookup by record number picks
    it."""
    person_id: str | None = None
    """The person's id of ours, as in the key field of people: text, for a list of related records."""


class AlertFields(EntryFields):
    """Fields of the app that takes alerts."""

    owner: str | None = "担当者"
    """Whom it is for: user selection."""
    due: str | None = "期限"
    """Until when: date."""
    deal: str | None = None
    """The deal's record, as `person`."""


class TimelineFields(EntryFields):
    """Fields of the app that takes touchpoints."""

    owner: str | None = None
    """The person's rep: user selection."""
    happened_at: str | None = "日時"
    """When it happened: date and time, or date."""


class Closing(Spec):
    """The field of the alert app that says how far an alert is dealt with; `connector undo` writes into it."""

    field: str
    """Its field code: drop-down, radio buttons or single-line text."""
    open: str
    """What it holds in a new alert (its default value); an alert with another one is being worked on."""
    closed: str
    """What an alert is given that is taken back."""


class AlertOptions(Spec):
    """How an alert reaches its owner."""

    via: Annotated[Many[Literal["app", "comment"]], Field(min_length=1)] = ("app",)
    """A record in an app of its own, or a comment on the deal or person that mentions the owner: the first of these
    that is possible."""
    app: str | None = None
    """For `app`: the app, by its name under `apps`."""
    fields: AlertFields = AlertFields()
    """For `app`: its fields."""
    close: Closing | None = None
    """For `app`: how an alert is taken back; without it, `undo` leaves alerts as they are."""
    claim: str | None = None
    """For `comment`: field code of a text on people and deals that is ours, in which we note what is about to be
    commented."""
    uncertain: Literal["resend", "hold"] = "resend"
    """A comment that was noted and is not found among the latest: write it again, or leave it to a person."""

    @model_validator(mode="after")
    def _equipped(self) -> Self:
        for way, option in (("app", "app"), ("comment", "claim")):
            if way in self.via and getattr(self, option) is None:
                raise SpecError(
                    text("alerts by {way} need {option}", "アラートを {way} で送るには {option} が必要です",
                         way=way, option=option),
                    text("add {option} under alert", "alert に {option} を追加してください", option=option),
                )  # fmt: skip
        return self


class TimelineOptions(Spec):
    """Where touchpoints are shown."""

    app: str
    """The app, by its name under `apps`."""
    fields: TimelineFields = TimelineFields()
    """Its fields."""


class Basic(Spec):
    """Basic authentication in front of kintone."""

    username: Secret
    """Its user name."""
    password: Secret
    """Its password."""


class Config(HttpOptions):
    """A kintone domain."""

    type: Literal["kintone"] = "kintone"
    """The word that chooses this adapter."""
    base_url: Annotated[BaseUrl, AfterValidator(_domain)]
    """Its address, as `https://example.cybozu.com`."""
    apps: Annotated[dict[str, App], Field(min_length=1)]
    """The apps, each under the name by which mappings know it, as `people` and `deals`."""
    username: Secret | None = None
    """Instead of a token with each app: login name of a user of its own."""
    password: Secret | None = None
    """That user's password."""
    oauth_token: Secret | None = None
    """Instead of a token with each app: an OAuth access token."""
    basic: Basic | None = None
    """Basic authentication in front of kintone, where the domain has it; not with `oauth_token`."""
    alert: AlertOptions | None = None
    """How an alert reaches its owner."""
    timeline: TimelineOptions | None = None
    """Where touchpoints are shown."""
    overlap: Annotated[Duration, Field(ge=timedelta(minutes=2))] = timedelta(minutes=10)
    """How late a record may become visible after its time stamp, which has whole minutes."""
    sweep: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(days=1)
    """How often all record numbers are read, to find what was deleted: kintone does not tell."""
    page_size: Annotated[int, Field(ge=1, le=MOST_READ)] = MOST_READ
    """Records in one answer."""

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        ways = [self.username is not None or self.password is not None, self.oauth_token is not None]
        ways.append(any(app.token is not None for app in self.apps.values()))
        if sum(ways) != 1 or (self.username is None) != (self.password is None):
            raise SpecError(
                text("no clear way to sign in", "認証の方法が決まりません"),
                text(
                    "give a token with each app; or username and password; or oauth_token",
                    "各アプリの token、username と password、oauth_token のいずれか1つを指定してください",
                ),
            )
        without = [name for name, app in self.apps.items() if app.token is None]
        if ways[2] and without:
            raise SpecError(
                text("no token for {apps}", "{apps} の token がありません", apps=", ".join(without)),
                text("give each app its token", "アプリごとに token を指定してください"),
            )
        if self.basic is not None and self.oauth_token is not None:
            raise SpecError(
                text("basic cannot stand beside oauth_token", "basic は oauth_token と併用できません"),
                text("both use the same header; use tokens", "同じヘッダーを使うため、token を使ってください"),
            )
        return self

    @model_validator(mode="after")
    def _each_app_once(self) -> Self:
        ids = Counter(app.id for app in self.apps.values())
        tokens = Counter((app.token.env, app.token.file) for app in self.apps.values() if app.token is not None)
        for name, app in self.apps.items():
            if ids[app.id] > 1:
                raise SpecError(
                    text("app {id} stands under two names", "アプリ {id} が2つの名前で書かれています", id=app.id),
                    text("write it once; kintone takes one token per app", "1つにまとめてください"),
                )
            if app.token is not None and tokens[app.token.env, app.token.file] > 1:
                raise SpecError(
                    text("the token of {app} is that of another app, too",
                         "{app} の token が別のアプリと同じです", app=name),
                    text("a token belongs to one app: refer to its own", "アプリごとのトークンを参照してください"),
                )  # fmt: skip
        return self

    @model_validator(mode="after")
    def _known_apps(self) -> Self:
        for option, name in (
            ("alert.app", self.alert.app if self.alert else None),
            ("timeline.app", self.timeline.app if self.timeline else None),
        ):
            if name is not None and name not in self.apps:
                _, fix = unknown_key(name, self.apps)
                raise SpecError(
                    text("{option}: there is no app {name!r}", "{option}: アプリ {name!r} はありません",
                         option=option, name=name),
                    fix,
                )  # fmt: skip
        return self
