"""Parts of the YAML block: signing in, lists and their division, and how records are written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from connector.errors import text
from connector.spec import Duration, Secret, Spec, SpecError

ID, KEY = "{id}", "{key}"


def _path(*allowed: str) -> AfterValidator:
    def check(value: str) -> str:
        if re.search(r"://|^//|[?#\s]", value):
            raise SpecError(
                text(
                    "{value!r} is no path behind base_url",
                    "{value!r} は base_url に続くパスではありません",
                    value=value,
                ),
                text(
                    "write it as `people`; what follows a ? goes to params",
                    "people のように書き、? 以降は params に書いてください",
                ),
            )
        for place in re.findall(r"\{[^}]*\}?", value):
            if place not in allowed:
                raise SpecError(
                    text("{place} means nothing in a path", "パスの {place} に意味がありません", place=place),
                    text("possible: {places}", "使えるもの: {places}", places=", ".join(allowed) or "-"),
                )
        return value

    return AfterValidator(check)


class Auth(Spec):
    """Who we are, sent with every request: one of the three ways. Or `none`, written out, where nobody is asked."""

    header: str | None = Field(default=None, pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")
    """Name of a header that holds `value`."""
    value: Secret | None = None
    """What stands in that header."""
    bearer: Secret | None = None
    """A token, sent as `Authorization: Bearer`."""
    user: str | None = None
    """A name, sent with `password` as `Authorization: Basic`."""
    password: Secret | None = None
    """The password of `user`."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = {name for name in type(self).model_fields if getattr(self, name) is not None}
        if given not in ({"header", "value"}, {"bearer"}, {"user", "password"}):
            raise SpecError(
                text("not one way to sign in", "認証方法を1つに決められません"),
                text(
                    "write header and value, or bearer, or user and password",
                    "header と value、bearer、user と password のいずれか1組を書いてください",
                ),
            )
        return self


def auth(value: Any) -> Any:
    """`none` as None; nothing is not none."""
    if value == "none":
        return None
    if not isinstance(value, dict | Auth):
        raise SpecError(
            text("auth says nothing", "auth の指定がありません"),
            text(
                "give header, bearer or user; write `none` if the system truly asks nobody who they are",
                "header、bearer、user のいずれかを指定してください。認証が本当に無い場合は none と書いてください",
            ),
        )
    return value


class Paging(Spec):
    """How a long list is divided."""

    by: Literal["none", "page", "offset", "cursor", "link"] = "none"
    """`page` and `offset` are counted by us, a `cursor` or `link` is given by the system; `none`: all come at once."""
    param: str = ""
    """Query parameter of the page, offset or cursor; by default it is called as `by` says."""
    first: int = Field(default=1, ge=0)
    """Number of the first page."""
    size_param: str = ""
    """Query parameter of the number of rows per page; without it the system decides."""
    size: Annotated[int, Field(ge=1)] = 100
    """Rows per page that are asked for."""
    next: str = ""
    """Where in the answer the next cursor or link stands; a link may also come in the header `Link`."""
    total: str = ""
    """Where in the answer the number of all rows stands; saves the call that finds the end."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.by == "cursor" and not self.next:
            raise SpecError(
                text("by: cursor needs next", "by: cursor には next が必要です"),
                text("say where in the answer the next cursor stands", "応答内の次カーソルの位置を指定してください"),
            )
        return self


class Modified(Spec):
    """The time of a row's last change."""

    field: str = Field(min_length=1)
    """Where it stands."""
    since: str = ""
    """Query parameter that asks for what changed from a time on; without it the whole list is read in every run."""
    sorted: bool = False
    """Whether rows come by this time, oldest first. Else all that changed is read before the first is handed on."""


