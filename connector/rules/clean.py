"""Cleaning by name: how a text is brought into one shape before it is written. What cannot be cleaned stays as typed.

Every function is idempotent: what it made, it leaves alone, so a value that comes back is no news.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import jaconv
import phonenumbers

from connector.model import Value
from connector.rules import cleanse

Cleaning = Literal["width", "spaces", "phone", "postal_code", "company_form"]


def width(text: str) -> str:
    """Letters, digits and signs half-width, katakana full-width: `ＡＢＣ－１２３ ｶﾅ` is `ABC-123 カナ`."""
    narrow: str = jaconv.z2h(text.replace("\u3000", " "), kana=False, ascii=True, digit=True)
    wide: str = jaconv.h2z(narrow, kana=True, ascii=False, digit=False)
    return unicodedata.normalize("NFC", wide)


def spaces(text: str) -> str:
    """No space around it, one between words; lines stay lines."""
    lines = (" ".join(line.split()) for line in re.split(r"\r\n|\r|\n", text))
    return "\n".join(lines).strip()


def phone(text: str) -> str:
    """`03-1234-5678`, or `+1 650-253-0000` from abroad; with an extension or a remark it stays as typed."""
    key = cleanse.phone_key(text)
    if key is None:
        return text
    number = phonenumbers.parse(key)
    home = number.country_code == _JAPAN
    style = phonenumbers.PhoneNumberFormat.NATIONAL if home else phonenumbers.PhoneNumberFormat.INTERNATIONAL
    made: str = phonenumbers.format_number(number, style)
    return made if _digits(text) in (_digits(made), _digits(key), _digits(made).removeprefix("0")) else text


_JAPAN = 81


def _digits(text: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFKC", text) if letter.isdecimal())


def postal_code(text: str) -> str:
    """`123-4567`, however a 郵便番号 is typed."""
    digits = cleanse.postal_code(text)
    return f"{digits[:3]}-{digits[3:]}" if digits else text


def company_form(text: str) -> str:
    """`㈱`, `(株)` and `（株）` written out as 株式会社, where they stand; 有限会社 and 合同会社 likewise."""
    return _SHORT_FORM.sub(lambda found: _FORMS[found[1]], text.translate(_ONE_LETTER))


_ONE_LETTER = str.maketrans({"㈱": "(株)", "㈲": "(有)"})
_FORMS = {"株": "株式会社", "有": "有限会社", "合": "合同会社"}
_SHORT_FORM = re.compile(r"[ \u3000]*[(（]([株有合])[)）][ \u3000]*")

CLEANINGS: Mapping[Cleaning, Callable[[str], str]] = {
    "width": width,
    "spaces": spaces,
    "phone": phone,
    "postal_code": postal_code,
    "company_form": company_form,
}


def cleaned(value: Value, names: Iterable[Cleaning]) -> Value:
    """A text after the cleanings of these names, in their order; other values as they are."""
    if not isinstance(value, str):
        return value
    for name in names:
        value = CLEANINGS[name](value)
    return value
