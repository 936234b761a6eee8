"""Values as cells of an import file, in letters that its encoding has. Pure."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, tzinfo

from connector.adapters.csvfile import cells
from connector.adapters.csvfile.letters import GETA, spell
from connector.adapters.esales_csv.config import Config
from connector.errors import Text, text
from connector.model import Value
from connector.ports import Receipt

_DATES = {"yyyy/MM/dd": "%Y/%m/%d", "yyyy-MM-dd": "%Y-%m-%d", "yyyyMMdd": "%Y%m%d"}
_ALIKE = str.maketrans(
    {
        "\N{YEN SIGN}": "￥",
        "\N{EM DASH}": "―",
        "\N{EN DASH}": "-",
        "\N{NON-BREAKING HYPHEN}": "-",
        "\N{NO-BREAK SPACE}": " ",
        "\N{BULLET}": "・",
        "\N{HIRAGANA LETTER VU}": "ヴ",
    }
)
"""Letters that CP932 lacks, and what people write in their place."""

_IN_TWO_PARTS = re.compile("[ぁ-ヿ][\u3099\u309a]")
"""Kana with its mark behind it, as macOS spells names of files; encodings of Japan have them in one letter only."""

LOST = (
    "{letters} cannot be written in {encoding}; 〓 or a letter that looks alike stands for it",
    "{letters} は {encoding} で書けないため 〓 または似た文字に置き換えました",
)


class Unwritable(Exception):
    """A value that may not be written: what to answer."""

    def __init__(self, code: str, what: Text, fix: Text) -> None:
        super().__init__(str(what))
        self.code = code
        self.what = what
        self.fix = fix

    def receipt(self, key: str) -> Receipt:
        """The answer to the change of this key."""
        return Receipt(key, "refused", code=self.code, what=self.what, fix=self.fix)


class Spelling:
    """Spells values as the import conditions want them."""

    def __init__(self, config: Config, zone: tzinfo) -> None:
        self._config = config
        self._zone = zone

    def shown(self, value: Value) -> str:
        """The value as text: dates in the stated format, moments in the configured zone."""
        day = _DATES[self._config.dates]
        if isinstance(value, datetime):
            return f"{value.astimezone(self._zone):{day} %H:%M:%S}"
        if isinstance(value, date):
            return f"{value:{day}}"
        return cells.shown(value, self._zone)

    def cell(self, column: str, value: Value) -> tuple[str, str]:
        """The cell for a value, and the code points of the letters it lost.

        What a spreadsheet would run gets an apostrophe: a spreadsheet may be the first to open the file.

        :raises Unwritable: by the policy on letters that the encoding lacks
        """
        if not _has(column, self._config.encoding):
            raise Unwritable(
                "column",
                text("the name of column {column} cannot be written", "列名 {column} を書けません", column=column),
                text("rename the item", "項目名を変更してください"),
            )
        plain = _IN_TWO_PARTS.sub(_joined, self.shown(value))
        spelt, lost = spell(plain, self._config.encoding)
        if lost and self._config.unencodable == "error":
            raise Unwritable(
                "unencodable",
                text("{column}: " + NOT_IN[0], "{column}: " + NOT_IN[1],
                     column=column, letters=lost, encoding=self._config.encoding),
                text("correct the value, or set `unencodable`", "値を直すか、unencodable を設定してください"),
            )  # fmt: skip
        if lost and self._config.unencodable == "transliterate":
            spelt = "".join(letter if _has(letter, self._config.encoding) else self._alike(letter) for letter in plain)
        return cells.guard(spelt), lost

    def _alike(self, letter: str) -> str:
        """What stands for a letter: its usual substitute, its parts (㍿), its base (é), or nothing better than 〓."""
        known = letter.translate(_ALIKE)
        parts = unicodedata.normalize("NFKC", letter)
        base = "".join(part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part))
        selector = unicodedata.category(letter) == "Mn"  # chooses a variant of the letter before it
        candidates = [known, parts, base] if not selector else [""]
        return next((one for one in candidates if _has(one, self._config.encoding)), GETA)


NOT_IN = ("{letters} cannot be written in {encoding}", "{letters} は {encoding} で書けません")


def _joined(kana: re.Match[str]) -> str:
    return unicodedata.normalize("NFC", kana[0])


def _has(letters: str, encoding: str) -> bool:
    return spell(letters, encoding) == (letters, "")
