"""What a new record of the alert app or the timeline app holds."""

from __future__ import annotations

from datetime import tzinfo

from connector.adapters.kintone.client import Client
from connector.adapters.kintone.form import FormField
from connector.adapters.kintone.options import Config, EntryFields
from connector.changes import AddTouchpoint, RaiseAlert
from connector.model import Ref, Value


class Entries:
    """Makes the values of new records; their keys are added by the writer."""

    def __init__(self, client: Client, config: Config, zone: tzinfo) -> None:
        self._client = client
        self._config = config
        self._zone = zone

    def alert(self, change: RaiseAlert) -> dict[str, Value]:
        """An alert, for the app that the options name."""
        options = self._config.alert
        assert options is not None  # noqa: S101  the caller has looked
        assert options.app is not None  # noqa: S101  as above
        names = options.fields
        values = self._common(options.app, names, change.title, change.body, change.identity, change.person)
        owner = change.owner_id or None
        more = {
            names.owner: owner,
            names.due: change.due_on,
            names.deal: self._pointed(options.app, names.deal, change.deal),
        }
        return values | {name: value for name, value in more.items() if name is not None and value is not None}

    def touchpoint(self, change: AddTouchpoint) -> dict[str, Value]:
        """A touchpoint, for the app that the options name."""
        options = self._config.timeline
        assert options is not None  # noqa: S101  the caller has looked
        names = options.fields
        values = self._common(options.app, names, change.title, change.body, change.identity, change.person)
        more = {names.owner: change.owner_id, names.happened_at: change.happened_at}
        return values | {name: value for name, value in more.items() if name is not None and value is not None}

    def _common(
        self, app: str, names: EntryFields, title: str, body: str, identity: str, person: Ref | None
    ) -> dict[str, Value]:  # fmt: skip
        values: dict[str | None, Value] = {
            names.title: title.replace("\n", " "),
            names.body: body,
            names.person_id: identity,
            names.person: self._pointed(app, names.person, person),
        }
        return {name: value for name, value in values.items() if name is not None and value is not None}

    def _pointed(self, app: str, code: str | None, ref: Ref | None) -> Value:
        """A record of this kintone as its field takes it: by its URL, or by its number."""
        if code is None or ref is None or ref.system != self._client.name or ref.object not in self._config.apps:
            return None
        field = self._client.form(app).find(code)
        number = ref.id.rpartition("-")[2]
        return self._url(ref.object, number) if is_link(field) else number

    def _url(self, word: str, number: str) -> str:
        app = self._client.app(word)
        space = f"guest/{app.guest_space}/" if app.guest_space else ""
        return f"{self._client.http.base_url}/k/{space}{app.id}/show#record={number}"


def is_link(field: FormField | None) -> bool:
    """Whether a field takes the URL of a record."""
    return field is not None and field.type == "LINK"
