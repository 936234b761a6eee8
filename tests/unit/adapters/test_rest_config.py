from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.adapters.rest import Rest
from connector.adapters.rest.config import Config
from connector.changes import AddTouchpoint, CreatePerson, RaiseAlert, SetFields
from connector.config import load
from connector.errors import ConfigError
from connector.spec import Mark, parse, read_yaml_text

BASE = """
role: sfa
base_url: https://crm.example.jp/api
auth: {bearer: {env: CRM_TOKEN}}
people:
  person:
    path: people
"""
UPDATE = '    update: {method: PATCH, path: "people/{id}"}\n'
SEARCH = "    search: {path: people, param: ma_key}\n"
CREATE = "    create: {method: POST, path: people}\n"
UPSERT = '    create: {method: PUT, path: "people/by-key/{key}", keeps_others: true}\n'


def read(written: str) -> tuple[Config | None, list[tuple[int, str]]]:
    raw, problems = read_yaml_text(written.lstrip("\n"), "config.yaml")
    assert problems == []
    config, problems = parse(Config, raw, Mark("config.yaml", 1, 1))
    return config, [(problem.line, str(problem.what)) for problem in problems]


def sound(written: str) -> Config:
    config, problems = read(written)
    assert config is not None, problems
    return config


@pytest.mark.parametrize(
    ("auth", "said"),
    [
        ("", "auth says nothing"),
        ("secret", "auth says nothing"),
        ("{}", "not one way to sign in"),
        ("{header: X-Token}", "not one way to sign in"),
        ("{user: sync, bearer: {env: X}}", "not one way to sign in"),
        ("{bearer: sesame}", "a secret is written out here"),
    ],
)
def test_who_we_are_must_be_said(auth: str, said: str) -> None:
    _, problems = read(BASE.replace("{bearer: {env: CRM_TOKEN}}", auth))
    assert problems == [(3, said)]


def test_without_auth_nothing_works_but_none_may_be_written() -> None:
    assert read(BASE.replace("auth: {bearer: {env: CRM_TOKEN}}\n", ""))[1] == [(1, "missing key 'auth'")]
    assert sound(BASE.replace("{bearer: {env: CRM_TOKEN}}", "none")).auth is None


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (CREATE + UPDATE, "a lost answer could make this twice"),
        ("    create: {method: PUT, path: people}\n" + UPDATE, "a lost answer could make this twice"),
        ('    create: {method: PUT, path: "people/{id}"}\n' + SEARCH + UPDATE, "this makes no new record"),
        ("    create: {method: PATCH, path: people}\n" + SEARCH + UPDATE, "this makes no new record"),
        (CREATE + SEARCH, "one that is found could not be updated"),
        ("    search: {path: people}\n", "the key goes nowhere, or twice"),
        ('    search: {path: "people/{key}", param: key}\n', "the key goes nowhere, or twice"),
        ("    update: {method: PATCH, path: people}\n", "nothing says which record is meant"),
        (
            '    update: {method: PUT, path: "people/{id}"}\n',
            "PUT replaces a record: fields that are not sent could be emptied",
        ),
        ("    paging: {by: cursor}\n", "by: cursor needs next"),
        ("    params: {q: 1}\n    search: {path: 'people?q=1', param: k}\n", "'people?q=1' is no path behind base_url"),
        ("    search: {path: 'people/{name}', param: k}\n", "{name} means nothing in a path"),
        ("    search: {path: 'people/{id}', param: k}\n", "{id} means nothing in a path"),
        ("    search: {path: 'people/{key', param: k}\n", "{key means nothing in a path"),
        ("    update: {method: PATCH, path: 'people/{person.id}'}\n", "{person.id} means nothing in a path"),
        ("    update: {method: PATCH, path: 'people/{id}/{key}'}\n", "nothing says which record is meant"),
        (
            '    create: {method: PUT, path: "people/by-key/{key}"}\n' + UPDATE,
            "a second PUT could empty what was filled in since the first",
        ),
        (
            '    create: {method: PUT, path: "people/by-key/{key}"}\n' + SEARCH,
            "one that is found could not be updated",
        ),
        ("    search: {path: 'https://elsewhere.example/x', param: k}\n", "'https://elsewhere.example/x' is no path"),
    ],
)
def test_what_is_not_safe_or_makes_no_sense_is_told(lines: str, said: str) -> None:
    _, problems = read(BASE + lines)
    assert [what for _, what in problems if said in what]
    assert all(line >= 6 for line, _ in problems)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("deals:\n  person: {path: deals}\n", "two kinds of record are named 'person'"),
        ('owners:\n  "user:whole": {path: users, name: n}\n', "'user:whole' is no name for a kind of record"),
        ("touchpoints:\n  visit: {path: v, person: p, happened: at, kind: k, object: lead}\n", "visit: whose they are"),
        ("overlap: 2y\n", "overlap"),
        ("overlap: 0s\n", "overlap"),
        ("alerts: {key: meta.key, title: t}\n", "meta.key stands in a block, and cannot be written"),
        ("alerts: {key: k, title: t, deal: t}\n", "t is to hold two things"),
        ("timeline: {key: k, title: t, values: {k: 1}}\n", "k is to hold two things"),
    ],
)
def test_what_cannot_work_is_told(lines: str, said: str) -> None:
    _, problems = read(BASE + lines)
    assert [what for _, what in problems if said in what]


def test_there_must_be_people() -> None:
    assert read(BASE.partition("people:")[0] + "people: {}\n")[1] == [(1, "there are no people")]


