"""A list of people as somebody saved it: CSV in UTF-8 or CP932, with headers in Japanese or in our words.

Reading takes whatever there is. A row that cannot be understood comes with its troubles, and with its neighbours
unharmed: not even a quotation mark that is never closed swallows them.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple, TextIO

from connector.adapters.csvfile import cells
from connector.adapters.csvfile.lines import records as records_of
from connector.errors import ConfigError, ConnectorError, Problem, Text, text
from connector.rules.cleanse import words
from connector.spec import unknown_key

COLUMNS = (
    "source", "source_id", "name", "family_name", "given_name", "kana", "family_kana", "given_kana", "company",
    "corporate_number", "department", "title", "email", "phone", "mobile", "postal_code", "address", "registered_at",
)  # fmt: skip
"""What a column may hold."""
TELLING = frozenset(COLUMNS) - words("source source_id department title postal_code address registered_at")
"""The columns that say something about who a person is, or which company; a list must have one of them."""

Trouble = Literal["quotes", "cells", "bytes", "control", "length"]
"""Why a row cannot be used: quotation marks that do not match, more cells than headers; a cell with bytes that the
encoding does not know, with control characters, too long."""

Encoding = Literal["utf-8", "cp932"]
ENCODINGS: tuple[Encoding, ...] = ("utf-8", "cp932")

LONGEST = 500
"""A cell with more characters is none of a name, an address or a number."""

_SAMPLE = 10_000
"""So many lines with other letters than Latin ones tell the encoding."""
_KEPT = 500
# Not the control characters that are white space. What bytes of no letter become: half surrogates, and by CP932 these.
_UNDECODED = re.compile("[\ud800-\udfff\uf8f0-\uf8f3]")
_BAD = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff\uf8f0-\uf8f3]")


class Row(NamedTuple):
    """One row of the list; `cells` are those that are filled, by column."""

    line: int
    """On which it begins."""
    cells: Mapping[str, str]
    troubles: tuple[tuple[Trouble, str], ...] = ()
    """What is wrong with it, and in which column ("": in the whole row)."""
    short: bool = False
    """It has fewer cells than there are headers; the missing ones count as blank."""
    blank: bool = False
    """Nothing stands in any of its cells."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a list is to be read."""

    path: Path
    encoding: Encoding
    width: int
    columns: Mapping[str, tuple[int, ...]]
    """Where each column is; of several places, the first that is filled counts."""
    headers: Mapping[str, tuple[str, ...]]
    """What the list calls each column."""
    ignored: tuple[str, ...]
    """Headers of what is not read."""


# --- headers ----------------------------------------------------------------------------------------------------------

_HEADERS = """
source: 連携元 取込元 取得元 データ元 データソース ソース
source_id: id レコードid レコード番号 取引先責任者id リードid
name: 氏名 名前 お名前 姓名 ご担当者名 ご担当者様名 fullname
family_name: 姓 苗字 名字 lastname
given_name: 名 firstname
company: 会社名 会社 企業名 企業 法人名 御社名 貴社名 勤務先 勤務先名 取引先名 組織名 団体名 会社名団体名 companyname
corporate_number: 法人番号
department: 部署 部署名 部門 部門名 所属部署 ご所属部署
title: 役職 役職名 肩書 肩書き jobtitle
email: メールアドレス メール mail eメール eメールアドレス emailアドレス mailアドレス 電子メール 電子メールアドレス
       emailaddress mailaddress
phone: 電話番号 電話 tel 電話番号tel tel電話番号 代表電話 代表電話番号 会社電話 会社電話番号 勤務先電話番号
       tel会社 直通電話 phonenumber
mobile: 携帯 携帯電話 携帯番号 携帯電話番号 tel携帯 電話番号携帯 mobilephone mobilephonenumber
postal_code: 郵便番号 zip zipcode
address: 住所 所在地 会社住所 勤務先住所
registered_at: 登録日 登録日時 登録年月日 作成日 作成日時 名刺交換日
family_kana: セイ せい
given_kana: メイ めい
"""
_KANA = words("フリガナ ふりがな カナ かな ヨミ よみ 読み")
_WITH_KANA = {"kana": ("", "氏名", "お名前", "名前", "姓名"), "family_kana": ("姓",), "given_kana": ("名",)}


