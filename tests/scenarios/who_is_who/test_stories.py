"""Who is who, told in the customer's words: each file of `stories/` is played through the engine and its store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.adapters.memory import SYSTEMS
from connector.engine.review import Answer, cut, decide, questions
from connector.model import Ref
from connector.store.people import Filed, all_filed
from tests.machine.world import World

STORIES = sorted((Path(__file__).parent / "stories").glob("*.yaml"))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "w")
    yield made
    made.close()


@dataclass
class Stage:
    """Plays the steps of a story; records have names there."""

    world: World
    refs: dict[str, Ref] = field(default_factory=dict)

    def play(self, step: Mapping[str, Any]) -> None:
        for name, fields in step.get("add", {}).items():
            values = dict(fields)
            self.refs[name] = SYSTEMS[values.pop("in")].add_person(**values)
        for name, fields in step.get("change", {}).items():
            SYSTEMS[self.refs[name].system].edit_person(self.refs[name], **fields)
        for name in step.get("delete", ()):
            SYSTEMS[self.refs[name].system].delete_person(self.refs[name])
        self.world.run()
        for verdict in ("different", "same"):
            for a, b in step.get(verdict, ()):
                decide(self.world.app, [Answer(self.refs[a], self.refs[b], verdict)], "テスト")
        if "split" in step:
            decide(self.world.app, cut(self.world.app, [self.refs[name] for name in step["split"]]), "テスト")

    def judge(self, step: Mapping[str, Any]) -> None:
        said = step.get("say", "")
        filed = self._living()
        if "people" in step:
            told = {name: filed[name] for some in step["people"] for name in some}
            assert self._parts(told, "identity") == _sets(step["people"]), said
        for a, b in step.get("apart", ()):
            assert filed[a].identity != filed[b].identity, said
        if "companies" in step:
            known = {name: one for name, one in filed.items() if one.company}
            assert self._parts(known, "company") == _sets(step["companies"]), said
        if "asked" in step:
            names = {ref: name for name, ref in self.refs.items()}
            asked = {frozenset((names[q.a.ref], names[q.b.ref])) for q in questions(self.world.app)}
            assert asked == _sets(step["asked"]), said

    def _living(self) -> dict[str, Filed]:
        with self.world.app.reading() as conn:
            by_ref = {one.person.ref: one for one in all_filed(conn, 0, 1000) if not one.gone}
        return {name: by_ref[ref] for name, ref in self.refs.items() if ref in by_ref}

    def _parts(self, filed: Mapping[str, Filed], by: str) -> set[frozenset[str]]:
        parts: dict[str, set[str]] = defaultdict(set)
        for name, one in filed.items():
            parts[getattr(one, by)].add(name)
        return {frozenset(part) for part in parts.values()}


def _sets(lists: Sequence[Sequence[str]]) -> set[frozenset[str]]:
    return {frozenset(some) for some in lists}


def story_of(path: Path) -> Mapping[str, Any]:
    told: Mapping[str, Any] = yaml.load(path.read_text(encoding="utf-8"), yaml.SafeLoader)
    return told


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_the_story_is_told_right(world: World, path: Path) -> None:
    stage = Stage(world)
    for step in story_of(path)["steps"]:
        stage.play(step)
        stage.judge(step)


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_after_the_story_a_run_writes_nothing_more(world: World, path: Path) -> None:
    stage = Stage(world)
    for step in story_of(path)["steps"]:
        stage.play(step)
    world.run()
    world.run()

    assert world.fresh() == []


def test_no_two_records_of_a_story_have_one_name() -> None:
    for path in STORIES:
        names = [name for step in story_of(path)["steps"] for name in step.get("add", {})]
        assert not [pair for pair in combinations(names, 2) if pair[0] == pair[1]], path.stem
