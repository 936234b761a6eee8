from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from connector.engine.storable import storable
from connector.model import Kind, Membership, Person, Ref, Touchpoint

ANYTHING = st.text(st.characters(), max_size=20)
NOW = datetime(2026, 4, 1, tzinfo=UTC)


def is_storable(text: str) -> bool:
    return "\x00" not in text and text.encode("utf-8", "surrogatepass").decode("utf-8", "replace") == text


@given(ANYTHING, ANYTHING)
def test_whatever_comes_can_be_stored_and_good_text_stays(one: str, other: str) -> None:
    person = storable(Person(Ref("ma", "visitor", one), {"email": other}, {one: 1}))
    touch = storable(Touchpoint(Ref("ma", "t", one), Ref("ma", "v", other), Kind.CALL, NOW, label=one, url=other))
    members = storable(Membership("ma", "list", frozenset({one, other})))

    assert isinstance(person, Person)
    assert isinstance(touch, Touchpoint)
    assert isinstance(members, Membership)
    texts = [person.ref.id, str(person.fields["email"]), *person.native, touch.label, touch.url, *members.members]
    assert all(is_storable(text) for text in texts)
    if is_storable(one) and is_storable(other):
        assert (person.fields["email"], touch.label) == (other, one)
    assert touch.kind is Kind.CALL
