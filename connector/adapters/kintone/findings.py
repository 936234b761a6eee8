"""What can be wrong with a field of an app, in words."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Literal

from connector.adapters.kintone.form import CHOICES, ENTITIES, KEY_LENGTH, TEXTS, WRITABLE, Form, FormField
from connector.adapters.kintone.values import Unfit, write
from connector.errors import Text, text
from connector.ports import Finding, ObjectNeeds, ValueKind


@dataclass(frozen=True)
class Found:
    """Findings about one app."""

    app: str
    form: Form

    def error(
        self, code: str, what: Text, fix: Text | None = None, severity: Literal["error", "warning"] = "error"
    ) -> Finding:  # fmt: skip
        """A finding about one field."""
        return Finding(severity, what, self.app, code, fix)

    def unusable(self, code: str) -> Finding:
        """A field that is not there, or holds nothing which could be a value."""
        field = self.form.find(code)
        if field is None:
            return self.error(code, text("there is no such field", "フィールドがありません"), self._near(code))
        if code in self.form.tables:
            what = text(
                "stands in the table {table}", "テーブル {table} 内のフィールドです", table=self.form.tables[code]
            )
            fix = text("map a field outside of tables", "テーブルの外のフィールドを指定してください")
        elif not field.enabled:
            what = text("is switched off", "無効になっています")
            fix = text("switch process management on, or map another field", "プロセス管理を有効にしてください")
        elif field.type == "SUBTABLE":
            what = text("is a table that is not ours", "書き換えてよいテーブルとして設定されていません")
            fix = text("name it as summary of the app", "アプリの summary に指定してください")
        else:
            what = text("is of type {type}, which cannot be read", "種類 {type} は読み取れません", type=field.type)
            fix = text("map another field", "別のフィールドを指定してください")
        return self.error(code, what, fix)

    def _near(self, code: str) -> Text:
        """The field that was probably meant: kintone tells full-width letters from half-width ones."""
        codes = [each.code for each in self.form.every()]
        twin = next((each for each in codes if _folded(each) == _folded(code)), None)
        if twin is not None:
            return text(
                "it is spelt {near!r} there (full-width and half-width letters, or case, differ)",
                "アプリでは {near!r} です(全角・半角や大文字・小文字が異なります)",
                near=twin,
            )
        label = next((each.code for each in self.form.every() if each.label == code), None)
        if label is not None:
            return text(
                "that is a label; its code is {near!r}",
                "それはフィールド名です。フィールドコードは {near!r} です",
                near=label,
            )
        near = difflib.get_close_matches(code, codes, 1, 0.6)
        if near:
            return text("did you mean {near!r}?", "{near!r} の誤りではありませんか", near=near[0])
        return text(
            "create it; `connector inspect` lists what there is",
            "フィールドを作成してください。一覧は `connector inspect` で表示できます",
        )

    def typed(self, code: str | None, types: frozenset[str]) -> Iterator[Finding]:
        """That a field is there and of one of these types."""
        if code is None:
            return
        field = self.form.fields.get(code)
        if field is None:
            yield self.unusable(code)
        elif field.type not in types:
            yield self.wrong_type(field, types)

    def wrong_type(self, field: FormField, types: frozenset[str]) -> Finding:
        """A field that is of another type."""
        listed = ", ".join(sorted(types))
        return self.error(
            field.code,
            text("is of type {type}", "種類が {type} です", type=field.type),
            text("use one of: {types}", "次のいずれかの種類にしてください: {types}", types=listed),
        )

    def key(self, code: str, length: int) -> Iterator[Finding]:
        """That a record can be found by this field, and by nothing else that has the same value."""
        field = self.form.fields.get(code)
        if field is None:
            yield self.unusable(code)
            return
        if field.type != "SINGLE_LINE_TEXT" or not field.unique:
            yield self.error(
                code,
                text(
                    "is no single-line text that prohibits duplicates",
                    "「値の重複を禁止する」文字列(1行)ではありません",
                ),
                text("tick Prohibit duplicate values on it", "「値の重複を禁止する」を有効にしてください"),
            )
        elif field.max_length and field.max_length < min(length, KEY_LENGTH):
            yield self.short(field, length)

    def written(self, field: FormField, needs: ObjectNeeds, zone: tzinfo) -> Iterator[Finding]:
        """That a field takes what a mapping writes into it."""
        code = field.code
        if code in self.form.copied:
            yield self.copied(code)
        elif field.computed:
            yield self.error(
                code,
                text("is filled by a formula: what is written is ignored", "自動計算のため、書き込みは無視されます"),
                text("switch 自動計算 off, or map another field", "自動計算を外すか、別のフィールドを指定してください"),
            )
        elif field.type not in WRITABLE or code in self.form.tables:
            yield self.error(
                code,
                text("is of type {type}, which we cannot write", "種類 {type} には書き込めません", type=field.type),
                text("map another field", "別のフィールドを指定してください"),
            )
        else:
            yield from self._taken(field, needs, zone)
        wanted = needs.lengths.get(code)
        if wanted and field.max_length and field.max_length < wanted:
            yield self.short(field, wanted)
        if field.type in CHOICES:
            missing = sorted(each for each in needs.choices.get(code, ()) if each and each not in field.options)
            if missing:
                yield self.no_option(field, missing)

    def _taken(self, field: FormField, needs: ObjectNeeds, zone: tzinfo) -> Iterator[Finding]:
        kind, values = needs.kinds.get(field.code), needs.choices.get(field.code)
        if field.code == needs.words.get("corporate_number"):
            if field.type == "NUMBER":
                yield self.error(
                    field.code,
                    text(
                        "takes 12 digits unless the app is set otherwise; the number of a company has 13",
                        "数値は標準で整数部12桁までで、13桁の法人番号は入りません",
                    ),
                    text(
                        "map a text, or raise 数値の全体の桁数 in the settings of the app",
                        "文字列のフィールドを指定するか、アプリの設定で「数値の全体の桁数」を増やしてください",
                    ),
                    "warning",
                )
            kind = "number"
        if kind is None:
            return
        known = values is not None and field.type not in CHOICES
        if all(map(_fits(field, zone), values or ())) if known else field.type in _TAKES[kind]:
            return
        en, ja = _KINDS[kind]
        yield self.error(
            field.code,
            text(
                f"is of type {{type}}, which does not take {en}", f"種類 {{type}} には{ja}を書き込めません",
                type=field.type,
            ),
            text(
                "map a field of one of these types: {types}",
                "次のいずれかの種類のフィールドを指定してください: {types}",
                types=", ".join(sorted(_TAKES[kind])),
            ),
        )  # fmt: skip

    def lines(self, table: FormField, line: str) -> Iterator[Finding]:
        """That a table takes rows of which only `line` is filled, whatever its length."""
        if table.inner[line].max_length is not None:
            yield self.error(
                line,
                text("limits its length: a longer line is refused", "文字数に上限があり、長い行は拒否されます"),
                text("take the limit away", "文字数の上限を外してください"),
                "warning",
            )
        for inner in table.inner.values():
            if inner.required and not inner.has_default and inner.code != line and inner.type != "RADIO_BUTTON":
                yield self.error(
                    inner.code,
                    text("is required, and nothing fills it in a new row", "必須ですが、新しい行で値が入りません"),
                    text("make it optional", "必須を外してください"),
                )

    def short(self, field: FormField, wanted: int) -> Finding:
        """A text that is too short for what is to be written."""
        what = text(
            "holds {length} characters, {wanted} are needed",
            "{length}文字しか入りません({wanted}文字必要)",
            length=field.max_length,
            wanted=wanted,
        )
        fix = text("raise its limit, or lower max_length", "文字数の上限を増やすか max_length を小さくしてください")
        return self.error(field.code, what, fix)

    def copied(self, code: str) -> Finding:
        """A field that a lookup fills."""
        return self.error(
            code,
            text(
                "is filled by a lookup: what is written is ignored",
                "ルックアップでコピーされるため、書き込みは無視されます",
            ),
            text("map the lookup itself, or another field", "ルックアップ自体か、別のフィールドを指定してください"),
        )

    def no_option(self, field: FormField, missing: Sequence[str]) -> Finding:
        """Values that a choice does not have."""
        return self.error(
            field.code,
            text("has no option {names}", "選択肢 {names} がありません", names=", ".join(map(repr, missing))),
            text(
                "options are: {options}; add it, or correct the mapping",
                "選択肢: {options}。選択肢を追加するか、マッピングを修正してください",
                options=", ".join(field.options) or "-",
            ),
        )

    def unfilled(self, filled: set[str]) -> Iterator[Finding]:
        """Fields without which kintone saves no new record, and that nothing fills."""
        for field in self.form.fields.values():
            needed = field.required and not field.has_default and field.type in {*WRITABLE, "RICH_TEXT", "FILE"}
            if needed and field.type != "RADIO_BUTTON" and field.code not in filled | self.form.copied:
                yield self.error(
                    field.code,
                    text(
                        "is required, and nothing fills it in a new record", "必須ですが、新規レコードで値が入りません"
                    ),
                    text(
                        "map it, give it a default, or make it optional",
                        "マッピングするか、初期値を設定するか、必須を外してください",
                    ),
                )


_TAKES: Mapping[ValueKind, frozenset[str]] = {
    "text": TEXTS | CHOICES | ENTITIES | {"SUBTABLE"},
    "lines": frozenset({"MULTI_LINE_TEXT", "SUBTABLE"}),
    "number": TEXTS | {"NUMBER"},
    "moment": TEXTS | {"DATETIME"},
    "yes": TEXTS | CHOICES,
}
"""The types of field that take any value of a kind. Choices take their options, which are compared elsewhere. A day is
never the moment that was written, and would be written again in each run."""
_KINDS: Mapping[ValueKind, tuple[str, str]] = {
    "text": ("text", "文字列"),
    "lines": ("text of several lines", "複数行の文字列"),
    "number": ("a number", "数値"),
    "moment": ("a moment", "日時"),
    "yes": ("yes and no", "「はい・いいえ」の値"),
}


def _fits(field: FormField, zone: tzinfo) -> Callable[[str], bool]:
    def fits(value: str) -> bool:
        try:
            write(field, value, zone)
        except Unfit:
            return False
        return True

    return fits


def _folded(code: str) -> str:
    return unicodedata.normalize("NFKC", code).casefold()
