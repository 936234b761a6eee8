from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.model import Person, Ref, Value
from connector.rules.compare import Name, agreeing, different
from connector.rules.identify import (
    Group,
    IdentityRules,
    Key,
    Keys,
    assign_company,
    company_id_of,
    connects,
    identify,
    keep_ids,
    keys_of,
    new_id,
    reidentify,
)
from connector.spec import Mark, parse, read_yaml_text

RULES = IdentityRules()


def person(ref: str, key: str | None = None, native: Mapping[str, Value] | None = None, **fields: Value) -> Person:
    system, kind, number = ref.split("/")
    return Person(Ref(system, kind, number), fields, native or {}, key)


def ref(number: int) -> Ref:
    return Ref("ma", "visitor", str(number))


def record(number: int, *keys: Key, name: str = "") -> Keys:
    own = Key("id", str(ref(number)))
    return Keys(ref(number), tuple(dict.fromkeys((own, *keys))), Name.of(full=name))


def email(value: str) -> Key:
    return Key("email", value)


def refs(groups: Iterable[Group]) -> set[tuple[str, ...]]:
    return {tuple(str(r) for r in group.records) for group in groups}


def groups_of(*people: Person, rules: IdentityRules = RULES) -> set[tuple[str, ...]]:
    return refs(identify([keys_of(p, rules) for p in people], rules))


# --- the block of YAML ------------------------------------------------------------------------------------------------


def rules_from(content: str) -> tuple[IdentityRules | None, list[str]]:
    root, problems = read_yaml_text(content, "identity.yaml")
    assert not problems
    built, problems = parse(IdentityRules, root, Mark("identity.yaml", 1, 1))
    return built, [str(problem) for problem in problems]


def test_rules_are_read_from_yaml() -> None:
    built, problems = rules_from(
        """
plus_tags: keep
shared_mailboxes: [keisoku, hello@a.co.jp]
shared_when_names: 3
free_mail: cable.example.jp
ids:
  - {in: shanon, field: sfdcContactId, means: salesforce/Contact}
"""
    )

    assert not problems
    assert built is not None
    assert built.ids[0].system == "shanon"
    assert built.free_mail == ("cable.example.jp",)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("shared_mailboxes: [a@]", "identity.yaml:1:20: 'a@' is not a mail address"),
        ("ids:\n  - {in: ma, field: x, means: salesforce}", "identity.yaml:2:31: 'salesforce' does not name a kind"),
        ("shared_when_names: 0", "identity.yaml:1:20: shared_when_names"),
        ("plus_tag: keep", "identity.yaml:1:1: unknown key 'plus_tag'"),
    ],
)
def test_mistakes_in_yaml_are_shown_where_they_stand(content: str, problem: str) -> None:
    _, problems = rules_from(content)

    assert len(problems) == 1
    assert problems[0].startswith(problem)


# --- keys -------------------------------------------------------------------------------------------------------------


def test_keys_of_a_record() -> None:
    rules = IdentityRules.model_validate({"ids": ({"in": "ma", "field": "sfid", "means": "sfa/Contact"},)})
    of = keys_of(
        person(
            "ma/visitor/7",
            key=" p123 ",
            native={"sfid": 42},
            email="Taro+x@Sub.Aoba.co.jp",
            family_name="山田",
            given_name="太郎",
            company="㈱青葉製作所",
            corporate_number="7000012050002",
        ),
        rules,
    )

    assert of.keys == (
        Key("id", "ma/visitor/7"),
        Key("id", "sfa/Contact/42"),
        Key("key", "p123"),
        Key("email", "taro@sub.aoba.co.jp"),
    )
    assert of.name == Name("山田太郎", "山田")
    assert (of.company, of.corporate_number, of.domain) == ("青葉製作所", "7000012050002", "aoba.co.jp")


