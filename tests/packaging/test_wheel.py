"""Tests of the wheel that is installed in an environment without the repository: the commands in Japanese and
English, the window, a PDF and the version.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import pytest

import console
from console.store.schema.core import SCHEMA_VERSION
from tests.store import pdf_bombs
from tests.support.vnc_screen import wait_for_colours
from tests.support.waiting import MAX_WAIT_SECONDS

PROJECT_FOLDER = Path(__file__).resolve().parents[2]
COPIED_SOURCES = ("console", "resources", "setup.py", "MANIFEST.in", "pyproject.toml", "README.md")
CORPORATION_NUMBER = "1180301018771"
WRONG_CORPORATION_NUMBER = "1180301018772"
_RENDER_PDF_PROGRAM = """
import sys
from pathlib import Path
from console.store.documents.pdf_renderer import PdfDocument
with PdfDocument(Path(sys.argv[1]).read_bytes()) as document:
    image = document.render_page(0, 800)
    print(image.width_px, min(image.pixels), document.search("見本").matches != ())
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of a wheel that is built from a copy of the sources, so that files left by earlier builds have
    no influence.
    """
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in COPIED_SOURCES:
        if (PROJECT_FOLDER / name).is_dir():
            shutil.copytree(PROJECT_FOLDER / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(PROJECT_FOLDER / name, source / name)
    pip_options = ["-q", "--no-deps", "--no-build-isolation", "-w", str(target)]
    command = [sys.executable, "-m", "pip", "wheel", *pip_options, "."]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def program_path(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of the program in a virtual environment that contains only the wheel and the packages on which
    it depends.
    """
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    # A .pth names the folder alone: the .pth files inside it, our editable install among them, are not read.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = folder / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", "--no-index"]
    done = subprocess.run([*command, str(wheel)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "bin" / "support-console"


def make_plain_environment(home: Path, **more: str) -> dict[str, str]:
    """Return environment variables without a locale, a display and any path of the repository. `more` are further
    variables.
    """
    return {"PATH": os.defpath, "HOME": str(home), "CONSOLE_HOME": str(home), "CONSOLE_OPERATOR": "op-a", **more}


def run_program(program: Path, home: Path, *words: str, language: str = "en") -> subprocess.CompletedProcess[str]:
    """Run the program from a folder that is not its own, as a person would."""
    command, env = [str(program), *words], make_plain_environment(home, CONSOLE_LANGUAGE=language)
    return subprocess.run(
        command, cwd=home, env=env, capture_output=True, encoding="utf-8", check=False, timeout=MAX_WAIT_SECONDS
    )


def test_the_wheel_has_console_and_all_resources(wheel: Path) -> None:
    """The wheel contains the package `console` and each file of `resources/` unchanged, but no tests and no
    scripts.
    """
    with zipfile.ZipFile(wheel) as built:
        tops = {name.split("/")[0] for name in built.namelist()}
        for file in (one for one in (PROJECT_FOLDER / "resources").rglob("*") if one.is_file()):
            place = file.relative_to(PROJECT_FOLDER).as_posix()
            assert built.read(f"console/{place}") == file.read_bytes()
    assert {top for top in tops if not top.endswith(".dist-info")} == {"console"}


@pytest.mark.parametrize(("language", "word"), [("ja", "法人番号"), ("en", "number")])
def test_a_lookup_answers_in_both_languages(program_path: Path, tmp_path: Path, language: str, word: str) -> None:
    """In Japanese and in English, `lookup` creates the database and answers. So the installed wheel contains the
    migrations and the catalogues of sentences.
    """
    done = run_program(program_path, tmp_path, "lookup", CORPORATION_NUMBER, language=language)
    assert (done.returncode, word in done.stdout.lower()) == (0, True), done.stderr
    refused = run_program(program_path, tmp_path, "lookup", WRONG_CORPORATION_NUMBER, language=language)
    assert refused.returncode == 2
    assert word in refused.stderr


def test_wheel_doctor_and_command_line_have_one_version(program_path: Path, wheel: Path, tmp_path: Path) -> None:
    """The option `--version`, the command `doctor` and the file name of the wheel state the same version."""
    assert run_program(program_path, tmp_path, "--version").stdout == f"support-console {console.__version__}\n"
    versions = json.loads(run_program(program_path, tmp_path, "--json", "--version").stdout)["data"]
    assert versions["version"] == console.__version__ == wheel.name.split("-")[1]
    assert versions["schema"] == SCHEMA_VERSION
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", versions[name]) for name in ("python", "qt"))
    checks = json.loads(run_program(program_path, tmp_path, "--json", "doctor").stdout)["data"]["checks"]
    assert checks[0]["facts"]["version"] == console.__version__


def test_the_installed_window_opens_and_ends_by_sigterm(program_path: Path, tmp_path: Path) -> None:
    """The installed program paints its window, as a VNC client sees, and ends with status 0 after SIGTERM."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    env = make_plain_environment(tmp_path, QT_QPA_PLATFORM=f"vnc:port={port}", CONSOLE_LANGUAGE="ja")
    with subprocess.Popen([str(program_path)], cwd=tmp_path, env=env, stdin=subprocess.DEVNULL) as window:
        try:
            assert wait_for_colours(port) > 50
        finally:
            window.terminate()
            status = window.wait(timeout=MAX_WAIT_SECONDS)
    assert status in (0, 143)


def test_a_pdf_is_rendered(program_path: Path, tmp_path: Path) -> None:
    """The child process of the installed program renders a PDF with the fonts in the wheel."""
    report = tmp_path / "report.pdf"
    report.write_bytes(pdf_bombs.make_report_pdf("株式会社見本"))
    command, env = (
        [str(program_path.with_name("python")), "-c", _RENDER_PDF_PROGRAM, str(report)],
        make_plain_environment(tmp_path),
    )
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "800 0 True\n"), done.stderr


def find_file_check(doctor_output: str) -> dict[str, Any]:
    """Return the check of the program's files from the JSON output of `doctor`."""
    checks: list[dict[str, Any]] = json.loads(doctor_output)["data"]["checks"]
    return next(check for check in checks if check["name"] == "installation")


def _read_file_check(program: Path, home: Path) -> dict[str, Any]:
    """Return the part of the output of `doctor` that reports the check of the program's files."""
    return find_file_check(run_program(program, home, "--json", "doctor").stdout)


def test_the_doctor_names_damaged_files_and_libraries(program_path: Path, tmp_path: Path) -> None:
    """`doctor` reports altered and removed files of the wheel by their paths, and damaged libraries by their names. A
    command that can't start because of a damaged file exits with 70 and names the file."""
    assert _read_file_check(program_path, tmp_path)["ok"]
    (packages,) = program_path.parents[1].glob("lib/python*/site-packages")
    sentences = packages / "console/resources/words/en.json"
    icon = packages / "console/resources/desktop/support-console.svg"
    content_by_file = {file: file.read_bytes() for file in (sentences, icon)}
    # A library in front of the whole one, as an interrupted installation leaves it.
    broken = packages / "requests-99.0.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("Metadata-Version: 2.1\nName: requests\nVersion: 99.0\n")
    (broken / "RECORD").write_text("requests/gone.py,sha256=AAAA,0\n")
    try:
        sentences.write_bytes(content_by_file[sentences] + b"\n")
        icon.unlink()
        check = _read_file_check(program_path, tmp_path)
        assert not check["ok"]
        assert check["facts"]["altered"] == ["console/resources/words/en.json", "requests"]
        assert check["facts"]["missing"] == [icon.relative_to(packages).as_posix()]
        sentences.write_text("{")
        stopped = run_program(program_path, tmp_path, "lookup", CORPORATION_NUMBER)
        assert (stopped.returncode, str(sentences.relative_to(packages)) in stopped.stderr) == (70, True)
    finally:
        shutil.rmtree(broken)
        for file, content in content_by_file.items():
            file.write_bytes(content)
