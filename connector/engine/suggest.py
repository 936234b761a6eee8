"""Pairs that the rules left apart and that may be one person all the same, for somebody to look at.

Splink (the extra `match`) learns from the records themselves how much each agreement says, and each difference. It
joins nobody: a name, an employer and the addresses there depend on each other, and its model takes them for separate
evidence. It works in this process and without a network; what exceeds its memory goes to a folder that is removed at
the end.
"""

from __future__ import annotations

import logging
import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from rapidfuzz.distance import OSA
from sqlalchemy import Connection

from connector.engine.app import App
from connector.engine.identify import decided, keys_of_filed
from connector.errors import ConnectorError, Text, text
from connector.model import Ref
from connector.rules.cluster import other_addresses
from connector.rules.compare import Level, Name, compare
from connector.rules.identify import Keys
from connector.rules.resolve import NONE, Group, Guard, Verdict, order
from connector.store import identities, people
from connector.store.lease import Lease

RULE = "splink"
"""The rule of such proposals."""
LEAST = 500
"""Of fewer records nothing is learnt."""

_PAGE = 5000
_COMMON = 60
"""What more people have in common leads to no pairs: so their number grows as the records do, whatever these hold."""
_SHARED_MAILBOX, _SHARED_MOBILE = 2, 3
"""An address, or a mobile number, that more people have is nobody's own."""
_RANDOM_PAIRS, _LIKELY_PAIRS, _FEWEST_PAIRS = 1e6, 4e5, 100
"""How many pairs it is learnt from how strangers and how one person's records look, and how many that takes."""
_MEMORY = "1GB"
_BANDS = (0.5, 0.9, 0.99)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Two records, in canonical order, whose people may be one.

    `weights`: how much each comparison speaks for it (or against), in powers of two, the heaviest first. `guard`: what
    speaks against it of all that is known of the two people.
    """

    a: Ref
    b: Ref
    probability: float
    weights: tuple[tuple[str, float], ...] = ()
    guard: Guard = ""

    @property
    def evidence(self) -> str:
        """The weights, as a proposal holds them: `name +12.6, company +8.9, mail -2.2`. Never a value of a record."""
        return ", ".join(f"{name} {weight:+.1f}" for name, weight in self.weights)


def suggest(
    records: Sequence[Keys],
    groups: Sequence[Group],
    *,
    seed: int = 1,
    min_probability: float = 0.5,
    known: Mapping[tuple[Ref, Ref], Verdict] = NONE,
) -> list[Suggestion]:
    """The pairs worth asking about: those with nothing against them first, then the most probable.

    At most one for any two `groups`, and none where the rules withhold one already or somebody said that they are
    different. The same records, groups and seed give the same list.

    :raises ConnectorError: Splink is not installed, or there is too little to learn from
    """
    apart = [pair for pair, verdict in known.items() if verdict == "different"]
    apart += [(edge.a, edge.b) for group in groups for edge in group.withheld]
    return shown(score(records, groups, seed=seed, min_probability=min_probability), records, groups, apart)


# --- what is worth asking ---------------------------------------------------------------------------------------------


def shown(
    scored: Iterable[Suggestion], records: Iterable[Keys], groups: Sequence[Group], apart: Iterable[tuple[Ref, Ref]]
) -> list[Suggestion]:
    """Of all pairs that were scored, those that are worth asking about, in the order to ask.

    `apart` are pairs whose people nobody needs to be asked about.
    """
    group_of = _group_of(groups)
    settled = {_between(group_of, a, b) for a, b in apart}
    best: dict[tuple[int, int], Suggestion] = {}
    for one in sorted(scored, key=_likely):
        between = _between(group_of, one.a, one.b)
        if between and between not in settled:
            best.setdefault(between, one)
    sides = _sides(records, group_of, {number for between in best for number in between})
    found = []
    for (a, b), one in best.items():
        name, mail = sides[a].other_name(sides[b]), other_addresses(sides[a].locals, sides[b].locals, _mistyped)
        if not (name and mail):  # in made-up data, 8 of 99 were one person
            found.append(replace(one, guard="name" if name else "mail" if mail else ""))
    return sorted(found, key=lambda one: (one.guard != "", *_likely(one)))


def _likely(one: Suggestion) -> tuple[float, tuple[str, str, str], tuple[str, str, str]]:
    return -one.probability, order(one.a), order(one.b)


def _group_of(groups: Sequence[Group]) -> dict[Ref, int]:
    return {ref: number for number, group in enumerate(groups) for ref in group.records}


def _between(group_of: Mapping[Ref, int], a: Ref, b: Ref) -> tuple[int, int] | None:
    """The two groups of two records; None if it is one, or unknown."""
    one, other = group_of.get(a), group_of.get(b)
    return None if one is None or other is None or one == other else (min(one, other), max(one, other))


@dataclass(slots=True)
class _Side:
    """What a group's records say that may speak against another."""

    names: set[Name] = field(default_factory=set)
    locals: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Local parts of the personal addresses at each organisation."""

    def other_name(self, other: _Side) -> bool:
        return any(compare(one, another) < Level.UNKNOWN for one in self.names for another in other.names)


def _mistyped(one: str, other: str) -> bool:
    # A digit more is how firms tell namesakes apart. Less strict than the rules: here it only hides, or puts last.
    return OSA.distance(one, other, score_cutoff=1) <= 1 and re.findall(r"\d", one) == re.findall(r"\d", other)


def _sides(records: Iterable[Keys], group_of: Mapping[Ref, int], wanted: Collection[int]) -> dict[int, _Side]:
    sides = {number: _Side() for number in wanted}
    for record in records:
        side = sides.get(group_of.get(record.ref, -1))
        if side is not None:
            if record.name:
                side.names.add(record.name)
            if record.domain and record.mailbox and not record.role:
                side.locals[record.domain].add(record.mailbox.rpartition("@")[0])
    return sides


@dataclass(frozen=True, slots=True)
class Band:
    """The decided pairs with at least this probability, and less than the next band's."""

    least: float
    decided: int
    same: int

    @property
    def precision(self) -> float | None:
        """The share that was one person; None while nothing was decided."""
        return self.same / self.decided if self.decided else None


