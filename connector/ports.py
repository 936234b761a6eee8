"""What a system must be for the engine: the one small seam. Each MUST has a test in `connector.testing`.

Words: *system* a configured connection; *stream* one kind of record that is read from it, by a name the adapter
chooses; *cursor* an opaque string that says how far a stream was read; *page* some records and the cursor behind
them; *receipt* what became of one change.
"""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, ClassVar, Literal
from zoneinfo import ZoneInfo

from connector.changes import AnyChange, Change
from connector.errors import Text
from connector.model import DealState, Kind, Record, Role
from connector.spec import Spec

if TYPE_CHECKING:
    from connector.http import Http


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that could not be read: where it stands (`people.csv:17`, `visitor/12`) and why. No personal data."""

    where: str
    what: Text
    code: str = "unreadable"


@dataclass(frozen=True, slots=True)
class Page:
    """Some records of a stream, oldest first, and the cursor to store in the same transaction.

    `rejects` are records that could not be read; `ignored` counts records left out by rule, per reason; so
    `len(records) + len(rejects) + ignored.total()` is what the system was asked and gave.
    `complete` marks the page as all there is of the stream (a snapshot, not a continuation).
    """

    records: Sequence[Record]
    cursor: str
    rejects: Sequence[Reject] = ()
    ignored: Counter[str] = field(default_factory=Counter)
    complete: bool = False

    @property
    def read(self) -> int:
        """How many records the system gave."""
        return len(self.records) + len(self.rejects) + self.ignored.total()


Status = Literal["done", "refused", "retry"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one change: `done`; `refused` (park it); `retry` (this row may succeed later).

    `remote_id` is the id of the record written or created, in the system's own spelling.
    """

    key: str
    status: Status
    remote_id: str | None = None
    code: str = ""
    what: Text | None = None
    fix: Text | None = None
    said: str = field(default="", repr=False)
    """The vendor's own words about this change, where it gave any. They may quote the record: they are kept beside the
    change for the administrator, and never logged or reported."""
    doubtful: bool = False
    """Of a refusal: an earlier attempt may have taken effect, so that whoever sends it again may double it."""


LEFT = "LEFT"
"""Code of a receipt for an alert that was not taken back, because its owner works on it."""

ValueKind = Literal["text", "lines", "number", "moment", "yes"]
"""Kinds of value that we write: `lines` is text of several lines, `yes` is true or false."""


@dataclass(frozen=True, slots=True)
class ObjectNeeds:
    """What the mappings use of one object (native names)."""

    read: frozenset[str] = frozenset()
    write: frozenset[str] = frozenset()
    lengths: Mapping[str, int] = field(default_factory=dict)
    """Longest text we will write, where a mapping says so."""
    key: str | None = None
    """The external id field that we own."""
    create: bool = False
    words: Mapping[str, str] = field(default_factory=dict)
    """Our words for a person (`PERSON_FIELDS`) and the native fields that hold them. A system that has no standard
    fields of its own fills `Person.fields` from these."""
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By native field: our values and how the system spells them, where they differ."""
    choices: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By native field: every value that a mapping may write into it, in the system's spelling, where that is known
    beforehand (bands of a score, yes and no, values that a mapping lists)."""
    kinds: Mapping[str, ValueKind] = field(default_factory=dict)
    """By native field: what kind of value a mapping writes into it."""
    deal: Mapping[str, str] = field(default_factory=dict)
    """Deal words (`DEAL_WORDS`) to native fields."""
    states: Mapping[DealState, frozenset[str]] = field(default_factory=dict)
    """How the field behind the deal word `state` (without one: `stage`) spells the states of a deal. Where `open` is
    not among them, every other value is open; where it is, an unknown value cannot be read."""
    probabilities: Mapping[str, float] = field(default_factory=dict)
    """How the field behind the deal word `probability` spells percentages, where it holds no numbers."""
    linked_by: Mapping[str, str] = field(default_factory=dict)
    """For the deal words `people` and `company`: the field of the other record that the value refers to; where it is
    missing, the value is the other record's id (`people`) or the company's name (`company`)."""


