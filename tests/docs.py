"""Writes those parts of the documentation that follow from the code, between marks; `--check` names what is stale.

    python tests/docs.py           write
    python tests/docs.py --check   say what is stale, exit 1

Marks, each up to its `<!-- /... -->`:

* `<!-- options -->` in docs/adapters/TYPE.md: the options of that type of system
* `<!-- options:MODULE:CLASS -->`: the keys of a block of configuration
* `<!-- commands -->`: every command with its arguments and options
* `<!-- errors -->`: the error tree
* `<!-- metrics -->`: what is measured
* `<!-- events -->`: what is logged
"""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from zoneinfo import ZoneInfo

import typer.main
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from connector import errors
from connector.adapters import BUILT_IN, adapter_class
from connector.cli import cli
from connector.config import Config
from connector.engine.log import EVENTS
from connector.engine.metrics import HISTOGRAMS, MEANINGS, RUN_SECONDS
from connector.model import Kind, Ref
from connector.rules.calendar import BusinessDays, Days, FiscalYears
from connector.rules.nurture import ListBy
from connector.rules.score import ScoreRule
from connector.rules.when import When
from connector.spec import Hours, Secret, Spec, share, spelt

ROOT = Path(__file__).resolve().parent.parent
_MARKED = re.compile(
    r"(<!-- (options(?::[\w.]+:\w+)?|commands|errors|metrics|events) -->\n).*?"
    r"(<!-- /(?:options|commands|errors|metrics|events) -->)",
    re.DOTALL,
)

SPELT: Mapping[tuple[type[Spec], str], str] = {(ListBy, "lists"): "VALUE", (When, "score"): "score.NAME"}
"""Keys that are written in another way than they are called (`Spec.arrange`)."""

TAKEN: Mapping[tuple[type[Spec], str], str] = {
    (Config, "systems"): "block by name",
    (ListBy, "lists"): "text",
    (ScoreRule, "label"): "text or block",
    (When, "score"): "block",
}
"""What a key takes, where its type tells less than its validator does."""

Links = Mapping[type, str]
"""Blocks that have a table of their own on a page, and the heading above it."""


# --- what a value looks like in YAML ----------------------------------------------------------------------------------


def in_words(annotation: Any, links: Links, metadata: Iterable[Any] = ()) -> str:
    """A type in words of YAML."""
    if any(getattr(each, "func", None) is share for each in metadata):
        return "share, as `20%`"
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return in_words(args[0], links, args[1:])
    if origin is Literal:
        return ", ".join(f"`{each}`" for each in args)
    if origin in (Union, types.UnionType):
        if {str, int, bool} <= {*args}:
            return "text, number, `true` or `false`"
        return " or ".join(dict.fromkeys(in_words(each, links) for each in args if each is not type(None)))
    if origin in (tuple, list):
        return _list(in_words(args[0], links))
    if origin in (dict, Mapping):
        inner = in_words(args[1], links).removesuffix(", by name")
        return f"{inner}{' by name' if inner == 'block' else ', by name'}"
    return _plain(annotation, links)


def _list(inner: str) -> str:
    if inner == "block":
        return "list of blocks"
    one_block = re.fullmatch(r"\[[^\]]*\]\([^)]*\)", inner) is not None
    return f"list of {inner}" if one_block else f"{inner}; one or a list"


def _plain(kind: Any, links: Links) -> str:
    names = {
        str: "text",
        int: "whole number",
        float: "number",
        bool: "`true`, `false`",
        timedelta: "duration, as `30d`",
        datetime: "time, as `2026-11-20T10:00`",
        Ref: "record, as `system/object/id`",
        ZoneInfo: "time zone",
        Hours: 'part of the day, as `"20:00-08:00"`',
        Days: "day or span, as `2026-12-29..2027-01-03`, or every year, as `12-29..01-03`",
        BusinessDays: "business days, as `10bd`",
        FiscalYears: "fiscal years, as `1fy`",
        Secret: "`{env: NAME}` or `{file: PATH}`",
        Any: "block",
    }
    if kind in names:
        return names[kind]
    if kind is Kind:
        return "kind of touchpoint"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return ", ".join(f"`{each.value}`" for each in kind)
    if kind in links:
        return f"[{links[kind].lower()}](#{slug(links[kind])})"
    return "block"