def precision(decided: Iterable[tuple[float, Verdict]]) -> tuple[Band, ...]:
    """How right the probabilities were, by what somebody said of the pairs; below the lowest band none counts."""
    counts: Counter[tuple[float, Verdict]] = Counter()
    for probability, verdict in decided:
        if reached := [least for least in _BANDS if probability >= least]:
            counts[reached[-1], verdict] += 1
    return tuple(
        Band(least, counts[least, "same"] + counts[least, "different"], counts[least, "same"]) for least in _BANDS
    )


# --- in the store -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Suggested:
    """What came of a search.

    `doubtful`: how many of the pairs have something against them. `reviewed`: how right today's probabilities are
    about the pairs that were decided so far.
    """

    records: int
    pairs: int
    doubtful: int
    reviewed: tuple[Band, ...]


def suggest_all(app: App, lease: Lease, *, seed: int = 1, min_probability: float = 0.5) -> Suggested:
    """Search all living records, and propose what is found in place of what was suggested before.

    :raises ConnectorError: Splink is not installed, or there is too little to learn from
    :raises Interrupted: the program was asked to end
    """
    _splink()
    records, groups, known, asked = _stored(app)
    lease.renew()
    scored = score(records, groups, seed=seed, min_probability=min_probability, also=known)
    app.go_on()
    apart = [*asked, *(pair for pair, verdict in known.items() if verdict == "different")]
    found = shown(scored, records, groups, apart)
    with lease.writing() as conn:
        kept = keep_suggestions(conn, found)
    reviewed = precision((one.probability, known[one.a, one.b]) for one in scored if (one.a, one.b) in known)
    return Suggested(len(records), kept, sum(one.guard != "" for one in found), reviewed)


def _stored(
    app: App,
) -> tuple[list[Keys], list[Group], Mapping[tuple[Ref, Ref], Verdict], list[tuple[Ref, Ref]]]:
    """The living records, the people they belong to, what was decided about pairs, and what the rules propose."""
    records: list[Keys] = []
    members: dict[int, list[Ref]] = defaultdict(list)
    ref_of: dict[int, Ref] = {}
    with app.reading() as conn:
        last = 0
        while filed := people.all_filed(conn, last, _PAGE):
            app.go_on()
            last = filed[-1].no
            for one in filed:
                if one.known and not one.gone:
                    records.append(keys_of_filed(one, app.setup.identity))
                    members[-one.no if one.identity_no is None else one.identity_no].append(one.person.ref)
                    ref_of[one.no] = one.person.ref
        known = decided(conn, ref_of)
        proposed = [p for p in identities.proposals(conn) if p.rule != RULE and p.a in ref_of and p.b in ref_of]
    groups = [Group(tuple(sorted(refs, key=order))) for refs in members.values()]
    return records, groups, known, [(ref_of[p.a], ref_of[p.b]) for p in proposed]


