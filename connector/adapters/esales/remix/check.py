"""What in a tenant does not fit the mappings, found without writing; and what mappings can name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from connector.adapters.esales.options import AlertFields, Config
from connector.adapters.esales.remix.client import Client
from connector.adapters.esales.remix.read import STAMPS
from connector.adapters.esales.remix.sheets import COMPANY, DEAL, PERSON, Column, Sheet, Sheets
from connector.adapters.esales.remix.values import choice_of
from connector.adapters.esales.speech import did_you_mean, plain
from connector.adapters.esales.words import DEAL_NAMES, WrongValue, named_states, spelt_truths, state_word
from connector.errors import Text, Unauthorized, text
from connector.ports import FieldShown, Finding, Needs, ObjectNeeds, ObjectShown

_STAMP_NAMES = ("変更日", "更新日", "変更日時", "更新日時")
LABELS: Mapping[str, str] = {PERSON: "名刺", COMPANY: "顧客", DEAL: "案件"}


class Checker:
    """Compares one tenant with what the mappings need of it."""

    def __init__(self, client: Client, sheets: Sheets, config: Config, needs: Needs, streams: Sequence[str]) -> None:
        self._client = client
        self._sheets = sheets
        self._config = config
        self._needs = needs
        self._streams = streams

    def inspect(self) -> Sequence[ObjectShown]:
        """Every sheet with its columns: codes as names, 項目名 as labels."""
        return [self._shown(sheet) for name in self._sheets.names() if (sheet := self._sheets.sheet(name)) is not None]

    def _shown(self, sheet: Sheet) -> ObjectShown:
        fields = [
            FieldShown(
                str(column.code),
                column.name,
                column.type,
                tuple(self._sheets.choices(sheet.name, column).values()),
                ("read only",) if column.code == sheet.key else (),
            )
            for column in sheet.columns.values()
        ]
        return ObjectShown(sheet.name, LABELS.get(sheet.name, ""), fields)

    def findings(self) -> Iterator[Finding]:
        """All of them.

        :raises AdapterError: when the tenant cannot be asked at all
        """
        names = self._sheets.names()
        for name in dict.fromkeys([*self._streams, *(each for each in self._needs.objects if each != "*")]):
            try:
                yield from self._object(name, names)
            except Unauthorized as error:  # the sign-in has worked: it is this sheet
                yield _error(error.what, name, fix=error.fix)
        if self._needs.alerts:
            yield from self._alerts(names)
        yield from self._probed()

    def _object(self, name: str, names: Sequence[str]) -> Iterator[Finding]:
        if name not in self._streams:
            yield _error(
                text("{object} is not read by this adapter", "{object} はこのアダプターでは扱えません", object=name),
                name,
                fix=text("people are person, deals are business", "名刺は person、案件は business です"),
            )
            return
        sheet = self._sheets.sheet(name)
        if sheet is None:
            yield _error(
                text("there is no such sheet, or it may not be seen", "シートが無いか、参照できません"),
                name,
                fix=did_you_mean(name, names)
                or text("give the connector's user the right to see it", "連携ユーザーに参照権限を与えてください"),
            )
            return
        needs = self._needs.of(name) if name in (PERSON, DEAL) else ObjectNeeds()
        for native in sorted(needs.read | needs.write):
            yield from self._field(sheet, native, needs, written=native in needs.write)
        if needs.key is not None:
            yield from self._key(sheet, needs.key)
        if name == DEAL:
            yield from self._deal(sheet, needs)
        yield from self._stamps(sheet)
        yield from self._employees(sheet)

    def _employees(self, sheet: Sheet) -> Iterator[Finding]:
        options = self._config.employees
        if options is not None and sheet.name == options.sheet:
            for native in (options.id, options.name, options.email):
                if native is not None and sheet.column(native) is None:
                    yield _missing(sheet, native)
            key = sheet.column(str(options.id))
            if key is not None and key.type not in ("num", ""):
                what = text("社員 are read by a number: id must be one", "社員は数値のコードで読み取ります (id)")
                yield _error(what, sheet.name, key.name)

    def _field(self, sheet: Sheet, native: str, needs: ObjectNeeds, *, written: bool) -> Iterator[Finding]:
        column = sheet.column(native)
        if column is None:
            yield _missing(sheet, native)
            return
        if not column.type:
            yield Finding(
                "error" if written else "warning",
                text("its type is told nowhere", "型が分かりません"),
                sheet.name,
                native,
                text("give it under fields: {{{code}: {{type: text}}}}", "fields: に {code} の type を指定してください",
                     code=column.code),
            )  # fmt: skip
        if written and column.code == sheet.key:
            yield _error(text("only the system writes this field", "この項目はシステムだけが書き込めます"), sheet.name,
                         native)  # fmt: skip
        if column.type in ("select", "checkbox"):
            spelt = [names for word, names in spelt_truths(needs) if needs.words[word] == native]
            yield from self._choices(sheet, native, column, needs.choices.get(native, frozenset()).union(*spelt))

    def _choices(self, sheet: Sheet, native: str, column: Column, wanted: frozenset[str]) -> Iterator[Finding]:
        there = self._sheets.choices(sheet.name, column)
        for name in sorted(wanted):
            try:
                choice_of(name, there)
            except WrongValue:
                yield _error(
                    text("{name} is not among its choices", "選択肢に {name} がありません", name=name),
                    sheet.name,
                    native,
                    text("choices: {names}", "選択肢: {names}", names=", ".join(there.values())),
                )

    def _key(self, sheet: Sheet, native: str) -> Iterator[Finding]:
        column = sheet.column(native)
        if column is None:
            yield _missing(sheet, native)
        elif column.type != "text":
            yield _error(
                text("a key must be a text field", "キーは文字列の項目でなければなりません"),
                sheet.name,
                native,
                text("make a text field of 64 for it alone", "キー専用の文字列項目(64文字)を作成してください"),
            )

    def _deal(self, sheet: Sheet, needs: ObjectNeeds) -> Iterator[Finding]:
        word = state_word(needs)
        if word not in needs.deal:
            yield _error(
                text("no field tells the state of a deal", "案件の状態を表す項目が指定されていません"),
                sheet.name,
                fix=self._candidates(sheet, "stage"),
            )
        for each in ("won", "lost"):
            if each not in needs.states:
                yield _error(
                    text("states does not say what {state} is", "states に {state} がありません", state=each),
                    sheet.name,
                    needs.deal.get(word, ""),
                )
        column = sheet.column(needs.deal.get(word, ""))
        if column is not None and column.type == "select":
            yield from self._choices(sheet, needs.deal[word], column, frozenset(named_states(needs)))
        column = sheet.column(needs.deal.get("probability", ""))
        if column is not None and column.type == "select":
            names = frozenset(needs.probabilities)
            yield from self._choices(sheet, needs.deal["probability"], column, names)
        for each, native in needs.linked_by.items():
            yield _error(
                text("links of {word} are ids here", "{word} は ID で関連付けられます", word=each),
                sheet.name,
                native,
                text("remove linked_by", "linked_by を削除してください"),
            )
        for each in sorted(DEAL_NAMES.keys() - needs.deal.keys() - {"stage"}):
            shown = self._candidates(sheet, each)
            if shown is not None:
                yield Finding("info", text("{word} is not mapped", "{word} は未指定です", word=each), DEAL, fix=shown)

    def _candidates(self, sheet: Sheet, word: str) -> Text | None:
        """Fields whose 項目名 looks like a word: for a person to confirm."""
        found = [
            f"{column.name} ({column.code})"
            for column in sheet.columns.values()
            if any(name in plain(column.name) for name in DEAL_NAMES[word])
        ]
        if not found:
            return None
        return text("candidates: {names}", "候補: {names}", names=", ".join(found))

    def _stamps(self, sheet: Sheet) -> Iterator[Finding]:
        stamps = self._config.stamps.get(sheet.name) or STAMPS.get(sheet.name)
        if stamps is None:
            found = [
                f"{each.name} ({each.code})" for each in sheet.columns.values() if plain(each.name) in _STAMP_NAMES
            ]
            yield Finding(
                "warning",
                text("everything is read each time: no column is known to tell what changed",
                     "変更日の項目が不明なため、毎回全件を読み取ります"),
                sheet.name,
                fix=text("name it under stamps; candidates: {names}", "stamps に指定してください。候補: {names}",
                         names=", ".join(found) or "-"),
            )  # fmt: skip
            return
        for native in (stamps.changed, stamps.created):
            column = sheet.column(native) if native else None
            if native and column is None:
                yield _missing(sheet, native)
            elif column is not None and column.type not in ("date", ""):
                yield _error(text("not a date", "日付の項目ではありません"), sheet.name, column.name)

    # --- alerts and the probe -----------------------------------------------------------------------------------------

    def _alerts(self, names: Sequence[str]) -> Iterator[Finding]:
        if not self._config.alert.via:
            yield Finding(
                "warning",
                text("alerts have no way to appear", "アラートの通知方法が指定されていません"),
                fix=text("add alert: with via", "alert: に via を指定してください"),
            )
        for way in self._config.alert.via:
            options = getattr(self._config.alert, way)
            name = PERSON if isinstance(options, AlertFields) else options.sheet or "todo"
            sheet = self._sheets.sheet(name)
            if sheet is None:
                yield _error(text("there is no such sheet", "シートがありません"), name, fix=did_you_mean(name, names))
                continue
            for field, native in options.model_dump(exclude={"sheet"}, exclude_none=True).items():
                column = sheet.column(native)
                if column is None:
                    yield _missing(sheet, native)
                elif field in ("key", "title", "body") and column.type != "text":
                    what = text("{field} of an alert must be text", "アラートの {field} は文字列の項目にしてください",
                                field=field)  # fmt: skip
                    yield _error(what, name, native)
        if self._config.employees is None:
            yield Finding(
                "warning",
                text("owners are not read, so that alerts wait for fallback_owner",
                     "社員を読み取らないため、アラートの宛先が決まりません"),
                fix=text("add employees: with the columns of 社員", "employees: に社員の項目を指定してください"),
            )  # fmt: skip

    def _probed(self) -> Iterator[Finding]:
        writes = self._needs.alerts or any(each.write or each.create for each in self._needs.objects.values())
        if writes and self._needs.probed.get("put") != "partial":
            yield _error(
                text("updates are off: the probe has not been made", "更新は停止中です。調査 (probe) が済んでいません"),
                "",
                fix=text(
                    "name a test_record and run `connector probe {system}`",
                    "test_record を指定して `connector probe {system}` を実行してください",
                    system=self._client.name,
                ),
            )


def _error(what: Text, object_: str, field: str = "", fix: Text | None = None) -> Finding:
    return Finding("error", what, object_, field, fix)


def _missing(sheet: Sheet, native: str) -> Finding:
    if sheet.is_ambiguous(native):
        codes = [str(each.code) for each in sheet.columns.values() if plain(each.name) == plain(native)]
        return _error(
            text("two fields bear this name", "同じ名前の項目が複数あります"),
            sheet.name,
            native,
            text("write its code: {codes}", "コードで指定してください: {codes}", codes=", ".join(codes)),
        )
    names = [each.name for each in sheet.columns.values()]
    return _error(
        text("there is no such field", "項目がありません"),
        sheet.name,
        native,
        did_you_mean(native, names)
        or text("connector inspect shows all", "connector inspect で一覧を確認してください"),
    )
