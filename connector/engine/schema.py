"""JSON Schema of everything an administrator writes, for editors: one schema for each kind of file.

What an editor takes by these schemas `lint` takes too, as far as a single value goes; what no single block can know
(names of systems, rules that contradict) is left to `lint`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import timedelta
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from pydantic import TypeAdapter
from pydantic.json_schema import DefsRef, GenerateJsonSchema, JsonSchemaValue
from pydantic_core import PydanticOmit, core_schema

from connector.adapters import adapter_class, adapter_types
from connector.config import TOPICS, Config
from connector.engine.golden import Case
from connector.errors import ConnectorError, text
from connector.model import Kind
from connector.rules.alert import AlertRule
from connector.rules.deals import DealMapping
from connector.rules.fields import PeopleMapping
from connector.rules.identify import IdentityRules
from connector.rules.nurture import NurtureRule
from connector.rules.protect import ProtectRule
from connector.rules.score import KIND_WORDS, ScoreSpec
from connector.spec import Spec, SpecError, one_or_many, share, spelt, unknown_key

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
        found = _config()
    else:
        about, kind = _MAPPINGS[name]
        found = {"description": about, **TypeAdapter(kind).json_schema(by_alias=True, schema_generator=_Schema)}
    words = {f"#/$defs/{name}" for name, definition in found.get("$defs", {}).items() if "enum" in definition}
    return {"$schema": DIALECT, **_told(_tidied(found), words)}


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


def for_editors(folder: Path) -> None:
    """The schemas beside a configuration that has none yet, and in each of its files the line that names its own."""
    config = folder / "config.yaml"
    for file in (config, *(folder / "mappings").iterdir()):
        content, beside = file.read_text(encoding="utf-8"), FOLDER if file == config else f"../{FOLDER}"
        file.write_text(headed(content, schema_for(file.name), beside), encoding="utf-8")
    (folder / FOLDER).mkdir()
    for name, content in files():
        (folder / FOLDER / name).write_text(content, encoding="utf-8")


def _config() -> dict[str, Any]:
    """The block of each system by its `type`, under whose name editors offer all that it needs."""
    adapters = dict(_adapters())
    keyed: list[tuple[str, Literal["validation"], Any]] = [("", "validation", Config.__pydantic_core_schema__)]
    keyed += [(type_, "validation", cls.__pydantic_core_schema__) for type_, cls in adapters.items()]
    found, definitions = _Schema(by_alias=True).generate_definitions(keyed)
    config = _resolved(found["", "validation"], definitions)
    blocks = {type_: _with_type(_resolved(found[type_, "validation"], definitions), type_) for type_ in adapters}
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
                    "then": {"$ref": f"#/$defs/{type_}"},
                }
                for type_ in adapters
            ],
        },
    }
    # What was copied into a block of a type stands nowhere else.
    named = set(re.findall(r'"#/\$defs/([^"]+)"', json.dumps([config, blocks, definitions], default=str)))
    used: dict[str, Any] = {name: each for name, each in definitions.items() if name in named}
    return config | {"$defs": used | blocks}


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
        cls = schema["cls"]
        return cls.written(found) if issubclass(cls, Spec) else found

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        """One, or a list of them."""
        found = super().function_before_schema(schema)
        if schema["function"]["function"] is not one_or_many:
            return found
        return {"anyOf": [found["items"], found]}

    def enum_schema(self, schema: core_schema.EnumSchema) -> JsonSchemaValue:
        """Words alone: what they are about is told by the key that takes them; and what people call them."""
        found: dict[str, Any] = {"type": "string", "enum": [each.value for each in schema["members"]]}
        if schema["cls"] is Kind:
            found["enumDescriptions"] = [
                f"{said.in_('en')} / {said.in_('ja')}" for said in map(KIND_WORDS.__getitem__, Kind)
            ]
        return found

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Defaults as an administrator would write them; none where it takes a block to say."""
        found = self.generate_inner(schema["schema"])
        inner: Any = schema["schema"]
        try:
            default = _plain(self.get_default_value(schema))
            if inner.get("function", {}).get("function") is share:
                default = f"{default:.0%}"
            return {**found, "default": default}
        except PydanticOmit:
            return found


_LIMITS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})


def _tidied(node: Any) -> Any:
    """What pydantic says beside the point is left out, and what is wrong with a text is said by examples.

    A least length is meant for the list of "one or many"; limits of durations are no numbers: `lint` has them. Titles
    are names of classes, which editors would write above what they show about each key.
    """
    if isinstance(node, list):
        return [_tidied(each) for each in node]
    if not isinstance(node, dict):
        return node
    found = {
        "minItems" if key == "minLength" and "anyOf" in node else key: _tidied(value)
        for key, value in node.items()
        if not (key in _LIMITS and isinstance(value, str | timedelta))
        and not (key == "title" and isinstance(value, str))
    }
    if "pattern" in node and "examples" in node:
        shown = ", ".join(node["examples"])
        # Else editors would show the pattern.
        found["errorMessage"] = f"write it as {shown} / {shown} のように書いてください"
    return found


_SAME = ("anyOf", "items", "propertyNames", "additionalProperties")
"""Parts of a schema that are about what the whole is about."""


def _told(node: Any, words: AbstractSet[str], above: str = "", part: str = "") -> Any:
    """What is said about a key stands beside the words that it takes, too: there editors look for it.

    :param words: references to definitions of mere words
    :param above: what is said about the whole that `node` is a part of
    :param part: which part
    """
    if isinstance(node, list):
        return [_told(each, words, above, part) for each in node]
    if not isinstance(node, dict):
        return node
    own = node.get("description")
    about = own if isinstance(own, str) else above
    found = {key: _told(value, words, *((about, key) if key in _SAME else ())) for key, value in node.items()}
    if above and own is None and _takes_what_is_said(node, words, part):
        found["description"] = above
    return found


def _takes_what_is_said(node: Mapping[str, Any], words: AbstractSet[str], part: str) -> bool:
    """Whether `node` would else be shown without a word, or with a word too general."""
    if "enum" in node or "const" in node:
        return True
    if "$ref" in node:
        return part == "anyOf" or node["$ref"] in words
    # Of two plain values with equal descriptions editors would show both.
    return part != "anyOf"


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
