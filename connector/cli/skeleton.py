"""`connector init`: a commented skeleton that lints clean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from connector.errors import ConnectorError, text
from connector.templates import TEMPLATES


def write(folder: Path, systems: str) -> Sequence[Path]:
    """Copy the skeleton for `systems` into `folder`; the files written.

    :raises ConnectorError: when one of them is there already; nothing is written then
    """
    template = TEMPLATES[systems]
    files = {folder / "config.yaml": template.text().encode()}
    files |= {folder / "mappings" / name: source.read_bytes() for name, source in template.mappings()}
    there = [str(target) for target in files if target.exists()]
    if there:
        raise ConnectorError(
            text("already there: {files}", "すでに存在します: {files}", files=", ".join(there)),
            fix=text("name another folder", "別のフォルダーを指定してください"),
        )
    for target, content in files.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return list(files)
