"""Base of every YAML block: strict, frozen, documented, knows its file:line:col. And the YAML reader behind it.

YAML is read as version 1.2 core: `18:30` and `on` are text, a duplicate key is a problem, aliases are not taken,
depth and size are bounded. (PyYAML's own loader would read `18:30` as 1110 and drop the first of two equal keys.)
"""

from __future__ import annotations

import difflib
import math
import operator
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from connector.errors import ConfigError, Problem, Text, text

MAX_BYTES = 2_000_000
MAX_DEPTH = 40


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file; line and column count from 1."""

    file: str
    line: int
    column: int

    def problem(self, what: Text, fix: Text | None = None, severity: Literal["error", "warning"] = "error") -> Problem:
        """A problem at this place."""
        return Problem(self.file, self.line, self.column, what, fix, severity)


class Block(dict[str, Any]):
    """A YAML mapping that remembers where it, its keys and its values stand."""

    def __init__(self, mark: Mark) -> None:
        super().__init__()
        self.mark = mark
        self.key_marks: dict[str, Mark] = {}
        self.marks: dict[str, Mark] = {}

    def gather(self, prefix: str, under: str) -> Block:
        """The same block with every `prefixNAME: value` moved to `under: {NAME: value}`."""
        if not any(key.startswith(prefix) for key in self):
            return self
        outer, inner = Block(self.mark), Block(self.mark)
        for key, value in self.items():
            into, name = (inner, key.removeprefix(prefix)) if key.startswith(prefix) else (outer, key)
            into[name], into.key_marks[name], into.marks[name] = value, self.key_marks[key], self.marks[key]
        outer[under], outer.key_marks[under], outer.marks[under] = inner, self.mark, self.mark
        return outer


class Items(list[Any]):
    """A YAML sequence that remembers where it and its items stand."""

    def __init__(self, mark: Mark) -> None:
        super().__init__()
        self.mark = mark
        self.marks: list[Mark] = []


class SpecError(ValueError):
    """Raised by validators: what is wrong with a value and how to write it instead."""

    def __init__(self, what: Text, fix: Text | None = None) -> None:
        super().__init__(str(what))
        self.what = what
        self.fix = fix


class Spec(BaseModel):
    """A block of configuration. Unknown keys are problems with a suggestion; nothing is coerced between types."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True, populate_by_name=True
    )
    _mark: Mark = PrivateAttr(default=Mark("<built>", 0, 0))
    _marks: dict[str, Mark] = PrivateAttr(default_factory=dict)

    @property
    def mark(self) -> Mark:
        """Where this block stands."""
        return self._mark

    def mark_of(self, key: str) -> Mark:
        """Where the value of `key` stands."""
        return self._marks.get(key, self._mark)

    @classmethod
    def arrange(cls, data: Block) -> Block:
        """A block as it was written, brought into the shape of the fields; by default as it is."""
        return data

    @classmethod
    def written(cls, schema: dict[str, Any]) -> dict[str, Any]:
        """The JSON Schema of a block as it is written, from that of the fields: the counterpart of `arrange`."""
        return schema

    @model_validator(mode="wrap")
    @classmethod
    def _remember_place(cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        if not isinstance(data, Block):
            return handler(data)
        data = cls.arrange(data)
        known = {field.alias or name for name, field in cls.model_fields.items()}
        for key in data.keys() - known:
            problems: list[Problem] = (info.context or {}).setdefault("problems", [])
            problems.append(data.key_marks[key].problem(*unknown_key(key, known)))
        built = handler({key: value for key, value in data.items() if key in known})
        built._mark = data.mark  # noqa: SLF001  of our own class
        built._marks = data.marks  # noqa: SLF001  as above
        return built


S = TypeVar("S", bound=Spec)


def unknown_key(key: str, known: Iterable[str]) -> tuple[Text, Text]:
    """What to say about a key that does not exist: the nearest one, or all that exist."""
    what = text("unknown key {key!r}", "不明なキー {key!r}", key=key)
    if any(sign in key for sign in _WIDE):
        return what, _WIDE_FIX
    near = difflib.get_close_matches(key, known, 1, 0.6)
    if near:
        return what, text("did you mean {near!r}?", "{near!r} の誤りではありませんか", near=near[0])
    names = ", ".join(sorted(known))
    return what, text("possible keys: {names}", "使えるキー: {names}", names=names)


def parse(cls: type[S], data: Any, mark: Mark) -> tuple[S | None, list[Problem]]:
    """Build `cls` from what was read at `mark`; every problem found, instead of the first one."""
    problems: list[Problem] = []
    try:
        built = cls.model_validate(data, context={"problems": problems})
    except ValidationError as error:
        problems += [_explain(e, data, mark) for e in error.errors(include_url=False)]
        return None, problems
    return (None if problems else built), problems


def _explain(error: Any, data: Any, mark: Mark) -> Problem:
    place, key = _place(data, error["loc"], mark)
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, SpecError):
        return place.problem(cause.what, cause.fix)
    if error["type"] == "missing":
        return place.problem(
            text("missing key {key!r}", "キー {key!r} がありません", key=key),
            text("add it to this block", "このブロックに追加してください"),
        )
    given = "" if isinstance(error["input"], dict | list) else f" ({error['input']!r})"
    of = f"{key}: " if key else ""
    wanted = _WANTED.get(error["type"])
    if wanted is None:
        said = f"{error['msg']}{given}"
        return place.problem(text("{of}{said}", "{of}{said}", of=of, said=said))
    bounds = error.get("ctx", {})
    expected = _bound(next((bounds[name] for name in ("expected", "gt", "ge", "lt", "le") if name in bounds), ""))
    return place.problem(
        text(
            "{of}must be {wanted}{given}",
            "{of}{wanted_ja}で指定してください{given}",
            of=of,
            wanted=wanted[0].format(expected=expected),
            wanted_ja=wanted[1].format(expected=expected),
            given=given,
        )
    )


