from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import permutations, product
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from connector.model import Person, Ref, Value
from connector.rules import compare as comparing
from connector.rules import resolve
from connector.rules.compare import Level, Name
from connector.rules.identify import IdentityRules, Key, Keys, keys_of
from connector.rules.ids import keep_ids, new_id
from connector.rules.resolve import Decisions, Edge, Group, Guard, Verdict, connects, identify, order, reidentify

RULES = IdentityRules()
TIED = IdentityRules.model_validate({"ids": ({"in": "ma", "field": "sfid", "means": "sfa/Contact"},)})

Said = Mapping[str, Value]
"""What a record says; `key` is our own id, `sfid` a field of its system, `kana` the reading in two words."""


def people(**said: Said) -> list[Person]:
    """Records by a word for each, which is its id in the MA; `sfa_9` is contact 9 of the SFA."""
    return [one(word, what) for word, what in said.items()]


def ref(word: str) -> Ref:
    return Ref("sfa", "Contact", word.removeprefix("sfa_")) if word.startswith("sfa_") else Ref("ma", "visitor", word)


def one(word: str, said: Said) -> Person:
    fields = {name: value for name, value in said.items() if name not in {"key", "sfid", "kana"}}
    family, _, given_name = str(said.get("kana", "")).partition(" ")
    fields |= {"family_kana": family, "given_kana": given_name}
    return Person(ref(word), fields, {"sfid": said.get("sfid")}, str(said["key"]) if "key" in said else None)


def resolved(
    records: Iterable[Person], rules: IdentityRules = TIED, decisions: Decisions = resolve.NONE
) -> list[Group]:
    return list(identify([keys_of(record, rules) for record in records], rules, decisions))


def sets(groups: Iterable[Group]) -> set[str]:
    """The groups as the words of their records."""
    return {" ".join(word(r) for r in group.records) for group in groups}


def word(ref: Ref) -> str:
    return f"sfa_{ref.id}" if ref.system == "sfa" else ref.id


def told(edge: Edge) -> tuple[str, str, str, Guard]:
    return word(edge.a), word(edge.b), edge.rule, edge.guard


def withheld(groups: Iterable[Group]) -> set[tuple[str, str, str, Guard]]:
    return {told(edge) for group in groups for edge in group.withheld}


def in_order(first: Ref, second: Ref) -> tuple[Ref, Ref]:
    return min(first, second, key=order), max(first, second, key=order)


def decided(**verdicts: Verdict) -> Decisions:
    """Verdicts about pairs of records: `a_b="same"`."""
    return {in_order(*map(ref, words.split("_"))): verdict for words, verdict in verdicts.items()}


# --- E0: what somebody decided ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(({"name": "山田 太郎"}, {"name": "佐藤 花子"}), id="names that contradict"),
        pytest.param(
            (
                {"name": "山田 太郎", "company": "青葉", "email": "taro@aoba.co.jp"},
                {"name": "山田 太郎", "company": "青葉", "email": "yamada2@aoba.co.jp"},
            ),
            id="namesakes",
        ),
        pytest.param(({"email": "info@aoba.co.jp"}, {"name": "山田 太郎"}), id="a role and a person"),
        pytest.param(({}, {}), id="records that say nothing"),
    ],
)
def test_two_records_are_one_person_when_somebody_says_so(said: tuple[Said, Said]) -> None:
    records = people(a=said[0], b=said[1])

    assert sets(resolved(records)) == {"a", "b"}
    (group,) = resolved(records, decisions=decided(a_b="same"))
    assert [(edge.rule, edge.strength, edge.evidence) for edge in group.edges] == [("E0", 1000, "same")]
    assert not group.withheld


def test_what_somebody_says_may_make_a_person_of_more_records_than_the_rules_would() -> None:
    rules = IdentityRules(max_records=2)
    records = people(**{letter: {"email": "taro@a.co.jp"} for letter in "ab"}, c={}, d={"email": "taro@a.co.jp"})

    assert sets(resolved(records, rules, decided(a_b="same", b_c="same"))) == {"a b c", "d"}


def test_what_somebody_says_counts_with_every_rule_switched_off() -> None:
    rules = IdentityRules(join_by=())
    records = people(a={"email": "taro@a.co.jp"}, b={"email": "taro@a.co.jp"})

    assert sets(resolved(records, rules)) == {"a", "b"}
    assert sets(resolved(records, rules, decided(a_b="same"))) == {"a b"}


@pytest.mark.parametrize(
    "said",
    [
        {"email": "taro@a.co.jp", "name": "山田 太郎"},
        {"key": "p1"},
        {"sfid": "9"},
        {"email": "info@a.co.jp", "name": "山田 太郎"},
        {"mobile": "090-1234-5678", "name": "山田 太郎"},
        {"company": "青葉", "name": "山田 太郎"},
    ],
)
def test_two_records_stay_apart_when_somebody_says_so_whatever_they_have_in_common(said: Said) -> None:
    records = people(a=said, b=said)

    assert sets(resolved(records)) == {"a b"}
    groups = resolved(records, decisions=decided(a_b="different"))
    assert sets(groups) == {"a", "b"}
    assert {guard for *_, guard in withheld(groups)} == {"decided"}


def test_who_is_different_from_one_record_is_different_from_the_whole_person() -> None:
    records = people(
        a={"email": "taro@a.co.jp"},
        b={"email": "taro@a.co.jp", "key": "p1"},
        c={"email": "taro@b.co.jp", "key": "p1"},
        d={"email": "taro@b.co.jp"},
    )

    assert sets(resolved(records)) == {"a b c d"}
    groups = resolved(records, decisions=decided(a_d="different"))
    assert ("a b c" in sets(groups)) != ("b c d" in sets(groups))
    assert len(groups) == 2
    assert {guard for *_, guard in withheld(groups)} == {"decided"}


@pytest.mark.parametrize(
    "said",
    [
        {"email": "taro@a.co.jp", "name": "山田 太郎"},
        {"email": "taro@a.co.jp"},
        {"key": "p1"},
        {"sfid": "9"},
        {"email": "info@a.co.jp", "name": "山田 太郎"},
        {"email": "info@a.co.jp"},
        {"mobile": "090-1234-5678", "name": "山田 太郎"},
        {"company": "青葉", "name": "山田 太郎"},
        {"phone": "03-1234-5678", "name": "山田 太郎"},
    ],
)
@pytest.mark.parametrize("stranger", "abcd")
def test_who_is_told_apart_from_all_others_leaves_them_together(said: Said, stranger: str) -> None:
    others = "abcd".replace(stranger, "")
    apart: dict[str, Verdict] = {f"{stranger}_{other}": "different" for other in others}
    groups = resolved(people(a=said, b=said, c=said, d=said), decisions=decided(**apart))

    assert sets(groups) == {" ".join(others), stranger}


def test_different_wins_over_same() -> None:
    groups = resolved(people(a={}, b={}, c={}), decisions=decided(a_b="same", b_c="same", a_c="different"))

    assert sets(groups) == {"a b", "c"}
    assert withheld(groups) == {("b", "c", "E0", "decided")}


# --- ids of other systems, and our own --------------------------------------------------------------------------------


def test_a_record_that_is_named_by_its_id_is_the_same_person_whatever_its_name() -> None:
    records = people(
        a={"sfid": "9", "name": "山田太郎"},
        b={"sfid": "9"},
        sfa_9={"name": "佐藤花子"},
        sfa_8={"name": "山田太郎"},
    )

    assert sets(resolved(records)) == {"a b sfa_9", "sfa_8"}


def test_an_id_of_another_kind_of_record_is_somebody_else() -> None:
    lead = Person(Ref("sfa", "Lead", "9"), {})

    assert len(resolved([*people(a={"sfid": "9"}), lead])) == 2


