"""The shipped configurations: the same files that stand at the top of the project."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from connector.errors import Text, text

_HERE = Path(__file__).parent
_MAPPINGS = re.compile(r"^mappings: .*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Template:
    """A configuration for some systems: what they are, `config.yaml`, and the folders of its mappings."""

    systems: Text
    config: Path
    folders: Sequence[Path]

    def text(self) -> str:
        """`config.yaml`, for mappings that stand in `mappings/` beside it."""
        return _MAPPINGS.sub("", self.config.read_text(encoding="utf-8"))

    def mappings(self) -> Iterator[tuple[str, Path]]:
        """Names in that folder and the files they are copied from; what two folders have is told apart by theirs."""
        files = [each for folder in self.folders for each in sorted(folder.glob("*.yaml"))]
        names = [file.name for file in files]
        for file in files:
            twice = names.count(file.name) > 1
            topic, _, rest = file.name.partition(".")
            yield f"{topic}-{file.parent.name}.{rest}" if twice else file.name, file


def _template(systems: Text, config: str, *folders: str) -> Template:
    return Template(systems, _HERE / config, [_HERE / "mappings" / folder for folder in ("common", *folders)])


TEMPLATES: Mapping[str, Template] = {
    "shanon+salesforce": _template(
        text("SHANON and Salesforce", "SHANON と Salesforce"), "config.example.yaml", "salesforce"
    ),
    "shanon+kintone": _template(
        text("SHANON and kintone", "SHANON と kintone"), "config.kintone.example.yaml", "kintone"
    ),
    "shanon+esales": _template(
        text("SHANON and e-Sales Manager Remix", "SHANON と eセールスマネージャーRemix"),
        "config.esales.example.yaml", "esales",
    ),
    "all": _template(
        text("SHANON and all three of them", "SHANON と上記3つすべて"),
        "config.all.example.yaml", "salesforce", "kintone", "esales",
    ),
    "csv": Template(
        text("CSV files on both sides", "両側とも CSV ファイル"),
        _HERE / "csv" / "config.yaml", [_HERE / "csv" / "mappings"],
    ),
}  # fmt: skip
"""What `connector init --systems` can write."""
