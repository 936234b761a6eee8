"""Systems that the store knows and `config.yaml` no longer names: renamed or taken away. No run goes on beside them."""

from __future__ import annotations

from collections.abc import Mapping

from connector.engine.app import App
from connector.engine.report import Report
from connector.errors import Text, text
from connector.store import retired


def unnamed(app: App) -> Mapping[str, Text]:
    """Per system of which the store holds something that counts, and `config.yaml` has no place for: what to do.

    What such a system once told would count for ever, and beside the same records under a new name twice.
    """
    with app.reading() as conn:
        strangers = sorted(retired.known(conn) - set(app.setup.systems))
        counts = {name: retired.living(conn, name) for name in strangers}
    return {name: _why(name, found) for name, found in counts.items() if any(found.values())}


def halted_by_unnamed(app: App, report: Report) -> bool:
    """Whether `report` was halted because of such a system; nothing overrules that."""
    for why in unnamed(app).values():
        report.halt(why)
        report.to_mend = True
    return report.to_mend


def _why(name: str, counts: Mapping[str, int]) -> Text:
    return text(
        "the store holds what the system {system} told ({people} {people:person|people}, {deals} {deals:deal|deals}, "
        "{touchpoints} {touchpoints:touchpoint|touchpoints}), and config.yaml does not name it. If it was renamed, "
        "give it its old name back under systems and in the mappings: everything written is known by it. "
        "If it is gone for good: `connector retire {system}`",
        "config.yaml にない連携先 {system} のデータが store にあります（人物 {people}件、案件 {deals}件、"
        "行動履歴 {touchpoints}件）。名前を変えた場合は systems とマッピングを元の名前に戻してください"
        "（書き込み済みのデータはこの名前で管理されています）。今後使わない場合は `connector retire {system}`",
        system=name,
        **counts,
    )
