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


_ITEMS: Sequence[tuple[str, str, Sequence[str]]] = (
    ("MA人物ID", "text", ()),
    ("MAスコア", "number", ()),
    ("MAランク", "pulldown", ("ホット", "ウォーム")),
    ("MAスコア根拠", "textarea", ()),
    ("MA最終接点", "textarea", ()),
    ("名刺メモ", "text", ()),
)


def set_up(esm: EsmEmulator) -> str:
    """Fill a tenant that is as it came; gives an API token of a user who may do everything.

    The first name card may be written to by whoever tries things out; lists 1 and 2 hold all cards and all deals.
    """
    keys = {name: esm.add_column("businesscard", name, kind, choices=how) for name, kind, how in _ITEMS}
    user = esm.add_user("connector", "連携 太郎", password="sandbox-password", system=True)  # noqa: S106  opens nothing
    cards, deals = [], []
    for number, (company, name) in enumerate(_CARDS):
        customer = esm.add_customer(company)
        typed = {"email": f"card{number}@esm-example.co.jp", keys["名刺メモ"]: "展示会で名刺交換"}
        cards.append(esm.add_card(customer, name, typed))
        deals.append(esm.add_deal(customer, f"{company} 更新"))
    esm.add_list("businesscard", "MA対象名刺", cards)
    esm.add_list("businessplan", "案件", deals)
    return esm.add_token(user)
