"""What in an org does not fit the mappings, found without writing."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from connector.adapters.salesforce import rights
from connector.adapters.salesforce.fields import Description, Field, is_identifier
from connector.adapters.salesforce.org import Org
from connector.adapters.salesforce.read import demanded_names, welcome
from connector.adapters.salesforce.records import WORDS
from connector.errors import Text, text
from connector.ports import FieldShown, Finding, Needs, ObjectNeeds, ObjectShown

if TYPE_CHECKING:
    from connector.adapters.salesforce import Config

_TASK = "Task"
_SHOWN = ("Contact", "Lead", "Opportunity", "Task")
_KEY_LENGTH = 32
"""Characters of the keys of our alerts and entries."""
_OLDEST_SUPPORTED = 41.0
"""Versions 31.0 to 40.0 are deprecated and retire in Summer '28 (API End-of-Life, developer.salesforce.com)."""


class Checker:
    """Compares one org with what the mappings need of it."""

    def __init__(self, org: Org, config: Config, needs: Needs, streams: tuple[str, ...]) -> None:
        self._org = org
        self._config = config
        self._needs = needs
        self._streams = streams

    def findings(self) -> Iterator[Finding]:
        """All of them.

        :raises AdapterError: when the org cannot be asked at all
        """
        version = list(self._version())
        yield from version
        if any(finding.severity == "error" for finding in version):
            return  # nothing else can be asked in that version
        for name in dict.fromkeys([*self._streams, *self._needs.objects]):
            yield from self._object(name)
        if self._needs.alerts or self._needs.timeline:
            yield from self._tasks()
        yield from rights.of_user(self._org)
        yield from self._allowance()

    def objects(self) -> Iterator[ObjectShown]:
        """The objects that mappings can name, as the integration user sees them.

        :raises AdapterError: when the org cannot be asked
        """
        for name in _SHOWN:
            described = self._org.describe(name) if name in self._streams else None
            if described is not None:
                fields = (described.field(each) for each in described.names())
                yield ObjectShown(name, fields=[_shown(field) for field in fields if field is not None])

    def _version(self) -> Iterator[Finding]:
        ours = self._config.api_version
        known = self._org.versions()
        if ours not in known:
            yield Finding(
                "error",
                text("API version {version} is not known here", "API バージョン {version} は使えません", version=ours),
                fix=text(
                    "set api_version between {first} and {last}",
                    "api_version を {first} から {last} の間で指定してください",
                    first=known[0],
                    last=known[-1],
                ),
            )
        elif float(ours) < _OLDEST_SUPPORTED:
            yield Finding(
                "warning",
                text("API version {version} is deprecated", "API バージョン {version} は非推奨です", version=ours),
                fix=text("raise api_version", "api_version を新しくしてください"),
            )

    # --- objects and fields -----------------------------------------------------------------------------------------

    def _object(self, name: str) -> Iterator[Finding]:
        needs = self._needs.of(name)
        if name not in self._streams and name not in WORDS:
            yield Finding(
                "error",
                text("{object} is not read by this adapter", "{object} はこのアダプターでは扱えません", object=name),
                name,
                fix=text("people are Contact and Lead", "人物は Contact と Lead です"),
            )
            return
        if name not in self._streams:
            yield Finding(
                "error",
                text("leads are not read here", "リードを読み取らない設定です"),
                name,
                fix=text("set leads: true", "leads: true を指定してください"),
            )
            return
        described = self._org.describe(name)
        if described is None:
            yield Finding(
                "error",
                text("there is no such object, or it may not be seen", "オブジェクトが無いか、参照できません"),
                name,
                fix=text("give the integration user read access to it", "連携ユーザーに参照権限を与えてください"),
            )
            return
        yield from rights.of_object(described)
        yield from self._reading(described)
        yield from self._writing(described, needs)
        if needs.key is not None:
            yield from self._key(described, needs.key)

    def _reading(self, described: Description) -> Iterator[Finding]:
        name = described.name
        demanded = demanded_names(name, self._needs.of(name), self._config)
        for each in demanded:
            if described.field(each) is None:
                yield _missing(described, each)
        wanted = [*welcome(name), *([self._config.call_result] if name == _TASK else [])]
        unseen = [each for each in wanted if described.field(each) is None and each not in demanded]
        if unseen:
            yield Finding(
                "warning",
                text(
                    "not read, because they cannot be seen: {names}",
                    "参照できないため読み取りません: {names}",
                    names=", ".join(unseen),
                ),
                name,
                fix=text(
                    "let the integration user see them, if rules need them (field-level security)",
                    "ルールで使う場合は、連携ユーザーに参照権限(項目レベルセキュリティ)を与えてください",
                ),
            )

    def _writing(self, described: Description, needs: ObjectNeeds) -> Iterator[Finding]:
        if needs.create and not described.createable:
            yield Finding(
                "error",
                text("records may not be created", "レコードの作成が許可されていません"),
                described.name,
                fix=text(
                    "give the integration user create access to the object",
                    "連携ユーザーにオブジェクトの作成権限を与えてください",
                ),
            )
        for each in sorted(needs.write):
            field = described.field(each)
            if field is None:
                if each not in needs.read:
                    yield _missing(described, each)
                continue
            if not (field.updateable and (field.createable or not needs.create)):
                yield _unwritable(described, each)
            if each in needs.lengths:
                yield from _length(described, each, field, needs.lengths[each])

    def _key(self, described: Description, key: str) -> Iterator[Finding]:
        field = described.field(key)
        if field is None:
            return  # told as missing already
        if not (field.external_id and field.unique):
            yield Finding(
                "error",
                text("is not a unique external id", "外部 ID かつユニークの項目ではありません"),
                described.name,
                key,
                text("tick External ID and Unique on the field", "項目の「外部 ID」と「ユニーク」を有効にしてください"),
            )
        if not field.createable:
            yield _unwritable(described, key)

    # --- tasks ------------------------------------------------------------------------------------------------------

    def _tasks(self) -> Iterator[Finding]:
        described = self._org.describe(_TASK)
        if described is None:
            return  # told already
        if not described.createable:
            yield Finding(
                "error",
                text("tasks may not be created", "ToDo の作成が許可されていません"),
                _TASK,
                fix=text(
                    "give the integration user the permission Edit Tasks",
                    "連携ユーザーに「ToDo の編集」権限を与えてください",
                ),
            )
        key = self._config.task_key
        field = described.field(key)
        if field is None:
            yield _missing(described, key)
        else:
            yield from self._key(described, key)
            if field.length < _KEY_LENGTH:
                yield from _length(described, key, field, _KEY_LENGTH)
        yield from self._words(described)

    def _words(self, described: Description) -> Iterator[Finding]:
        alert, timeline = self._config.alert, self._config.timeline
        wanted = []
        if self._needs.alerts:
            wanted += [("Status", "alert.status", alert.status), ("Priority", "alert.priority", alert.priority)]
        if self._needs.timeline:
            wanted += [("Status", "timeline.status", timeline.status)]
        for name, option, word in wanted:
            field = described.field(name)
            if field is not None and field.choices and word not in field.choices:
                yield Finding(
                    "error",
                    text("{word!r} is not among the choices", "{word!r} は選択リストにありません", word=word),
                    _TASK,
                    name,
                    text(
                        "set {option} to one of: {choices}",
                        "{option} に次のいずれかを指定してください: {choices}",
                        option=option,
                        choices=", ".join(sorted(field.choices)),
                    ),
                )
        closed = {row["ApiName"] for row in self._org.query_all("SELECT ApiName FROM TaskStatus WHERE IsClosed = true")}
        if self._needs.alerts and alert.status in closed:
            yield _status(text("alerts are born closed", "アラートが完了済みで作成されます"), "alert.status")
        if self._needs.timeline and timeline.status not in closed:
            yield _status(
                text("entries look like open to-dos", "タイムラインの記録が未完了の ToDo になります"), "timeline.status"
            )

    def _allowance(self) -> Iterator[Finding]:
        quota = self._org.quota()
        if quota is not None:
            what = text(
                "API calls of the last 24 hours: {used} of {limit}",
                "過去24時間の API コール数: {used} / {limit}",
                used=quota.used,
                limit=quota.limit,
            )
            yield Finding("info", what)


