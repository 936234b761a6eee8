"""What is installed is what was looked at; and what runs may do no more than it must."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
LOCKS = sorted(ROOT.glob("requirements*.lock"))
REQUIREMENT = re.compile(
    r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(?: *; *[^\\]+)?((?: *\\\n    --hash=sha256:[0-9a-f]{64})+)$", re.MULTILINE
)


def bare(path: Path) -> str:
    """A lock file without its comments."""
    return re.sub(r"^ *#.*\n?", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_requirement_is_pinned_with_hashes_and_nothing_else_stands_there(lock: Path) -> None:
    content = bare(lock)
    found = REQUIREMENT.findall(content)
    assert len(found) > 20
    assert REQUIREMENT.sub("", content).strip() == ""
    names = [name.lower().replace("_", "-") for name, _, _ in found]
    assert len(names) == len(set(names))


def test_every_runtime_dependency_is_locked_at_the_same_version_everywhere() -> None:
    runtime, dev = (
        {name: version for name, version, _ in REQUIREMENT.findall(bare(ROOT / lock))}
        for lock in ("requirements.lock", "requirements-dev.lock")
    )
    assert {name: dev.get(name) for name in runtime} == runtime


def test_the_image_installs_by_hash_and_runs_as_nobody_special() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    commands = re.sub(r"\\\n", " ", dockerfile).splitlines()
    installs = [line for line in commands if "$PIP install" in line]
    assert len(installs) == 2
    locked, own = installs
    assert "--require-hashes" in locked
    assert "--only-binary :all:" in locked
    assert "requirements.lock" in locked
    assert "--no-deps" in own
    assert "--no-build-isolation" in own
    last = dockerfile.rsplit("\nFROM ", 1)[1]
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert re.search(r"--shell /usr/sbin/nologin", last)
    assert re.search(r'^ENTRYPOINT \["connector"\]$', last, re.MULTILINE), "no shell in between"
    assert not re.search(r"^ADD |curl|wget|apt-get", dockerfile, re.MULTILINE)
    assert not re.search(r"(?i)^(ENV|ARG) .*(secret|token|password)", dockerfile, re.MULTILINE)


def test_the_service_of_compose_may_do_no_more_than_it_must() -> None:
    composed = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    assert composed["services"]
    for service in composed["services"].values():
        if not str(service.get("image", "")).startswith("ma-sfa-connector"):
            continue
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
        assert service["tmpfs"] == ["/tmp"]
        assert "privileged" not in service
        assert "user" not in service, "the image's own user is the unprivileged one"
        assert all(volume.endswith(":ro") for volume in service["volumes"] if volume.startswith("./"))
        assert all("=" not in each or each.startswith("CONNECTOR_") for each in service["environment"])
        published = [str(port) for port in service.get("ports", [])]
        assert all(port.startswith("127.0.0.1:") for port in published)


def manifest(page: str, kind: str) -> dict[str, Any]:
    """The manifest of this kind on a page."""
    text = (ROOT / "docs" / "how-to" / page).read_text(encoding="utf-8")
    blocks = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)]
    return next(block for block in blocks if isinstance(block, dict) and block.get("kind") == kind)


@pytest.mark.parametrize("page", ["container.md", "container.ja.md"])
def test_the_manifest_for_kubernetes_may_do_no_more_than_it_must(page: str) -> None:
    pod = manifest(page, "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
