"""Failures inside the shared contract are explained as well as those of any test."""

import pytest

pytest.register_assert_rewrite("tests.contract.adapter_contract")