@pytest.mark.parametrize(
    "address",
    [
        "info@a.co.jp",
        "eigyo2@a.co.jp",
        "test@a.co.jp",
        "taro@example.com",
        "keisoku@a.co.jp",
        "hello@a.co.jp",
        "Hello@A.co.jp",
        "not an address",
        "",
        None,
    ],
)
def test_addresses_that_are_no_key(address: str | None) -> None:
    rules = IdentityRules(shared_mailboxes=("keisoku", "hello@a.co.jp"))

    assert [key.kind for key in keys_of(person("ma/visitor/7", email=address), rules).keys] == ["id"]


@pytest.mark.parametrize("blank", [None, "", " ", "0", "0000", "-", False])
def test_blanks_are_no_keys(blank: Value) -> None:
    rules = IdentityRules.model_validate({"ids": ({"in": "ma", "field": "sfid", "means": "sfa/Contact"},)})
    keys = keys_of(person("ma/visitor/7", key=str(blank or ""), native={"sfid": blank}), rules).keys

    assert keys == (Key("id", "ma/visitor/7"),)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"family_name": "山田", "given_name": "太郎", "name": "山田 太郎"}, Name("山田太郎", "山田")),
        ({"name": "山田　太郎"}, Name("山田太郎", "山田")),
        ({"name": "山田太郎"}, Name("山田太郎")),
        ({"name": "山田太郎 様"}, Name("山田太郎")),
        ({"family_name": "東海林"}, Name("東海林", "東海林")),
        ({"name": "Taro Yamada"}, Name("taro yamada")),
        ({"family_kana": "ﾔﾏﾀﾞ", "given_kana": "ﾀﾛｳ"}, Name("やまだたろう", "やまだ")),
        ({"name": "-"}, None),
        ({}, None),
    ],
)
def test_the_name_of_a_record(fields: dict[str, Value], name: Name | None) -> None:
    assert keys_of(Person(ref(7), fields), RULES).name == name


ANY_TEXT = st.text(st.characters(exclude_categories=()))


@given(st.dictionaries(st.sampled_from(["email", "name", "company", "family_name", "family_kana"]), ANY_TEXT), ANY_TEXT)
def test_no_text_is_too_strange(fields: dict[str, Value], number: str) -> None:
    odd = Person(Ref("ma", "visitor", number), fields, key=number)
    (group,) = identify([keys_of(odd, RULES)], RULES)

    assert new_id(group).startswith("p")


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ("山田太郎", "山田太郎", True),
        ("山田太郎", "山田", True),
        ("山田 太郎", "山田 太朗", True),
        ("山田太郎", "山田花子", True),
        ("林 誠", "林 誠一", True),
        ("佐藤 花子", "鈴木 花子", True),
        ("山田太郎", "佐藤花子", False),
        ("山田太郎", "佐藤", False),
        ("佐藤", "山田 太郎", False),
        ("田中 一郎", "鈴木 次郎", False),
        ("林 誠", "森 学", False),
        ("Taro Yamada", "T. Yamada", True),
        ("T. Yamada", "T. Suzuki", False),
        ("やまだ たろう", "さとう はなこ", False),
    ],
)
def test_names_that_may_be_one_persons(one: str, other: str, agree: bool) -> None:
    a, b = Name.of(full=one), Name.of(full=other)
    assert a is not None
    assert b is not None

    assert a.agrees(b) is b.agrees(a) is agree
    assert (agreeing([a, b]) is None) is agree


@pytest.mark.parametrize(
    ("names", "count"),
    [
        ([], 0),
        (["山田太郎", "山田 太郎", "山田"], 1),
        (["山田太郎", "やまだたろう", "Taro Yamada"], 1),
        (["山田太郎", "佐藤花子", "鈴木次郎"], 3),
        (["斉藤一", "齋藤一"], 1),
    ],
)
def test_counting_names_that_differ(names: Sequence[str], count: int) -> None:
    assert different(filter(None, (Name.of(full=name) for name in names))) == count


# --- groups -----------------------------------------------------------------------------------------------------------


