"""`config.yaml` (where) and `mappings/*.yaml` (what) as typed blocks; every problem of all files at once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from connector import adapters
from connector.advice import advice, secrets_written_out
from connector.changes import Lane, RaiseAlert
from connector.contain import contained
from connector.crosscheck import Checks, needs_of
from connector.errors import AdapterError, ConfigError, Problem, Text, text
from connector.model import Role
from connector.ports import Adapter, Needs
from connector.rules.alert import AlertRule, release_time
from connector.rules.brake import Guards
from connector.rules.calendar import Calendar
from connector.rules.deals import DealMapping
from connector.rules.fields import FlipFlop, PeopleMapping
from connector.rules.identify import IdentityRules
from connector.rules.nurture import NurtureRule
from connector.rules.plan import Rules
from connector.rules.protect import ProtectRule
from connector.rules.score import ScoreSpec
from connector.spec import (
    Block,
    Duration,
    HoursOfDay,
    Items,
    Many,
    Mark,
    Secret,
    Spec,
    SpecError,
    Word,
    one_or_many,
    parse,
    read_yaml,
    unknown_key,
)

S = TypeVar("S", bound=Spec)


def _zone(value: Any) -> Any:
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise SpecError(
            text("{value!r} is not a time zone", "{value!r} はタイムゾーンではありません", value=value),
            text("write Asia/Tokyo", "Asia/Tokyo のように書いてください"),
        ) from None


class Quiet(Spec):
    """When and how often reps are alerted."""

    alerts: HoursOfDay | None = None
    """Hours in which no alert goes out; alerts wait until they end."""
    business_days: bool = False
    """Alerts wait over closed days too, until the next business day of `calendar`."""
    per_owner_per_day: int | None = Field(default=None, ge=1)
    """Most alerts one owner gets in a day."""
    overflow: Literal["digest"] = "digest"
    """What becomes of alerts over that number: one digest per owner and day."""


class Reports(Spec):
    """Where the account of each run is written."""

    folder: str
    """Folder for `run-ID.json` and `run-ID.html`; a relative one is beside this file."""
    keep: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(days=90)
    """Reports of runs that began longer ago are removed."""


class RunOptions(Spec):
    """How runs go."""

    every: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(minutes=15)
    """How often `connector serve` runs."""
    lanes: Annotated[Many[Word[Lane]], Field(min_length=1)] = tuple(Lane)
    """The order in which calls are spent when a budget is short."""
    quiet: Quiet = Quiet()
    """When and how often reps are alerted."""
    guards: Guards = Guards()
    """When a run stops before it sends anything."""
    attempts: int = Field(default=5, ge=1)
    """How often one record is tried before it is parked."""
    lease: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(minutes=10)
    """After this time without a sign of life another run, or another worker, may take over."""
    workers: bool = False
    """Whether `connector worker` processes do the work, on one machine or several; needs PostgreSQL as the store."""
    reports: Reports | None = None
    """Where the account of each run is written."""
    metrics_file: str | None = None
    """File that each run leaves its metrics in, for Prometheus' textfile collector; its name ends in `.prom`."""

    @field_validator("metrics_file")
    @classmethod
    def _prom(cls, value: str | None) -> str | None:
        if value is not None and not value.endswith(".prom"):
            raise SpecError(
                text("does not end in .prom", ".prom で終わっていません"),
                text("the textfile collector reads no other files", "textfile collector は .prom だけを読み取ります"),
            )
        return value


def _systems(value: Any) -> Any:
    if not isinstance(value, dict) or not value:
        raise SpecError(
            text("no systems", "連携先がありません"),
            text("give each a name and a type", "名前と type を書いてください"),
        )
    return value


def check_store(value: str) -> str:
    """`value`, when it has the form of a URL of a store; the message never quotes it: it may hold a password.

    :raises SpecError: when it has not
    """
    if re.fullmatch(r"(?s)(sqlite:///|postgresql\+psycopg://).+", value):
        return value
    raise SpecError(
        text("not the URL of a store", "store の URL ではありません"),
        text(
            "write sqlite:///data/connector.db or postgresql+psycopg://…",
            "sqlite:///data/connector.db か postgresql+psycopg://… と書いてください",
        ),
    )


Systems = Annotated[Any, BeforeValidator(_systems)]
"""Blocks by name; what a block may hold depends on its `type`."""


