"""Commands that run as a process of their own: their streams, signals and encodings, and the modules that they
import.
"""

import gc
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from console.cli.command_table import MODULE_BY_COMMAND_WORDS
from console.cli.process.garbage_collection import pause_garbage_collection
from console.sandbox.server import Sandbox
from tests.cli.conftest import Terminal
from tests.support.waiting import MAX_WAIT_SECONDS

CORPORATION_NUMBER = "1180301018771"
CONSOLE_COMMAND = (sys.executable, "-m", "console")


def make_environment(terminal: Terminal, **more: str) -> dict[str, str]:
    return {**os.environ, **terminal.env, **more}


def run_process(
    terminal: Terminal, *words: str, stdout: Any = subprocess.PIPE, **more: str
) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [*CONSOLE_COMMAND, *words],
        stdout=stdout,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env=make_environment(terminal, **more),
        timeout=MAX_WAIT_SECONDS,
        check=False,
    )


@contextmanager
def start_process(terminal: Terminal, *words: str, **more: str) -> "Iterator[subprocess.Popen[bytes]]":
    """Start a process of the program with these arguments, yield it, and kill it at the end of the block. `more` has
    additional environment variables."""
    with subprocess.Popen(
        [*CONSOLE_COMMAND, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env=make_environment(terminal, **more),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_closed_pipe_changes_no_purchase(terminal: Terminal, sandbox: Sandbox) -> None:
    """If the reader of stdout has closed the pipe, the purchase is made and recorded. The exit status is 4 (outcome
    unknown), because the caller doesn't get the result; the same request id returns it without a second charge. A
    command that only reads ends with 0 and without a message.
    """
    purchase = ("--json", "purchase", CORPORATION_NUMBER, "--client", "1", "--request-id", "once")
    reading, writing = os.pipe()
    os.close(reading)
    try:
        bought = run_process(terminal, *purchase, stdout=writing, CONSOLE_LANGUAGE="en")
        looked_up = run_process(terminal, "--json", "lookup", CORPORATION_NUMBER, stdout=writing)
    finally:
        os.close(writing)
    assert (bought.returncode, bought.stderr.count(b"The command was carried out")) == (4, 1)
    assert (looked_up.returncode, looked_up.stderr) == (0, b"")
    assert terminal.json(*purchase[1:]).data["duplicate"] is True
    assert sandbox.ledger.count_charges_of_number(CORPORATION_NUMBER) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a file that is always full")
def test_a_full_disk_behind_stdout_is_reported_on_stderr(terminal: Terminal) -> None:
    """If the answer of a refused command can't be written because the disk is full, stderr says so without a
    traceback, and the exit status is that of the refusal.
    """
    with Path("/dev/full").open("wb") as full:
        ended = run_process(terminal, "--json", "lookup", "118", stdout=full)
    assert ended.returncode == 2
    assert b"could not be written" in ended.stderr
    assert b"Traceback" not in ended.stderr


def test_bytes_that_are_no_utf8_are_refused(terminal: Terminal) -> None:
    """A command line with bytes that are no UTF-8 is refused with exactly one JSON object in UTF-8, in any locale."""
    for locale in ("C", "C.UTF-8", "en_US.ISO-8859-1"):
        ended = subprocess.run(
            [*map(os.fsencode, CONSOLE_COMMAND), b"--json", b"lookup", b"118\xff\xfe\xf0\x9f\xa6\x8a"],
            capture_output=True,
            env=make_environment(terminal, LC_ALL=locale),
            timeout=MAX_WAIT_SECONDS,
            check=False,
        )
        answer = json.loads(ended.stdout.decode("utf-8"))
        assert (ended.returncode, answer["error"]["detail"]["reason"]) == (2, "CHARACTER")


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (("db", "backup", "copy"), (6, "storage_full")),
        (("db", "restore", "copy"), (2, "bad_backup")),
        (("registry", "import", "whole.zip"), (2, "bad_registry_file")),
        (("audit", "export", "trail.csv"), (6, "storage_full")),
        (("show", "credit-check", "1", "--pack", "case.zip"), (6, "storage_full")),
        (("export", "queue", "review", "--to", "review.csv"), (6, "storage_full")),
        (("lookup", CORPORATION_NUMBER), (2, "bad_profile")),
    ],
)
def test_a_relative_path_in_a_deleted_folder_is_refused(
    terminal: Terminal,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    refusal: tuple[int, str],
) -> None:
    """If the working directory has been deleted, each command with a relative path is refused with the code of its
    own error, such as `storage_full` or `bad_backup`.
    """
    if words[0] == "show":
        assert terminal.json("purchase", CORPORATION_NUMBER, "--client", "1").status == 0
    folder = tmp_path / "deleted"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    place = {"HOME": "home"} if words[0] == "lookup" else {}
    assert terminal.json(*words, **place).exit_status_and_code == refusal


