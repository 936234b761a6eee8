"""SMP's rows in our words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from datetime import datetime

from connector.adapters.shanon.api import Api
from connector.adapters.shanon.document import Document, Row, UnreadableError, id_of, number_of, text_of, time_of, whole
from connector.errors import Refused, text
from connector.model import Gone, Kind, Person, Record, Ref, Touchpoint, Value
from connector.ports import ObjectNeeds, Page, Reject

VISITOR = "visitor"

Convert = Callable[[Row], "Sequence[Record] | str"]
"""The records in a row, or the reason why it is left out."""

_MAIL_WENT_OUT = "40000"
_ATTENDANCE = {
    **dict.fromkeys(("来場", "出席", "参加", "出席済み"), Kind.SEMINAR_ATTENDED),
    **dict.fromkeys(("欠席", "不参加", "未来場"), Kind.SEMINAR_ABSENT),
}
_PERSON_TEXTS: Mapping[str, str] = {
    "email": "Email",
    "family_name": "Name1",
    "given_name": "Name2",
    "family_kana": "Name1Ka",
    "given_kana": "Name2Ka",
    "company": "CompanyName",
    "department": "Division",
    "title": "Position",
    "phone": "Tel",
    "prefecture": "Prefecture",
}


def page(resource: str, rows: Sequence[Row], cursor: str, convert: Convert) -> Page:
    """A page of what `rows` hold; a row that cannot be read stands among the rejects."""
    records: list[Record] = []
    rejects: list[Reject] = []
    ignored: Counter[str] = Counter()
    for row in rows:
        try:
            found = convert(row)
        except UnreadableError as error:
            rejects.append(Reject(f"{resource}/{text_of(row, 'Id') or '?'}", error.what))
            continue
        if isinstance(found, str):
            ignored[found] += 1
        else:
            records += found
    return Page(records, cursor, rejects, ignored)


# --- people -----------------------------------------------------------------------------------------------------------


def person(system: str, needs: ObjectNeeds, row: Row) -> Sequence[Record]:
    """A visitor, with the native fields that mappings read.

    :raises UnreadableError: it has no Id, or a time that is none
    """
    return [
        Person(
            ref=Ref(system, VISITOR, id_of(row)),
            fields=words_of(row),
            native={name: native(row, name) for name in needs.read},
            key=text_of(row, needs.key) if needs.key else None,
            created_at=time_of(row, "DateRegist"),
            modified_at=time_of(row, "DateUpdate"),
        )
    ]


def native(row: Row, name: str) -> Value:
    """A field as SMP holds it: choices by their names; the opt-out, a 0 or 1, as what it means."""
    if name == "UnsubscribeStatus":
        return text_of(row, name) == "1"
    return text_of(row, name)


def words_of(row: Row) -> dict[str, Value]:
    """What a visitor says, in our words."""
    words: dict[str, Value] = {word: text_of(row, name) for word, name in _PERSON_TEXTS.items()}
    words["name"] = _joined(row, "Name1", "Name2")
    words["postal_code"] = _joined(row, "Zip1", "Zip2", by="-")
    # Address5 is left out: in the one published record it holds an id of another system.
    words["address"] = _joined(row, "Address1", "Address2", "Address3", "Address4")
    # Of these choices only number 1, the good case, is published; any other is taken as the bad one.
    words["opted_out"] = native(row, "UnsubscribeStatus") is True or number_of(row, "PermissionType") not in (None, "1")
    words["mail_invalid"] = number_of(row, "EmailValid") not in (None, "1")
    return words


def _joined(row: Row, *names: str, by: str = " ") -> str | None:
    return by.join(part for name in names if (part := text_of(row, name))) or None


def merged(system: str, row: Row) -> Sequence[Record]:
    """A visitor that lives on as another.

    :raises UnreadableError: an id or the time is missing
    """
    gone, kept = (Ref(system, VISITOR, id_of(row, name)) for name in ("DeletedVisitorId", "UpdatedVisitorId"))
    return [Gone(gone, _first_time(row, "DateRegist", "DateUpdate"), kept)]


# --- touchpoints ------------------------------------------------------------------------------------------------------


class Titles:
    """Titles (and categories) of campaigns or surveys by Id, looked up in ranges, each once per program run."""

    def __init__(self, api: Api, resource: str, name: str, *, category: str = "", size: int, count: bool) -> None:
        self._api, self._resource, self._name, self._category = api, resource, name, category
        self._size, self._count = size, count
        self._known: dict[str, tuple[str, str]] = {}

    def learn(self, ids: AbstractSet[str]) -> None:
        """Look up those that are not known yet: one call where their numbers lie close together.

        :raises Unavailable: the resource cannot be read
        :raises Refused: there is no such resource in this account
        """
        missing = sorted(number for id_ in ids - self._known.keys() if (number := whole(id_)) is not None)
        while missing:
            # A row that somebody took part in should be there: an empty answer is believed the second time.
            found = self._from(missing[0])
            if not found.rows:
                found = self._from(missing[0])
            titles = {text_of(row, "Id") or "": row for row in found.rows}
            seen_to = max((number for id_ in titles if (number := whole(id_)) is not None), default=missing[-1])
            for number in missing:
                if number <= max(seen_to, missing[0]):
                    row = titles.get(str(number), {})
                    self._known[str(number)] = (text_of(row, self._name) or "", text_of(row, self._category) or "")
            missing = [number for number in missing if str(number) not in self._known]

    def _from(self, number: int) -> Document:
        first = ("Id", "ge", str(number))
        return self._api.search(self._resource, first, order="Id", limit=self._size, count=self._count)

    def of(self, id_: str | None) -> tuple[str, str]:
        """Title and category; empty where unknown."""
        return self._known.get(id_ or "", ("", ""))


class Touchpoints:
    """Rows of what people did as touchpoints."""

    def __init__(
        self,
        system: str,
        campaigns: Titles,
        surveys: Titles,
        campaign_kinds: Mapping[str, Kind],
        activity_kinds: Mapping[str, Kind],
    ) -> None:
        self._system = system
        self._campaigns = campaigns
        self._surveys = surveys
        self._campaign_kinds = campaign_kinds
        self._activity_kinds = activity_kinds
        self._converts: Mapping[str, Convert] = {
            "trackingaccesslog": self._page_view,
            "mail": self._mail,
            "enquete": self._answer,
            "application": self._application,
            "attendance": self._attendance,
            "activity": self._activity,
        }

    def convert(self, stream: str, rows: Sequence[Row]) -> Convert:
        """What makes touchpoints of the rows of `stream`, after looking up the titles they need.

        :raises Unavailable: titles cannot be read
        """
        if stream in ("application", "attendance"):
            self._campaigns.learn({id_ for row in rows if (id_ := text_of(row, "SeminarId"))})
        elif stream == "enquete":
            # Only for the label, from a resource whose path is inferred: touchpoints count without it.
            with suppress(Refused):
                self._surveys.learn({id_ for row in rows if (id_ := text_of(row, "HistoryId"))})
        return self._converts[stream]

    def _page_view(self, row: Row) -> Sequence[Record] | str:
        if text_of(row, "VisitorId") is None:
            return "anonymous"
        at = _first_time(row, "DateAccess", "DateUpdate")
        url, title = text_of(row, "Url") or "", text_of(row, "Title") or ""
        return [self._touchpoint("trackingaccesslog", row, Kind.PAGE_VIEW, at, label=title or url, url=url)]

    def _mail(self, row: Row) -> Sequence[Record] | str:
        opened, clicked, bounced = (time_of(row, name) for name in ("DateOpen", "DateClick", "DateError"))
        if bounced is None and text_of(row, "ResultCode") not in (None, _MAIL_WENT_OUT):
            bounced = _first_time(row, "DateSend", "DateUpdate")
        title, url = text_of(row, "Title") or "", text_of(row, "ClickUrl") or ""
        happened = (
            ("open", Kind.MAIL_OPEN, opened, ""),
            ("click", Kind.MAIL_CLICK, clicked, url),
            ("bounce", Kind.MAIL_BOUNCED, bounced, ""),
        )
        found = [
            self._touchpoint("mail", row, kind, at, label=title, campaign=title, url=link, part=part)
            for part, kind, at, link in happened
            if at is not None
        ]
        return found or "mail_without_reaction"

    def _answer(self, row: Row) -> Sequence[Record]:
        title, _ = self._surveys.of(text_of(row, "HistoryId"))
        at = _first_time(row, "DateAnswer", "DateRegist")
        return [self._touchpoint("enquete", row, Kind.SURVEY_ANSWERED, at, label=title, campaign=title)]

    def _application(self, row: Row) -> Sequence[Record]:
        title, category = self._campaigns.of(text_of(row, "SeminarId"))
        kind = self._campaign_kinds.get(category, Kind.SEMINAR_REGISTERED)
        at = _first_time(row, "DateApplication", "DateRegist", "DateUpdate")
        return [self._touchpoint("application", row, kind, at, label=title, campaign=title)]

    def _attendance(self, row: Row) -> Sequence[Record] | str:
        kind = _ATTENDANCE.get(text_of(row, "AttendanceStatus") or "")
        if kind is None:
            return "attendance_unknown"
        title, _ = self._campaigns.of(text_of(row, "SeminarId"))
        at = _first_time(row, "DateAttendance", "DateRegist", "DateUpdate")
        return [self._touchpoint("attendance", row, kind, at, label=title, campaign=title)]

    def _activity(self, row: Row) -> Sequence[Record] | str:
        kind = self._activity_kinds.get(text_of(row, "ActivityType") or "")
        if kind is None:
            return "activity_kind_not_mapped"
        title = text_of(row, "Title") or ""
        at = _first_time(row, "DateActivity", "DateRegist")
        return [self._touchpoint("activity", row, kind, at, label=title, campaign=title)]

    def _touchpoint(
        self,
        stream: str,
        row: Row,
        kind: Kind,
        at: datetime,
        *,
        label: str,
        campaign: str = "",
        url: str = "",
        part: str = "",
    ) -> Touchpoint:
        id_ = f"{id_of(row)}:{part}" if part else id_of(row)
        who = Ref(self._system, VISITOR, id_of(row, "VisitorId"))
        return Touchpoint(Ref(self._system, stream, id_), who, kind, at, label, url, campaign)


def _first_time(row: Row, *names: str) -> datetime:
    """The first of these times that the row holds.

    :raises UnreadableError: it holds none of them, or one that is no time
    """
    for name in names:
        at = time_of(row, name)
        if at is not None:
            return at
    raise UnreadableError(text("{name} is missing", "{name} がありません", name=names[0]))