def test_our_own_key_joins_but_not_two_names() -> None:
    same = people(a={"key": "p1"}, sfa_2={"key": "p1", "name": "山田太郎"}, sfa_3={"key": "p1", "name": "ヤマダ"})
    copied = people(a={"key": "p1", "name": "山田太郎"}, b={"key": "p1", "name": "佐藤花子"})

    assert sets(resolved(same)) == {"a sfa_2 sfa_3"}
    assert sets(resolved(copied)) == {"a", "b"}
    assert withheld(resolved(copied)) == {("a", "b", "our_key", "name")}


def test_our_own_key_on_a_strangers_record_does_not_part_the_others() -> None:
    records = people(
        a={"key": "p1", "name": "佐藤花子"}, b={"key": "p1", "name": "山田太郎"}, c={"key": "p1", "name": "山田太郎"}
    )

    assert sets(resolved(records)) == {"a", "b c"}


# --- E1: a personal address -------------------------------------------------------------------------------------------


def test_an_address_joins_records_of_different_systems() -> None:
    records = people(
        a={"email": "taro@a.co.jp", "name": "山田太郎"},
        sfa_9={"email": " TARO＠a.co.jp", "name": "山田　太郎"},
        sfa_8={"email": "hanako@a.co.jp", "name": "山田花子"},
    )

    assert sets(resolved(records)) == {"a sfa_9", "sfa_8"}


@pytest.mark.parametrize(
    ("one_name", "other_name", "strength"),
    [
        ("齋藤 一", "斉藤 一", 100),
        ("髙橋 健", "高橋 健", 100),
        ("山田 太郎", "山田 太朗", 92),  # a wrong conversion
        ("山田 太郎", "山田", 92),
        ("佐藤 花子", "鈴木 花子", 92),  # a marriage
        ("山田 太郎", "山田 次郎", 90),
        ("山田 太郎", "", 90),
        ("", "", 90),
    ],
)
def test_the_better_the_names_agree_the_stronger_an_address_joins(
    one_name: str, other_name: str, strength: int
) -> None:
    mail = "ko@a.co.jp"

    (group,) = resolved(people(a={"email": mail, "name": one_name}, b={"email": mail, "name": other_name}))

    assert [(edge.rule, edge.strength) for edge in group.edges] == [("E1", strength)]


def test_an_address_passed_on_to_a_successor_does_not_make_them_one() -> None:
    mail = "leader1@aoba.co.jp"
    records = people(
        a={"email": mail, "name": "山田 太郎"},
        b={"email": mail, "name": "山田 太郎"},
        c={"email": mail, "name": "佐藤 花子"},
        d={"email": mail, "name": "佐藤 花子", "kana": "サトウ ハナコ"},
        e={"email": mail},
        f={"email": mail, "name": "ヤマダ タロウ"},
    )
    groups = resolved(records)

    # Whose the record without a name is, and whose the one in kana, would be a guess.
    assert sets(groups) == {"a b", "c d", "e", "f"}
    assert ("a", "c", "E1", "name") in withheld(groups)
    assert ("a", "e", "E1", "nameless") in withheld(groups)
    assert ("a", "f", "E1", "ambiguous") in withheld(groups)


def test_more_names_than_allowed_make_an_address_a_shared_mailbox() -> None:
    names = ["山田太郎", "佐藤花子", "鈴木次郎"]
    records = people(
        **{f"r{n}": {"email": "ab@a.co.jp", "name": name} for n, name in enumerate(names)}, x={"email": "ab@a.co.jp"}
    )

    groups = resolved(records)
    assert sets(groups) == {"r0", "r1", "r2", "x"}
    assert not withheld(groups)
    assert withheld(resolved(records, IdentityRules(shared_when_names=3)))


def test_a_family_name_alone_does_not_make_one_of_those_who_bear_it() -> None:
    names = ["山田太郎", "山田花子", "山田次郎", "山田"]
    records = people(**{f"r{n}": {"email": "yamada@yamada.co.jp", "name": name} for n, name in enumerate(names)})

    assert sets(resolved(records[:3])) == {"r0", "r1", "r2"}
    assert sets(resolved(records)) == {"r0", "r1", "r2", "r3"}


def test_a_shared_mailbox_does_not_part_what_another_key_joins() -> None:
    mail = "ab@a.co.jp"
    records = people(
        a={"email": mail, "name": "山田太郎"},
        b={"email": mail, "name": "佐藤花子"},
        c={"email": mail, "name": "鈴木次郎", "key": "p1"},
        d={"key": "p1", "name": "鈴木次郎"},
    )

    assert sets(resolved(records)) == {"a", "b", "c d"}


def test_an_address_of_more_records_than_a_person_may_have_is_shared() -> None:
    rules = IdentityRules(max_records=3)
    groups = resolved(people(**{letter: {"email": "a@a.co.jp"} for letter in "abcd"}), rules)

    assert sets(groups) == {"a", "b", "c", "d"}
    assert not withheld(groups)


@pytest.mark.parametrize(("given_name", "joined"), [("太郎", True), ("太朗", True), ("花子", False), ("", False)])
def test_the_same_address_at_two_hosts_of_an_organisation_needs_more_than_a_family_name(
    given_name: str, joined: bool
) -> None:
    """Departments of a university have mailboxes of their own: tanaka@cs. may be somebody else than tanaka@med."""
    name = f"田中 {given_name}" if given_name else ""
    records = people(
        a={"email": "tanaka@cs.example-u.ac.jp", "name": "田中 太郎"},
        b={"email": "tanaka@med.example-u.ac.jp", "name": name},
    )

    assert (len(resolved(records)) == 1) is joined
    assert joined or withheld(resolved(records)) == {("a", "b", "E1", "mail")}


# --- E2: a shared mailbox ---------------------------------------------------------------------------------------------


AOBA = {"company": "青葉商事"}


@pytest.mark.parametrize(
    "strangers",
    [
        # A name without a space does not say where the given name begins.
        *(
            ({"name": one, "email": "gyomu.a@aoba.co.jp"}, {"name": other, "email": "gyomu.a@aoba.co.jp"})
            for one, other in [
                ("林花子", "佐藤洋子"), ("林太郎", "佐藤一郎"), ("林大介", "佐藤健介"), ("林花子", "佐藤 洋子")
            ]
        ),
        # Role mailboxes, whatever they are called.
        *(
            ({"name": "田中太郎", "email": at}, {"name": "田中花子", "email": at})
            for at in (
                "info.tanaka@gmail.com", "osaka@aoba.co.jp", "tokyo-branch@aoba.co.jp", "yoyaku@aoba.co.jp",
                "tencho@aoba.co.jp", "gyomu@aoba.co.jp", "fax@aoba.co.jp", "no.reply@aoba.co.jp", "1eigyo@aoba.co.jp",
            )
        ),
        # A place of work that is none.
        *(
            (
                {"name": "佐藤健太", "company": at, "email": "kenta@u1.ac.jp"},
                {"name": "佐藤健太", "company": at, "email": "sato@u2.ac.jp"},
            )
            for at in ("大学", "病院", "会社", "メーカー", "フリー", "確認中", "A社", "X", "なし（個人）")
        ),
        # What is no name, or half of one.
        *(
            ({"name": name, "phone": "03-6234-5671", **AOBA}, {"name": name, "phone": "06-6234-5672", **AOBA})
            for name in ("情報システム部", "代表取締役", "田中課長", "Sato san", "T. Sato", "我孫子", "金田一")
        ),
        # One organisation's domain is another's, too.
        ({"email": "info@foo.xsrv.jp"}, {"email": "info@bar.xsrv.jp"}),
        ({"email": "info@city.osaka.lg.jp"}, {"email": "info@pref.osaka.lg.jp"}),
        ({"email": "jimu@law.aoba.ac.jp"}, {"email": "jimu@med.aoba.ac.jp"}),
        (
            {"name": "佐藤健", "email": "k.sato@foo.onmicrosoft.com"},
            {"name": "佐藤健", "email": "k.sato@bar.onmicrosoft.com"},
        ),
        ({"name": "田中", "email": "tanaka@cs.aoba.ac.jp"}, {"name": "田中太郎", "email": "tanaka@med.aoba.ac.jp"}),
        # Two who share a mobile.
        (
            {"family_name": "森", "mobile": "090-6234-5671"},
            {"family_name": "森田", "given_name": "健", "mobile": "090-6234-5671"},
        ),
        # Providers of a region are nobody's employer.
        (
            {"name": "田中", "email": "info@kcn.jp", **AOBA},
            {"name": "鈴木", "email": "sales@kcn.jp"},
        ),
    ],
)  # fmt: skip
def test_strangers_with_something_in_common_stay_strangers(strangers: tuple[Said, Said]) -> None:
    a, b = strangers
    assert sets(resolved(people(a=a, b=b))) == {"a", "b"}


