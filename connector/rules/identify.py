"""Who is who (名寄せ): the rules as YAML has them, and what identification knows of a record. `resolve` decides."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field

from connector.errors import text
from connector.model import Person, Ref, Value
from connector.rules.cleanse import (
    corporate_domain,
    corporate_number,
    email_key,
    fold,
    is_role_mailbox,
    mobile_key,
    phone_key,
)
from connector.rules.cleanse_names import company_key
from connector.rules.compare import Name
from connector.spec import Many, Spec, SpecError

# --- the block of mappings/identity.yaml ------------------------------------------------------------------------------


def _stream(value: str) -> str:
    if not re.fullmatch(r"[^/]+/[^/]+", value):
        raise SpecError(
            text("{value!r} does not name a kind of record", "{value!r} はレコードの種類を表していません", value=value),
            text("write system/object, such as salesforce/Contact", "salesforce/Contact のように書いてください"),
        )
    return value


def _mailbox(value: str) -> str:
    if "@" in value and email_key(value) is None:
        raise SpecError(
            text("{value!r} is not a mail address", "{value!r} はメールアドレスではありません", value=value),
            text("write info@example.co.jp, or info for every domain", "info@example.co.jp か、info と書いてください"),
        )
    return value


class ForeignId(Spec):
    """A native field that holds the id of the same person's record in another system."""

    system: str = Field(alias="in")
    """The system whose records have the field."""
    object: str | None = None
    """The kind of record that has it; every mapped one when absent."""
    field: str
    """Its native name."""
    means: Annotated[str, AfterValidator(_stream)]
    """What its value is an id of: `system/object`."""


Joining = Literal["email", "shared_mailbox", "mobile", "name_and_company", "name_and_phone"]


class IdentityRules(Spec):
    """`mappings/identity.yaml`: how records are judged to be one person."""

    join_by: Many[Joining] = ("email", "shared_mailbox", "mobile", "name_and_company", "name_and_phone")
    """What joins records without being asked; what is left out is proposed for review."""
    plus_tags: Literal["strip", "keep"] = "strip"
    """Whether `taro+news@` is the mailbox of `taro@` (strip) or one of its own (keep)."""
    shared_mailboxes: Many[Annotated[str, AfterValidator(_mailbox)]] = ()
    """More mailboxes that several people use: local parts (`eigyo3`) or addresses (`hello@example.co.jp`)."""
    shared_when_names: int = Field(default=2, ge=1)
    """An address with more different names than this is a shared mailbox."""
    switchboard_when_names: int = Field(default=3, ge=1)
    """A mobile number with more different names than this identifies nobody."""
    departments: Literal["ignore", "review"] = "ignore"
    """Whether the same name at the same company is put to review where both departments are known and differ."""
    max_records: int = Field(default=25, ge=2)
    """Most records one person may have; what would join more is withheld."""
    free_mail: Many[str] = ()
    """More mail domains that say nothing about the employer."""
    ids: Many[ForeignId] = ()
    """Native fields that hold another system's record id."""


# --- keys of a record -------------------------------------------------------------------------------------------------

Kind = Literal["was", "same", "id", "key", "email", "mailbox_name", "mobile", "name_company", "name_phone"]
"""What records may have in common.

`was`: the identity that they were until now, which leads to its other records but joins nobody;
`same`: a decision of somebody that they are one person; `id`: a record's own `system/object/id`, or one that it names;
`key`: our external id; `email`: a personal address; `mailbox_name`: any address together with a name (or, in a mailbox
for roles, with none); `mobile`: a mobile number; `name_company`: a whole name together with an organisation;
`name_phone`: ... with a telephone number of whatever line.
"""


class Key(NamedTuple):
    """One thing that records may have in common."""

    kind: Kind
    value: str