class Config(Spec):
    """`config.yaml`: where everything is."""

    timezone: Annotated[ZoneInfo, BeforeValidator(_zone, json_schema_input_type=str)] = ZoneInfo("Asia/Tokyo")
    """Every day, window and quiet hour; stored times are UTC."""
    language: Literal["ja", "en"] = "ja"
    """Language of the texts that reps and marketers read in their systems."""
    store: Annotated[str, AfterValidator(check_store)] = "sqlite:///data/connector.db"
    """Where the store is: `sqlite:///data/connector.db` or `postgresql+psycopg://...`."""
    store_url: Secret | None = None
    """A reference to the store's URL instead, when it holds a password: `{env: NAME}` or `{file: PATH}`."""
    audit_key: Secret | None = None
    """Key of the audit trail. Without it one stands in the store, known to whoever can read the store."""
    mappings: Many[str] = ("mappings",)
    """Folder of the mappings, beside this file; several are read as one."""
    systems: Systems
    """The systems by name."""
    calendar: Calendar = Calendar()
    """Which days are business days."""
    run: RunOptions = RunOptions()
    """How runs go."""

    def release_time(self, now: datetime) -> datetime:
        """The first moment from `now` on at which alerts may go out."""
        quiet = self.run.quiet
        return release_time(now, quiet.alerts, self.timezone, self.calendar if quiet.business_days else None)


LeftOut = tuple[int, str]
"""A word of one of the `people` mappings, by the mapping's place among them."""


@dataclass(frozen=True)
class Setup:
    """Everything an administrator wrote, checked: systems by name with their typed options, and the rules."""

    config: Config
    folder: Path
    systems: Mapping[str, tuple[type[Adapter], Spec]]
    roles: Mapping[str, Role]
    identity: IdentityRules
    deals: Sequence[DealMapping]
    rules: Rules
    digest: str
    warnings: Sequence[Problem] = field(default=())
    tests: Sequence[Path] = ()
    """Golden tests that stand beside the mappings."""
    left_out: Sequence[LeftOut] = ()
    """What the mappings name and this setup does without, because its field drifted."""

    def needs(self, system: str) -> Needs:
        """What the mappings ask of a system."""
        found = needs_of(system, self.roles[system], self.rules, self.identity, self.deals)
        return replace(found, timezone=self.config.timezone)

    @property
    def silent(self) -> frozenset[str]:
        """The systems that take no alerts as they are configured."""
        return frozenset(name for name, (cls, options) in self.systems.items() if RaiseAlert not in cls.offers(options))

    def place(self, system: str) -> str:
        """What a system is and where it stands: its type, and the addresses among its options."""
        cls, options = self.systems[system]
        told = {name: value for name, value in options if isinstance(value, str) and "://" in value}
        return " ".join([cls.type, *(told[name] for name in sorted(told.keys() - {"proxy"}))])


def load(path: Path) -> Setup:
    """Read `config.yaml` at `path` and the mappings it names.

    :raises ConfigError: with every problem of all files; warnings alone do not raise and stand in the result
    """
    problems: list[Problem] = []
    setup = _Reader(path, problems).read()
    if setup is None or any(p.severity == "error" for p in problems):
        raise ConfigError([p for p in problems if p.severity == "error"] or problems)
    return setup