def test_japanese_is_printed_in_any_locale(terminal: Terminal) -> None:
    """On a terminal with ASCII only, Japanese characters are printed as escapes, and the command exits 0."""
    ended = run_process(terminal, "lookup", CORPORATION_NUMBER, PYTHONIOENCODING="ascii", CONSOLE_LANGUAGE="ja")
    assert ended.returncode == 0
    assert ended.stdout.isascii()


def test_an_interrupted_purchase_is_unknown(terminal: Terminal, sandbox: Sandbox) -> None:
    """Ctrl+C during a purchase's call to the provider ends the command with exit status 4 and one JSON object. A new
    process refuses a second purchase, because the outcome of the first one is unknown.
    """
    sandbox.control.add_fault("hang", call="purchase", times=1)
    with start_process(
        terminal, "--json", "purchase", CORPORATION_NUMBER, "--client", "1", CONSOLE_TIME_SCALE="1"
    ) as process:
        reached = sandbox.control.wait_until_counts_reached(MAX_WAIT_SECONDS / 2, held=1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=MAX_WAIT_SECONDS)
    assert reached, err
    answer = json.loads(out)
    assert (process.returncode, answer["error"]["code"]) == (4, "outcome_unknown")
    assert b"Traceback" not in err
    assert terminal.json("purchase", CORPORATION_NUMBER, "--client", "1").exit_status_and_code == (
        3,
        "already_purchased",
    )
    assert sandbox.ledger.charge_count == 0


def test_repeated_ctrl_c_gives_one_answer(terminal: Terminal, sandbox: Sandbox) -> None:
    """Ctrl+C is pressed repeatedly until the command answers. The purchase's outcome is then unknown, the answer is
    one complete JSON object, and a second purchase is refused.
    """
    sandbox.control.add_fault("hang_after_charge", call="purchase", times=1)
    with start_process(terminal, "--json", "purchase", CORPORATION_NUMBER, "--client", "1") as process:
        assert sandbox.control.wait_until_counts_reached(MAX_WAIT_SECONDS / 2, held=1)
        assert process.stdout is not None
        pressed = 0
        deadline = time.monotonic() + MAX_WAIT_SECONDS
        while not select.select([process.stdout], [], [], 0.005)[0]:
            assert time.monotonic() < deadline
            process.send_signal(signal.SIGINT)
            pressed += 1
        out, err = process.communicate(timeout=MAX_WAIT_SECONDS)
    assert b"Traceback" not in err
    assert (process.returncode, json.loads(out)["error"]["code"]) == (4, "outcome_unknown")
    assert pressed > 1
    assert terminal.json("purchase", CORPORATION_NUMBER, "--client", "1").exit_status_and_code == (
        3,
        "already_purchased",
    )
    assert sandbox.ledger.charge_count == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_after_the_answer_keeps_the_exit_status(terminal: Terminal, number: int) -> None:
    """SIGINT or SIGTERM between the answer and the end of the process doesn't change the exit status."""
    with start_process(terminal, "--json", "purchase", "1", "--client", "1") as process:
        assert process.stdout is not None
        error = json.loads(process.stdout.readline())["error"]
        while process.poll() is None:
            process.send_signal(number)
        _, err = process.communicate(timeout=MAX_WAIT_SECONDS)
    assert b"Traceback" not in err
    assert (process.returncode, error["code"]) == (2, "invalid_corporation_number")


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_two_interrupts_before_the_start_end_the_command(
    terminal: Terminal, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, is_wrapped: bool
) -> None:
    """Ctrl+C twice while the program still loads ends a purchase as `interrupted`, and no purchase is sent. This is
    so also if Python wraps an interrupt in another exception.
    """

    class InterruptAtClassCreation:
        def __set_name__(self, _owner: object, _name: str) -> None:
            signal.raise_signal(signal.SIGINT)

    def press_while_loading(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)
        if is_wrapped:
            type("Loaded", (), {"field": InterruptAtClassCreation()})
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("console.app.open_console", press_while_loading)
    assert terminal.json("purchase", CORPORATION_NUMBER, "--client", "1").exit_status_and_code == (6, "interrupted")
    assert sandbox.ledger.charge_count == 0


