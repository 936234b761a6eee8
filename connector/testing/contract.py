"""The whole contract: reading, writing, and that nothing personal is told."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest
import structlog

from connector.changes import SetFields
from connector.errors import AdapterError
from connector.model import Value
from connector.testing.handing import Handing
from connector.testing.reading import Reading
from connector.testing.samples import CANARIES, one_of_each, ref_of, set_text, try_to, unlike
from connector.testing.traffic import push_all, push_until_error
from connector.testing.world import World
from connector.testing.writing import Writing


class AdapterContract(Reading, Writing, Handing):
    """Every MUST of `connector.ports`, as a test. Subclasses give the fixture `world`."""

    def test_nothing_personal_is_logged_or_told(self, world: World, caplog: pytest.LogCaptureFixture) -> None:
        told: list[object] = []
        caplog.set_level(logging.DEBUG)
        with structlog.testing.capture_logs() as events:
            told += self._do_everything_with(world, dict(CANARIES))
        said = "\n".join([caplog.text, *map(str, caplog.messages), *map(repr, events), *map(repr, told)])
        for word in world.person_words & CANARIES.keys():
            assert str(CANARIES[word]) not in said, word

    def _do_everything_with(self, world: World, canaries: dict[str, Value]) -> Iterator[object]:
        """Read and write a canary person, healthy, refused and dead; give all that was told about it."""
        given = {word: value for word, value in canaries.items() if word in world.person_words}
        adapter = world.adapter()
        yield adapter.check()
        changes = one_of_each(world, given)
        if world.adapter().writes >= {SetFields}:
            ref = world.add_person(**given)
            changes.append(set_text(world, replace(ref, id=unlike(ref.id)), str(CANARIES["email"])))
            changes.append(set_text(world, ref, str(CANARIES["email"])))
        try_to(lambda: world.add_unreadable_person(**given))
        pages = [page for stream in adapter.streams for page in adapter.pull(stream, None)]
        yield [(page.rejects, page.ignored) for page in pages]
        try_to(lambda: world.refuse(ref_of(changes)))
        yield push_all(world.adapter(), changes)
        if not try_to(lambda: world.break_next("dead")):
            return
        for change in changes:
            _, error = push_until_error(adapter, change)
            if isinstance(error, AdapterError):
                yield error.in_("ja"), error.in_("en"), error.code
        world.heal()
