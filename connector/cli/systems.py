"""What `probe` and `inspect` say about a system."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from connector.cli.say import Console
from connector.ports import FieldShown, Finding, ObjectShown, Probed
from connector.spec import Mark


def show_finding(console: Console, finding: Finding, mark: Mark | None = None) -> None:
    """One line about an object and a field, and the line of the mapping that speaks of it."""
    field = ".".join(part for part in (finding.object, finding.field) if part)
    where = [f"{mark.file}:{mark.line}:{mark.column}" if mark else "", field]
    fix = f" → {finding.fix.in_(console.language)}" if finding.fix else ""
    place = "".join(f"{part}: " for part in where if part)
    console.out(f"  {finding.severity}: {place}{finding.what.in_(console.language)}{fix}")


def finding_data(finding: Finding) -> dict[str, str | None]:
    """A finding as data."""
    return {
        "severity": finding.severity,
        "object": finding.object,
        "field": finding.field,
        "what": str(finding.what),
        "fix": str(finding.fix) if finding.fix else None,
    }


def show_probed(console: Console, system: str, found: Probed) -> None:
    """What a probe found, and what follows from it."""
    if console.json:
        told = [finding_data(finding) for finding in found.findings]
        console.data({"system": system, "known": dict(found.known), "findings": told})
        return
    if not found.known and not found.findings:
        console.out(console.say("{name}: nothing needs probing", "{name}: 調査が必要な項目はありません", name=system))
        return
    console.out(console.say("{name}: remembered", "{name}: 記録しました", name=system))
    for capability, seen in sorted(found.known.items()):
        console.out(f"  {capability}: {seen}")
    for finding in found.findings:
        show_finding(console, finding)


def show_evidence(console: Console, system: str, held: Mapping[str, str]) -> None:
    """The last answer that made no sense."""
    if console.json:
        console.data({"system": system, "evidence": dict(held) or None})
        return
    if not held:
        console.out(console.say("{name}: none so far", "{name}: 該当する応答はありません", name=system))
        return
    console.out(f"{held['at']}  {held['what']}")
    console.out(held["answer"])


def show_objects(console: Console, objects: Sequence[ObjectShown]) -> None:
    """Objects and fields as YAML to paste."""
    if console.json:
        console.data([_data(each) for each in objects])
        return
    if not objects:
        console.out(
            console.say("# this adapter tells nothing of its objects", "# このアダプターには一覧機能がありません")
        )
    for each in objects:
        console.out(f"{_key(each.name)}:{_remark(each.label) if each.label else ''}")
        for field in each.fields:
            for line in _lines(field):
                console.out(f"  {line}")


def _lines(field: FieldShown) -> Iterator[str]:
    said = ", ".join(part for part in (field.type, *field.notes) if part)
    label = _remark(field.label) if field.label and field.label != field.name else ""
    yield f"{_key(field.name)}: {{type: {_key(said)}}}{label}" if not field.choices else f"{_key(field.name)}:{label}"
    if field.choices:
        yield f"  type: {_key(said)}"
        yield f"  choices: [{', '.join(_key(choice) for choice in field.choices)}]"


def _key(word: str) -> str:
    """A word as YAML: in quotes unless it is plain beyond doubt."""
    plain = word and all(letter.isalnum() or letter == "_" for letter in word) and not word[0].isdigit()
    if plain and word.lower() not in ("null", "true", "false", "yes", "no", "on", "off"):
        return word
    return f'"{"".join(map(_escaped, word))}"'


def _escaped(letter: str) -> str:
    if letter in '\\"':
        return f"\\{letter}"
    return letter if _shows(letter) else f"\\U{ord(letter):08x}"


def _remark(label: str) -> str:
    """A label as a comment behind a line."""
    return f"  # {''.join(each if _shows(each) else ' ' for each in label)}"


def _shows(letter: str) -> bool:
    return letter.isprintable() or letter == "\u3000"


def _data(shown: ObjectShown) -> dict[str, object]:
    fields = [
        {"name": f.name, "label": f.label, "type": f.type, "choices": list(f.choices), "notes": list(f.notes)}
        for f in shown.fields
    ]
    return {"object": shown.name, "label": shown.label, "fields": fields}
