"""An administrator's first evening at a terminal, from an empty folder to "why": real processes, over HTTP.

The company is small, so that every line that is shown can be read: four people in the MA, two of them in Salesforce.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from connector.sandbox.clock import Clock
from connector.sandbox.company import setting
from connector.sandbox.salesforce import SalesforceEmulator
from connector.sandbox.server import Server
from connector.sandbox.shanon import ShanonEmulator

SITE = "https://www.mirai-soft-example.co.jp"


@dataclass
class Evening:
    """Two systems, an empty folder, and a terminal in it."""

    org: SalesforceEmulator
    smp: ShanonEmulator
    urls: dict[str, str]
    folder: Path

    def type(self, *words: str, code: int = 0) -> str:
        """What a command prints, results and messages as they come on the terminal."""
        secrets = {
            "SHANON_API_KEY": self.smp.api_key,
            "SHANON_PASSWORD": self.smp.password,
            "SHANON_SECRET": self.smp.secret,
            "SF_CLIENT_ID": self.org.client_id,
            "SF_CLIENT_SECRET": self.org.client_secret,
        }
        done = subprocess.run(
            [sys.executable, "-m", "connector", *words],
            cwd=self.folder,
            env={**os.environ, **secrets, "CONNECTOR_LANG": "en", "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    def edit(self, file: str, *changes: tuple[str, str]) -> None:
        """What an editor does; each text stands there once."""
        path = self.folder / file
        content = path.read_text(encoding="utf-8")
        for old, new in changes:
            assert content.count(old) == 1, (file, old)
            content = content.replace(old, new)
        path.write_text(content, encoding="utf-8")

    def visitor(self, name: str, company: str, email: str, pages: int) -> int:
        family, given = name.split()
        made = self.smp.add_visitor({"Name1": family, "Name2": given, "CompanyName": company, "Email": email})
        for number in range(pages):
            at = self.smp.clock() - timedelta(hours=number + 1)
            self.smp.add_page_view(made, f"{SITE}/price{number}", "料金", at)
        return made

    def contact(self, name: str, company: str, email: str) -> str:
        family, given = name.split()
        account = self.org.create("Account", {"Name": company})
        return self.org.create(
            "Contact", {"LastName": family, "FirstName": given, "Email": email, "AccountId": account}
        )


@pytest.fixture
def evening(tmp_path: Path) -> Iterator[Evening]:
    clock = Clock()
    org, smp = SalesforceEmulator(clock=clock), ShanonEmulator(clock=clock)
    setting.set_up(org, smp)
    with ExitStack() as stack:
        urls = {
            name: stack.enter_context(Server(each.handle)).url for name, each in (("salesforce", org), ("shanon", smp))
        }
        made = Evening(org, smp, urls, tmp_path)
        made.visitor("三枝 亮", "株式会社碧海", "saegusa@hekikai-example.co.jp", 2)
        made.visitor("柴 良平", "株式会社碧海", "shiba@hekikai-example.co.jp", 0)
        made.visitor("榎本 静", "株式会社榎本", "enomoto@enomoto-example.co.jp", 3)
        made.contact("三枝 亮", "株式会社碧海", "saegusa@hekikai-example.co.jp")
        made.contact("柴 良平", "株式会社碧海", "shiba@hekikai-example.co.jp")
        yield made


MISTAKES = (
    ("config.yaml", "every: 15m", "every: 15 minutes", "config.yaml:", "is not a duration"),
    ("config.yaml", "client_secret: {env: SF_CLIENT_SECRET}", "client_secret: abc123", "config.yaml:", "written out"),
    ("mappings/scores.yaml", "{id: web, touchpoint: page_view", "{id: web, touchpoint: page_vew",
     "mappings/scores.yaml:", "page_view"),
    ("mappings/people.yaml", "score.interest:      {to: MA_Score__c", "score.intrest:       {to: MA_Score__c",
     "mappings/people.yaml:", "did you mean 'score.interest'"),
    ("mappings/protect.yaml", "list: do-not-mass-mail", "list: nurture-lost",
     "mappings/nurture.yaml:", "to protect and to nurture"),
)  # fmt: skip
"""Where, what stands there, what is typed instead, where lint points, what it says."""


@pytest.mark.timeout(600)
def test_from_an_empty_folder_to_why(evening: Evening) -> None:
    evening.type("init", "--systems", "shanon+salesforce")
    evening.edit(
        "config.yaml",
        ("https://example.smktg.jp", evening.urls["shanon"]),
        *[(found, f"base_url: {evening.urls['salesforce']}") for found in _domain(evening.folder)],
    )
    assert evening.type("lint").startswith("clean: ")

    for file, right, wrong, _, _ in MISTAKES:
        evening.edit(file, (right, wrong))
    told = evening.type("lint", code=78).splitlines()
    for _, _, _, where, what in MISTAKES:
        assert any(re.match(rf"(error: )?{re.escape(where)}\d+:\d+: ", line) and what in line for line in told), told
    for file, right, wrong, _, _ in MISTAKES:
        evening.edit(file, (wrong, right))
    assert evening.type("lint").startswith("clean: ")

    assert "as expected" in evening.type("test")
    checked = evening.type("check")
    assert "shanon: ready" in checked
    assert "salesforce: ready" in checked

    nobody_knows = evening.visitor("新田 望", "株式会社新田", "nitta.@docomo.ne.jp", 3)
    planned = evening.type("plan")
    assert "MA_Score__c: ∅ → 20" in planned
    assert "新田" in planned
    assert "nothing written" in planned
    assert not evening.org.records("Lead")

    evening.type("run", code=3)
    [score] = {row["MA_Score__c"] for row in evening.org.records("Contact") if row["LastName"] == "三枝"}
    assert score == 20
    assert [row["LastName"] for row in evening.org.records("Lead")] == ["榎本"]

    told = evening.type("errors").splitlines()
    assert told[0].startswith("salesforce  INVALID_EMAIL_ADDRESS  CreatePerson 1, since ")
    assert "  then: connector retry INVALID_EMAIL_ADDRESS --system salesforce" in told

    evening.smp.update_visitor(nobody_knows, {"Email": "nitta@nitta-example.co.jp"})
    evening.type("retry", "INVALID_EMAIL_ADDRESS", "--system", "salesforce", "--yes")
    evening.type("run")
    assert sorted(row["Email"] for row in evening.org.records("Lead")) == [
        "enomoto@enomoto-example.co.jp",
        "nitta@nitta-example.co.jp",
    ]
    assert "nothing to mend" in evening.type("errors")
    assert evening.type("plan").splitlines()[-1] == "no changes"

    why = evening.type("why", "saegusa@hekikai-example.co.jp")
    [said] = {row["MA_Score_Why__c"] for row in evening.org.records("Contact") if row["LastName"] == "三枝"}
    assert said in why
    assert "/price0" in why


def _domain(folder: Path) -> Iterator[str]:
    yield from re.findall(r"domain: example\.my.*", (folder / "config.yaml").read_text(encoding="utf-8"))
