"""Files that others on this machine can read or change, and should not."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from connector.config import Setup
from connector.errors import Problem, Text, text
from connector.spec import Mark, secrets_in


def exposed(setup: Setup, config: Path, *, here: bool) -> list[Problem]:
    """Warnings about the modes of files: secrets that everybody can read, a configuration that everybody can change.

    `here`: this is the machine that the connector works on, where nobody else need read the configuration either; a
    checkout is read by whoever may read the repository.
    """
    options = [options for _, options in setup.systems.values()]
    secrets = {each.path: each.mark for each in secrets_in([setup.config, *options]) if each.file is not None}
    return sorted([*_of_secrets(secrets), *_of_configuration(config, here=here)])


def _of_secrets(secrets: dict[Path, Mark]) -> Iterator[Problem]:
    for path, mark in secrets.items():
        mode = _mode(path)
        if mode & stat.S_IRWXO:
            what = text(
                "secret file {name} is open to everybody (mode {mode:04o})",
                "秘密情報ファイル {name} が全員に開かれています（モード {mode:04o}）",
                name=path,
                mode=mode,
            )
            yield mark.problem(what, _close(path), "warning")


def _of_configuration(config: Path, *, here: bool) -> Iterator[Problem]:
    mode = _mode(config)
    if mode & stat.S_IWOTH:
        what = text("everybody can change this file", "このファイルは全員が変更できます")
    elif here and mode & stat.S_IROTH:
        what = text("everybody can read this file", "このファイルは全員が閲覧できます")
    else:
        return
    yield Mark(str(config), 0, 0).problem(what, _close(config), "warning")


def _mode(path: Path) -> int:
    """The bits that say who may do what; none for a file that is not there, which others tell about."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0


def _close(name: object) -> Text:
    return text(
        "let it belong to the user that runs the connector, and chmod o-rwx {name}",
        "実行ユーザーの所有にして chmod o-rwx {name} を実行してください",
        name=name,
    )