def _plain(header: str) -> str:
    """A header for looking it up: 氏名（必須） and E-mail are 氏名 and email."""
    return re.sub(r"[\W_]|必須|任意", "", cells.fold(header))


def _known() -> Mapping[str, str]:
    """The columns by the headers that are known without being told."""
    found = {_plain(column): column for column in COLUMNS}
    column = ""
    for word in _HEADERS.split():
        if word.endswith(":"):
            column = word[:-1]
        else:
            found[_plain(word)] = column
    for column, parts in _WITH_KANA.items():
        found |= {_plain(both): column for part in parts for kana in _KANA for both in (part + kana, kana + part)}
    return found


KNOWN = _known()
"""Columns by the headers that need no mapping."""


def look_at(path: Path, mapping: Sequence[str] = ()) -> Layout:
    """How the list at `path` is to be read; `mapping`: `HEADER=COLUMN`, before the headers that are known anyway.

    :raises ConfigError: when it is no such list, or the mapping does not fit it
    """
    try:
        encoding = _encoding(path)
        with _opened(path, encoding) as file:
            first = next(records_of(file), None)
    except OSError as error:
        what = text("cannot be read: {why}", "読み込めません: {why}", why=error.strerror)
        raise ConfigError([Problem(str(path), 0, 0, what, _RIGHTS)]) from None
    headers = first[1] if first else None
    if not headers:
        raise _not_read(path, text("no line of headers", "見出し行がありません"))
    chosen = _chosen(headers, mapping)
    columns: dict[str, list[int]] = {}
    for at, header in enumerate(headers):
        known = KNOWN.get(_plain(header))
        taken = known in chosen.values() or (known in columns and known in ("source", "source_id"))
        if column := chosen.get(at) or (None if taken else known):
            columns.setdefault(column, []).append(at)
    _check(path, columns, headers)
    read = {at for places in columns.values() for at in places}
    return Layout(
        path,
        encoding,
        len(headers),
        {column: tuple(columns[column]) for column in COLUMNS if column in columns},
        {column: tuple(_told(headers[at]) for at in columns[column]) for column in COLUMNS if column in columns},
        tuple(_told(header) for at, header in enumerate(headers) if at not in read and header.strip()),
    )


def _chosen(headers: Sequence[str], mapping: Sequence[str]) -> dict[int, str]:
    """The columns that were told, by where they are."""
    folded = [cells.fold(header) for header in headers]
    problems: list[Problem] = []
    chosen: dict[int, str] = {}
    for told in mapping:
        header, _, column = told.rpartition("=")
        if column not in COLUMNS or not header:
            what = text("{told!r} names no column", "{told!r} は列を表していません", told=told)
            problems.append(Problem("--map", 0, 0, what, unknown_key(column, COLUMNS)[1]))
        elif cells.fold(header) not in folded:
            what = text("the list has no header {header!r}", "見出し {header!r} がありません", header=header)
            problems.append(Problem("--map", 0, 0, what, _near(header, headers)))
        else:
            chosen |= {at: column for at, each in enumerate(folded) if each == cells.fold(header)}
    if problems:
        raise ConfigError(problems)
    return chosen


def _near(header: str, headers: Sequence[str]) -> Text:
    # Not all headers: a list without any has a person in its first line.
    near = difflib.get_close_matches(header, [_told(each) for each in headers], 1, 0.6)
    if near:
        return text("did you mean {near!r}?", "{near!r} の誤りではありませんか", near=near[0])
    return text("write it as in the first line of the list", "1行目の見出しのとおりに書いてください")


def _check(path: Path, columns: Mapping[str, object], headers: Sequence[str]) -> None:
    if not TELLING.isdisjoint(columns):
        return
    what = text(
        "none of the {n} headers in the first line is known to tell who somebody is",
        "1行目に、人物や会社を表すとわかる見出しがありません（{n}列）",
        n=len(headers),
    )
    fix = text(
        "name one with --map HEADER=COLUMN; columns: {columns}; known by themselves, among others: 氏名 姓 名 フリガナ "
        "会社名 法人番号 部署 役職 メールアドレス 電話番号 携帯電話",
        "--map 見出し=列 で指定してください。列: {columns}。氏名 姓 名 フリガナ 会社名 法人番号 部署 役職 "
        "メールアドレス 電話番号 携帯電話 などは指定不要です",
        columns=", ".join(COLUMNS),
    )
    if len(headers) == 1 and re.search(r"[\t;]", headers[0]):
        fix = text("save it with commas between the cells", "カンマ区切りで保存してください")
    raise ConfigError([Problem(str(path), 1, 1, what, fix)])


