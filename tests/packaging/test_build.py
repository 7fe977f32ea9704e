"""The built application, without Python and without the clone, does what the command does."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.vnc_eye import colours

PROJECT = Path(__file__).resolve().parents[2]

# The build takes the better part of a minute; all tests of it share one (a file runs on one worker).
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of a fresh build."""
    target = tmp_path_factory.mktemp("built")
    command = [sys.executable, str(PROJECT / "build_spec.py"), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=target, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return target / "dist" / "support-console" / "support-console"


def plain(home: Path, **more: str) -> dict[str, str]:
    """The plainest of environments: no locale, no display, nothing of the clone."""
    return {"PATH": os.defpath, "HOME": str(home), "CONSOLE_HOME": str(home), "CONSOLE_OPERATOR": "op-a", **more}


def run(program: Path, home: Path, *words: str, language: str = "en") -> subprocess.CompletedProcess[str]:
    """Run it as a person would from another folder."""
    command, env = [str(program), *words], plain(home, CONSOLE_LANGUAGE=language)
    return subprocess.run(command, cwd=home, env=env, capture_output=True, encoding="utf-8", check=False, timeout=60)


def test_a_lookup_makes_its_database_and_answers(program: Path, tmp_path: Path) -> None:
    """Migrations, drivers and catalogues are in it: the first command creates the database and answers."""
    done = run(program, tmp_path, "--json", "lookup", "1180301018771")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["ok"] is True
    assert answer["data"]["corporation_number"] == "1180301018771"
    assert answer["data"]["credit_checks"] == []


@pytest.mark.parametrize(("language", "word"), [("ja", "法人番号"), ("en", "number")])
def test_a_refusal_is_worded(program: Path, tmp_path: Path, language: str, word: str) -> None:
    """Both word catalogues are found, and text leaves as UTF-8 although no locale is set."""
    done = run(program, tmp_path, "lookup", "1180301018772", language=language)
    assert done.returncode == 2
    assert word in done.stdout + done.stderr


def test_the_demo_opens_its_window_and_a_lookup_finds_its_records(program: Path, tmp_path: Path) -> None:
    """The window is painted (seen over VNC, from outside), the demo's records are there, and it ends when told."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    env = plain(tmp_path, QT_QPA_PLATFORM=f"vnc:port={port}", CONSOLE_LANGUAGE="ja")
    command = [str(program), "--json", "demo"]
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as demo:
        try:
            assert demo.stdout is not None
            ready = json.loads(demo.stdout.readline())["data"]
            assert colours(port) > 50
            number = ready["provider_screen"][0]["corporation_number"]
            found = json.loads(run(program, Path(ready["home"]), "--json", "lookup", number).stdout)
            assert found["data"]["credit_checks"]
        finally:
            demo.terminate()
            status = demo.wait(timeout=30)
    assert status == 0
    assert not Path(ready["home"]).exists()
