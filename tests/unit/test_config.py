"""Bad input in YAML: each mistake has a message with its place and the next step, and all are told at once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from connector.cli.skeleton import write
from connector.config import Setup, load
from connector.errors import ConfigError, ConnectorError
from connector.model import DealState
from connector.spec import read_yaml_text, scalar, unknown_key
from connector.templates import TEMPLATES

CONFIG = """\
systems:
  ma: {type: memory, role: ma}
  sfa: {type: memory, role: sfa}
"""

SCORES = """\
interest:
  rules:
    - {id: web, touchpoint: page_view, within: 30d, points: 10}
  bands: {hot: 10}
"""


def setup(folder: Path, config: str = CONFIG, **mappings: str) -> Setup:
    (folder / "mappings").mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(config, encoding="utf-8")
    for name, content in mappings.items():
        (folder / "mappings" / f"{name}.yaml").write_text(content, encoding="utf-8")
    return load(folder / "config.yaml")


def problems(folder: Path, config: str = CONFIG, **mappings: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        setup(folder, config, **mappings)
    return [str(p).removeprefix(f"{folder}/") for p in raised.value.problems]


def test_the_shipped_configuration_is_clean() -> None:
    found = load(Path(__file__).parents[2] / "config.example.yaml")

    assert not found.warnings
    assert {"shanon", "salesforce"} == set(found.systems)


@pytest.mark.parametrize("systems", sorted(TEMPLATES))
def test_what_init_writes_is_clean(systems: str, tmp_path: Path) -> None:
    write(tmp_path, systems)

    assert not load(tmp_path / "config.yaml").warnings


def test_init_overwrites_nothing(tmp_path: Path) -> None:
    write(tmp_path, "csv")
    with pytest.raises(ConnectorError, match="already there"):
        write(tmp_path, "shanon+salesforce")
    assert not (tmp_path / "mappings" / "protect.yaml").exists()


def test_mappings_in_several_folders_are_read_as_one(tmp_path: Path) -> None:
    for folder, name in (("common", "scores"), ("sales", "people")):
        (tmp_path / folder).mkdir()
        content = (
            SCORES if name == "scores" else "- {in: sfa, object: p, fields: {score.interest: {to: s, wins: ma}}}\n"
        )
        (tmp_path / folder / f"{name}.yaml").write_text(content, encoding="utf-8")

    found = setup(tmp_path, CONFIG + "mappings: [common, sales]\n")
    missing = problems(tmp_path, CONFIG + "mappings: [common, sails]\n")

    assert (list(found.rules.scores), len(found.rules.people)) == (["interest"], 1)
    assert missing == ["config.yaml:4:11: folder sails does not exist"]


def test_every_problem_of_all_files_is_told_at_once(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        CONFIG + "timezone: Tokio\n",
        scores="interest:\n  rules:\n    - {id: web, touchpoint: page_vew, within: 30, points: ten}\n",
        protect="- {id: p, when: {deal: {state: opn}}, list: l}\n",
    )

    assert len(found) == 5
    assert [line.split(":")[0] for line in found] == [
        "config.yaml", "mappings/protect.yaml", *["mappings/scores.yaml"] * 3,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (CONFIG.replace("role: ma", "rle: ma"), "config.yaml:2:22: unknown key 'rle' → did you mean 'role'?"),
        (CONFIG + "runn: {}\n", "config.yaml:4:1: unknown key 'runn' → did you mean 'run'?"),
        (CONFIG + "store: a\nstore: b\n", "config.yaml:5:1: 'store' is written twice → the first one stands in line 4"),
        (CONFIG + "timezone: &a Asia/Tokyo\nlanguage: *a\n", "config.yaml:5:11: aliases (*name) are not taken"),
        (CONFIG + "run: {every: 15}\n", "config.yaml:4:14: 15 is not a duration → write 30d, 6h, 15m, 2w or 1y"),
        (
            CONFIG + "calendar: {closed: [12/29]}\n",
            "config.yaml:4:21: '12/29' is not a day or a span of days → write 2026-08-13, 2026-12-29..2027-01-03",
        ),
        (CONFIG + "calendar: {workdays: []}\n", "config.yaml:4:22: workdays"),
        (CONFIG + 'run: {quiet: {alerts: "20-8"}}\n', 'is not a part of the day → write "20:00-08:00"'),
        (CONFIG.replace("memory, role: sfa", "memry, role: sfa"), "unknown type of system 'memry' → did you mean"),
        ("systems: {}\n", "config.yaml:1:10: no systems"),
        ("systems: [\n", "config.yaml:2:1: not YAML"),
        ("", "config.yaml: the file is empty"),
        (CONFIG + "---\nsystems: {}\n", "more than one document"),
        (CONFIG + "run: {lanes: []}\n", "lanes"),
        (CONFIG + "run: {lease: 0s}\n", "config.yaml:4:14: lease: must be more than 0s ('0s')"),
        (CONFIG + "run: {attempts: 0}\n", "config.yaml:4:17: attempts: must be 1 or more (0)"),
        (
            CONFIG + "run: {workers: true}\n",
            "config.yaml:4:16: workers need PostgreSQL → set `store` or `store_url` to it",
        ),
        (CONFIG + "mappings: elsewhere\n", "folder elsewhere does not exist"),
        ("[" * 60, "nested deeper than"),
    ],
)
def test_mistakes_in_config(tmp_path: Path, config: str, said: str) -> None:
    assert any(said in problem for problem in problems(tmp_path, config)), problems(tmp_path, config)


REPEAT = "{per: deal, every: 1d}"
PEOPLE = "- in: sfa\n  object: [person]\n  key: k\n"


@pytest.mark.parametrize(
    ("mappings", "said"),
    [
        ({"people": PEOPLE.replace("in: sfa", "in: sfaa")}, "there is no system 'sfaa' → did you mean 'sfa'?"),
        ({"people": PEOPLE + "  fields: {emial: {to: E, wins: ma}}\n"}, "'emial' is not a word for a person → did you"),
        ({"people": PEOPLE + "  fields: {email: {to: E, wins: mas}}\n"}, "wins: must be one of"),
        (
            {"people": PEOPLE + "  fields:\n    email: {to: E, wins: ma}\n    phone: {to: E, wins: ma}\n"},
            "mappings/people.yaml:6:17: E is written by two rules → the other one",
        ),
        ({"people": PEOPLE + "  fields: {score.x: {to: E, wins: ma}}\n"}, "'score.x' is not a word for a person"),
        (
            {"people": "- in: sfa\n  object: [person]\n  create: {object: person, when: {score.interest: {gte: 1}}}\n"},
            "records are created, but there is no key",
        ),
        (
            {
                "alerts": "- {id: a, when: {score.interest: {turned: hto}}, to: deal_owner, repeat: " + REPEAT + "}",
            },
            "score interest has no band 'hto' → did you mean 'hot'?",
        ),
        ({"alerts": "id: a\n"}, "mappings/alerts.yaml:1:1: must be a list"),
        (
            {
                "protect": "- {id: p, when: {deal: {state: open}}, list: l}\n",
                "nurture": "- {id: n, when: {deal: {state: lost}}, list: l}\n",
            },
            "list 'l' is used to protect and to nurture",
        ),
        ({"protect": "- {id: p, when: {deal: {state: open}}, list: l}\n" * 2}, "id 'p' is used twice"),
        ({"protect": "- {id: p, when: {deal: {}}, list: l, in: sfa}\n"}, "sfa cannot do this"),
        ({"nurture": "- {id: n, when: {person: {is: customer}}, list: {by: lost_reason}}\n"}, "speaks of a deal"),
        ({"scores-more": SCORES}, "'interest' stands in another file too"),
        (
            {
                "people": "- {in: ma, object: [person], fields: {title: {to: T, wins: sfa}}}\n",
                "nurture": "- {id: n, when: {deal: {state: lost}}, list: l, carry: {product: T}}\n",
            },
            "T is written by two rules",
        ),
        (
            {"nurture": "- {id: n, when: {person: {is: known}}, unless: [{score.intrest: {gte: 1}}], list: l}\n"},
            "there is no score 'intrest' → did you mean 'interest'?",
        ),
        (
            {
                "people": "- {in: sfa, object: [person], key: K, create: {object: person, when: {person: {is: known}}, "
                "unless: {score.intrest: {gte: 1}}}}\n"
            },
            "there is no score 'intrest' → did you mean 'interest'?",
        ),
        ({"identity": "{}", "identity-more": "{}"}, "a second file on identity"),
        ({"deals": "- {in: sfa, object: deal, fields: {}}\n" * 2}, "deal of sfa is mapped twice → the other one"),
        (
            {"people": PEOPLE, "deals": "- {in: sfa, object: person, fields: {}}\n"},
            "person of sfa is mapped twice → the other one",
        ),
        (
            {
                "alerts": "- {id: a, when: {deal: {probability: {gte: 10bd}}}, to: deal_owner, "
                "repeat: {per: deal, every: 1d}}\n"
            },
            "gte: must be a number ('10bd')",
        ),
        (
            {
                "alerts": "- {id: a, when: {deal: {closed: {gte: 10}}}, to: deal_owner, "
                "repeat: {per: deal, every: 1d}}\n"
            },
            "10 is not a duration → write 30d, 6h, 15m, 2w or 1y; or 10bd for business days, 1fy for fiscal years",
        ),
        (
            {"people": "- {in: sfa, object: person, fields: {deal.state: {to: state, wins: sfa}}}\n"},
            "deal.state is what an SFA tells an MA → write it in a mapping of an MA, with wins: sfa",
        ),
        (
            {"people": "- {in: ma, object: person, fields: {is.customer: {to: customer, wins: ma}}}\n"},
            "is.customer is what an SFA tells an MA",
        ),
        (
            {"people": "- {in: sfa, object: person, fields: {score.interest: {to: s, wins: ma, clean: width}}}\n"},
            "score.interest is not cleaned: nobody typed it",
        ),
        (
            {"people": "- {in: sfa, object: person, fields: {email: {to: m, wins: ma, on_drift: ignore}}}\n"},
            "no run can do without email: it tells people apart, or says who must not be mailed → write stop",
        ),
        ({"deals": "- {in: ma, object: deal, fields: {}}\n"}, "ma holds no deals: it is no SFA"),
        ({"deals": "- {in: crm, object: deal, fields: {}}\n"}, "there is no system 'crm'"),
    ],
)
def test_mistakes_in_mappings(tmp_path: Path, mappings: dict[str, str], said: str) -> None:
    found = problems(tmp_path, **({"scores": SCORES} | mappings))

    assert any(said in problem for problem in found), found


def test_a_time_is_text_and_on_is_a_word(tmp_path: Path) -> None:
    """PyYAML's own loader reads 18:30 as 1110, on as true and drops the first of two equal keys."""
    found = problems(tmp_path, CONFIG + "run: {every: 18:30, on: 1}\n")

    assert any("'18:30' is not a duration" in problem for problem in found)
    assert any("unknown key 'on'" in problem for problem in found)