def test_what_stands_in_front_of_an_address_makes_no_role_of_it() -> None:
    said = {"name": "田中 太郎", "email": "Sales-Team <tanaka@aoba.co.jp>"}
    assert not keys_of(one("a", said), RULES).role
    assert not keys_of(one("a", {**said, "email": "Sales-Team <ta.naka@gmail.com>"}), RULES).role


def test_a_family_name_at_one_host_bridges_no_two_people_at_another() -> None:
    found = resolved(
        people(
            a={"name": "田中", "email": "tanaka@cs.aoba.ac.jp"},
            b={"name": "田中 太郎", "email": "tanaka@med.aoba.ac.jp"},
            c={"name": "田中 次郎", "email": "tanaka@cs.aoba.ac.jp"},
        )
    )
    assert not any("b" in each and "c" in each for each in sets(found))


def test_a_shared_mailbox_joins_those_of_one_name_and_nobody_else() -> None:
    records = people(
        a={"email": "info@aoba.co.jp", "name": "山田 太郎"},
        b={"email": "info@tokyo.aoba.co.jp", "name": "山田　太郎 様"},
        c={"email": "info@aoba.co.jp", "name": "山田 花子"},
        d={"email": "info@aoba.co.jp", "name": "佐藤 次郎"},
        e={"email": "info@wakaba.co.jp", "name": "山田 太郎"},
        f={"email": "info@aoba.co.jp", "name": "ヤマダ タロウ"},
    )
    groups = resolved(records)

    assert sets(groups) == {"a b", "c", "d", "e", "f"}
    assert [(edge.rule, edge.strength) for edge in groups[0].edges] == [("E2", 80)]


def test_records_without_a_name_at_a_shared_mailbox_are_one_contact_and_nobody_in_person() -> None:
    records = people(
        a={"email": "info@aoba.co.jp"},
        b={"email": "info@aoba.co.jp", "company": "青葉"},
        c={"email": "info@aoba.co.jp", "name": "山田 太郎"},
        d={"email": "info@wakaba.co.jp"},
        e={"email": "info@aoba.co.jp", "name": "ご担当者様"},
    )

    assert sets(resolved(records)) == {"a b e", "c", "d"}


@pytest.mark.parametrize("name", ["鈴木", "長谷川", "すずき", "Suzuki"])
def test_at_a_shared_mailbox_a_family_name_alone_may_be_two_peoples(name: str) -> None:
    groups = resolved(people(**{each: {"email": "info@aoba.co.jp", "name": name} for each in "ab"}))

    assert sets(groups) == {"a", "b"}
    assert withheld(groups) == {("a", "b", "E2", "ambiguous")}


def test_at_a_shared_mailbox_a_short_name_is_whole_where_one_record_tells_its_parts() -> None:
    records = people(a={"email": "info@aoba.co.jp", "name": "林 誠"}, b={"email": "info@aoba.co.jp", "name": "林誠"})

    assert sets(resolved(records)) == {"a b"}


def test_an_address_that_proved_to_be_shared_joins_those_of_one_name() -> None:
    names = ["山田太郎", "佐藤花子", "鈴木次郎", "山田太郎"]
    records = people(**{f"r{n}": {"email": "ab@a.co.jp", "name": name} for n, name in enumerate(names)})
    groups = resolved(records)

    assert sets(groups) == {"r0 r3", "r1", "r2"}
    assert groups[0].edges[0].rule == "E2"


def test_a_shared_mailbox_does_not_join_namesakes_with_addresses_of_their_own() -> None:
    name = {"name": "山田 太郎"}
    records = people(
        a={**name, "email": "info@aoba.co.jp", "mobile": "090-1234-5678"},
        b={**name, "email": "taro@aoba.co.jp", "mobile": "090-1234-5678"},
        c={**name, "email": "info@aoba.co.jp", "mobile": "080-1234-5678"},
        d={**name, "email": "yamada2@aoba.co.jp", "mobile": "080-1234-5678"},
    )
    groups = resolved(records)

    assert sets(groups) == {"a b", "c d"}
    assert ("a", "c", "E2", "mail") in withheld(groups)


def test_a_contact_of_more_records_than_allowed_is_none() -> None:
    rules = IdentityRules(max_records=3)
    records = people(**{letter: {"email": "info@a.co.jp"} for letter in "abcd"})

    assert sets(resolved(records[:3], rules)) == {"a b c"}
    assert sets(resolved(records, rules)) == {"a", "b", "c", "d"}


# --- E3: a mobile number ----------------------------------------------------------------------------------------------


def test_who_changes_the_employer_is_known_by_the_mobile_number() -> None:
    before = {"name": "髙橋 健", "company": "青葉", "email": "takahashi@aoba.co.jp", "mobile": "090-1234-5678"}
    after = {"name": "高橋健", "company": "若葉", "email": "k.takahashi@wakaba.co.jp", "phone": "+81 90 1234 5678"}
    groups = resolved(people(a=before, b=after))

    assert sets(groups) == {"a b"}
    assert [(edge.rule, edge.strength) for edge in groups[0].edges] == [("E3", 85)]


@pytest.mark.parametrize(
    ("one_said", "other_said"),
    [
        pytest.param({"name": "山田 太郎"}, {"name": "山田 花子"}, id="husband and wife"),
        pytest.param({"name": "山田 健一"}, {"name": "山田 健二"}, id="brothers"),
        pytest.param({"name": "山田 太郎"}, {"name": "佐藤 花子"}, id="strangers"),
        pytest.param({"name": "佐藤 花子"}, {"name": "鈴木 花子"}, id="a number given to somebody else"),
        pytest.param({"name": "山田 太郎"}, {"name": "ヤマダ タロウ"}, id="kanji without a reading"),
        pytest.param({"name": "山田 太郎"}, {}, id="no name"),
        pytest.param({}, {}, id="no names"),
    ],
)
def test_a_mobile_number_joins_nobody_whose_names_do_not_agree(one_said: Said, other_said: Said) -> None:
    shared = {"mobile": "090-1234-5678", "company": "山田商店"}
    groups = resolved(people(a={**one_said, **shared}, b={**other_said, **shared}))

    assert sets(groups) == {"a", "b"}
    assert {rule for _, _, rule, _ in withheld(groups)} == {"E3"}


@pytest.mark.parametrize("number", ["03-1234-5678", "0120-123-456", "050-1234-5678", "06-6123-4567 内線12"])
@pytest.mark.parametrize(
    ("one_name", "other_name"),
    [("山田 太郎", "山田 花子"), ("山田 太郎", "山田"), ("山田", "山田"), ("山田 太郎", ""), ("", "")],
)
def test_the_telephone_of_a_family_or_a_firm_joins_nobody(number: str, one_name: str, other_name: str) -> None:
    groups = resolved(people(a={"phone": number, "name": one_name}, b={"mobile": number, "name": other_name}))

    assert sets(groups) == {"a", "b"}
    assert not withheld(groups)


def test_a_mobile_number_of_many_names_is_a_switchboard() -> None:
    names = ["山田太郎", "佐藤花子", "鈴木次郎", "高橋三郎", "山田太郎"]
    records = people(**{f"r{n}": {"mobile": "090-1234-5678", "name": name} for n, name in enumerate(names)})
    by_number = {"join_by": ("mobile",)}

    assert len(resolved(records, IdentityRules.model_validate(by_number))) == 5
    assert len(resolved(records, IdentityRules.model_validate({**by_number, "switchboard_when_names": 4}))) == 4