DEAL_WORDS = (
    "name",
    "state",
    "stage",
    "stage_since",
    "probability",
    "amount",
    "closes_on",
    "closed_at",
    "lost_reason",
    "product",
    "owner",
    "company",
    "people",
)
"""Our words for a deal's fields."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What the mappings ask of a system, so that an adapter reads neither less nor more.

    `objects` may hold `*`: what is needed of person records where no mapping names their object. `probed` is what
    `Adapter.probe` found when it was last asked; empty before, and when the system stands at another address now.
    `timezone` is that of the configuration: of days, and of times that a system tells without one.
    """

    objects: Mapping[str, ObjectNeeds] = field(default_factory=dict)
    lists: frozenset[str] = frozenset()
    alerts: bool = False
    timeline: bool = False
    probed: Mapping[str, str] = field(default_factory=dict)
    timezone: tzinfo = field(default_factory=lambda: ZoneInfo("Asia/Tokyo"))

    def of(self, name: str) -> ObjectNeeds:
        """What is needed of the object `name`."""
        return self.objects.get(name) or self.objects.get("*") or ObjectNeeds()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing `check` found: about an object and a field of it where that is known."""

    severity: Literal["error", "warning", "info"]
    what: Text
    object: str = ""
    field: str = ""
    fix: Text | None = None


@dataclass(frozen=True, slots=True)
class Probed:
    """What a probe found: capabilities by name with what was seen of them, and what to tell the administrator.

    A capability that is not among `known` is off. `known` replaces what an earlier probe found.
    """

    known: Mapping[str, str]
    findings: Sequence[Finding] = ()


@dataclass(frozen=True, slots=True)
class FieldShown:
    """One field of an object, for a person who writes mappings: `name` is what goes behind `to:`."""

    name: str
    label: str = ""
    type: str = ""
    choices: Sequence[str] = ()
    notes: Sequence[str] = ()
    """`unique`, `required`, `read only`, `lookup`, `copied by lookup`, ...: short words, in English."""


@dataclass(frozen=True, slots=True)
class ObjectShown:
    """One kind of record that a mapping can name, with its fields."""

    name: str
    label: str = ""
    fields: Sequence[FieldShown] = ()


@dataclass(frozen=True, slots=True)
class Quota:
    """Calls a system still grants today, by its own count."""

    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class Collected:
    """What became of the changes of a job that has ended.

    Their receipts, in any order; and the keys of those that were never tried. What is in neither has no known result.
    """

    receipts: Sequence[Receipt]
    untried: frozenset[str] = frozenset()


class Jobs(ABC):
    """A second way into a system, for many changes at once.

    They are handed over as a whole, worked on in the system's own time, and asked about later, by this process or by
    one that comes after it.

    The engine writes the job down between `open` and `submit`, so that no data is ever handed over to a job that
    nobody knows of. It never sends a change that it has sent before by a job, but by `Adapter.push`.
    """

    most: ClassVar[int]
    """Most changes of one job."""

    wait: timedelta
    """How long a run waits for its jobs; what takes longer is collected by a later run."""

    @abstractmethod
    def fit(self, changes: Sequence[AnyChange]) -> Sequence[AnyChange]:
        """Which of these changes of one `Adapter.group`, at most `most`, should go by one job, in their order.

        None where `push` is the better way. MUST write nothing. MUST never hold an alert: its owner waits for it.

        :raises AdapterError: when the system cannot be asked
        """

    @abstractmethod
    def open(self, changes: Sequence[AnyChange]) -> str:
        """Make a job for what `fit` gave: its handle, by which the system finds it for as long as it matters.

        MUST have no effect on any record, and MUST hand none over.

        :raises Refused: the system takes no such job: the changes go by `push`
        :raises AdapterError: there is no job, or one that nobody needs to know
        """

    @abstractmethod
    def submit(self, job: str, changes: Sequence[AnyChange]) -> None:
        """Hand the changes over and let the system begin.

        :raises Refused: nothing of it has taken effect, or ever will
        :raises AdapterError: how far it came is not known; `collect` finds out
        """

    @abstractmethod
    def collect(self, job: str, changes: Sequence[AnyChange], *, give_up: bool = False) -> Collected | None:
        """What became of the changes handed over, as far as they are asked about; None while the system is at work.

        A job that was never begun, or that is to be given up, is called off: MUST NOT take effect once it was told of
        as collected.

        A job that the system knows nothing of is `Collected` without anything in it.

        :raises Unavailable: ask again
        :raises Unauthorized: the system lets us no longer in
        """


class Adapter(ABC):
    """One external system.

    Subclasses stand in one file in this order: `Config`, capabilities, `__init__`, `check`, `pull`, `push`, helpers.
    """

    type: ClassVar[str]
    """The word after `type:` in the configuration."""

    Config: ClassVar[builtins.type[Spec]]
    """The YAML block of such a system."""

    role: Role

    writes: frozenset[builtins.type[Change]] = frozenset()
    """Which changes the system can take; of a class, those that some configuration of it can (`offers`)."""

    deal_words: ClassVar[frozenset[str]] = frozenset(DEAL_WORDS)
    """Which words of a deal a mapping may give a field."""

    person_words: ClassVar[frozenset[str] | None] = None
    """Which words of a person its records tell without being mapped; None where nobody can say beforehand."""

    rereads: ClassVar[bool] = True
    """Whether reading from the beginning gives again what is there; false where everything is given once, as files."""

    batch: ClassVar[int] = 1
    """Most changes of one group that a single `push` may be given."""

    connections: ClassVar[int] = 1
    """How many batches may be under way at once."""

    jobs: Jobs | None = None
    """The way for many changes at once, where the system has one."""

    http: Http | None = None
    """The hardened session, where the system speaks HTTP: the engine reads calls and quota from it."""

    @abstractmethod
    def __init__(self, name: str, config: Spec, needs: Needs) -> None:
        """MUST NOT do I/O."""

    @classmethod
    def offers(cls, config: Spec) -> frozenset[builtins.type[Change]]:  # noqa: ARG003  for those that depend on it
        """Which changes a system so configured can take; said before any is made, so that `lint` can tell."""
        return cls.writes

    @classmethod
    def tells(cls, config: Spec) -> frozenset[str] | None:  # noqa: ARG003  for those that depend on it
        """Which words of a person a system so configured tells without being mapped; None where nobody can say."""
        return cls.person_words

    @classmethod
    def looks_back(cls, config: Spec) -> Mapping[Kind, timedelta]:  # noqa: ARG003  as above
        """How far back touchpoints are read at first, by their kinds; of a kind that is not named, all are."""
        return {}

    @property
    @abstractmethod
    def streams(self) -> Sequence[str]:
        """Names of the streams that the needs ask for, in the order in which they should be read."""

    @abstractmethod
    def check(self) -> Sequence[Finding]:
        """Sign in, compare the needs with what the system has and allows. MUST write nothing there.

        :raises AdapterError: when the system cannot be asked at all
        """

    def probe(self) -> Probed:
        """Find out what cannot be known of the system beforehand, on the administrator's word.

        MAY write, but only to the test records that the configuration names. What is not yet probed is off.

        :raises AdapterError: when the system cannot be asked; its `evidence` holds an answer that made no sense
        """
        return Probed({})

    def inspect(self) -> Sequence[ObjectShown]:
        """The objects and fields that mappings can name, as the system tells them. MUST write nothing there.

        :raises AdapterError: when the system cannot be asked
        """
        return ()

    @abstractmethod
    def pull(self, stream: str, cursor: str | None) -> Iterator[Page]:
        """Pages of `stream` behind `cursor` (None: from the beginning), oldest first.

        MAY repeat records. MUST NOT miss one: resuming from the cursor of any page loses nothing, nor does a record
        that is committed late with an older stamp. A quiet stream gives at least one page, so that its cursor can
        move. Times MUST be aware UTC. A record that cannot be read is a `Reject` in its page, never an exception.

        :raises Unavailable, Unauthorized: when the system cannot be read on
        :raises Mismatch: when this stream cannot be read as it is mapped; the others can
        """

    @abstractmethod
    def push(self, changes: Sequence[AnyChange]) -> Iterator[Receipt]:
        """Carry out changes of one `group`, at most `batch` of them, giving one receipt per change, in order.

        Doing it twice MUST be the same as doing it once. MUST touch no field that isn't in the change. One bad item
        MUST be a receipt, never an exception; a dead connection MUST be an exception, never a receipt: receipts given
        before it stand.

        :raises Unavailable: nothing of the rest has taken effect; Mismatch among it: other groups may be pushed on
        :raises Uncertain: the rest may have taken effect
        :raises Unauthorized: the system lets us no longer in
        """

    def group(self, change: AnyChange) -> Hashable:
        """Changes of the same group may share a `push`."""
        return type(change).__name__

    def calls_for(self, changes: int) -> int:
        """Least API calls for that many changes of one group."""
        return -(-changes // self.batch)

    def server_time(self) -> datetime | None:
        """The system's own clock when last heard, if it tells."""
        return None

    def quota(self) -> Quota | None:
        """What the system grants today, as last heard."""
        return None

    def close(self) -> None:
        """Let go of connections."""
        if self.http is not None:
            self.http.close()
