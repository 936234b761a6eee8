"""The YAML block of an e-Sales Manager that is reached through the files of its batch linkage (バッチ連携)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from connector.errors import text
from connector.model import Kind
from connector.spec import Block, Duration, Many, Spec, SpecError, Word

PERSON, COMPANY, DEAL, ACTIVITY = "名刺", "顧客", "案件", "活動"
"""The sheets, by their names in e-Sales Manager: objects in mappings, and streams."""

UPDATES, NEW = "名刺", "名刺新規"
"""The imports of people: cards that have a code already, and those we create. Both name a folder."""

PROBLEMS = "problems"
"""The folder beside them for what was lost in writing."""

IGNORE, ELSE = "ignore", "*"
_NOT_IN_NAMES = frozenset('\\/:*?"<>|')


def _folder_name(name: str) -> str:
    if name in (UPDATES, NEW, PROBLEMS) or name.startswith((".", "~")) or _NOT_IN_NAMES & set(name):
        raise SpecError(
            text("{name!r} cannot name a folder of its own", "{name!r} は専用フォルダーの名前にできません", name=name),
            text("write the sheet's name without \\ / : * ?", "\\ / : * ? を除いたシート名を書いてください"),
        )
    return name


class Export(Spec):
    """Files that hold the records of one sheet."""

    pattern: str = Field(min_length=1)
    """Names of the files in `exports`, such as `名刺*.csv`."""
    key: str = Field(min_length=1)
    """The column of the internal code (名刺コード, 顧客コード, 案件コード; an ID in esm). It is never empty."""
    modified: str | None = None
    """The column that tells when a record was last changed."""


class People(Export):
    """Exports of 名刺. Their other columns are those that mappings name."""

    company: str | None = None
    """The column of the company's code."""
    owner: str | None = None
    """The column of the owner (主担当)."""
    created: str | None = None
    """The column that tells when a record was made."""
    full: bool = False
    """Whether each file holds all records, so that one that is missing from two files in a row is gone."""


class Companies(Export):
    """Exports of 顧客."""

    name: str = Field(min_length=1)
    """The column of the name."""
    corporate_number: str | None = None
    """The column of the 法人番号."""
    website: str | None = None
    """The column of the web address."""
    parent: str | None = None
    """The column of the parent company's code."""
    owner: str | None = None
    """The column of the owner."""


class Deals(Export):
    """Exports of 案件. Their other columns are those that `deals.yaml` names for the object 案件."""

    full: bool = False
    """Whether each file holds all records, so that one that is missing from two files in a row is gone."""


class Activities(Export):
    """Exports of 活動, which become touchpoints."""

    person: str = Field(min_length=1)
    """The column of the codes of the 名刺 of those who took part."""
    happened: Many[str] = Field(min_length=1)
    """The column of the time, or those of the day and of the time."""
    kind: str = Field(min_length=1)
    """The column that tells what it was."""
    kinds: dict[str, Word[Kind] | Literal["ignore"]]
    """What stands in that column and what it means; `"*"` is any other, `ignore` leaves the row out."""
    label: str | None = None
    """The column of the subject."""
    result: str | None = None
    """The column of the result."""


SheetName = Annotated[str, Field(min_length=1), AfterValidator(_folder_name)]


class Timeline(Spec):
    """A 拡張シート that gets a row for each touchpoint shown to sales, and its columns."""

    sheet: SheetName
    """Its name, which also names the folder of its imports."""
    key: str = Field(min_length=1)
    """The column of our key: a text of its own, the matching key of the import."""
    title: str = Field(min_length=1)
    """The column of the title."""
    person: str = Field(min_length=1)
    """The column that holds the code of the 名刺."""
    body: str | None = None
    """The column of the text."""
    on: str | None = None
    """The column of the day."""
    happened: str | None = None
    """The column of the day with the time."""
    owner: str | None = None
    """The column of the owner."""


class Alerts(Spec):
    """A 拡張シート that gets a row for each alert, and its columns."""

    sheet: SheetName
    """Its name, which also names the folder of its imports."""
    key: str = Field(min_length=1)
    """The column of our key: a text of its own, the matching key of the import."""
    title: str = Field(min_length=1)
    """The column of the title."""
    body: str | None = None
    """The column of the text."""
    due: str | None = None
    """The column of the day until which to act."""
    owner: str | None = None
    """The column of the owner."""
    person: str | None = None
    """The column that holds the code of the 名刺."""
    deal: str | None = None
    """The column that holds the code of the 案件."""


class AlertFields(Spec):
    """Columns of 名刺 that hold the last alert about a person, where no 拡張シート is to be had."""

    key: str = Field(min_length=1)
    """The column of our key."""
    title: str = Field(min_length=1)
    """The column of the title."""
    body: str | None = None
    """The column of the text."""
    due: str | None = None
    """The column of the day until which to act."""