def _bound(said: Any) -> str:
    """A bound as it is written here; pydantic tells that of a duration as Python writes it."""
    if not str(said).startswith("datetime.timedelta("):
        return str(said)
    parts = {name: int(number) for name, number in re.findall(r"(days|seconds)=(\d+)", said)}
    return spelt(timedelta(**parts)) if parts else "0s"


_WANTED = {
    "string_type": ("text", "文字列"),
    "int_type": ("a whole number", "整数"),
    "int_from_float": ("a whole number", "整数"),
    "float_type": ("a number", "数値"),
    "bool_type": ("true or false", "true か false"),
    "list_type": ("a list", "リスト"),
    "tuple_type": ("a list", "リスト"),
    "dict_type": ("a block of keys", "キーと値のブロック"),
    "model_type": ("a block of keys", "キーと値のブロック"),
    "literal_error": ("one of {expected}", "{expected} のいずれか"),
    "enum": ("one of {expected}", "{expected} のいずれか"),
    "string_too_short": ("text that is not empty", "空でない文字列"),
    "greater_than": ("more than {expected}", "{expected} より大きい値"),
    "greater_than_equal": ("{expected} or more", "{expected} 以上の値"),
    "less_than": ("less than {expected}", "{expected} より小さい値"),
    "less_than_equal": ("{expected} or less", "{expected} 以下の値"),
}


def _place(data: Any, loc: Sequence[int | str], mark: Mark) -> tuple[Mark, str]:
    """The mark nearest to `loc` and the last key named; parts that pydantic adds (tags of unions) are skipped."""
    key = ""
    for part in loc:
        if isinstance(data, Block) and isinstance(part, str):
            if part in data:
                mark, data, key = data.marks[part], data[part], part
            elif part.isidentifier():
                key = part
        elif isinstance(data, Items) and isinstance(part, int) and part < len(data):
            mark, data = data.marks[part], data[part]
    return mark, key


# --- reading YAML -----------------------------------------------------------------------------------------------------


def read_yaml(path: Path, shown: str) -> tuple[Any, list[Problem]]:
    """The content of a file as `Block`, `Items` and scalars, and what is wrong with it as YAML."""
    whole = Mark(shown, 0, 0)
    try:
        raw = path.read_bytes()
    except OSError as error:
        what = text("cannot be read: {why}", "読み込めません: {why}", why=error.strerror)
        return None, [whole.problem(what)]
    if len(raw) > MAX_BYTES:
        return None, [whole.problem(text("larger than {n} bytes", "{n}バイトを超えています", n=MAX_BYTES))]
    try:
        content = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        return None, [
            Mark(shown, line, 1).problem(
                text("not UTF-8", "UTF-8 ではありません"),
                text("save the file as UTF-8", "UTF-8 で保存し直してください"),
            )
        ]
    return read_yaml_text(content, shown)


def read_yaml_text(content: str, shown: str) -> tuple[Any, list[Problem]]:
    """As `read_yaml`, from text."""
    builder = _Builder(shown)
    try:
        loader: Any = yaml.SafeLoader(content)
        try:
            loader.check_event(yaml.StreamStartEvent)
            root = builder.document(loader)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        at: Any = error.problem_mark or error.context_mark
        mark = Mark(shown, at.line + 1, at.column + 1) if at else Mark(shown, 0, 0)
        near = content.splitlines()[max(mark.line - 2, 0) : mark.line]
        return None, [*builder.problems, _not_yaml(mark, str(error.problem), near)]
    except yaml.YAMLError as error:
        return None, [*builder.problems, _not_yaml(Mark(shown, 0, 0), str(error).splitlines()[0], [])]
    return root, builder.problems


