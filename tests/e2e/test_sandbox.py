"""`connector sandbox` as a user starts it: real clients sign in, and SIGTERM ends it."""

from __future__ import annotations

import hashlib
import hmac
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
import requests

PORTS = 5


def free_ports() -> int:
    """The first of so many consecutive ports that nobody uses."""
    while True:
        with ExitStack() as stack:
            sockets = [stack.enter_context(socket.socket()) for _ in range(PORTS)]
            sockets[0].bind(("127.0.0.1", 0))
            port = int(sockets[0].getsockname()[1])
            try:
                for place, each in enumerate(sockets[1:], 1):
                    each.bind(("127.0.0.1", port + place))
            except OSError:
                continue
            return port


@contextmanager
def sandbox(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    command = [sys.executable, "-m", "connector", "sandbox", "--json", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, cast("dict[str, Any]", json.loads(process.stdout.readline()))
        finally:
            process.kill()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def sign_in_to_shanon(found: dict[str, Any]) -> requests.Response:
    asked = {"api_key": found["api_key"], "password": found["password"]}
    said = "".join(key + value for key, value in sorted(asked.items()))
    asked["api_sig"] = hmac.new(found["secret"].encode(), said.encode(), hashlib.sha1).hexdigest()
    return requests.get(f"{found['url']}/services/rest/authentication", params=asked, timeout=10)


def use_kintone(found: dict[str, Any]) -> None:
    assert urlsplit(found["url"]).hostname == "localhost"
    assert list(found["apps"]) == ["people", "deals", "alerts", "touchpoints"]
    for app in found["apps"].values():
        assert set(app) == {"id", "token", "key"}
        wish = {"updateKey": {"field": app["key"], "value": "sandbox-test"}, "record": {}}
        body = {"app": app["id"], "upsert": True, "records": [wish]}
        headers = {"X-Cybozu-API-Token": app["token"]}
        for operation in ("INSERT", "UPDATE"):
            done = requests.put(f"{found['url']}/k/v1/records.json", json=body, headers=headers, timeout=10)
            assert done.json()["records"][0]["operation"] == operation


def use_esales(remix: dict[str, str], esm: dict[str, str]) -> None:
    assert (set(remix), set(esm)) == ({"url", "token"}, {"url", "tenant", "token"})
    search: Any = {"searchCondition": {"targetObjectName": "person", "items": []}, "columnCodes": [928, 903]}
    headers = {"X-Auth-API-Token": remix["token"]}
    hits = requests.post(f"{remix['url']}/rest/v1/entities/search", json=search, headers=headers, timeout=10).json()
    assert hits["hits"] > 40
    headers = {"Authorization": f"Bearer {esm['token']}", "X-ESM-TIMEZONE": "Asia/Tokyo"}
    base = f"{esm['url']}/esm-api/{esm['tenant']}/pub/esms/v1"
    card = requests.get(f"{base}/sheet/businesscard/1", headers=headers, timeout=10)
    assert "business_cards.business_card" in card.text


def test_real_clients_can_sign_in_and_sigterm_ends_it() -> None:
    port = free_ports()
    with sandbox("--port-base", str(port)) as (process, found):
        assert {name: set(keys) for name, keys in found.items()} == {
            "salesforce": {
                *("url", "client_id", "client_secret", "username", "password"),
                *("access_token", "api_version", "external_id"),
            },
            "shanon": {"url", "api_key", "password", "secret"},
            "kintone": {"url", "apps"},
            "esm": {"remix", "esm"},
        }
        kintone, remix, esm = found["kintone"], found["esm"]["remix"], found["esm"]["esm"]
        served = [found["salesforce"], found["shanon"], kintone, remix, esm]
        assert [urlsplit(system["url"]).port for system in served] == list(range(port, port + PORTS))
        salesforce = found["salesforce"]
        base = f"{salesforce['url']}/services/data/v{salesforce['api_version']}"
        login = {
            "grant_type": "password",
            **{name: salesforce[name] for name in ("client_id", "client_secret", "username", "password")},
        }
        given = requests.post(f"{salesforce['url']}/services/oauth2/token", data=login, timeout=10).json()
        for token in (given["access_token"], salesforce["access_token"]):
            query = {"q": "SELECT COUNT() FROM Contact"}
            counted = requests.get(
                f"{base}/query", params=query, headers={"Authorization": f"Bearer {token}"}, timeout=10
            )
            assert counted.json()["totalSize"] > 500
        described = requests.get(
            f"{base}/sobjects/Lead/describe", headers={"Authorization": f"Bearer {token}"}, timeout=10
        )
        key = next(each for each in described.json()["fields"] if each["name"] == salesforce["external_id"])
        assert (key["externalId"], key["unique"]) == (True, True)
        assert "<Token>" in sign_in_to_shanon(found["shanon"]).text

        use_kintone(kintone)
        use_esales(remix, esm)

        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    assert [each for each in range(port, port + PORTS) if answers(each)] == []


def test_a_configuration_that_fits_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "私の設定, {1} #2"
    with sandbox("--into", str(folder)):
        command = [sys.executable, "-m", "connector", "check", "--json"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
        again = subprocess.run(
            [sys.executable, "-m", "connector", "--lang", "en", "sandbox", "--into", str(folder)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    errors = {
        each["system"]: [f["what"] for f in each["findings"] if f["severity"] == "error"]
        for each in json.loads(done.stdout)
    }
    assert {name: len(found) for name, found in errors.items()} == {
        "shanon": 0,
        "salesforce": 0,
        "kintone": 0,
        "esales": 1,
    }
    assert "probe" in errors["esales"][0]
    assert "already there" in again.stderr
    assert (folder / "secrets").stat().st_mode & 0o077 == 0


def test_a_taken_port_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "connector", "--lang", "en", "sandbox", "--port-base", port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 1
    assert f"port {port} cannot be used → choose another --port-base, or 0" in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [("late,lokc", "unknown word 'lokc' → did you mean 'lock'?"), ("tornado", "possible keys: busy, cut, expired")],
)
def test_an_unknown_kind_of_chaos_is_told(words: str, told: str) -> None:
    command = [sys.executable, "-m", "connector", "--lang", "en", "sandbox", "--chaos", words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 1
    assert told in done.stderr


def test_chaos_strikes_now_and_then() -> None:
    with sandbox("--chaos", "busy,slow,cut") as (_, found):
        url = f"{found['salesforce']['url']}/services/data"
        seen: set[object] = set()
        for _ in range(400):
            try:
                seen.add(requests.get(url, timeout=10).status_code)
            except requests.ConnectionError:
                seen.add("cut")
            if seen == {200, 503, "cut"}:
                break

    assert seen == {200, 503, "cut"}
