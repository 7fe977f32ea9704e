"""Tests that the built application works on a machine without Python and without the repository."""

import hmac
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from websockets.sync.client import connect

import console
from console.services.monitoring.installation import MANIFEST_NAME
from scripts.bundle import contents, sizes
from tests.packaging import built_inputs
from tests.support.vnc_screen import wait_for_colours
from tests.support.waiting import MAX_WAIT_SECONDS

PROJECT_FOLDER = Path(__file__).resolve().parents[2]

# The build takes the better part of a minute, much longer beside other work; all tests of it share one (a file runs
# on one worker).


@pytest.fixture(scope="module")
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of the program in a new build, or in the build that CONSOLE_TEST_APPLICATION names."""
    if built := os.environ.get("CONSOLE_TEST_APPLICATION"):
        return Path(built) / "support-console"
    if request.config.getoption("markexpr") == "not soak" and built_inputs.have_inputs_passed_build_tests():
        pytest.skip("the last build that passed had the same inputs: see tests/packaging/built_inputs.py")
    target = tmp_path_factory.mktemp("built")
    command = [sys.executable, str(PROJECT_FOLDER / "build_spec.py"), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=target, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return target / "dist" / "support-console" / "support-console"


def make_plain_environment(home: Path, **more: str) -> dict[str, str]:
    """Return environment variables without a locale, without a display, and without any value that refers to the
    repository. `more` are further variables.
    """
    return {"PATH": os.defpath, "HOME": str(home), "CONSOLE_HOME": str(home), "CONSOLE_OPERATOR": "op-a", **more}


def run_program(program: Path, home: Path, *words: str, language: str = "en") -> subprocess.CompletedProcess[str]:
    """Run the program with another working directory than its own folder, as a person would."""
    command, env = [str(program), *words], make_plain_environment(home, CONSOLE_LANGUAGE=language)
    return subprocess.run(
        command, cwd=home, env=env, capture_output=True, encoding="utf-8", check=False, timeout=MAX_WAIT_SECONDS
    )


def test_a_lookup_of_the_built_application_creates_its_database(program: Path, tmp_path: Path) -> None:
    """The built application contains migrations, drivers and word catalogues: its first command creates the database
    and prints an answer.
    """
    done = run_program(program, tmp_path, "--json", "lookup", "1180301018771")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["ok"] is True
    assert answer["data"]["corporation_number"] == "1180301018771"
    assert answer["data"]["credit_checks"] == []


@pytest.mark.parametrize(("language", "word"), [("ja", "法人番号"), ("en", "number")])
def test_the_built_application_prints_a_refusal_in_words(
    program: Path, tmp_path: Path, language: str, word: str
) -> None:
    """The built application finds both word catalogues, and prints a refusal in UTF-8 although no locale is set."""
    done = run_program(program, tmp_path, "lookup", "1180301018772", language=language)
    assert done.returncode == 2
    assert word in done.stdout + done.stderr


def test_the_built_application_has_the_model_of_japanese_phrases(program: Path) -> None:
    """The built application contains the Japanese model of the library budoux, which splits text into phrases, and no
    model of another language.
    """
    assert [file.name for file in (program.parent / "_internal" / "budoux" / "models").iterdir()] == ["ja.json"]


def test_the_built_application_shows_its_first_page_in_an_empty_home(program: Path, tmp_path: Path) -> None:
    """With an empty home folder the window shows its first page in Japanese without an error, and ends by SIGTERM."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    env, log = (
        make_plain_environment(tmp_path, QT_QPA_PLATFORM=f"vnc:port={port}", CONSOLE_LANGUAGE="ja"),
        tmp_path / "window.log",
    )
    with (
        log.open("wb") as log_file,
        subprocess.Popen([str(program)], cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, stderr=log_file) as window,
    ):
        try:
            assert wait_for_colours(port) > 50
        finally:
            window.terminate()
            status = window.wait(timeout=MAX_WAIT_SECONDS)
    assert status in (0, 143)
    assert "Traceback" not in log.read_text(encoding="utf-8")


NOTICE_KEY = "a-key-of-sixteen-or-more"
LIVE_TOKEN = "a-live-feed-token-for-tests"


def make_signature_header(body: bytes) -> dict[str, str]:
    """Return the header of a signed notice with the present time."""
    at = int(time.time())
    mac = hmac.new(NOTICE_KEY.encode(), f"{at}.".encode() + body, "sha256").hexdigest()
    return {"X-Notice-Signature": f"t={at},v1={mac}"}


def post_notice(url: str, body: bytes, headers: dict[str, str]) -> int:
    try:
        with urlopen(Request(url, data=body, headers=headers), timeout=MAX_WAIT_SECONDS) as answer:
            return int(answer.status)
    except HTTPError as refused:
        with refused:
            return refused.code


