"""What a cell of a Japanese CSV file means, and how a value is written into one. Pure.

A cell that means nothing sensible raises `Meaningless`, which tells what was expected and never what stood there.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from connector.errors import Text, text
from connector.model import Value

EXCEL_DAY_0 = date(1899, 12, 30)
ERAS = {
    **dict.fromkeys(("令和", "R"), 2018),
    **dict.fromkeys(("平成", "H"), 1988),
    **dict.fromkeys(("昭和", "S"), 1925),
    **dict.fromkeys(("大正", "T"), 1911),
    **dict.fromkeys(("明治", "M"), 1867),
}
"""The year before the first of each era."""

_ERA = re.compile(
    r"(令和|平成|昭和|大正|明治|[RHSTM])[ .]?(元|\d{1,2}) ?[-/.年] ?(\d{1,2}) ?[-/.月] ?(\d{1,2})(?: ?日|(?!\d))",
    re.IGNORECASE,
)
_DATE = re.compile(r"(\d{4}) ?[-/.年] ?(\d{1,2}) ?[-/.月] ?(\d{1,2})(?: ?日|(?!\d))")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?!\d)")
_STAMP = re.compile(r"(\d{8})(\d{2})(\d{2})(\d{2})")
_WEEKDAY = re.compile(r"\([月火水木金土日祝・]+\)|[月火水木金土日]曜日?")
_TIME = re.compile(
    r"(午前|午後|AM|PM)?(\d{1,2})[:時](\d{1,2})分?(?::?(\d{1,2})秒?)?(?:\.\d+)?(AM|PM)?(Z|[-+]\d\d:?\d\d)?",
    re.IGNORECASE,
)
_SERIAL = re.compile(r"\d{5}(\.\d+)?")
_NEGATIVE = str.maketrans(dict.fromkeys("△▲", "-"))
_NOT_OF_A_NUMBER = re.compile(r"[,¥\\円%\s]")  # the backslash is the yen sign of CP932

YES = frozenset(("1", "true", "yes", "y", "on", "○", "◯", "〇", "レ", "✓", "はい", "有", "あり", "する", "済"))
NO = frozenset(("0", "false", "no", "n", "off", "×", "✕", "-", "いいえ", "無", "なし", "しない", "未"))


class Meaningless(ValueError):
    """A cell that is not what its column should hold; `wanted` says what that is."""

    def __init__(self, wanted: Text) -> None:
        super().__init__(str(wanted))
        self.wanted = wanted


NO_DATE = text("not a date such as 2026/4/1 or 令和8年4月1日", "2026/4/1、令和8年4月1日 のような日付ではありません")
NO_NUMBER = text("not a number", "数値ではありません")
NO_FLAG = text(
    "neither yes nor no; name the choices under `values`",
    "はい・いいえのどちらでもありません。values に選択肢を書いてください",
)


_TWINS = str.maketrans({"\N{WAVE DASH}": "~", "\N{MINUS SIGN}": "-", "\N{DOUBLE VERTICAL LINE}": "∥", "—": "―"})
"""Letters that share one code of CP932 with another (～－∥―), which is what reading a file gives."""


def fold(cell: str) -> str:
    """The form in which headers and choices are compared: full and half width, case and spaces don't count.

    Nor do the two letters that a code of CP932 may stand for: people type one, files give the other.
    """
    return folded(cell).translate(_TWINS)


def folded(cell: str) -> str:
    """`fold` as it always was: ids are made of it, so it must never change."""
    return "".join(unicodedata.normalize("NFKC", cell).split()).casefold()


# --- dates and times --------------------------------------------------------------------------------------------------


def moment(cell: str, zone: tzinfo) -> datetime:
    """The moment in UTC; a time without an offset is one of `zone`, a date alone its midnight.

    :raises Meaningless: when it is no date, or one without a year
    """
    try:
        day_, rest = _date_and_rest(cell)
        if isinstance(rest, timedelta):
            return datetime.combine(day_, time(), zone).astimezone(UTC) + rest
        return _at(day_, rest, zone)
    except (ValueError, OverflowError):
        raise Meaningless(NO_DATE) from None


def day(cell: str) -> date:
    """The day; a time behind it is left aside.

    :raises Meaningless: as `moment`
    """
    try:
        return _date_and_rest(cell)[0]
    except (ValueError, OverflowError):
        raise Meaningless(NO_DATE) from None


def native(cell: str, zone: tzinfo) -> Value:
    """What a cell of unknown type holds: dates as dates and moments, so that they compare; all else as the text."""
    plain = _plain(cell)
    if not (_DATE.match(plain) or _ERA.match(plain)):
        return cell
    try:
        day_, rest = _date_and_rest(cell)
        return _at(day_, rest, zone) if isinstance(rest, str) and rest else day_
    except (ValueError, OverflowError):
        return cell


def _plain(cell: str) -> str:
    plain = " ".join(_WEEKDAY.sub(" ", unicodedata.normalize("NFKC", cell)).split())
    return _STAMP.sub(r"\1 \2:\3:\4", plain) if _STAMP.fullmatch(plain) else plain


def _date_and_rest(cell: str) -> tuple[date, str | timedelta]:
    """The day a cell begins with, and what follows: text of a time, or the span an Excel serial number gives."""
    plain = _plain(cell)
    if _SERIAL.fullmatch(plain):
        days, _, part = plain.partition(".")
        span = timedelta(seconds=round(float(f"0.{part or 0}") * 86400))
        return EXCEL_DAY_0 + timedelta(days=int(days)), span
    if era := _ERA.match(plain):
        year = 1 if era[2] == "元" else int(era[2])
        return date(ERAS[era[1].upper()] + year, int(era[3]), int(era[4])), plain[era.end() :]
    if found := _DATE.match(plain) or _COMPACT.match(plain):
        return date(int(found[1]), int(found[2]), int(found[3])), plain[found.end() :]
    raise ValueError


def _at(day_: date, rest: str, zone: tzinfo) -> datetime:
    if not rest:
        return datetime.combine(day_, time(), zone).astimezone(UTC)
    found = _TIME.fullmatch(rest.replace(" ", "").removeprefix("T"))
    if found is None:
        raise ValueError
    half = (found[1] or found[5] or "").upper()
    hour = int(found[2])
    if half:
        hour = hour % 12 + (12 if half in ("午後", "PM") else 0)
    local = datetime.combine(day_, time(hour, int(found[3]), int(found[4] or 0)), zone)
    if found[6]:
        local = datetime.fromisoformat(f"{local:%Y-%m-%dT%H:%M:%S}{found[6]}")
    return local.astimezone(UTC)


# --- numbers and choices ----------------------------------------------------------------------------------------------


def number(cell: str) -> float:
    """A number as people write it: `1,200,000円`, `△3`, `60%` (60).

    :raises Meaningless: when it is none
    """
    plain = _NOT_OF_A_NUMBER.sub("", unicodedata.normalize("NFKC", cell).translate(_NEGATIVE))
    if not re.fullmatch(r"[-+]?\d+(\.\d+)?", plain):
        raise Meaningless(NO_NUMBER)
    return float(plain)


def flag(cell: str) -> bool:
    """Yes or no, as people tick it.

    :raises Meaningless: when it is neither
    """
    plain = fold(cell)
    if plain in YES:
        return True
    if plain in NO:
        return False
    raise Meaningless(NO_FLAG)


# --- cells that a spreadsheet would take for formulas -----------------------------------------------------------------

# A Japanese spreadsheet takes the full-width signs, too; CP932 makes one of the minus sign.
_FORMULA = re.compile(r"'*[=+\-@＝＋－\N{MINUS SIGN}＠\t\r]")
_HARMLESS = re.compile(r"[-+][0-9][0-9 ().-]*")
_QUOTED = re.compile(r'="([^"]*)"')


def guard(cell: str) -> str:
    """`cell` with an apostrophe before it where a spreadsheet would run it; numbers and phone numbers stay."""
    return f"'{cell}" if _FORMULA.match(cell) and not _HARMLESS.fullmatch(cell) else cell


def unguard(cell: str) -> str:
    """The value behind `guard`, and behind `="0123"`, by which other programs keep leading zeros."""
    if quoted := _QUOTED.fullmatch(cell):
        return quoted[1]
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def shown(value: Value, zone: tzinfo) -> str:
    """A value as the text of a cell; moments in `zone`."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return f"{value.astimezone(zone):%Y/%m/%d %H:%M:%S}"
    if isinstance(value, date):
        return f"{value:%Y/%m/%d}"
    return str(value)