def test_a_literal_secret_is_an_error_and_is_not_repeated(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        "systems:\n  s:\n    type: shanon\n    base_url: https://x.smktg.jp\n    api_key: kanariya\n"
        "    password: {env: P}\n    secret: {env: S}\n",
    )

    assert found == [
        "config.yaml:5:14: a secret is written out here → write {env: NAME} or {file: PATH}",
    ]


def test_a_folder_without_any_mapping_is_a_warning(tmp_path: Path) -> None:
    (warning,) = setup(tmp_path).warnings
    assert str(warning).startswith(f"{tmp_path}/mappings: no mapping stands here: nothing is done")


def test_a_folder_of_rules_that_cannot_be_read_is_no_folder_without_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shut, scandir = tmp_path / "mappings" / "protect", os.scandir

    def refused(folder: Any) -> Any:
        if Path(folder) == shut:
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    setup(tmp_path)
    shut.mkdir()
    monkeypatch.setattr(os, "scandir", refused)

    with pytest.raises(ConfigError, match="mappings/protect: cannot be read: Permission denied"):
        load(tmp_path / "config.yaml")


def test_a_mapping_that_cannot_be_read_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setup(tmp_path, scores="{}")
    shut, read = tmp_path / "mappings" / "scores.yaml", Path.read_bytes

    def refused(path: Path) -> bytes:
        if path == shut:
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refused)

    with pytest.raises(ConfigError, match=r"scores\.yaml: cannot be read: Permission denied"):
        load(tmp_path / "config.yaml")


