"""What the subsidiary in Nagoya set up in its e-Sales Manager: columns of its own, and a 拡張シート for alerts."""

from __future__ import annotations

from dataclasses import dataclass

from connector.sandbox.company.setting import PRODUCTS
from connector.sandbox.esales import RemixEmulator

CHANCES = ("A", "B", "C", "D")


@dataclass(frozen=True, slots=True)
class Columns:
    """Codes of the columns that the tenant added."""

    key: int
    optout: int
    stage_since: int
    closed_on: int
    product: int
    person: int
    """Of a deal: the name card of the person whom the rep talks to."""


def set_up(remix: RemixEmulator) -> Columns:
    """Add the columns to a tenant that is as it came."""
    key = remix.add_column("person", "MA人物ID", length=64)
    remix.add_column("person", "MAスコア", "decimal")
    remix.add_column("person", "MAランク", "select", choices=("ホット", "ウォーム"))
    remix.add_column("person", "MAスコア根拠")
    remix.add_column("person", "MA最終接点")
    optout = remix.add_column("person", "メール配信停止", "select", choices=("配信可", "停止"))
    stage_since = remix.add_column("business", "進捗更新日", "date")
    closed_on = remix.add_column("business", "完了日", "date")
    product = remix.add_column("business", "製品", "select", choices=PRODUCTS)
    person = remix.add_column("business", "先方担当者", "num")
    sheet = remix.settings.extension
    remix.add_column(sheet, "MAキー", length=64)
    remix.add_column(sheet, "内容")
    remix.add_column(sheet, "担当者コード", "num")
    remix.add_column(sheet, "期限", "date")
    return Columns(key, optout, stage_since, closed_on, product, person)
