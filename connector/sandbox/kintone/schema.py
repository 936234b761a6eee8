"""What apps there are, and what their forms look like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from connector.sandbox.kintone.access import Access
from connector.sandbox.kintone.domain import Domain
from connector.sandbox.kintone.fields import PROCESS
from connector.sandbox.kintone.model import RIGHTS, App
from connector.sandbox.kintone.params import whole
from connector.sandbox.kintone.web import Answer, Call, Routes

_LANGUAGES = ("default", "ja", "en", "zh", "user")


@dataclass(frozen=True, slots=True)
class Schema:
    """Answers what an administrator set up."""

    domain: Domain
    access: Access

    def routes(self) -> Routes:
        """What is answered here."""
        return {
            ("GET", "app"): self.app,
            ("GET", "apps"): self.apps,
            ("GET", "app/form/fields"): self.fields,
            ("GET", "preview/app/form/fields"): self.fields,
            ("GET", "app/form/layout"): self.layout,
            ("GET", "preview/app/form/layout"): self.layout,
            ("GET", "app/status"): self.process,
            ("GET", "apps/statistics"): self.statistics,
        }

    def _readable(self, call: Call, name: str = "app") -> App:
        """The app; its preview is for those who manage it."""
        if call.place.api.startswith("preview/"):
            return self.access.app(call, "manage", name=name)
        return self.access.app(call, *RIGHTS, name=name, any_right=True)

    def app(self, call: Call) -> Answer:
        """One app."""
        return Answer(self._shown(self._readable(call, "id")))

    def apps(self, call: Call) -> Answer:
        """Apps by id, code, name or space; API tokens may not ask."""
        params = call.params
        ids = [whole(each) for each in params.many("ids")]
        codes, name = params.many("codes"), params.text("name").lower()
        limit, offset = params.within("limit", 100, 1, 100), params.number("offset", required=False, least=0) or 0
        params.done()
        if call.who.tokens is not None:
            raise call.who.forbidden()
        found = [
            app
            for app in self.domain.apps.values()
            if app.guest_space == call.place.guest
            and call.who.rights(app)
            and (not ids or app.id in ids)
            and (not codes or app.code in codes)
            and name in app.name.lower()
        ]
        return Answer({"apps": [self._shown(app) for app in found[offset : offset + limit]]})

    def _shown(self, app: App) -> dict[str, Any]:
        return {
            "appId": str(app.id),
            "code": app.code,
            "name": app.name,
            "description": "",
            "spaceId": None if app.guest_space is None else str(app.guest_space),
            "threadId": None if app.guest_space is None else str(app.guest_space),
            **self._stamps(app),
        }

    def _stamps(self, app: App) -> dict[str, Any]:
        users = self.domain.groups().users
        return {
            "createdAt": _milliseconds(app.created),
            "creator": {"code": app.creator, "name": users.get(app.creator, app.creator)},
            "modifiedAt": _milliseconds(app.modified),
            "modifier": {"code": app.modifier, "name": users.get(app.modifier, app.modifier)},
        }

    def fields(self, call: Call) -> Answer:
        """The fields of the form, and those that every app has."""
        call.params.one_of("lang", _LANGUAGES)
        app = self._readable(call)
        shown = {code: field.shown() for code, field in app.fields.items()}
        return Answer({"properties": shown, "revision": str(app.revision)})

    def layout(self, call: Call) -> Answer:
        """The rows of the form: one for each field, and the tables."""
        app = self._readable(call)
        rows: list[dict[str, Any]] = []
        for field in app.fields.values():
            if field.type == "SUBTABLE":
                inner = [_cell(each.type, each.code) for each in field.inner.values()]
                rows.append({"type": "SUBTABLE", "code": field.code, "fields": inner})
            elif field.type == "GROUP":
                rows.append({"type": "GROUP", "code": field.code, "layout": []})
            elif field.type not in PROCESS | {"CATEGORY"}:
                rows.append({"type": "ROW", "fields": [_cell(field.type, field.code)]})
        return Answer({"layout": rows, "revision": str(app.revision)})

    def process(self, call: Call) -> Answer:
        """The states of a record and the actions between them."""
        call.params.one_of("lang", _LANGUAGES)
        app = self._readable(call)
        process = app.process
        return Answer(
            {
                "enable": app.live is not None,
                "states": None if process is None else process.states,
                "actions": None if process is None else list(process.actions),
                "revision": str(app.revision),
            }
        )

    def statistics(self, call: Call) -> Answer:
        """How much of each app there is, and how often it was asked today; for users who manage it."""
        limit = call.params.within("limit", 100, 1, 100)
        offset = call.params.number("offset", required=False, least=0) or 0
        call.params.done()
        if call.who.tokens is not None:
            raise call.who.forbidden()
        mine = [app for app in self.domain.apps.values() if call.who.can(app, "manage")]
        shown = [
            {
                "id": str(app.id),
                "name": app.name,
                "space": None if app.guest_space is None else {"id": str(app.guest_space), "name": "ゲスト"},
                "appGroup": "Public",
                "status": "ACTIVATED",
                "recordUpdatedAt": self._last(app),
                "recordCount": str(len(self.domain.store.table(app.id))),
                "fieldCount": str(len(app.fields)),
                "dailyRequestCount": str(self.domain.requests_today(app.id)),
                "storageUsage": "0",
                "customized": False,
                **self._stamps(app),
            }
            for app in mine[offset : offset + limit]
        ]
        return Answer({"apps": shown})

    def _last(self, app: App) -> str | None:
        return max((record.updated for record in self.domain.store.table(app.id).values()), default=None)


def _cell(kind: str, code: str) -> dict[str, Any]:
    return {"type": kind, "code": code, "size": {"width": "200"}}


def _milliseconds(stamp: str) -> str:
    return stamp.removesuffix("Z") + ".000Z"
