"""Writing by sObject Collections: 200 rows in each, up to five of them in one call, each row with its own answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simple_salesforce.format import format_soql

from connector.adapters.salesforce.fields import Json, is_id
from connector.adapters.salesforce.org import Org
from connector.adapters.salesforce.records import MOST
from connector.adapters.salesforce.refusals import refused, verdict
from connector.adapters.salesforce.rows import Route, Row, Rows, Unfit
from connector.changes import AnyChange, CloseAlert
from connector.errors import AdapterError, Refused, Uncertain, text
from connector.ports import LEFT, Receipt

if TYPE_CHECKING:
    from connector.adapters.salesforce import Config


_OF_ONE_ROW = frozenset({"JSON_PARSER_ERROR", "INVALID_FIELD", "MALFORMED_ID", "INVALID_ID_FIELD"})
"""Codes by which one row can fail all rows of its collection."""

Answer = Mapping[str, Any]


class Writer:
    """Carries changes out in one org."""

    def __init__(self, org: Org, config: Config, rows: Rows) -> None:
        self._org = org
        self._config = config
        self._rows = rows

    def push(self, changes: Sequence[AnyChange]) -> Iterator[Receipt]:
        """See `Adapter.push`."""
        receipts = self._not_to_close(changes)
        waiting: list[Row] = []
        for place, change in enumerate(changes):
            if place in receipts:
                continue
            try:
                waiting.append(self._rows.row(place, change))
            except Unfit as unfit:
                receipts[place] = refused(change.key, unfit.code, unfit.object, unfit.names)
        told = 0
        while True:
            while told in receipts:
                yield receipts[told]
                told += 1
            if not waiting:
                return
            now, waiting = _together(waiting, MOST * self._config.collections_per_call)
            for rows in _calls(now):
                receipts |= self._send(rows)

    def _not_to_close(self, changes: Sequence[AnyChange]) -> dict[int, Receipt]:
        """Alerts that need no closing: their owner closed or deleted them; and those that the owner works on."""
        ours = {place: change for place, change in enumerate(changes) if isinstance(change, CloseAlert)}
        if not ours:
            return {}
        ids = sorted({change.remote_id for change in ours.values() if is_id(change.remote_id)})
        status: dict[str, tuple[str, bool]] = {}
        for start in range(0, len(ids), 100):  # a query travels in a URL
            soql = format_soql("SELECT Id, Status, IsClosed FROM Task WHERE Id IN {}", ids[start : start + 100])
            status |= {
                str(row["Id"]): (str(row["Status"]), row["IsClosed"] is True) for row in self._org.query_all(soql)
            }
        found: dict[int, Receipt] = {}
        for place, change in ours.items():
            said, closed = status.get(change.remote_id, ("", True))
            if closed:
                found[place] = Receipt(change.key, "done", change.remote_id)
            elif said != self._config.alert.status:
                found[place] = Receipt(change.key, "done", change.remote_id, LEFT)
        return found

    def _send(self, rows: Sequence[Row]) -> dict[int, Receipt]:
        """Rows of one call of `_calls`, and what follows where a unique value is taken."""
        receipts = self._attempt(rows)
        taken = [row for row in rows if row.route.key_field and receipts[row.place].code == "DUPLICATE_VALUE"]
        if not taken:
            return receipts
        try:
            return receipts | self._taken(taken)
        except AdapterError:
            # The other rows of the call are written: what is not known of these is asked again later.
            later = [{"statusCode": "UNABLE_TO_LOCK_ROW"}]
            return receipts | {row.place: verdict(row.key, row.route.object, later) for row in taken}

    def _attempt(self, rows: Sequence[Row]) -> dict[int, Receipt]:
        """One collection, or several in one composite."""
        parts = [rows[start : start + MOST] for start in range(0, len(rows), MOST)]
        try:
            if len(parts) > 1:
                return self._send_together(parts)
            route = rows[0].route
            answers = self._org.write(route.method, route.path, _body(rows), self._headers(route))
            return self._receipts(rows, answers)
        except Refused as error:
            return self._one_by_one(parts) if len(parts) > 1 else self._refused_whole(rows, error)

    def _one_by_one(self, parts: Sequence[Sequence[Row]]) -> dict[int, Receipt]:
        """The org does not take the composite as such."""
        return {place: receipt for part in parts for place, receipt in self._attempt(part).items()}

    def _send_together(self, parts: Sequence[Sequence[Row]]) -> dict[int, Receipt]:
        """Several collections as one composite, which is one API call; one that fails is no matter to the others."""
        route = parts[0][0].route
        base, headers = f"/services/data/v{self._config.api_version}", self._headers(route)
        requests = [
            {
                "method": route.method,
                "url": f"{base}/{route.path}",
                "referenceId": f"part{n}",
                "httpHeaders": headers,
                "body": _body(part),
            }
            for n, part in enumerate(parts)
        ]
        body = {"allOrNone": False, "compositeRequest": requests}
        answer = self._org.write("POST", "composite", body, headers)
        members = answer.get("compositeResponse") if isinstance(answer, dict) else None
        if not isinstance(members, list) or len(members) != len(parts):
            raise self._incomplete()
        by_name = {member.get("referenceId"): member for member in members if isinstance(member, dict)}
        receipts: dict[int, Receipt] = {}
        for n, part in enumerate(parts):
            receipts |= self._member(part, by_name.get(f"part{n}") or {})
        return receipts

    def _member(self, rows: Sequence[Row], member: Answer) -> dict[int, Receipt]:
        status, body = member.get("httpStatusCode"), member.get("body")
        if not isinstance(status, int) or status < 300:
            return self._receipts(rows, body)
        error = self._org.error(status, body, asks=False)
        if error.code == "PROCESSING_HALTED":  # for what concerns the composite, and none of its rows
            return self._attempt(rows)
        if isinstance(error, Refused):
            return self._refused_whole(rows, error)
        # This answer did arrive, and says of its rows alone that they were not written now.
        later = [{"statusCode": "UNABLE_TO_LOCK_ROW", "message": error.said}]
        return {row.place: verdict(row.key, row.route.object, later) for row in rows}

    def _headers(self, route: Route) -> dict[str, str]:
        return {
            "Sforce-Auto-Assign": "TRUE" if self._config.assignment_rules else "FALSE",
            "Sforce-Duplicate-Rule-Header": f"allowSave={'true' if route.save_duplicates else 'false'}",
        }

    def _receipts(self, rows: Sequence[Row], answers: Any) -> dict[int, Receipt]:
        if not isinstance(answers, list) or len(answers) != len(rows):
            raise self._incomplete()
        return {row.place: _receipt(row, answer) for row, answer in zip(rows, answers, strict=True)}

    def _incomplete(self) -> Uncertain:
        what = text("did not answer for each row", "全ての行に対する応答がありません")
        return Uncertain(what, where=self._org.name)

    def _refused_whole(self, rows: Sequence[Row], error: Refused) -> dict[int, Receipt]:
        """The collection as a whole was refused: find the row that is to blame, so that its neighbours go through."""
        self._org.forget_descriptions()
        if len(rows) > 1 and error.code in _OF_ONE_ROW:
            middle = len(rows) // 2
            return self._attempt(rows[:middle]) | self._attempt(rows[middle:])
        code = error.code or "REFUSED"
        return {row.place: refused(row.key, code, row.route.object, said=error.said) for row in rows}

    def _taken(self, rows: Sequence[Row]) -> dict[int, Receipt]:
        """Rows under a key of ours, one of whose unique values is taken."""
        route = rows[0].route
        if route.method != "POST":
            # An upsert finds our own key taken only while somebody else makes that record: by now it is there.
            return self._attempt(rows)
        found = self._by_key(route, [str(row.body[route.key_field or ""]) for row in rows])
        return {row.place: Receipt(row.key, "done", found[row.target]) for row in rows if row.target in found}

    def _by_key(self, route: Route, keys: Sequence[str]) -> dict[str, str]:
        """Ids of the records with these keys; a task that is archived keeps its own."""
        name = route.key_field or ""
        found: dict[str, str] = {}
        for start in range(0, len(keys), 100):  # a query travels in a URL
            soql = format_soql(
                "SELECT Id, {:literal} FROM {:literal} WHERE IsDeleted = false AND {:literal} IN {}",
                name,
                route.object,
                name,
                list(keys[start : start + 100]),
            )
            rows = self._org.query_all(soql, put_away=True)
            found |= {str(row[name]).casefold(): str(row["Id"]) for row in rows}
        return found


def _together(rows: Sequence[Row], most: int) -> tuple[list[Row], list[Row]]:
    """Rows that can go in one call, in the order in which Salesforce is to lock them; and the others."""
    now: dict[str, Row] = {}
    later: list[Row] = []
    for row in rows:
        if row.route != rows[0].route or row.target in now or len(now) == most:
            later.append(row)
        else:
            now[row.target] = row
    return sorted(now.values(), key=lambda row: (row.parent, row.target)), later


def _calls(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Rows that `_together` gave, as the calls that carry them: what a composite would change goes by itself."""
    if len(rows) <= MOST:  # one collection, no composite
        yield rows
        return
    plain = [row for row in rows if not row.refers]
    alone = [row for row in rows if row.refers]
    if plain:
        yield plain
    for start in range(0, len(alone), MOST):
        yield alone[start : start + MOST]


def _body(rows: Sequence[Row]) -> dict[str, Json | list[Any]]:
    kind = {"attributes": {"type": rows[0].route.object}}
    return {"allOrNone": False, "records": [{**kind, **row.body} for row in rows]}


def _receipt(row: Row, answer: Mapping[str, Any]) -> Receipt:
    if answer.get("success") is True:
        return Receipt(row.key, "done", str(answer["id"]))
    return verdict(row.key, row.route.object, answer.get("errors") or [])
