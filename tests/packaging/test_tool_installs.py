"""Tests the installation of the wheel as a tool of uv, with the extras `gs` and `kafka`. The packages come from the
package index that pip uses.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import console
from tests.packaging.test_wheel import CORPORATION_NUMBER, find_file_check, run_program, wheel

__all__ = ["wheel"]

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]
_IMPORT_EXTRAS_PROGRAM = "import confluent_kafka, gcsfs; print(confluent_kafka.__name__, gcsfs.__name__)"
_INDEX_VARIABLES = {"index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX", "find-links": "UV_FIND_LINKS"}


def make_uv_environment(folder: Path) -> dict[str, str]:
    """Return environment variables with which uv uses the package index and the certificates of pip, this Python, and
    only folders in `folder`.
    """
    printed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    configured: dict[str, str] = {}
    for line in printed.splitlines():
        name, _, value = line.partition("=")
        configured[name.rpartition(".")[2]] = value.strip("'")
    environment = {
        "PATH": os.defpath,
        "HOME": str(folder),
        "UV_TOOL_DIR": str(folder / "tools"),
        "UV_TOOL_BIN_DIR": str(folder / "bin"),
        "UV_CACHE_DIR": str(folder / "cache"),
        "UV_PYTHON": sys.executable,
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_CONFIG": "1",
    }
    environment |= {variable: configured[name] for name, variable in _INDEX_VARIABLES.items() if name in configured}
    return environment | ({"SSL_CERT_FILE": configured["cert"]} if "cert" in configured else {})


def test_uv_installs_and_removes_the_tool_with_both_extras(wheel: Path, tmp_path: Path) -> None:
    """`uv tool install` of the wheel with the extras `gs` and `kafka` installs the command and the libraries of both
    extras. The command states its version, answers a lookup in both languages, and finds none of its files altered.
    `uv tool uninstall` removes the command.
    """
    environment, home = make_uv_environment(tmp_path / "uv"), tmp_path / "home"
    home.mkdir()
    command = [sys.executable, "-m", "uv", "tool", "install", "--quiet", f"{wheel}[gs,kafka]"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    program = tmp_path / "uv" / "bin" / "support-console"
    assert run_program(program, home, "--version").stdout == f"support-console {console.__version__}\n"
    for language, word in (("ja", "法人番号"), ("en", "number")):
        answer = run_program(program, home, "lookup", CORPORATION_NUMBER, language=language)
        assert (answer.returncode, word in answer.stdout.lower()) == (0, True), answer.stderr
    assert find_file_check(run_program(program, home, "--json", "doctor").stdout)["ok"]
    python = program.resolve().with_name("python")
    imported = subprocess.run([str(python), "-c", _IMPORT_EXTRAS_PROGRAM], capture_output=True, text=True, check=True)
    assert imported.stdout == "confluent_kafka gcsfs\n"
    remove_command = [sys.executable, "-m", "uv", "tool", "uninstall", "--quiet", "support-console"]
    subprocess.run(remove_command, env=environment, check=True)
    assert not program.exists()
