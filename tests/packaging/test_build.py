"""The built application, without Python and without the clone, does what the command does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]

# The build takes the better part of a minute; all tests of it share one, on one worker.
pytestmark = [pytest.mark.xdist_group("build"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of a fresh build."""
    target = tmp_path_factory.mktemp("built")
    command = [sys.executable, str(PROJECT / "build_spec.py"), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=target, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return target / "dist" / "support-console" / "support-console"


def run(program: Path, home: Path, *words: str, language: str = "en") -> subprocess.CompletedProcess[str]:
    """Run it as a person would from another folder, in the plainest of environments."""
    env = {"PATH": os.defpath, "HOME": str(home), "CONSOLE_HOME": str(home), "CONSOLE_LANGUAGE": language}
    env["CONSOLE_OPERATOR"] = "op-a"
    command = [str(program), *words]
    return subprocess.run(command, capture_output=True, encoding="utf-8", cwd=home, env=env, check=False, timeout=60)


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
