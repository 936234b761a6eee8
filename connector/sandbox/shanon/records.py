"""What SMP holds, and how demo, seed and tests put things into it from Python."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TypedDict, Unpack

from connector.sandbox.chaos import Chaos
from connector.sandbox.clock import Clock
from connector.sandbox.shanon import streams, visitors
from connector.sandbox.shanon.streams import Stream
from connector.sandbox.shanon.table import Table
from connector.sandbox.shanon.visitors import Attribute, Fields
from connector.sandbox.shanon.xml import Choice, Value, Values

_TEXTS = {number: Attribute(f"追加項目{number}") for number in range(1, 21)}
_CHOICES = {
    21: Attribute("リードソース", {1: "Web", 2: "展示会", 3: "名刺", 4: "紹介"}),
    22: Attribute("興味のある製品", {1: "製品A", 2: "製品B", 3: "製品C"}, many=True),
}
_ATTENDANCE = {"attended": Choice(1, "来場"), "absent": Choice(2, "欠席")}
_MAIL_OK = 40000
_MAIL_BOUNCED = 50000


class MailEvents(TypedDict, total=False):
    """What happened to a mail that was sent."""

    opened_at: datetime | None
    clicked_at: datetime | None
    bounced_at: datetime | None
    click_url: str | None


class Records:
    """Visitors, what they did, campaigns and lists. Thread-safe: one lock around everything.

    Every `add_` returns the new row's id. Times must be aware and are kept in whole seconds, as SMP prints them.
    """

    def __init__(self, *, clock: Clock | None = None, chaos: Chaos | None = None) -> None:
        self.clock = clock or Clock()
        self.chaos = chaos or Chaos()
        self.attributes: dict[int, Attribute] = {**_TEXTS, **_CHOICES}
        self.refuse_repeats = False
        self._lock = threading.RLock()
        self._fields = Fields(self.attributes)
        self._tables: dict[str, Table[int]] = {path: Table() for path in streams.STREAMS if path != streams.MEMBER.path}
        self._members: Table[tuple[int, int]] = Table()
        self._ids: dict[str, int] = {}
        self._answered: dict[tuple[int, int], int] = {}
        self._backdating = False

    @contextmanager
    def backdated(self) -> Iterator[None]:
        """While inside, rows are stamped as if stored when they happened: for a history made in one go."""
        with self._lock:
            self._backdating = True
            try:
                yield
            finally:
                self._backdating = False

    # --- visitors -----------------------------------------------------------------------------------------------------

    def define_attribute(
        self, number: int, name: str, choices: Mapping[int, str] | None = None, *, many: bool = False
    ) -> None:
        """Define `Attribute{number}`: text, or with `choices` one or, with `many`, several of them."""
        with self._lock:
            self.attributes[number] = Attribute(name, dict(choices or {}), many)

    def add_visitor(self, fields: Mapping[str, object]) -> int:
        """Register a lead.

        Args:
            fields: by SMP's names; the number of a choice, a list of them for an attribute of many; DateRegist and
                DateUpdate may be given as datetimes.
        """
        with self._lock:
            return self._register(self._coerced(fields))

    def update_visitor(self, visitor_id: int, fields: Mapping[str, object]) -> None:
        """Change fields of a lead; None or "" empties one. DateUpdate moves unless it is given."""
        with self._lock:
            self._change(visitor_id, self._coerced(fields))

    def unsubscribe(self, visitor_id: int) -> None:
        """Let a lead opt out now."""
        self.update_visitor(visitor_id, {"UnsubscribeStatus": 1})

    def delete_visitor(self, visitor_id: int) -> None:
        """Delete a lead and its memberships; what it did stays, without a lead."""
        with self._lock:
            self._tables[streams.VISITOR.path][visitor_id]
            self._tables[streams.VISITOR.path].remove(visitor_id)
            for key in [key for key in self._members if key[1] == visitor_id]:
                self._members.remove(key)

    def merge_visitors(self, kept: int, gone: int) -> None:
        """Merge two leads (マージ): what `gone` did and its memberships pass to `kept`, and the log tells of it."""
        with self._lock:
            for path, table in self._tables.items():
                for key in [
                    key for key in table if path.startswith("visitor/") and table[key].get("VisitorId") == gone
                ]:
                    table.put(key, {**table[key], "VisitorId": kept})
            for list_id in [key[0] for key in self._members if key[1] == gone]:
                self._join(list_id, kept)
            self.delete_visitor(gone)
            self._change(kept, {})
            log = self._next(streams.MERGE_LOG)
            row = {"Id": log, "VisitorMergeLogId": log, "UpdatedVisitorId": kept, "OriginalUpdatedVisitorId": kept}
            self._put(
                streams.MERGE_LOG, log, {**row, "DeletedVisitorId": gone, "LastupdateUserId": 1, **self._stamps()}
            )

    def visitor(self, visitor_id: int) -> dict[str, Value]:
        """A lead as last written. KeyError if there is none."""
        with self._lock:
            return dict(self._tables[streams.VISITOR.path][visitor_id])

    def visitors(self) -> list[dict[str, Value]]:
        """All leads as last written."""
        with self._lock:
            table = self._tables[streams.VISITOR.path]
            return [dict(table[key]) for key in table]

    # --- what they did ------------------------------------------------------------------------------------------------

    def add_page_view(self, visitor_id: int | None, url: str, title: str, at: datetime, *, session: str = "") -> int:
        """A page was seen; by nobody known, if `visitor_id` is None, until `identify` tells whose session it was."""
        row: dict[str, Value] = {"VisitorId": visitor_id, "TrackingSessionId": session, "Url": url, "Title": title}
        with self._lock:
            row |= {"DateAccess": _whole(at), "DateUpdate": self._stamps(at)["DateUpdate"]}
            return self._add(streams.TRACKING, row)

    def identify(self, session: str, visitor_id: int) -> int:
        """Give the pages seen anonymously in a session to a lead, as SMP does at a form or a click in a mail.

        Returns:
            How many rows changed; their DateUpdate moves.
        """
        with self._lock:
            table = self._tables[streams.TRACKING.path]
            keys = [key for key in table if table[key].get("TrackingSessionId") == session]
            anonymous = [key for key in keys if table[key].get("VisitorId") is None]
            for key in anonymous:
                self._touch(streams.TRACKING, key, {"VisitorId": visitor_id})
            return len(anonymous)

    def add_mail(
        self,
        visitor_id: int,
        mail_id: int,
        subject: str,
        sent_at: datetime,
        **events: Unpack[MailEvents],
    ) -> int:
        """A mail was sent; `mail_id` is the mailing it belongs to, `events` what already happened to it."""
        row: dict[str, Value] = {"VisitorId": visitor_id, "MailId": mail_id, "Title": subject, "ResultCode": _MAIL_OK}
        row |= {"MailType": Choice(2, "HTML形式"), "DateSend": _whole(sent_at), **_mail_events(events)}
        with self._lock:
            return self._add(streams.MAIL, {**row, **self._stamps(*row.values())})

    def update_mail(self, row_id: int, **events: Unpack[MailEvents]) -> None:
        """Something happened to the mail that `add_mail` returned; its DateUpdate moves."""
        changed = _mail_events(events)
        with self._lock:
            self._touch(streams.MAIL, row_id, changed, *changed.values())

    def add_activity(self, visitor_id: int, kind: str, title: str, at: datetime, *, memo: str = "") -> int:
        """An activity (活動履歴) such as 名刺, 資料ダウンロード, 展示会, 電話; a kind is numbered when first used."""
        with self._lock:
            chosen = Choice(self._kind("activity", kind), kind)
            row: dict[str, Value] = {"VisitorId": visitor_id, "ActivityType": chosen, "Title": title, "Memo": memo}
            return self._add(streams.ACTIVITY, {**row, "DateActivity": _whole(at), **self._stamps(at)})

    def add_enquete(self, name: str, memo: str = "") -> int:
        """A survey or the questions of a form, as put to people (アンケート履歴)."""
        with self._lock:
            template = Choice(self._kind("enquete", name), name)
            row: dict[str, Value] = {"EnqueteTemplate": template, "Name": name, "Memo": memo}
            return self._add(streams.ENQUETE_HISTORY, {**row, "EnqueteStatus": Choice(1, "公開中"), **self._stamps()})

    def add_enquete_answer(
        self, visitor_id: int, enquete_id: int, answers: Mapping[int, str | Sequence[Choice]], at: datetime
    ) -> str:
        """An answer; the same lead's earlier answer to it is no longer the latest, and its DateUpdate moves.

        Args:
            visitor_id: who answered.
            enquete_id: what `add_enquete` returned.
            answers: by the question's number, text or choices.
            at: when.
        """
        with self._lock:
            former = self._answered.get((visitor_id, enquete_id))
            if former is not None:
                self._touch(streams.ENQUETE, former, {"LatestFlag": 0}, at)
            data = self._next(streams.ENQUETE)
            self._answered[visitor_id, enquete_id] = data
            row: dict[str, Value] = {"Id": f"{enquete_id}-{data}", "HistoryId": enquete_id, "DataId": data}
            row |= {"VisitorId": visitor_id, "LatestFlag": 1, "DateAnswer": _whole(at), **self._stamps(at)}
            row |= {f"Attribute{n}": text if isinstance(text, str) else tuple(text) for n, text in answers.items()}
            self._put(streams.ENQUETE, data, row)
            return f"{enquete_id}-{data}"

    # --- campaigns ----------------------------------------------------------------------------------------------------

    def add_seminar(self, title: str, category: str, held_at: datetime, *, summary: str = "") -> int:
        """A campaign (キャンペーン) of a category such as セミナー, 展示会, 資料請求, 問い合わせ."""
        with self._lock:
            chosen = Choice(self._kind("seminar", category), category)
            row: dict[str, Value] = {"Title": title, "Summary": summary, "SeminarCategory": chosen}
            row |= {"SsTargetType": Choice(1, "キャンペーン"), "PriceType": Choice(1, "無料")}
            row |= {"SeminarStatus": Choice(1, "公開中"), "StartDay": _whole(held_at), **self._stamps()}
            return self._add(streams.SEMINAR, row)

    def add_session(self, seminar_id: int, title: str, held_at: datetime) -> int:
        """A part of a campaign (サブキャンペーン)."""
        with self._lock:
            row: dict[str, Value] = {"SeminarId": seminar_id, "Title": title, "StartDay": _whole(held_at)}
            return self._add(streams.SESSION, {**row, "SsTargetType": Choice(2, "サブキャンペーン"), **self._stamps()})

    def add_application(self, visitor_id: int, seminar_id: int, at: datetime, *, session_id: int | None = None) -> int:
        """A registration (申込) for a campaign, or for one of its sessions."""
        with self._lock:
            row: dict[str, Value] = {"VisitorId": visitor_id, "SeminarId": seminar_id}
            row |= {"DateApplication": _whole(at), **self._stamps(at)}
            if session_id is None:
                return self._add(streams.APPLICATION, row)
            return self._add(streams.APPLICATION_SESSION, {**row, "SessionId": session_id})

    def cancel_application(self, application_id: int) -> None:
        """Cancel a registration for a campaign: its row is gone."""
        with self._lock:
            self._tables[streams.APPLICATION.path].remove(application_id)

    def add_attendance(self, visitor_id: int, seminar_id: int, status: str, at: datetime) -> int:
        """Someone came, or didn't: `status` is "attended" or "absent"."""
        with self._lock:
            row: dict[str, Value] = {"VisitorId": visitor_id, "SeminarId": seminar_id}
            row |= {"AttendanceStatus": _ATTENDANCE[status], "DateAttendance": _whole(at), **self._stamps(at)}
            return self._add(streams.ATTENDANCE, row)

    # --- lists --------------------------------------------------------------------------------------------------------

    def create_list(self, name: str, memo: str = "") -> int:
        """A list (リスト) without members."""
        with self._lock:
            return self._add(streams.STATIC_LIST, {"Name": name, "Memo": memo, **self._stamps()})

    def lists(self) -> dict[int, str]:
        """The lists' names by id."""
        with self._lock:
            table = self._tables[streams.STATIC_LIST.path]
            return {key: str(table[key]["Name"]) for key in table}

    def members(self, list_id: int) -> list[int]:
        """The leads on a list, in the order in which they were added."""
        with self._lock:
            return [visitor_id for list_key, visitor_id in self._members if list_key == list_id]

    def add_member(self, list_id: int, visitor_id: int) -> None:
        """Put a lead on a list."""
        with self._lock:
            self._join(list_id, visitor_id)

    def remove_member(self, list_id: int, visitor_id: int) -> None:
        """Take a lead off a list."""
        with self._lock:
            self._members.remove((list_id, visitor_id))

    # --- how rows are stored ------------------------------------------------------------------------------------------

    def _register(self, values: Mapping[str, Value]) -> int:
        visitor_id = self._next(streams.VISITOR)
        self._put(
            streams.VISITOR, visitor_id, {**visitors.fresh(visitor_id), **self._stamps(), **self._consent(values)}
        )
        return visitor_id

    def _change(self, visitor_id: int, values: Mapping[str, Value]) -> None:
        self._touch(streams.VISITOR, visitor_id, self._consent(values))

    def _consent(self, values: Mapping[str, Value]) -> dict[str, Value]:
        if "UnsubscribeStatus" not in values or "UnsubscribeDate" in values:
            return dict(values)
        return {**values, "UnsubscribeDate": _whole(self.clock()) if values["UnsubscribeStatus"] == 1 else None}

    def _coerced(self, fields: Mapping[str, object]) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for name, given in fields.items():
            if isinstance(given, datetime):
                values[name] = _whole(given)
            elif isinstance(given, (list, tuple)):
                values[name] = self._fields.value(name, [str(item) for item in given], check=True)
            else:
                values[name] = self._fields.value(name, "" if given is None else str(given), check=True)
        return values

    def _join(self, list_id: int, visitor_id: int) -> None:
        if (list_id, visitor_id) not in self._members:
            self._members.put((list_id, visitor_id), {"StaticlistId": list_id, "VisitorId": visitor_id})

    def _rows(self, stream: Stream) -> list[Values]:
        now = self.clock()
        if stream is streams.MEMBER:
            return self._members.visible(now)
        if stream is streams.SETTING:
            return list(visitors.settings(self.attributes))
        rows = self._tables[stream.path].visible(now)
        if stream is streams.TRACKING:
            oldest = now - streams.TRACKING_KEPT
            return [row for row in rows if isinstance(row["DateAccess"], datetime) and row["DateAccess"] >= oldest]
        return rows

    def _add(self, stream: Stream, values: Mapping[str, Value]) -> int:
        row_id = self._next(stream)
        self._put(stream, row_id, {"Id": row_id, **values})
        return row_id

    def _touch(self, stream: Stream, key: int, values: Mapping[str, Value], *moments: Value) -> None:
        table = self._tables[stream.path]
        self._put(stream, key, {**table[key], "DateUpdate": self._stamps(*moments)["DateUpdate"], **values})

    def _put(self, stream: Stream, key: int, values: Values) -> None:
        late = self.chaos.take("late_commit", path=stream.path)
        seconds = float(late.params.get("seconds", 30)) if late else 0.0
        self._tables[stream.path].put(key, values, self.clock() + timedelta(seconds=seconds) if seconds else None)

    def _next(self, stream: Stream) -> int:
        self._ids[stream.path] = self._ids.get(stream.path, 0) + 1
        return self._ids[stream.path]

    def _kind(self, group: str, name: str) -> int:
        """The number of a choice that the account makes up as it goes."""
        numbers = [key for key in self._ids if key.startswith(f"{group}:")]
        return self._ids.setdefault(f"{group}:{name}", len(numbers) + 1)

    def _stamps(self, *moments: Value) -> dict[str, Value]:
        times = [moment for moment in moments if isinstance(moment, datetime)]
        if self._backdating and times:
            return {"DateRegist": _whole(min(times)), "DateUpdate": _whole(max(times))}
        now = _whole(self.clock())
        return {"DateRegist": now, "DateUpdate": now}


def _whole(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("a time without a time zone")
    return at.replace(microsecond=0)


def _mail_events(events: MailEvents) -> dict[str, Value]:
    times = {
        "DateOpen": events.get("opened_at"),
        "DateClick": events.get("clicked_at"),
        "DateError": events.get("bounced_at"),
    }
    row: dict[str, Value] = {name: _whole(at) for name, at in times.items() if at is not None}
    if events.get("click_url"):
        row["ClickUrl"] = events.get("click_url")
    if "DateError" in row:
        row["ResultCode"] = _MAIL_BOUNCED
    return row