def test_a_bug_gives_exit_status_70_and_a_support_code(terminal: Terminal, sandbox: Sandbox) -> None:
    """A bug ends the command with exit status 70, and nothing is sent to a provider. The support code on stdout is
    also in the log, beside the traceback.
    """
    ended = run_process(
        terminal, "--json", "purchase", CORPORATION_NUMBER, "--client", "1", CONSOLE_FAILPOINT="before_tx1:1:raise"
    )
    error = json.loads(ended.stdout)["error"]
    assert (ended.returncode, error["code"]) == (70, "internal_error")
    assert error["detail"]["support_code"].encode() in ended.stderr
    assert b"Traceback" in ended.stderr
    assert sandbox.ledger.charge_count == 0


def test_the_sandbox_prints_its_address_and_ends_by_sigterm(terminal: Terminal) -> None:
    """`sandbox` prints one JSON object when its server answers, and ends with status 0 after SIGTERM."""
    with start_process(terminal, "sandbox", "--json") as process:
        assert process.stdout is not None
        data = json.loads(process.stdout.readline())["data"]
        assert data["url"].endswith(f":{data['port']}")
        with urlopen(f"{data['url']}/_sandbox/state", timeout=MAX_WAIT_SECONDS) as answer:
            assert json.load(answer)["charges"] == 0
        taken = run_process(terminal, "sandbox", "--json", "--port", str(data["port"]))
        process.terminate()
        assert process.wait(MAX_WAIT_SECONDS) == 0
        assert process.stdout.read() == b""
    assert json.loads(taken.stdout)["error"]["code"] == "usage"


def test_the_window_without_a_display_names_the_usable_commands(terminal: Terminal) -> None:
    """Without a command and without a display the program prints a sentence on stderr, shows no traceback and opens
    no window.
    """
    without = {"QT_QPA_PLATFORM": "", "DISPLAY": "", "WAYLAND_DISPLAY": ""}
    ended = run_process(terminal, **without)
    assert ended.returncode != 0
    assert b"QT_QPA_PLATFORM" in ended.stderr
    assert b"Traceback" not in ended.stderr