def _told(header: str) -> str:
    """A header as it may be shown."""
    return _BAD.sub("\ufffd", " ".join(header.split()))[:40]


# --- from bytes to rows -----------------------------------------------------------------------------------------------

_SIGNS: tuple[tuple[bytes, Text], ...] = (
    (b"PK\x03\x04", text("an Excel workbook, not CSV", "CSV ではなく Excel ブックです")),
    (b"\xd0\xcf\x11\xe0", text("an Excel workbook, not CSV", "CSV ではなく Excel ブックです")),
    (b"\xff\xfe", text("encoded in UTF-16", "文字コードが UTF-16 です")),
    (b"\xfe\xff", text("encoded in UTF-16", "文字コードが UTF-16 です")),
)


def _encoding(path: Path) -> Encoding:
    """By the headers, where these tell; else by most lines: one broken letter does not make a list CP932.

    :raises ConfigError: when it is something else than CSV, as far as its beginning tells
    """
    with path.open("rb") as file:
        begin = file.read(4)
        for sign, what in _SIGNS:
            if begin.startswith(sign):
                raise _not_read(path, what)
        file.seek(0)
        headers = file.readline()
        if not headers.isascii():
            return _vote(headers) or "utf-8"
        votes = Counter(_vote(line) for line in islice((line for line in file if not line.isascii()), _SAMPLE))
    return "utf-8" if votes["utf-8"] >= votes["cp932"] else "cp932"


def _not_read(path: Path, what: Text) -> ConfigError:
    fix = text("save it as CSV UTF-8", "「CSV UTF-8」形式で保存してください")
    return ConfigError([Problem(str(path), 0, 0, what, fix)])


def unusable(path: Path, error: OSError) -> ConnectorError:
    """What the system says of a file that cannot be read or written."""
    return ConnectorError(
        text("cannot be read or written: {why}", "読み書きできません: {why}", why=error.strerror),
        where=str(path),
        fix=_RIGHTS,
    )


_RIGHTS = text("check the path and its rights", "パスと権限を確認してください")


def _vote(line: bytes) -> Encoding | None:
    for encoding in ENCODINGS:
        with suppress(UnicodeDecodeError):
            if not _UNDECODED.search(line.decode(encoding)):
                return encoding
    return None


def _opened(path: Path, encoding: str) -> TextIO:
    """The file as text; bytes that the encoding does not know come as half surrogates."""
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    return path.open(encoding=codec, errors="surrogateescape", newline="")


def rows_of(layout: Layout, places: Collection[int] | None = None) -> Iterator[tuple[int, Row]]:
    """The rows of the list with their places from 0 on; only those at some `places`.

    A line without anything, not even a comma, is none.

    :raises OSError: when it cannot be read any more
    """
    with _opened(layout.path, layout.encoding) as file:
        records = islice(records_of(file, width=layout.width), 1, None)
        for place, (line, found) in enumerate(record for record in records if record[1] != []):
            if places is None or place in places:
                yield place, _row(layout, line, found) if found else Row(line, {}, (("quotes", ""),))


def _row(layout: Layout, line: int, found: list[str]) -> Row:
    while len(found) > layout.width and not found[-1].strip():
        found.pop()
    by_column: dict[str, str] = {}
    troubles: list[tuple[Trouble, str]] = [("cells", "")] if len(found) > layout.width else []
    fine = _trouble("".join(found)) is None
    for column, places in layout.columns.items():
        for at in places:
            if at < len(found) and (cell := found[at].strip()):
                by_column[column] = cells.unguard(cell) if cell[0] in "'=" else cell
                if not fine and (trouble := _trouble(cell)):
                    troubles.append((trouble, column))
                break
    blank = not by_column and not any(cell.strip() for cell in found)
    return Row(line, by_column, tuple(troubles), len(found) < layout.width, blank)


def _trouble(cell: str) -> Trouble | None:
    if len(cell) > LONGEST:
        return "length"
    if cell.isprintable() or not _BAD.search(cell):
        return None
    return "bytes" if _UNDECODED.search(cell) else "control"


def harmless(cell: str) -> str:
    """A cell of whatever content as it may be shown and written."""
    return _BAD.sub("\ufffd", cell)[:_KEPT]