def test_a_built_worker_receives_notices_and_ends_by_sigterm(program: Path, tmp_path: Path) -> None:
    """The worker of the built application has every part of the receiver. It answers requests, stores a signed
    notice, refuses a forged one, and opens the WebSocket `/live`. SIGTERM ends it with status 0, and its log has no
    error. It runs without Kafka, which is an optional extra.
    """
    settings = {"RECEIVER_PORT": "0", "SECRET_NOTICE_BANK_KEY": NOTICE_KEY, "SECRET_LIVE_TOKEN": LIVE_TOKEN}
    env = make_plain_environment(tmp_path, **{f"CONSOLE_{name}": value for name, value in settings.items()})
    command, log = [str(program), "--json", "worker"], tmp_path / "worker.log"
    event = {"event_id": "e-1", "type": "payment.succeeded", "order_no": "ORD-1", "amount": "3300", "currency": "JPY"}
    body = json.dumps({**event, "occurred_at": datetime.now(UTC).isoformat()}).encode()
    with (
        log.open("wb") as log_file,
        subprocess.Popen(
            command, cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log_file
        ) as worker,
    ):
        try:
            assert worker.stdout is not None
            ready = json.loads(worker.stdout.readline() or b"{}").get("data") or pytest.fail(log.read_text())
            url = ready["url"]
            with urlopen(f"{url}/healthz", timeout=MAX_WAIT_SECONDS) as healthy:
                assert healthy.status == 200
            assert post_notice(f"{url}/notices/bank", body, make_signature_header(body)) == 200
            assert post_notice(f"{url}/notices/bank", body, make_signature_header(body + b" ")) == 400
            with connect(f"{url.replace('http', 'ws', 1)}/live", open_timeout=MAX_WAIT_SECONDS, proxy=None) as line:
                line.send(LIVE_TOKEN)
                assert json.loads(line.recv(timeout=MAX_WAIT_SECONDS))
        finally:
            worker.terminate()
            status = worker.wait(timeout=MAX_WAIT_SECONDS)
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert (status, [line for line in lines if line["level"] in ("ERROR", "CRITICAL")]) == (0, [])
    with closing(sqlite3.connect(tmp_path / "console.db")) as database:
        kept_events = database.execute("SELECT order_no FROM payment_events WHERE event_id = 'e-1'").fetchall()
    assert kept_events == [("ORD-1",)]