def keep_suggestions(conn: Connection, suggestions: Iterable[Suggestion]) -> int:
    """Propose these pairs instead of all that were suggested before; how many. What the rules propose stays.

    When a record is re-decided, all that is proposed about it is forgotten: it was about what the record said then.
    The next search finds it again if it still holds.
    """
    found = list(suggestions)
    nos = people.person_nos(conn, (ref for one in found for ref in (one.a, one.b)))
    before = identities.proposals(conn)
    old = {no for p in before if p.rule == RULE for no in (p.a, p.b)}
    ruled = [p for p in before if p.rule != RULE]
    taken = {(p.a, p.b) for p in ruled}
    new = [_proposal(nos[one.a], nos[one.b], one) for one in found if one.a in nos and one.b in nos]
    new = [p for p in new if (p.a, p.b) not in taken]
    identities.put_proposals(conn, old, [*(p for p in ruled if p.a in old or p.b in old), *new])
    return len(new)


def _proposal(a: int, b: int, one: Suggestion) -> identities.Proposal:
    # In thousandths; a thousand is the strength of what somebody said.
    strength = min(999, int(one.probability * 1000))
    return identities.Proposal(min(a, b), max(a, b), RULE, one.evidence, strength, one.guard)


def evidence_text(evidence: str) -> Text:
    """The evidence of a suggested proposal in words."""
    japanese = evidence
    for name, word in (("name", "氏名"), ("mail", "メール"), ("company", "会社"), ("mobile", "携帯番号")):
        japanese = japanese.replace(name, word)
    return Text(evidence, japanese.replace(", ", "、"))


# --- records as they are compared -------------------------------------------------------------------------------------


class _Row(NamedTuple):
    """A record as it is compared, with the number of its group."""

    person: int
    name: str | None
    family: str | None
    given: str | None
    script: str | None
    readings: list[str]
    words: list[str]
    sound: str | None
    """The letters of the reading, in whatever order family and given name stand."""
    mailbox: str | None
    local: str | None
    letters: str | None
    """The local part without what stands between its words."""
    domain: str | None
    company: str | None
    mobile: str | None


_TYPES = {"person": "int", "readings": "varchar[]", "words": "varchar[]"}


def _row(record: Keys, person: int) -> _Row:
    name = record.name
    family, given = name.split() if name and name.script != "latin" else ("", "")
    local = record.mailbox.rpartition("@")[0] if record.mailbox else ""
    return _Row(
        person,
        name.key if name else None,
        family or None,
        given or None,
        name.script if name else None,
        sorted(name.readings) if name else [],
        sorted(name.words) if name else [],
        "".join(sorted(min(name.readings))) if name and name.readings else None,
        record.mailbox,
        local or None,
        re.sub(r"[-_.]", "", local) or None,
        record.domain,
        record.company,
        record.mobile,
    )


def _comparable(records: Iterable[Keys], group_of: Mapping[Ref, int]) -> list[Keys]:
    """The records that can be compared, in canonical order, without what says nothing.

    An address for roles, and one that several people have, is gone; the organisation it is at stays.
    """
    some = sorted((record for record in records if record.ref in group_of), key=lambda record: order(record.ref))
    mailboxes = _crowded(((record.mailbox, group_of[record.ref]) for record in some), _SHARED_MAILBOX)
    mobiles = _crowded(((record.mobile, group_of[record.ref]) for record in some), _SHARED_MOBILE)
    spellings = _spellings(some)
    told = (
        replace(
            record,
            ties=(),
            mailbox=None if record.role or record.mailbox in mailboxes else record.mailbox,
            mobile=None if record.mobile in mobiles else record.mobile,
            company=spellings.get(record.corporate_number or "", record.company),
        )
        for record in some
    )
    return [record for record in told if record.name or record.mailbox]


def _crowded(held: Iterable[tuple[str | None, int]], most: int) -> set[str | None]:
    holders: dict[str | None, set[int]] = defaultdict(set)
    for value, group in held:
        holders[value].add(group)
    return {value for value, some in holders.items() if value and len(some) > most}


