"""What in an esm does not fit the mappings, found without writing; and what mappings can name.

Fields are told nowhere; the keys of a record that is filled are all there is to compare with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connector.adapters.esales.esm.client import Client
from connector.adapters.esales.esm.find import Finder, Record
from connector.adapters.esales.esm.items import CARD, COMPANY, DEAL, Item, choice_of
from connector.adapters.esales.esm.read import Reader
from connector.adapters.esales.options import AlertFields, AlertPost, AlertRows, Config
from connector.adapters.esales.speech import did_you_mean
from connector.adapters.esales.words import WrongValue, named_states, state_word
from connector.errors import Text, Unauthorized, text
from connector.ports import FieldShown, Finding, Needs, ObjectNeeds, ObjectShown

LABELS = {CARD: "名刺", COMPANY: "顧客", DEAL: "案件"}


class Checker:
    """Compares one tenant with what the mappings need of it."""

    def __init__(self, client: Client, finder: Finder, reader: Reader, config: Config, needs: Needs) -> None:
        self._client = client
        self._finder = finder
        self._reader = reader
        self._config = config
        self._needs = needs

    def inspect(self) -> Sequence[ObjectShown]:
        """The sheets of which a record is known, with the keys of that record."""
        sheets = dict.fromkeys(
            [*self._sheets(), *([self._config.test_record.sheet] if self._config.test_record else [])]
        )
        return [
            ObjectShown(sheet, LABELS.get(sheet, ""), [_shown(self._reader.item(key)) for key in sorted(record)])
            for sheet in sheets
            if (record := self._sample(sheet)) is not None
        ]

    def findings(self) -> Iterator[Finding]:
        """All of them.

        :raises AdapterError: when the tenant cannot be asked at all
        """
        yield from self._signed_in()
        for sheet in self._sheets():
            yield from self._sheet(sheet)
        if self._needs.alerts:
            yield from self._alerts()
        yield from self._probed()

    def _sheets(self) -> list[str]:
        named = [name for name in self._needs.objects if name != "*"]
        return list(dict.fromkeys([*self._reader.streams, *named]))

    def _signed_in(self) -> Iterator[Finding]:
        """One question, so that a tenant that cannot be asked is told as such."""
        record = self._config.test_record
        found = self._client.get(f"sheet/{record.sheet if record else COMPANY}/{record.id if record else 1}")
        if record is not None and found is None:
            yield _error(text("the test record is not there", "テスト用レコードがありません"), record.sheet)

    # --- sheets -------------------------------------------------------------------------------------------------------

    def _sheet(self, sheet: str) -> Iterator[Finding]:
        if sheet not in (CARD, COMPANY, DEAL) and sheet not in self._reader.streams:
            yield _error(
                text("{object} is not read by this adapter", "{object} はこのアダプターでは扱えません", object=sheet),
                sheet,
                fix=text(
                    "people are businesscard, deals are businessplan", "名刺は businesscard、案件は businessplan です"
                ),
            )
            return
        needs = self._needs.of(sheet) if sheet in (CARD, DEAL) else ObjectNeeds()
        if self._finder.way(sheet) is None:
            yield Finding(
                "error" if sheet == DEAL else "warning",
                text("not read: nothing tells how its records are found", "検索方法の指定が無いため読み取りません"),
                sheet,
                fix=text("describe find: a list or the search", "find に list か template を指定してください"),
            )
        try:
            record = self._sample(sheet)
        except Unauthorized as error:
            yield _error(error.what, sheet, fix=error.fix)
            return
        for key in sorted(needs.read | needs.write | ({needs.key} if needs.key else set())):
            yield from self._item(sheet, key, needs, record)
        if needs.create and not self._finder.can_look_up(sheet):
            yield _error(
                text("nothing is created where our key cannot be looked for", "キーで検索できないため登録できません"),
                sheet,
                fix=text("describe the search: find, by_key", "find に by_key を指定してください"),
            )
        if needs.key is not None and self._reader.item(needs.key).type not in ("STRING", "MEMO"):
            what = text("a key must be a text field", "キーは文字列の項目でなければなりません")
            yield _error(what, sheet, needs.key)
        if sheet == DEAL:
            yield from self._deal(needs, record)

    def _sample(self, sheet: str) -> Record | None:
        """A record of a sheet whose keys are as good as a list of its fields."""
        record = self._config.test_record
        if record is not None and record.sheet == sheet:
            return self._reader.record(sheet, record.id)
        if self._finder.way(sheet) is None:
            return None
        found, _ = self._finder.some(sheet)
        return self._reader.record(sheet, max(found)) if found else None

    def _item(self, sheet: str, key: str, needs: ObjectNeeds, record: Record | None) -> Iterator[Finding]:
        item, written = self._reader.item(key), key in needs.write or key == needs.key
        prefix = self._finder.prefix(sheet)
        if not key.startswith(f"{prefix}."):
            yield _error(
                text("not a key of this sheet", "このシートの項目キーではありません"),
                sheet,
                key,
                text("its keys begin with {prefix}.", "{prefix}. で始まるキーを指定してください", prefix=prefix),
            )
            return
        if record is not None and key not in record:
            # Where empty items are answered too, what is not there does not exist.
            all_told = any(value in (None, "") for value in record.values())
            yield Finding(
                "error" if all_told else "warning",
                text("no such field in the record that was looked at", "確認したレコードにこの項目がありません"),
                sheet,
                key,
                did_you_mean(key, record) or text("connector inspect shows all", "connector inspect で確認できます"),
            )
        if not written:
            return
        if item.read_only:
            yield _error(text("only the system writes this field", "この項目はシステムだけが書き込めます"), sheet, key)
        elif not item.type:
            yield _error(
                text("its type is told nowhere", "型が分かりません"),
                sheet,
                key,
                text("give it under fields: {{{key}: {{type: STRING}}}}", "fields: に {key} の type を指定してください",
                     key=key),
            )  # fmt: skip
        elif item.type == "SELECT":
            yield from self._choices(sheet, item, needs.choices.get(key, frozenset()))

    def _choices(self, sheet: str, item: Item, wanted: frozenset[str]) -> Iterator[Finding]:
        if not item.choices:
            yield _error(
                text("its choices are told nowhere", "選択肢が分かりません"),
                sheet,
                item.key,
                text("list them under fields as on the screen", "fields の choices に画面どおり列挙してください"),
            )
            return
        for name in sorted(wanted):
            try:
                choice_of(name, item.choices)
            except WrongValue:
                yield _error(
                    text("{name} is not among its choices", "選択肢に {name} がありません", name=name),
                    sheet,
                    item.key,
                    text("choices: {names}", "選択肢: {names}", names=", ".join(item.choices)),
                )

    def _deal(self, needs: ObjectNeeds, record: Record | None) -> Iterator[Finding]:
        word = state_word(needs)
        if word not in needs.deal:
            keys = ", ".join(sorted(key for key in record or {} if self._reader.item(key).type in ("SELECT", "")))
            yield _error(
                text("no field tells the state of a deal", "案件の状態を表す項目が指定されていません"),
                DEAL,
                fix=text("candidates: {names}", "候補: {names}", names=keys or "-"),
            )
            return
        for each in ("won", "lost"):
            if each not in needs.states:
                what = text("states does not say what {state} is", "states に {state} がありません", state=each)
                yield _error(what, DEAL, needs.deal[word])
        yield from self._choices(DEAL, self._reader.item(needs.deal[word]), frozenset(named_states(needs)))
        if needs.probabilities and "probability" in needs.deal:
            names = frozenset(needs.probabilities)
            yield from self._choices(DEAL, self._reader.item(needs.deal["probability"]), names)
        for each, key in needs.linked_by.items():
            yield _error(
                text("links of {word} are ids here", "{word} は ID で関連付けられます", word=each),
                DEAL,
                key,
                text("remove linked_by", "linked_by を削除してください"),
            )

    # --- alerts and the probe -----------------------------------------------------------------------------------------

    def _alerts(self) -> Iterator[Finding]:
        if not self._config.alert.via:
            yield Finding(
                "warning",
                text("alerts have no way to appear", "アラートの通知方法が指定されていません"),
                fix=text("add alert: with via", "alert: に via を指定してください"),
            )
        for way in self._config.alert.via:
            options = getattr(self._config.alert, way)
            if isinstance(options, AlertRows):
                yield from self._rows(options)
            elif isinstance(options, AlertFields | AlertPost):
                keys = [options.key, *([options.title] if isinstance(options, AlertFields) else [])]
                for key in keys:
                    yield from self._text(CARD, key)
        if self._config.employees is None:
            yield Finding(
                "warning",
                text("owners are not read, so that alerts wait for fallback_owner",
                     "社員を読み取らないため、アラートの宛先が決まりません"),
                fix=text("add employees:, and find: for its sheet", "employees: と、その find: を指定してください"),
            )  # fmt: skip

    def _rows(self, options: AlertRows) -> Iterator[Finding]:
        sheet = options.sheet or "task"
        if not self._finder.can_look_up(sheet):
            yield _error(
                text(
                    "an alert cannot be looked for by our key, so none is made", "キーで検索できないため登録できません"
                ),
                sheet,
                fix=text("describe the search: find, by_key", "find に by_key を指定してください"),
            )
        for key in (options.key, options.title, options.body):
            if key is not None:
                yield from self._text(sheet, key)

    def _text(self, sheet: str, key: str) -> Iterator[Finding]:
        if self._reader.item(key).type not in ("STRING", "MEMO"):
            yield _error(
                text("must be a text field", "文字列の項目にしてください"),
                sheet,
                key,
                text("give its type under fields, if it is one", "文字列なら fields に type を指定してください"),
            )

    def _probed(self) -> Iterator[Finding]:
        writes = self._needs.alerts or any(each.write or each.create for each in self._needs.objects.values())
        put = self._needs.probed.get("put")
        if not writes or put == "partial" or (put == "full" and self._config.merge):
            return
        if put == "full":
            yield _error(
                text("updates are off: a write empties the fields it does not name",
                     "更新は停止中です。書き込みで他の項目が空になります"),
                fix=text("merge: true sends records whole instead", "merge: true で全項目を書き戻す方式にできます"),
            )  # fmt: skip
            return
        yield _error(
            text("updates are off: the probe has not been made", "更新は停止中です。調査 (probe) が済んでいません"),
            fix=text(
                "name a test_record and run `connector probe {system}`",
                "test_record を指定して `connector probe {system}` を実行してください",
                system=self._client.name,
            ),
        )


def _shown(item: Item) -> FieldShown:
    label = item.key.rpartition(".")[2]
    return FieldShown(item.key, label, item.type, item.choices, ("read only",) if item.read_only else ())


def _error(what: Text, object_: str = "", field: str = "", fix: Text | None = None) -> Finding:
    return Finding("error", what, object_, field, fix)
