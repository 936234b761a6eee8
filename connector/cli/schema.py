"""What `schema` writes and prints."""

from __future__ import annotations

from pathlib import Path

from connector.cli.say import Console, writing_files
from connector.engine.schema import files, schema_of


def show_schema(console: Console, name: str) -> None:
    """One schema, as JSON."""
    console.data(schema_of(name))


def write_schemas(console: Console, folder: Path) -> None:
    """All schemas into a folder; what stands there under their names is renewed."""
    for name, content in files():
        with writing_files():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content, encoding="utf-8")
        console.out(console.say("written: {file}", "作成: {file}", file=folder / name))
    console.out(
        console.say(
            "next: begin each file with a line such as  # yaml-language-server: $schema={folder}/config.schema.json",
            "次: 各ファイルの先頭に書く行の例  # yaml-language-server: $schema={folder}/config.schema.json",
            folder=folder,
        )
    )
