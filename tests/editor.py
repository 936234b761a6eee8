"""An editor, as far as `yaml-language-server` makes it one: the server within VS Code's YAML extension."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import node

PACKAGE = "yaml-language-server"
HERE = "‸"
"""Where the cursor stands in a text."""

_SETTINGS = {"schemaStore": {"enable": False}, "validate": True, "hover": True, "completion": True}


@dataclass(frozen=True, slots=True)
class Underlined:
    """What an editor finds wrong, and the line it is in, counted from 1."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Offer:
    """One choice of a completion: what would be inserted, and what is said about it."""

    label: str
    inserts: str
    about: str


class Editor:
    """Opens texts as if they stood in a file, and asks what the editor would show."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._asked = 0
        self._shown: dict[Path, int] = {}
        self._told: dict[str, list[Underlined]] = {}
        self._request(
            "initialize",
            processId=None,
            rootUri=None,
            capabilities={
                "workspace": {"configuration": True, "didChangeConfiguration": {"dynamicRegistration": True}},
                "textDocument": {
                    "completion": {"completionItem": {"documentationFormat": ["markdown"], "snippetSupport": True}}
                },
            },
        )
        self._notify("initialized")

    def underlined(self, file: Path, content: str) -> list[Underlined]:
        """What is wrong with a file of that content, from its top."""
        uri = self._show(file, content)
        while uri not in self._told:
            self._handle(self._read())
        return sorted(self._told[uri], key=lambda each: each.line)

    def offers(self, file: Path, content: str) -> dict[str, Offer]:
        """What may be typed at `HERE`, by its label."""
        found = self._at("completion", file, content)
        items = found["items"] if isinstance(found, dict) else found
        return {
            item["label"]: Offer(
                item["label"],
                item.get("textEdit", {}).get("newText") or item.get("insertText", ""),
                _text(item.get("documentation", "")),
            )
            for item in items or []
        }

    def hover(self, file: Path, content: str) -> str:
        """What is shown about the word at `HERE`."""
        found = self._at("hover", file, content)
        return _text(found["contents"]) if found else ""

    def _at(self, ask: str, file: Path, content: str) -> Any:
        before, here, after = content.partition(HERE)
        assert here, "the text says nowhere where the cursor stands"
        uri = self._show(file, before + after)
        position = {"line": before.count("\n"), "character": len(before) - before.rfind("\n") - 1}
        return self._request(f"textDocument/{ask}", textDocument={"uri": uri}, position=position)

    def _show(self, file: Path, content: str) -> str:
        """Open it; a text that was typed over, as a file beside it: what is told of the old one may come late."""
        shown = self._shown[file] = self._shown.get(file, 0) + 1
        uri = (file if shown == 1 else file.with_name(f"{shown}-{file.name}")).as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": content}
        self._notify("textDocument/didOpen", textDocument=document)
        return uri

    def _request(self, method: str, **params: Any) -> Any:
        self._asked += 1
        asked = self._asked
        self._send({"id": asked, "method": method, "params": params})
        while True:
            message = self._read()
            if message.get("id") == asked and "method" not in message:
                assert "error" not in message, message["error"]
                return message["result"]
            self._handle(message)

    def _notify(self, method: str, **params: Any) -> None:
        self._send({"method": method, "params": params})

    def _handle(self, message: Mapping[str, Any]) -> None:
        """Answer what the server asks, and keep what it tells."""
        if message.get("method") == "textDocument/publishDiagnostics":
            params = message["params"]
            self._told[params["uri"]] = [
                Underlined(each["range"]["start"]["line"] + 1, each["message"]) for each in params["diagnostics"]
            ]
        elif message.get("method") == "workspace/configuration":
            asked = message["params"]["items"]
            self._answer(message, [_SETTINGS if item["section"] == "yaml" else {} for item in asked])
        elif "id" in message:
            self._answer(message, None)

    def _answer(self, message: Mapping[str, Any], result: Any) -> None:
        self._send({"id": message["id"], "result": result})

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        out = self._process.stdout
        assert out is not None
        length = 0
        while (line := out.readline()) != b"\r\n":
            assert line, "the language server has ended"
            name, _, value = line.decode("ascii").partition(":")
            if name.lower() == "content-length":
                length = int(value)
        message = json.loads(out.read(length))
        assert isinstance(message, dict)
        return message


@contextmanager
def editor() -> Iterator[Editor]:
    """An editor for as long as it is needed; it fails who lets it reach for the network."""
    with socket.create_server(("127.0.0.1", 0)) as network:
        # All that a server would fetch goes by way of a proxy, which is watched.
        proxy = f"http://127.0.0.1:{network.getsockname()[1]}"
        command = node.command(PACKAGE, "--stdio")
        env = node.environment(HTTP_PROXY=proxy, HTTPS_PROXY=proxy, http_proxy=proxy, https_proxy=proxy)
        with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            try:
                yield Editor(process)
            finally:
                process.kill()
        network.setblocking(False)
        try:
            network.accept()
        except BlockingIOError:
            return
        raise AssertionError("the language server reached for the network")


def _text(documentation: Any) -> str:
    return str(documentation["value"] if isinstance(documentation, dict) else documentation)