def test_a_family_name_on_the_mobile_number_of_husband_and_wife_is_neithers() -> None:
    mobile = {"mobile": "090-1234-5678"}
    groups = resolved(
        people(a={**mobile, "name": "山田"}, b={**mobile, "name": "山田 太郎"}, c={**mobile, "name": "山田 花子"})
    )

    assert sets(groups) == {"a", "b", "c"}
    assert {("a", "b", "E3", "ambiguous"), ("a", "c", "E3", "ambiguous")} <= withheld(groups)


# --- E4: the same name at the same company ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("company", "joined"), [("株式会社青葉", True), ("", True), ("Aoba Ltd.", True), ("若葉商事", False)]
)
def test_the_same_name_and_number_join_but_not_two_companies(company: str, joined: bool) -> None:
    """E5: a free call, or the number of an office that two firms share."""
    said = {"name": "山田 太郎", "phone": "03-1234-5678"}
    records = people(a={**said, "company": "青葉"}, b={**said, "company": company})

    assert (len(resolved(records)) == 1) is joined
    assert joined or withheld(resolved(records)) == {("a", "b", "E5", "company")}


TARO = {"name": "山田 太郎"}
AOBA = {**TARO, "company": "株式会社青葉製作所"}


@pytest.mark.parametrize(
    ("one_said", "other_said", "strength"),
    [
        pytest.param(AOBA, {**TARO, "company": "㈱青葉製作所 大阪支店"}, 55, id="the name of the company"),
        pytest.param(
            {**AOBA, "corporate_number": "7000012050002"},
            {**TARO, "company": "旧社名", "corporate_number": "T7000012050002"},
            60,
            id="its number",
        ),
        pytest.param(
            {**TARO, "email": "taro@aoba.co.jp"}, {**TARO, "email": "info@aoba.co.jp"}, 50, id="its mail domain"
        ),
        pytest.param({**AOBA, "kana": "ヤマダ タロウ"}, {**AOBA, "name": "Taro Yamada"}, 55, id="the reading"),
        pytest.param({**AOBA, "email": "taro@aoba.co.jp"}, AOBA, 55, id="an address and none"),
        pytest.param(
            {**AOBA, "email": "taro@aoba.co.jp"}, {**AOBA, "email": "tato@gmail.com"}, 55, id="an address at home"
        ),
        pytest.param(
            {**AOBA, "email": "yamada@aoba.co.jp"}, {**AOBA, "email": "yamdaa@aoba.co.jp"}, 55, id="a typing error"
        ),
    ],
)
def test_the_same_whole_name_at_the_same_company_is_one_person(one_said: Said, other_said: Said, strength: int) -> None:
    (group,) = resolved(people(a=one_said, b=other_said))

    assert [(edge.rule, edge.strength, edge.evidence) for edge in group.edges] == [("E4", strength, "name_company")]


@pytest.mark.parametrize(
    ("one_said", "other_said", "guard"),
    [
        pytest.param(
            {**AOBA, "email": "taro@aoba.co.jp"}, {**AOBA, "email": "yamada@aoba.co.jp"}, "mail", id="two addresses"
        ),
        pytest.param(
            {**AOBA, "email": "yamada@aoba.co.jp"}, {**AOBA, "email": "yamada2@aoba.co.jp"}, "mail", id="and a digit"
        ),
        pytest.param(
            {**AOBA, "email": "yamada@aoba.co.jp"},
            {**AOBA, "email": "yamda3@aoba.co.jp"},
            "mail",
            id="digit for letter",
        ),
        pytest.param(
            {**AOBA, "email": "t.yamada@aoba.co.jp"},
            {**AOBA, "email": "f.yamada@aoba.co.jp"},
            "mail",
            id="two initials",
        ),
        pytest.param(
            {**AOBA, "email": "yamada-t@aoba.co.jp"}, {**AOBA, "email": "yamada-f@aoba.co.jp"}, "mail", id="at the end"
        ),
        pytest.param(
            {**AOBA, "corporate_number": "7000012050002"},
            {**AOBA, "corporate_number": "1180301018771"},
            "company",
            id="two companies of one name",
        ),
        pytest.param(
            {**TARO, "company": "青葉", "email": "taro@aoba-group.co.jp"},
            {**TARO, "company": "青葉物流", "email": "info@aoba-group.co.jp"},
            "company",
            id="parent and subsidiary on one domain",
        ),
        pytest.param(
            {**AOBA, "kana": "ヤマダ タロウ"},
            {**AOBA, "name": "山田 多朗", "kana": "ヤマダ タロウ"},
            "reading",
            id="one reading in other kanji",
        ),
        pytest.param(
            {**AOBA, "name": "佐藤 健", "kana": "サトウ タケシ"},
            {**AOBA, "name": "佐藤 健", "kana": "サトウ ケン"},
            "reading",
            id="the same kanji read otherwise",
        ),
        pytest.param(
            {**AOBA, "mobile": "090-1234-5678"}, {**AOBA, "mobile": "080-8765-4321"}, "phone", id="two mobile numbers"
        ),
    ],
)
def test_the_same_name_at_the_same_company_may_be_two_people(one_said: Said, other_said: Said, guard: Guard) -> None:
    groups = resolved(people(a=one_said, b=other_said))

    assert sets(groups) == {"a", "b"}
    assert withheld(groups) == {("a", "b", "E4", guard)}


@pytest.mark.parametrize(
    ("one_said", "other_said"),
    [
        pytest.param({**AOBA, "name": "山田"}, {**AOBA, "name": "山田"}, id="a family name only"),
        pytest.param({**AOBA, "name": "長谷川"}, {**AOBA, "name": "長谷川"}, id="a long one"),
        pytest.param({**AOBA, "name": "やまだ"}, {**AOBA, "name": "やまだ"}, id="in kana"),
        pytest.param(AOBA, {**AOBA, "name": "山田 次郎"}, id="another name"),
        pytest.param(AOBA, {**AOBA, "name": "ヤマダ タロウ"}, id="kanji without a reading"),
        pytest.param(AOBA, {**TARO, "company": "青葉物流"}, id="parent and subsidiary"),
        pytest.param(AOBA, {**TARO, "company": "青葉ホールディングス"}, id="a holding"),
        pytest.param({**TARO, "company": "個人"}, {**TARO, "company": "個人"}, id="no company"),
        pytest.param({**TARO, "email": "taro@gmail.com"}, {**TARO, "email": "t2@gmail.com"}, id="free mail"),
        pytest.param({**AOBA, "name": "2024年1月1日"}, {**AOBA, "name": "2024年1月1日"}, id="a date"),
        pytest.param({**AOBA, "name": "担当者"}, {**AOBA, "name": "担当者"}, id="no name"),
    ],
)
def test_what_is_not_the_same_name_at_the_same_company_is_not_even_proposed(one_said: Said, other_said: Said) -> None:
    groups = resolved(people(a=one_said, b=other_said))

    assert sets(groups) == {"a", "b"}
    assert not withheld(groups)


@pytest.mark.parametrize(
    ("more", "other", "guard"),
    [
        pytest.param(
            {"corporate_number": "7000012050002"}, {"corporate_number": "1180301018771"}, "company", id="number"
        ),
        pytest.param({"mobile": "090-1234-5678"}, {"mobile": "080-8765-4321"}, "phone", id="mobile number"),
        pytest.param({"kana": "ヤマダ タロウ"}, {"kana": "サンダ フトオ"}, "reading", id="reading"),
    ],
)
@pytest.mark.parametrize("first", "ab")
def test_what_parts_namesakes_may_stand_in_any_of_their_records(
    more: Said, other: Said, guard: Guard, first: str
) -> None:
    known: Said = {**AOBA, "email": "taro@gmail.com"}
    records = people(**{"a": known, "b": known, first: {**known, **more}, "c": {**AOBA, **other}})
    groups = resolved(records)

    assert "c" in sets(groups)
    assert guard in {why for *_, why in withheld(groups)}