def _not_yaml(mark: Mark, why: str, near: Sequence[str]) -> Problem:
    """What the library says, in both languages, and what to do; `near`: the lines where it noticed."""
    ja, fix = next(((ja, fix) for begins, ja, fix in _REASONS if why.startswith(begins)), (why, None))
    if any(sign in line.partition("#")[0] for line in near for sign in _WIDE):
        fix = _WIDE_FIX
    return mark.problem(text("not YAML: {why}", "YAML として読めません: {reason}", why=why, reason=ja), fix)


_WIDE = ("\u3000", "\uff1a")
"""The space and the colon of a Japanese keyboard."""
_WIDE_FIX = text(
    "write half-width spaces and colons: there is a full-width one",
    "全角の空白か「：」があります。半角の空白と「:」で書いてください",
)
_REASONS: Sequence[tuple[str, str, Text | None]] = (
    ("found character '\\t'", "タブ文字があります", text("indent with spaces", "字下げは半角の空白で書いてください")),
    (
        "found character",
        "値の先頭に使えない文字があります",
        text("put the value in quotation marks", "値を引用符で囲んでください"),
    ),
    (
        "mapping values are not allowed",
        "ここには「キー: 値」を書けません",
        text(
            "look at the indentation; a value that holds ': ' stands in quotation marks",
            "字下げを確認してください。「: 」を含む値は引用符で囲んでください",
        ),
    ),
    (
        "could not find expected ':'",
        "「:」がありません",
        text("write `key: value`, with a space behind the colon", "「キー: 値」の形で、コロンの後を空けてください"),
    ),
    (
        "expected <block end>",
        "字下げが揃っていません",
        text("keys of one block begin in one column", "同じブロックのキーは同じ桁から書き始めてください"),
    ),
    (
        "found unexpected end of stream",
        "引用符が閉じられていません",
        text("close the quotation mark", "引用符を閉じてください"),
    ),
    ("expected ',' or", "「,」か閉じ括弧がありません", text("close the bracket", "括弧を閉じてください")),
    ("nested deeper", f"入れ子が{MAX_DEPTH}段を超えています", None),
    (
        "unacceptable character",
        "使えない制御文字があります",
        text("save the file as plain UTF-8 text", "UTF-8 のテキストとして保存し直してください"),
    ),
)
"""How the library's reasons begin, what they are in Japanese, and what to do."""


class _Builder:
    """Builds values from parser events, without PyYAML's composer: no aliases, no tags, bounded depth."""

    def __init__(self, shown: str) -> None:
        self.shown = shown
        self.problems: list[Problem] = []

    def document(self, loader: Any) -> Any:
        root: Any = None
        seen = False
        while True:
            event = loader.get_event()
            if isinstance(event, yaml.StreamEndEvent):
                return root
            if isinstance(event, yaml.StreamStartEvent | yaml.DocumentEndEvent):
                continue
            if seen:
                self.problems.append(self._mark(event).problem(text("more than one document", "文書が複数あります")))
                return root
            seen = True
            root = self._value(loader, loader.get_event(), 1)

    def _mark(self, event: yaml.Event) -> Mark:
        at: Any = event.start_mark
        return Mark(self.shown, at.line + 1, at.column + 1)

    def _value(self, loader: Any, event: yaml.Event, depth: int) -> Any:
        mark = self._mark(event)
        if depth > MAX_DEPTH:
            at: Any = event.start_mark
            raise yaml.MarkedYAMLError(problem=f"nested deeper than {MAX_DEPTH} levels", problem_mark=at)
        if isinstance(event, yaml.AliasEvent):
            self.problems.append(
                mark.problem(
                    text("aliases (*name) are not taken", "エイリアス (*name) は使えません"),
                    text("write the values out", "値をそのまま書いてください"),
                )
            )
            return None
        if getattr(event, "tag", None) not in (None, "!"):
            self.problems.append(mark.problem(text("tags (!name) are not taken", "タグ (!name) は使えません")))
        if isinstance(event, yaml.ScalarEvent):
            return event.value if event.style else scalar(event.value)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(loader, mark, depth)
        return self._mapping(loader, mark, depth)

    def _sequence(self, loader: Any, mark: Mark, depth: int) -> Items:
        items = Items(mark)
        while not isinstance(event := loader.get_event(), yaml.SequenceEndEvent):
            items.marks.append(self._mark(event))
            items.append(self._value(loader, event, depth + 1))
        return items

    def _mapping(self, loader: Any, mark: Mark, depth: int) -> Block:
        block = Block(mark)
        while not isinstance(event := loader.get_event(), yaml.MappingEndEvent):
            at = self._mark(event)
            key = event.value if isinstance(event, yaml.ScalarEvent) else None
            if key is None:
                self._value(loader, event, depth + 1)
                self.problems.append(at.problem(text("a key must be text", "キーは文字列にしてください")))
            value_event = loader.get_event()
            value_mark = self._mark(value_event)
            value = self._value(loader, value_event, depth + 1)
            if key is None:
                continue
            if key in block:
                first = block.key_marks[key].line
                self.problems.append(
                    at.problem(
                        text("{key!r} is written twice", "{key!r} が重複しています", key=key),
                        text("the first one stands in line {n}", "最初の定義は{n}行目です", n=first),
                    )
                )
                continue
            block[key], block.key_marks[key], block.marks[key] = value, at, value_mark
        return block


