"""`connector serve` as a process, as an administrator starts and stops it."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from connector.store import database, runs

Event = dict[str, Any]
Start = Callable[..., "Served"]

CONFIG = """\
timezone: Asia/Tokyo
{store}
systems:
  ma: {{type: memory, role: ma}}
  sfa: {{type: memory, role: sfa}}
run: {{every: {every}}}
"""

STAND_IN = """\
import json, sys
from datetime import timedelta
from pathlib import Path
from connector.config import load
from connector.engine.log import set_up
from connector.web.serve import serve

set_up("info")
config = Path(sys.argv[1])
grace = timedelta(seconds=float(sys.argv[2]))
sys.exit(serve(load(config), config, "127.0.0.1:0", command=json.loads(sys.argv[3]), grace=grace))
"""

STUBBORN = """\
import signal, sys, time
from pathlib import Path
signal.signal(signal.SIGTERM, signal.SIG_IGN)
Path(sys.argv[1]).touch()
time.sleep(600)
"""


class Served:
    """A service that was started, and what it logs."""

    def __init__(self, command: list[str], cwd: Path) -> None:
        environ = {**os.environ, "CONNECTOR_LANG": "en", "PYTHONPATH": str(Path(__file__).parents[2])}
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.events: list[Event] = []
        self.said: list[str] = []
        self._queue: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            try:
                event = json.loads(line)
            except ValueError:
                self.said.append(line)
            else:
                self.events.append(event)
                self._queue.put(event)

    def wait_for(self, name: str, seconds: float = 60, **about: object) -> Event:
        """The next event of this name."""
        deadline = time.monotonic() + seconds
        while True:
            alive = self._reader.is_alive()
            try:
                event = self._queue.get(timeout=0.2 if alive else 0)
            except queue.Empty:
                assert alive, (name, self.said)
                assert time.monotonic() < deadline, (name, self.events, self.said)
                continue
            if event["event"] == name and all(event.get(key) == value for key, value in about.items()):
                return event

    def seen(self, name: str) -> list[Event]:
        return [event for event in self.events if event["event"] == name]

    def get(self, port: int, path: str, host: str = "localhost") -> tuple[int, Any]:
        status, content = self.read(port, path, host)
        return status, json.loads(content)

    def read(self, port: int, path: str, host: str = "localhost") -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", path, headers={"Host": host})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def metric(self, port: int, name: str, **labels: str) -> float | None:
        """What is told of a metric; None: nothing."""
        status, content = self.read(port, "/metrics")
        assert status == 200
        samples = [s for family in text_string_to_metric_families(content.decode()) for s in family.samples]
        return next((s.value for s in samples if s.name == name and s.labels == labels), None)

    def until_metric(self, port: int, name: str, value: float, seconds: float = 60, **labels: str) -> None:
        deadline = time.monotonic() + seconds
        while (found := self.metric(port, name, **labels)) != value:
            assert time.monotonic() < deadline, (name, found, self.events, self.said)
            time.sleep(0.2)

    def until_ready(self, port: int, status: int = 200, seconds: float = 60, **checks: str) -> Any:
        """The first answer with this status and these checks."""
        deadline = time.monotonic() + seconds
        while True:
            found, data = self.get(port, "/readyz")
            if found == status and checks.items() <= data["checks"].items():
                return data
            assert time.monotonic() < deadline, (found, data, self.events, self.said)
            time.sleep(0.1)

    def end(self, number: int = signal.SIGTERM, seconds: float = 60) -> int:
        """Signal its process group, as a terminal does."""
        os.killpg(self.process.pid, number)
        return self.exit(seconds)

    def exit(self, seconds: float = 60) -> int:
        code = self.process.wait(seconds)
        self._reader.join()
        return code

    def clear(self) -> None:
        """End it, and the run that outlives it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        while self._reader.is_alive():
            begun, ended = ({event["pid"] for event in self.seen(f"process_{how}")} for how in ("started", "ended"))
            for pid in begun - ended:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._reader.join(0.1)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


