from __future__ import annotations

import re
from pathlib import Path

from connector.adapters.csvfile.cells import NO, YES
from connector.adapters.csvfile.config import WORDS
from connector.model import PERSON_FIELDS

PAGE = (Path(__file__).parents[3] / "docs/adapters/csv.md").read_text(encoding="utf-8")


def test_the_page_names_every_word() -> None:
    for kind, words in WORDS.items():
        (row,) = re.findall(rf"^\| `{kind}` \| (.*?) \| ", PAGE, re.MULTILINE)
        (named,) = re.findall(r"`(.*?)`", row)
        of_people = PERSON_FIELDS if "words of a person" in row else ()
        assert {*named.split(), *of_people} == set(words), kind
    assert set(re.findall(r"Words of a person: `(.*?)`", PAGE, re.DOTALL)[0].split()) == set(PERSON_FIELDS)


def test_the_page_names_what_counts_as_yes_and_no() -> None:
    yes, no = (set(text.split()) for text in re.findall(r"^\| yes \| `(.*?)`; no: `(.*?)` \|$", PAGE, re.MULTILINE)[0])
    assert yes <= YES
    assert no <= NO
