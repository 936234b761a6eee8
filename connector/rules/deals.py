"""Deals: which fields of an SFA hold our words about them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from connector.errors import text
from connector.model import DealState
from connector.spec import Many, Spec, SpecError, Word

DealWord = Literal[
    "name", "state", "stage", "stage_since", "probability", "amount", "closes_on", "closed_at", "lost_reason",
    "product", "owner", "company", "people",
]  # fmt: skip


class DealMapping(Spec):
    """Which fields of an SFA hold our words about a deal."""

    system: str = Field(alias="in")
    """The SFA, by its name in `config.yaml`."""
    object: str
    """The kind of record."""
    fields: dict[DealWord, str]
    """Our words and the SFA's fields. Salesforce knows most of them by itself."""
    states: dict[Word[DealState], Many[str]] = Field(default_factory=dict)
    """What the field behind `state` (without one: `stage`) says of won and lost deals. With `open` in the list, any
    other value is refused; without it, any other value is open."""
    probabilities: dict[str, Annotated[float, Field(ge=0, le=100)]] = Field(default_factory=dict)
    """Percentages of the choices in the field behind `probability`, where it holds no numbers."""
    linked_by: dict[Literal["people", "company"], str] = Field(default_factory=dict)
    """The field of the person's (company's) record to which the value behind `people` (`company`) refers, where it is
    not the record's id (the company's name)."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        for option, word in (
            ("probabilities", "probability"),
            *((f"linked_by.{name}", name) for name in self.linked_by),
        ):
            if (option != "probabilities" or self.probabilities) and word not in self.fields:
                raise SpecError(
                    text("{option} says how {word} is spelt, but no field holds {word}",
                         "{option} がありますが、fields に {word} がありません", option=option, word=word),
                    text("add {word} under fields", "fields に {word} を追加してください", word=word),
                )  # fmt: skip
        if self.states and not {"state", "stage"} & self.fields.keys():
            raise SpecError(
                text(
                    "states are given, but no field that holds them", "states がありますが、状態を表す項目がありません"
                ),
                text("add stage (or state) under fields", "fields に stage (または state) を追加してください"),
            )
        spelt = [value for values in self.states.values() for value in values]
        twice = next((value for value in spelt if spelt.count(value) > 1), None)
        if twice is not None:
            raise SpecError(
                text("{value!r} stands for two states", "{value!r} が2つの状態に使われています", value=twice)
            )
        return self
