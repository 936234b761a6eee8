"""What the integration user may do and has no use for: what it cannot do cannot go wrong, nor be misused.

`UserPermissionAccess` tells a user of its own permissions, also where it may not see the setup (Object Reference). The
rights on objects come with their descriptions.
"""

from __future__ import annotations

from collections.abc import Iterator

from connector.adapters.salesforce.fields import Description
from connector.adapters.salesforce.org import Org
from connector.errors import AdapterError, Text, text
from connector.ports import Finding

_OBJECT = "UserPermissionAccess"
TOO_MUCH = {
    "ModifyAllData": text(
        "may change all data (Modify All Data)", "すべてのデータを変更できます（すべてのデータの編集）"
    ),
    "ViewAllData": text("may see all data (View All Data)", "すべてのデータを参照できます（すべてのデータの参照）"),
    "AuthorApex": text("may write programs (Author Apex)", "Apex を開発できます（Apex 開発）"),
    "ModifyMetadata": text(
        "may change the set-up (Modify Metadata)",
        "メタデータを変更できます（メタデータ API 機能を使用したメタデータの変更）",
    ),
    "CustomizeApplication": text(
        "may customize (Customize Application)", "カスタマイズできます（アプリケーションのカスタマイズ）"
    ),
    "ManageUsers": text("may manage users (Manage Users)", "ユーザーを管理できます（ユーザーの管理）"),
    "BulkApiHardDelete": text(
        "may delete for good (Bulk API Hard Delete)", "完全に削除できます（Bulk API の物理削除）"
    ),
}
"""Permissions of administrators, by their names without `Permissions`. The profile System Administrator has all."""
_READ_ONLY = ("Account", "Opportunity", "OpportunityContactRole")
"""Objects that this adapter never writes."""
_BY_OBJECT = ("Contact", "Lead", *_READ_ONLY)
"""Objects with rights of their own. Who may make tasks may delete them too: one permission, Edit Tasks, gives both."""
_TAKE_AWAY = text(
    "take it away: see the permission set in docs/quickstart.md",
    "権限を外してください。必要な権限は docs/quickstart.md の権限セットを参照してください",
)


def of_user(org: Org) -> Iterator[Finding]:
    """Permissions of administrators that our user has.

    :raises AdapterError: when the org cannot be asked
    """
    described = org.describe(_OBJECT)
    wanted = {f"Permissions{name}": what for name, what in TOO_MUCH.items()}
    # Not every edition knows every permission, and one that is not known refuses the whole question.
    known = [name for name in wanted if described is not None and described.field(name) is not None]
    try:
        soql = f"SELECT {', '.join(known)} FROM {_OBJECT}"  # noqa: S608  names of our own
        rows = list(org.query_all(soql)) if known else []
    except AdapterError as error:
        if not error.code.startswith(("INVALID_", "MALFORMED_", "INSUFFICIENT_")):
            raise
        rows = []
    if not rows:
        what = text("cannot be told what else our user may do", "連携ユーザーのその他の権限は確認できません")
        yield Finding("info", what, _OBJECT, fix=_TAKE_AWAY)
    for row in rows[:1]:
        yield from (_warning(wanted[name]) for name in known if row.get(name) is True)


def of_object(described: Description) -> Iterator[Finding]:
    """What our user may do with records and never does."""
    name = described.name
    if name not in _BY_OBJECT:
        return
    if described.deletable:
        yield _warning(text("records may be deleted", "レコードを削除できます"), name)
    if name in _READ_ONLY and (described.createable or described.updateable):
        yield _warning(text("may be written, and never is", "書き込みできますが、書き込むことはありません"), name)


def _warning(what: Text, name: str = "") -> Finding:
    return Finding("warning", what, name, fix=_TAKE_AWAY)
