"""Whatever people are called and write: after a run, a plan over three SFAs is empty, and nothing is parked for it."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from connector.engine.report import Exit
from tests.scenarios.three_sfas.world import PRICE, world

LETTERS = "aZ09 　-'\"\\/&<>%;,(株)㈱①髙﨑𠮷山田ｱｲガ~～〜−ー・é😀\u200b"
words = st.text(LETTERS, max_size=24)
names = st.text("山田太郎髙﨑𠮷ｱｲOBrien'", min_size=1, max_size=8)
people = st.lists(
    st.fixed_dictionaries(
        {
            "where": st.sets(st.sampled_from(["salesforce", "kintone", "esales"]), min_size=1),
            "family": names,
            "given": names,
            "company": words,
            "title": words,
            "label": words,
            "phone": st.sampled_from(["", "03-1234-5678", "０３（１２３４）５６７８", "+81 3 1234 5678"]),
            "optout": st.booleans(),
        }
    ),
    min_size=1,
    max_size=5,
)


@given(people)
@settings(max_examples=8)
def test_a_plan_after_a_run_is_empty(drawn: list[dict[str, object]]) -> None:
    with tempfile.TemporaryDirectory() as folder, world(Path(folder)) as ready:
        smp, org = ready.systems.smp, ready.systems.org
        for number, who in enumerate(drawn):
            email = f"person{number}@firm{number}-example.co.jp"
            visitor = smp.add_visitor(
                {
                    "Name1": who["family"], "Name2": who["given"], "CompanyName": who["company"],
                    "Position": who["title"], "Tel": who["phone"], "Email": email,
                    "UnsubscribeStatus": int(bool(who["optout"])),
                }
            )  # fmt: skip
            label = str(who["label"]) or "頁"
            smp.add_page_view(visitor, PRICE, label, ready.systems.clock() - timedelta(hours=number + 1))
            where = who["where"]
            assert isinstance(where, set)
            if "salesforce" in where:
                org.create("Contact", {"LastName": who["family"], "Email": email})
            if "kintone" in where:
                ready.in_kintone(email, f"W{number:04}")
            if "esales" in where:
                ready.in_esales(email, f"株式会社第{number}")
        ready.probe()

        report = ready.run()

        assert report.exit is Exit.DONE, report.as_data()
        assert ready.fresh() == []
        assert ready.run().sent() == 0
