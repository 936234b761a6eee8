"""What can be wrong with a field of an app, in words."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from connector.adapters.kintone.form import KEY_LENGTH, WRITABLE, Form, FormField
from connector.errors import Text, text
from connector.ports import Finding


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
            listed = ", ".join(sorted(types))
            yield self.error(
                code,
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


def _folded(code: str) -> str:
    return unicodedata.normalize("NFKC", code).casefold()
