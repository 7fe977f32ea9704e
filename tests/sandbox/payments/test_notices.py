"""Tests of the notices that the sandbox sends (webhooks and callbacks): their contents, the faults of notices, and
PayPay's daily file."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from console.sandbox import Sandbox, SandboxControl
from console.sandbox.control.client import SandboxError
from console.sandbox.environment import credentials as known
from tests.sandbox.atom_caller import decrypt_body
from tests.sandbox.caller import Caller

COVERED_FAULTS = {
    "notice_other_amount", "notice_other_order", "notice_other_merchant", "notice_future", "notice_other_state",
    "notice_other_key", "notice_bad_signature", "notice_no_signature", "notice_other_seal", "notice_lost",
    "notice_repeated", "notice_late", "notice_overtaken", "notice_cut", "notice_huge", "notice_fields",
}  # fmt: skip


class NoticeReceiver(ThreadingHTTPServer):
    """An HTTP server that stores the received notices. It answers with the values of `statuses` one after another,
    and then with 200.
    """

    daemon_threads = True

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.kinds: list[str] = []
        self.statuses: list[int] = []
        super().__init__(("127.0.0.1", 0), NoticeHandler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"

    @property
    def parsed_notices(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies]


class NoticeHandler(BaseHTTPRequestHandler):
    """The HTTP handler of the receiver: it stores the body of one received notice and answers with the next
    status.
    """

    server: NoticeReceiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append(body)
        self.server.kinds.append(self.headers["Content-Type"])
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.end_headers()
        self.wfile.write(b"OK")

    def log_message(self, format: str, *args: object) -> None:
        """Write no log line for a request, unlike the method of the base class."""


@pytest.fixture
def receiver(control: SandboxControl) -> Iterator[NoticeReceiver]:
    """Yield an HTTP server at which the notices of both simulated payment providers (PayPay and Atom) arrive."""
    server = NoticeReceiver()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    control.payments_control.set_notice_addresses(paypay=server.url, atom=server.url)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def register_payment(control: SandboxControl, provider: str, number: str = "P-1") -> None:
    control.payments_control.register_payment(provider, number, 330000, "created")


def pay_and_wait_for_notice(
    control: SandboxControl, provider: str, number: str = "P-1", state: str = "paid", notice_count: int = 1
) -> None:
    control.payments_control.change_payment_state(provider, number, state)
    assert control.wait_until_counts_reached(notices=notice_count)


def test_a_paypay_webhook_states_payment_and_order(control: SandboxControl, receiver: NoticeReceiver) -> None:
    """PayPay's webhook is plain JSON that contains the payment and the order. Its amounts are texts and its times are
    in UTC.
    """
    register_payment(control, "paypay")
    pay_and_wait_for_notice(control, "paypay")
    notice = receiver.parsed_notices[0]
    assert (notice["notification_type"], notice["merchant_order_id"], notice["order_amount"], notice["state"]) == (
        "Transaction",
        "P-1",
        "330000",
        "COMPLETED",
    )
    assert notice["order_id"] == control.payments_control.read_payment("paypay", "P-1")["id"]
    assert notice["paid_at"].endswith("Z")
    assert receiver.kinds == ["application/json"]
    assert control.payments_control.read_notices()[0]["statuses"] == [200]


def test_the_webhook_of_a_failed_payment_has_no_times(control: SandboxControl, receiver: NoticeReceiver) -> None:
    """PayPay's webhook of a failed payment has the state FAILED and an empty time of payment."""
    register_payment(control, "paypay")
    pay_and_wait_for_notice(control, "paypay", state="failed")
    assert (receiver.parsed_notices[0]["state"], receiver.parsed_notices[0]["paid_at"]) == ("FAILED", None)


def test_a_webhook_is_repeated_until_it_is_answered_200(control: SandboxControl, receiver: NoticeReceiver) -> None:
    """The sandbox sends a notice again until the receiver answers it with 200; if the setting `notice_retries` is 0,
    it sends the notice once."""
    register_payment(control, "paypay")
    receiver.statuses = [500, 503]
    pay_and_wait_for_notice(control, "paypay")
    assert control.payments_control.read_notices()[0]["statuses"] == [500, 503, 200]
    control.change_settings(notice_retries=0)
    receiver.statuses = [500]
    assert control.payments_control.send_notice("paypay", "P-1") == 1
    assert control.wait_until_counts_reached(notices=2)
    assert control.payments_control.read_notices()[1]["statuses"] == [500]


