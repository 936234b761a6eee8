"""What in the apps does not fit the mappings and options, found without writing; and what they hold, to be shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connector.adapters.kintone.client import MOST_TOKENS, USE_A_USER, Client, too_many_tokens
from connector.adapters.kintone.findings import Found
from connector.adapters.kintone.form import CHOICES, ENTITIES, KEY_LENGTH, TEXTS, WRITABLE, Form, FormField
from connector.adapters.kintone.options import Config, EntryFields
from connector.adapters.kintone.read import Reader
from connector.adapters.kintone.records import Shape, missing_options, missing_truths, state_field
from connector.adapters.kintone.values import takes_lines
from connector.errors import AdapterError, Mismatch, Text, text
from connector.model import PERSON_FIELD_KIND
from connector.ports import FieldShown, Finding, Needs, ObjectNeeds, ObjectShown
from connector.spec import unknown_key

_OUR_KEY = 32
"""Characters of the keys of our alerts and entries, and of the people we create."""
_DAYS = frozenset({"DATE", "DATETIME"})
_NUMBERS = frozenset({"NUMBER", "CALC"})
_USERS = frozenset({"USER_SELECT", "CREATOR", "MODIFIER"})
_CLOSING = frozenset({"DROP_DOWN", "RADIO_BUTTON", "SINGLE_LINE_TEXT"})
_NAMING = TEXTS | _NUMBERS | {"RECORD_NUMBER"}
"""Types of field that can say who takes part in a deal."""
_DEAL_TYPES = {
    "owner": _USERS,
    "amount": _NUMBERS,
    "closes_on": _DAYS,
    "closed_at": _DAYS,
    "stage_since": _DAYS,
}
_ENTRY_TYPES = {
    "title": TEXTS,
    "body": frozenset({"MULTI_LINE_TEXT"}),
    "person": frozenset({"NUMBER", "SINGLE_LINE_TEXT", "LINK"}),
    "person_id": frozenset({"SINGLE_LINE_TEXT"}),
    "owner": frozenset({"USER_SELECT"}),
    "due": _DAYS,
    "deal": frozenset({"NUMBER", "SINGLE_LINE_TEXT", "LINK"}),
    "happened_at": _DAYS,
}


class Checker:
    """Compares one kintone with what the mappings and the options need of it."""

    def __init__(self, client: Client, config: Config, needs: Needs, reader: Reader) -> None:
        self._client = client
        self._config = config
        self._needs = needs
        self._reader = reader

    # --- check ------------------------------------------------------------------------------------------------------

    def findings(self) -> Iterator[Finding]:
        """All of them.

        :raises AdapterError: when no app can be asked at all
        """
        self._client.forget_forms()
        yield from self._options()
        failures: list[AdapterError] = []
        for word in self._config.apps:
            found: list[Finding] = []
            try:
                found.extend(self._app(word))
            except AdapterError as error:
                failures.append(error)
                found.append(Finding("error", error.what, word, fix=error.fix))
            if len(failures) == len(self._config.apps):
                raise failures[0]
            yield from found
        yield _UNTOLD if self._config.username is None else _UNTOLD_OF_A_USER

    def _options(self) -> Iterator[Finding]:
        for name in self._needs.objects:
            if name not in self._config.apps and name != "*":
                _, fix = unknown_key(name, self._config.apps)
                what = text("there is no app {name!r} under apps", "apps に {name!r} がありません", name=name)
                yield Finding("error", what, name, fix=fix)
        for needed, option, given in (
            (self._needs.alerts, "alert", self._config.alert),
            (self._needs.timeline, "timeline", self._config.timeline),
        ):
            if needed and given is None:
                what = text("rules need {option}, which is not set", "{option} の設定がありません", option=option)
                yield Finding(
                    "error",
                    what,
                    fix=text("see docs/adapters/kintone.md", "docs/adapters/kintone.md を参照してください"),
                )

        alert = self._config.alert
        if self._needs.alerts and alert is not None and "app" not in alert.via:
            what = text(
                "alerts about no record (digests) cannot be told by comments",
                "レコードに結び付かないアラート(まとめ通知)はコメントでは送れません",
            )
            fix = text("add app to alert.via", "alert.via に app を加えてください")
            yield Finding("warning", what, fix=fix)

    def _app(self, word: str) -> Iterator[Finding]:
        form = self._client.form(word)
        found = Found(word, form)
        needs = self._needs.of(word)
        if word in self._reader.people:
            yield from self._people(found, needs)
        if word in self._reader.deals:
            yield from self._deals(found, needs)
        if word in (*self._reader.people, *self._reader.deals):
            rows = self._client.records(word, "limit 1", ["$id"])
            if rows:
                yield from self._rights(word, int(rows[0]["$id"]["value"]), writes=bool(needs.write))
            yield from self._claim(found)
        alert, timeline = self._config.alert, self._config.timeline
        if self._needs.alerts and alert is not None and alert.app == word:
            yield from self._entries(found, alert.fields)
            if alert.close is not None:
                yield from found.typed(alert.close.field, _CLOSING)
                field = found.form.find(alert.close.field)
                missing = sorted({alert.close.open, alert.close.closed} - set(field.options)) if field else []
                if field is not None and field.type in CHOICES and missing:
                    yield found.no_option(field, missing)
        if self._needs.timeline and timeline is not None and timeline.app == word:
            yield from self._entries(found, timeline.fields)
        yield from self._lookups(found, needs)
        if self._client.manages(word):
            yield _too_much(word, text("may change the settings of the app", "アプリの管理権限があります"))
        meter = self._client.http.meters[word]
        what = text(
            "calls today, by our own count: {used} of {limit}",
            "本日の呼び出し回数(当方の集計): {used} / {limit}",
            used=meter.before + meter.calls,
            limit=meter.limit,
        )
        yield Finding("info", what, word)

    def _rights(self, word: str, number: int, *, writes: bool) -> Iterator[Finding]:
        """What our user may do with one of the records, and need not, or may not, and must."""
        rights = self._client.rights(word, number) or {}
        if rights.get("deletable"):
            yield _too_much(word, text("may delete records", "レコードを削除できます"))
        if writes and rights.get("editable") is False:
            what = text("may not edit record {n}", "レコード {n} を編集できません", n=number)
            fix = text("give the user edit access", "ユーザーに編集権限を与えてください")
            yield Finding("error", what, word, fix=fix)

    def _shape(self, found: Found) -> Shape:
        app = self._client.app(found.app)
        return Shape(self._client.name, found.app, app, found.form, self._needs.of(found.app), self._needs.timezone)

    # --- people -----------------------------------------------------------------------------------------------------

    def _people(self, found: Found, needs: ObjectNeeds) -> Iterator[Finding]:
        unreadable = self._shape(found).unreadable()
        for code in unreadable:
            yield found.unusable(code)
        yield from self._own(found)
        for code in sorted(needs.write):
            field = found.form.find(code)
            if field is not None and code not in unreadable:
                yield from found.written(field, needs, self._needs.timezone)
        for word, code in needs.words.items():
            field = found.form.find(code)
            if PERSON_FIELD_KIND.get(word) == "bool" and field and field.type in CHOICES and not needs.values.get(code):
                yield found.error(
                    code,
                    text("what does yes look like here?", "「はい」に当たる選択肢が分かりません"),
                    text('add values: {{"true": OPTION}}', 'values: {{"true": 選択肢}} を追加してください'),
                )
        for code, missing in missing_truths(found.form, needs):
            if code not in needs.write:
                yield found.no_option(found.form.fields[code], missing)
        if needs.key is not None:
            yield from found.key(needs.key, _OUR_KEY)
        if needs.create:
            yield from found.unfilled({*needs.write, *([needs.key] if needs.key else [])})

    def _own(self, found: Found) -> Iterator[Finding]:
        """What the options say of an app of people."""
        app = self._client.app(found.app)
        yield from found.typed(app.owner, _USERS)
        if app.summary is not None:
            table = found.form.fields.get(app.summary.table)
            if table is None or table.type != "SUBTABLE":
                yield found.unusable(app.summary.table)
            elif not takes_lines(table, app.summary):
                yield found.unusable(app.summary.line)
            else:
                yield from found.lines(table, app.summary.line)

    # --- deals ------------------------------------------------------------------------------------------------------

    def _deals(self, found: Found, needs: ObjectNeeds) -> Iterator[Finding]:
        shape = self._shape(found)
        for code in shape.unreadable():
            yield found.unusable(code)
        for word, types in _DEAL_TYPES.items():
            yield from found.typed(needs.deal.get(word), types)
        field = found.form.find(needs.deal.get("people", ""))
        if field is not None and field.type not in _NAMING:
            yield found.wrong_type(field, _NAMING)
        field = found.form.find(state_field(needs) or "")
        if field is not None and field.type in (*CHOICES, "STATUS"):
            options = self._client.states(found.app) if field.type == "STATUS" else field.options
            if missing := missing_options(needs, options):
                yield found.no_option(field, missing)
        yield from self._probabilities(found, needs)
        if "people" in needs.deal and not shape.unreadable():
            try:
                self._reader.linker.apps(shape)
            except Mismatch as error:
                yield found.error(needs.deal["people"], error.what, error.fix)
        if "company" in needs.linked_by:
            yield found.error(
                needs.deal["company"],
                text("companies are known by name here", "企業は名前で扱います"),
                text(
                    "map the field that holds the name, as a lookup copies it, and leave linked_by out",
                    "ルックアップでコピーされた会社名のフィールドを指定し、linked_by を外してください",
                ),
            )

    @staticmethod
    def _probabilities(found: Found, needs: ObjectNeeds) -> Iterator[Finding]:
        field = found.form.find(needs.deal.get("probability", ""))
        if field is not None and field.type in CHOICES:
            if missing := sorted(set(needs.probabilities) - set(field.options)):
                yield found.no_option(field, missing)
            if needs.probabilities and (untold := sorted(set(field.options) - set(needs.probabilities))):
                yield found.error(
                    field.code,
                    text(
                        "no percentage for {options}", "{options} の確度が決まっていません", options=", ".join(untold)
                    ),
                    text("add them to probabilities", "probabilities に追加してください"),
                    "warning",
                )

    # --- alerts and touchpoints -------------------------------------------------------------------------------------

    def _entries(self, found: Found, names: EntryFields) -> Iterator[Finding]:
        yield from found.key(names.key, _OUR_KEY)
        given = {option: code for option, code in names.model_dump().items() if option != "key" and code is not None}
        for option, code in given.items():
            yield from found.typed(code, _ENTRY_TYPES[option])
            field = found.form.find(code)
            if field is None:
                continue
            if code in found.form.copied:
                yield found.copied(code)
            if field.lookup is not None and not self._by_number(field):
                yield found.error(
                    code,
                    text("looks up by something else than the record number", "レコード番号以外によるルックアップです"),
                    text("use the record number, or no lookup", "レコード番号を使うか、ルックアップ以外にしてください"),
                )
        yield from found.unfilled({names.key, *given.values()})

    def _by_number(self, field: FormField) -> bool:
        word = self._client.word_of(field.lookup.app) if field.lookup is not None else None
        if word is None or field.lookup is None:
            return False
        target = self._client.form(word).find(field.lookup.key)
        return target is not None and target.type == "RECORD_NUMBER"

    def _claim(self, found: Found) -> Iterator[Finding]:
        alert = self._config.alert
        if not self._needs.alerts or alert is None or "comment" not in alert.via or alert.claim is None:
            return
        yield from found.typed(alert.claim, frozenset({"SINGLE_LINE_TEXT", "MULTI_LINE_TEXT"}))
        field = found.form.find(alert.claim)
        if field is not None and field.max_length and field.max_length < KEY_LENGTH:
            yield found.short(field, KEY_LENGTH)

    def _lookups(self, found: Found, needs: ObjectNeeds) -> Iterator[Finding]:
        for code in sorted(needs.write):
            field = found.form.find(code)
            if field is not None and field.lookup is not None and self._client.word_of(field.lookup.app) is None:
                yield found.error(
                    code,
                    text("looks up app {app}, which is not under apps",
                         "参照先のアプリ {app} が apps にありません", app=field.lookup.app),
                    text("add it with its token: kintone wants that, too",
                         "参照先アプリのトークンも必要です。apps に追加してください"),
                )  # fmt: skip
        count = 1 + len(self._client.looked_up(found.app))
        if count > MOST_TOKENS and self._client.app(found.app).token is not None:
            yield Finding("error", too_many_tokens(count), found.app, fix=USE_A_USER)

    # --- inspect ----------------------------------------------------------------------------------------------------

    def shown(self) -> Sequence[ObjectShown]:
        """Every app with its fields; those in tables behind the table's name."""
        return [
            ObjectShown(word, f"app {app.id}", _fields(self._client.form(word)))
            for word, app in self._config.apps.items()
        ]


