"""Writing to the emulated SMP: leads, lists, and bodies that it doesn't take."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connector.sandbox.shanon import Choice, ShanonEmulator
from tests.unit.sandbox.shanon_client import NS, Caller

FULL = "<Name1>山田</Name1><Name2>太郎</Name2><Email>taro@example.jp</Email>"


@pytest.fixture
def smp() -> ShanonEmulator:
    return ShanonEmulator()


@pytest.fixture
def caller(smp: ShanonEmulator) -> Caller:
    return Caller(smp)


@pytest.fixture
def lead(smp: ShanonEmulator) -> int:
    return smp.add_visitor({"Name1": "山田", "Name2": "太郎", "Email": "taro@example.jp"})


def test_a_new_lead_has_what_smp_fills_in(smp: ShanonEmulator, caller: Caller) -> None:
    answer = caller.write("POST", "visitor", "VisitorData", FULL)
    assert (answer.status, answer.text) == (201, "")
    [row] = caller.get("visitor").root
    assert row.findtext(f"{NS}UserId") != row.findtext(f"{NS}Id")
    assert row.findtext(f"{NS}UnsubscribeStatus") == "0"
    assert row.findtext(f"{NS}PermissionType/{NS}PermissionTypeName") == "希望する"
    assert row.findtext(f"{NS}EmailValid/{NS}EmailValidId") == "1"
    assert row.findtext(f"{NS}Prefecture/{NS}PrefectureName") == ""
    assert row.find(f"{NS}CompanyName") is None


def test_a_put_changes_what_it_names_and_the_time(smp: ShanonEmulator, caller: Caller, lead: int) -> None:
    before = smp.visitor(lead)
    smp.clock.advance(timedelta(seconds=5))
    answer = caller.put(f"<Id>{lead}</Id><Attribute12>予算</Attribute12>")
    assert (answer.status, answer.text) == (200, "")
    after = smp.visitor(lead)
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    assert changed == {"Attribute12", "DateUpdate"}


def test_an_empty_element_empties_the_field(smp: ShanonEmulator, caller: Caller, lead: int) -> None:
    smp.update_visitor(lead, {"Tel": "03", "Attribute21": 1})
    assert caller.put(f"<Id>{lead}</Id><Tel/><Attribute21List/><EmailSendErrorCount/>").status == 200
    [row] = caller.get("visitor").root
    assert row.find(f"{NS}EmailSendErrorCount") is None
    assert row.find(f"{NS}Tel") is None
    assert row.find(f"{NS}Attribute21List") is None


@pytest.mark.parametrize(
    ("inside", "chosen"),
    [
        ("<Attribute21>2</Attribute21>", [2]),
        ("<Attribute21List><Attribute21>2</Attribute21></Attribute21List>", [2]),
        ("<Attribute21List><Attribute21><Attribute21Id>2</Attribute21Id></Attribute21></Attribute21List>", [2]),
        ("<Attribute22List><Attribute22>1</Attribute22><Attribute22>3</Attribute22></Attribute22List>", [1, 3]),
    ],
)
def test_choices_can_be_written_in_each_form(
    smp: ShanonEmulator, caller: Caller, lead: int, inside: str, chosen: list[int]
) -> None:
    assert caller.put(f"<Id>{lead}</Id>{inside}").status == 200
    name = inside[1:12]
    value = smp.visitor(lead)[name]
    assert isinstance(value, tuple)
    assert [choice.id for choice in value if isinstance(choice, Choice)] == chosen
    read = caller.get("visitor").root[0].findall(f"{NS}{name}List/{NS}{name}/{NS}{name}Id")
    assert [int(element.text) for element in read] == chosen


@pytest.mark.parametrize(
    "inside",
    [
        "<Nonsense>1</Nonsense>",
        "<Attribute99>1</Attribute99>",
        "<Attributex>1</Attributex>",
        "<DateUpdate>2018-01-01T00:00:00+09:00</DateUpdate>",
        "<UserId>1</UserId>",
        "<Tel>1</Tel><Tel>2</Tel>",
        f"<Attribute1>{'あ' * 256}</Attribute1>",
        f"<Memo>{'あ' * 4001}</Memo>",
        "<UnsubscribeStatus>2</UnsubscribeStatus>",
        "<EmailSendErrorCount>many</EmailSendErrorCount>",
        "<PermissionType>yes</PermissionType>",
        "<PermissionType><PermissionTypeName>希望する</PermissionTypeName></PermissionType>",
        "<Attribute1List><Attribute1>1</Attribute1></Attribute1List>",
        "<Attribute21List><Attribute21>1</Attribute21><Attribute21>2</Attribute21></Attribute21List>",
        "<Attribute21List><Attribute22>1</Attribute22></Attribute21List>",
        "stray",
    ],
)
def test_a_field_that_is_not_acceptable_changes_nothing(
    smp: ShanonEmulator, caller: Caller, lead: int, inside: str
) -> None:
    before = smp.visitor(lead)
    answer = caller.put(f"<Id>{lead}</Id><Fax>1</Fax>{inside}")
    assert (answer.status, answer.name, answer.code) == (400, "Response", "InvalidItem")
    assert smp.visitor(lead) == before


def test_text_may_be_as_long_as_the_limit(caller: Caller, lead: int) -> None:
    assert caller.put(f"<Id>{lead}</Id><Attribute1>{'あ' * 255}</Attribute1><Memo>{'あ' * 4000}</Memo>").status == 200


@pytest.mark.parametrize(
    "inside",
    [
        "<Tel>03</Tel>",
        "<Name1/><Name2>太郎</Name2><Email>taro@example.jp</Email>",
        "<Name1>山田</Name1><Name2>太郎</Name2><Email>taro</Email>",
        f"{FULL}<PermissionType><PermissionTypeId>9</PermissionTypeId></PermissionType>",
        f"{FULL}<Attribute21>9</Attribute21>",
    ],
)
def test_the_check_of_items_can_be_left_out(caller: Caller, lead: int, inside: str) -> None:
    body = f"<Id>{lead}</Id>{inside}"
    assert caller.put(body, ignore_itemcheck="").code == "InvalidItem"
    assert caller.put(body).status == 200


def test_an_unknown_or_missing_id_is_refused(caller: Caller, lead: int) -> None:
    assert (caller.put("<Id>999</Id><Tel>1</Tel>").status, caller.put("<Tel>1</Tel>").status) == (404, 400)
    assert caller.write("POST", "visitor", "VisitorData", f"<Id>{lead}</Id>{FULL}").status == 400


def test_upsert_changes_or_registers_by_its_key(smp: ShanonEmulator, caller: Caller, lead: int) -> None:
    by_email = {"upsert": "1", "update_key": "Email"}
    assert caller.put("<Email>TARO@example.jp</Email><Tel>03</Tel>", **by_email).status == 200
    assert smp.visitor(lead)["Tel"] == "03"
    assert caller.put("<Email>jiro@example.jp</Email><Name1>鈴木</Name1>", **by_email).status == 201
    assert len(smp.visitors()) == 2
    by_both = {"upsert": "1", "update_key": "Email:Name1"}
    assert caller.put("<Email>jiro@example.jp</Email><Name1>佐藤</Name1>", **by_both).status == 201
    assert caller.put("<Email>jiro@example.jp</Email><Tel>1</Tel>", **by_email).code == "InvalidItem"


@pytest.mark.parametrize(
    ("inside", "key"),
    [("<Id>1</Id><Email>taro@example.jp</Email>", "Email"), ("<Tel>1</Tel>", "Email"), ("<Tel>1</Tel>", "Nothing")],
)
def test_upsert_wants_its_key_and_no_id(caller: Caller, lead: int, inside: str, key: str) -> None:
    assert caller.put(inside, upsert="1", update_key=key).status == 400


def test_empty_upsert_and_key_mean_a_plain_update(smp: ShanonEmulator, caller: Caller, lead: int) -> None:
    assert caller.put(f"<Id>{lead}</Id><Tel>03</Tel>", upsert="", update_key="").status == 200


def test_opting_out_carries_its_date(smp: ShanonEmulator, caller: Caller, lead: int) -> None:
    smp.unsubscribe(lead)
    [row] = caller.where("visitor", "UnsubscribeStatus", "eq", "1").rows
    assert row["UnsubscribeDate"] == row["DateUpdate"]
    assert caller.put(f"<Id>{lead}</Id><UnsubscribeStatus>0</UnsubscribeStatus>").status == 200
    assert "UnsubscribeDate" not in caller.get("visitor").rows[0]


def test_a_row_fails_on_order(smp: ShanonEmulator, caller: Caller, lead: int) -> None:
    smp.chaos.plan("row_fail", method="PUT", path="/visitor")
    assert caller.put(f"<Id>{lead}</Id><Tel>03</Tel>").status == 400
    assert smp.visitor(lead).get("Tel") is None
    assert caller.put(f"<Id>{lead}</Id><Tel>03</Tel>").status == 200


# --- bodies -----------------------------------------------------------------------------------------------------------

NAMESPACE = 'xmlns="http://smartseminar.jp/"'


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "InvalidXml"),
        ("<VisitorData", "InvalidXml"),
        (f"<VisitorData {NAMESPACE}><Id>1</Attribute1></VisitorData>", "InvalidXml"),
        (f"<!DOCTYPE VisitorData><VisitorData {NAMESPACE}/>", "InvalidXml"),
        (f'<!DOCTYPE x [<!ENTITY e "boom">]><VisitorData {NAMESPACE}><Tel>&e;</Tel></VisitorData>', "InvalidXml"),
        (
            f'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hosts">]><VisitorData {NAMESPACE}>&e;</VisitorData>',
            "InvalidXml",
        ),
        ('<?xml version="1.0" encoding="nonsense"?><VisitorData/>', "InvalidXml"),
        ("<VisitorData><Id>1</Id></VisitorData>", "InvalidItem"),
        ('<VisitorData xmlns="http://example.jp/"><Id>1</Id></VisitorData>', "InvalidItem"),
        (f'<VisitorData {NAMESPACE}><Id xmlns="">1</Id></VisitorData>', "InvalidItem"),
        (f"<Visitor {NAMESPACE}><Id>1</Id></Visitor>", "InvalidItem"),
    ],
)
def test_a_body_that_is_not_smps_xml_is_refused(caller: Caller, lead: int, body: str, code: str) -> None:
    answer = caller.raw("PUT", "visitor", body, ignore_itemcheck="1")
    assert (answer.status, answer.code) == (400, code)


@pytest.mark.parametrize("kind", ["text/xml", "application/json", "application/x-www-form-urlencoded", None])
def test_a_body_must_say_that_it_is_xml(caller: Caller, lead: int, kind: str | None) -> None:
    body = f"<VisitorData {NAMESPACE}><Id>{lead}</Id></VisitorData>".encode()
    assert caller.call("PUT", "visitor", {"ignore_itemcheck": "1"}, data=body, content_type=kind).status == 415


def test_an_unknown_parameter_of_a_write_is_refused(caller: Caller, lead: int) -> None:
    assert caller.put(f"<Id>{lead}</Id>", limit="1").code == "InvalidParameter"


# --- static lists -----------------------------------------------------------------------------------------------------


def _member(caller: Caller, method: str, list_id: int, visitor_id: int) -> int:
    inside = f"<StaticlistId>{list_id}</StaticlistId><VisitorId>{visitor_id}</VisitorId>"
    return caller.write(method, "staticlist/visitor", "StaticlistVisitor", inside).status


def test_members_come_as_ids_only(smp: ShanonEmulator, caller: Caller, lead: int) -> None:
    one, other = smp.create_list("育成"), smp.create_list("配信停止")
    assert _member(caller, "POST", one, lead) == 201
    smp.add_member(other, lead)
    answer = caller.where("staticlist/visitor", "StaticlistId", "eq", str(one), count="1")
    assert (answer.name, answer.root.get("countAll")) == ("StaticlistVisitorList", "1")
    assert answer.rows == [{"StaticlistId": str(one), "VisitorId": str(lead)}]
    assert smp.members(one) == [lead]


def test_twice_is_the_same_as_once(smp: ShanonEmulator, caller: Caller, lead: int) -> None:
    nurture = smp.create_list("育成")
    assert [_member(caller, "POST", nurture, lead) for _ in range(2)] == [201, 201]
    assert smp.members(nurture) == [lead]
    assert [_member(caller, "DELETE", nurture, lead) for _ in range(2)] == [200, 200]
    assert smp.members(nurture) == []


def test_repeats_can_be_refused(smp: ShanonEmulator, caller: Caller, lead: int) -> None:
    smp.refuse_repeats = True
    nurture = smp.create_list("育成")
    assert [_member(caller, "POST", nurture, lead) for _ in range(2)] == [201, 400]
    assert [_member(caller, "DELETE", nurture, lead) for _ in range(2)] == [200, 400]


def test_an_unknown_lead_or_list_is_refused(smp: ShanonEmulator, caller: Caller, lead: int) -> None:
    nurture = smp.create_list("育成")
    assert _member(caller, "POST", nurture, 999) == 404
    assert _member(caller, "POST", 999, lead) == 404
    assert _member(caller, "POST", nurture, lead) == 201
    assert smp.members(nurture) == [lead]


@pytest.mark.parametrize(
    "inside", ["<StaticlistId>1</StaticlistId>", "<StaticlistId>1</StaticlistId><VisitorId>x</VisitorId>"]
)
def test_a_member_needs_both_ids(smp: ShanonEmulator, caller: Caller, inside: str) -> None:
    smp.create_list("育成")
    assert caller.write("POST", "staticlist/visitor", "StaticlistVisitor", inside).status == 400


def test_a_deleted_lead_leaves_its_lists(smp: ShanonEmulator, lead: int) -> None:
    nurture = smp.create_list("育成")
    other = smp.add_visitor({"Name1": "佐藤"})
    for visitor in (lead, other):
        smp.add_member(nurture, visitor)
    smp.delete_visitor(lead)
    assert smp.members(nurture) == [other]
    smp.remove_member(nurture, other)
    assert smp.members(nurture) == []


@pytest.mark.parametrize(
    ("method", "inside"),
    [
        ("POST", ""),
        ("POST", "<Name/>"),
        ("POST", f"<Name>{'あ' * 256}</Name>"),
        ("POST", "<Id>7</Id><Name>a</Name>"),
        ("POST", "<Name>a</Name><Name>b</Name>"),
        ("POST", "<Name><Name>a</Name></Name>"),
        ("PUT", "<Name>a</Name>"),
        ("PUT", "<Id>1</Id><Owner>a</Owner>"),
        ("PUT", "<Id>1</Id><Name>配信停止</Name>"),
    ],
)
def test_a_list_needs_a_name_of_its_own(smp: ShanonEmulator, caller: Caller, method: str, inside: str) -> None:
    smp.create_list("育成")
    smp.create_list("配信停止")
    assert caller.write(method, "staticlist", "Staticlist", inside).status == 400
    assert smp.lists() == {1: "育成", 2: "配信停止"}


def test_lists_are_made_renamed_and_deleted(smp: ShanonEmulator, caller: Caller, lead: int) -> None:
    assert caller.write("POST", "staticlist", "Staticlist", "<Name>育成</Name>").status == 201
    assert caller.write("POST", "staticlist", "Staticlist", "<Name>育成</Name>").status == 400
    [row] = caller.where("staticlist", "Name", "eq", "育成").rows
    smp.add_member(int(row["Id"]), lead)
    assert caller.write("PUT", "staticlist", "Staticlist", f"<Id>{row['Id']}</Id><Name>育成</Name>").status == 200
    renamed = f"<Id>{row['Id']}</Id><Name>失注</Name>"
    assert caller.write("PUT", "staticlist", "Staticlist", renamed).status == 200
    assert smp.lists() == {1: "失注"}
    assert caller.write("DELETE", "staticlist", "Staticlist", f"<Id>{row['Id']}</Id>").status == 200
    assert (smp.lists(), smp.members(1)) == ({}, [])
    assert caller.write("DELETE", "staticlist", "Staticlist", "<Id>1</Id>").status == 404


# --- from Python ------------------------------------------------------------------------------------------------------


def test_python_takes_no_unknown_field_and_no_naive_time(smp: ShanonEmulator, lead: int) -> None:
    with pytest.raises(Exception, match="不明な項目"):
        smp.add_visitor({"Nonsense": "1"})
    with pytest.raises(Exception, match="値が不正"):
        smp.add_visitor({"Name1": ["a", "b"]})
    with pytest.raises(ValueError, match="time zone"):
        smp.add_page_view(lead, "/", "t", smp.clock().replace(tzinfo=None))
    with pytest.raises(KeyError):
        smp.visitor(999)


def test_python_gives_times_of_a_history(smp: ShanonEmulator) -> None:
    then = smp.clock() - timedelta(days=300)
    lead = smp.add_visitor({"Name1": "山田", "DateRegist": then, "DateUpdate": then, "Attribute22": [1, 2]})
    with smp.backdated():
        mail = smp.add_mail(lead, 1, "a", then, opened_at=then + timedelta(hours=1))
    assert smp.visitor(lead)["DateUpdate"] == then.replace(microsecond=0)
    assert smp.visitor(lead)["Attribute22"] == (Choice(1, "製品A"), Choice(2, "製品B"))
    [row] = Caller(smp).where("visitor/mail", "Id", "eq", str(mail)).rows
    assert (row["DateRegist"], row["DateUpdate"]) == (row["DateSend"], row["DateOpen"])