class Results(Spec):
    """Files in which the import says what became of the rows."""

    folder: str = Field(min_length=1)
    """Where they are put; read ones are moved to `done` in it."""
    pattern: str = Field(default="*.csv", min_length=1)
    """Names of the files."""
    message: str = Field(min_length=1)
    """The column of the error; a blank one means that the row was imported."""
    ok: Many[str] = ()
    """Messages that mean that the row was imported."""
    key: str | None = None
    """The column that repeats the matching key of the row."""
    file: str | None = None
    """The column that names the imported file. Without one the name of the result has to contain that of the import."""
    line: str | None = None
    """The column of the row's number in the imported file."""
    first_line: int = Field(default=2, ge=0)
    """The number of the first row below the headers."""

    @model_validator(mode="after")
    def _tells_the_row(self) -> Self:
        if self.key is None and self.line is None:
            raise SpecError(
                text("nothing tells which row a result is about", "どの行の結果か分かりません"),
                text("name the column `key`, or `line`", "列を key か line に指定してください"),
            )
        return self


class Config(Spec):
    """An e-Sales Manager (Remix or esm) whose batch linkage exports files into a folder and imports files from one."""

    type: Literal["esales_csv"] = "esales_csv"
    """The word that chooses this adapter."""
    exports: str = Field(min_length=1)
    """Where the exports are put; what was read is moved to `done` in it, what could not be read to `failed`.

    Relative paths begin at the folder of `config.yaml`.
    """
    imports: str = Field(min_length=1)
    """Where files to import are put, in one folder each: 名刺, 名刺新規, and the sheets of `timeline` and `alerts`."""
    state: str = Field(min_length=1)
    """File in which the adapter remembers 名刺 and what it handed out. On a local disk, not on a share."""
    encoding: Literal["cp932", "utf-8-sig"]
    """How exports are encoded, and what the import conditions are set to (文字コード)."""
    dates: Literal["yyyy/MM/dd", "yyyy-MM-dd", "yyyyMMdd"]
    """What the import conditions are set to for dates (日付フォーマット); a time follows as ` HH:mm:ss`."""
    unencodable: Literal["error", "replace", "transliterate"] = "error"
    """What happens to letters that `encoding` lacks: the change is refused; 〓 stands for each; or a letter that looks
    alike, and 〓 where there is none."""
    settle: Duration = timedelta(seconds=30)
    """A file that was changed less long ago is left for the next run: it may still be on its way."""
    people: People
    """Exports of 名刺."""
    companies: Companies | None = None
    """Exports of 顧客."""
    deals: Deals | None = None
    """Exports of 案件."""
    activities: Activities | None = None
    """Exports of 活動."""
    timeline: Timeline | None = None
    """Where touchpoints go that sales is shown."""
    alerts: Alerts | None = None
    """Where alerts go."""
    alert_fields: AlertFields | None = None
    """Where alerts go instead: each replaces the one before it."""
    results: Results | None = None
    """Where the import says which rows it refused."""

    @property
    def imported(self) -> frozenset[str]:
        """What is imported, and the folder of each."""
        return frozenset((UPDATES, NEW, *(sink.sheet for sink in (self.alerts, self.timeline) if sink is not None)))

    @classmethod
    def arrange(cls, data: Block) -> Block:
        """As it is; what nobody can guess is asked for by name."""
        if "encoding" not in data:
            raise SpecError(
                text(
                    "the encoding is not stated, and e-Sales Manager has no fixed one",
                    "文字コード（encoding）の指定がありません。e-Sales Manager では連携条件ごとに選べます",
                ),
                text(
                    "write `encoding: cp932` or `encoding: utf-8-sig`, as set in the conditions of the batch linkage",
                    "バッチ連携の条件に合わせて encoding: cp932 か encoding: utf-8-sig を指定してください",
                ),
            )
        return data

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.alerts is not None and self.alert_fields is not None:
            raise SpecError(
                text("alerts go to two places", "通知の書き込み先が2か所あります"),
                text("keep `alerts` or `alert_fields`", "alerts か alert_fields の一方にしてください"),
            )
        sheets = {(each.sheet, each.key) for each in (self.alerts, self.timeline) if each is not None}
        if len({sheet for sheet, _ in sheets}) < len(sheets):
            raise SpecError(
                text("one sheet cannot have two keys", "1つのシートに2つのキーは使えません"),
                text("name the same `key`, or another sheet", "key を揃えるか、シートを分けてください"),
            )
        folders = [self.exports, self.imports, *([self.results.folder] if self.results else [])]
        if len({Path(folder) for folder in folders}) < len(folders):
            raise SpecError(
                text("two of the folders are the same", "同じフォルダーが2か所に指定されています"),
                text(
                    "exports, imports and results each need their own", "exports・imports・results は別々にしてください"
                ),
            )
        return self
