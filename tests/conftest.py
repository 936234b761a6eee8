"""What holds for every test: a clean environment, and no skip without a word."""

from __future__ import annotations

import os

import hypothesis
import pytest

pytest_plugins = ["tests.postgres", "tests.faults.tally"]

NO_SKIP = "CONNECTOR_TESTS_NO_SKIP"
NOT_OFFERED = "this world has no"
"""How the contract skips what an adapter does not declare: there is nothing to test, here or elsewhere."""

# A time limit per example measures the machine; the limit per test is pytest's.
hypothesis.settings.register_profile("connector", deadline=None, print_blob=True)
# What lands is judged by the same examples each time; new ones are looked for by whoever runs the tests at a desk.
hypothesis.settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "connector")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine's network or database settings reaches a test."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("PG") or name in {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}:
            monkeypatch.delenv(name)
    # Unset would mean ~/.netrc.
    monkeypatch.setenv("NETRC", os.devnull)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that may take longest come first, so that no worker begins one when the others are done."""
    items.sort(key=_longest, reverse=True)


def _longest(item: pytest.Item) -> float:
    mark = item.get_closest_marker("timeout")
    return float(mark.args[0]) if mark is not None and mark.args else 0.0


class SkipWatch:
    """Tells at the end what was skipped and why; where skips are forbidden, any of them fails the run."""

    def __init__(self, *, forbidden: bool) -> None:
        self.forbidden = forbidden
        self.skipped: dict[str, str] = {}

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            reason = reason.removeprefix("Skipped: ")
            if not reason.startswith(NOT_OFFERED):
                self.skipped[report.nodeid] = reason

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if (
            self.forbidden
            and self.skipped
            and session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
        ):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.skipped:
            return
        title = f"skipped, which {NO_SKIP}=1 forbids" if self.forbidden else "skipped"
        terminalreporter.section(title, red=self.forbidden, yellow=not self.forbidden)
        for nodeid, reason in sorted(self.skipped.items()):
            terminalreporter.write_line(f"{nodeid}: {reason}")


def pytest_configure(config: pytest.Config) -> None:
    # A worker of xdist hands its reports to the controller, which alone sees them all.
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(SkipWatch(forbidden=os.environ.get(NO_SKIP) == "1"), "skip-watch")