def test_an_address_joins_records_of_different_systems() -> None:
    assert groups_of(
        person("ma/visitor/1", email="taro@a.co.jp", name="山田太郎"),
        person("sfa/Contact/9", email=" TARO＠a.co.jp", name="山田　太郎"),
        person("sfa/Contact/8", email="hanako@a.co.jp"),
    ) == {("ma/visitor/1", "sfa/Contact/9"), ("sfa/Contact/8",)}


def test_a_record_that_is_named_by_its_id_is_the_same_person() -> None:
    rules = IdentityRules.model_validate({"ids": ({"in": "ma", "field": "sfid", "means": "sfa/Contact"},)})

    assert groups_of(
        person("ma/visitor/1", native={"sfid": "9"}, name="山田太郎"),
        person("sfa/Contact/9", name="佐藤花子"),
        person("sfa/Lead/9"),
        rules=rules,
    ) == {("ma/visitor/1", "sfa/Contact/9"), ("sfa/Lead/9",)}


def test_our_own_key_joins_but_not_two_names() -> None:
    same = groups_of(person("sfa/Contact/1", key="p1"), person("sfa/Lead/2", key="p1"))
    copied = groups_of(
        person("sfa/Contact/1", key="p1", name="山田太郎"), person("sfa/Contact/2", key="p1", name="佐藤花子")
    )

    assert same == {("sfa/Contact/1", "sfa/Lead/2")}
    assert copied == {("sfa/Contact/1",), ("sfa/Contact/2",)}


def test_role_mailboxes_join_nobody() -> None:
    assert (
        len(groups_of(person("ma/visitor/1", email="info@a.co.jp"), person("ma/visitor/2", email="info@a.co.jp"))) == 2
    )


def test_two_contradicting_names_on_one_address_stay_apart_for_review() -> None:
    shared = email("ab@a.co.jp")
    groups = identify(
        [
            record(1, shared, name="山田太郎"),
            record(2, shared, name="佐藤花子"),
            record(3, shared, name="山田太郎"),
            record(4, shared),
            record(5, shared, name="やまだたろう"),
        ],
        RULES,
    )

    assert refs(groups) == {
        ("ma/visitor/1", "ma/visitor/3"),
        ("ma/visitor/2",),
        ("ma/visitor/4",),  # whose would it be?
        ("ma/visitor/5",),
    }
    assert [(edge.a, edge.b, edge.strength) for edge in groups[0].withheld] == [
        (ref(1), ref(2), 0), (ref(1), ref(4), 0), (ref(1), ref(5), 0),
    ]  # fmt: skip
    assert groups[1].withheld == groups[0].withheld[:1]


def test_more_names_than_allowed_make_an_address_a_shared_mailbox() -> None:
    names = ["山田太郎", "佐藤花子", "鈴木次郎"]
    records = [record(n, email("ab@a.co.jp"), name=name) for n, name in enumerate([*names, *names])]

    assert len(identify(records, RULES)) == 6
    assert all(not group.withheld for group in identify(records, RULES))
    assert len(identify(records, IdentityRules(shared_when_names=3))) == 3


def test_a_shared_mailbox_does_not_part_what_another_key_joins() -> None:
    shared = email("ab@a.co.jp")
    names = ["山田太郎", "佐藤花子", "鈴木次郎"]
    records = [record(n, shared, name=name) for n, name in enumerate(names)]
    records += [record(3, shared, Key("key", "p"), name="山田太郎"), record(4, Key("key", "p"), name="山田太郎")]

    assert ("ma/visitor/3", "ma/visitor/4") in refs(identify(records, RULES))


def test_edges_are_a_spanning_tree_and_tell_the_strongest_reason() -> None:
    (group,) = identify(
        [
            record(1, email("a@a.jp"), name="山田太郎"),
            record(2, email("a@a.jp"), Key("id", str(ref(1)))),
            record(3, email("a@a.jp"), name="山田花子"),
            record(4, email("a@a.jp"), name="山田太郎"),
        ],
        RULES,
    )

    assert [(edge.a, edge.b, edge.rule, edge.strength) for edge in group.edges] == [
        (ref(1), ref(2), "named", 120), (ref(1), ref(4), "E1", 100), (ref(1), ref(3), "E1", 92),
    ]  # fmt: skip


