"""What a system must be for the engine: the one small seam. Each MUST has a test in `tests/contract`.

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
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Literal

from connector.changes import AnyChange, Change
from connector.errors import Text
from connector.model import Record, Role
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
    deal: Mapping[str, str] = field(default_factory=dict)
    """Deal words (`lost_reason`, `product`, ...) to native fields."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What the mappings ask of a system, so that an adapter reads neither less nor more.

    `objects` may hold `*`: what is needed of person records where no mapping names their object.
    """

    objects: Mapping[str, ObjectNeeds] = field(default_factory=dict)
    lists: frozenset[str] = frozenset()
    alerts: bool = False
    timeline: bool = False

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
class Quota:
    """Calls a system still grants today, by its own count."""

    used: int
    limit: int


class Adapter(ABC):
    """One external system.

    Subclasses stand in one file in this order: `Config`, capabilities, `__init__`, `check`, `pull`, `push`, helpers.
    """

    type: ClassVar[str]
    """The word after `type:` in the configuration."""

    Config: ClassVar[builtins.type[Spec]]
    """The YAML block of such a system."""

    role: Role

    writes: ClassVar[frozenset[builtins.type[Change]]] = frozenset()
    """Which changes the system can take."""

    batch: ClassVar[int] = 1
    """Most changes of one group that a single `push` may be given."""

    connections: ClassVar[int] = 1
    """How many batches may be under way at once."""

    http: Http | None = None
    """The hardened session, where the system speaks HTTP: the engine reads calls and quota from it."""

    @abstractmethod
    def __init__(self, name: str, config: Spec, needs: Needs) -> None:
        """MUST NOT do I/O."""

    @property
    @abstractmethod
    def streams(self) -> Sequence[str]:
        """Names of the streams that the needs ask for, in the order in which they should be read."""

    @abstractmethod
    def check(self) -> Sequence[Finding]:
        """Sign in, compare the needs with what the system has and allows. MUST write nothing there.

        :raises AdapterError: when the system cannot be asked at all
        """

    @abstractmethod
    def pull(self, stream: str, cursor: str | None) -> Iterator[Page]:
        """Pages of `stream` behind `cursor` (None: from the beginning), oldest first.

        MAY repeat records. MUST NOT miss one: resuming from the cursor of any page loses nothing, nor does a record
        that is committed late with an older stamp. A quiet stream gives at least one page, so that its cursor can
        move. Times MUST be aware UTC. A record that cannot be read is a `Reject` in its page, never an exception.

        :raises Unavailable, Unauthorized: when the system cannot be read on
        """

    @abstractmethod
    def push(self, changes: Sequence[AnyChange]) -> Iterator[Receipt]:
        """Carry out changes of one `group`, at most `batch` of them, giving one receipt per change, in order.

        Doing it twice MUST be the same as doing it once. MUST touch no field that isn't in the change. One bad item
        MUST be a receipt, never an exception; a dead connection MUST be an exception, never a receipt: receipts given
        before it stand.

        :raises Unavailable: nothing of the rest has taken effect
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