class Listing(Spec):
    """A list of records, and what stands where in a row. Places are names of fields, dotted into blocks: `owner.id`."""

    path: Annotated[str, _path()]
    """Where the list is."""
    params: Mapping[str, str | int | bool] = Field(default_factory=dict)
    """Query parameters that every call for the list carries."""
    rows: str = ""
    """Where in the answer the rows stand; empty where the answer is the list itself."""
    paging: Paging = Paging()
    """How a long list is divided."""
    id: str = "id"
    """The record's id."""
    modified: Modified | None = None
    """The time of the last change; without it the whole list is read in every run."""
    whole_every: Duration | None = timedelta(days=1)
    """How often the whole list is read again: for deletions, and what reading by time could miss. `null`: never."""


class Write(Spec):
    """How a record is written."""

    method: Literal["PATCH", "PUT", "POST"]
    """The method."""
    path: Annotated[str, _path(ID, KEY)]
    """Where to; `{id}` stands for the record's id, `{key}` for our key."""
    wrap: str = ""
    """The block that the fields stand in, where the body is not the fields themselves."""
    keeps_others: bool = False
    """With `PUT`: says that this system leaves fields alone that are not sent, though `PUT` means to replace them."""


class Update(Write):
    """How fields of a record are changed. Only the fields that change are sent."""

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if ID not in self.path or KEY in self.path:
            raise SpecError(
                text("nothing says which record is meant", "どのレコードか指定されていません"),
                text("put {{id}} into path, and nothing else", "path に {{id}} だけを入れてください"),
            )
        if self.method == "PUT" and not self.keeps_others:
            raise SpecError(
                text(
                    "PUT replaces a record: fields that are not sent could be emptied",
                    "PUT はレコードの置き換えです。送信しない項目が消える恐れがあります",
                ),
                text(
                    "use PATCH, or write keeps_others: true if this system leaves the others alone",
                    "PATCH を使うか、送らない項目を保持するシステムなら keeps_others: true と書いてください",
                ),
            )
        return self


class Search(Spec):
    """How the record that holds our key is found."""

    path: Annotated[str, _path(KEY)]
    """Where to ask; with `{key}` in it, for one record or a list of them."""
    param: str = ""
    """Query parameter that takes the key, where it does not stand in the path."""
    rows: str = ""
    """Where in the answer the rows stand, where not at `rows` of the system; with `{key}` also the one record."""

    @model_validator(mode="after")
    def _asks(self) -> Self:
        if bool(self.param) == (KEY in self.path):
            raise SpecError(
                text("the key goes nowhere, or twice", "キーの渡し方を1つに決められません"),
                text("give param, or put {{key}} into path", "param か、path の {{key}} のどちらかにしてください"),
            )
        return self


class Create(Write):
    """How a record is made. Only what is safe to repeat is taken: after a search, or PUT to a path with our key."""

    id: str = "id"
    """Where in the answer the new record's id stands."""


class Made(Spec):
    """Something that is made once per key."""

    create: Create | None = None
    """How it is made; without it, it is not."""
    search: Search | None = None
    """How the one that has our key is found."""

    @model_validator(mode="after")
    def _safe_to_repeat(self) -> Self:
        create = self.create
        if create is None:
            return self
        if create.method == "PATCH" or ID in create.path:
            raise SpecError(
                text("this makes no new record", "この指定では新規作成できません"),
                text("write POST, or PUT with {{key}} in path", "POST か、path に {{key}} を含む PUT にしてください"),
            )
        if self.search is None and not (create.method == "PUT" and KEY in create.path):
            raise SpecError(
                text(
                    "a lost answer could make this twice",
                    "応答が失われると二重に登録される恐れがあります",
                ),
                text(
                    "add search, which finds the record by our key; or use PUT with {{key}} in the path",
                    "キーで探す search を追加するか、{{key}} を含む PUT にしてください",
                ),
            )
        if self.search is None and not create.keeps_others:
            raise SpecError(
                text(
                    "a second PUT could empty what was filled in since the first",
                    "PUT の再送で、その間に入力された項目が消える恐れがあります",
                ),
                text(
                    "add search, so that one who is there is not made again; or write keeps_others: true if this "
                    "system leaves alone what is not sent",
                    "登録済みかを確かめる search を追加するか、送らない項目を保持するシステムなら "
                    "keeps_others: true と書いてください",
                ),
            )
        return self
