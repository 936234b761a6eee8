"""What commands say: to people in Japanese or English, to programs as JSON with stable English keys."""

from __future__ import annotations

import locale
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from rich.console import Console as Rich
from rich.table import Table
from rich.text import Text as Words

from connector.errors import ConfigError, ConnectorError, Language, Problem, Text, text


def language() -> Language:
    """The reader's language: `--lang`, then the locale."""
    chosen = os.environ.get("CONNECTOR_LANG") or os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES")
    chosen = chosen or os.environ.get("LANG") or locale.getlocale()[0] or ""
    return "ja" if chosen.lower().startswith("ja") else "en"


_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def harmless(words: str) -> str:
    """Text without characters that steer a terminal, or turn the direction of what is read: systems chose the words."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", words)


class Console:
    """Standard output for results, standard error for what goes wrong and for progress."""

    def __init__(self, *, json: bool = False) -> None:
        self.json = json
        self._out = Rich(highlight=False, soft_wrap=True, emoji=False)  # file.yaml:100:3 is no 💯
        if not self._out.is_terminal:
            self._out.width = 160  # a file or a pipe has no edge to fold at
        self._err = Rich(stderr=True, highlight=False, soft_wrap=True, emoji=False)

    @property
    def language(self) -> Language:
        """The reader's language."""
        return language()

    def say(self, en: str, ja: str, **params: Any) -> str:
        """A text in the reader's language."""
        return text(en, ja, **params).in_(self.language)

    def out(self, line: str = "") -> None:
        """One line of the result."""
        self._out.print(harmless(line), markup=False)

    def data(self, found: Any) -> None:
        """The result as JSON, in UTF-8 whatever the terminal speaks."""
        import orjson

        content = orjson.dumps(found, default=_plain, option=orjson.OPT_INDENT_2) + b"\n"
        sys.stdout.flush()
        if (raw := getattr(sys.stdout, "buffer", None)) is not None:
            raw.write(content)
        else:
            sys.stdout.write(content.decode())
        sys.stdout.flush()

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A table of results."""
        made = Table(title=Words(title) if title else None, title_justify="left", box=None, pad_edge=False)
        for column in columns:
            made.add_column(Words(column), overflow="fold")
        for row in rows:
            made.add_row(*(Words("" if cell is None else harmless(str(cell))) for cell in row))
        self._out.print(made)

    @contextmanager
    def working(self, what: Text) -> Iterator[Callable[[str], None]]:
        """Show that something goes on, where somebody watches; call what is given with each step."""
        if self.json or not self._err.is_terminal:
            yield lambda _step: None
            return
        shown = what.in_(self.language)
        with self._err.status(shown) as status:
            yield lambda step: status.update(Words(f"{shown}  {step}"))

    def error(self, error: ConnectorError) -> None:
        """What went wrong, on standard error."""
        self._err.print(harmless(error.in_(self.language)), style="red", markup=False)

    def failed(self, error: ConnectorError) -> None:
        """Why there is no result: on standard error, and as data where a program waits for some."""
        if isinstance(error, ConfigError):
            self.problems(error.problems)
        else:
            self.error(error)
        if self.json:
            self.data({"error": failure(error)})

    def aside(self, said: Text) -> None:
        """Something to know, on standard error."""
        self._err.print(harmless(said.in_(self.language)), markup=False)

    def problems(self, problems: Sequence[Problem]) -> None:
        """Problems of the configuration, one per line, on standard error."""
        words = {"error": ("error", "エラー"), "warning": ("warning", "警告")}
        for problem in problems:
            word = words[problem.severity][1 if self.language == "ja" else 0]
            self._err.print(harmless(f"{word}: {problem.in_(self.language)}"), markup=False)

    def written(self, files: Sequence[Path]) -> None:
        """Files that a command wrote, and what to do next."""
        for file in files:
            self.out(self.say("written: {file}", "作成: {file}", file=file))
        self.out(self.say("next: edit config.yaml, then `connector lint`", "次: config.yaml を編集し `connector lint`"))


@contextmanager
def writing_files() -> Iterator[None]:
    """What hinders the writing of a file is told as one of our errors.

    :raises ConnectorError: a file or folder cannot be written
    """
    try:
        yield
    except OSError as error:
        what = text(
            "{path} cannot be written: {why}", "{path} に書き込めません: {why}", path=error.filename, why=error.strerror
        )
        raise ConnectorError(what, fix=text("name another place", "別の場所を指定してください")) from None


def failure(error: ConnectorError) -> dict[str, Any]:
    """An error as data: what, where and what to do in both languages, and every problem of a configuration."""
    told = {"type": type(error).__name__, **_both("what", error.what), "where": error.where, **_both("fix", error.fix)}
    return told | ({"problems": list(map(problem_data, error.problems))} if isinstance(error, ConfigError) else {})


def problem_data(problem: Problem) -> dict[str, Any]:
    """A problem of the configuration as data."""
    place = {"file": problem.file, "line": problem.line, "column": problem.column, "severity": problem.severity}
    return place | _both("what", problem.what) | _both("fix", problem.fix)


def _both(name: str, said: Text | None) -> dict[str, str | None]:
    return {name: said.in_("en") if said else None, f"{name}_ja": said.in_("ja") if said else None}


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, frozenset | set):
        return sorted(value)
    if isinstance(value, Text):
        return str(value)
    return dict(value) if hasattr(value, "keys") else str(value)
