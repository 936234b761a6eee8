"""JSON Schema of everything an administrator writes, for editors: one schema for each kind of file.

What an editor takes by these schemas `lint` takes too, as far as a single value goes; what no single block can know
(names of systems, rules that contradict) is left to `lint`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from enum import Enum
from types import MappingProxyType
from typing import Any, Literal

from pydantic import TypeAdapter
from pydantic.json_schema import DefsRef, GenerateJsonSchema, JsonSchemaValue
from pydantic_core import PydanticOmit, core_schema

from connector.adapters import adapter_class, adapter_types
from connector.config import TOPICS, Config
from connector.engine.golden import Case
from connector.errors import ConnectorError, text
from connector.rules.alert import AlertRule
from connector.rules.deals import DealMapping
from connector.rules.fields import PeopleMapping
from connector.rules.identify import IdentityRules
from connector.rules.nurture import NurtureRule
from connector.rules.protect import ProtectRule
from connector.rules.score import ScoreSpec
from connector.spec import Spec, SpecError, one_or_many, spelt, unknown_key

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = "schemas"
"""Where `connector init` puts the schemas, beside `config.yaml`."""

_MAPPINGS: Mapping[str, tuple[str, Any]] = MappingProxyType(
    {
        "identity": ("How records are judged to be one person.", IdentityRules),
        "people": ("Records of people that are kept up, and who wins.", list[PeopleMapping]),
        "deals": ("Which fields of an SFA hold our words about a deal.", list[DealMapping]),
        "scores": ("Scores by name.", dict[str, ScoreSpec]),
        "alerts": ("When an owner is told.", list[AlertRule]),
        "protect": ("Who is kept off mass mails.", list[ProtectRule]),
        "nurture": ("Who goes back to marketing.", list[NurtureRule]),
        "test": ("Golden tests.", list[Case]),
    }
)

NAMES = ("config", *TOPICS, "test")
"""What there is a schema of: `config.yaml`, the topics of mappings, and the tests beside them."""


def schema_of(name: str) -> dict[str, Any]:
    """The schema of one kind of file.

    :raises ConnectorError: when there is none of that name
    """
    if name not in NAMES:
        _, fix = unknown_key(name, NAMES)
        raise ConnectorError(text("there is no schema {name!r}", "スキーマ {name!r} はありません", name=name), fix=fix)
    if name == "config":
        title, found = "config.yaml", _config()
    else:
        title, kind = _MAPPINGS[name]
        found = TypeAdapter(kind).json_schema(by_alias=True, schema_generator=_Schema)
    return {"$schema": DIALECT, "title": title, **_tidied(found)}


def schema_for(file: str) -> str:
    """Which schema a file of that name has: `scores-web.yaml` that of scores, `kintone.test.yaml` that of tests."""
    if file.endswith((".test.yaml", ".test.yml")):
        return "test"
    return file.split(".", maxsplit=1)[0].split("-", maxsplit=1)[0]


def files() -> Iterable[tuple[str, str]]:
    """The files that all schemas are kept in, and what stands in them."""
    for name in NAMES:
        yield file_of(name), json.dumps(schema_of(name), ensure_ascii=False, indent=1) + "\n"


def file_of(name: str) -> str:
    """The file that a schema is kept in."""
    return f"{name}.schema.json"


def headed(content: str, name: str, folder: str) -> str:
    """A file that tells editors which schema it has, of those in `folder` as seen from it."""
    return f"# yaml-language-server: $schema={folder}/{file_of(name)}\n{content}"


def _config() -> dict[str, Any]:
    """The block of each system by its `type`."""
    adapters = dict(_adapters())
    keyed: list[tuple[str, Literal["validation"], Any]] = [("", "validation", Config.__pydantic_core_schema__)]
    keyed += [(type_, "validation", cls.__pydantic_core_schema__) for type_, cls in adapters.items()]
    found, definitions = _Schema(by_alias=True).generate_definitions(keyed)
    config = _resolved(found["", "validation"], definitions)
    config["properties"]["systems"] = {
        "description": config["properties"]["systems"]["description"],
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {
            "type": "object",
            "required": ["type"],
            "properties": {"type": {"enum": sorted(adapter_types()), "description": "What kind of system it is."}},
            "allOf": [
                {
                    "if": {"properties": {"type": {"const": type_}}, "required": ["type"]},
                    "then": _with_type(_resolved(found[type_, "validation"], definitions), type_),
                }
                for type_ in adapters
            ],
        },
    }
    return config | {"$defs": definitions}


def _adapters() -> Iterable[tuple[str, type[Spec]]]:
    """The options of every type that can be loaded; what another package fails to bring is told by `lint`."""
    for type_ in sorted(adapter_types()):
        try:
            yield type_, adapter_class(type_).Config
        except SpecError:
            continue


def _resolved(schema: Mapping[str, Any], definitions: Mapping[DefsRef, Any]) -> dict[str, Any]:
    name = DefsRef(schema.get("$ref", "").removeprefix("#/$defs/"))
    return dict(definitions[name] if name else schema)


def _with_type(options: dict[str, Any], type_: str) -> dict[str, Any]:
    return options | {"properties": {**options["properties"], "type": {"const": type_}}}


class _Schema(GenerateJsonSchema):
    """As pydantic makes it, with the shapes that our own validators take and defaults as they would be written."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """A block as it is written, not as it is parsed."""
        found = super().model_schema(schema)
        found.pop("title", None)
        cls = schema["cls"]
        return cls.written(found) if issubclass(cls, Spec) else found

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        """One, or a list of them."""
        found = super().function_before_schema(schema)
        if schema["function"]["function"] is not one_or_many:
            return found
        return {"anyOf": [found["items"], found]}

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Defaults as an administrator would write them; none where it takes a block to say."""
        found = self.generate_inner(schema["schema"])
        try:
            return {**found, "default": _plain(self.get_default_value(schema))}
        except PydanticOmit:
            return found

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002  pydantic asks
        """Keys need no second name."""
        return False


_LIMITS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})


def _tidied(node: Any) -> Any:
    """A least length is meant for the list of "one or many"; limits of durations are no numbers: `lint` has them."""
    if isinstance(node, list):
        return [_tidied(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        "minItems" if key == "minLength" and "anyOf" in node else key: _tidied(value)
        for key, value in node.items()
        if not (key in _LIMITS and isinstance(value, str | timedelta))
    }


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return spelt(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str | bool | int | float) and value != "":
        return value
    if isinstance(value, tuple | list) and value:
        return [_plain(each) for each in value]
    raise PydanticOmit
