from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.model import Person, Ref, Value
from connector.rules.compare import Name
from connector.rules.identify import IdentityRules, Key, Keys, keys_of, mailbox_of
from connector.spec import Mark, parse, read_yaml_text

RULES = IdentityRules()
NAMED = IdentityRules.model_validate({"ids": ({"in": "ma", "field": "sfid", "means": "sfa/Contact"},)})


def person(ref: str, key: str | None = None, native: Mapping[str, Value] | None = None, **fields: Value) -> Person:
    system, kind, number = ref.split("/")
    return Person(Ref(system, kind, number), fields, native or {}, key)


def keys(rules: IdentityRules = RULES, /, **fields: Value) -> Keys:
    return keys_of(Person(Ref("ma", "visitor", "7"), fields), rules)


# --- the block of YAML ------------------------------------------------------------------------------------------------


def rules_from(content: str) -> tuple[IdentityRules | None, list[str]]:
    root, problems = read_yaml_text(content, "identity.yaml")
    assert not problems
    built, problems = parse(IdentityRules, root, Mark("identity.yaml", 1, 1))
    return built, [str(problem) for problem in problems]


def test_rules_are_read_from_yaml() -> None:
    built, problems = rules_from(
        """
join_by: [email, mobile]
plus_tags: keep
shared_mailboxes: [keisoku, hello@a.co.jp]
shared_when_names: 3
switchboard_when_names: 2
departments: review
max_records: 40
free_mail: cable.example.jp
ids:
  - {in: shanon, field: sfdcContactId, means: salesforce/Contact}
"""
    )

    assert not problems
    assert built is not None
    assert built.join_by == ("email", "mobile")
    assert (built.shared_when_names, built.switchboard_when_names, built.max_records) == (3, 2, 40)
    assert built.departments == "review"
    assert (built.ids[0].system, built.ids[0].object, built.ids[0].means) == ("shanon", None, "salesforce/Contact")
    assert built.free_mail == ("cable.example.jp",)


def test_without_a_word_everything_that_proved_right_joins() -> None:
    built, problems = rules_from("{}")

    assert not problems
    assert built is not None
    assert built.model_dump() == IdentityRules().model_dump()
    assert built.join_by == ("email", "shared_mailbox", "mobile", "name_and_company", "name_and_phone")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("shared_mailboxes: [a@]", "identity.yaml:1:20: 'a@' is not a mail address"),
        ("ids:\n  - {in: ma, field: x, means: salesforce}", "identity.yaml:2:31: 'salesforce' does not name a kind"),
        ("shared_when_names: 0", "identity.yaml:1:20: shared_when_names"),
        ("switchboard_when_names: 0", "identity.yaml:1:25: switchboard_when_names"),
        ("max_records: 1", "identity.yaml:1:14: max_records"),
        ("departments: yes", "identity.yaml:1:14: departments"),
        ("join_by: [phone]", "identity.yaml:1:11: join_by"),
        ("plus_tag: keep", "identity.yaml:1:1: unknown key 'plus_tag'"),
    ],
)
def test_mistakes_in_yaml_are_shown_where_they_stand(content: str, problem: str) -> None:
    _, problems = rules_from(content)

    assert len(problems) == 1
    assert problems[0].startswith(problem)


# --- keys -------------------------------------------------------------------------------------------------------------


def test_keys_of_a_record() -> None:
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
            department="営業部　第一課",
            phone="090-1234-5678",
        ),
        NAMED,
    )

    mail, mobile, name = "taro@aoba.co.jp", "+819012345678", "山田太郎"
    assert of.keys[:6] == (
        Key("id", "ma/visitor/7"),
        Key("id", "sfa/Contact/42"),
        Key("key", "p123"),
        Key("email", mail),
        Key("mailbox_name", f"{mail}\t{name}"),
        Key("mobile", mobile),
    )
    assert {key.kind for key in of.keys[6:]} == {"name_company", "name_phone"}
    assert {f"n:7000012050002\t{name}", f"c:青葉製作所\t{name}", f"d:aoba.co.jp\t{name}"} <= {*of.of("name_company")}
    assert of.name == Name(name, "山田")
    assert (of.company, of.corporate_number, of.domain) == ("青葉製作所", "7000012050002", "aoba.co.jp")
    assert (of.mailbox, of.role, of.mobile, of.department) == (mail, False, mobile, "営業部 第一課")


@pytest.mark.parametrize(
    ("address", "mailbox"),
    [
        ("taro@tokyo.aoba.co.jp", "taro@aoba.co.jp"),
        ("taro@mail.aoba.com", "taro@aoba.com"),
        ("taro+seminar@aoba.co.jp", "taro@aoba.co.jp"),
        ("taro@city.kobe.jp", "taro@city.kobe.jp"),
        ("t.a.r.o@gmail.com", "taro@gmail.com"),
        ("taro@i.softbank.jp", "taro@i.softbank.jp"),  # everybody's: its hosts are not one organisation's
        ("taro@aoba.co.p", "taro@aoba.co.p"),  # no such ending: no organisation, but an address all the same
        ("taro@example.com", None),
        ("taro@mail.example.co.jp", "taro@example.co.jp"),
        ("not an address", None),
        ("", None),
    ],
)
def test_the_mailbox_of_an_address_is_at_the_domain_of_the_organisation(address: str, mailbox: str | None) -> None:
    assert mailbox_of(address, RULES) == keys(email=address).mailbox == mailbox


