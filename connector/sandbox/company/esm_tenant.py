"""A newer e-Sales Manager (esm) to try things out on: a few customers, name cards and deals, and items of its own."""

from __future__ import annotations

from collections.abc import Sequence

from connector.sandbox.esales import EsmEmulator

_CARDS = (
    ("株式会社夜久野酒造", "夜久 清"),
    ("立花繊維工業株式会社", "立花 恵"),
    ("㈱朝来", "朝来 宗一"),
    ("和田山電装株式会社", "和田 朋子"),
)


def set_up(esm: EsmEmulator) -> str:
    """Fill a tenant that is as it came; gives an API token of a user who may do everything."""
    for name, kind, choices in (
        ("MA人物ID", "text", ()),
        ("MAスコア", "number", ()),
        ("MAランク", "pulldown", ("ホット", "ウォーム")),
        ("MAスコア根拠", "textarea", ()),
        ("MA最終接点", "textarea", ()),
    ):
        _add(esm, "businesscard", name, kind, choices)
    user = esm.add_user("connector", "連携 太郎", password="sandbox-password", system=True)  # noqa: S106  opens nothing
    for number, (company, name) in enumerate(_CARDS):
        customer = esm.add_customer(company)
        esm.add_card(customer, name, {"email": f"card{number}@esm-example.co.jp"})
        esm.add_deal(customer, f"{company} 更新")
    return esm.add_token(user)


def _add(esm: EsmEmulator, sheet: str, name: str, kind: str, choices: Sequence[str]) -> None:
    esm.add_column(sheet, name, kind, choices=choices)
