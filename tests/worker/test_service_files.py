"""Tests of the delivered files for a server. systemd accepts the unit file, which limits the worker's rights. The
proxy configurations forward only the paths of the receiver."""

import json
import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from console.resource_paths import resources_dir
from console.worker.connection_limits import MAX_BODY_BYTES
from tests.support.waiting import MAX_WAIT_SECONDS

UNIT_FILE = resources_dir() / "worker" / "support-console-worker.service"
MAX_EXPOSURE_LEVEL = 2.0
"""Largest allowed exposure of a service in `systemd-analyze security`: 0 to 10, where 10 is a service without
protection.
"""

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
OPENAPI_FILE = Path(__file__).parents[2] / "docs" / "reference" / "receiver.openapi.json"


@pytest.fixture
def unit_file(tmp_path: Path) -> Path:
    """Return a copy of the unit file that starts a program which exists on the test machine."""
    file = tmp_path / UNIT_FILE.name
    file.write_text(UNIT_FILE.read_text("utf-8").replace("/usr/bin/support-console", sys.executable), "utf-8")
    return file


def run_systemd_analyze(*words: str) -> subprocess.CompletedProcess[str]:
    command, env = ["systemd-analyze", *words], {**os.environ, "LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0"}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=MAX_WAIT_SECONDS, env=env)


@needs_systemd
def test_systemd_accepts_the_unit(unit_file: Path) -> None:
    done = run_systemd_analyze("verify", str(unit_file))
    assert (done.returncode, [line for line in done.stderr.splitlines() if unit_file.name in line]) == (0, [])


@needs_systemd
def test_the_unit_has_a_low_exposure_level(unit_file: Path) -> None:
    done = run_systemd_analyze("security", "--offline=true", str(unit_file))
    match = re.search(r"exposure level.*?: (\d+\.\d)", done.stdout)
    assert match is not None, done.stdout + done.stderr
    assert float(match[1]) <= MAX_EXPOSURE_LEVEL, done.stdout


def test_the_service_can_share_documents_with_the_team() -> None:
    """A dynamic user can't set the set-group-ID bit of a new folder of documents, so the mode of `mkdir` must be
    right: the umask leaves the group its rights, and the folder of the service's own files is closed to others.
    """
    settings = dict(line.split("=", 1) for line in UNIT_FILE.read_text("utf-8").splitlines() if "=" in line)
    assert settings["DynamicUser"] == "yes"
    assert int(settings["UMask"], 8) & 0o777 == 0o007
    assert settings["StateDirectoryMode"] == "0700"


def test_the_service_lets_the_reader_of_pdfs_confine_itself() -> None:
    """The unit allows the system calls of Landlock, which `@system-service` lacks. By them the process that reads a
    PDF gives up its own access to the files of the service, its secrets among them.
    """
    lines = UNIT_FILE.read_text("utf-8").splitlines()
    filters = [line.partition("=")[2] for line in lines if line.startswith("SystemCallFilter=")]
    allowed = {name for names in filters for name in names.split()}
    assert {f"landlock_{name}" for name in ("create_ruleset", "add_rule", "restrict_self")} <= allowed


def test_the_proxies_forward_only_public_paths() -> None:
    """The delivered proxy configurations forward exactly the receiver's public paths: all paths for POST requests,
    and the live feed.
    """
    methods_by_path = {path: set(item) for path, item in json.loads(OPENAPI_FILE.read_text("utf-8"))["paths"].items()}
    outside = {path.replace("{source}", "bank") for path, methods in methods_by_path.items() if "post" in methods}
    assert len(outside) == 3
    inside = {path for path, methods in methods_by_path.items() if "post" not in methods} - {"/live"}
    assert {"/metrics", "/healthz"} <= inside
    nginx = (UNIT_FILE.parent / "nginx.conf").read_text("utf-8")
    exact = re.findall(r"location = (\S+) \{", nginx)
    patterns = [*map(re.escape, exact), *re.findall(r"location ~ (\S+) \{", nginx)]
    assert re.findall(r"location ([^=~]\S*) \{\s+return 404;", nginx) == ["/"], "what isn't named is refused"
    public = re.search(r"@public path (.+)", (UNIT_FILE.parent / "Caddyfile").read_text("utf-8"))
    assert public is not None
    globs = public[1].split()
    for path in (*outside, "/live", *inside):
        expected = path not in inside
        assert any(re.search(f"^(?:{pattern})$", path) for pattern in patterns) is expected, path
        assert any(fnmatchcase(path, glob) for glob in globs) is expected, path


def test_the_proxies_pass_the_largest_body_on() -> None:
    """The delivered proxy configurations have the receiver's limit for a body. nginx counts `m` in powers of two;
    Caddy reads `MB` as a million bytes and `MiB` as a power of two."""
    nginx = (UNIT_FILE.parent / "nginx.conf").read_text("utf-8")
    caddy = (UNIT_FILE.parent / "Caddyfile").read_text("utf-8")
    limits = re.findall(r"client_max_body_size (\d+)m;", nginx) + re.findall(r"max_size (\d+)MiB\n", caddy)
    assert [int(limit) << 20 for limit in limits] == [MAX_BODY_BYTES] * 2