def _spellings(records: Iterable[Keys]) -> dict[str, str]:
    """How the company with each corporate number is spelt most often."""
    spelt: dict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        if record.corporate_number and record.company:
            spelt[record.corporate_number][record.company] += 1
    return {number: min(some, key=lambda core: (-some[core], core)) for number, some in spelt.items()}


def _leads(record: Keys) -> set[str]:
    """What makes it worth comparing two records, when both have it."""
    found: set[str] = set()
    parts: set[str] = set()
    if name := record.name:
        parts = {*name.words, *(() if name.script == "latin" else name.split())} - {""}
        if name.whole:
            whole = {name.key, *name.readings}
            parts |= whole
            found |= {f"name\t{form}" for form in whole}
    for organisation in filter(None, (record.company, record.domain)):
        found |= {f"at\t{organisation}\t{part}" for part in parts}
    if record.mailbox:
        local, _, host = record.mailbox.rpartition("@")
        found |= {f"mail\t{record.mailbox}", f"local\t{local}", f"near\t{local[:4]}\t{host}"}
        found |= {f"beside\t{local[:3]}\t{part}" for part in parts}
    if record.mobile:
        found.add(f"mobile\t{record.mobile}")
    return found


# --- the model --------------------------------------------------------------------------------------------------------


def _level(condition: str, label: str, **more: Any) -> dict[str, Any]:
    return {"sql_condition": condition, "label_for_charts": label, **more}


def _rarely(column: str, least: float = 1e-5, **more: Any) -> dict[str, Any]:
    """A rare value says more, down to this frequency."""
    return {"tf_adjustment_column": column, "tf_adjustment_weight": 1.0, "tf_minimum_u_value": least, **more}


def _comparison(name: str, silent: str, *levels: dict[str, Any]) -> dict[str, Any]:
    """Levels of likeness, the first that holds counts; `silent`: when two records say nothing about it."""
    nothing = _level(silent, "nothing", is_null_level=True)
    return {"output_column_name": name, "comparison_levels": [nothing, *levels, _level("ELSE", "other")]}


# Edit distances are dear: they are taken only of what begins or ends alike. The first letter of a local part is often
# an initial, and so is the last.
_NAME_TYPO = (
    "least(len(name_l), len(name_r)) > 2 and (left(name_l, 1) = left(name_r, 1) or right(name_l, 1) = right(name_r, 1))"
    " and damerau_levenshtein(name_l, name_r) <= 1"
)
_MAIL_TYPO = (
    "left(local_l, 1) = left(local_r, 1) and right(local_l, 1) = right(local_r, 1)"
    " and least(len(local_l), len(local_r)) > 5"
    " and regexp_replace(local_l, '[^0-9]', '', 'g') = regexp_replace(local_r, '[^0-9]', '', 'g')"
    " and damerau_levenshtein(local_l, local_r) <= 1"
)
_COMPARISONS = (
    _comparison(
        "name",
        "name_l is null or name_r is null or (script_l <> script_r and (len(readings_l) = 0 or len(readings_r) = 0))",
        _level("name_l = name_r", "same", **_rarely("name")),
        _level(
            "list_has_any(readings_l, readings_r) or given_l || family_l = name_r or given_r || family_r = name_l",
            "reading",
            **_rarely("sound", disable_tf_exact_match_detection=True),
        ),
        _level(
            f"script_l = script_r and (starts_with(name_l, name_r) or starts_with(name_r, name_l) or ({_NAME_TYPO}))",
            "partial",
        ),
        _level("given_l = given_r and len(given_l) > 1", "given"),
        _level(
            "starts_with(name_l, family_r) or starts_with(name_r, family_l) or list_has_any(words_l, words_r)",
            "family",
        ),
    ),
    # Another address at the same organisation is no sign of likeness: that it is the same is told by `company`. The
    # same local part elsewhere is half told by the name, so a rare one says no more than one in ten thousand.
    _comparison(
        "mail",
        "mailbox_l is null or mailbox_r is null",
        _level("mailbox_l = mailbox_r", "same"),
        _level("letters_l = letters_r", "local", **_rarely("letters", 1e-4)),
        _level(_MAIL_TYPO, "mistyped"),
    ),
    _comparison(
        "company",
        "(company_l is null or company_r is null) and (domain_l is null or domain_r is null)",
        _level("company_l = company_r", "same", **_rarely("company")),
        _level("domain_l = domain_r", "domain"),
        _level("starts_with(company_l, company_r) or starts_with(company_r, company_l)", "beginning"),
    ),
    _comparison("mobile", "mobile_l is null or mobile_r is null", _level("mobile_l = mobile_r", "same")),
)
_NAMES = [str(comparison["output_column_name"]) for comparison in _COMPARISONS]
_ALIKE = ("name", "mailbox", "mobile")
"""Of the pairs that agree in one of these many are one person: how their records differ in the rest is learnt there."""


