"""How Salesforce says no: a code, a message and the fields concerned; one record may be refused for several reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason for a refusal."""

    code: str
    message: str
    fields: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def as_error(self) -> dict[str, Any]:
        """The shape in an answer that is wholly an error: `errorCode`, and `fields` only when there are some."""
        shown = {"message": self.message, "errorCode": self.code, **self.extra}
        return {**shown, "fields": list(self.fields)} if self.fields else shown

    def as_row(self) -> dict[str, Any]:
        """The shape inside the result of one record of many: `statusCode`, and `fields` always."""
        return {"statusCode": self.code, "message": self.message, "fields": list(self.fields)}

    def as_cell(self) -> str:
        """The shape in the `sf__Error` column of a Bulk result; its trailing ` --` is remembered, not verified."""
        return f"{self.code}:{self.message}:{','.join(self.fields)} --"


class Refusal(Exception):
    """A request or a record that Salesforce does not accept."""

    def __init__(self, problems: Sequence[Problem], status: int = 400) -> None:
        super().__init__("; ".join(f"{problem.code}: {problem.message}" for problem in problems))
        self.problems = list(problems)
        self.status = status

    @property
    def code(self) -> str:
        """The first reason's code."""
        return self.problems[0].code


class SeveralMatches(Exception):
    """An external id that fits several records; nothing was written."""

    def __init__(self, ids: Sequence[str]) -> None:
        super().__init__(f"{len(ids)} records")
        self.ids = list(ids)


class OAuthRefusal(Exception):
    """A refusal of the OAuth endpoints, which have their own shape."""

    def __init__(self, error: str, description: str | None = None, status: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.status = status


def refuse(code: str, message: str, *fields: str, status: int = 400, **extra: Any) -> Refusal:
    """A refusal for one reason."""
    return Refusal([Problem(code, message, fields, extra)], status)


def not_found(message: str = "The requested resource does not exist") -> Refusal:
    """There is no such thing under this path."""
    return refuse("NOT_FOUND", message, status=404)
