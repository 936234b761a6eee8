"""Who is who (名寄せ): the rules as YAML has them, and what identification knows of a record. `resolve` decides."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, Field

from connector.errors import text
from connector.model import Person, Ref, Value
from connector.rules.cleanse import (
    corporate_domain,
    corporate_number,
    email_key,
    fold,
    is_mobile,
    is_role_address,
    is_role_mailbox,
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
    subdomain: str = ""
    """What was folded."""
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
    _all: tuple[Key, ...] | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def keys(self) -> tuple[Key, ...]:
        """Everything that another record may have in common with it; made when it is first asked for."""
        if self._all is None:
            made = (*self.ties, *[Key(kind, value) for kind, of in COMPOUND.items() for value in of(self)])
            object.__setattr__(self, "_all", made)
            return made
        return self._all

    def of(self, kind: Kind) -> Sequence[str]:
        """The values of its keys of one kind."""
        own = COMPOUND.get(kind)
        return own(self) if own else [value for tie, value in self.ties if tie == kind] if self.ties else ()


def _emails(keys: Keys) -> Sequence[str]:
    return (keys.mailbox,) if keys.mailbox and not keys.role else ()


def _named_mailboxes(keys: Keys) -> Sequence[str]:
    if not keys.mailbox or not (keys.name or keys.role):
        return ()
    return (f"{keys.mailbox}\t{keys.name.key if keys.name else ''}",)


def _mobiles(keys: Keys) -> Sequence[str]:
    return (keys.mobile,) if keys.mobile else ()


def _names_at_companies(keys: Keys) -> Sequence[str]:
    if not keys.name or not (forms := keys.name.forms):
        return ()
    at = (("n", keys.corporate_number), ("c", keys.company), ("d", keys.domain))
    return [f"{sign}:{place}\t{form}" for sign, place in at if place for form in forms]


def _names_with_phones(keys: Keys) -> Sequence[str]:
    if not keys.phones or not keys.name or not (forms := keys.name.forms):
        return ()
    phones = sorted(keys.phones) if len(keys.phones) > 1 else keys.phones
    return [f"{phone}\t{form}" for phone in phones for form in forms]


COMPOUND: Mapping[Kind, Callable[[Keys], Sequence[str]]] = {
    "email": _emails,
    "mailbox_name": _named_mailboxes,
    "mobile": _mobiles,
    "name_company": _names_at_companies,
    "name_phone": _names_with_phones,
}
"""The values of keys that are not ties, by kind; in the order in which a record has them."""


def keys_of(person: Person, rules: IdentityRules) -> Keys:
    """What identification knows of a record. Blanks and placeholders say nothing."""
    return keys_said(person.ref, person.fields, rules, _ties(person, rules))


def name_of(person: Person) -> Name | None:
    """A record's name as it is compared; the rules have no say in it."""
    return keys_said(person.ref, person.fields, _ANY).name


def _itself(value: Any) -> Any:
    return value


def keys_said(
    ref: Ref,
    fields: Mapping[str, Value],
    rules: IdentityRules,
    ties: tuple[Key, ...] = (),
    one: Callable[[Any], Any] = _itself,
) -> Keys:
    """... by its fields alone; `one` may give, for what many records say alike, always the same object."""
    email, full, family, given, family_kana, given_kana, company, number, department, phone, mobile = [
        value if isinstance(value, str) else _text(value) for value in map(fields.get, _READ)
    ]
    mailbox = domain = None
    subdomain = ""
    role = False
    if email and (address := email_key(email, rules.plus_tags)):
        local, _, host = address.rpartition("@")
        if host not in _NOWHERE:
            domain = corporate_domain(host, _lower(rules.free_mail))
            mailbox = f"{local}@{domain}" if domain else address
            subdomain = host.removesuffix(domain) if domain else ""
            role = _is_shared(local, address, mailbox, rules) or (
                host == "gmail.com" and is_role_address(email, rules.plus_tags)
            )
    numbers = [key for raw in (mobile, phone) if raw and (key := phone_key(raw))]
    return Keys(
        ref,
        ties,
        one(Name.of(family, given, full, (family_kana, given_kana))),
        mailbox,
        one(subdomain) if subdomain else "",
        role,
        one(frozenset(numbers)) if numbers else _NO_NUMBERS,
        next(filter(is_mobile, numbers), None) if numbers else None,
        one(company_key(company)) if company else None,
        one(corporate_number(number)) if number else None,
        one(domain) if domain else None,
        one(fold(department).lower() or None) if department else None,
    )


_NO_NUMBERS: frozenset[str] = frozenset()
_ANY = IdentityRules()


_READ = (
    "email", "name", "family_name", "given_name", "family_kana", "given_kana", "company", "corporate_number",
    "department", "phone", "mobile",
)  # fmt: skip


def _ties(person: Person, rules: IdentityRules) -> tuple[Key, ...]:
    ties = [Key("id", str(person.ref))]
    for foreign in rules.ids:
        named = fold(_text(person.native.get(foreign.field)))
        meant = foreign.system == person.ref.system and foreign.object in (None, person.ref.object)
        if meant and _says_something(named):
            ties.append(Key("id", f"{foreign.means}/{named}"))
    if person.key and _says_something(own := fold(person.key)):
        ties.append(Key("key", own))
    return tuple(dict.fromkeys(ties))


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
