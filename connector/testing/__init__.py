"""The contract of adapters: one suite, inherited by all of them, wherever they live.

How to put an adapter under it (about 20 lines, plus a world)::

    class SalesforceWorld(World):  # hands and eyes in an emulated system; see World for what each promises
        needs = Needs(objects={"Contact": ObjectNeeds(read=..., write=...)}, lists=..., alerts=True, timeline=True)
        reads = frozenset({Person, Gone, Deal, Owner})
        person_object, text_field, key_field = "Contact", "MA_Score_Why__c", "MA_Person_Id__c"

        def adapter(self, needs: Needs | None = None) -> Adapter: ...
        def add_person(self, **fields: Value) -> Ref: ...

        ...  # only what the system can do


    class TestSalesforce(AdapterContract):
        @pytest.fixture
        def world(self) -> Iterator[World]:
            with running_emulator() as url:
                yield SalesforceWorld(url)

What is tested follows from what is declared: `Adapter.writes` and `World.reads`. A declared capability whose hand or
eye is missing in the world is a failure (`test_the_world_can_show_what_is_declared`); an undeclared one is skipped.
A world acts and looks past the adapter, as users of the system do. Give it small pages (2 records), so that
`World.many` people fill several of them; and let every hand stamp its record later than the hand before.

A system that is reached over HTTP is best tested over HTTP: `connector.sandbox.server.Server` serves an emulated one
on the loopback, `connector.sandbox.chaos.Chaos` breaks its connections. docs/adapters/writing-one.md goes step by step.
This package needs pytest: `pip install "ma-sfa-connector[testing]"`.
"""

import pytest

# Before the modules are imported: a failed assert in them is explained as one in a test module is.
pytest.register_assert_rewrite(
    "connector.testing.contract",
    "connector.testing.handing",
    "connector.testing.reading",
    "connector.testing.samples",
    "connector.testing.traffic",
    "connector.testing.writing",
)

from connector.testing.contract import AdapterContract  # noqa: E402  see above
from connector.testing.world import Fault, World  # noqa: E402  see above

__all__ = ["AdapterContract", "Fault", "World"]
