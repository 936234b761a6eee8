"""What can be read: each resource with its element and the columns it can be searched and sorted by.

Sources: the tables of apidoc.shanon.co.jp for seminar, seminar/session and visitor/mergelog; TROCCO's table of what can
be filtered by date for the others; the rest is listed as a guess in the package's docstring.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from connector.sandbox.shanon.xml import Choice, Value, Values

TRACKING_KEPT = timedelta(days=400)


class Kind(Enum):
    """How the values of a column compare."""

    NUMBER = "number"
    TEXT = "text"
    EMAIL = "email"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class Column:
    """A key of `search_key` and, if `sorts`, of `order`."""

    key: str
    kind: Kind
    sorts: bool = True

    def of(self, row: Values) -> Value:
        """The row's value in this column, as it compares."""
        value = row.get(self.key)
        if value is None and self.key.endswith("Id"):
            chosen = row.get(self.key.removesuffix("Id"))
            return chosen.id if isinstance(chosen, Choice) else None
        if isinstance(value, str):
            return (value.lower() if self.kind is Kind.EMAIL else value) or None
        return value


@dataclass(frozen=True)
class Stream:
    """A resource below /services/rest/ that can be read."""

    path: str
    element: str
    columns: Mapping[str, Column] = field(hash=False)
    counts: bool = True


def _stream(path: str, element: str, *columns: Column, counts: bool = True) -> Stream:
    return Stream(path, element, {column.key: column for column in columns}, counts)


def _numbers(*keys: str) -> list[Column]:
    return [Column(key, Kind.NUMBER) for key in keys]


def _texts(*keys: str) -> list[Column]:
    return [Column(key, Kind.TEXT) for key in keys]


def _dates(*keys: str) -> list[Column]:
    return [Column(key, Kind.DATE) for key in keys]


def _choices(*keys: str) -> list[Column]:
    return [Column(f"{key}Id", Kind.NUMBER, sorts=False) for key in keys]


_STAMPS = _dates("DateRegist", "DateUpdate")

VISITOR = _stream(
    "visitor",
    "VisitorData",
    *_numbers("Id", "UserId", "UnsubscribeStatus", "EmailSendErrorCount"),
    *_STAMPS,
    *_dates("UnsubscribeDate"),
    *_texts("LoginId", "Name1", "Name2", "Name1Ka", "Name2Ka", "CompanyName", "CompanyNameKa", "Division", "Position"),
    *_texts("Tel", "SubTel", "Fax", "Zip1", "Zip2"),
    Column("Email", Kind.EMAIL),
    Column("SubEmail", Kind.EMAIL),
    *_choices("PermissionType", "EmailValid", "RegistrationType", "InspectionType", "Membership", "Prefecture"),
    *_choices("Country", "Language"),
)
SETTING = _stream("visitorsetting", "VisitorSetting", *_numbers("Id"), *_texts("ColumnName", "Name"))
MERGE_LOG = _stream(
    "visitor/mergelog",
    "VisitorMergeLog",
    *_numbers("Id", "VisitorMergeLogId", "UpdatedVisitorId", "OriginalUpdatedVisitorId", "DeletedVisitorId"),
    *_numbers("LastupdateUserId"),
    *_STAMPS,
    counts=False,
)
ACTIVITY = _stream(
    "visitor/activity", "VisitorActivity", *_numbers("Id", "VisitorId"), *_choices("ActivityType"), *_STAMPS,
    *_dates("DateActivity"),
)  # fmt: skip
TRACKING = _stream(
    "visitor/trackingaccesslog", "VisitorTrackingAccessLog", *_numbers("Id", "VisitorId"), *_texts("Url"),
    *_dates("DateAccess", "DateUpdate"),
)  # fmt: skip
MAIL = _stream("visitor/mail", "Mail", *_numbers("Id", "VisitorId", "MailId"), *_texts("Title"), *_STAMPS)
ENQUETE = _stream(
    "visitor/enquete", "Enquete", *_texts("Id"), *_numbers("VisitorId", "HistoryId", "DataId", "LatestFlag"), *_STAMPS,
)  # fmt: skip
ENQUETE_HISTORY = _stream(
    "enquetehistory", "EnqueteHistory", *_numbers("Id", "EnqueteTemplateId"), *_texts("Name"), *_STAMPS
)
SEMINAR = _stream(
    "seminar", "Seminar", *_numbers("Id"), *_STAMPS, *_texts("Title", "SubTitle", "Summary"),
    *_choices("SsTargetType", "PriceType", "SeminarCategory", "SeminarStatus"), counts=False,
)  # fmt: skip
SESSION = _stream(
    "seminar/session", "Session", *_numbers("Id"), Column("SeminarId", Kind.NUMBER, sorts=False), *_STAMPS,
    *_texts("Title", "SubTitle", "Summary"), *_choices("SsTargetType"), counts=False,
)  # fmt: skip
APPLICATION = _stream(
    "visitor/application/seminar", "VisitorApplicationSeminar", *_numbers("Id", "VisitorId", "SeminarId")
)
APPLICATION_SESSION = _stream(
    "visitor/application/session",
    "VisitorApplicationSession",
    *_numbers("Id", "VisitorId", "SeminarId", "SessionId"),
)
ATTENDANCE = _stream("visitor/attendance", "VisitorAttendance", *_numbers("Id", "VisitorId", "SeminarId"))
STATIC_LIST = _stream("staticlist", "Staticlist", *_numbers("Id"), *_texts("Name"), *_STAMPS)
MEMBER = _stream("staticlist/visitor", "StaticlistVisitor", *_numbers("StaticlistId", "VisitorId"))

STREAMS = {
    stream.path: stream
    for stream in (
        VISITOR, SETTING, MERGE_LOG, ACTIVITY, TRACKING, MAIL, ENQUETE, ENQUETE_HISTORY, SEMINAR, SESSION,
        APPLICATION, APPLICATION_SESSION, ATTENDANCE, STATIC_LIST, MEMBER,
    )
}  # fmt: skip
