"""An esm tenant from inside: what its administrator sets up and what its users do on the screen."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from connector.sandbox.chaos import Chaos
from connector.sandbox.clock import Clock
from connector.sandbox.esales.esm import items
from connector.sandbox.esales.esm.catalogue import CUSTOM, app_sheet, prefix_of, sheets
from connector.sandbox.esales.esm.lists import Lists
from connector.sandbox.esales.esm.settings import EsmSettings
from connector.sandbox.esales.esm.timeline import Timeline
from connector.sandbox.esales.esm.tokens import Tokens
from connector.sandbox.esales.records import Records
from connector.sandbox.esales.sheets import Column, Key, Row, Sheet
from connector.sandbox.esales.table import Table

Items = Mapping[str, Any]
Right = Literal["参照", "登録", "変更", "削除"]


class Tenant(Records):
    """Customers, name cards, deals and what hangs on them, by item key.

    Python callers may leave out a sheet's prefix: `customer_name` for `customers.customer.customer_name`. Values are
    strings, numbers, booleans, days, aware times, dicts for an address; a choice is its name, a link an id.
    """

    def __init__(self, *, clock: Clock | None, chaos: Chaos | None, settings: EsmSettings | None) -> None:
        self.settings = settings or EsmSettings()
        super().__init__(sheets(self.settings), clock=clock, chaos=chaos)
        self.tokens = Tokens()
        self._passwords: dict[str, tuple[str, int]] = {}
        self.system_users: set[int] = set()
        self._denied: set[tuple[str, str]] = set()
        self._lists = Lists()
        self._timeline = Timeline()

    # --- set-up -------------------------------------------------------------------------------------------------------

    def add_column(
        self,
        sheet_name: str,
        name: str,
        type: str = "text",  # noqa: A002  the word of the product
        *,
        choices: Sequence[str] = (),
        link: str = "",
        many: bool = False,
    ) -> str:
        """Add an item of the tenant's own (拡張項目) and give its key, such as `customers.customer.type_text1`.

        Args:
            sheet_name: where.
            name: what the screen shows.
            type: the word in the key: text, textarea, pulldown, radio_button, checkbox, number, date, suggest …
            choices: the names of the choices.
            link: the sheet that a `suggest` links to.
            many: whether a `suggest` holds several records.
        """
        kind = CUSTOM[type]
        with self._lock:
            sheet = self.sheets[sheet_name]
            stem = f"{prefix_of(sheet)}.type_{type}"
            number = sum(str(key).startswith(stem) and str(key).removeprefix(stem).isdecimal() for key in sheet.columns)
            more: dict[str, Any] = {"choices": dict(enumerate(choices, 1)), "link": link}
            more |= {"many": many or type == "checkbox", "read_only": type.startswith("functional_")}
            column = Column(f"{stem}{number + 1}", name, kind, **more)
            sheet.add([column])
            return str(column.key)

    def add_app(self, sheet_name: str) -> None:
        """A further 拡張アプリ; its keys begin with `appextender.{sheet_name}`."""
        with self._lock:
            self.sheets[sheet_name] = app_sheet(sheet_name)
            self._tables[sheet_name] = Table()
            self._last_id[sheet_name] = 0

    def rename_choice(self, sheet_name: str, key: str, old: str, new: str | None) -> None:
        """Give a choice another name, or with None remove it; records keep the name they hold."""
        with self._lock:
            sheet = self.sheets[sheet_name]
            full = next(iter(self._named(sheet, {key: None})))
            code = next(code for code, name in sheet.columns[full].choices.items() if name == old)
            sheet.rename_choice(full, code, new)

    def add_user(self, login: str, name: str, *, password: str = "", system: bool = False) -> int:
        """An employee, who can log in once there is a password; a `system` user sees every channel."""
        with self._lock:
            employee = self.add("employee", {"login_id": login, "employee_name": name})
            if password:
                self._passwords[login] = (password, employee)
            if system:
                self.system_users.add(employee)
            return employee

    def add_token(self, user_id: int) -> str:
        """Issue an API token for a user."""
        with self._lock:
            token = f"ey{secrets.token_hex(24)}"
            self.tokens.add(token, user_id)
            return token

    def delete_token(self, token: str) -> None:
        """Delete an API token, or end an access token."""
        with self._lock:
            self.tokens.kill(token)

    def expire_tokens(self, *, refresh: bool = False) -> None:
        """Let every access token die, and with `refresh` every refresh token; API tokens live on."""
        with self._lock:
            self.tokens.expire()
            if refresh:
                self.tokens.forget_refresh()

    def deny(self, sheet_name: str, right: Right) -> None:
        """Take a right on a sheet, or on `post`, from everybody who calls the API."""
        with self._lock:
            self._denied.add((sheet_name, right))

    def grant(self, sheet_name: str, right: Right) -> None:
        """Give a right back."""
        with self._lock:
            self._denied.discard((sheet_name, right))

    # --- what people do -----------------------------------------------------------------------------------------------

    def add_customer(self, name: str, values: Items | None = None) -> int:
        """A company (顧客)."""
        return self.add("customer", {"customer_name": name, **(values or {})})

    def add_card(self, customer_id: int, name: str, values: Items | None = None) -> int:
        """A name card (名刺) of somebody at a customer."""
        return self.add("businesscard", {"relational_customer": customer_id, "name": name, **(values or {})})

    def add_deal(self, customer_id: int, name: str, values: Items | None = None) -> int:
        """A deal (案件) with a customer: a record of businessplan."""
        return self.add(
            "businessplan", {"relational_customer": customer_id, "businessplan_name": name, **(values or {})}
        )

    def add_activity(self, deal_id: int, text: str, values: Items | None = None) -> int:
        """An activity (活動) of a deal."""
        return self.add("activity", {"relational_businessplan": deal_id, "content": text, **(values or {})})

    def todos(self) -> list[Row]:
        """Copies of all tasks (タスク), oldest first."""
        return self.records("task")

    def add_list(self, sheet_name: str, name: str, ids: Sequence[int] = ()) -> int:
        """A list of records, as an administrator makes it on the screen."""
        with self._lock:
            return self._lists.add(sheet_name, name, ids)

    def set_list(self, list_id: int, ids: Sequence[int]) -> None:
        """Put these records on a list, and no others."""
        with self._lock:
            self._lists[list_id].ids = list(ids)

    def members(self, list_id: int) -> list[int]:
        """The records on a list that are still there."""
        with self._lock:
            found = self._lists[list_id]
            return [each for each in found.ids if each in self._tables[found.sheet]]

    def add_channel(self, name: str, members: Sequence[int] = ()) -> int:
        """A channel of the timeline with these users in it."""
        with self._lock:
            return self._timeline.add_channel(name, members)

    def posts(self) -> list[Row]:
        """Copies of all posts of the timeline, oldest first; `notification` is what was ordered besides."""
        with self._lock:
            return self._timeline.posts()

    # --- rules --------------------------------------------------------------------------------------------------------

    def _named(self, sheet: Sheet, given: Mapping[Any, Any]) -> dict[Key, Any]:
        prefix = prefix_of(sheet)
        return {key if key in sheet.columns else f"{prefix}.{key}": value for key, value in given.items()}

    def _fitting(self, column: Column, value: Any) -> Any:
        return items.fitting(column, value, self.settings)
