"""The contract, against an emulated org over HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import pytest

from connector.model import Company, Deal, DealState, Gone, Kind, Owner, Person, Ref, Touchpoint, Value
from connector.ports import Adapter, Needs
from connector.sandbox.salesforce import refuse_row
from tests.contract.adapter_contract import AdapterContract, Fault, World
from tests.unit.adapters.salesforce_kit import NEEDS, SYSTEM, Stage, stage