def score(
    records: Sequence[Keys],
    groups: Sequence[Group],
    *,
    seed: int,
    min_probability: float,
    also: Collection[tuple[Ref, Ref]] = (),
) -> list[Suggestion]:
    """Every pair of two people's records that has something in common, and each of `also`, if it is probable enough.

    :raises ConnectorError: Splink is not installed, or there is too little to learn from
    """
    splink = _splink()
    group_of = _group_of(groups)
    some = _comparable(records, group_of)
    if len(some) < LEAST:
        raise _too_little(len(some))
    with _quiet(), _database() as connection:
        _tables(connection, some, group_of, also)
        alike = sum(math.comb(held, 2) for held in Counter(group_of[one.ref] for one in some).values())
        settings = {
            "link_type": "dedupe_only",
            "comparisons": list(_COMPARISONS),
            "probability_two_random_records_match": max(alike, 1) / math.comb(len(some), 2),
            "em_convergence": 1e-3,
            "retain_matching_columns": False,
            "retain_intermediate_calculation_columns": True,
            "linker_uid": RULE,
        }
        # Records of different people: strangers are not to be learnt from pairs of which some are one person's.
        # What a DuckDBAPI has computed it keeps by name, whatever it was computed from: so each gets its own.
        strangers = splink.DuckDBAPI(connection).register("one_each")
        linker = splink.Linker(strangers, splink.SettingsCreator(**settings), log_level=None)
        linker.training.estimate_u_using_random_sampling(max_pairs=_RANDOM_PAIRS, seed=seed)
        api = splink.DuckDBAPI(connection)
        linker = splink.Linker(api.register("everybody"), linker.misc.save_model_to_json(), log_level=None)
        for column in _ALIKE:
            if _pairs_alike(connection, column) >= _FEWEST_PAIRS:
                linker.training.estimate_parameters_using_expectation_maximisation(
                    f"l.{column} = r.{column}", max_pairs=_LIKELY_PAIRS, record_sample_proportion=0.1
                )
        if not _learnt(linker.misc.save_model_to_json()):
            raise _too_little(len(some))
        linker.table_management.register_blocked_pairs_for_predict(api.register("pairs"))
        predicted = linker.inference.predict(threshold_match_probability=min_probability, warning_mode="never")
        return [_told(some, row) for row in predicted.as_record_list()]


def _tables(
    connection: Any, records: Sequence[Keys], group_of: Mapping[Ref, int], also: Collection[tuple[Ref, Ref]]
) -> None:
    """`everybody`, `one_each` (one record of each person), and the `pairs` to compare."""
    columns = ", ".join(f"{name} {_TYPES.get(name, 'varchar')}" for name in _Row._fields)
    connection.execute(f"create table everybody (unique_id int, {columns})")
    connection.execute("create table leads (record int, person int, lead varchar)")
    for start in range(0, len(records), _PAGE):
        page = records[start : start + _PAGE]
        rows = [(no, *_row(one, group_of[one.ref])) for no, one in enumerate(page, start)]
        _insert(connection, "everybody", [*zip(*rows, strict=True)])
        leads: tuple[list[int], list[int], list[str]] = ([], [], [])
        for no, one in enumerate(page, start):
            found = _leads(one)
            leads[0].extend([no] * len(found))
            leads[1].extend([group_of[one.ref]] * len(found))
            leads[2].extend(found)
        _insert(connection, "leads", leads)
    place = {record.ref: number for number, record in enumerate(records)}
    connection.execute("create table also (a int, b int)")
    numbers = [sorted((place[a], place[b])) for a, b in also if a in place and b in place]
    _insert(connection, "also", [*zip(*numbers, strict=True)])
    connection.execute(
        "create table one_each as from everybody"
        " where unique_id in (select min(unique_id) from everybody group by person)"
    )
    connection.execute(
        "create table pairs as select distinct a.record as join_key_l, b.record as join_key_r, '0' as match_key"
        " from leads a join leads b on a.lead = b.lead and a.record < b.record and a.person <> b.person"
        " where a.lead in (select lead from leads group by lead having count(distinct person) between 2 and ?)"
        " union select a, b, '0' from also",
        [_COMMON],
    )