def test_the_built_demo_opens_its_window_with_records(program: Path, tmp_path: Path) -> None:
    """The built demo paints its window, which is checked over VNC. A lookup finds one of the demo's records. SIGTERM
    ends the demo with status 0.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    env = make_plain_environment(tmp_path, QT_QPA_PLATFORM=f"vnc:port={port}", CONSOLE_LANGUAGE="ja")
    command = [str(program), "--json", "demo"]
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as demo:
        try:
            assert demo.stdout is not None
            answer = json.loads(demo.stdout.readline())
            assert answer["ok"], answer
            ready = answer["data"]
            assert wait_for_colours(port) > 50
            number = ready["provider_screen"][0]["corporation_number"]
            lookup_answer = json.loads(run_program(program, Path(ready["home"]), "--json", "lookup", number).stdout)
            assert lookup_answer["data"]["credit_checks"]
        finally:
            demo.terminate()
            status = demo.wait(timeout=MAX_WAIT_SECONDS)
    assert status == 0
    assert not Path(ready["home"]).exists()


def test_the_built_application_has_no_unneeded_parts(program: Path) -> None:
    """The built application has at most 186 MB, 4 below the limit of the build; otherwise the message names the parts
    that grew. It contains no GPL library, optional package, test tool or unused part of Qt, and Qt's texts in two
    languages only.
    """
    folder = program.parent
    grown_parts = sizes.describe_growth(sizes.measure_parts(folder), sizes.read_sizes())
    print("Parts that grew since sizes.txt:", *grown_parts or ["none"], sep="\n  ")
    assert contents.list_forbidden_paths(folder) == []
    assert contents.measure_megabytes(folder) <= contents.TARGET_MEGABYTES, grown_parts
    listed = (folder / "NOTICE.txt").read_text(encoding="utf-8").lower()
    assert [word for word in ("gcsfs", "confluent", "pytest", "hypothesis", "stdnum") if word in listed] == []
    translations = (folder / "_internal" / "PySide6" / "Qt" / "translations").iterdir()
    assert {one.name for one in translations} <= {"qtbase_ja.qm", "qtbase_en.qm"}
    dangling = [one for one in folder.rglob("*") if one.is_symlink() and not one.exists()]
    assert dangling == []


def test_the_build_has_the_licence_terms_of_every_component(program: Path) -> None:
    """The file NOTICE.txt and the list of components name each package and each library of the build machine, with
    its licence. No component is available under the GPL alone.
    """
    folder = program.parent / "THIRD_PARTY"
    notice = (program.parent / "NOTICE.txt").read_text(encoding="utf-8")
    packages = [one for one in folder.iterdir() if one.is_dir() and one.name not in ("licenses", "system")]
    assert len(packages) > 25
    assert [one.name for one in packages if f"{one.name}: " not in notice or not (one / "TERMS.txt").is_file()] == []
    for name in (
        "LGPL-3",
        "LGPL-2.1",
        "GPL-3",
        "Apache-2.0",
        "ICU",
        "OFL-1.1-BIZ-UDGothic.txt",
        "OFL-1.1-NotoSans.txt",
    ):
        assert (folder / "licenses" / name).stat().st_size > 1_000
    assert {one.name.rpartition("-")[0] for one in packages} >= {"PySide6_Essentials", "shiboken6"}
    assert "its package is unknown" not in notice
    system = {one.name for one in (folder / "system").iterdir()}
    assert [name for name in system if not (folder / "system" / name / "copyright").is_file()] == []
    listed = json.loads((program.parent / "sbom.cdx.json").read_text(encoding="utf-8"))["components"]
    assert {one["name"] for one in listed} >= system | {"python", "PySide6_Essentials"}
    licences = [one["licenses"][0]["license"]["name"] for one in listed if "licenses" in one]
    assert [
        text for text in licences if all("GPL" in choice and "LGPL" not in choice for choice in text.split(" OR "))
    ] == []


def test_altered_and_missing_files_are_named(program: Path, tmp_path: Path) -> None:
    """`doctor` and `--version` name altered and missing files of the application. This works also if a word catalogue
    is missing.
    """
    folder = tmp_path / "copy"
    subprocess.run(["cp", "-a", "--reflink=auto", str(program.parent), str(folder)], check=True)
    copy, internal = folder / program.name, folder / "_internal"
    done = subprocess.run(["sha256sum", "--check", "--quiet", MANIFEST_NAME], cwd=folder, check=False)
    assert done.returncode == 0
    checks = json.loads(run_program(copy, tmp_path, "--json", "doctor").stdout)["data"]["checks"]
    whole = next(check for check in checks if check["name"] == "installation")
    assert (whole["ok"], whole["facts"]["damaged"]) == (True, [])
    assert whole["facts"]["files"] > 200
    with (internal / "resources" / "style" / "tokens.json").open("a") as altered:
        altered.write(" ")
    (internal / "resources" / "fonts" / "OFL.txt").unlink()
    output = run_program(copy, tmp_path, "--version").stdout
    assert output.startswith(f"support-console {console.__version__}\n")
    versions = json.loads(run_program(copy, tmp_path, "--version", "--json").stdout)["data"]
    assert versions["altered"] == ["_internal/resources/style/tokens.json"]
    assert versions["missing"] == ["_internal/resources/fonts/OFL.txt"]
    assert all(path in output for path in (*versions["altered"], *versions["missing"]))
    checks = json.loads(run_program(copy, tmp_path, "--json", "doctor").stdout)["data"]["checks"]
    assert next(check for check in checks if check["name"] == "installation")["ok"] is False
    for catalogue in (internal / "resources" / "words").iterdir():
        catalogue.unlink()
    output = run_program(copy, tmp_path, "--version").stdout
    assert output.startswith(f"support-console {console.__version__}\n")
    assert "_internal/resources/words/en.json" in output
    broken = run_program(copy, tmp_path, "lookup", "1180301018771")
    assert broken.returncode == 70
    assert "_internal/resources/words/en.json" in broken.stderr
    (folder / MANIFEST_NAME).write_text("nothing of the kind\n", encoding="utf-8")
    assert MANIFEST_NAME in run_program(copy, tmp_path, "--version").stdout


def test_libraries_under_the_lgpl_can_be_replaced(program: Path) -> None:
    """Qt and PySide6 are separate files in the application, and no part of them is linked into the program, so that a
    user can replace them.
    """
    libraries = program.parent / "_internal" / "PySide6"
    assert (libraries / "Qt" / "lib" / "libQt6Core.so.6").is_file()
    assert list(libraries.glob("QtCore.*"))
    assert list((program.parent / "_internal" / "shiboken6").glob("libshiboken6*"))


def test_the_built_application_prints_its_version(program: Path, tmp_path: Path) -> None:
    """The application prints its version and that of Qt, which it reads from the package's metadata."""
    versions = json.loads(run_program(program, tmp_path, "--json", "--version").stdout)["data"]
    assert versions["version"] == console.__version__
    assert versions["qt"].count(".") == 2
