"""Tests that the sandbox's control API, call log and HTTP server show its complete state without secrets and refuse
wrong requests, and that each fault is documented and tested.
"""

import http.client
import json
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from console.sandbox import Sandbox, SandboxControl, run_sandbox
from console.sandbox.control.client import SandboxError
from console.sandbox.rules.fault_table import FAULT_BY_NAME, FaultKind
from tests.sandbox.caller import CORPORATION_NUMBER, Caller
from tests.sandbox.faults import test_held_calls as test_faults_waiting
from tests.sandbox.faults import test_pdfs as test_faults_pdf
from tests.sandbox.faults import test_responses as test_faults_answers
from tests.sandbox.faults import test_transport as test_faults_line
from tests.sandbox.payments import test_faults as test_paypay_atom_faults
from tests.sandbox.payments import test_notices as test_paypay_atom_notices
from tests.support.waiting import MAX_WAIT_SECONDS

SANDBOX_DOCUMENTATION_PATH = Path(__file__).parents[2] / "docs" / "sandbox.md"


def test_every_fault_has_a_test() -> None:
    """Each fault in the sandbox's table of faults is used by a test over real HTTP."""
    tested = (
        test_faults_answers,
        test_faults_line,
        test_faults_pdf,
        test_faults_waiting,
        test_paypay_atom_faults,
        test_paypay_atom_notices,
    )
    assert set().union(*(module.COVERED_FAULTS for module in tested)) == set(FAULT_BY_NAME)


def find_documentation_line(kind: FaultKind) -> str:
    """Return the line of docs/sandbox.md about a fault."""
    forms = {"required": f"{kind.name}:N", "optional": f"{kind.name}[:N]", "word": f"{kind.name}:CODE"}
    name = forms.get(kind.argument_rule, kind.name)
    calls = ", ".join(sorted(kind.calls)) or "any"
    options = ", ".join(f"`{option}`" for option in kind.option_names) or "–"
    return f"| `{name}` | {calls} | {kind.effect} | {kind.answer_description} | {options} |"


def test_documentation_lists_every_fault() -> None:
    """docs/sandbox.md has exactly one row for each fault in the sandbox's table of faults. A failure prints the
    missing row.
    """
    documented = [
        line for line in SANDBOX_DOCUMENTATION_PATH.read_text("utf-8").splitlines() if line.startswith("| `")
    ]
    expected = [find_documentation_line(kind) for kind in FAULT_BY_NAME.values()]
    assert [line for line in expected if documented.count(line) != 1] == []
    assert len(documented) >= len(expected)


def test_the_control_api_returns_the_table_of_faults(control: SandboxControl) -> None:
    """The control API returns the sandbox's table of faults."""
    names = {fault["name"]: fault for fault in control.read_fault_catalogue()}
    assert names.keys() == FAULT_BY_NAME.keys()
    assert names["status"]["argument"] == "required"
    assert names["pdf_missing"]["calls"] == ["pdf"]


def test_the_call_log_has_each_call_without_secrets(caller: Caller, control: SandboxControl) -> None:
    """The call log lists each call in order, with its connection and with the status or fault that ended it. It
    contains no secrets.
    """
    control.add_fault("reset", call="purchase")
    with pytest.raises(ConnectionResetError):
        caller.buy_check()
    caller.buy_check()
    first, second, third = control.read_requests()
    assert [first["call"], second["call"], third["call"]] == ["token", "purchase", "purchase"]
    assert [second["status"], third["status"]] == [None, 201]
    assert (second["fault"], second["number"], second["turn"]) == ("reset", CORPORATION_NUMBER, 1)
    assert second["connection"] != third["connection"]
    assert second["monotonic"] <= third["monotonic"]
    assert json.loads(third["body"])["corporation_number"] == CORPORATION_NUMBER
    assert "sandbox-" not in json.dumps(control.read_requests())
    later_entries = control.read_requests(call="purchase", after_seq=second["seq"])
    assert [entry["seq"] for entry in later_entries] == [third["seq"]]
    assert control.read_requests(number="0") == []


def test_the_control_api_returns_settings_and_counts(caller: Caller, control: SandboxControl) -> None:
    """The control API returns the sandbox's settings, counts and the state of its tokens, but not the tokens
    themselves.
    """
    caller.buy_check()
    state = control.change_settings(now="2026-11-20T03:20:01Z", access_token_seconds=60)
    assert state["now"].startswith("2026-11-20T03:20:01")
    assert (state["today"], state["charges"], state["calls"]) == (
        "2026-11-20",
        1,
        {"token": 1, "purchase": 1},
    )
    assert state["settings"]["access_token_seconds"] == 60
    assert caller.access not in json.dumps(state)


def test_a_reset_restores_the_first_state(caller: Caller, control: SandboxControl) -> None:
    """A reset of the sandbox restores the state that it had at its start. With an option the tokens stay valid;
    without the option they become invalid.
    """
    caller.buy_check()
    control.change_settings(offers_purchase_list=True, today="2020-01-01")
    control.add_fault("reset")
    control.reset(must_keep_tokens=True)
    state = control.read_state()
    assert (state["charges"], state["rules"], state["settings"]["offers_purchase_list"]) == (0, [], False)
    assert state["today"] != "2020-01-01"
    assert caller.buy_check().credit_check["credit_check_id"] == 100_001
    control.reset()
    assert caller.buy_check().status == 401
    assert caller.request_token().status == 200