SLOW_MODULES = {"PySide6", "requests", "urllib3", "keyring", "alembic", "cryptography", "pypdfium2", "http.client"}
# Modules that make tens of dataclasses, enumerations or statements. A lookup needs none of their names at run time.
MODULES_UNUSED_BY_LOOKUP = {
    "console.cli.json_output.audit",
    "console.cli.json_output.purchases",
    "console.domain.access.disabled_people",
    "console.domain.allowed_action",
    "console.domain.desk_requests.records",
    "console.domain.errors.details",
    "console.domain.file_problems",
    "console.domain.payments.compared_sides",
    "console.domain.payments.consistency",
    "console.domain.payments.limits",
    "console.domain.payments.provider_messages",
    "console.domain.payments.service_results",
    "console.domain.recovery.decision_reasons",
    "console.domain.registry.corporations",
    "console.domain.registry.facts",
    "console.domain.service_results",
    "console.domain.tasks.records",
    "console.domain.usage_problems",
    "console.domain.views.any_record",
    "console.providers.payments.adapter_arguments",
    "console.services.guarded.operation",
    "console.services.guarded.pipeline",
    "console.services.registry.facts",
    "console.services.registry.service",
    "console.settings.provider_merchant",
    "console.store.alerts.alerts",
    "console.store.operations.leases",
    "console.store.operations.lost_operations",
    "console.store.operations.request_ids",
    "console.store.registry.reader",
    "console.store.schema.legacy_table",
    "console.store.schema.payments",
    "console.store.schema.worker",
    "console.wiring.services",
    "console.wording.sentences.findings",
}
# Modules of services that act on records, or that read other records than the command's.
MODULES_UNUSED_BY_READERS = {
    "console.domain.alerts.incidents",
    "console.domain.reports.daily_close",
    "console.services.credit_checks.purchase",
    "console.services.guarded.pipeline",
    "console.services.guarded.request_ids",
    "console.services.payments.probe",
    "console.services.refunds.request",
    "console.store.constraints.fitness",
    "console.wiring.action_builders",
    "console.wiring.services",
}
MODULES_UNUSED_BY_SHOW = {
    "console.cli.evidence.bundles",
    "console.cli.recovery.queues",
    "console.cli.text_output.results",
    "console.domain.reconciliation.row_comparison",
    "console.domain.service_results",
    "console.services.recovery.queues",
}
MODULES_UNUSED_BY_REFUSED_PURCHASE = {
    "console.cli.json_output.audit",
    "console.cli.text_output.results",
    "console.domain.access.disabled_people",
    "console.domain.alerts.incidents",
    "console.domain.payments.consistency",
    "console.domain.payments.service_results",
    "console.domain.queues.filters",
    "console.domain.recovery.decision_reasons",
    "console.domain.registry.corporations",
    "console.domain.service_results",
    "console.domain.views.any_record",
    "console.providers.payments.provider",
    "console.services.annotations.notes",
    "console.services.bulk.runs",
    "console.services.credit_checks.probe",
    "console.services.credit_checks.resolve",
    "console.services.credit_checks.details_reader",
    "console.services.evidence.pack",
    "console.services.reconciliation.run",
    "console.services.recovery.related_records",
    "console.services.recovery.replayed_answers",
    "console.services.refunds.records",
    "console.services.registry.facts",
    "console.store.constraints.fitness",
    "console.store.monitoring.recent_activity",
    "console.store.queues.definitions",
    "console.store.queues.table_queries",
    "console.store.schema.legacy_table",
    "console.wiring.payments",
    "console.wiring.refunds",
    "console.wiring.services",
    "console.wording.sentences.findings",
}
MODULES_UNUSED_BY_REFUSAL = {
    "console.cli.json_output.records",
    "console.domain.records",
    "console.domain.payments.records",
}
MODULES_UNUSED_BY_HELP = MODULES_UNUSED_BY_REFUSAL | {
    "console.domain.error_reasons",
    "console.wording.sentences.line_breaks",
    "console.cli.command_table",
}
MODULES_UNUSED_BY_FIRST_FRAME = {
    "argparse",
    "console.domain.error_reasons",
    "console.domain.links.link",
    "console.domain.payments.states",
    "console.domain.process.failpoint_names",
    "console.providers.payments.daily_files",
    "console.providers.payments.notices",
    "console.wording.sentences.catalogue",
    "secrets",
}


def read_loaded_modules(terminal: Terminal, program: str, *words: str) -> set[str]:
    """Run the Python text `program` in a new process. Return the names of the modules that are loaded at its end."""
    ended = subprocess.run(
        [sys.executable, "-c", f"import sys; {program}; print(*sys.modules, file=sys.stderr)", *words],
        capture_output=True,
        env=make_environment(terminal),
        timeout=MAX_WAIT_SECONDS,
        check=False,
    )
    return set(ended.stderr.decode().splitlines()[-1].split())


def test_a_command_without_a_provider_imports_no_slow_module(terminal: Terminal) -> None:
    """A lookup that finds a credit check loads neither Qt nor HTTP, keyring, migrations, cryptography or modules that
    only write. A usage error and a help page load neither SQLAlchemy nor the classes of records.
    """
    assert terminal.json("purchase", CORPORATION_NUMBER, "--client", "1").status == 0
    no_database = {"sqlalchemy", "sqlite3", "console.app"}
    for words, unused in (
        (("--json", "lookup", CORPORATION_NUMBER), MODULES_UNUSED_BY_LOOKUP),
        (("--json", "queue", "nonsense"), MODULES_UNUSED_BY_LOOKUP | no_database | MODULES_UNUSED_BY_REFUSAL),
        (("--help",), MODULES_UNUSED_BY_LOOKUP | no_database | MODULES_UNUSED_BY_HELP),
    ):
        loaded = read_loaded_modules(terminal, "from console.cli.main import main; main(sys.argv[1:])", *words)
        assert "console.cli.process.parser" in loaded
        assert loaded & (SLOW_MODULES | unused) == set()


