"""Systems that the store knows and `config.yaml` no longer names: renamed or taken away. No run goes on beside them."""

from __future__ import annotations

from collections.abc import Mapping

from connector.engine.app import App
from connector.engine.report import Report
from connector.errors import Language, Text, kept, text
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


def listed(counts: Mapping[str, int]) -> Text:
    """What counts, and how much of it."""
    there = [(_COUNTED[what], n) for what, n in counts.items() if n]
    if not there:
        return text("nothing that counts", "有効なデータなし")
    en, ja = (", ".join(f"{what.in_(language)} {n}" for what, n in there) for language in _LANGUAGES)
    return kept(en, ja)


_LANGUAGES: tuple[Language, Language] = ("en", "ja")
_COUNTED = {
    "people": text("people", "人物"),
    "companies": text("companies", "会社"),
    "deals": text("deals", "案件"),
    "touchpoints": text("touchpoints", "行動履歴"),
    "entries": text("entries on lists", "リスト登録"),
}


def _why(name: str, counts: Mapping[str, int]) -> Text:
    found = listed(counts)
    return text(
        "the store holds what the system {system} told ({counts}), and config.yaml does not name it. "
        "If it was renamed, give it its old name back under systems and in the mappings: everything written is known "
        "by it. If it is gone for good: `connector retire {system}`",
        "config.yaml にない連携先 {system} のデータが store にあります（{counts_ja}）。"
        "名前を変えた場合は systems とマッピングを元の名前に戻してください"
        "（書き込み済みのデータはこの名前で管理されています）。今後使わない場合は `connector retire {system}`",
        system=name,
        counts=found.in_("en"),
        counts_ja=found.in_("ja"),
    )
