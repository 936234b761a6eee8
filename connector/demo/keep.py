"""`connector sandbox`: emulated systems stay up on 127.0.0.1 until somebody ends them, with faults when wished.

Words of `--chaos`, each of which strikes a request, or a row, now and then:

* `late`     what is written is stamped now and seen by readers a little later
* `lock`     rows answer UNABLE_TO_LOCK_ROW (Salesforce)
* `quota`    calls are refused as too many
* `reset`    the work is done, but the connection is cut before the answer
* `cut`      the connection is cut before anything was done
* `expired`  the token is dead
* `slow`     the answer takes a second longer
* `partial`  single rows are refused
* `busy`     503
* `html`     a sign-in page instead of an answer
* `half`     half of the answer arrives
* `pages`    fewer records in a page than asked for
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any

from connector.demo.console import Console
from connector.demo.world import pointed_at
from connector.errors import ConnectorError, Text, text
from connector.sandbox.chaos import Chaos
from connector.sandbox.clock import Clock
from connector.sandbox.salesforce import SalesforceEmulator
from connector.sandbox.seed import seed as fill
from connector.sandbox.server import Handler, Server
from connector.sandbox.shanon import ShanonEmulator
from connector.spec import unknown_key
from connector.templates import TEMPLATES

CHAOS: Mapping[str, tuple[str, float]] = {
    "late": ("late_commit", 0.05),
    "lock": ("row_lock", 0.05),
    "quota": ("quota", 0.01),
    "reset": ("reset_after", 0.02),
    "cut": ("reset_before", 0.02),
    "expired": ("expired", 0.01),
    "slow": ("delay", 0.05),
    "partial": ("row_fail", 0.03),
    "busy": ("status", 0.03),
    "html": ("html", 0.01),
    "half": ("truncate", 0.01),
    "pages": ("small_pages", 0.2),
}
"""What each word orders, and how often it strikes."""

API_VERSION = "62.0"
EXTERNAL_ID = "MA_Person_Id__c"


def keep_sandbox(seed: int, port_base: int, chaos: str, console: Console) -> int:
    """Fill both systems, serve them, say how to reach them, and wait for SIGTERM or Ctrl-C.

    :raises ConnectorError: an unknown word in `chaos`; a port that is taken
    """
    rates = rates_of(chaos)
    clock = Clock()
    org, smp = SalesforceEmulator(clock=clock), ShanonEmulator(clock=clock)
    with ended_by_signal() as ended, ExitStack() as servers:
        fill(org, smp, clock(), seed)
        salesforce = servers.enter_context(listening(org.handle, org.chaos, port_base))
        shanon = servers.enter_context(listening(smp.handle, smp.chaos, port_base and port_base + 1))
        for kind, rate in rates.items():
            org.chaos.rate(kind, rate)
            smp.chaos.rate(kind, rate)
        _announce(console, connections(org, smp, salesforce.url, shanon.url))
        ended.wait()
    return 0


def rates_of(chaos: str) -> dict[str, float]:
    """The faults that a list of words orders, and how often each strikes.

    :raises ConnectorError: a word is not known
    """
    words = [word for part in chaos.split(",") if (word := part.strip())]
    for word in words:
        if word not in CHAOS:
            what = text("unknown word {word!r}", "不明な語 {word!r}", word=word)
            raise ConnectorError(what, where="--chaos", fix=unknown_key(word, CHAOS)[1])
    return dict(CHAOS[word] for word in words)


@contextmanager
def ended_by_signal() -> Iterator[threading.Event]:
    """An event that SIGTERM and Ctrl-C set while inside."""
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def listening(handler: Handler, chaos: Chaos, port: int) -> Iterator[Server]:
    """A server on this port of 127.0.0.1 (0: any free one).

    :raises ConnectorError: the port is taken
    """
    try:
        server = Server(handler, port=port, chaos=chaos)
    except (OSError, SystemExit) as error:  # werkzeug leaves the program when the port is taken
        raise ConnectorError(
            text("port {port} cannot be used", "ポート {port} を使用できません", port=port),
            fix=text("choose another --port-base, or 0", "別の --port-base か 0 を指定してください"),
        ) from error
    with server:
        yield server


def connections(
    org: SalesforceEmulator, smp: ShanonEmulator, salesforce_url: str, shanon_url: str
) -> dict[str, dict[str, Any]]:
    """How to reach both systems. The password of Salesforce has the security token at its end, as a login wants it."""
    return {
        "salesforce": {
            "url": salesforce_url,
            "client_id": org.client_id,
            "client_secret": org.client_secret,
            "username": org.username,
            "password": org.password + org.security_token,
            "access_token": org.access_token,
            "api_version": API_VERSION,
            "external_id": EXTERNAL_ID,
        },
        "shanon": {"url": shanon_url, "api_key": smp.api_key, "password": smp.password, "secret": smp.secret},
    }


def _announce(console: Console, found: Mapping[str, Mapping[str, Any]]) -> None:
    if console.json:
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()
        return

    def say(said: Text) -> None:
        console.out(said.in_(console.language))

    salesforce, shanon = found["salesforce"], found["shanon"]
    say(text("Both systems answer until Ctrl-C.", "擬似システムが稼働中です（Ctrl-C で終了）。"))
    for name, system in found.items():
        console.out(name)
        for key, value in system.items():
            console.out(f"  {key:<14}{value}")
    say(text("To use them, in another terminal:", "別の端末で次のように使えます:"))
    console.out(f"export SHANON_API_KEY={shanon['api_key']} SHANON_PASSWORD={shanon['password']}")
    console.out(f"export SHANON_SECRET={shanon['secret']}")
    console.out(f"export SF_CLIENT_ID={salesforce['client_id']} SF_CLIENT_SECRET={salesforce['client_secret']}")
    say(
        text(
            "# config.yaml; its mappings are those that `connector init` writes",
            "# config.yaml（mappings は `connector init` が作成するもの）",
        )
    )
    console.out(pointed_at(TEMPLATES["shanon+salesforce"].text(), salesforce["url"], shanon["url"]))