def test_a_file_that_nobody_reads_is_a_warning(tmp_path: Path) -> None:
    found = setup(tmp_path, scores=SCORES, allerts="[]")

    assert [str(w).removeprefix(f"{tmp_path}/") for w in found.warnings] == [
        "mappings/allerts.yaml: nobody reads this file → did you mean 'alerts'?"
    ]


MISTYPED = (
    "- {in: sfa, object: person, fields: {score.interest: {to: score, wins: ma}, titel: {to: title, wins: ma}}}\n"
)
HOT = "- {id: hot, when: {score.interest: {band: hot}}, to: person_owner, repeat: {per: person, every: 7d}}\n"


@pytest.mark.parametrize(
    ("config", "first"),
    [
        (CONFIG, []),
        (CONFIG.replace("role: ma", "role: moon"), ["config.yaml:2:28: role: must be one of 'ma' or 'sfa'"]),
    ],
)
def test_what_speaks_of_something_mistaken_is_no_mistake(tmp_path: Path, config: str, first: list[str]) -> None:
    scores = SCORES.replace("page_view", "page_vew")

    found = problems(tmp_path, config, scores=scores, people=MISTYPED, alerts=HOT)

    wanted = [*first, "mappings/people.yaml:1:", "mappings/scores.yaml:3:"]
    assert len(found) == len(wanted), found
    assert all(any(each.startswith(start) for each in found) for start in wanted), found
    assert any("'titel' is not a word for a person" in each for each in found)