class _Reader:
    """Collects problems while it reads; a part with problems is left out, so that the others are read too."""

    def __init__(self, path: Path, problems: list[Problem]) -> None:
        self.path = path
        self.problems = problems
        self.hash = sha256()
        self.tests: list[Path] = []
        self.seen: set[Path] = set()

    def read(self) -> Setup | None:
        root = self._yaml(self.path, _MISSING)
        if root is None:
            if not self.problems:
                self.problems.append(
                    Mark(_shown(self.path), 0, 0).problem(text("the file is empty", "ファイルが空です"))
                )
            return None
        config = self._parse(Config, root, Mark(_shown(self.path), 1, 1))
        if isinstance(root, Block):
            self.problems += secrets_written_out(root)
        # The rest is read even where this file has problems, so that all are told at once.
        named = root.get("systems") if isinstance(root, Block) else None
        systems = dict(self._systems(named)) if isinstance(named, Block) else {}
        roles = {name: role_of(cls, options) for name, (cls, options) in systems.items()}
        found = self._mappings(root)
        rules = Rules(
            self._named(found["scores"], ScoreSpec),
            tuple(self._each(found["people"], PeopleMapping)),
            tuple(self._each(found["alerts"], AlertRule)),
            tuple(self._each(found["protect"], ProtectRule)),
            tuple(self._each(found["nurture"], NurtureRule)),
            config.run.guards.flip_flop if config else FlipFlop(),
        )
        deals = tuple(self._each(found["deals"], DealMapping))
        identities = list(self._each(found["identity"], IdentityRules, whole=True))
        identity = identities[0] if identities else IdentityRules()
        for _, mark in found["identity"][1:]:
            what = text("a second file on identity", "名寄せの設定ファイルが2つあります")
            self.problems.append(mark.problem(what, text("put both into one", "1つにまとめてください")))
        scores = {name for block, _ in found["scores"] if isinstance(block, Block) for name in block}
        checks = Checks(systems, roles, self.problems, scores - rules.scores.keys())
        if isinstance(named, Block) and len(systems) < len(named):
            checks.apart(rules)  # every mention of a system that could not be read would look wrong
        elif isinstance(named, Block):
            rules = checks.resolve(rules)
            people = [(each.system, name, each.mark_of("object")) for each in rules.people for name in each.object]
            checks.once(people + [(deal.system, deal.object, deal.mark_of("object")) for deal in deals])
            for deal in deals:
                checks.deal_words(deal.system, deal.fields, deal.mark_of("fields"))
            named_systems = [(deal.system, deal.mark_of("in")) for deal in deals]
            checks.all(rules, named_systems + [(foreign.system, foreign.mark_of("in")) for foreign in identity.ids])
            if not checks.unread:
                self.problems += advice(systems, roles, rules)
        if config is None:
            return None
        self._check_workers(config)
        return Setup(
            config, self.path.parent, systems, roles, identity, deals, rules, self.hash.hexdigest(),
            [p for p in self.problems if p.severity == "warning"], self.tests,
        )  # fmt: skip

    def _check_workers(self, config: Config) -> None:
        if config.run.workers and config.store_url is None and not config.store.startswith("postgresql"):
            what = text("workers need PostgreSQL", "workers を使うには PostgreSQL が必要です")
            fix = text("set `store` or `store_url` to it", "store または store_url に指定してください")
            self.problems.append(config.run.mark_of("workers").problem(what, fix))

    def _yaml(self, path: Path, missing: Text | None = None) -> Any:
        """What stands in a file; `missing`: what to do where there is none."""
        shown = _shown(path)
        root, problems = read_yaml(path, shown)
        self.problems += [each if path.exists() else replace(each, fix=missing) for each in problems]
        with suppress(OSError):  # which is among the problems already
            self.hash.update(path.read_bytes())
        return root

    def _parse(self, cls: type[S], data: Any, mark: Mark) -> S | None:
        built, problems = parse(cls, data, mark)
        self.problems += problems
        return built

    def _systems(self, named: Block) -> Iterator[tuple[str, tuple[type[Adapter], Spec]]]:
        for name, block in named.items():
            mark = named.marks[name]
            if not isinstance(block, Block) or not isinstance(block.get("type"), str):
                self.problems.append(
                    mark.problem(
                        text("system {name!r} has no type", "連携先 {name!r} に type がありません", name=name),
                        text("types: {types}", "種類: {types}", types=", ".join(sorted(adapters.adapter_types()))),
                    )
                )
                continue
            try:
                cls = adapters.adapter_class(block["type"])
            except SpecError as error:
                self.problems.append(block.marks["type"].problem(error.what, error.fix))
                continue
            clash = adapters.adapter_types()[cls.type].clash
            if clash is not None:
                self.problems.append(block.marks["type"].problem(clash, severity="warning"))
            try:
                with contained(name):
                    options = self._parse(cls.Config, _without_type(block, cls.Config), mark)
                    if options is not None:
                        cls.offers(options)  # asked for later: here it can be told
            except AdapterError as error:
                self.problems.append(mark.problem(error.what, error.fix))
                continue
            if options is not None:
                yield name, (cls, options)

    def _mappings(self, root: Any) -> dict[str, list[tuple[Any, Mark]]]:
        found: dict[str, list[tuple[Any, Mark]]] = {topic: [] for topic in TOPICS}
        named = root.get("mappings") if isinstance(root, Block) else None
        names = one_or_many(named) if isinstance(named, str | list) else ("mappings",)
        mark = root.marks["mappings"] if named else Mark(_shown(self.path), 0, 0)
        for name in dict.fromkeys(str(name) for name in names):
            folder = self.path.parent / name
            if folder.is_dir():
                self._folder(folder, found)
            else:
                what = text("folder {folder} does not exist", "フォルダー {folder} がありません", folder=name)
                self.problems.append(mark.problem(what))
        return found

    def _folder(self, folder: Path, found: dict[str, list[tuple[Any, Mark]]]) -> None:
        before = len(self.problems)
        files = [path for path in self._files(folder) if path.suffix in (".yaml", ".yml")]
        if not files and len(self.problems) == before:
            what = text("no mapping stands here: nothing is done", "マッピングが1つもないため、何も行われません")
            fix = text(
                "`connector init` shows what mappings look like; in a container, look at the volume",
                "`connector init` で例を作れます。コンテナの場合はボリュームの指定を確認してください",
            )
            self.problems.append(Mark(_shown(folder), 0, 0).problem(what, fix, "warning"))
        for path in sorted(files):
            if path.resolve() in self.seen:
                continue  # by way of another folder
            # A mounted ConfigMap holds everything twice: as links, and in hidden folders behind them.
            hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
            if hidden:
                continue
            self.seen.add(path.resolve())
            if path.name.endswith((".test.yaml", ".test.yml")):
                self.tests.append(path)
                continue
            topic = topic_of(path, folder)
            if topic is None:
                _, fix = unknown_key(path.stem, TOPICS)
                what = text("nobody reads this file", "このファイルはどこからも読まれません")
                self.problems.append(Mark(_shown(path), 0, 0).problem(what, fix, "warning"))
                continue
            root = self._yaml(path)
            if root is not None:
                found[topic].append((root, Mark(_shown(path), 1, 1)))

    def _files(self, folder: Path) -> Iterator[Path]:
        """All files in a folder and below it; a folder that cannot be read is a problem: a rule may stand in it."""

        def unreadable(error: OSError) -> None:
            what = text("cannot be read: {why}", "読み込めません: {why}", why=error.strerror)
            fix = text(
                "give the user of the connector the right to read it", "実行ユーザーに読み取り権限を付けてください"
            )
            self.problems.append(Mark(_shown(Path(error.filename)), 0, 0).problem(what, fix))

        for at, _, names in os.walk(folder, onerror=unreadable):
            yield from (Path(at, name) for name in names)

    def _each(self, roots: Sequence[tuple[Any, Mark]], cls: type[S], *, whole: bool = False) -> Iterator[S]:
        """The blocks of files that are lists of blocks (`whole`: of files that are one block)."""
        for root, mark in roots:
            if whole:
                blocks = [(root, mark)]
            elif isinstance(root, Items):
                blocks = list(zip(root, root.marks, strict=True))
            else:
                self.problems.append(mark.problem(text("must be a list", "リストで書いてください")))
                continue
            for block, at in blocks:
                built = self._parse(cls, block, at)
                if built is not None:
                    yield built

    def _named(self, roots: Sequence[tuple[Any, Mark]], cls: type[S]) -> dict[str, S]:
        """The blocks of files that are blocks by name; a name stands once in all files."""
        found: dict[str, S] = {}
        for root, mark in roots:
            if not isinstance(root, Block):
                self.problems.append(
                    mark.problem(text("must be a block of keys", "キーと値のブロックで書いてください"))
                )
                continue
            for name, block in root.items():
                if name in found:
                    what = text("{name!r} stands in another file too", "{name!r} は別のファイルにもあります", name=name)
                    self.problems.append(root.key_marks[name].problem(what))
                built = self._parse(cls, block, root.marks[name])
                if built is not None:
                    found[name] = built
        return found


TOPICS = ("identity", "people", "deals", "scores", "alerts", "protect", "nurture")
"""What a mapping file may be about: the first word of its name, or the folder it stands in."""


def topic_of(path: Path, folder: Path) -> str | None:
    """`scores.yaml`, `scores-web.yaml` and `scores/web.yaml` are all about scores."""
    words = [re.split(r"[-._]", part)[0] for part in path.relative_to(folder).parts]
    return next((word for word in words if word in TOPICS), None)


def role_of(cls: type[Adapter], options: Spec) -> Role:
    """The side of the loop a system stands on: its adapter's, or as configured where both are possible."""
    return Role(getattr(options, "role", None) or cls.role)


_MISSING = text(
    "`connector init` writes one; --config (-c) or CONNECTOR_CONFIG names one that stands elsewhere",
    "`connector init` で作成するか、--config (-c) または CONNECTOR_CONFIG で場所を指定してください",
)


def _shown(path: Path) -> str:
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _without_type(block: Block, cls: type[Spec]) -> Block:
    if "type" in cls.model_fields:
        return block
    rest = Block(block.mark)
    for key, value in block.items():
        if key != "type":
            rest[key], rest.key_marks[key], rest.marks[key] = value, block.key_marks[key], block.marks[key]
    return rest
