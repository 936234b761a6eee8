"""The shipped configurations: the same files that stand at the top of the project."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent
_MAPPINGS = re.compile(r"^mappings: .*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Template:
    """A configuration for some systems: `config.yaml`, and the folders of its mappings."""

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


def _template(config: str, *folders: str) -> Template:
    return Template(_HERE / config, [_HERE / "mappings" / folder for folder in ("common", *folders)])


TEMPLATES: Mapping[str, Template] = {
    "shanon+salesforce": _template("config.example.yaml", "salesforce"),
    "shanon+kintone": _template("config.kintone.example.yaml", "kintone"),
    "shanon+esales": _template("config.esales.example.yaml", "esales"),
    "all": _template("config.all.example.yaml", "salesforce", "kintone", "esales"),
    "csv": Template(_HERE / "csv" / "config.yaml", [_HERE / "csv" / "mappings"]),
}
"""What `connector init --systems` can write."""
