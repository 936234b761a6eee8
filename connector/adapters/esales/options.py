"""What an administrator writes about an e-Sales Manager, whichever of its two generations it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from urllib3.util import parse_url

from connector.errors import text
from connector.http import BaseUrl, HttpOptions, check_base_url
from connector.spec import Duration, Many, Secret, Spec, SpecError

Generation = Literal["remix", "esm"]
Route = Literal["person_fields", "sheet_rows", "todo", "timeline_post"]

_OF_ESM = frozenset({"gateway", "prefix", "find", "merge", "timezone_header"})
_REMIX = re.compile(r"/([A-Za-z0-9_.~-]+)/esales-pc")
_ESM = re.compile(r"/([A-Za-z0-9_.~-]+)/login")


@dataclass(frozen=True, slots=True)
class Address:
    """What the address of the login page tells: the generation, where it stands, and whose it is.

    `https://HOST/CONTEXT/esales-pc` is a Remix, `https://DOMAIN/TENANT/login` an esm (knowledge7127 and 7064 of the
    vendor's help).
    """

    generation: Generation
    origin: str
    tenant: str

    @classmethod
    def of(cls, login_url: str) -> Address:
        """Read a login address.

        :raises SpecError: when it is neither of the two
        """
        url = parse_url(check_base_url(login_url))
        origin = f"{url.scheme}://{url.netloc}"
        path = url.path or ""
        if found := _REMIX.fullmatch(path):
            return cls("remix", origin, found[1])
        if found := _ESM.fullmatch(path):
            return cls("esm", origin, found[1])
        raise SpecError(
            text("not the address of a login page", "ログイン画面の URL ではありません"),
            text(
                "write https://HOST/CONTEXT/esales-pc (Remix) or https://DOMAIN/TENANT/login (esm)",
                "https://ホスト/コンテキスト/esales-pc (Remix) か https://ドメイン/テナント/login (esm) を"
                "指定してください",
            ),
        )


def _login_url(value: str) -> str:
    Address.of(value)
    return value.rstrip("/")


def _prefix(value: str) -> str:
    if re.fullmatch(r"(/[A-Za-z0-9_.~-]+)+", value) is None:
        raise SpecError(
            text("{value!r} is not a path", "{value!r} はパスではありません", value=value),
            text("write /esm-api or /sheet-fs", "/esm-api か /sheet-fs のように指定してください"),
        )
    return value


FieldType = Literal[
    "text", "num", "select", "decimal", "date", "checkbox",
    "STRING", "MEMO", "NUMBER", "DATE", "DATETIME", "TIME", "EMAIL", "TELNO", "URL", "SELECT", "SB_RELATION", "BOOLEAN",
]  # fmt: skip


class FieldOptions(Spec):
    """What the system does not tell of a field."""

    type: FieldType
    """Its type: small letters for a Remix, capitals for an esm."""
    choices: Many[str] = ()
    """The names of its choices, exactly as on the screen (esm)."""


class Stamps(Spec):
    """The columns of a sheet that tell when a record was made and changed."""

    changed: str
    """更新日: by it only what changed is read."""
    created: str | None = None
    """登録日: for records that were never changed, if those have no 更新日."""


class Employees(Spec):
    """The columns of 社員 by which a record becomes somebody who can be told something."""

    sheet: str = "employee"
    """Name of the sheet."""
    id: str | None = None
    """社員コード: what the field of a deal's 主担当 holds (Remix; in an esm it is the record's id)."""
    name: str
    """社員名."""
    email: str | None = None
    """Mail address."""


MARK = "CONNECTOR-PROBE"
"""What stands in the test record's field for a moment."""
TOLERANCE = timedelta(minutes=5)
"""How far the server's clock and a stamp it has just made may differ."""


class ProbeRecord(Spec):
    """A record made for tests, the only one that `connector probe` writes to."""

    sheet: str
    """Its sheet, as `person` or `businesscard`."""
    id: str
    """Its id."""
    field: str | None = None
    """A text field of it that may be overwritten; by default the first one that mappings write."""


