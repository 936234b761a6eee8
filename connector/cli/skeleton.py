"""`connector init`: a commented skeleton that lints clean, and the schemas that editors complete it by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from connector.cli.say import Console, writing_files
from connector.engine.schema import FOLDER, headed, schema_for
from connector.engine.schema import files as schemas
from connector.errors import ConnectorError, text
from connector.templates import TEMPLATES


def asked(console: Console) -> str:
    """Which systems somebody at the terminal has; what stands first when they just press Enter."""
    names = list(TEMPLATES)
    console.out(console.say("which systems do you have?", "どの製品をつなぎますか?"))
    for number, template in enumerate(TEMPLATES.values(), 1):
        console.out(f"  {number}  {template.systems.in_(console.language)}")
    while (said := input("[1] ").strip()) not in ("", *names):
        if said.isascii() and said.isdigit() and 0 < int(said) <= len(names):
            return names[int(said) - 1]
        console.out(console.say("a number from 1 to {n}", "1から{n}までの番号を入力してください", n=len(names)))
    return said or names[0]


def write(folder: Path, systems: str) -> Sequence[Path]:
    """Copy the skeleton for `systems` into `folder`; the files written.

    :raises ConnectorError: when one of them is there already (nothing is written then), or cannot be written
    """
    template = TEMPLATES[systems]
    files = {folder / "config.yaml": headed(template.text(), "config", FOLDER)}
    for name, source in template.mappings():
        content = source.read_text(encoding="utf-8")
        files[folder / "mappings" / name] = headed(content, schema_for(name), f"../{FOLDER}")
    files |= {folder / FOLDER / name: content for name, content in schemas()}
    with writing_files():
        there = [str(target) for target in files if target.exists()]
    if there:
        raise ConnectorError(
            text("already there: {files}", "すでに存在します: {files}", files=", ".join(there)),
            fix=text("name another folder", "別のフォルダーを指定してください"),
        )
    with writing_files():
        for target, content in files.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
    return list(files)