def _insert(connection: Any, table: str, columns: Sequence[Sequence[Any]]) -> None:
    if columns:
        page = import_module("pyarrow").table({str(n): list(values) for n, values in enumerate(columns)})
        connection.register("page", page)
        connection.execute(f"insert into {table} from page")
        connection.unregister("page")


def _pairs_alike(connection: Any, column: str) -> int:
    """How many pairs agree in a column; no more are counted than it takes."""
    columns = f"on l.{column} = r.{column} and l.unique_id < r.unique_id"
    found = connection.execute(
        f"select count(*) from (select 1 from everybody l join everybody r {columns} limit {_FEWEST_PAIRS})"  # noqa: S608  the column is one of `_ALIKE`
    )
    return int(found.fetchall()[0][0])


def _learnt(model: Mapping[str, Any]) -> bool:
    """Whether it was learnt how one person's records differ, and sameness speaks for one person and the rest against.

    Nothing is learnt of what no record says; few have a mobile number, and what is assumed by default of it does.
    """
    for comparison in model["comparisons"]:
        _, *levels = comparison["comparison_levels"]
        if any("u_probability" in level for level in levels):
            learnt = any("m_probability" in level for level in levels)
            if not learnt and comparison["output_column_name"] != "mobile":
                return False
            if _speaks(levels[0], for_one=False) or _speaks(levels[-1], for_one=True):
                return False
    return True


def _speaks(level: Mapping[str, Any], *, for_one: bool) -> bool:
    """Whether a level is known to be commoner (or rarer) among one person's records than among strangers'."""
    one, strangers = level.get("m_probability"), level.get("u_probability")
    return one is not None and strangers is not None and (one > strangers if for_one else one < strangers)


def _told(records: Sequence[Keys], row: Mapping[str, Any]) -> Suggestion:
    a, b = sorted((row["unique_id_l"], row["unique_id_r"]))
    weights = ((name, round(row[f"mw_{name}"] + row.get(f"mw_tf_adj_{name}", 0.0), 1)) for name in _NAMES)
    return Suggestion(
        records[a].ref,
        records[b].ref,
        round(row["match_probability"], 6),
        tuple(sorted((one for one in weights if one[1]), key=lambda one: (-abs(one[1]), one[0]))),
    )


# --- Splink, kept quiet -----------------------------------------------------------------------------------------------


def _splink() -> Any:
    try:
        return import_module("splink")
    except ImportError:
        raise ConnectorError(
            text("suggestions need Splink, which is not installed", "候補の提示に必要な Splink が入っていません"),
            fix=text(
                "run: pip install 'ma-sfa-connector[match]'",
                "pip install 'ma-sfa-connector[match]' を実行してください",
            ),
        ) from None


def _too_little(records: int) -> ConnectorError:
    return ConnectorError(
        text(
            "there is too little to learn from in {n} records with a name or a personal mail address",
            "氏名か個人のメールアドレスのあるレコードが{n}件あるだけでは、学習できません",
            n=records,
        ),
        fix=text(
            "suggestions take {least} records, of which some hundred agree in name or address; the rules need none",
            "候補の提示には{least}件以上（うち氏名やアドレスの一致するものが数百件）が必要です。規則による名寄せには不要です",
            least=LEAST,
        ),
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what Splink logs: it is about its own charts and settings."""
    logger = logging.getLogger("splink")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def _database() -> Iterator[Any]:
    """A database in memory, which reaches neither files nor the network; one thread, as sums depend on their order."""
    with TemporaryDirectory(prefix="connector-") as folder:
        config = {
            "threads": "1",
            "memory_limit": _MEMORY,
            "temp_directory": folder,
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
        connection = import_module("duckdb").connect(":memory:", config=config)
        try:
            connection.execute("set enable_progress_bar = false")
            connection.execute("set enable_external_access = false")
            yield connection
        finally:
            connection.close()
