"""A grammar is read when its module is imported, never by the first request.

Requests come in threads, and CPython 3.11 answers `ast.literal_eval` in one thread with a SystemError when another
one uses `ast` at the same moment (https://github.com/python/cpython/issues/106905; seen with 3.11.7).
"""

from __future__ import annotations

import subprocess
import sys

import pytest

FIRST_QUERY = """
import importlib, sys
import lark.load_grammar

module = importlib.import_module(sys.argv[1])

def refuse(text):
    raise SystemError("AST constructor recursion depth mismatch")

lark.load_grammar.literal_eval = refuse
module.parse(sys.argv[2])
"""


@pytest.mark.parametrize(
    ("module", "query"),
    [("kintone.query", 'mail like "a" order by $id asc limit 5'), ("salesforce.soql", "SELECT Id FROM Lead LIMIT 5")],
)
def test_the_first_query_reads_no_grammar(module: str, query: str) -> None:
    command = [sys.executable, "-c", FIRST_QUERY, f"connector.sandbox.{module}", query]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # the interpreter that runs the tests
    assert done.returncode == 0, done.stderr
