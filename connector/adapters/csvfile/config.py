"""The YAML block of a system that speaks CSV files."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, model_validator

from connector.errors import text
from connector.model import PERSON_FIELD_KIND, PERSON_FIELDS, DealState, Kind, Role
from connector.spec import Duration, Many, Spec, SpecError, Word, one_or_many, unknown_key

FileKind = Literal["companies", "people", "touchpoints", "deals", "lists"]
Encoding = Literal["cp932", "utf-8", "utf-8-sig", "utf-16", "euc_jp"]

WORDS = MappingProxyType(
    {
        "companies": ("id", "name", "corporate_number", "website", "parent_id", "owner", "modified"),
        "people": ("id", "company_id", "owner", "created", "modified", *PERSON_FIELDS),
        "touchpoints": (
            "id", "person", "touchpoint", "happened", "label", "url", "campaign", "result", *PERSON_FIELDS,
        ),
        "deals": (
            "id", "name", "state", "stage", "stage_since", "probability", "amount", "closes_on", "closed_at",
            "lost_reason", "product", "owner", "company_id", "company", "person", "email", "modified",
        ),
        "lists": ("list", "person", *PERSON_FIELDS),
    }
)  # fmt: skip
"""The words that columns of each kind of file may be given."""

NEEDED: dict[str, tuple[tuple[str, ...], ...]] = {
    "companies": (("name",),),
    "people": (("id", "email", "name", "family_name"),),
    "touchpoints": (("touchpoint",), ("happened",), ("person", "email", "name", "family_name")),
    "deals": (("name",), ("state",)),
    "lists": (("list",), ("person", "email", "name", "family_name")),
}
"""Of each of these groups of words, one at least must be given by a column or a default."""

IGNORE = "ignore"
ELSE = "*"
Ours = str | int | float | bool


def _encoding(value: Any) -> Any:
    if isinstance(value, str) and value.lower().replace("-", "_") in ("shift_jis", "sjis", "ms932", "windows_31j"):
        raise SpecError(
            text("{value} lacks ① ㈱ 髙 and others", "{value} には ① ㈱ 髙 などがありません", value=value),
            text("write cp932, which is what Excel saves", "Excel が保存する cp932 を指定してください"),
        )
    return value


def _time_zone(value: Any) -> Any:
    try:
        ZoneInfo(value)
    except (KeyError, TypeError, ValueError, OSError):
        what = text("{value!r} is no time zone", "{value!r} というタイムゾーンはありません", value=value)
        raise SpecError(what, text("write Asia/Tokyo", "Asia/Tokyo のように書いてください")) from None
    return value


class File(Spec):
    """Files of one layout: what their rows are, and which of their columns hold what."""

    pattern: str = Field(min_length=1)
    """Names of the files, such as `名刺*.csv`. A file belongs to the first entry that fits."""
    kind: FileKind
    """What a row is."""
    object: str = "person"
    """The kind of record that people in these files are; two exports that number people apart need two words."""
    columns: dict[str, Many[str]] = Field(default_factory=dict)
    """Our words and the headers of their columns; of several headers the cells are joined by a space."""
    values: dict[str, dict[str, Ours]] = Field(default_factory=dict)
    """For a word: what stands in the cells and what it means to us; `"*"` is any other, `ignore` leaves the row out."""
    defaults: dict[str, Ours] = Field(default_factory=dict)
    """Values of words that have no column, or whose cell is blank."""

    @model_validator(mode="after")
    def _words(self) -> Self:
        known = WORDS[self.kind]
        given = [*self.columns, *self.values, *self.defaults]
        for word in given:
            if word not in known:
                raise SpecError(*unknown_key(word, known))
        for group in NEEDED[self.kind]:
            if not any(word in self.columns or word in self.defaults for word in group):
                raise SpecError(
                    text("{words} has no column", "{words} の列がありません", words="|".join(group)),
                    text("name it under columns or defaults", "columns か defaults で指定してください"),
                )
        self._our_values()
        return self

    def _our_values(self) -> None:
        choices: dict[str, tuple[Ours, ...]] = {
            "touchpoint": tuple(Kind),
            "state": tuple(DealState),
            **dict.fromkeys(PERSON_FIELD_KIND, (True, False)),
        }
        for word, allowed in choices.items():
            given = [*self.values.get(word, {}).values(), *([self.defaults[word]] if word in self.defaults else [])]
            for value in given:
                if value not in allowed and value != IGNORE:
                    names = ", ".join(str(choice) for choice in allowed)
                    raise SpecError(
                        text("{value!r} is no {word}", "{word} に {value!r} は使えません", value=value, word=word),
                        text("one of {names}", "{names} のいずれかを指定してください", names=names),
                    )


class Config(Spec):
    """A system that gives and takes CSV files in folders."""

    type: Literal["csv"] = "csv"
    """The word that chooses this adapter."""
    role: Word[Role]
    """Which side of the loop these files stand for: ma or sfa."""
    folder: str = Field(min_length=1)
    """Where files are dropped; what was read is moved to `done` in it, what could not be read to `failed`.

    Relative paths begin at the folder of `config.yaml`.
    """
    out: str = Field(min_length=1)
    """Where results are written."""
    encoding: Annotated[Encoding, BeforeValidator(_encoding)]
    """How the files are encoded, those read and those written."""
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    """What stands between cells."""
    timezone: Annotated[str, BeforeValidator(_time_zone)] = "Asia/Tokyo"
    """The time zone of dates and times in the files."""
    settle: Duration = timedelta(seconds=5)
    """A file that was changed less long ago is left for the next run: it may still be on its way."""
    state: str | None = None
    """File in which the adapter remembers people, lists and what was handed out; by default in `out`."""
    files: Annotated[tuple[File, ...], BeforeValidator(one_or_many), Field(min_length=1)]
    """The layouts, in the order in which they are tried on a name."""

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if Path(self.folder) == Path(self.out):
            raise SpecError(
                text("folder and out are the same", "folder と out が同じです"),
                text(
                    "results must not be read again; name another", "結果を読み直さないよう別のフォルダーにしてください"
                ),
            )
        return self
