"""Made-up values of the same shape, for examples that come from real people.

Equal values become equal ones, and the same person gives the same example every time. Made-up values are counted, never
computed from the real ones: a hash of a telephone number is found out by trying all of them. What a rule could tell
apart stays apart: words that rules name are kept, and addresses fit the same patterns as before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from itertools import chain

from connector.model import PERSON_FIELD_KIND, PERSON_FIELDS, Deal, Person, Ref, Value
from connector.rules.nurture import ListBy
from connector.rules.pattern import name_test, url_test
from connector.rules.plan import Rules
from connector.rules.translate import blank, truth
from connector.rules.when import When

_FAMILY = ("佐藤", "鈴木", "高橋", "田中", "伊藤", "渡辺", "山本", "中村", "小林", "加藤")
_GIVEN = ("花子", "太郎", "陽子", "健一", "美咲", "翔太", "由美", "大輔", "恵子", "誠")
_KANA = ("サトウ", "スズキ", "タカハシ", "タナカ", "イトウ", "ワタナベ", "ヤマモト", "ナカムラ", "コバヤシ", "カトウ")
_GIVEN_KANA = ("ハナコ", "タロウ", "ヨウコ", "ケンイチ", "ミサキ", "ショウタ", "ユミ", "ダイスケ", "ケイコ", "マコト")
_ROMAN = ("Sato", "Suzuki", "Takahashi", "Tanaka", "Ito", "Watanabe", "Yamamoto", "Nakamura", "Kobayashi", "Kato")
_FORMS = re.compile(r"株式会社|有限会社|合同会社|[㈱㈲]|[(（][株有][)）]|\b(?:Co\.,? ?Ltd\.?|Inc\.?|K\.K\.)")
_SALESFORCE = re.compile(r"00[0-9A-Za-z]{13}(?:[0-9A-Za-z]{3})?")
_PREFIXED = re.compile(r"(\d{1,6}-)(\d+)")

_TEXTS: Mapping[str, str] = {
    "department": "部署", "title": "役職", "lead_source": "経路", "address": "東京都千代田区", "prefecture": "東京都",
}  # fmt: skip


class Anonymiser:
    """Made-up values for what one person's facts hold."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._counted: dict[str, dict[str, int]] = {}
        whens = list(whens_of(rules))
        score_rules = [rule for spec in rules.scores.values() for rule in spec.rules]
        touches = [when.touchpoint for when in whens if when.touchpoint]
        self._named = frozenset(_named(rules, whens))
        self._urls = [*dict.fromkeys(chain(*(rule.url for rule in score_rules), *(touch.url for touch in touches)))]
        campaigns = chain(*(rule.campaign for rule in score_rules), *(touch.campaign for touch in touches))
        self._campaigns = [*dict.fromkeys(campaigns)]

    def ref(self, ref: Ref) -> Ref:
        """The record, under an id that says nothing."""
        return Ref(ref.system, ref.object, self._id(ref.system, ref.id))

    def owner(self, system: str, id_: str) -> str:
        """A user's id."""
        return self._id(f"{system} owners", id_)

    def label(self, value: str) -> str:
        """A title, which no rule looks at."""
        return self._counted_text("題名", value) if value else ""

    def word(self, what: str, value: str | None) -> str | None:
        """A stage, product, reason or result: as it is where a rule names it."""
        return value if not value or value in self._named else self._counted_text(what, value)

    def deal_name(self, deal: Deal) -> str:
        """A name without the company's."""
        return self._counted_text("案件", deal.name)

    def url(self, value: str) -> str:
        """An address that fits the same patterns."""
        if not value:
            return ""
        n = self._number("url", value)
        return _alike(value, f"https://www.example.jp/page{n}", self._urls, url_test, _address, n)

    def campaign(self, value: str) -> str:
        """A name that fits the same patterns."""
        if not value:
            return ""
        n = self._number("campaign", value)
        return _alike(value, f"施策{n}", self._campaigns, name_test, str, n)

    def fields(self, person: Person) -> dict[str, Value]:
        """What a record says in our words; blanks are left out."""
        given = {word: person.fields.get(word) for word in PERSON_FIELDS}
        ordered = sorted(given, key=lambda word: word == "name")  # by then its parts are known
        made = {word: self._field(word, given[word]) for word in ordered if not blank(given[word])}
        return {word: made[word] for word in PERSON_FIELDS if word in made}

    def native(self, person: Person) -> dict[str, Value]:
        """What a record's own fields hold of our words and of deals; what is computed is left out and written anew."""
        found: dict[str, Value] = {}
        for mapping in self._rules.people:
            if mapping.system == person.ref.system and person.ref.object in mapping.object:
                for word, rule in mapping.fields.items():
                    value = person.native.get(rule.to)
                    if rule.only in (None, person.ref.object) and not blank(value):
                        found[rule.to] = self._native(word, value, frozenset(rule.values.values()))
        for nurture in self._rules.nurture:
            if nurture.system == person.ref.system:
                for word, to in nurture.carry.items():
                    value = person.native.get(to)
                    if word in ("lost_reason", "product", "stage") and isinstance(value, str):
                        found[to] = self.word(_DEAL_WORDS[word], value)
        return {name: value for name, value in found.items() if not blank(value)}

    def _native(self, word: str, value: Value, spelt: frozenset[str]) -> Value:
        if word not in PERSON_FIELDS or isinstance(value, date):
            return None
        if str(value) in spelt:
            return value
        if word in PERSON_FIELD_KIND:
            return value if truth(value) is not None else None
        return self._field(word, value)

    def _field(self, word: str, value: Value) -> Value:
        if isinstance(value, bool):
            return value
        text = str(value).strip()
        maker: Callable[[str], str] | None = {
            "email": self._email, "name": self._name, "company": self._company, "website": self.url,
            "family_name": lambda name: self._listed("family", name, _FAMILY),
            "given_name": lambda name: self._listed("given", name, _GIVEN),
            "family_kana": lambda name: self._listed("family kana", name, _KANA),
            "given_kana": lambda name: self._listed("given kana", name, _GIVEN_KANA),
        }.get(word)  # fmt: skip
        if maker is not None:
            return maker(text)
        if word in ("phone", "mobile", "postal_code", "corporate_number"):
            return self._digits(word, text)
        return self._counted_text(_TEXTS.get(word, word), text)

    def _email(self, value: str) -> str:
        local, _, domain = value.lower().rpartition("@")
        return f"user{self._number('local', local)}@d{self._number('domain', domain)}.example.jp"

    def _name(self, value: str) -> str:
        """Parts that stand elsewhere as family and given name become what those became."""
        parts = value.split()
        if len(parts) == 1:
            families, givens = self._counted.get("family", {}), self._counted.get("given", {})
            both = next(
                ((f, value[len(f) :]) for f in families if value.startswith(f) and value[len(f) :] in givens), None
            )
            if both is None:
                return self._listed("family", value, _FAMILY)
            return self._listed("family", both[0], _FAMILY) + self._listed("given", both[1], _GIVEN)
        family, *rest = parts
        return " ".join([self._listed("family", family, _FAMILY), *(self._listed("given", p, _GIVEN) for p in rest)])

    def _company(self, value: str) -> str:
        """The legal form stays; one company stays one, however its form is written."""
        core = _FORMS.sub("", value).strip()
        made = f"サンプル{self._number('company', core)}"
        return value.replace(core, made) if core else made

    def _digits(self, kind: str, value: str) -> str:
        """The first two or three digits say which kind of number it is; the others are counted."""
        places = [i for i, letter in enumerate(value) if letter.isdigit()]
        kept = 0 if kind in ("postal_code", "corporate_number") else 3 if re.match(r"0[5789]0", value) else 2
        changed = places[kept:]
        number = str(self._number(kind, "".join(value[i] for i in places))).rjust(len(changed), "0")[-len(changed) :]
        new = dict(zip(changed, number, strict=True)) if changed else {}
        # Nothing but digits and what stands between them: a name behind a number is no number.
        return "".join(new.get(i, letter) for i, letter in enumerate(value) if letter.isdigit() or letter in "-+() ")

    def _id(self, kind: str, value: str) -> str:
        n = str(self._number(f"id {kind}", value))
        if _SALESFORCE.fullmatch(value):
            return value[:3] + n.rjust(len(value) - 3, "0")
        if prefixed := _PREFIXED.fullmatch(value):
            return prefixed[1] + n.rjust(len(prefixed[2]), "0")
        return n.rjust(min(len(value), 12), "0")

    def _listed(self, kind: str, value: str, names: Sequence[str]) -> str:
        n = self._number(kind, value) - 1
        made = (_ROMAN if value.isascii() else names)[n % len(names)]
        return made if n < len(names) else f"{made}{n // len(names) + 1}"

    def _counted_text(self, what: str, value: str) -> str:
        return f"{what}{self._number(what, value)}"

    def _number(self, kind: str, value: str) -> int:
        known = self._counted.setdefault(kind, {})
        return known.setdefault(value, len(known) + 1)