def _too_much(word: str, what: Text) -> Finding:
    """A right that we have no use for: what cannot be done cannot go wrong, nor be misused by who finds the secret."""
    return Finding(
        "warning",
        what,
        word,
        fix=text(
            "take that right away: view, add and edit are all that is needed",
            "その権限を外してください。閲覧・追加・編集だけで動作します",
        ),
    )


_LOOK = text(
    "look at the token's (or the user's) rights in each app we write to",
    "書き込み先アプリのトークン(またはユーザー)の権限を確認してください",
)
_UNTOLD = Finding(
    "info",
    text(
        "whether we may add, edit and delete cannot be seen without writing",
        "追加・編集・削除の権限は、実際に書き込むまで確認できません",
    ),
    fix=_LOOK,
)
_UNTOLD_OF_A_USER = Finding(
    "info",
    text("whether we may add cannot be seen without writing", "追加の権限は、実際に書き込むまで確認できません"),
    fix=_LOOK,
)


def _fields(form: Form) -> Sequence[FieldShown]:
    return [
        FieldShown(each.code, each.label, each.type, each.options, list(_notes(form, each))) for each in form.every()
    ]


def _notes(form: Form, field: FormField) -> Iterator[str]:
    if field.unique:
        yield "unique"
    if field.required:
        yield "required"
    if field.lookup is not None:
        yield "lookup"
    if field.code in form.copied:
        yield "copied by lookup"
    elif field.computed or field.type not in WRITABLE:
        yield "read only"
    if field.code in form.tables:
        yield f"in table {form.tables[field.code]}"
    if field.type in ENTITIES:
        yield "codes"