def compute_signature(data: dict[str, Any], key: str) -> str:
    """Return the signature over the decrypted contents of Atom's notice, computed as Atom's published description
    says.
    """
    pay, mode = data["payDetails"], data["payModeSpecificData"]
    parts = (
        data["merchDetails"]["merchId"],
        pay["atomTxnId"],
        data["merchDetails"]["merchTxnId"],
        f"{pay['totalAmount']:.2f}",
        data["responseDetails"]["statusCode"],
        mode["subChannel"][0],
        mode["bankDetails"]["bankTxnId"] or "",
    )
    return hmac.new(key.encode(), "".join(map(str, parts)).encode(), hashlib.sha512).hexdigest()


@pytest.mark.parametrize(
    ("payment_state", "code"), [("paid", "OTS0000"), ("pending", "OTS0551"), ("cancelled", "OTS0101")]
)
def test_an_atom_callback_is_encrypted_and_signed(
    control: SandboxControl, receiver: NoticeReceiver, payment_state: str, code: str
) -> None:
    """Atom's callback is a form whose data are encrypted with the response key and signed with the response hash
    key.
    """
    register_payment(control, "atom")
    pay_and_wait_for_notice(control, "atom", state=payment_state)
    data = json.loads(decrypt_body(receiver.bodies[0]))["payInstrument"]
    assert receiver.kinds == ["application/x-www-form-urlencoded"]
    assert receiver.bodies[0].startswith(b"merchId=900001&encData=")
    assert (data["responseDetails"]["statusCode"], data["payDetails"]["amount"]) == (code, 3300.0)
    assert data["payDetails"]["signature"] == compute_signature(data, known.ATOM_RESPONSE_HASH_KEY)


@pytest.mark.parametrize(
    ("fault", "key"),
    [("notice_other_key", known.ATOM_REQUEST_HASH_KEY), ("notice_bad_signature", ""), ("notice_no_signature", "")],
)
def test_a_fault_sends_a_notice_with_a_bad_signature(
    control: SandboxControl, receiver: NoticeReceiver, fault: str, key: str
) -> None:
    """Each fault of the signature makes the sandbox send Atom's notice with a bad signature: signed with the wrong
    key, invalid, or missing.
    """
    register_payment(control, "atom")
    control.add_fault(fault)
    pay_and_wait_for_notice(control, "atom")
    data = json.loads(decrypt_body(receiver.bodies[0]))["payInstrument"]
    given = data["payDetails"]["signature"]
    assert given != compute_signature(data, known.ATOM_RESPONSE_HASH_KEY)
    assert given == {"notice_other_key": compute_signature(data, key), "notice_bad_signature": "0" * 128}.get(fault)


def test_a_fault_sends_a_callback_that_cannot_be_decrypted(control: SandboxControl, receiver: NoticeReceiver) -> None:
    """With the fault `notice_other_seal` the sandbox encrypts the callback so that the response key cannot decrypt
    it.
    """
    register_payment(control, "atom")
    control.add_fault("notice_other_seal")
    pay_and_wait_for_notice(control, "atom")
    with pytest.raises(ValueError, match=r"decode|codec|Expecting|Extra"):
        json.loads(decrypt_body(receiver.bodies[0]))


@pytest.mark.parametrize(
    ("fault", "paypay", "atom"),
    [
        ("notice_other_amount", '"order_amount":"430000"', '"totalAmount":4300.00'),
        ("notice_other_order", '"P-1-UNKNOWN"', '"P-1-UNKNOWN"'),
        ("notice_other_merchant", '"1000000000000000019"', '"merchId":9000019'),
        ("notice_future", '"paid_at":"2099-', '"txnCompleteDate":"2099-'),
        ("notice_other_state", '"state":"OTS9999"', '"statusCode":"OTS9999"'),
    ],
)
def test_a_fault_changes_a_field_of_a_notice(
    control: SandboxControl, receiver: NoticeReceiver, fault: str, paypay: str, atom: str
) -> None:
    """Each content fault changes a field of a notice; the signature of Atom's notice is still valid."""
    for provider in ("paypay", "atom"):
        register_payment(control, provider)
        control.add_fault(fault)
        pay_and_wait_for_notice(control, provider, notice_count=len(receiver.bodies) + 1)
    assert paypay in receiver.bodies[0].decode()
    text = decrypt_body(receiver.bodies[1])
    data = json.loads(text)["payInstrument"]
    assert atom in text
    assert data["payDetails"]["signature"] == compute_signature(data, known.ATOM_RESPONSE_HASH_KEY)


