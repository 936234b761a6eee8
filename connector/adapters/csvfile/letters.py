"""Cells in the letters that an encoding has, and what they are when they are read again. Pure."""

from __future__ import annotations

import re

from connector.adapters.csvfile import cells

GETA = "〓"
"""What Japanese printers set for a letter they lacked."""

_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")


def spell(cell: str, encoding: str) -> tuple[str, str]:
    """The cell in letters the encoding has, and the code points of those it lacks."""
    try:
        cell.encode(encoding)
    except UnicodeEncodeError:
        plain = _SELECTORS.sub("", cell)
    else:
        return cell, ""
    lacking = {letter for letter in plain if not _has(encoding, letter)}
    spelt = "".join(GETA if letter in lacking else letter for letter in plain)
    return spelt, " ".join(f"U+{ord(letter):04X}" for letter in sorted(lacking))


def cell_of(value: str, encoding: str) -> tuple[str, str]:
    """The cell for a text, and the code points of the letters that it lost: disarmed as it then stands there."""
    spelt, lost = spell(value, encoding)
    return cells.guard(spelt), lost


def read_back(cell: str, encoding: str) -> str:
    """A cell as an export gives it after an import: CP932 has one code for 〜 and ～."""
    return with_one_line_end(cells.unguard(cell.encode(encoding).decode(encoding)))


def with_one_line_end(cell: str) -> str:
    """A cell in which lines end as ours do."""
    return cell.replace("\r\n", "\n")


def _has(encoding: str, letter: str) -> bool:
    try:
        letter.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
