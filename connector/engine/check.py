"""Check: sign in to each system and compare the mappings with what it has and allows. Writes nothing there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connector.contain import contained
from connector.engine.app import App
from connector.engine.spending import spending
from connector.engine.threads import Pool
from connector.engine.unnamed import unnamed
from connector.errors import AdapterError, ConnectorError
from connector.ports import Finding, Quota
from connector.spec import Mark


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found in one system; `error` when it could not be asked."""

    system: str
    findings: Sequence[tuple[Finding, Mark | None]]
    error: ConnectorError | None
    quota: Quota | None
    calls: int

    @property
    def failed(self) -> bool:
        """Whether a run would not work as configured."""
        return self.error is not None or any(finding.severity == "error" for finding, _ in self.findings)


def check_all(app: App, system: str | None) -> list[Checked]:
    """Check every system, or one, each in a thread of its own; and those that `config.yaml` names no more."""
    names = [system] if system else list(app.adapters)
    with spending(app), Pool(max_workers=len(names)) as pool:
        checked = list(pool.map(lambda name: _check(app, name), names))
    return checked + [Checked(name, (), ConnectorError(why), None, 0) for name, why in unnamed(app).items()]


def _check(app: App, name: str) -> Checked:
    adapter = app.adapters[name]
    findings: Sequence[Finding] = ()
    error = None
    try:
        with contained(name):
            findings = adapter.check()
    except AdapterError as raised:
        error = raised
    calls = adapter.http.calls if adapter.http is not None else 0
    return Checked(name, [(f, _place(app, name, f)) for f in findings], error, adapter.quota(), calls)


def _place(app: App, system: str, finding: Finding) -> Mark | None:
    """The line of the mapping that a finding is about."""
    rules = app.setup.rules
    for mapping in rules.people:
        if mapping.system != system or finding.object not in ("", *mapping.object):
            continue
        if finding.field and finding.field == mapping.key:
            return mapping.mark_of("key")
        for rule in mapping.fields.values():
            if rule.to == finding.field:
                return rule.mark_of("to")
    for deal in app.setup.deals:
        if deal.system == system and deal.object == finding.object and finding.field in deal.fields.values():
            return deal.mark_of("fields")
    for nurture in rules.nurture:
        if nurture.system == system and finding.field in nurture.carry.values():
            return nurture.mark_of("carry")
    return None