def test_a_shared_address_is_nobodys_own_and_parts_no_namesakes() -> None:
    mail = "kaigi@aoba.co.jp"
    records = people(
        a={**AOBA, "email": mail},
        b={"name": "佐藤 花子", "email": mail},
        c={"name": "鈴木 次郎", "email": mail},
        d={**AOBA, "email": "taro@aoba.co.jp"},
    )

    assert sets(resolved(records)) == {"a d", "b", "c"}
    assert withheld(resolved([records[0], records[3]])) == {("a", "d", "E4", "mail")}


@pytest.mark.parametrize("mistyped", ["y.tarou@aoba.co.jp", "tyamdaa@aoba.co.jp"])
def test_an_address_may_be_like_any_that_the_person_has(mistyped: str) -> None:
    mobile = {**TARO, "mobile": "090-1234-5678"}
    records = people(
        a={**mobile, "email": "y.taoru@aoba.co.jp"},
        b={**mobile, "email": "tyamada@aoba.co.jp"},
        c={**TARO, "company": "青葉", "email": mistyped},
        d={**TARO, "company": "青葉", "key": "p"},
        e={**mobile, "company": "青葉"},
    )

    assert sets(resolved(records)) == {"a b c d e"}


def test_a_new_mobile_number_is_no_namesake() -> None:
    known = {**AOBA, "email": "taro@gmail.com"}
    records = people(
        a={**known, "mobile": "090-1234-5678"},
        b={**known, "mobile": "080-8765-4321"},
        c={**AOBA, "mobile": "080-8765-4321", "email": "taro@aoba.co.jp"},
    )

    assert sets(resolved(records, IdentityRules(join_by=("email", "name_and_company")))) == {"a b c"}


def test_nobody_is_joined_to_one_of_two_namesakes() -> None:
    records = people(a=AOBA, b={**AOBA, "email": "taro@aoba.co.jp"}, c={**AOBA, "email": "yamada2@aoba.co.jp"}, d=AOBA)
    groups = resolved(records)

    assert sets(groups) == {"a", "b", "c", "d"}
    assert ("b", "c", "E4", "mail") in withheld(groups)
    assert ("a", "d", "E4", "ambiguous") in withheld(groups)


@pytest.mark.parametrize("others", range(9))
def test_nobody_is_joined_to_one_of_two_namesakes_however_many_there_are(others: int) -> None:
    records = people(
        **{f"a{n}": AOBA for n in range(others)},
        x={**AOBA, "email": "taro@aoba.co.jp"},
        y={**AOBA, "email": "yamada.jr@aoba.co.jp"},
    )
    groups = resolved(records)

    assert len(groups) == len(records)
    assert all(guard in {"mail", "ambiguous"} for *_, guard in withheld(groups))


def test_departments_part_namesakes_where_the_rules_say_so() -> None:
    records = people(a={**AOBA, "department": "営業部"}, b={**AOBA, "department": "総務部"})
    strict = IdentityRules(departments="review")

    assert sets(resolved(records)) == {"a b"}
    assert withheld(resolved(records, strict)) == {("a", "b", "E4", "department")}
    assert sets(resolved(people(a={**AOBA, "department": "営業部"}, b=AOBA), strict)) == {"a b"}


def test_who_somebody_told_apart_leaves_the_others_one() -> None:
    records = people(a=AOBA, b=AOBA, c=AOBA)

    assert sets(resolved(records)) == {"a b c"}
    assert sets(resolved(records, decisions=decided(a_c="different", b_c="different"))) == {"a b", "c"}
    # One word is not enough: b may be either.
    groups = resolved(records, decisions=decided(a_c="different"))
    assert sets(groups) == {"a", "b", "c"}
    assert ("a", "b", "E4", "ambiguous") in withheld(groups)


# --- what holds for every rule ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "left", "said"),
    [
        ("E1", ("shared_mailbox", "mobile", "name_and_company"), {"email": "taro@gmail.com"}),
        ("E2", ("email", "mobile", "name_and_company"), {**TARO, "email": "info@gmail.com"}),
        ("E3", ("email", "shared_mailbox", "name_and_company"), {**TARO, "mobile": "090-1234-5678"}),
        ("E4", ("email", "shared_mailbox", "mobile"), AOBA),
    ],
)
def test_a_rule_that_is_switched_off_only_proposes(rule: str, left: tuple[str, ...], said: Said) -> None:
    records = people(a=said, b=said)
    rules = IdentityRules.model_validate({"join_by": left})

    assert sets(resolved(records)) == {"a b"}
    assert sets(resolved(records, rules)) == {"a", "b"}
    assert ("a", "b", rule, "off") in withheld(resolved(records, rules))


def test_edges_are_a_spanning_tree_and_tell_the_strongest_reason() -> None:
    mail = "a@a.co.jp"
    (group,) = resolved(
        people(
            a={"email": mail, "name": "山田太郎", "sfid": "9"},
            b={"email": mail, "name": "山田花子"},
            c={"email": mail, "name": "山田太郎"},
            sfa_9={"email": mail},
        )
    )

    assert [(word(edge.a), word(edge.b), edge.rule, edge.strength) for edge in group.edges] == [
        ("a", "sfa_9", "named", 120), ("a", "c", "E1", 100), ("a", "b", "E1", 90),
    ]  # fmt: skip


def test_nobody_has_more_records_than_allowed() -> None:
    rules = IdentityRules(max_records=4)
    mails = {letter: {"email": f"{'xy'[n // 3]}@a.co.jp"} for n, letter in enumerate("abcdef")}
    records = people(**mails, m={"email": "x@a.co.jp", "key": "p"}, n={"email": "y@a.co.jp", "key": "p"})
    groups = resolved(records, rules)

    assert all(len(group.records) <= 4 for group in groups)
    assert {guard for *_, guard in withheld(groups)} == {"size"}


def test_a_person_is_firm_by_more_than_a_name_at_a_company() -> None:
    records = people(
        a={**AOBA, "email": "taro@gmail.com"},
        b={"email": "taro@gmail.com"},
        c=AOBA,
        d={"key": "p", **AOBA},
        e={"key": "p"},
    )
    (group,) = resolved(records)

    assert group.firm == {ref("a"), ref("b")}
    assert all(not one.firm for one in resolved(people(a=AOBA, b={})))


def test_names_that_contradict_stay_apart_though_keys_go_round_in_a_circle() -> None:
    records = people(
        a={"name": "山田 太郎", "email": "x@a.co.jp", "key": "p"},
        b={"email": "x@a.co.jp", "mobile": "090-1234-5678"},
        c={"name": "佐藤 花子", "mobile": "090-1234-5678", "email": "y@a.co.jp"},
        d={"email": "y@a.co.jp", "key": "q"},
        e={"name": "鈴木 次郎", "key": "q", "email": "z@a.co.jp"},
        f={"email": "z@a.co.jp", "key": "p"},
    )
    name_of = {ref(key): said for key, said in (("a", "山田"), ("c", "佐藤"), ("e", "鈴木"))}

    for some in permutations(records, 6):
        groups = resolved(some)
        assert all(len(name_of.keys() & set(group.records)) <= 1 for group in groups)
        assert sets(groups) == sets(resolved(records))


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        pytest.param(text, fields, id=f"{number} {'+'.join(fields)}")
        for (number, text), fields in product(
            enumerate(
                (
                    "山" * 10_000,
                    "山田 " * 3_000,
                    "taro@" * 2_000,
                    "\x00\x07\x1b\x7f",
                    "\ud83d",
                    "\udc00\ud83d",
                    "\u202e\u200f\u2066",
                    "\u0301" * 500,
                    "2024-01-01",
                    "2024年1月1日",
                    "令和6年1月1日",
                    "２０２４／０１／０１",
                    "12:30",
                    "-",
                    "0000",
                    "なし",
                    "NULL",
                )
            ),
            (("name", "company"), ("name", "email"), ("name", "mobile"), ("family_kana", "given_kana", "company")),
        )
    ],
)
def test_text_that_is_no_value_is_nothing_to_have_in_common(text: str, fields: Sequence[str]) -> None:
    said = {**dict.fromkeys(fields, text), "key": text if not text.strip("0-") else ""}
    if "company" in fields:
        said["company"] = "青葉"
    groups = resolved(people(a=said, b=said))

    assert sets(groups) == {"a", "b"}
    assert not withheld(groups)