def test_a_command_loads_only_the_services_that_it_uses(terminal: Terminal) -> None:
    """The commands `show` and `queue`, and a purchase that is refused before a provider is called, load no module of
    a service that they don't use: each of these modules makes the start slower.
    """
    assert terminal.json("purchase", CORPORATION_NUMBER, "--client", "1").status == 0
    wrong_number = f"{CORPORATION_NUMBER[:-1]}2"  # the check digit is not valid
    purchase_service = "console.services.credit_checks.purchase"
    for words, used, unused in (
        (
            ("show", "credit-check", "1"),
            "console.services.credit_checks.details_reader",
            MODULES_UNUSED_BY_READERS | MODULES_UNUSED_BY_SHOW,
        ),
        (("queue", "review"), "console.services.recovery.queues", MODULES_UNUSED_BY_READERS),
        (("purchase", wrong_number, "--client", "1"), purchase_service, MODULES_UNUSED_BY_REFUSED_PURCHASE),
        (("purchase", CORPORATION_NUMBER, "--client", "1"), purchase_service, MODULES_UNUSED_BY_REFUSED_PURCHASE),
    ):
        program = "from console.cli.main import main; main(sys.argv[1:])"
        loaded = read_loaded_modules(terminal, program, "--json", *words)
        assert used in loaded
        assert loaded & unused == set()


@pytest.mark.parametrize(
    ("words", "module"),
    [
        (("--json", "lookup", CORPORATION_NUMBER), "console.cli.lookup.commands"),
        (("lookup", CORPORATION_NUMBER), "console.cli.lookup.commands"),
        (("alerts", "list"), "console.cli.alerts.alerts"),
        (("sign-out",), "console.cli.access.sign_in"),
    ],
)
def test_a_command_loads_no_module_of_another_command(
    terminal: Terminal, words: tuple[str, ...], module: str
) -> None:
    """A process loads the module of the command that it runs, and none of the modules of the other commands."""
    loaded = read_loaded_modules(terminal, "from console.cli.main import main; main(sys.argv[1:])", *words)
    assert loaded & set(MODULE_BY_COMMAND_WORDS.values()) == {module}


def test_the_window_imports_few_modules_before_its_first_frame(terminal: Terminal) -> None:
    """Before the first frame of the window, only the modules that this frame needs are loaded, because each import
    delays the frame.
    """
    steps = ("from console.cli.main import main", "from console.settings.settings import Settings", "Settings.load()")
    loaded = read_loaded_modules(terminal, "; ".join(steps))
    assert "console.providers.paypay.plugin" in loaded
    assert (
        loaded & (SLOW_MODULES | MODULES_UNUSED_BY_LOOKUP | MODULES_UNUSED_BY_HELP | MODULES_UNUSED_BY_FIRST_FRAME)
        == set()
    )


def test_few_classes_are_made_before_the_first_frame(terminal: Terminal) -> None:
    """Until the window has painted its first frame, no code has used the namespace `Qt`: PySide makes all of its
    enumerations at the first use, which takes a fifth of the time of the start. The classes of events and QByteArray
    aren't made either, and each dataclass of the program that is made, because its methods are compiled, is one that
    the settings or the person's preferences need.
    """
    program = """
import dataclasses, enum, os, sys
from console.cli.main import main
from console.views.frame.splash_window import MainWindow

def list_enumerations(enumeration):
    for subclass in enumeration.__subclasses__():
        yield subclass.__qualname__
        yield from list_enumerations(subclass)

def list_dataclasses():
    for name, module in list(sys.modules.items()):
        if name.startswith("console."):
            for value in vars(module).values():
                if isinstance(value, type) and dataclasses.is_dataclass(value) and value.__module__ == name:
                    yield "dataclass:" + value.__qualname__

def report_and_exit(window, event):
    os.write(1, " ".join([*list_enumerations(enum.Enum), *list_dataclasses()]).encode())
    os._exit(0)

MainWindow.paintEvent = report_and_exit
main([])
"""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        env=make_environment(terminal, QT_QPA_PLATFORM="offscreen"),
        timeout=MAX_WAIT_SECONDS,
        check=True,
    )
    made = set(ended.stdout.decode().split())
    assert "QFrame.Shape" in made  # PySide's enumerations are named with their class
    assert {name for name in made if name.startswith(("Qt.", "QByteArray.", "QPlatformSurfaceEvent."))} == set()
    assert {name.partition(":")[2] for name in made if name.startswith("dataclass:")} == {
        "AlertSettings",
        "AtomSettings",
        "BaseUrl",
        "ConfiguredProvider",
        "NamedValues",
        "PayPaySettings",
        "ProviderAccess",
        "ProviderPlugin",
        "ProviderTraits",
        "RawSetting",
        "Settings",
    }