def test_an_address_keeps_its_tag_where_the_rules_say_so() -> None:
    assert mailbox_of("taro+news@aoba.co.jp", IdentityRules(plus_tags="keep")) == "taro+news@aoba.co.jp"


def test_more_free_mail_says_nothing_about_the_employer() -> None:
    rules = IdentityRules(free_mail=("Cable.example.jp",))

    assert keys(email="taro@a.cable.example.jp").domain == "example.jp"
    assert keys(rules, email="taro@a.cable.example.jp").domain is None
    assert keys(rules, email="taro@a.cable.example.jp").mailbox == "taro@a.cable.example.jp"


@pytest.mark.parametrize(
    "address",
    [
        "info@a.co.jp",
        "eigyo2@a.co.jp",
        "test@a.co.jp",
        "info@tokyo.a.co.jp",
        "keisoku@a.co.jp",
        "hello@a.co.jp",
        "Hello@A.co.jp",
        "hello@tokyo.a.co.jp",
        "hello+x@a.co.jp",
    ],
)
def test_an_address_of_a_role_is_a_key_only_together_with_a_name_or_with_none(address: str) -> None:
    rules = IdentityRules(shared_mailboxes=("Keisoku", "hello@a.co.jp"))
    named, nameless = keys(rules, email=address, name="山田太郎"), keys(rules, email=address)

    assert named.role
    assert not list(named.of("email"))
    assert list(named.of("mailbox_name")) == [f"{named.mailbox}\t山田太郎"]
    assert [key.kind for key in nameless.keys] == ["id", "mailbox_name"]
    assert list(nameless.of("mailbox_name")) == [f"{named.mailbox}\t"]


def test_a_personal_address_without_a_name_is_a_key_by_itself() -> None:
    assert keys(email="taro@a.co.jp").keys == (Key("id", "ma/visitor/7"), Key("email", "taro@a.co.jp"))


@pytest.mark.parametrize("address", ["taro@example.com", "info@example.org", "not an address", "taro@", "", None])
def test_addresses_that_are_no_key(address: str | None) -> None:
    of = keys(email=address, name="山田太郎")

    assert [key.kind for key in of.keys] == ["id"]
    assert (of.mailbox, of.domain, of.role) == (None, None, False)


@pytest.mark.parametrize("blank", [None, "", " ", "0", "0000", "-", "00-00", "－", False])
def test_blanks_are_no_keys(blank: Value) -> None:
    of = keys_of(person("ma/visitor/7", key=str(blank or ""), native={"sfid": blank}), NAMED)

    assert of.keys == (Key("id", "ma/visitor/7"),)


def test_the_id_in_another_system_is_read_only_from_the_records_that_have_the_field() -> None:
    rules = IdentityRules.model_validate(
        {"ids": ({"in": "ma", "object": "visitor", "field": "sfid", "means": "sfa/Contact"},)}
    )

    def named_by(ref: str) -> list[str]:
        return [*keys_of(person(ref, native={"sfid": "9"}), rules).of("id")]

    assert named_by("ma/visitor/7") == ["ma/visitor/7", "sfa/Contact/9"]
    assert named_by("ma/company/7") == ["ma/company/7"]
    assert named_by("other/visitor/7") == ["other/visitor/7"]


@pytest.mark.parametrize(
    ("phones", "mobile"),
    [
        ({"mobile": "090-1234-5678"}, "+819012345678"),
        ({"phone": "０９０（１２３４）５６７８"}, "+819012345678"),
        ({"phone": "080-1234-5678", "mobile": "090-1234-5678"}, "+819012345678"),
        ({"phone": "090-1234-5678", "mobile": "03-1234-5678"}, "+819012345678"),
        ({"phone": "03-1234-5678"}, None),
        ({"mobile": "03-1234-5678"}, None),
        ({"mobile": "0120-123-456"}, None),
        ({"mobile": "050-1234-5678"}, None),
        ({"mobile": "なし"}, None),
        ({"mobile": ""}, None),
    ],
)
def test_only_a_mobile_number_is_a_key(phones: dict[str, Value], mobile: str | None) -> None:
    of = keys(**phones)

    assert of.mobile == mobile
    assert list(of.of("mobile")) == ([mobile] if mobile else [])
    assert {key.kind for key in of.keys} <= {"id", "mobile"}


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "山田"},
        {"family_name": "長谷川"},
        {"name": "長谷川"},
        {"name": "やまだ"},
        {"name": "Yamada"},
        {"name": "ご担当者様"},
        {"name": ""},
    ],
)
def test_what_is_not_a_whole_name_is_no_key_with_a_company(fields: dict[str, Value]) -> None:
    of = keys(**fields, company="青葉", corporate_number="7000012050002", email="taro@aoba.co.jp")

    assert not list(of.of("name_company"))