_LONGEST_NUMBER = 300
"""Digits; what is longer counts nothing that there is."""
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS = {
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def scalar(plain: str) -> str | int | float | bool | None:
    """A plain (unquoted) scalar by the YAML 1.2 core schema; numbers with leading zeros stay text (codes, phones)."""
    if plain in _WORDS:
        return _WORDS[plain]
    if _INT.fullmatch(plain):
        digits = plain.lstrip("+-")
        as_text = (len(digits) > 1 and digits[0] == "0") or len(digits) > _LONGEST_NUMBER
        return plain if as_text else int(plain)
    if _FLOAT.fullmatch(plain):
        number = float(plain)
        return number if math.isfinite(number) else plain
    return plain


# --- words of the configuration ---------------------------------------------------------------------------------------

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}
_SPELT = tuple((unit, _UNITS[unit]) for unit in "dhms")
_DURATION = re.compile(r"(\d+)(s|m|h|d|w|y)")
DurationText = Annotated[str, Field(pattern=r"^\d{1,6}(s|m|h|d|w|y)$", examples=["30d"])]
"""A duration as it is written."""


def duration(value: Any) -> Any:
    """`30d` and the like as a timedelta: s m h d w, y (365 days)."""
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None or len(match[1]) > 6:
        raise SpecError(
            text("{value!r} is not a duration", "{value!r} は期間として読めません", value=value),
            text("write 30d, 6h, 15m, 2w or 1y", "30d、6h、15m、2w、1y のように書いてください"),
        )
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


Duration = Annotated[timedelta, BeforeValidator(duration, json_schema_input_type=DurationText)]


def spelt(value: timedelta) -> str:
    """A duration as an administrator would write it: `7d` reads better than `1w`, and `730d` than `2y`."""
    seconds = int(value.total_seconds())
    return next(f"{seconds // size}{unit}" for unit, size in _SPELT if seconds % size == 0)


def share(value: Any) -> Any:
    """`20%` as 0.2."""
    match = re.fullmatch(r"(\d{1,3})%", value) if isinstance(value, str) else None
    if isinstance(value, float) and 0 <= value <= 1:
        return value
    if match is None or int(match[1]) > 100:
        raise SpecError(
            text("{value!r} is not a share", "{value!r} は割合として読めません", value=value),
            text("write 20%", "20% のように書いてください"),
        )
    return int(match[1]) / 100


_ShareText = (
    Annotated[str, Field(pattern=r"^(100|0?\d{1,2})%$", examples=["20%"])] | Annotated[float, Field(ge=0, le=1)]
)
Share = Annotated[float, BeforeValidator(share, json_schema_input_type=_ShareText)]


@dataclass(frozen=True, slots=True)
class Hours:
    """A part of the day, in the configured time zone; it may cross midnight."""

    start: time
    end: time

    def contains(self, moment: time) -> bool:
        """Whether `moment` lies in it (start included, end not)."""
        if self.start <= self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end


def hours(value: Any) -> Any:
    """`20:00-08:00` as Hours."""
    if isinstance(value, Hours):
        return value
    match = (
        re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", value) if isinstance(value, str) else None
    )
    if match is None:
        raise SpecError(
            text("{value!r} is not a part of the day", "{value!r} は時間帯として読めません", value=value),
            text('write "20:00-08:00"', '"20:00-08:00" のように書いてください'),
        )
    h1, m1, h2, m2 = (int(part) for part in match.groups())
    return Hours(time(h1, m1), time(h2, m2))