def test_what_a_mounted_configmap_hides_is_not_read_twice(tmp_path: Path) -> None:
    hidden = tmp_path / "mappings" / "..2026_11_22"
    hidden.mkdir(parents=True)
    (hidden / "scores.yaml").write_text(SCORES, encoding="utf-8")

    assert set(setup(tmp_path, scores=SCORES).rules.scores) == {"interest"}


def test_a_file_that_two_folders_lead_to_is_read_once(tmp_path: Path) -> None:
    folder = tmp_path / "mappings" / "kintone"
    folder.mkdir(parents=True)
    (folder / "people.yaml").write_text("- {in: sfa, object: p, fields: {score.interest: {to: s, wins: ma}}}\n")
    (folder / "people.test.yaml").write_text("[]")
    (tmp_path / "again").symlink_to(tmp_path / "mappings")

    found = setup(tmp_path, CONFIG + "mappings: [mappings, mappings/kintone, ./mappings, again]\n", scores=SCORES)

    assert (len(found.rules.people), len(found.tests)) == (1, 1)


def test_somebody_who_is_told_instead_is_somebody_of_one_sfa(tmp_path: Path) -> None:
    alerts = "- {id: a, when: {person: {is: known}}, to: deal_owner, else_to: u1, repeat: " + REPEAT + "}\n"
    two = CONFIG + "  sfb: {type: memory, role: sfa}\n"

    (found,) = problems(tmp_path, two, alerts=alerts)
    assert found.startswith(
        "mappings/alerts.yaml:1:65: else_to is a user of which SFA? → add in: with one of: sfa, sfb"
    )
    setup(tmp_path, CONFIG, alerts=alerts)
    setup(tmp_path, two, alerts=alerts.replace("id: a,", "id: a, in: sfb,"))


def test_an_sfa_that_takes_no_alerts_is_told(tmp_path: Path) -> None:
    alerts = "- {id: a, when: {person: {is: known}}, to: deal_owner, repeat: " + REPEAT + "}\n"
    crm = "  crm: {type: rest, role: sfa, base_url: https://crm.example.jp, auth: none, people: {all: {path: all}}}\n"

    found = setup(tmp_path, CONFIG + crm, alerts=alerts)

    (warning,) = found.warnings
    assert "crm takes no alerts as it is configured" in str(warning)
    assert "crm" in found.silent
    assert "sfa" not in found.silent
    assert not setup(tmp_path, CONFIG + crm, alerts=alerts.replace("id: a,", "id: a, in: sfa,")).warnings


@pytest.mark.parametrize(
    "store", ["store: postgresql+psycopg://connector@host/connector", "store_url: {env: STORE_URL}"]
)
def test_workers_are_taken_where_postgresql_may_be(tmp_path: Path, store: str) -> None:
    assert setup(tmp_path, f"{CONFIG}{store}\nrun: {{workers: true}}\n").config.run.workers


def test_messages_are_japanese_too(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        setup(tmp_path, CONFIG + "runn: {}\n")

    assert "不明なキー 'runn' → 'run' の誤りではありませんか" in raised.value.in_("ja")


def test_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "config.yaml").write_bytes("# 設定\n".encode("cp932"))
    with pytest.raises(ConfigError, match=r"config\.yaml:1:1: not UTF-8 → save the file as UTF-8"):
        load(tmp_path / "config.yaml")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.yaml: cannot be read"):
        load(tmp_path / "config.yaml")


DEALS = """\
- in: sfa
  object: deals
  fields: {name: 案件名, stage: 進捗, probability: 確度, people: 顧客番号, lost_reason: 失注理由}
  states: {won: 受注, lost: [失注, 中止]}
  probabilities: {A: 80, B: 50}
  linked_by: {people: 番号}
"""
PEOPLE = """\
- in: sfa
  object: [people]
  key: ma_key
  fields:
    email: {to: メール, wins: sfa}
    opted_out: {to: 配信, wins: strictest, values: {"true": 停止}}
    score.interest: {to: 点, wins: ma}
    score.interest.band: {to: ランク, wins: ma, values: {hot: A}, max_length: 20}
"""