@pytest.mark.parametrize("mark", ["\u200b", "\u202e", "\u200f", "\ufeff", "\x00", "\ud83d", "\u00ad", "\U000e0100"])
def test_marks_that_nobody_sees_change_nothing(mark: str) -> None:
    plain = {"name": "山田 太郎", "company": "青葉", "email": "taro@aoba.co.jp", "mobile": "090-1234-5678"}
    marked = {field: mark.join(value) for field, value in plain.items()}

    assert resolved(people(a=plain, b=marked)) == resolved(people(a=plain, b=plain))


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["email", "name", "company", "mobile", "kana", "key"]), ANY_TEXT), max_size=5
    )
)
def test_no_text_is_too_strange(said: list[Said]) -> None:
    groups = resolved(one(str(number), what) for number, what in enumerate(said))

    assert sorted(r.id for group in groups for r in group.records) == [str(n) for n in range(len(said))]
    assert all(new_id(group).startswith("p") for group in groups)


# --- keys that many hold ----------------------------------------------------------------------------------------------


class Compared:
    """Counts how often two names are compared."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.times = 0
        self._compare = comparing.compare
        for module in (comparing, resolve):
            monkeypatch.setattr(module, "compare", self)

    def __call__(self, first: Name | None, second: Name | None) -> Level:
        self.times += 1
        return self._compare(first, second)


MANY = 5_000


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(lambda n: {"name": f"{chr(0x4E00 + n)}{chr(0x5E00 + n)}"}, id="as many names"),
        pytest.param(lambda n: {}, id="no name"),
        pytest.param(lambda n: {"name": ("", "山田 太郎", "佐藤 花子")[n % 3]}, id="two names and none"),
    ],
)
@pytest.mark.parametrize(
    "shared",
    [
        {"email": "ab@aoba.co.jp", "key": "p1", "sfid": "9"},
        {"email": "info@aoba.co.jp", "mobile": "090-1234-5678", "company": "青葉"},
    ],
)
def test_what_thousands_have_in_common_merges_nobody_and_compares_no_two_names(
    monkeypatch: pytest.MonkeyPatch, said: Callable[[int], Said], shared: Said
) -> None:
    records = people(**{f"{n:04}": {**shared, **said(n)} for n in range(MANY)})
    known = [keys_of(record, TIED) for record in records]
    compared = Compared(monkeypatch)

    groups = identify(known, TIED)

    assert len(groups) == MANY
    assert not withheld(groups)
    assert compared.times < MANY


def test_two_hundred_names_on_one_address_are_compared_and_merge_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    records = people(
        **{f"{n:03}": {"email": "ab@a.co.jp", "name": f"{chr(0x4E00 + n)}山{chr(0x5E00 + n)}川"} for n in range(200)}
    )
    compared = Compared(monkeypatch)

    assert len(resolved(records)) == 200
    assert compared.times <= 200 * 200


def test_two_hundred_namesakes_at_one_company_are_compared_and_merge_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    records = people(**{f"{n:03}": {**AOBA, "email": f"yama{n:03}@aoba.co.jp"} for n in range(200)})
    compared = Compared(monkeypatch)
    groups = resolved(records)

    assert len(groups) == 200
    assert compared.times <= 200 * 200
    assert sum(len(group.withheld) for group in groups) < 20 * 200


@pytest.mark.parametrize(
    ("key", "holders", "says"),
    [
        (Key("email", "a@a.jp"), 1, False),
        (Key("email", "a@a.jp"), 2, True),
        (Key("email", "a@a.jp"), 3, False),
        (Key("mobile", "+819012345678"), 3, True),
        (Key("mobile", "+819012345678"), 4, False),
        (Key("key", "p1"), 4, True),
        (Key("key", "p1"), 200, True),
        (Key("key", "p1"), 201, False),
        (Key("was", "p1"), 4, True),
        (Key("mailbox_name", "info@a.jp\t山田太郎"), 4, True),
    ],
)
def test_whether_a_key_says_anything_is_told_by_all_who_hold_it(key: Key, holders: int, says: bool) -> None:
    names = ["山田太郎", "佐藤花子", "鈴木次郎", "高橋三郎"]
    held = [Keys(ref(f"r{n}"), (), Name.of(full=names[n % 4])) for n in range(holders)]

    assert connects(key, held, RULES) is says


# --- any records ------------------------------------------------------------------------------------------------------

LAST = 9
NAMES = [
    None if not full else Name.of(full=full, kana=(family, given_name))
    for full, family, given_name in (
        ("", "", ""),
        ("", "", ""),
        ("山田 太郎", "", ""),
        ("山田太郎", "", ""),
        ("山田 太郎", "やまだ", "たろう"),
        ("山田 多朗", "やまだ", "たろう"),
        ("山田", "", ""),
        ("山田 花子", "", ""),
        ("鈴木 花子", "", ""),
        ("鈴木 次郎", "", ""),
        ("やまだ たろう", "", ""),
        ("Taro Yamada", "", ""),
    )
]
MAILBOXES = [
    (None, None, False),
    (None, None, False),
    ("yamada@a.jp", "a.jp", False),
    ("yamdaa@a.jp", "a.jp", False),  # mistyped
    ("taro@a.jp", "a.jp", False),
    ("info@a.jp", "a.jp", True),
    ("taro@b.jp", "b.jp", False),
    ("taro@gmail.com", None, False),
    ("info@gmail.com", None, True),
]
NUMBERS = ["", "", "+819012345678", "+818087654321"]


def numbered(number: int) -> Ref:
    return Ref("ma", "visitor", f"{number}")


REFS = st.integers(0, LAST).map(numbered)
TIES = st.one_of(
    st.sampled_from("pq").map(lambda value: Key("key", value)), REFS.map(lambda other: Key("id", str(other)))
)


@st.composite
def one_record(draw: st.DrawFn) -> Keys:
    own = draw(REFS)
    mailbox, domain, role = draw(st.sampled_from(MAILBOXES))
    mobile, phone = draw(st.sampled_from(NUMBERS)), draw(st.sampled_from([*NUMBERS, "+81312345678"]))
    return Keys(
        own,
        tuple(dict.fromkeys((Key("id", str(own)), *draw(st.lists(TIES, max_size=1))))),
        draw(st.sampled_from(NAMES)),
        mailbox,
        draw(st.sampled_from(["", "", "cs."])) if mailbox else "",
        role,
        phones=frozenset(filter(None, (mobile, phone))),
        mobile=mobile or None,
        company=draw(st.sampled_from([None, None, "青葉", "若葉"])),
        corporate_number=draw(st.sampled_from([None, None, None, "7000012050002", "1180301018771"])),
        domain=domain,
        department=draw(st.sampled_from([None, None, "営業部", "総務部"])),
    )


RECORDS = st.lists(one_record(), max_size=LAST + 1, unique_by=lambda record: record.ref)
PAIRS = st.lists(REFS, min_size=2, max_size=2, unique=True).map(lambda pair: in_order(*pair))
DECISIONS: st.SearchStrategy[dict[tuple[Ref, Ref], Verdict]] = st.dictionaries(
    PAIRS, st.sampled_from(("same", "different")), max_size=3
)
SOME_RULES = st.sampled_from(
    [
        RULES,
        IdentityRules(max_records=4),
        IdentityRules(max_records=3, shared_when_names=1, switchboard_when_names=1, departments="review"),
        IdentityRules(join_by=("email", "name_and_company")),
    ]
)


@given(RECORDS, DECISIONS, SOME_RULES, st.randoms(use_true_random=False))
def test_the_order_of_records_and_of_decisions_does_not_matter(
    records: list[Keys], decisions: Decisions, rules: IdentityRules, dice: Random
) -> None:
    shuffled = list(records)
    dice.shuffle(shuffled)
    pairs = list(decisions)
    dice.shuffle(pairs)

    groups = identify(records, rules, decisions)
    assert identify(shuffled, rules, {pair: decisions[pair] for pair in pairs}) == groups
    # Nor does it matter that they were resolved before: their groups are in another order.
    again = {record.ref: record for record in records}
    assert identify([again[r] for group in groups for r in group.records], rules, decisions) == groups


@given(one_record(), one_record(), SOME_RULES)
def test_which_of_two_records_has_the_smaller_id_does_not_matter(one: Keys, other: Keys, rules: IdentityRules) -> None:
    def reasons(first: Keys, second: Keys) -> tuple[set[tuple[str, int, str, Guard]], ...]:
        ties = [tuple(tie for tie in record.ties if tie.kind == "key") for record in (first, second)]
        groups = identify(
            [replace(first, ref=numbered(1), ties=ties[0]), replace(second, ref=numbered(2), ties=ties[1])], rules
        )
        kept, held_back = [edge for g in groups for edge in g.edges], [edge for g in groups for edge in g.withheld]
        return tuple(
            {(edge.rule, edge.strength, edge.evidence, edge.guard) for edge in some} for some in (kept, held_back)
        )

    assert reasons(one, other) == reasons(other, one)


@given(RECORDS, DECISIONS, SOME_RULES)
def test_every_record_is_in_one_group_that_its_edges_connect(
    records: list[Keys], decisions: Decisions, rules: IdentityRules
) -> None:
    groups = identify(records, rules, decisions)
    place = {r: number for number, group in enumerate(groups) for r in group.records}

    assert sum(len(group.records) for group in groups) == len(place) == len(records)
    assert place.keys() == {record.ref for record in records}
    assert sorted(groups, key=lambda group: order(group.records[0])) == list(groups)
    for group in groups:
        assert list(group.records) == sorted(group.records, key=order)
        assert group.firm <= set(group.records)
        assert is_tree(group)
        for edge in group.edges:
            assert not edge.guard
        for edge in group.withheld:
            assert edge.guard
            assert place[edge.a] != place[edge.b]
            assert {edge.a, edge.b} & set(group.records)
            assert edge in groups[place[edge.a]].withheld
            assert edge in groups[place[edge.b]].withheld


def is_tree(group: Group) -> bool:
    """Whether each edge joins two parts that were not joined before, and in the end there is one."""
    part = {r: number for number, r in enumerate(group.records)}
    for edge in group.edges:
        one, other = part[edge.a], part[edge.b]
        if one == other:
            return False
        part = {r: one if number == other else number for r, number in part.items()}
    return len(set(part.values())) == 1


@given(RECORDS, SOME_RULES)
def test_nobody_of_any_records_has_more_than_allowed(records: list[Keys], rules: IdentityRules) -> None:
    assert all(len(group.records) <= rules.max_records for group in identify(records, rules))


@given(RECORDS, SOME_RULES)
def test_names_that_contradict_are_one_only_where_an_id_or_somebody_says_so(
    records: list[Keys], rules: IdentityRules
) -> None:
    name_of = {record.ref: record.name for record in records}
    for group in identify(records, rules):
        if all(edge.rule != "named" for edge in group.edges):
            names = [name for r in group.records if (name := name_of[r])]
            assert not comparing.contradict(names)


@given(RECORDS, DECISIONS, SOME_RULES)
def test_what_somebody_decided_holds(records: list[Keys], decisions: Decisions, rules: IdentityRules) -> None:
    groups = identify(records, rules, decisions)
    place = {r: number for number, group in enumerate(groups) for r in group.records}
    different = "different" in decisions.values()
    for (a, b), verdict in decisions.items():
        if a in place and b in place:
            assert verdict == "same" or place[a] != place[b]
            assert verdict == "different" or different or place[a] == place[b]


@given(RECORDS, DECISIONS, PAIRS, SOME_RULES)
def test_one_more_word_that_two_are_different_never_joins_them(
    records: list[Keys], decisions: Decisions, pair: tuple[Ref, Ref], rules: IdentityRules
) -> None:
    groups = identify(records, rules, {**decisions, pair: "different"})

    assert not any(set(pair) <= set(group.records) for group in groups)


@st.composite
def bridged(draw: st.DrawFn) -> tuple[list[Keys], Keys]:
    """Any records, and one that has something of two of them but says nothing new about either."""
    records = draw(st.lists(one_record(), min_size=2, max_size=LAST, unique_by=lambda record: record.ref))
    own = next(r for number in range(LAST + 1) if (r := numbered(number)) not in {record.ref for record in records})
    one, other = draw(st.sampled_from(records)), draw(st.sampled_from(records))
    nothing = Keys(own, (Key("id", str(own)),))
    if one.name and one.name == other.name:
        with_mail = replace(nothing, mailbox=one.mailbox, role=one.role, domain=one.domain)
        return records, replace(with_mail, name=one.name, mobile=other.mobile, phones=other.phones)
    return records, replace(
        nothing, ties=(*nothing.ties, *(Key("id", str(r)) for r in sorted({one.ref, other.ref}, key=order)))
    )


@given(bridged(), st.sampled_from([RULES, IdentityRules(departments="review")]))
def test_a_split_gives_back_what_a_record_between_two_people_had_merged(
    made: tuple[list[Keys], Keys], rules: IdentityRules
) -> None:
    records, bridge = made
    merged = next(group for group in identify([*records, bridge], rules) if bridge.ref in group.records)
    parts = [group for group in identify(records, rules) if set(group.records) <= set(merged.records)]
    assume(len(parts) == 2 and sum(len(part.records) for part in parts) == len(merged.records) - 1)

    groups = identify([*records, bridge], rules, all_different(*parts))

    assert {part.records for part in parts} <= {tuple(r for r in g.records if r != bridge.ref) for g in groups}


@given(RECORDS.filter(lambda records: len(records) > 1), st.data(), SOME_RULES)
def test_a_split_gives_back_what_a_word_of_somebody_had_merged(
    records: list[Keys], data: st.DataObject, rules: IdentityRules
) -> None:
    apart = identify(records, rules)
    assume(len(apart) > 1)
    parts = data.draw(st.lists(st.sampled_from(apart), min_size=2, max_size=2, unique=True))
    pair = in_order(*(data.draw(st.sampled_from(part.records)) for part in parts))

    merged = identify(records, rules, {pair: "same"})
    groups = identify(records, rules, all_different(*parts))

    assert any(set(pair) <= set(group.records) for group in merged)
    assert {group.records for group in groups} == {group.records for group in apart}


def all_different(one: Group, other: Group) -> Decisions:
    return {in_order(a, b): "different" for a, b in product(one.records, other.records)}


# --- after a change ---------------------------------------------------------------------------------------------------


class Store:
    """Person records and their identities, changed as the engine does it: only the neighbourhood is looked at."""

    def __init__(self, rules: IdentityRules = RULES) -> None:
        self.rules = rules
        self.records: dict[Ref, Keys] = {}
        self.decisions: dict[tuple[Ref, Ref], Verdict] = {}
        self.groups: dict[Ref, Group] = {}
        self.ids: dict[Ref, str] = {}
        self.given: set[str] = set()

    def all(self) -> list[Keys]:
        """Everybody with all their ties, as the store gives them."""
        return [self._tied(record) for record in self.records.values()]

    def _tied(self, record: Keys) -> Keys:
        same = [
            Key("same", f"{word(a)}-{word(b)}")
            for (a, b), verdict in self.decisions.items()
            if verdict == "same" and record.ref in (a, b)
        ]
        was = [Key("was", self.ids[record.ref])] if record.ref in self.ids else []
        return replace(record, ties=(*record.ties, *same, *was))

    def _index(self) -> dict[Key, set[Ref]]:
        held = defaultdict(set)
        for record in self.all():
            for key in record.keys:
                held[key].add(record.ref)
        return held

    def _holders(self, keys: Collection[Key]) -> tuple[list[Keys], set[Key]]:
        held = self._index()
        crowded = {key for key in keys if len(held.get(key, ())) > resolve.MOST_HOLDERS}
        found = {r for key in keys if key not in crowded for r in held.get(key, ())}
        return [self._tied(self.records[r]) for r in sorted(found, key=order)], crowded

    def _decided(self, refs: Collection[Ref]) -> Decisions:
        return {pair: verdict for pair, verdict in self.decisions.items() if set(pair) <= set(refs)}

    def change(
        self,
        changed: Iterable[Keys] = (),
        deleted: Iterable[Ref] = (),
        verdicts: Mapping[tuple[Ref, Ref], Verdict | None] | None = None,
    ) -> list[Group]:
        """Change some records and decisions (None: taken back), and resolve around them."""
        after = {record.ref: record for record in changed}
        touched = {*after, *deleted, *(r for pair in verdicts or {} for r in pair)}
        before, keys = self._index(), set()
        keys |= {key for key, refs in before.items() if refs & touched}
        for gone in set(deleted) - after.keys():
            self.records.pop(gone, None)
            self.groups.pop(gone, None)
            self.ids.pop(gone, None)
        self.records |= after
        self.decisions |= {pair: verdict for pair, verdict in (verdicts or {}).items() if verdict}
        self.decisions = {p: v for p, v in self.decisions.items() if (verdicts or {}).get(p, v)}
        now = self._index()
        keys |= {key for key, refs in now.items() if refs & touched}
        near = touched.union(
            *(
                refs
                for key in keys
                for refs in (before.get(key, set()), now.get(key, set()))
                if min(len(before.get(key, ())), len(now.get(key, ()))) <= resolve.MOST_HOLDERS
            )
        )
        seeds = [self._tied(self.records[r]) for r in near if r in self.records]
        groups = reidentify(seeds, self._holders, self.rules, self._decided)
        self._assign(groups)
        return list(groups)

    def _assign(self, groups: Sequence[Group]) -> None:
        near = {r for group in groups for r in group.records}
        known = {r: identity for r, identity in self.ids.items() if r in near}
        ids = keep_ids(groups, known, {}, new_id, self.given - set(known.values()))
        self.groups |= {r: group for group in groups for r in group.records}
        self.ids |= ids
        self.given |= set(ids.values())


CHANGES = st.lists(
    st.tuples(
        st.lists(one_record(), max_size=4, unique_by=lambda record: record.ref),
        st.lists(REFS, max_size=2),
        st.dictionaries(PAIRS, st.sampled_from(("same", "different", None)), max_size=1),
    ),
    min_size=1,
    max_size=6,
)
Change = tuple[list[Keys], list[Ref], dict[tuple[Ref, Ref], Verdict | None]]


@given(CHANGES, SOME_RULES)
def test_resolving_the_neighbourhood_gives_what_resolving_everything_gives(
    changes: list[Change], rules: IdentityRules
) -> None:
    neighbourhoods_are_enough(changes, rules)


@given(CHANGES, SOME_RULES, st.integers(2, 4))
def test_so_it_does_where_keys_become_crowded_and_empty_again(
    changes: list[Change], rules: IdentityRules, most: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resolve, "MOST_HOLDERS", most)
        neighbourhoods_are_enough(changes, rules)


def neighbourhoods_are_enough(changes: list[Change], rules: IdentityRules) -> None:
    store = Store(rules)
    for change in changes:
        ids = dict(store.ids)
        looked_at = store.change(*change)

        everything = identify(store.all(), rules, store.decisions)
        assert set(store.groups.values()) == set(everything)
        near = {r for group in looked_at for r in group.records}
        assert {r: store.ids[r] for r in store.ids if r not in near} == {
            r: identity for r, identity in ids.items() if r not in near and r in store.records
        }
        by_group = {store.ids[group.records[0]] for group in everything}
        assert len(by_group) == len(everything)
        assert all(store.ids[r] == store.ids[group.records[0]] for group in everything for r in group.records)


def keys(word: str, **said: Value) -> Keys:
    return keys_of(one(word, said), RULES)


def test_a_later_record_proves_two_people_to_be_one() -> None:
    store = Store()
    store.change(
        [keys("a", name="髙橋 健", email="takahashi@aoba.co.jp"), keys("b", name="高橋 健", mobile="090-1234-5678")]
    )
    assert store.ids[ref("a")] != store.ids[ref("b")]
    first = store.ids[ref("a")]

    store.change([keys("c", name="高橋 健", email="takahashi@aoba.co.jp", mobile="090-1234-5678")])

    assert set(store.ids.values()) == {first}


def test_a_later_record_proves_one_person_to_be_two() -> None:
    store = Store()
    store.change([keys("a", **AOBA, email="taro@aoba.co.jp"), keys("b", **AOBA), keys("c", name="佐藤 花子")])
    assert store.ids[ref("a")] == store.ids[ref("b")]
    first = store.ids[ref("a")]

    looked_at = store.change([keys("d", **AOBA, email="yamada2@aoba.co.jp")])

    assert sets(looked_at) == {"a", "b", "d"}
    assert store.ids[ref("a")] == first
    assert len(set(store.ids.values())) == 4


def test_a_third_name_parts_those_who_had_an_address_in_common() -> None:
    store = Store()
    mail = "ka@aoba.co.jp"
    store.change([keys("a", name="山田 太郎", email=mail), keys("b", name="山田 次郎", email=mail)])
    assert sets(store.groups.values()) == {"a b"}

    store.change([keys("c", name="鈴木 花子", email=mail)])

    assert sets(store.groups.values()) == {"a", "b", "c"}


def test_a_shared_mailbox_leads_nowhere() -> None:
    mail = "ab@a.co.jp"
    store = Store()
    names = ["山田太郎", "佐藤花子", "鈴木次郎", "高橋三郎"]
    store.change([keys(f"r{n}", email=mail, name=name, key=f"p{n}") for n, name in enumerate(names)])

    at_the_mailbox = store.change([keys("x", email=mail, name="伊藤四郎", key="p0")])
    beside_it = store.change([keys("y", name="山田太郎", key="p0")])

    assert sets(at_the_mailbox) >= {"x"}
    assert "r1" not in sets(beside_it)
    assert sets(beside_it) == {"r0 y", "x"}


def test_who_leaves_a_shared_mailbox_lets_the_others_join() -> None:
    mail = "ab@a.co.jp"
    store = Store()
    names = ["山田太郎", "佐藤花子", "鈴木次郎", "山田太朗"]
    store.change([keys(f"r{n}", email=mail, name=name) for n, name in enumerate(names)])
    assert len(set(store.ids.values())) == 4

    store.change([keys("r2", name="鈴木次郎")])

    assert sets(store.groups.values()) == {"r0 r3", "r1", "r2"}


def test_who_was_merged_and_split_has_the_ids_of_before() -> None:
    store = Store()
    store.change([keys("a", name="山田 太郎"), keys("b", name="山田 太郎")])
    before = dict(store.ids)
    pair = (ref("a"), ref("b"))

    store.change(verdicts={pair: "same"})
    assert len(set(store.ids.values())) == 1
    store.change(verdicts={pair: "different"})

    assert sets(store.groups.values()) == {"a", "b"}
    assert store.ids[ref("a")] == before[ref("a")]


def test_a_deleted_record_takes_along_what_it_proved() -> None:
    store = Store()
    store.change([keys("a", key="p"), keys("b", key="p", email="t@a.co.jp"), keys("c", email="t@a.co.jp")])
    assert sets(store.groups.values()) == {"a b c"}

    store.change(deleted=[ref("b")])

    assert sets(store.groups.values()) == {"a", "c"}