@pytest.mark.parametrize(
    "settings",
    [
        {"speed": 3},
        {"offers_purchase_list": "yes"},
        {"delay_seconds": True},
        {"now": "yesterday"},
        {"credentials": {"x": 1}},
    ],
)
def test_unknown_settings_are_refused(control: SandboxControl, settings: dict[str, object]) -> None:
    """The control API refuses unknown settings with a reason."""
    with pytest.raises(SandboxError):
        control.change_settings(**settings)


def test_a_wait_for_a_call_ends_after_its_time(control: SandboxControl) -> None:
    """`wait_until_counts_reached` returns False if the expected event doesn't come within the given time."""
    assert control.wait_until_counts_reached(0.01, charges=1) is False
    assert control.wait_until_counts_reached(0.01) is True


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/ps/v1/credit_checks/abc", 404),
        ("DELETE", "/ps/v1/credit_checks/1", 405),
        ("PUT", "/oauth/token", 405),
        ("GET", "/_sandbox/nonsense", 404),
        ("POST", "/_sandbox/checks", 400),
        ("GET", "/_sandbox/requests?after=x", 400),
    ],
)
def test_an_unknown_address_is_answered_with_json(caller: Caller, method: str, path: str, status: int) -> None:
    """A request to an address that the sandbox doesn't have gets an error in JSON."""
    answer = caller.send_request(method, path)
    assert (answer.status, list(answer.data)) == (status, ["message"])


def test_an_unreadable_request_address_is_refused(caller: Caller) -> None:
    """An HTTP request whose address can't be parsed gets status 400, and the server continues to serve."""
    with socket.create_connection(("127.0.0.1", caller.port), timeout=MAX_WAIT_SECONDS) as connection:
        connection.sendall(b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 400 ")
    assert caller.buy_check().status == 201


def test_several_requests_use_one_connection(caller: Caller, control: SandboxControl) -> None:
    """Several requests may use one connection, and the call log shows that they used the same one."""
    connection = http.client.HTTPConnection("127.0.0.1", caller.port, timeout=MAX_WAIT_SECONDS)
    try:
        for _ in range(3):
            connection.request("GET", "/ps/v1/credit_checks/1", headers={"Authorization": f"Bearer {caller.access}"})
            with connection.getresponse() as answer:
                assert (answer.status, len(answer.read()) > 0) == (404, True)
    finally:
        connection.close()
    entries = control.read_requests(call="detail")
    assert [entry["turn"] for entry in entries] == [1, 2, 3]
    assert len({entry["connection"] for entry in entries}) == 1


@pytest.mark.parametrize(
    ("headers", "status"), [({"Content-Length": "99999999"}, 413), ({"Transfer-Encoding": "chunked"}, 411)]
)
def test_a_body_too_large_or_without_length_is_refused(caller: Caller, headers: dict[str, str], status: int) -> None:
    """The sandbox refuses a request whose body is too large, or is sent in chunks without a length, before it reads
    the body."""
    connection = http.client.HTTPConnection("127.0.0.1", caller.port, timeout=MAX_WAIT_SECONDS)
    try:
        connection.putrequest("POST", "/oauth/token")
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        with connection.getresponse() as answer:
            assert answer.status == status
    finally:
        connection.close()


def test_a_started_sandbox_serves_until_it_is_stopped() -> None:
    """`run_sandbox` reports when the sandbox is ready, and runs it until it is stopped."""
    ready: list[Sandbox] = []
    was_reported = threading.Event()

    def record_ready_sandbox(sandbox: Sandbox) -> None:
        ready.append(sandbox)
        was_reported.set()

    thread = threading.Thread(target=run_sandbox, args=(0, record_ready_sandbox))
    thread.start()
    assert was_reported.wait(MAX_WAIT_SECONDS)
    assert Caller(ready[0]).authorize().buy_check().status == 201
    ready[0].stop()
    thread.join(MAX_WAIT_SECONDS)
    assert not thread.is_alive()


def test_the_sandbox_runs_as_a_child_process() -> None:
    """The sandbox can run in a separate process, which imports no other package of the program."""
    program = (
        "import sys\n"
        "from console.sandbox import run_sandbox\n"
        "def ready(sandbox):\n"
        "    heavy = [m for m in sys.modules if m.split('.')[0] in ('sqlalchemy', 'requests', 'PySide6')]\n"
        "    ours = [m for m in sys.modules if m.startswith('console.') and m.split('.')[1] != 'sandbox']\n"
        "    print(sandbox.url, heavy, ours, flush=True)\n"
        "run_sandbox(0, ready)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        url, rest = child.stdout.readline().strip().split(" ", 1)
        assert rest == "[] []"
        assert SandboxControl(url).count_charges() == 0
    finally:
        child.terminate()
        child.communicate()