def test_salesforce_knows_most_words_of_a_deal_by_itself(tmp_path: Path) -> None:
    config = CONFIG + "  sf: {type: salesforce, domain: a.my, client_id: {env: A}, client_secret: {env: B}}\n"
    deals = "- {in: sf, object: Opportunity, fields: {stage: StageName, lost_reason: R__c}}\n"

    (found,) = problems(tmp_path, config, scores=SCORES, deals=deals)

    assert found.startswith("mappings/deals.yaml:1:41: sf knows stage by itself → possible here: amount, ")


def test_adapters_are_told_which_field_is_which_word(tmp_path: Path) -> None:
    needs = setup(tmp_path, scores=SCORES, people=PEOPLE, deals=DEALS).needs("sfa")

    people, deals = needs.of("people"), needs.of("deals")
    assert people.words == {"email": "メール", "opted_out": "配信"}
    assert people.read == {"メール", "配信", "点", "ランク"}
    assert people.write == {"配信", "点", "ランク"}
    assert people.values == {"配信": {"true": "停止"}, "ランク": {"hot": "A"}}
    assert people.choices == {"配信": {"停止"}, "ランク": {"A"}}
    assert people.lengths == {"ランク": 20}
    assert people.kinds == {"配信": "text", "点": "number", "ランク": "text"}
    assert deals.deal["people"] == "顧客番号"
    assert deals.states == {DealState.WON: {"受注"}, DealState.LOST: {"失注", "中止"}}
    assert deals.probabilities == {"A": 80, "B": 50}
    assert deals.linked_by == {"people": "番号"}
    assert str(needs.timezone) == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("stage: 進捗, ", "", "no field that holds them"),
        ("lost: [失注, 中止]", "lost: [失注, 受注]", "'受注' stands for two states"),
        ("probability: 確度, ", "", "no field holds probability"),
        ("people: 顧客番号, ", "", "no field holds people"),
        ("{A: 80, B: 50}", "{A: 180}", "A"),
        ("lost: [失注", "loss: [失注", "loss"),
        ("name: 案件名", "title: 案件名", "title"),
    ],
)
def test_a_mapping_of_deals_that_makes_no_sense_is_told(tmp_path: Path, old: str, new: str, said: str) -> None:
    (found,) = problems(tmp_path, scores=SCORES, people=PEOPLE, deals=DEALS.replace(old, new))

    assert found.startswith("mappings/deals.yaml:")
    assert said in found


# --- what is not YAML -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "line", "ja", "fix"),
    [
        ("run:\n\tevery: 1h\n", 2, "タブ文字があります", "半角の空白"),
        ("run: @weekly\n", 1, "値の先頭に使えない文字があります", "引用符"),
        ("run: every: 1h\n", 1, "ここには「キー: 値」を書けません", "字下げ"),
        ("run:\n  every: 1h\n reports: x\n", 3, "字下げが揃っていません", "同じ桁"),
        ("run: 'every\n", 2, "引用符が閉じられていません", "引用符を閉じて"),
        ("run: {every: 1h\n", 2, "「,」か閉じ括弧がありません", "括弧を閉じて"),
        ("run\nlanguage: ja\n", 2, "ここには「キー: 値」を書けません", "字下げ"),
        ("run：\n  every: 1h\n", 2, "ここには「キー: 値」を書けません", "全角"),
        ("run:\n\u3000every: 1h\n  store: x\n", 3, "ここには「キー: 値」を書けません", "全角"),
        ("a: " + "[" * 50 + "]" * 50, 1, "入れ子が40段を超えています", ""),
        ("a: \x00", 0, "使えない制御文字があります", "UTF-8"),
    ],
)
def test_what_is_not_yaml_is_told_in_both_languages_with_what_to_do(content: str, line: int, ja: str, fix: str) -> None:
    _, problems = read_yaml_text(content, "a.yaml")
    [problem] = problems
    assert problem.line == line
    assert f"YAML として読めません: {ja}" in problem.in_("ja")
    assert fix in problem.in_("ja")
    assert problem.in_("en").replace("→", "").isascii()


def test_a_key_in_full_width_characters_is_told_as_such() -> None:
    _, fix = unknown_key("\u3000every", ["every"])
    assert "全角" in fix.in_("ja")


def test_a_number_without_end_is_text() -> None:
    assert scalar("9" * 5000) == "9" * 5000
    assert scalar("9" * 30) == int("9" * 30)
