"""Process management: actions that lead records from one state to another, and who is to act."""

from __future__ import annotations

from dataclasses import dataclass

from connector.sandbox.kintone.access import Access
from connector.sandbox.kintone.domain import Domain
from connector.sandbox.kintone.errors import MISSING, Refusal, Say, bad_json
from connector.sandbox.kintone.model import App, Process, Record
from connector.sandbox.kintone.params import Params
from connector.sandbox.kintone.records import Records
from connector.sandbox.kintone.values import unknown_code
from connector.sandbox.kintone.web import Answer, Call, Routes
from connector.sandbox.kintone.writing import Writer

MAX_RECORDS = MAX_ASSIGNEES = 100
_TOO_MANY: Say = ("一度に100件まで指定できます。", "A maximum of 100 can be specified at one time.")
_OFF: Say = ("プロセス管理機能が無効化されています。", "Process management is disabled.")
_NO_ACTION: Say = (
    "現在のステータスでは実行できないアクションです。",
    "The action cannot be run in the present status.",
)
_NOT_YOURS: Say = ("作業者でないため、アクションを実行できません。", "Only the assignee can run the action.")


@dataclass(frozen=True, slots=True)
class Processes:
    """Answers changes of state and of assignees."""

    domain: Domain
    access: Access
    records: Records

    def routes(self) -> Routes:
        """What is answered here."""
        return {
            ("PUT", "record/status"): self.act,
            ("PUT", "records/status"): self.act_on_many,
            ("PUT", "record/assignees"): self.assign,
        }

    @staticmethod
    def _check(params: Params) -> None:
        params.number("id")
        params.text("action", required=True)
        params.text("assignee")
        params.revision()

    def act(self, call: Call) -> Answer:
        """Run an action on a record."""
        self._check(call.params)
        app = self.access.app(call, "edit")
        with self.records.writer(call, app) as writer:
            record = self._act(writer, call.params)
        return Answer({"revision": str(record.revision)})

    def act_on_many(self, call: Call) -> Answer:
        """Run actions on records, on all or none."""
        given = call.params.many("records", required=True)
        if len(given) > MAX_RECORDS:
            call.params.complain("records", _TOO_MANY)
        parts = [call.params.inner(each, f"records[{place}].") for place, each in enumerate(given)]
        for part in parts:
            self._check(part)
        app = self.access.app(call, "edit")
        with self.records.writer(call, app) as writer:
            records = [self._act(writer, part) for part in parts]
        return Answer({"records": [{"id": str(each.id), "revision": str(each.revision)} for each in records]})

    def _act(self, writer: Writer, params: Params) -> Record:
        process = _process(writer.app)
        record = writer.existing(params.number("id") or 0, params.revision())
        action = params.text("action")
        found = next((e for e in process.actions if e["name"] == action and e["from"] == record.status), None)
        if found is None:
            raise Refusal(400, "GAIA_IL03", _NO_ACTION)
        if record.assignees and writer.actor.code not in record.assignees:
            raise Refusal(400, "GAIA_NT01", _NOT_YOURS)
        target = process.states[found["to"]]["assignee"]
        assignee = params.text("assignee")
        if not assignee and target["type"] == "ONE" and target["entities"]:
            params.complain("assignee", MISSING)
            params.done()
        self._known(assignee)
        # Two operations are behind it: the action and the change of the state.
        changed = writer.touch(record, by=2, status=found["to"], assignees=(assignee,) if assignee else ())
        self.domain.store.put(writer.app.id, record.id, changed)
        return changed

    def assign(self, call: Call) -> Answer:
        """Say who is to act next."""
        number, revision = call.params.number("id"), call.params.revision()
        given = call.params.many("assignees", required=True)
        if len(given) > MAX_ASSIGNEES:
            call.params.complain("assignees", _TOO_MANY)
        app = self.access.app(call, "edit")
        if not all(isinstance(each, str) for each in given):
            raise bad_json()
        with self.records.writer(call, app) as writer:
            _process(app)
            record = writer.existing(number or 0, revision)
            for each in given:
                self._known(each)
            changed = writer.touch(record, assignees=tuple(dict.fromkeys(given)))
            self.domain.store.put(app.id, record.id, changed)
        return Answer({"revision": str(changed.revision)})

    def _known(self, code: str) -> None:
        if code and code not in self.domain.doors.users:
            raise unknown_code("USER", code)


def _process(app: App) -> Process:
    if app.live is None:
        raise Refusal(400, "GAIA_ST02", _OFF)
    return app.live
