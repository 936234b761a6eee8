"""What can be known before a run: whether options, mappings and the files that lie there fit together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from connector.adapters.csvfile import intake, reading
from connector.adapters.csvfile.reading import Broken
from connector.adapters.esales_csv.config import DEAL, PERSON, PROBLEMS, Config
from connector.adapters.esales_csv.telling import Asked, needs_of, wanted
from connector.errors import Text, text
from connector.ports import FieldShown, Finding, Needs, ObjectShown

FORGOTTEN = timedelta(days=1)
"""A file that waited so long to be imported makes one ask whether the batch client runs."""


class Check:
    """Looks at one system, and writes nothing."""

    def __init__(self, config: Config, needs: Needs, sheets: Mapping[str, Asked], exports: Path, imports: Path) -> None:
        self._config = config
        self._needs = needs
        self._sheets = sheets
        self._exports = exports
        self._imports = imports

    def all(self) -> Sequence[Finding]:
        """Everything that was found."""
        return [*self._objects(), *self._people(), *self._deals(), *self._sinks(), *self._files(), *self._waiting()]

    def _objects(self) -> Iterator[Finding]:
        for name in sorted(self._needs.objects.keys() - {PERSON, DEAL, "*"}):
            what = text("the sheet {name} is not exchanged by files", "シート {name} はCSV連携の対象外です", name=name)
            fix = text("write 名刺 in people.yaml, 案件 in deals.yaml", "people.yaml は 名刺、deals.yaml は 案件 です")
            yield Finding("error", what, name, fix=fix)

    def _people(self) -> Iterator[Finding]:
        asked = needs_of(self._needs, PERSON)
        if self._config.people.key in asked.write or asked.key == self._config.people.key:
            what = text(
                "{key} is e-Sales Manager's own code", "{key} はシステムのコードです", key=self._config.people.key
            )
            fix = text("write our key into a column of its own", "専用の項目を当方のキーにしてください")
            yield Finding("error", what, PERSON, self._config.people.key, fix)
        if asked.create and "company" not in asked.words:
            what = text(
                "new 名刺 need their company, and no field is named for it",
                "名刺の新規登録には企業名が必要ですが、company の項目がありません",
            )
            fix = text("add `company: {to: ..., wins: once}`", "company: {to: 項目名, wins: once} を追加してください")
            yield Finding("warning", what, PERSON, fix=fix)

    def _deals(self) -> Iterator[Finding]:
        asked = needs_of(self._needs, DEAL)
        if not asked.deal:
            if self._config.deals is not None:
                what = text("deals.yaml names no fields of 案件", "deals.yaml に 案件 の項目がありません")
                yield Finding("warning", what, DEAL, fix=text("they are not read", "案件は読み込まれません"))
            return
        if self._config.deals is None:
            what = text("no exports of 案件 are named", "案件のエクスポートが設定されていません")
            yield Finding(
                "error", what, DEAL, fix=text("add `deals` to the system", "連携先に deals を追加してください")
            )
        missing = [word for word in ("name", "stage") if word not in asked.deal]
        if missing == ["stage"] and "state" in asked.deal:
            missing = []
        for word in missing:
            what = text("no column holds {word}", "{word} の列がありません", word=word)
            yield Finding("error", what, DEAL, fix=text("add it under fields", "fields に追加してください"))
        if "company" in asked.linked_by and self._config.companies is None:
            what = text("deals refer to 顧客, which are not exported", "案件が参照する顧客のエクスポートがありません")
            yield Finding("error", what, DEAL, fix=text("add `companies`", "companies を追加してください"))

    def _sinks(self) -> Iterator[Finding]:
        alerts = self._config.alerts or self._config.alert_fields
        for needed, there, name in (
            (self._needs.alerts, alerts, "alerts"),
            (self._needs.timeline, self._config.timeline, "timeline"),
        ):
            if needed and there is None:
                what = text("no 拡張シート is named for {name}", "{name} の拡張シートが設定されていません", name=name)
                fix = text("add `{name}` to the system", "連携先に {name} を追加してください", name=name)
                yield Finding("error", what, fix=fix)

    def _files(self) -> Iterator[Finding]:
        names = {id(export): sheet for sheet, export in self._sheets.items()}
        for path, export in intake.dropped(self._exports, list(self._sheets.values())):
            if export is None:
                what = text(
                    "no pattern fits the file {name}", "ファイル {name} に合う pattern がありません", name=path.name
                )
                yield Finding("warning", what)
                continue
            broken = self._broken(path, export)
            if broken is not None:
                what = text(
                    "{name}: {why}", "{name}: {why_ja}", name=path.name, why=str(broken), why_ja=broken.in_("ja")
                )
                yield Finding("error", what, names[id(export)])

    def _broken(self, path: Path, export: Asked) -> Text | None:
        """Why a file cannot be read; one that may still be on its way is left alone."""
        raw = intake.content(path) if intake.settled(path, self._config.settle.total_seconds()) else None
        if raw is None:
            return None
        try:
            reading.headers(raw, self._config.encoding, ",", wanted(export, self._needs))
        except Broken as error:
            return error.what
        return None

    def _waiting(self) -> Iterator[Finding]:
        for folder in sorted(path for path in self._imports.iterdir() if path.is_dir() and path.name != PROBLEMS):
            old = [path for path in folder.glob("*.csv") if intake.settled(path, FORGOTTEN.total_seconds())]
            if old:
                what = text(
                    "{n} {n:file|files} in {folder} {n:has|have} waited for more than a day",
                    "{folder} に1日以上取り込まれていないファイルが{n}件あります",
                    n=len(old),
                    folder=folder.name,
                )
                fix = text("see whether the batch client runs", "バッチ連携が動いているか確認してください")
                yield Finding("warning", what, fix=fix)


def shown_sheet(name: str, export: Asked, exports: Path, config: Config) -> ObjectShown | None:
    """A sheet with the columns of its newest export; None where there is none that can be read.

    :raises OSError: when a file cannot be read
    """
    folders = [folder for folder in (exports / "done", exports) if folder.is_dir()]
    files = [path for folder in folders for path, found in intake.dropped(folder, [export]) if found is export]
    raw = intake.content(files[-1]) if files else None
    if raw is None:
        return None
    try:
        columns = reading.headings(raw, config.encoding, ",")
    except Broken:
        return None
    return ObjectShown(
        name, name, [FieldShown(each, notes=("unique",) if each == export.key else ()) for each in columns]
    )