def _limits(metadata: Iterable[Any]) -> str:
    said = []
    for each in metadata:
        for name, words in (("ge", "at least"), ("gt", "more than"), ("le", "at most"), ("lt", "less than")):
            limit = getattr(each, name, None)
            if limit is not None and limit not in (0, timedelta(0)):
                said.append(f"{words} {_value(limit)}")
    return "".join(f", {each}" for each in said)


def default_of(field: FieldInfo) -> str:
    """What holds when a key is left out, as it would be written."""
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True) if field.default_factory is None else field.default_factory()  # type: ignore[call-arg]
    if any(getattr(each, "func", None) is share for each in field.metadata):
        return f"`{value:.0%}`"
    shown = _value(value)
    return f"`{shown}`" if shown else ""


def _value(value: Any) -> str:
    if value is None or value == "" or value is PydanticUndefined or isinstance(value, Spec):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timedelta):
        return spelt(value)
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, tuple | list):
        return f"[{', '.join(_value(each) for each in value)}]" if value else ""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_value(each)}' for key, each in value.items())}}}" if value else ""
    return str(value.value if isinstance(value, Enum) else value)


# --- tables -----------------------------------------------------------------------------------------------------------


def rows_of(cls: type[Spec], links: Links, prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    """Key, type, default, meaning of everything in a block; blocks within it follow, under dotted keys."""
    for name, field in cls.model_fields.items():
        if name == "type" and get_origin(field.annotation) is Literal:
            continue  # told by the page
        key = prefix + SPELT.get((cls, name), field.alias or name)
        kind = TAKEN.get((cls, name)) or in_words(field.annotation, links, field.metadata)
        inner = _inner(field.annotation)
        yield key, kind + _limits(field.metadata), default_of(field), _line(field.description or "")
        if inner is not None and inner is not Secret and inner not in links:
            yield from rows_of(inner, links, f"{key}{'.' if (cls, name) in SPELT else _step(field.annotation)}")


def _inner(annotation: Any) -> type[Spec] | None:
    """The block that a value is, or holds."""
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        return annotation
    if get_origin(annotation) in (Literal, types.NoneType):
        return None
    return next((found for each in get_args(annotation) if (found := _inner(each)) is not None), None)


def _step(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _step(get_args(annotation)[0])
    return "[]." if origin in (tuple, list) else ".NAME." if origin in (dict, Mapping) else "."


def options(cls: type[Spec], links: Links) -> str:
    """The table of a block's keys."""
    return table(("key", "value", "default", "meaning"), [(f"`{k}`", *r) for k, *r in rows_of(cls, links)])


def table(head: tuple[str, ...], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def _line(content: str) -> str:
    return " ".join(content.split())


# --- commands and errors ----------------------------------------------------------------------------------------------


def commands() -> str:
    """Every command with what it takes."""
    group: Any = typer.main.get_command(cli)
    parts = [f"Options of every command, to be written before its name:\n\n{_parameters(group)}"]
    for name, command in all_commands(group):
        words = ["connector", name, *(_argument(p) for p in command.params if _is_argument(p)), "[OPTIONS]"]
        parts.append(f"### {name}\n\n{command.help}\n\n```\n{' '.join(words)}\n```\n\n{_parameters(command)}")
    return "\n".join(parts)


def all_commands(group: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Commands by what is typed, those of groups too."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from all_commands(command, f"{above}{name} ")
        else:
            yield f"{above}{name}", command


def _is_argument(parameter: Any) -> bool:
    return not parameter.opts[0].startswith("-")


def _argument(parameter: Any) -> str:
    shown = parameter.name.upper()
    return shown if parameter.required else f"[{shown}]"


def _parameters(command: Any) -> str:
    rows = []
    for each in command.params:
        if each.hidden or each.name.endswith("_completion"):
            continue
        flag = getattr(each, "is_flag", False)
        if _is_argument(each):
            name = f"`{_argument(each)}`"
        else:
            value = "" if flag else f" {each.metavar or each.name.upper()}"
            name = ", ".join(f"`{word}{value}`" for word in (*each.opts, *each.secondary_opts))
        shown = "" if each.default in (None, False, "") else str(each.default)
        if flag and shown:
            shown = each.opts[0]
        default = f"`{shown}`" if shown else ""
        rows.append((name, default, f"`{each.envvar}`" if each.envvar else "", _line(each.help or "")))
    return table(("option", "default", "from the environment", "meaning"), rows)


def error_tree() -> str:
    """The tree in the docstring of `connector.errors`."""
    lines = (errors.__doc__ or "").splitlines()
    return "```\n" + "\n".join(line for line in lines if line.lstrip()[:1] in ("*", "·")) + "\n```\n"


def metrics() -> str:
    """Every metric with its labels."""
    rows = [
        (f"`{name}`", ", ".join(f"`{label}`" for label in labels), said) for name, (_, labels, said) in MEANINGS.items()
    ]
    rows += [
        (f"`{name}_bucket`, `{name}_count`, `{name}_sum`", "`system`", said) for name, (*_, said) in HISTOGRAMS.items()
    ]
    name, said = RUN_SECONDS
    rows.append((f"`{name}_count`, `{name}_sum`", "", said))
    return table(("metric", "labels", "meaning"), rows)


def events() -> str:
    """Every event of the log."""
    return table(("event", "meaning"), [(f"`{name}`", said) for name, said in EVENTS.items()])


# --- pages ------------------------------------------------------------------------------------------------------------


def slug(heading: str) -> str:
    """The anchor that a heading gets."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def pages() -> list[Path]:
    """Every page that may hold marks."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def renewed(path: Path, content: str) -> str:
    """The page with its marked parts as they should be."""
    makers: dict[str, Callable[[], str]] = {
        "commands": commands, "errors": error_tree, "metrics": metrics, "events": events,
    }  # fmt: skip
    links: dict[type, str] = {}
    heading = ""
    for line in content.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("#").strip()
        elif marked := re.fullmatch(r"<!-- options:([\w.]+):(\w+) -->", line):
            links.setdefault(getattr(import_module(marked[1]), marked[2]), heading)
    for cls in links:
        makers[f"options:{cls.__module__}:{cls.__name__}"] = partial(options, cls, links)
    if path.parent == ROOT / "docs" / "adapters" and path.stem in BUILT_IN:
        makers["options"] = lambda: options(adapter_class(path.stem).Config, links)
    return _MARKED.sub(lambda found: f"{found[1]}\n{makers[found[2]]()}\n{found[3]}", content)


def missing() -> list[str]:
    """Adapters that have no page, or a page without a table of options."""
    found = []
    for kind in sorted(BUILT_IN):
        page = ROOT / "docs" / "adapters" / f"{kind}.md"
        if not page.is_file():
            found.append(f"docs/adapters/{kind}.md does not exist")
        elif "<!-- options -->\n" not in page.read_text(encoding="utf-8"):
            found.append(f"docs/adapters/{kind}.md has no <!-- options -->")
    return found


def stale() -> list[tuple[Path, str]]:
    """Pages that differ from what they should be, with what they should be."""
    found = []
    for path in pages():
        content = path.read_text(encoding="utf-8")
        if content != (right := renewed(path, content)):
            found.append((path, right))
    return found


def main(arguments: list[str]) -> int:
    """Write, or check."""
    lacking = missing()
    old = stale()
    check = "--check" in arguments
    for path, right in old:
        if not check:
            path.write_text(right, encoding="utf-8")
        print(f"{path.relative_to(ROOT)}: {'stale; run python tests/docs.py' if check else 'written'}")
    for what in lacking:
        print(what)
    return 1 if lacking or (check and old) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
