"""`connector init`: a commented skeleton that lints clean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from connector import templates
from connector.errors import ConnectorError, text

SETS = {
    "shanon+salesforce": (templates.CONFIG, templates.MAPPINGS),
    "csv": (templates.CSV / "config.yaml", templates.CSV / "mappings"),
}
"""What `init` can write: a configuration and the folder of its mappings."""


def write(folder: Path, systems: str) -> Sequence[Path]:
    """Copy the skeleton for `systems` into `folder`; the files written.

    :raises ConnectorError: when one of them is there already; nothing is written then
    """
    files = dict(_files(folder, *SETS[systems]))
    there = [str(target) for target in files if target.exists()]
    if there:
        raise ConnectorError(
            text("already there: {files}", "すでに存在します: {files}", files=", ".join(there)),
            fix=text("name another folder", "別のフォルダーを指定してください"),
        )
    for target, source in files.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    return list(files)


def _files(folder: Path, config: Path, mappings: Path) -> Iterator[tuple[Path, Path]]:
    yield folder / "config.yaml", config
    for source in sorted(mappings.glob("*.yaml")):
        yield folder / "mappings" / source.name, source