_HOUR = r"([01]\d|2[0-3]):[0-5]\d"
_HoursText = Annotated[str, Field(pattern=f"^{_HOUR}-{_HOUR}$", examples=["20:00-08:00"])]
HoursOfDay = Annotated[Hours, BeforeValidator(hours, json_schema_input_type=_HoursText)]


def one_or_many(value: Any) -> Any:
    """A single word or block where a list is meant."""
    return (value,) if isinstance(value, str | dict) else tuple(value) if isinstance(value, list) else value


T = TypeVar("T")
Many = Annotated[tuple[T, ...], BeforeValidator(one_or_many)]
Word = Annotated[T, Field(strict=False)]
"""A member of an enumeration, written as its word."""


N = TypeVar("N")


class Compare(Spec, Generic[N]):
    """A comparison; all that are given must hold."""

    gte: N | None = None
    """At least."""
    gt: N | None = None
    """More than."""
    lte: N | None = None
    """At most."""
    lt: N | None = None
    """Less than."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.gte is self.gt is self.lte is self.lt is None:
            raise SpecError(
                text("an empty comparison", "比較条件が空です"),
                text("write {{gte: 30}}", "{{gte: 30}} のように書いてください"),
            )
        return self

    @classmethod
    def written(cls, schema: dict[str, Any]) -> dict[str, Any]:
        """One of the comparisons at least."""
        return schema | {"minProperties": 1}

    def limits(self) -> Iterator[tuple[N, Callable[[Any, Any], bool]]]:
        """What is given, and how a value is compared with it."""
        tests = ((self.gte, operator.ge), (self.gt, operator.gt), (self.lte, operator.le), (self.lt, operator.lt))
        yield from ((limit, test) for limit, test in tests if limit is not None)


class Amount(Compare[float]):
    """A comparison with a number."""

    def holds(self, value: float | None) -> bool:
        """Whether `value` passes; an unknown value (None) never does."""
        return value is not None and all(test(value, limit) for limit, test in self.limits())


class Secret(Spec):
    """A reference to a secret; the secret itself never stands in YAML."""

    env: str | None = None
    """Name of an environment variable."""
    file: str | None = None
    """Path of a file that holds the secret and nothing else; a relative one begins at the folder of this file."""

    @classmethod
    def written(cls, schema: dict[str, Any]) -> dict[str, Any]:
        """One of the two references."""
        # Not by `maxProperties`: the key that is being typed counts, so that editors would offer none.
        one = {"env": {"properties": {"file": False}}, "file": {"properties": {"env": False}}}
        said = "write {env: NAME} or {file: PATH} / {env: 名前} か {file: パス} で参照してください"
        return schema | {"minProperties": 1, "dependentSchemas": one, "errorMessage": said}

    @model_validator(mode="before")
    @classmethod
    def _no_literal(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            raise SpecError(
                text("a secret is written out here", "秘密情報が直接書かれています"),
                text("write {{env: NAME}} or {{file: PATH}}", "{{env: 名前}} か {{file: パス}} で参照してください"),
            )
        return data

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise SpecError(
                text("give either env or file", "env か file のどちらか一方を指定してください"),
            )
        return self

    @property
    def path(self) -> Path:
        """Where the file is, if it is one."""
        return Path(self.mark.file).parent / str(self.file)

    def reveal(self) -> str:
        """The secret, read now.

        :raises ConfigError: when the variable or file is missing, empty or unreadable
        """
        if self.env is not None:
            value = os.environ.get(self.env, "")
            if not value:
                what = text(
                    "environment variable {name} is not set", "環境変数 {name} が設定されていません", name=self.env
                )
                raise ConfigError(
                    [self.mark.problem(what, text("set it, then try again", "設定してから再実行してください"))]
                )
            return value
        try:
            value = self.path.read_text(encoding="utf-8").strip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "not UTF-8"
            what = text(
                "secret file {name} cannot be read: {why}",
                "秘密情報ファイル {name} を読めません: {why}",
                name=self.file,
                why=why,
            )
            raise ConfigError([self.mark.problem(what)]) from None
        if not value:
            what = text("secret file {name} is empty", "秘密情報ファイル {name} が空です", name=self.file)
            raise ConfigError([self.mark.problem(what)])
        return value

    def __repr__(self) -> str:
        return f"Secret(env={self.env!r})" if self.env else f"Secret(file={self.file!r})"


def secrets_in(value: object) -> Iterator[Secret]:
    """The references in a value, however deep in blocks, lists and blocks by name."""
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, Spec | Mapping):
        for inner in vars(value).values() if isinstance(value, Spec) else value.values():
            yield from secrets_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from secrets_in(inner)
