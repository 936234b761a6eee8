"""A Remix tenant from inside: what its administrator sets up and what its users do on the screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connector.sandbox.chaos import Chaos
from connector.sandbox.clock import Clock
from connector.sandbox.esales.records import Records
from connector.sandbox.esales.remix import values
from connector.sandbox.esales.remix.access import Access
from connector.sandbox.esales.remix.entities import FIRST_CUSTOM_CODE, entities
from connector.sandbox.esales.remix.settings import RemixSettings
from connector.sandbox.esales.sheets import Column, Key, Row, Sheet

Values = Mapping[int, Any]


class Tenant(Records):
    """Customers, name cards, deals and what hangs on them, by column code.

    Values are strings, integers, decimals, days, aware times, a tuple of booleans for a checkbox; a choice is its code
    or, when written, its name. Columns without value are None or absent.
    """

    def __init__(self, *, clock: Clock | None, chaos: Chaos | None, settings: RemixSettings | None, token: str) -> None:
        self.settings = settings or RemixSettings()
        super().__init__(entities(self.settings.extension), clock=clock, chaos=chaos)
        self.api_token = token
        self.access = Access(token)
        self._last_code = FIRST_CUSTOM_CODE - 1

    # --- set-up -------------------------------------------------------------------------------------------------------

    def add_column(
        self,
        entity: str,
        name: str,
        type: str = "text",  # noqa: A002  the word of the product
        *,
        choices: Sequence[str] = (),
        length: int | None = None,
    ) -> int:
        """Add a column of the tenant's own (拡張項目) and give its code.

        Args:
            entity: where.
            name: what the screen shows.
            type: text, num, decimal, date, datetime, select or checkbox.
            choices: the names of a select's choices or of a checkbox's boxes; their codes count from 1.
            length: the longest text that is accepted.
        """
        if type not in values.VALUE_KEY:
            raise ValueError(f"{type}: no type of Remix")
        with self._lock:
            self._last_code += 1
            numbered = dict(enumerate(choices, 1))
            self.sheets[entity].add([Column(self._last_code, name, type, choices=numbered, length=length)])
            return self._last_code

    def rename_choice(self, entity: str, code: int, choice: int, name: str | None) -> None:
        """Give a choice of a column another name, or with None remove it."""
        with self._lock:
            self.sheets[entity].rename_choice(code, choice, name)

    def add_token(self) -> str:
        """Issue a further API token."""
        with self._lock:
            return self.access.new_token()

    def delete_token(self, token: str) -> None:
        """Delete an API token, as its checkbox on the screen does."""
        with self._lock:
            self.access.tokens.discard(token)

    def add_user(self, number: str, name: str, *, password: str = "") -> int:
        """An employee, who can log in once there is a password; gives the 社員コード."""
        with self._lock:
            if password:
                self.access.passwords[number] = password
            return self.add("employee", {102: number, 103: name})

    # --- what people do -----------------------------------------------------------------------------------------------

    def add_customer(self, name: str, columns: Values | None = None) -> int:
        """A company (顧客)."""
        return self.add("customer", {301: name, **(columns or {})})

    def add_person(self, customer_id: int, name: str, columns: Values | None = None) -> int:
        """A name card (名刺) of somebody at a customer."""
        return self.add("person", {902: customer_id, 903: name, **(columns or {})})

    def add_deal(self, customer_id: int, name: str, columns: Values | None = None) -> int:
        """A deal (案件) with a customer."""
        return self.add("business", {216: customer_id, 202: name, **(columns or {})})

    def add_activity(self, deal_id: int, text: str, columns: Values | None = None) -> int:
        """An activity (活動) of a deal."""
        return self.add("communication", {403: deal_id, 402: text, **(columns or {})})

    def todos(self) -> list[Row]:
        """Copies of all ToDos, oldest first."""
        return self.records("todo")

    # --- rules --------------------------------------------------------------------------------------------------------

    def _named(self, sheet: Sheet, given: Mapping[Any, Any]) -> dict[Key, Any]:
        del sheet  # a code is the key itself
        return dict(given)

    def _fitting(self, column: Column, value: Any) -> Any:
        return values.fitting(column, value)