def test_nobody_has_more_records_than_allowed() -> None:
    groups = identify([record(n, email("a@a.jp")) for n in range(30)], RULES)

    assert sorted(len(group.records) for group in groups) == [1] * 5 + [25]
    assert sum(len(group.withheld) for group in groups) == 10


def test_an_address_of_thousands_merges_nobody_and_compares_no_two_names(monkeypatch: pytest.MonkeyPatch) -> None:
    def compared(_: Name, __: Name) -> bool:
        raise AssertionError("pairs of thousands are millions")

    monkeypatch.setattr(Name, "agrees", compared)
    shared = (email("a@a.jp"), Key("key", "k"))
    records = [record(n, *shared, name=f"{chr(0x4E00 + n)}{chr(0x5E00 + n)}") for n in range(5_000)]

    assert len(identify(records, RULES)) == 5_000


# --- any records ------------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(
    [
        "",
        "",
        "山田太郎",
        "山田 太郎",
        "山田",
        "山田花子",
        "佐藤花子",
        "鈴木次郎",
        "やまだたろう",
        "さとう",
        "Taro Yamada",
    ]
)
KEYS = st.one_of(
    st.sampled_from("abcd").map(lambda local: email(f"{local}@a.jp")),
    st.sampled_from("pqr").map(lambda value: Key("key", value)),
    st.integers(0, 11).map(lambda number: Key("id", str(ref(number)))),
)
WEAK = IdentityRules(max_records=4)


@st.composite
def one_record(draw: st.DrawFn) -> Keys:
    keys = draw(st.lists(KEYS, max_size=2))
    return record(draw(st.integers(0, 11)), *keys, name=draw(NAMES))


RECORDS = st.lists(one_record(), max_size=14, unique_by=lambda r: r.ref)


@given(RECORDS, st.randoms(use_true_random=False))
def test_the_order_of_records_does_not_matter(records: list[Keys], dice: Random) -> None:
    shuffled = list(records)
    dice.shuffle(shuffled)

    assert identify(shuffled, WEAK) == identify(records, WEAK)


@given(RECORDS)
def test_groups_hold_every_record_once_and_are_connected_by_their_edges(records: list[Keys]) -> None:
    groups = identify(records, WEAK)
    place = {r: number for number, group in enumerate(groups) for r in group.records}

    assert sorted(map(str, place)) == sorted(str(r.ref) for r in records)
    for group in groups:
        assert len(group.records) <= WEAK.max_records
        assert len(group.edges) == len(group.records) - 1
        assert {r for edge in group.edges for r in (edge.a, edge.b)} <= set(group.records)
        for edge in group.withheld:
            assert place[edge.a] != place[edge.b]
            assert {edge.a, edge.b} & set(group.records)


class Store:
    """Person records and their identities, changed as the engine does it: only the neighbourhood is looked at."""

    def __init__(self) -> None:
        self.records: dict[Ref, Keys] = {}
        self.groups: dict[Ref, Group] = {}
        self.ids: dict[Ref, str] = {}
        self.given: set[str] = set()

    def holders(self, keys: Collection[Key]) -> list[Keys]:
        return [r for r in self.records.values() if set(r.keys) & set(keys)]

    def change(self, changed: Iterable[Keys], deleted: Iterable[Ref]) -> list[Group]:
        after = {r.ref: r for r in changed}
        gone = [r for r in deleted if r not in after]
        before = [self.records[r] for r in [*after, *gone] if r in self.records]
        for r in gone:
            self.records.pop(r, None)
            self.groups.pop(r, None)
            self.ids.pop(r, None)
        self.records |= after
        groups = reidentify(before, after.values(), self.holders, WEAK)
        near = {r for group in groups for r in group.records}
        known = {r: identity for r, identity in self.ids.items() if r in near}
        ids = keep_ids(groups, known, {}, new_id, self.given - set(known.values()))
        self.groups |= {r: group for group in groups for r in group.records}
        self.ids |= ids
        self.given |= set(ids.values())
        return list(groups)


