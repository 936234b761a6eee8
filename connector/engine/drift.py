"""Drift: a field that the mappings name is gone, or is no more what it was. Found when a run of any kind starts.

Only fields with `on_drift` are looked at, and only their systems are asked. What is parked or ignored is left out of
the mappings for this run, neither read nor written; once the field is mended, everybody is read and planned anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import structlog

from connector.config import LeftOut, Setup
from connector.contain import contained
from connector.engine.app import App, make_adapter
from connector.engine.report import Report
from connector.engine.spending import spending
from connector.engine.unnamed import halted_by_unnamed
from connector.errors import AdapterError, Text
from connector.model import PERSON_FIELDS
from connector.ports import Finding
from connector.rules.fields import FieldRule, OnDrift, PeopleMapping
from connector.store import runs
from connector.store.lease import Lease
from connector.store.runs import Counts

log = structlog.get_logger("connector.drift")


@dataclass(frozen=True, slots=True)
class Drifted:
    """A field of a mapping that does not fit, what was found, and what the mapping says to do."""

    mapping: PeopleMapping
    word: str
    rule: FieldRule
    policy: OnDrift
    finding: Finding

    @property
    def place(self) -> str:
        """Where it stands: `kintone people.役職`."""
        return f"{self.mapping.system} {self.stream}"

    @property
    def stream(self) -> str:
        """Its line in the ledger."""
        return f"{self.finding.object or self.mapping.object[0]}.{self.rule.to}"


def drifted(mappings: Iterable[PeopleMapping], system: str, findings: Sequence[Finding]) -> Iterator[Drifted]:
    """The fields with a policy that errors of `check` speak of, each once."""
    for mapping in mappings:
        for word, rule in mapping.fields.items() if mapping.system == system else ():
            about = (
                f
                for f in findings
                if f.severity == "error" and f.field == rule.to and f.object in ("", *mapping.object)
            )
            if rule.on_drift is not None and (finding := next(about, None)) is not None:
                yield Drifted(mapping, word, rule, rule.on_drift, finding)


def without(setup: Setup, fields: Sequence[Drifted]) -> Setup:
    """The setup without these fields; a word that people typed goes from every mapping: half of it says nothing."""
    typed = {each.word for each in fields if each.word in PERSON_FIELDS}
    own = {(id(each.mapping), each.word) for each in fields}
    gone = [
        (place, word)
        for place, mapping in enumerate(setup.rules.people)
        for word in mapping.fields
        if word in typed or (id(mapping), word) in own
    ]
    return leave_out(setup, gone)


def leave_out(setup: Setup, gone: Sequence[LeftOut]) -> Setup:
    """The setup without some words of some mappings."""
    if not gone:
        return setup
    people = tuple(
        mapping.model_copy(
            update={"fields": {word: rule for word, rule in mapping.fields.items() if (place, word) not in gone}}
        )
        for place, mapping in enumerate(setup.rules.people)
    )
    said = " ".join(f"{place}.{word}" for place, word in gone)
    rules, digest = replace(setup.rules, people=people), f"{setup.digest} without {said}"
    return replace(setup, rules=rules, digest=digest, left_out=tuple(gone))


@contextmanager
def looked_for(app: App, lease: Lease | None, report: Report) -> Iterator[None]:
    """Within it, the app works without the fields that drifted.

    `report` is halted where one of them is to stop it, and, before any system is asked, where the store knows a system
    that the setup does not.
    """
    if halted_by_unnamed(app, report):
        yield
        return
    before = app.setup, app.adapters
    asked = sorted({m.system for m in app.setup.rules.people if any(r.on_drift for r in m.fields.values())})
    found = [each for name in asked if name in app.adapters for each in _found(app, name, lease, report)]
    _count(lease, report, found)
    left_out = [each for each in found if each.policy != "stop"]
    app.setup = without(app.setup, left_out)
    made = {name: make_adapter(app, name) for name in sorted({each.mapping.system for each in left_out})}
    app.adapters = {**app.adapters, **made}
    try:
        yield
    finally:
        for adapter in made.values():
            adapter.close()
        app.setup, app.adapters = before


def _count(lease: Lease | None, report: Report, found: Sequence[Drifted]) -> None:
    """Each field as a line of the ledger: that is where an exit code comes from."""
    for each in found:
        counts = Counts(read=1, parked=int(each.policy == "park"), ignored=int(each.policy != "park"))
        report.count(each.mapping.system, each.stream, counts)
        if lease is not None:
            with lease.writing() as conn:
                runs.add_ledger(conn, report.run, each.mapping.system, each.stream, counts)


def _found(app: App, name: str, lease: Lease | None, report: Report) -> list[Drifted]:
    adapter = app.adapters[name]
    with spending(app, lease, [name], report.run):
        try:
            with contained(name):
                found = list(drifted(app.setup.rules.people, name, adapter.check()))
        except AdapterError:
            return []  # whatever it is, reading meets it as well, and tells it
    for each in found:
        log.warning("field_drifted", system=name, field=each.stream, policy=each.policy)
        if each.policy == "stop":
            report.halt(_why(each))
            report.to_mend = True
    return found


def _why(each: Drifted) -> Text:
    what = each.finding.what
    return Text(f"{{place}}: {what.en}", f"{{place}}: {what.ja}", {**what.params, "place": each.place})
