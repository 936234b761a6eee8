"""Systems that the store knows and `config.yaml` no longer names: renamed or taken away. No run goes on beside them."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from connector.engine.app import App
from connector.engine.report import Report
from connector.errors import Text, text
from connector.store import deals, load

log = structlog.get_logger("connector.unnamed")


def unnamed(app: App) -> Mapping[str, Text]:
    """Per system that has living records in the store and no place in `config.yaml`: what to do about it.

    What such a system once told would count for ever, and beside the same records under a new name twice.
    """
    with app.reading() as conn:
        people, sales = load.count_records(conn), deals.count_living(conn)
    names = sorted({*people, *sales} - set(app.setup.systems))
    return {name: _why(name, people.get(name, 0), sales.get(name, 0)) for name in names}


def halted_by_unnamed(app: App, report: Report) -> bool:
    """Whether `report` was halted because of such a system; nothing overrules that."""
    for name, why in unnamed(app).items():
        log.warning("system_unnamed", system=name)
        report.halt(why)
        report.to_mend = True
    return report.to_mend


def _why(name: str, people: int, sales: int) -> Text:
    return text(
        "the store holds {people} {people:person|people} and {sales} {sales:deal|deals} of the system {system}, which "
        "config.yaml does not name: put {system} back under systems and in the mappings. A system that was renamed "
        "needs its old name again: everything already written is known by it",
        "config.yaml にない連携先 {system} のデータが store にあります（人物 {people}件、案件 {sales}件）。"
        "systems とマッピングに {system} を戻してください。名前を変えた場合は元の名前に戻してください"
        "（書き込み済みのデータはこの名前で管理されています）",
        system=name,
        people=people,
        sales=sales,
    )