@pytest.mark.parametrize(
    ("fields", "forms"),
    [
        ({"name": "山田 太郎"}, {"山田太郎"}),
        ({"name": "髙橋 健"}, {"高橋健"}),
        ({"family_name": "林", "given_name": "誠"}, {"林誠"}),
        ({"name": "やまだ たろう"}, {"yamadataro"}),
        ({"name": "Yamada Taro"}, {"taroyamada", "yamadataro"}),
        ({"name": "山田 太郎", "family_kana": "ヤマダ", "given_kana": "タロウ"}, {"山田太郎", "yamadataro"}),
    ],
)
def test_a_name_at_a_company_is_a_key_in_kanji_and_by_its_reading(fields: dict[str, Value], forms: set[str]) -> None:
    of = keys(**fields, company="青葉")

    assert {*of.of("name_company")} == {f"c:青葉\t{form}" for form in forms}


@pytest.mark.parametrize("company", ["", "なし", "個人", "株式会社", None])
def test_no_company_makes_no_key(company: str | None) -> None:
    assert not list(keys(name="山田 太郎", company=company).of("name_company"))


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"family_name": "山田", "given_name": "太郎", "name": "山田 太郎"}, Name("山田太郎", "山田")),
        ({"name": "山田　太郎"}, Name("山田太郎", "山田")),
        ({"name": "山田太郎"}, Name("山田太郎")),
        ({"name": "山田太郎 様"}, Name("山田太郎")),
        ({"family_name": "東海林"}, Name("東海林", "東海林")),
        ({"given_name": "太郎"}, Name("太郎")),
        (
            {"name": "Taro Yamada"},
            Name(
                "taro yamada",
                None,
                frozenset(("taroyamada", "yamadataro")),
                frozenset(("taro", "yamada")),
                "latin",
            ),
        ),
        (
            {"family_kana": "ﾔﾏﾀﾞ", "given_kana": "ﾀﾛｳ"},
            Name(
                "やまだたろう",
                "やまだ",
                frozenset(("yamadataro",)),
                frozenset(("yamada", "taro")),
                "kana",
                "やまだたろう",
            ),
        ),
        (
            {"name": "山田 太郎", "family_kana": "ヤマダ　タロウ"},  # systems with one field for the reading
            Name("山田太郎", "山田", frozenset(("yamadataro",)), frozenset(("yamada", "taro")), kana="やまだたろう"),
        ),
        ({"name": "山田 太郎", "family_kana": "山田", "given_kana": "taro"}, Name("山田太郎", "山田")),
        ({"name": "-"}, None),
        ({"name": "2024年1月1日"}, None),
        ({}, None),
    ],
)
def test_the_name_of_a_record(fields: dict[str, Value], name: Name | None) -> None:
    assert keys(**fields).name == name


@pytest.mark.parametrize("value", [0, 42, 1.5, False, True])
def test_numbers_in_fields_of_text_say_what_they_say(value: Value) -> None:
    of = keys(email=value, name=value, phone=value)

    assert (of.mailbox, of.name, of.mobile) == (None, None, None)


# --- any record -------------------------------------------------------------------------------------------------------

ANY_TEXT = st.text(st.characters(exclude_categories=()))
READ = [
    "email", "name", "family_name", "given_name", "family_kana", "given_kana", "company", "corporate_number",
    "department", "phone", "mobile",
]  # fmt: skip


@given(st.dictionaries(st.sampled_from(READ), ANY_TEXT), ANY_TEXT, ANY_TEXT)
def test_no_text_is_too_strange(fields: dict[str, Value], number: str, native: str) -> None:
    of = keys_of(Person(Ref("ma", "visitor", number), fields, {"sfid": native}, key=number), NAMED)

    assert of == keys_of(Person(Ref("ma", "visitor", number), dict(fields), {"sfid": native}, key=number), NAMED)
    assert len(set(of.keys)) == len(of.keys)
    assert Key("id", f"ma/visitor/{number}") in of.keys


@pytest.mark.parametrize("field", READ)
@pytest.mark.parametrize(
    "text",
    [
        "山" * 10_000,
        "ヤ" * 10_000,
        "a " * 5_000,
        "a@" * 5_000,
        "0" * 10_000,
        "\x00\x07\x1b",
        "\ud83d\udc00",
        "\u202e\u200f\u200b",
        "\u0301" * 1_000,
        "2024-01-01",
    ],
    ids=["long", "kana", "words", "addresses", "zeros", "control", "surrogates", "marks", "accents", "date"],
)
def test_what_is_no_value_is_no_key(field: str, text: str) -> None:
    of = keys(**{field: text})

    assert of.keys == (Key("id", "ma/visitor/7"),)