def _shown(field: Field) -> FieldShown:
    kind = f"{field.type}({field.length})" if field.length and field.holds_text else field.type
    notes = [
        *(["external id"] if field.external_id else []),
        *(["unique"] if field.unique else []),
        *([] if field.createable or field.updateable else ["read only"]),
    ]
    return FieldShown(field.name, type=kind, choices=sorted(field.choices), notes=notes)


def _missing(described: Description, name: str) -> Finding:
    near = difflib.get_close_matches(name.lower(), [each.lower() for each in described.names()], 1, 0.8)
    found = described.field(near[0]) if near else None
    if found is not None:
        fix = text("did you mean {near}?", "{near} の誤りではありませんか", near=found.name)
    elif not is_identifier(name):
        fix = text("write its API name", "API 参照名で指定してください")
    else:
        fix = text(
            "create it, or let the integration user see it (field-level security)",
            "項目を作成するか、連携ユーザーに参照権限(項目レベルセキュリティ)を与えてください",
        )
    return Finding(
        "error",
        text("there is no such field, or it may not be seen", "項目が無いか、参照できません"),
        described.name,
        name,
        fix,
    )


def _unwritable(described: Description, name: str) -> Finding:
    return Finding(
        "error",
        text("may not be written", "書き込みが許可されていません"),
        described.name,
        name,
        text(
            "give the integration user edit access to it (field-level security), if it is no formula",
            "数式項目でなければ、連携ユーザーに編集権限(項目レベルセキュリティ)を与えてください",
        ),
    )


def _length(described: Description, name: str, field: Field, wanted: int) -> Iterator[Finding]:
    if not field.holds_text:
        yield Finding(
            "error",
            text("is of type {type}, which holds no text", "{type} 型のため文字列を書き込めません", type=field.type),
            described.name,
            name,
            text("use a text field", "テキスト型の項目を使ってください"),
        )
    elif field.length < wanted:
        yield Finding(
            "error",
            text(
                "holds {length} characters, {wanted} are needed",
                "{length}文字しか入りません({wanted}文字必要)",
                length=field.length,
                wanted=wanted,
            ),
            described.name,
            name,
            text("lengthen the field, or lower max_length", "項目を長くするか max_length を小さくしてください"),
        )


def _status(what: Text, option: str) -> Finding:
    fix = text("choose another word for {option}", "{option} の値を見直してください", option=option)
    return Finding("warning", what, _TASK, "Status", fix)