_DEAL_WORDS = {"lost_reason": "理由", "product": "製品", "stage": "段階"}


def whens_of(rules: Rules) -> Iterator[When]:
    """Every condition."""
    yield from (rule.when for rule in rules.alerts)
    yield from (rule.when for rule in rules.protect)
    for nurture in rules.nurture:
        yield from nurture.conditions()
    for mapping in rules.people:
        if mapping.create is not None:
            yield from (mapping.create.when, *mapping.create.unless)


def _named(rules: Rules, whens: Sequence[When]) -> Iterator[str]:
    """The words of deals and results that rules name."""
    for spec in rules.scores.values():
        for rule in spec.rules:
            yield from rule.result
    for when in whens:
        if when.deal is not None:
            yield from (*when.deal.stage, *when.deal.lost_reason, *when.deal.product)
        if when.touchpoint is not None:
            yield from when.touchpoint.result
    for nurture in rules.nurture:
        if isinstance(nurture.list, ListBy):
            yield from nurture.list.lists


def _alike(
    value: str, made: str, patterns: Sequence[str], test: Callable[[str], Callable[[str], bool]],
    whole: Callable[[str], str], n: int,
) -> str:  # fmt: skip
    """A text made from the patterns that `value` fits, which fits the same ones if there is such a text among them."""
    fits = [pattern for pattern in patterns if test(pattern)(value)]
    tried = [whole(pattern.replace("*", filling)) for pattern in fits for filling in (str(n), "")]
    candidates = [*tried, made] if fits else [made]
    same = (each for each in candidates if [p for p in patterns if test(p)(each)] == fits)
    return next(same, candidates[0])


def _address(pattern: str) -> str:
    if "://" in pattern:
        return pattern
    return f"https://www.example.jp{pattern}" if pattern.startswith("/") else f"https://{pattern}"