@dataclass(frozen=True, slots=True)
class Keys:
    """All that identification needs to know of a person record; a function of the record and the rules alone."""

    ref: Ref
    ties: tuple[Key, ...] = ()
    """Of the kinds `was`, `same`, `id` and `key`."""
    name: Name | None = None
    mailbox: str | None = None
    """The address, at the organisation's domain: its subdomains are folded."""
    role: bool = False
    """The mailbox is for a role, by its name or by the rules."""
    phones: frozenset[str] = frozenset()
    """Every valid number, of whatever line."""
    mobile: str | None = None
    company: str | None = None
    """`company_key`."""
    corporate_number: str | None = None
    domain: str | None = None
    """The organisation's domain, by the mail address."""
    department: str | None = None

    @property
    def keys(self) -> tuple[Key, ...]:
        """Everything that another record may have in common with it."""
        compound: tuple[Kind, ...] = ("email", "mailbox_name", "mobile", "name_company", "name_phone")
        return (*self.ties, *(Key(kind, value) for kind in compound for value in self.of(kind)))

    def of(self, kind: Kind) -> Iterator[str]:
        """The values of its keys of one kind."""
        if kind == "email":
            if self.mailbox and not self.role:
                yield self.mailbox
        elif kind == "mailbox_name":
            if self.mailbox and (self.name or self.role):
                yield f"{self.mailbox}\t{self.name.key if self.name else ''}"
        elif kind == "mobile":
            if self.mobile:
                yield self.mobile
        elif kind == "name_company":
            at = (("n", self.corporate_number), ("c", self.company), ("d", self.domain))
            yield from (f"{sign}:{place}\t{form}" for sign, place in at if place for form in self._whole_names())
        elif kind == "name_phone":
            yield from (f"{phone}\t{form}" for phone in sorted(self.phones) for form in self._whole_names())
        else:
            yield from (value for own, value in self.ties if own == kind)

    def _whole_names(self) -> Iterator[str]:
        """The whole name in every form in which another record may have it."""
        if self.name and self.name.whole:
            if self.name.script == "kanji":
                yield self.name.key
            yield from sorted(self.name.readings)


def keys_of(person: Person, rules: IdentityRules) -> Keys:
    """What identification knows of a record. Blanks and placeholders say nothing."""
    said = person.fields.get
    fields = {name: value if isinstance(value := said(name), str) else _text(value) for name in _READ}
    email = email_key(fields["email"], rules.plus_tags) if fields["email"] else None
    mailbox = domain = None
    role = False
    if email is not None:
        local, _, host = email.rpartition("@")
        if host not in _NOWHERE:
            domain = corporate_domain(host, _lower(rules.free_mail))
            mailbox = f"{local}@{domain}" if domain else email
            role = _is_shared(local, email, mailbox, rules)
    phone, mobile = (phone_key(fields[name]) if fields[name] else None for name in ("phone", "mobile"))
    return Keys(
        person.ref,
        tuple(dict.fromkeys(_ties(person, rules))),
        Name.of(
            fields["family_name"], fields["given_name"], fields["name"], (fields["family_kana"], fields["given_kana"])
        ),
        mailbox,
        role,
        frozenset(filter(None, (phone, mobile))),
        next((mobile_key(each) for each in (mobile, phone) if each and mobile_key(each)), None),
        company_key(fields["company"]) if fields["company"] else None,
        corporate_number(fields["corporate_number"]) if fields["corporate_number"] else None,
        domain,
        fold(fields["department"]).lower() or None if fields["department"] else None,
    )


_READ = (
    "email", "name", "family_name", "given_name", "family_kana", "given_kana", "company", "corporate_number",
    "department", "phone", "mobile",
)  # fmt: skip


def _ties(person: Person, rules: IdentityRules) -> Iterator[Key]:
    yield Key("id", str(person.ref))
    for foreign in rules.ids:
        named = fold(_text(person.native.get(foreign.field)))
        meant = foreign.system == person.ref.system and foreign.object in (None, person.ref.object)
        if meant and _says_something(named):
            yield Key("id", f"{foreign.means}/{named}")
    if person.key and _says_something(own := fold(person.key)):
        yield Key("key", own)


def _text(value: Value) -> str:
    return "" if value is None or isinstance(value, bool) else str(value)


def _says_something(value: str) -> bool:
    """Not blank, and not the zeros and dashes that stand for it."""
    return bool(value.strip("0-"))


# Reserved by RFC 2606; people type them where they must type something.
_NOWHERE = frozenset(("example.com", "example.net", "example.org"))


def _is_shared(local: str, email: str, mailbox: str, rules: IdentityRules) -> bool:
    more = _mailboxes(rules.shared_mailboxes, rules.plus_tags)
    return is_role_mailbox(local) or not more.isdisjoint((local, email, mailbox))


@lru_cache(maxsize=16)
def _mailboxes(entries: tuple[str, ...], plus_tags: Literal["strip", "keep"]) -> frozenset[str]:
    return frozenset(email_key(entry, plus_tags) or fold(entry).lower() for entry in entries)


@lru_cache(maxsize=16)
def _lower(entries: tuple[str, ...]) -> frozenset[str]:
    return frozenset(fold(entry).lower() for entry in entries)


def mailbox_of(address: str, rules: IdentityRules) -> str | None:
    """A mail address as records are indexed by it."""
    return keys_of(Person(Ref("", "", ""), {"email": address}), rules).mailbox