def write_config(folder: Path, every: str = "1s", store: str = "") -> Path:
    (folder / "mappings").mkdir(exist_ok=True)
    config = folder / "config.yaml"
    config.write_text(CONFIG.format(every=every, store=store))
    return config


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the service: with a command of ours in place of `connector run`, or as it is."""
    started: list[Served] = []

    def start(*stand_in: str, grace: float = 60, bind: str = "127.0.0.1:0") -> Served:
        if stand_in:
            command = [sys.executable, "-c", STAND_IN, "config.yaml", str(grace), json.dumps(stand_in)]
        else:
            command = [sys.executable, "-m", "connector", "serve", "--config", "config.yaml"]
            command += ["--bind", bind]
        started.append(Served(command, tmp_path))
        return started[-1]

    yield start
    for served in started:
        served.clear()


def port_of(served: Served) -> int:
    return int(served.wait_for("server_started")["port"])


def outcomes(folder: Path) -> list[str]:
    engine = database.open_engine(f"sqlite:///{folder / 'data' / 'connector.db'}")
    try:
        with database.reading(engine) as conn:
            return [run.outcome for run in runs.last_runs(conn)]
    finally:
        engine.dispose()


def python(code: str, *args: object) -> list[str]:
    return [sys.executable, "-c", code, *map(str, args)]


class TestRunning:
    def test_runs_and_answers_and_ends(self, start: Start, tmp_path: Path) -> None:
        write_config(tmp_path)
        served = start()
        port = port_of(served)
        for _ in range(2):
            served.wait_for("process_ended", exit=0)
        assert served.get(port, "/healthz")[1]["status"] == "alive"
        assert served.until_ready(port)["runs"]["last_exit"] == 0
        assert served.get(port, "/healthz", "evil.example")[0] == 421
        assert served.end() == 0
        assert served.said == []
        assert served.process.stdout is not None
        assert served.process.stdout.read() == ""
        assert len(outcomes(tmp_path)) >= 2
        assert set(outcomes(tmp_path)) == {"done"}

    def test_after_a_restart_runs_when_it_is_time(self, start: Start, tmp_path: Path) -> None:
        write_config(tmp_path, every="1h")
        first = start()
        first.wait_for("process_ended", exit=0)
        assert first.end() == 0
        again = start()
        port = port_of(again)
        again.wait_for("schedule_started")
        again.until_ready(port)
        assert again.end() == 0
        assert again.seen("process_started") == []
        assert len(outcomes(tmp_path)) == 1

    def test_a_slow_run_is_not_joined_by_another(self, start: Start, tmp_path: Path) -> None:
        write_config(tmp_path)
        served = start(*python("import time; time.sleep(600)"))
        port = port_of(served)
        for _ in range(2):
            served.wait_for("run_missed", reason="overlap")
        assert served.get(port, "/readyz")[1]["runs"]["missed"]["overlap"] >= 2
        assert len(served.seen("process_started")) == 1

    def test_a_command_that_cannot_be_started_is_told(self, start: Start, tmp_path: Path) -> None:
        write_config(tmp_path)
        served = start("/nonexistent/connector")
        port = port_of(served)
        for _ in range(2):
            served.wait_for("schedule_failed")
        assert served.get(port, "/healthz")[0] == 200
        assert served.end() == 0


class TestMetrics:
    def test_runs_are_counted_whoever_started_them(self, start: Start, tmp_path: Path) -> None:
        write_config(tmp_path, every="1h")
        by_hand = [sys.executable, "-m", "connector", "run", "--config", "config.yaml"]
        subprocess.run(by_hand, cwd=tmp_path, check=True, capture_output=True)
        served = start()
        port = port_of(served)
        served.until_metric(port, "connector_runs_total", 1, outcome="done")
        assert served.metric(port, "connector_store_reachable") == 1
        assert served.metric(port, "connector_misfires_total", reason="overlap") == 0
        alive_at = served.metric(port, "connector_scheduler_heartbeat_timestamp_seconds")
        assert alive_at is not None
        assert abs(time.time() - alive_at) < 60
        assert served.read(port, "/metrics", "evil.example")[0] == 421
        assert served.end() == 0

    def test_without_a_store_the_scheduler_is_told_all_the_same(self, start: Start, tmp_path: Path) -> None:
        write_config(tmp_path, every="1h")
        served = start(*python("raise SystemExit(1)"))
        port = port_of(served)
        served.until_metric(port, "connector_store_reachable", 0)
        assert served.metric(port, "connector_scheduler_heartbeat_timestamp_seconds") is not None
        assert served.metric(port, "connector_run_last_success_timestamp_seconds") is None
        assert served.end() == 0


class TestEnding:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_the_run_under_way_finishes(self, start: Start, tmp_path: Path, number: int) -> None:
        write_config(tmp_path)
        work = "import sys, time; from pathlib import Path; time.sleep(2); Path(sys.argv[1]).touch()"
        served = start(*python(work, tmp_path / "finished"))
        served.wait_for("process_started")
        assert served.end(number) == 0
        assert (tmp_path / "finished").exists()
        assert served.seen("schedule_stopped")[0]["running"]
        assert len(served.seen("process_started")) == 1

    def test_health_is_answered_until_the_end(self, start: Start, tmp_path: Path) -> None:
        write_config(tmp_path)
        served = start(*python("import time; time.sleep(600)"))
        port = port_of(served)
        served.wait_for("process_started")
        served.process.send_signal(signal.SIGTERM)
        served.wait_for("schedule_stopped")
        assert served.get(port, "/healthz")[0] == 200

    def test_a_run_that_does_not_finish_in_time_is_asked_to_end(self, start: Start, tmp_path: Path) -> None:
        write_config(tmp_path)
        served = start(*python("import time; time.sleep(600)"), grace=0.5)
        served.wait_for("process_started")
        assert served.end(seconds=20) == 1
        assert [event["how"] for event in served.seen("process_stopped")] == ["terminate"]
        assert served.seen("process_ended")[0]["exit"] == -signal.SIGTERM

    @pytest.mark.parametrize("grace", [60, 0.1])
    def test_the_second_signal_ends_even_a_stuck_run(self, start: Start, tmp_path: Path, grace: float) -> None:
        write_config(tmp_path)
        mark = tmp_path / "stuck"
        served = start(*python(STUBBORN, mark), grace=grace)
        child = served.wait_for("process_started")["pid"]
        while not mark.exists():
            time.sleep(0.05)
        served.process.send_signal(signal.SIGTERM)
        served.wait_for("schedule_stopped")
        if grace < 1:
            served.wait_for("process_stopped", how="terminate")
        assert served.end(seconds=10) == 128 + signal.SIGTERM
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)


class TestTrouble:
    def test_a_port_that_is_taken(self, start: Start, tmp_path: Path) -> None:
        write_config(tmp_path)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            served = start(bind=address)
            assert served.exit() == 1
        assert served.said == [f"cannot bind to {address}: Address already in use → choose another with --bind\n"]
        assert not (tmp_path / "data").exists()

    def test_an_address_that_is_none(self, start: Start, tmp_path: Path) -> None:
        write_config(tmp_path)
        served = start(bind="8080")
        assert served.exit() == 1
        assert served.said == ["'8080' is not an address to bind to → write 127.0.0.1:8080\n"]

    def test_a_configuration_that_breaks_and_is_mended(self, start: Start, tmp_path: Path) -> None:
        config = write_config(tmp_path)
        served = start()
        port = port_of(served)
        served.until_ready(port)
        good = config.read_text()
        config.write_text(good.replace("every", "evry"))
        served.wait_for("process_ended", exit=78)
        served.until_ready(port, 503, configuration="failed")
        assert served.get(port, "/healthz")[0] == 200
        assert any("config.yaml:6:7" in line for line in served.said)
        config.write_text(good)
        served.wait_for("process_ended", exit=0)
        served.until_ready(port)
        assert served.end() == 0

    def test_a_secret_that_is_missing(self, start: Start, tmp_path: Path) -> None:
        write_config(tmp_path, store="store_url: {env: NO_SUCH_VARIABLE}")
        served = start()
        port = port_of(served)
        served.wait_for("process_ended", exit=78)
        served.until_ready(port, 503, configuration="failed")
        assert served.end() == 0

    def test_what_only_a_run_sees_of_the_configuration(self, start: Start, tmp_path: Path) -> None:
        write_config(tmp_path)
        served = start(*python("raise SystemExit(78)"))
        port = port_of(served)
        served.wait_for("process_ended", exit=78)
        served.until_ready(port, 503, configuration="failed")
        assert served.end() == 0

    def test_a_store_that_is_down_is_no_reason_to_restart(self, start: Start, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as bound:
            down = bound.getsockname()[1]
        write_config(tmp_path, store=f"store: postgresql+psycopg://nobody@127.0.0.1:{down}/none")
        served = start()
        port = port_of(served)
        served.wait_for("process_ended", exit=1)
        assert served.get(port, "/healthz")[0] == 200
        served.until_ready(port, 503, configuration="ok", store="failed", schema="failed")
        assert served.end() == 0

    def test_an_outage_of_a_system_is_no_reason_to_restart(self, start: Start, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as bound:
            down = bound.getsockname()[1]
        config = write_config(tmp_path)
        sfa = f"sfa: {{type: salesforce, base_url: 'http://127.0.0.1:{down}', client_id: {{env: HOME}}, retries: 0, "
        config.write_text(
            config.read_text().replace("sfa: {type: memory, role: sfa}", sfa + "client_secret: {env: HOME}}")
        )
        served = start()
        port = port_of(served)
        for _ in range(2):
            served.wait_for("process_ended", exit=1)
        served.until_ready(port)
        assert served.get(port, "/healthz")[1]["status"] == "alive"
        served.until_metric(port, "connector_run_last_outcome", 1, outcome="failed")
        assert served.end() == 0
        assert served.seen("system_unavailable")[0]["system"] == "sfa"
        assert len({event["run"] for event in served.seen("run_started")}) >= 2
        assert all("run" in event for event in served.events if event["logger"] in ("connector.pull", "connector.http"))

    def test_a_configuration_that_is_wrong_from_the_start(self, start: Start, tmp_path: Path) -> None:
        write_config(tmp_path, every="often")
        served = start()
        assert served.exit() == 78
