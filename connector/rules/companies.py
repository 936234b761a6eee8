"""Which company a record speaks of (会社の名寄せ): by 法人番号, else by the core of its name; the domain only helps.

Records spell a company in few ways and many times, so what is resolved are spellings: a spelling is what a record says
of its company, by name, number and domain. Different 法人番号 are different companies, whatever their names. Parent and
subsidiary are different companies too, though they may share a domain: that they belong together is a relation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from rapidfuzz.distance import OSA

from connector.rules.identify import Keys
from connector.rules.ids import digest

ESTABLISHED = 2
"""So many records must spell a company in one way before its domain may speak for it."""
AT_HOME = 4
"""... and before it may be a company of its own there, beside one of the same name that is at home elsewhere."""
SETTLED = max(ESTABLISHED, AT_HOME)
"""When so many use a spelling, one record more decides nothing: not of the spelling, nor of any sum it is part of."""
ALIKE = 0.75
"""How much of two names must be the same for one to be a misspelling of the other (1: all)."""


class Spelling(NamedTuple):
    """What a record says of its company; "" for what it does not say. At least one of the three says something."""

    core: str
    """`company_key`."""
    number: str
    """法人番号."""
    domain: str
    """Of the mail address or the website."""


def spelling_of(keys: Keys) -> Spelling | None:
    """What a person record says of its company; None when it says nothing."""
    spelling = Spelling(keys.company or "", keys.corporate_number or "", keys.domain or "")
    return spelling if any(spelling) else None


def company_id(core: str, number: str) -> str:
    """A stable id for a company: by its 法人番号, else by the core of its name (and the domain, beside a namesake)."""
    return digest("c", f"number:{number}" if number else f"name:{core}")


def companies(counts: Mapping[Spelling, int]) -> Mapping[Spelling, str | None]:
    """The company of each spelling; `counts`: how many records use it. None where nothing decides."""
    return _Book(counts).companies()


class _Book:
    """What the spellings say of each other."""

    def __init__(self, counts: Mapping[Spelling, int]) -> None:
        self.counts = counts
        self.numbers: dict[str, set[str]] = defaultdict(set)
        """The 法人番号 seen with each core."""
        self.numbers_there: dict[tuple[str, str], set[str]] = defaultdict(set)
        """... and at each domain."""
        self.uses: dict[str, int] = defaultdict(int)
        """Records that use each core."""
        self.domains: dict[str, set[str]] = defaultdict(set)
        """Where each core is used."""
        self.uses_there: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        """Records that use each core at each domain."""
        for spelling, count in counts.items():
            core, number, domain = spelling
            if core and number:
                self.numbers[core].add(number)
                self.numbers_there[core, domain].add(number)
            if core:
                self.uses[core] += count
                self.domains[core].add(domain)
                if domain:
                    self.uses_there[domain][core] += count

    def companies(self) -> dict[Spelling, str | None]:
        return {spelling: self._company(spelling) for spelling in self.counts}

    def _company(self, spelling: Spelling) -> str | None:
        core, number, domain = spelling
        if number:
            return company_id("", number)
        if core and not self._stray(core):
            return self._by_name(core, domain)
        return self._meant(core, [domain]) or self._meant(core, self._homes(core)) or self._unknown(core, domain)

    def _meant(self, core: str, domains: Iterable[str]) -> str | None:
        """The company that a stray spelling ("" for none) can only mean at some domains."""
        at_home = [(other, domain) for domain in domains if domain for other in self._at_home(domain)]
        meant = {self._by_name(other, domain) for other, domain in at_home if _may_mean(core, other)}
        return meant.pop() if len(meant) == 1 else None

    def _homes(self, core: str) -> list[str]:
        """The domains that speak for a core: all while it is rare; of one that many use, where several use it."""
        often = self.uses[core] >= AT_HOME
        return [d for d in self.domains[core] if d and (not often or self.uses_there[d][core] >= ESTABLISHED)]

    def _unknown(self, core: str, domain: str) -> str | None:
        return self._by_name(core, domain) if core else None

    def _by_name(self, core: str, domain: str) -> str:
        """A core that several companies bear is one of them where its domain tells which."""
        numbers = self.numbers.get(core, set())
        if len(numbers) > 1:
            numbers = self.numbers_there.get((core, domain), set()) if domain else set()
        elif numbers and self._is_namesake(core, domain):
            return company_id(f"{core}\t{domain}", "")
        return company_id(core, next(iter(numbers)) if len(numbers) == 1 else "")

    def _is_namesake(self, core: str, domain: str) -> bool:
        """Whether a core is at home at a domain without ever showing the 法人番号 that it has at another."""
        at_home = domain and self.uses_there.get(domain, {}).get(core, 0) >= AT_HOME
        if not at_home or self.numbers_there.get((core, domain)):
            return False
        return any(there and self.numbers_there.get((core, there)) for there in self.domains[core])

    def _at_home(self, domain: str) -> list[str]:
        """The cores that are established at a domain; those in Latin letters only where there are no others."""
        there = self.uses_there.get(domain, {})
        cores = [core for core, count in there.items() if count >= ESTABLISHED or self.numbers.get(core)]
        return [core for core in cores if not core.isascii()] or cores

    def _stray(self, core: str) -> bool:
        """A spelling that a domain may speak for: seen once in all, or in Latin letters; never one with a number."""
        return not self.numbers.get(core) and (self.uses[core] < ESTABLISHED or core.isascii())


def _may_mean(core: str, other: str) -> bool:
    """Whether a stray spelling ("" for none) may stand for a core that is at home at its domain."""
    if core in ("", other) or (core.isascii() and not other.isascii()):
        return True
    if abs(len(core) - len(other)) > 1 and (core.startswith(other) or other.startswith(core)):
        return False  # with a word more it is a subsidiary: 青葉システム九州
    return OSA.normalized_similarity(core, other) >= ALIKE


# --- after a change ---------------------------------------------------------------------------------------------------

Sharing = Callable[[Collection[Spelling]], Iterable[tuple[Spelling, int]]]
"""All spellings, and how many records use them, that share the name, the number or the domain with some others."""


def around(changed: Mapping[Spelling, int], by_name: Sharing, by_domain: Sharing) -> Mapping[Spelling, str | None]:
    """The companies of all spellings whose company may differ since some (`changed`) are used more or less often.

    As `companies` would give them for all spellings. `by_name` is asked for those that share a core, `by_domain` for
    those that share a domain.
    """
    known = {spelling: count for spelling, count in changed.items() if count}
    known.update(by_name(changed))
    known.update(by_domain([*changed, *known]))
    known.update(by_name([*changed, *known]))
    concerned = {*changed, *known}
    # What decides about those: who else is at home wherever their names are used, and the numbers of those.
    known.update(by_domain(concerned))
    known.update(by_name(known))
    found = companies(known)
    return {spelling: found[spelling] for spelling in concerned if spelling in found}