CHANGES = st.lists(
    st.tuples(
        st.lists(one_record(), max_size=3, unique_by=lambda r: r.ref), st.lists(st.integers(0, 11).map(ref), max_size=2)
    ),
    min_size=1,
    max_size=8,
)


@given(CHANGES)
def test_resolving_the_neighbourhood_gives_what_resolving_everything_gives(
    changes: list[tuple[list[Keys], list[Ref]]],
) -> None:
    store = Store()
    for changed, deleted in changes:
        ids = dict(store.ids)
        looked_at = store.change(changed, deleted)

        everything = identify(store.records.values(), WEAK)
        assert set(store.groups.values()) == set(everything)
        near = {r for group in looked_at for r in group.records}
        assert {r: store.ids[r] for r in store.ids if r not in near} == {
            r: identity for r, identity in ids.items() if r not in near and r in store.records
        }
        by_group = {store.ids[group.records[0]] for group in everything}
        assert len(by_group) == len(everything)
        assert all(store.ids[r] == store.ids[group.records[0]] for group in everything for r in group.records)


def test_a_shared_mailbox_leads_nowhere() -> None:
    shared = email("ab@a.co.jp")
    store = Store()
    names = ["山田太郎", "佐藤花子", "鈴木次郎", "高橋三郎"]
    store.change([record(n, shared, email(f"{n}@a.jp"), name=name) for n, name in enumerate(names)], [])

    at_the_mailbox = store.change([record(8, shared, email("0@a.jp"), name="山田太郎")], [])
    beside_it = store.change([record(9, email("0@a.jp"), name="山田太郎")], [])

    assert refs(at_the_mailbox) == {("ma/visitor/0", "ma/visitor/8")}
    assert refs(beside_it) == {("ma/visitor/0", "ma/visitor/8", "ma/visitor/9")}


def test_who_leaves_a_shared_mailbox_lets_the_others_join() -> None:
    shared = email("ab@a.co.jp")
    store = Store()
    names = ["山田太郎", "佐藤花子", "鈴木次郎", "山田太郎"]
    store.change([record(n, shared, name=name) for n, name in enumerate(names)], [])
    assert len(store.groups) == 4

    store.change([record(2, name="鈴木次郎")], [])

    assert store.ids[ref(0)] == store.ids[ref(3)]


# --- ids --------------------------------------------------------------------------------------------------------------


def group(*numbers: int) -> Group:
    return Group(tuple(ref(number) for number in numbers))


def test_a_new_id_comes_from_the_first_record() -> None:
    assert new_id(group(1, 2)) == new_id(group(1, 3)) != new_id(group(2, 3))
    assert len(new_id(group(1))) == 17


def test_a_lost_store_finds_the_same_ids_again() -> None:
    groups = [group(1, 2), group(3)]

    assert keep_ids(groups, {}, {}) == keep_ids(list(reversed(groups)), {}, {})


@pytest.mark.parametrize(
    ("groups", "before", "ids"),
    [
        pytest.param([group(1, 2, 3)], {1: "a", 2: "b", 3: "b"}, {1: "b", 2: "b", 3: "b"}, id="merged: most records"),
        pytest.param([group(1, 2)], {1: "b", 2: "a"}, {1: "b", 2: "b"}, id="merged: the first record decides"),
        pytest.param([group(1), group(2, 3)], {1: "a", 2: "a", 3: "a"}, {2: "a", 3: "a"}, id="split: the larger part"),
        pytest.param([group(1), group(2)], {1: "a", 2: "a"}, {1: "a"}, id="split: the first record decides"),
        pytest.param(
            [group(1, 2, 3), group(4)],
            {1: "a", 2: "a", 3: "b", 4: "b"},
            {1: "a", 2: "a", 3: "a", 4: "b"},
            id="moved: each id to one group",
        ),
        pytest.param([group(1, 2)], {2: "a"}, {1: "a", 2: "a"}, id="joined by a new record"),
    ],
)
def test_ids_stay(groups: list[Group], before: dict[int, str], ids: dict[int, str]) -> None:
    kept = keep_ids(groups, {ref(n): name for n, name in before.items()}, {})

    assert {n: kept[ref(n)] for n in ids} == ids
    assert len(set(kept.values())) == len(groups)


