"""What can go wrong, sorted by what the engine does about it.

* ConnectorError
  * ConfigError      the administrator must edit a file: raised before any I/O, with every problem at once
  * AdapterError
    * Unavailable    cannot answer now: back off, the work stays due
      · Throttled    ... and said how long: wait that long
      · Exhausted    ... our own call budget is spent: the work is deferred, by name
      · Mismatch     ... what the mappings ask for is not there: this part waits for a person, the others go on
    * Unauthorized   nothing sent to it can work: stop this system, go on with the others
    * Uncertain      sent, the answer was lost: probe or resend by class of write
    * Refused        this one item isn't acceptable: park it, go on
  * Halted           the brake: too much would change: nothing is sent, the plan is shown
  * Interrupted      we were asked to end: finish what was begun, leave the rest for the next run
  * StoreError       our own memory cannot be used: locked by another run, damaged, no room on its disk
    * Locked         another run is at work
    * WrongStore     it is not the store that we worked with: lost, emptied, an older copy, of a newer program

A message says what happened, where, and what to do next, in English and Japanese. It never holds a person's data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from string import Formatter
from typing import Any, Literal

Language = Literal["en", "ja"]

MOST_SAID = 1000
"""Characters of a vendor's own words that are kept."""


@dataclass(frozen=True, slots=True)
class Text:
    """One message in both languages of our users, with its parameters.

    `str()` is the English one; `in_("ja")` the Japanese one. A place `{n:record|records}` has the word that goes with
    the number `n`.
    """

    en: str
    ja: str
    params: dict[str, Any] = field(default_factory=dict)

    def in_(self, language: Language) -> str:
        """The message in `language`, parameters filled in."""
        message = self.ja if language == "ja" else self.en
        return _WORDS.vformat(message, (), self.params) if "|" in message else message.format(**self.params)

    def __str__(self) -> str:
        return self.in_("en")


class _Words(Formatter):
    """Knows `{n:record|records}`."""

    def format_field(self, value: Any, format_spec: str) -> str:
        """One thing, or several; or as ever."""
        one, either, several = format_spec.partition("|")
        if not either:
            return str(super().format_field(value, format_spec))
        return one if str(value) == "1" else several


_WORDS = _Words()


def text(en: str, ja: str, **params: Any) -> Text:
    """A message whose `{name}` places are filled from `params` in either language."""
    return Text(en, ja, params)


def kept(en: str, ja: str) -> Text:
    """A message as it was kept, its places filled; where only English was kept, that."""
    return text("{said}", "{said_ja}", said=en, said_ja=ja or en)


class ConnectorError(Exception):
    """Base of all our errors.

    `what` happened; `where` (system, object, record, field - never personal data); `fix` says what to do next.
    """

    def __init__(self, what: Text, *, where: str = "", fix: Text | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix

    def in_(self, language: Language) -> str:
        """The whole message in one language."""
        parts = [f"{self.where}: " if self.where else "", self.what.in_(language)]
        if self.fix is not None:
            parts += [" → ", self.fix.in_(language)]
        return "".join(parts)

    def __str__(self) -> str:
        return self.in_("en")


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing to mend in a configuration file; `line` and `column` count from 1 (0: the whole file)."""

    file: str
    line: int
    column: int
    what: Text = field(compare=False)
    fix: Text | None = field(default=None, compare=False)
    severity: Literal["error", "warning"] = field(default="error", compare=False)

    def in_(self, language: Language) -> str:
        """`file:line:col: what → fix`, as editors and people read it."""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        tail = f" → {self.fix.in_(language)}" if self.fix else ""
        return f"{place}: {self.what.in_(language)}{tail}"

    def __str__(self) -> str:
        return self.in_("en")


class ConfigError(ConnectorError):
    """The administrator must edit a file; `problems` holds every one found, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__(
            text("{n} {n:problem|problems} in the configuration", "設定に{n}件の問題があります", n=len(problems))
        )

    def in_(self, language: Language) -> str:
        """Every problem on its own line."""
        return "\n".join(problem.in_(language) for problem in self.problems)


class AdapterError(ConnectorError):
    """A system did not do what was asked. `code` is the vendor's own word for it, when it gave one.

    `evidence`: an answer that nobody could make sense of, masked (`evidence.masked`), for whoever supports the adapter.
    """

    evidence: str = ""

    said: str = ""
    """The vendor's own words, for the receipt that an error becomes. They may quote a record, and are no part of the
    message."""

    def __init__(self, what: Text, *, where: str = "", fix: Text | None = None, code: str = "") -> None:
        super().__init__(what, where=where, fix=fix)
        self.code = code


class Unavailable(AdapterError):
    """The system cannot answer now; nothing was changed by this request."""


class Throttled(Unavailable):
    """The system asked us to wait; `wait` says how long."""

    def __init__(self, what: Text, *, wait: timedelta, where: str = "", code: str = "") -> None:
        super().__init__(what, where=where, code=code)
        self.wait = wait


class Exhausted(Unavailable):
    """The call budget (ours or the vendor's daily one) is spent; what was due is deferred."""


class Mismatch(Unavailable):
    """What the mappings ask of one part of the system is not there: a field was removed, a choice renamed."""


class Unauthorized(AdapterError):
    """The system does not let us in; nothing sent to it can work until a person mends that."""


class Uncertain(AdapterError):
    """The request was sent and its answer lost: it may or may not have taken effect."""


class Refused(AdapterError):
    """The system understood and will not accept this one item, now or later."""


class Halted(ConnectorError):
    """The brake: nothing was sent. `measures` tells what would have changed, for the plan that is shown."""

    def __init__(self, what: Text, *, fix: Text | None = None, measures: Sequence[Text] = ()) -> None:
        super().__init__(what, fix=fix)
        self.measures = tuple(measures)


class Interrupted(ConnectorError):
    """We were asked to end (SIGTERM); what was begun is finished, what was not is left for the next run."""


class StoreError(ConnectorError):
    """Our own memory cannot be used as it is."""


class Locked(StoreError):
    """Another run holds the lease."""


class WrongStore(StoreError):
    """The store is not what it was when we last worked with it; nothing is done until a person says what is right."""