def test_faults_lose_and_repeat_notices(control: SandboxControl, receiver: NoticeReceiver) -> None:
    """`notice_lost` stops the sandbox from sending a notice. `notice_repeated:3` sends a notice three times, and
    `notice_repeated` twice.
    """
    register_payment(control, "paypay")
    control.add_faults({"action": "notice_lost"}, {"action": "notice_repeated:3"}, {"action": "notice_repeated"})
    pay_and_wait_for_notice(control, "paypay")
    assert receiver.bodies == []
    for notice_count, received in ((2, 3), (3, 5)):
        control.payments_control.send_notice("paypay", "P-1")
        assert control.wait_until_counts_reached(notices=notice_count)
        assert len(receiver.bodies) == received
    assert len(set(receiver.bodies)) == 1


def test_faults_delay_and_reorder_notices(control: SandboxControl, receiver: NoticeReceiver) -> None:
    """The fault `notice_late` makes the sandbox hold a notice back until the test releases it. The fault
    `notice_overtaken` makes the sandbox send a notice after the next notice.
    """
    register_payment(control, "paypay")
    control.add_fault("notice_late", number="P-1")
    control.payments_control.change_payment_state("paypay", "P-1", "authorized")
    assert control.wait_until_counts_reached(held=1, call="paypay_webhook")
    assert receiver.bodies == []
    control.release_calls()
    assert control.wait_until_counts_reached(notices=1)
    assert receiver.parsed_notices[0]["state"] == "AUTHORIZED"
    control.add_fault("notice_overtaken")
    control.payments_control.send_notice("paypay", "P-1")
    control.payments_control.change_payment_state("paypay", "P-1", "paid")
    assert control.wait_until_counts_reached(notices=3)
    assert [notice["state"] for notice in receiver.parsed_notices] == ["AUTHORIZED", "COMPLETED", "AUTHORIZED"]


def test_a_fault_sends_a_malformed_notice(control: SandboxControl, receiver: NoticeReceiver) -> None:
    """The faults `notice_cut`, `notice_huge` and `notice_fields` cut a notice off, make it too large, or change its
    fields.
    """
    register_payment(control, "paypay")
    control.add_faults(
        {"action": "notice_cut"},
        {"action": "notice_huge", "size": 3000},
        {"action": "notice_fields", "fields": {"state": 7}},
    )
    pay_and_wait_for_notice(control, "paypay")
    for notice_count in (2, 3):
        control.payments_control.send_notice("paypay", "P-1")
        assert control.wait_until_counts_reached(notices=notice_count)
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        json.loads(receiver.bodies[0])
    assert len(receiver.bodies[1]) == 3000
    assert json.loads(receiver.bodies[2])["state"] == 7


def test_a_notice_without_a_receiver_is_not_sent(control: SandboxControl, receiver: NoticeReceiver) -> None:
    """The sandbox sends no notice if no notice address is set, and accepts only notice addresses on this machine. If
    the receiver doesn't answer, the notice ends without a status."""
    register_payment(control, "paypay")
    control.payments_control.set_notice_addresses(paypay=None)
    assert control.payments_control.change_payment_state("paypay", "P-1", "paid")["notice"] is False
    assert control.payments_control.change_payment_state("paypay", "P-1", "paid", notify=False)["notice"] is False
    for address in ("http://example.com/x", "https://127.0.0.1/x", "file:///etc/passwd"):
        with pytest.raises(SandboxError):
            control.payments_control.set_notice_addresses(paypay=address)
    control.change_settings(notice_retries=0)
    control.payments_control.set_notice_addresses(paypay="http://127.0.0.1:1/x")
    control.payments_control.send_notice("paypay", "P-1")
    assert control.wait_until_counts_reached(notices=1)
    assert control.payments_control.read_notices()[0]["statuses"] == [None]


def test_the_control_api_returns_the_text_of_a_notice(control: SandboxControl) -> None:
    """The control API returns the text of a notice, so that a test can deliver the notice itself. It refuses a notice
    about a payment that the payer hasn't begun."""
    control.payments_control.register_payment("paypay", "P-1", 500)
    control.payments_control.register_payment("atom", "A-1", 500)
    kind, body = control.payments_control.compose_notice("paypay", "P-1", fields={"order_amount": 500})
    assert (kind, json.loads(body)["order_amount"]) == ("application/json", 500)
    _, body = control.payments_control.compose_notice("atom", "A-1", manner="no_signature")
    assert json.loads(decrypt_body(body))["payInstrument"]["payDetails"]["signature"] is None
    control.payments_control.register_payment("paypay", "P-2", 500, "created")
    with pytest.raises(SandboxError):
        control.payments_control.compose_notice("paypay", "P-2")