def test_a_start_seldom_collects_garbage(terminal: Terminal) -> None:
    """The start of the program raises the number of new objects after which Python collects garbage."""
    program = (
        "import gc, sys; from console.__main__ import main; main(); print(gc.get_threshold()[0], file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, "--help"],
        capture_output=True,
        env=make_environment(terminal),
        timeout=MAX_WAIT_SECONDS,
        check=True,
    )
    assert int(ended.stderr) >= 50_000


def test_pause_garbage_collection_restores_the_former_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """`pause_garbage_collection` stops Python's garbage collection for the block and restores its former state
    afterwards, also after an error.
    """
    calls: list[str] = []
    for name in ("enable", "disable"):
        monkeypatch.setattr(gc, name, partial(calls.append, name))
    for was_enabled in (True, False):
        monkeypatch.setattr(gc, "isenabled", lambda enabled=was_enabled: enabled)
        with pytest.raises(ValueError, match="settings"), pause_garbage_collection():
            raise ValueError("settings")
    assert calls == ["disable", "enable", "disable"]


def test_objects_of_a_pause_are_not_searched_after_it() -> None:
    """Python does not search the objects that were made while its garbage collection was paused: when the pause ends,
    further objects start no collection.
    """
    program = """
import gc
from console.cli.process.garbage_collection import pause_garbage_collection
gc.collect()
with pause_garbage_collection():
    made = [[] for _ in range(100 * gc.get_threshold()[0])]
    before = [generation["collections"] for generation in gc.get_stats()]
further = [[] for _ in range(gc.get_threshold()[0] // 2)]
assert gc.isenabled()
assert [generation["collections"] for generation in gc.get_stats()] == before
assert gc.get_freeze_count() == 0
"""
    subprocess.run([sys.executable, "-c", program], timeout=MAX_WAIT_SECONDS, check=True)


@pytest.mark.parametrize(
    "name", ["settings.alerts", "settings.database_login", "settings.provider_access", "settings.secrets",
             "settings.settings", "settings.urls", "settings.value_parsers", "domain.calendar_days",
             "domain.network.url_policy", "providers.atom.plugin"],
)  # fmt: skip
def test_a_start_compiles_no_pattern_of_settings_that_are_not_set(name: str) -> None:
    """The modules with which a start reads the settings compile a regular expression when it is first used."""
    module = import_module(f"console.{name}")
    assert [name for name, value in vars(module).items() if isinstance(value, re.Pattern)] == []


def test_every_module_that_a_start_must_not_load_exists() -> None:
    """Each module in the lists of modules that a start must not load exists. A module that was renamed would never be
    loaded under its old name, so the lists would check nothing.
    """
    for name in (
        MODULES_UNUSED_BY_LOOKUP
        | MODULES_UNUSED_BY_HELP
        | MODULES_UNUSED_BY_FIRST_FRAME
        | MODULES_UNUSED_BY_READERS
        | MODULES_UNUSED_BY_SHOW
        | MODULES_UNUSED_BY_REFUSED_PURCHASE
    ):
        assert find_spec(name) is not None, name


# ---- the demo


ENVIRONMENT_WITHOUT_DISPLAY = {"QT_QPA_PLATFORM": "", "DISPLAY": "", "WAYLAND_DISPLAY": "", "CONSOLE_LANGUAGE": "en"}


def test_the_demo_is_a_complete_desk_that_is_deleted_at_its_end(terminal: Terminal) -> None:
    """`demo` prints one JSON object when it is ready: every queue has records, and the profile contains no secret.
    After its end the home folder is deleted.
    """
    with start_process(terminal, "demo", "--json", **ENVIRONMENT_WITHOUT_DISPLAY) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())["data"]
        home = Path(ready["home"])
        desk = Terminal({"CONSOLE_HOME": str(home), "CONSOLE_LANGUAGE": "en"})
        for queue in ("pending", "error", "incomplete", "unknown", "review"):
            assert desk.json("queue", queue).data["items"], queue
        assert desk.json("audit", "verify", OPERATOR="aud-e").data["rows"] > ready["records"]
        assert "demo-" not in (home / "profile.toml").read_text(encoding="utf-8")
        process.terminate()
        assert process.wait(MAX_WAIT_SECONDS) == 0
    assert not home.exists()