class AlertFields(Spec):
    """Fields of 名刺 that show the last alert about a person."""

    key: str
    """Holds our key of the alert: text of 64."""
    title: str
    """Holds its title."""
    body: str | None = None
    """Holds its text."""


class AlertRows(Spec):
    """A sheet whose rows are alerts."""

    sheet: str = ""
    """Name of the sheet, as `connector inspect` shows it."""
    key: str
    """Text field that holds our key: one of your own, by which a row is found again."""
    title: str
    """Holds the title."""
    body: str | None = None
    """Holds the text."""
    owner: str | None = None
    """Holds whom it is for."""
    due: str | None = None
    """Holds until when."""
    person: str | None = None
    """Link to 名刺."""
    deal: str | None = None
    """Link to 案件."""


class AlertPost(Spec):
    """The call that registers a post on the timeline of an esm, as the vendor's page has it."""

    path: str = "post"
    """Its path behind `/pub/esms/v1/`."""
    body: dict[str, Any]
    """Its JSON; `{title}`, `{body}` and `{owner}` in its texts are filled in."""
    key: str
    """Text field of 名刺 that holds our key of the last post: a post cannot be looked up, so this tells that it was
    made."""


class AlertOptions(Spec):
    """Where alerts appear. 活動 is not among the ways: it cannot be without a 案件."""

    via: Many[Route] = ()
    """The ways in the order in which they are tried: `person_fields`, `sheet_rows`, `todo`, `timeline_post`."""
    person_fields: AlertFields | None = None
    """For `person_fields`."""
    sheet_rows: AlertRows | None = None
    """For `sheet_rows`: a 拡張シート."""
    todo: AlertRows | None = None
    """For `todo`: the columns of ToDo (Remix) or タスク (esm)."""
    timeline_post: AlertPost | None = None
    """For `timeline_post`, in an esm: alerts about a person whose 名刺 is known."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        lacking = next((way for way in self.via if getattr(self, way, None) is None), None)
        if lacking is not None:
            raise SpecError(
                text("alerts go via {way}, but it is not described", "via に {way} がありますが、その設定がありません",
                     way=lacking),
                text("add {way}: with its fields", "{way}: に項目を指定してください", way=lacking),
            )  # fmt: skip
        if self.sheet_rows is not None and not self.sheet_rows.sheet:
            raise SpecError(
                text("which sheet holds the alerts?", "アラートを書くシートが分かりません"),
                text("add sheet:", "sheet: を追加してください"),
            )
        return self


class Find(Spec):
    """How records of a sheet are found in an esm, whose search is described nowhere in public."""

    via: Literal["none", "list", "template"]
    """`list`: a list that somebody made on the screen. `template`: the search, copied from the vendor's page."""
    list_id: str | None = None
    """Id of the list."""
    path: str | None = None
    """Path of the search behind `/pub/esms/v1/`."""
    body: dict[str, Any] = Field(default_factory=dict)
    """Its JSON; a text `{since}` is replaced by the time from which on changes are wanted, `{offset}` by the number of
    records received so far. What holds `{since}` is left out while everything is read."""
    by_key: dict[str, Any] | None = None
    """The JSON that looks for one value of one field: `{field}` and `{key}` in its texts are filled in. Without it
    nothing is ever created in this sheet."""
    ids: str = ""
    """Where the answer holds ids, as `results.*.id`, or whole records, as `records.*`; `*` alone: the answer is the
    list."""
    total: str = ""
    """Where it holds how many there are, as `total`."""
    every: Duration = timedelta(days=1)
    """How often everything is read, where changes cannot be asked for (no `{since}`)."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        wanted = {"none": (), "list": ("list_id", "ids"), "template": ("path", "ids", "total")}[self.via]
        lacking = [name for name in wanted if not getattr(self, name)]
        if lacking:
            raise SpecError(
                text("via: {via} needs {names}", "via: {via} には {names} が必要です", via=self.via,
                     names=", ".join(lacking)),
            )  # fmt: skip
        if self.via != "none" and "*" not in self.ids.split("."):
            raise SpecError(
                text("{ids!r} does not lead to a list", "{ids!r} はリストを指していません", ids=self.ids),
                text("write * for its members, as ids.*", "ids.* のように要素を * で指定してください"),
            )
        return self


class Config(HttpOptions):
    """An e-Sales Manager: a Remix by its REST API, or an esm by its gateway."""

    type: Literal["esales"] = "esales"
    """The word that chooses this adapter."""
    login_url: Annotated[str, AfterValidator(_login_url)]
    """Address of the login page: `https://HOST/CONTEXT/esales-pc` (Remix) or `https://DOMAIN/TENANT/login` (esm)."""
    gateway: BaseUrl = "https://gateway-esm.softbrain.com"
    """Where the API of an esm stands."""
    prefix: Annotated[str, AfterValidator(_prefix)] = "/esm-api"
    """First part of the paths of an esm; `/sheet-fs` on older ones."""
    token: Secret | None = None
    """API token."""
    user: Secret | None = None
    """Instead of `token`: 社員番号 (Remix) or login id (esm)."""
    password: Secret | None = None
    """The user's password."""
    rate: Annotated[float, Field(gt=0)] | None = 2.0
    """Most requests per second. What the system bears is not published; slow answers halve it."""
    overlap: Duration = timedelta(minutes=10)
    """How late a record may become visible after its 変更日."""
    sweep: Duration = timedelta(days=7)
    """How often the ids of all records are read, because deletions are told nowhere."""
    stamps: dict[str, Stamps] = Field(default_factory=dict)
    """By sheet. Known by themselves: those of a Remix's person, and of an esm."""
    fields: dict[str, FieldOptions] = Field(default_factory=dict)
    """By code (Remix) or key (esm): types and choices, where the system does not tell them."""
    employees: Employees | None = None
    """The columns of 社員, where owners are to be told something."""
    timezone_header: str | None = None
    """What an esm is told as time zone; by default the name of the configured one, as `Asia/Tokyo`."""
    test_record: ProbeRecord | None = None
    """The record that `connector probe` tries things on. Nothing is written before it did."""
    find: dict[str, Find] = Field(default_factory=dict)
    """By sheet of an esm: how its records are found."""
    merge: bool = False
    """Whether records of an esm whose PUT replaces everything are written by reading and sending them whole."""
    alert: AlertOptions = AlertOptions()
    """Where alerts appear."""

    @property
    def address(self) -> Address:
        """What the login page's address tells."""
        return Address.of(self.login_url)

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        pair = (self.user is None, self.password is None)
        if self.token is not None and pair == (True, True):
            return self
        if self.token is None and pair == (False, False):
            return self
        raise SpecError(
            text("no clear way to sign in", "サインインの方法が決まりません"),
            text("give token, or user and password", "token か、user と password を指定してください"),
        )

    @model_validator(mode="after")
    def _of_its_generation(self) -> Self:
        remix = self.address.generation == "remix"
        strange = self.model_fields_set & _OF_ESM if remix else frozenset[str]()
        if remix and "timeline_post" in self.alert.via:
            strange |= {"alert.via: timeline_post"}
        if strange:
            raise SpecError(
                text("not an option of this generation: {names}", "この世代では使えない設定です: {names}",
                     names=", ".join(sorted(strange))),
                text("login_url tells that it is {generation}", "login_url から {generation} と判断しました",
                     generation="Remix" if remix else "esm"),
            )  # fmt: skip
        strange = {code for code, told in self.fields.items() if told.type.islower() is not remix}
        if strange:
            raise SpecError(
                text("types of the other generation: {names}", "もう一方の世代の型です: {names}",
                     names=", ".join(sorted(strange))),
                text("small letters for Remix (text), capitals for esm (STRING)",
                     "Remix は小文字 (text)、esm は大文字 (STRING) で指定してください"),
            )  # fmt: skip
        if remix and self.employees is not None and self.employees.id is None:
            raise SpecError(
                text("which column holds the id of an employee?", "社員コードの項目が分かりません"),
                text("add id: under employees", "employees に id を追加してください"),
            )
        return self