def test_a_list_takes_no_id_in_its_path() -> None:
    assert read(BASE.replace("path: people", "path: 'people/{id}'"))[1] == [(6, "{id} means nothing in a path")]


def test_whose_touchpoints_they_are_is_said_where_several_are_possible() -> None:
    visits = "touchpoints:\n  visit: {path: v, person: p, happened: at, kind: k}\n"
    assert read(BASE + visits)[1] == []
    two = BASE.replace("role: sfa", "role: sfa\nunique_ids: true") + "  lead: {path: leads}\n"
    assert read(BASE + "  lead: {path: leads}\n")[1] == [(1, "ids of person, lead may meet")]
    assert [told for _, told in read(two + visits)[1]] == ["visit: whose they are is not said"]


@pytest.mark.parametrize("times", ["%H:%M", "%Y/%m", "%Y-%m-%d %I:%M", "%Y-%m-%dT%H:%M:%S%Z", "%Y %Y", "%d%", "5%"])
def test_a_pattern_that_cannot_be_read_back_is_none(times: str) -> None:
    assert read(BASE + f'times: "{times}"\n')[1] == [(7, f"{times!r} is no spelling of times")]


@pytest.mark.parametrize("dates", ["YYYY-MM-DD", "%m/%d", "iso"])
def test_a_spelling_of_days_must_be_one(dates: str) -> None:
    """It would be written into the records of people as it stands."""
    assert read(BASE + f'dates: "{dates}"\n')[1] == [(7, f"{dates!r} is no spelling of days")]


@pytest.mark.parametrize("dates", ["%Y/%m/%d", "%d.%m.%y", "%Y年%m月%d日", "%Y%m%d"])
def test_days_may_be_spelt_in_many_ways(dates: str) -> None:
    assert read(BASE + f'dates: "{dates}"\n')[1] == []


def test_a_spelling_of_times_must_be_one() -> None:
    assert read(BASE + "times: tomorrow\n")[1] == [(7, "'tomorrow' is no spelling of times")]
    for times in ("iso", "epoch", "epoch_ms", '"%Y/%m/%d %H:%M"', '"%Y-%m-%dT%H:%M:%SZ"', '"%d.%m.%Y %I:%M %p %z"'):
        assert read(BASE + f"times: {times}\n")[1] == []


@pytest.mark.parametrize(
    ("lines", "offered"),
    [
        ("", set()),
        (UPDATE, {SetFields}),
        (UPSERT, {CreatePerson}),
        (CREATE + SEARCH + UPDATE, {SetFields, CreatePerson}),
        ("alerts: {key: k, title: t}\n", set()),
        ('alerts: {key: k, title: t, create: {method: PUT, path: "tasks/{key}", keeps_others: true}}\n', {RaiseAlert}),
        (
            "timeline: {key: k, title: t, create: {method: POST, path: notes}, search: {path: notes, param: k}}\n",
            {AddTouchpoint},
        ),
    ],
)
def test_only_what_has_a_place_is_offered(lines: str, offered: set[Any]) -> None:
    assert Rest.offers(sound(BASE + lines)) == offered


def test_what_lists_share_is_said_once() -> None:
    shared = "rows: items\npaging: {by: page}\nmodified: {field: at}\n"
    own = "owners:\n  user: {path: users, name: name, rows: users, modified: null}\n"
    config = sound(BASE + own + shared)
    people, owners = config.settled(config.people["person"]), config.settled(config.owners["user"])
    assert (people.rows, people.paging.by, people.modified and people.modified.field) == ("items", "page", "at")
    assert (owners.rows, owners.paging.by, owners.modified) == ("users", "page", None)


# --- lint -------------------------------------------------------------------------------------------------------------

MAPPING = """
- in: crm
  object: person
  key: ma_key
  create: {object: person, when: {touchpoint: {kind: inquiry, within: 30d}}}
  fields:
    email: {to: mail, wins: sfa_unless_blank}
"""


def linted(root: Path, lines: str, alerts: str = "") -> list[str]:
    (root / "mappings").mkdir()
    block = (BASE + lines).replace("\n", "\n    ")
    (root / "config.yaml").write_text(f"systems:\n  crm:\n    type: rest{block}", encoding="utf-8")
    (root / "mappings/people.yaml").write_text(MAPPING, encoding="utf-8")
    if alerts:
        (root / "mappings/alerts.yaml").write_text(alerts, encoding="utf-8")
    try:
        load(root / "config.yaml")
    except ConfigError as error:
        return [str(problem.what) for problem in error.problems]
    return []


def test_a_mapping_that_creates_needs_a_way_that_is_safe(tmp_path: Path) -> None:
    assert linted(tmp_path, UPDATE) == ["crm does not create people"]


@pytest.mark.parametrize("lines", [CREATE + SEARCH + UPDATE, UPSERT])
def test_a_way_that_is_safe_is_clean(tmp_path: Path, lines: str) -> None:
    assert linted(tmp_path, lines) == []


def test_a_system_without_a_place_for_alerts_gets_none(tmp_path: Path) -> None:
    when = "when: {touchpoint: {kind: inquiry, within: 1d}}"
    rule = f"- {{id: hot, in: crm, {when}, to: person_owner, repeat: {{per: person, every: 7d}}}}\n"
    assert linted(tmp_path, UPSERT, rule) == ["crm cannot do this"]


def test_the_default_of_whole_every_can_be_taken_away() -> None:
    assert sound(BASE + "    whole_every: null\n").people["person"].whole_every is None
    assert sound(BASE).people["person"].whole_every == timedelta(days=1)