def test_a_daily_file_covers_one_japanese_day(
    sandbox: Sandbox, control: SandboxControl, receiver: NoticeReceiver
) -> None:
    """PayPay's daily file covers one day in Japan, is encoded in Shift_JIS and is announced by a webhook. Refunds
    have negative amounts; failed payments are included only on request.
    """
    control.change_settings(now="2026-11-20T23:00:00+09:00")
    control.payments_control.register_payment("paypay", "DAY", 3300, at="2026-11-20T12:20:01+09:00")
    control.payments_control.register_payment("paypay", "NEXT", 99, at="2026-11-21T00:00:00+09:00")
    control.payments_control.register_payment("paypay", "BAD", 50, "failed")
    payment = sandbox.payment_ledger.find_payment("paypay", "DAY")
    assert payment is not None
    sandbox.payment_ledger.accept_refund(payment, "R-1", 1000)
    url = control.payments_control.publish_reconciliation_file("2026-11-20", must_notify=True)
    assert control.wait_until_counts_reached(notices=1)
    notice = receiver.parsed_notices[0]
    assert (notice["notification_type"], notice["fileType"], notice["path"]) == (
        "file.created",
        "transaction_recon",
        url,
    )
    path = url.removeprefix(sandbox.url)
    assert "transaction_100000000000000001_20261120000000_20261120235959_v2.csv?" in path
    text = Caller(sandbox).send_request("GET", path).body.decode("cp932")
    rows = [line.split(",") for line in text.splitlines()]
    assert "\r" not in text
    assert (rows[0][0], rows[0][6], rows[0][-1]) == ("決済番号", "取引ステータス", "支払い詳細")
    assert [(row[6], row[8], row[11]) for row in rows[1:]] == [
        ("取引完了", "3300", "DAY"),
        ("返金完了", "-1000", "DAY"),
    ]
    assert rows[1][7] == "2026-11-20T12:20:01+09:00"
    control.change_settings(paypay_lists_failed_payments=True)
    assert "取引失敗" in Caller(sandbox).send_request("GET", path).body.decode("cp932")


def test_the_address_of_a_daily_file_is_signed_and_expires(sandbox: Sandbox, control: SandboxControl) -> None:
    """The URL of PayPay's daily file is signed and valid for two hours."""
    path = control.payments_control.publish_reconciliation_file("2026-11-20").removeprefix(sandbox.url)
    connection = Caller(sandbox)
    assert connection.send_request("GET", path).status == 200
    other_day, no_time = path.replace("20261120", "20261121"), path.replace("sig=", "sig=-")
    for wrong in (path + "0", path.split("?")[0], other_day, no_time):
        assert connection.send_request("GET", wrong).status == 403
    control.change_settings(now=(datetime.now().astimezone() + timedelta(hours=2, minutes=1)).isoformat())
    assert connection.send_request("GET", path).status == 403


@pytest.mark.parametrize(
    "payment_fields",
    [
        {"provider": "paypay", "payment_number": "P-1", "amount_minor": 0},
        {"provider": "paypay", "payment_number": "P-1", "amount_minor": True},
        {"provider": "other", "payment_number": "P-1", "amount_minor": 1},
        {"provider": "atom", "payment_number": "P-1", "amount_minor": 1, "state": "COMPLETED"},
        {"provider": "atom", "payment_number": "P-1", "amount_minor": 1, "at": "2026-11-20T10:00:00"},
    ],
)
def test_contradictory_payments_are_refused(control: SandboxControl, payment_fields: dict[str, Any]) -> None:
    """The control API refuses to register a payment with contradictory values, and refuses to change a payment or
    refund that doesn't exist.
    """
    with pytest.raises(SandboxError):
        control.payments_control.register_payment(**payment_fields)
    with pytest.raises(SandboxError):
        control.payments_control.change_payment_state("paypay", "NOBODY", "paid")
    with pytest.raises(SandboxError):
        control.payments_control.change_refund_state("NOBODY", "completed")
    assert control.payments_control.read_ledger()["payments"] == []


def test_a_reset_deletes_payments_refunds_and_notices(control: SandboxControl, receiver: NoticeReceiver) -> None:
    """A reset of the sandbox deletes its payments, refunds, stored notices and notice addresses."""
    register_payment(control, "paypay")
    pay_and_wait_for_notice(control, "paypay")
    control.reset()
    assert (
        control.payments_control.read_ledger()["payments"],
        control.payments_control.read_refunds(),
        control.payments_control.read_notices(),
    ) == ([], [], [])
    register_payment(control, "paypay")
    assert control.payments_control.change_payment_state("paypay", "P-1", "paid")["notice"] is False
    with pytest.raises(LookupError):
        control.payments_control.read_payment("paypay", "P-9")
