"""The fields of a visitor (リード) that may be written, and how a value becomes the element of one.

Sources: the table of visitor.put in the API guide and the recorded answer in shanon-ruby (MIT). The columns of
`visitorsetting`, which lists an account's own items, are published nowhere: where it is not as expected, every item
is taken as text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from connector.adapters.shanon.document import Row, UnwritableError, choices, leaf, printed, text_of
from connector.errors import text
from connector.model import Value

TEXTS = frozenset({
    "LoginId", "Name1", "Name2", "Name3", "Name1Ka", "Name2Ka", "CompanyName", "CompanyNameKa", "Division",
    "Position", "Zip1", "Zip2", "Zip3", "Address1", "Address2", "Address3", "Address4", "Address5", "Tel", "SubTel",
    "Fax", "Email", "SubEmail", "Memo",
})  # fmt: skip
CHOICES = frozenset({
    "RegistrationType", "InspectionType", "PermissionType", "EmailValid", "SubEmailValid", "Membership", "Language",
    "Country", "Prefecture",
})  # fmt: skip
OTHERS = frozenset({
    "Id", "UserId", "DateRegist", "DateUpdate", "UnsubscribeStatus", "UnsubscribeDate", "EmailValidDateUpdate",
    "SubEmailValidDateUpdate", "EmailSendErrorCount", "SubEmailSendErrorCount",
})  # fmt: skip
STANDARD = TEXTS | CHOICES | OTHERS

_OWN = re.compile(r"Attribute[1-9][0-9]*")
_ITEM = re.compile(r"([0-9]+):(.*)")

Items = Mapping[str, Mapping[str, str]]
"""An account's own items by column name (`Attribute12`), each with its choices: number by name; none for text."""


def items(rows: Sequence[Row]) -> Items:
    """The items in the rows of `visitorsetting`; empty where they aren't as expected."""
    return {name: _choices(row) for row in rows if (name := text_of(row, "ColumnName"))}


def _choices(row: Row) -> Mapping[str, str]:
    lines = (text_of(row, "ItemList") or "").splitlines()
    return {found[2]: found[1] for line in lines if (found := _ITEM.fullmatch(line.strip()))}


def is_own(name: str) -> bool:
    """Whether it is an item that the account defined."""
    return _OWN.fullmatch(name) is not None


def is_writable(name: str) -> bool:
    """Whether we write such a field: standard texts, the opt-out, and the account's own items."""
    return name in TEXTS or name == "UnsubscribeStatus" or is_own(name)


def element(name: str, value: Value, known: Items) -> str:
    """The element that sets a field; an empty one empties it.

    :raises UnwritableError: we do not write this field, or it has no such choice
    """
    if not is_writable(name):
        what = text("{name} cannot be written", "{name} は書き込めません", name=name)
        raise UnwritableError(what)
    said = printed(value)
    options = known.get(name)
    if not options:
        return leaf(name, said)
    numbers = [options.get(part, "") for part in said.split(";") if part]
    if "" in numbers:
        what = text("{name} has no such choice", "{name} にその選択肢はありません", name=name)
        raise UnwritableError(what)
    return choices(name, numbers)