def test_sigterm_closes_the_window_of_the_demo_and_deletes_its_home(terminal: Terminal) -> None:
    """With a display, `demo` opens the window. SIGTERM closes it with exit status 0, and the temporary home folder is
    deleted.
    """
    with start_process(terminal, "demo", "--json", QT_QPA_PLATFORM="offscreen") as process:
        assert process.stdout is not None
        home = Path(json.loads(process.stdout.readline())["data"]["home"])
        process.terminate()
        assert process.wait(MAX_WAIT_SECONDS) == 0
    assert not home.exists()


def test_the_demo_offers_a_prompt_in_a_terminal(terminal: Terminal) -> None:
    """Without a display, in a terminal, the demo runs typed commands, changes the person with `as`, and ends with
    `exit`.
    """
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*CONSOLE_COMMAND, "demo", "--fast-clock"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=make_environment(terminal, **ENVIRONMENT_WITHOUT_DISPLAY),
    ) as process:
        try:
            os.close(theirs)
            os.write(ours, b"--json purchase 9980000000001 --client 1\nas lead-b\n--json audit list\nexit\n")
            out, _ = process.communicate(timeout=MAX_WAIT_SECONDS)
        finally:
            process.kill()
            os.close(ours)
    answers = [json.loads(line[line.index("{") :]) for line in out.decode().splitlines() if '{"ok"' in line]
    bought, listed = answers
    assert (bought["data"]["state"], bought["data"]["incomplete"]) == ("success", [])
    assert {entry["who"] for entry in listed["data"]["entries"]} == {"lead-b"}
    assert process.returncode == 0


def run_demo_with_input(
    terminal: Terminal, typed: bytes, source: Path | None = None
) -> "subprocess.CompletedProcess[bytes]":
    """Run the demo without a display and without a terminal. Give it the commands `typed` through a pipe, or through
    the file `source`.
    """
    reading, writing = os.pipe()
    if source is None:
        os.write(writing, typed)
    else:
        source.write_bytes(typed)
        os.close(reading)
        reading = os.open(source, os.O_RDONLY)
    os.close(writing)
    try:
        return subprocess.run(
            [*CONSOLE_COMMAND, "demo", "--fast-clock"],
            stdin=reading,
            capture_output=True,
            env=make_environment(terminal, **ENVIRONMENT_WITHOUT_DISPLAY),
            timeout=MAX_WAIT_SECONDS,
            check=False,
        )
    finally:
        os.close(reading)


@pytest.mark.parametrize("is_file", [False, True])
def test_the_demo_runs_commands_from_a_pipe(terminal: Terminal, tmp_path: Path, *, is_file: bool) -> None:
    """The demo runs the commands that come from a pipe or a file, and says on stderr that it reads them from there.
    It refuses a line that isn't valid text, as it refuses such a command line. It ends with the exit status of the
    last command.
    """
    typed = b"lookup \xff\n--json purchase 9980000000001 --client 1\n\nas lead-b\n--json refund approve nonsense\n"
    ended = run_demo_with_input(terminal, typed, tmp_path / "typed" if is_file else None)
    bought, refused = (json.loads(line) for line in ended.stdout.splitlines() if line.startswith(b'{"ok"'))
    assert bought["data"]["state"] == "success"
    assert refused["ok"] is False
    assert ended.returncode == 2
    assert b"standard input" in ended.stderr


def test_the_demo_ends_with_an_empty_pipe(terminal: Terminal) -> None:
    """With an empty standard input, as cron has, the demo says that it ended, exits 0 and deletes its home folder."""
    ended = run_demo_with_input(terminal, b"")
    assert ended.returncode == 0
    home = re.search(rb"/\S*support-console-demo-\w+", ended.stdout)
    assert home is not None
    assert not Path(home[0].decode()).exists()
    assert b"standard input" in ended.stderr
