"""Tests of the sandbox's connection faults: the error that the client gets, and whether the purchase is charged."""

import http.client
import socket

import pytest

from console.sandbox import Sandbox, SandboxControl
from tests.sandbox.caller import CORPORATION_NUMBER, Caller
from tests.support.waiting import MAX_WAIT_SECONDS

# fault → what the caller's HTTP library raises, and how many charges there are
CONNECTION_FAULTS: dict[str, tuple[type[Exception], int]] = {
    "refuse": (http.client.RemoteDisconnected, 0),
    "close_after_charge": (http.client.RemoteDisconnected, 1),
    "reset": (ConnectionResetError, 0),
    "reset_after_charge": (ConnectionResetError, 1),
    "reset_mid_body": (ConnectionResetError, 1),
    "truncate": (http.client.IncompleteRead, 1),
    "chunked_cut": (http.client.IncompleteRead, 1),
    "garbage": (http.client.BadStatusLine, 1),
}
# fault → status, and how many charges there are
ANSWERED_FAULTS: dict[str, tuple[int, int]] = {
    **{f"status:{code}": (code, 0) for code in (400, 401, 403, 404, 408, 422, 429, 500, 502, 503)},
    "status_after_charge:500": (500, 1),
    "status_after_charge:503": (503, 1),
    "redirect": (302, 0),
    "redirect_after_charge": (302, 1),
}
FAULTS_TESTED_ELSEWHERE = {"answer_twice"}
COVERED_FAULTS = {name.partition(":")[0] for name in (*CONNECTION_FAULTS, *ANSWERED_FAULTS, *FAULTS_TESTED_ELSEWHERE)}


@pytest.mark.parametrize("fault", CONNECTION_FAULTS)
def test_a_broken_connection_raises_the_expected_client_error(
    caller: Caller, control: SandboxControl, sandbox: Sandbox, fault: str
) -> None:
    """With each connection fault the client's HTTP library raises the expected error once; the ledger shows whether
    the purchase was charged.
    """
    error, charges = CONNECTION_FAULTS[fault]
    control.add_fault(fault, call="purchase")
    with pytest.raises(error) as raised:
        caller.buy_check()
    assert raised.type is error
    assert sandbox.ledger.charge_count == charges
    assert all(
        (charge.fault, charge.delivered) == (fault, False) for charge in sandbox.ledger.list_charges_of_number()
    )
    assert caller.buy_check().status == 201


@pytest.mark.parametrize("fault", ANSWERED_FAULTS)
def test_a_fault_answers_with_a_failure_status(
    caller: Caller, control: SandboxControl, sandbox: Sandbox, fault: str
) -> None:
    """With each fault in ANSWERED_FAULTS the answer has the fault's HTTP status and no id; the ledger shows whether
    the purchase was charged.
    """
    status, charges = ANSWERED_FAULTS[fault]
    control.add_fault(fault, call="purchase")
    answer = caller.buy_check()
    assert (answer.status, sandbox.ledger.charge_count) == (status, charges)
    assert b"credit_check_id" not in answer.body
    assert not any(charge.delivered for charge in sandbox.ledger.list_charges_of_number())


def test_a_reset_reaches_the_client_as_econnreset(caller: Caller, control: SandboxControl) -> None:
    """With the fault `reset` the client's socket gets the error ECONNRESET instead of an orderly end of the
    connection.
    """
    control.add_fault("reset")
    with socket.create_connection(("127.0.0.1", caller.port), timeout=MAX_WAIT_SECONDS) as connection:
        connection.sendall(b"POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n")
        connection.sendall(b"Content-Type: application/x-www-form-urlencoded\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            connection.recv(1000)


def test_half_a_body_arrives_before_the_reset(caller: Caller, control: SandboxControl) -> None:
    """With the fault `reset_mid_body` the client receives the status and the beginning of the body before the sandbox
    resets the connection.
    """
    control.add_fault("reset_mid_body", call="purchase")
    connection = http.client.HTTPConnection("127.0.0.1", caller.port, timeout=MAX_WAIT_SECONDS)
    try:
        headers = {"Authorization": f"Bearer {caller.access}", "Content-Type": "application/json"}
        connection.request(
            "POST", "/ps/v1/credit_checks", f'{{"corporation_number":"{CORPORATION_NUMBER}"}}', headers
        )
        with connection.getresponse() as answer:
            assert answer.status == 201
            assert answer.read(20).startswith(b'{"credit_check":')
    finally:
        connection.close()


def test_a_fault_sends_two_answers_to_one_request(caller: Caller, control: SandboxControl, sandbox: Sandbox) -> None:
    """With the fault `answer_twice` the sandbox sends two complete answers to one request and makes one charge."""
    control.add_fault("answer_twice", call="purchase")
    body = f'{{"corporation_number":"{CORPORATION_NUMBER}"}}'
    head = f"Authorization: Bearer {caller.access}\r\nContent-Type: application/json\r\n"
    request = f"POST /ps/v1/credit_checks HTTP/1.1\r\nHost: x\r\n{head}Content-Length: {len(body)}\r\n\r\n{body}"
    with socket.create_connection(("127.0.0.1", caller.port), timeout=MAX_WAIT_SECONDS) as connection:
        connection.sendall(request.encode())
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.count(b"HTTP/1.1 201 ") == 2
    assert sandbox.ledger.charge_count == 1


def test_a_fault_redirects_to_another_address(caller: Caller, control: SandboxControl) -> None:
    """A test can choose the target address of a redirect. The sandbox's call log shows whether the client has
    followed it.
    """
    control.add_fault("redirect", call="purchase")
    assert caller.buy_check().headers["location"] == "/elsewhere"
    control.add_fault("redirect", call="purchase", to="https://example.invalid/")
    assert caller.buy_check().headers["location"] == "https://example.invalid/"
    assert not [entry for entry in control.read_requests() if entry["path"] == "/elsewhere"]


def test_failure_text_can_be_chosen(caller: Caller, control: SandboxControl) -> None:
    """A test can choose any text as the body of an error answer, also a harmful one."""
    control.add_fault("status:422", call="purchase", body="\u202e<script>\x00")
    assert caller.buy_check().body.decode() == "\u202e<script>\x00"


def test_connections_are_refused_during_an_outage(caller: Caller, control: SandboxControl) -> None:
    """During an outage of the sandbox the operating system refuses connections. Afterwards a purchase with the access
    token from before succeeds.
    """
    with control.cause_outage(), pytest.raises(ConnectionRefusedError):
        caller.buy_check()
    assert caller.buy_check().status == 201
    assert control.count_charges() == 1


def test_an_outage_of_the_sandbox_ends_after_its_duration(sandbox: Sandbox, control: SandboxControl) -> None:
    """After the ordered duration of an outage the same port accepts connections again. If a busy machine checks too
    late to see the outage, the test orders a longer one.
    """
    seconds = 0.05
    control.begin_outage(seconds)
    while not refuses_connections(sandbox.port):
        assert seconds < MAX_WAIT_SECONDS, "no outage was seen"
        seconds *= 2
        control.begin_outage(seconds)
    while refuses_connections(sandbox.port):
        pass
    assert control.read_state()["charges"] == 0


def refuses_connections(port: int) -> bool:
    """Return True if the operating system refuses a connection to this port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=MAX_WAIT_SECONDS).close()
    except ConnectionRefusedError:
        return True
    return False