def test_a_part_that_split_off_with_the_first_record_gets_an_id_of_its_own() -> None:
    first = new_id(group(1, 2, 3))
    ids = keep_ids([group(1), group(2, 3)], dict.fromkeys([ref(1), ref(2), ref(3)], first), {})

    assert ids[ref(2)] == ids[ref(3)] == first
    assert ids[ref(1)] not in {first, new_id(group(2, 3))}


def test_the_id_named_in_the_sfa_is_taken_when_it_is_free_and_nobody_else_names_it() -> None:
    named = {ref(2): "p-sfa", ref(3): "p-twice", ref(4): "p-twice", ref(5): "p-elsewhere", ref(6): "p-before"}
    groups = [group(1, 2), group(3), group(4), group(5), group(6), group(7)]
    ids = keep_ids(groups, {ref(7): "p-before"}, named, taken={"p-elsewhere"})

    assert ids[ref(1)] == ids[ref(2)] == "p-sfa"
    for number in (3, 4, 5, 6):
        assert ids[ref(number)] == new_id(group(number))


def test_a_named_id_goes_before_a_new_one_that_is_the_same() -> None:
    first = new_id(group(1))
    ids = keep_ids([group(1), group(2, 3)], {}, {ref(2): first})

    assert ids[ref(2)] == ids[ref(3)] == first
    assert ids[ref(1)] != first


def test_no_new_id_is_given_twice() -> None:
    ids = keep_ids([group(1), group(2), group(3)], {}, {}, lambda _: "p")

    assert len(set(ids.values())) == 3


def test_an_identity_that_has_an_id_does_not_change_it_for_a_named_one() -> None:
    assert keep_ids([group(1)], {ref(1): "mine"}, {ref(1): "other"})[ref(1)] == "mine"


# --- companies --------------------------------------------------------------------------------------------------------

AOBA = Keys(ref(1), (), company="青葉", corporate_number="7000012050002", domain="aoba.co.jp")


def test_the_name_of_a_company_makes_its_id_and_the_number_where_there_is_no_name() -> None:
    assert company_id_of("青葉", None) == company_id_of("青葉", "7000012050002") != company_id_of("若葉", None)
    assert str(company_id_of("青葉", None)).startswith("c")
    assert company_id_of(None, "7000012050002") not in {None, company_id_of("7000012050002", None)}
    assert company_id_of(None, None) is None


def test_the_domain_assigns_only_where_nothing_else_does_and_to_one_company_only() -> None:
    known = {"aoba.co.jp": {"c1"}, "group.co.jp": {"c1", "c2"}}
    nameless = replace(AOBA, company=None, corporate_number=None)

    assert assign_company(AOBA, known) == company_id_of("青葉", None)
    assert assign_company(nameless, known) == "c1"
    assert assign_company(replace(nameless, domain="group.co.jp"), known) is None
    assert assign_company(replace(nameless, domain="new.co.jp"), known) is None
    assert assign_company(replace(nameless, domain=None), known) is None


def test_connects_is_told_by_all_holders_of_a_key() -> None:
    held = [record(1, name="山田太郎"), record(2, name="佐藤花子"), record(3, name="鈴木次郎")]

    assert not connects(email("a@a.jp"), held[:1], RULES)
    assert connects(email("a@a.jp"), held[:2], RULES)
    assert not connects(email("a@a.jp"), held, RULES)
    assert connects(Key("id", "x"), held, RULES)
