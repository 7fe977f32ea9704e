"""Tests of Atom's simulated interface NDPS over real HTTP: its calls AUTH, TXNVERIFICATION, REFUNDINIT and
REFUNDSTATUS, and the requests that it refuses.
"""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from console.sandbox import Sandbox, SandboxControl
from console.sandbox.atom.crypto import (
    DecryptionFailed,
    compute_signature_of_parts,
    decrypt_text,
    derive_key,
    encrypt_text,
)
from console.sandbox.atom.exact_json import (
    convert_to_paise,
    format_india_day,
    format_india_time,
    parse_india_time,
)
from console.sandbox.atom.responses import compute_callback_signature
from console.sandbox.environment import credentials as known
from tests.sandbox.atom_caller import (
    ORDER_NUMBER,
    PAYMENT_DAY_IN_INDIA,
    AtomCaller,
    decrypt_body,
    decrypt_json_answer,
    get_status_code,
)
from tests.sandbox.caller import FORM_CONTENT_TYPE
from tests.support.waiting import MAX_WAIT_SECONDS

PROVIDER_VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "provider_vectors.json").read_text("utf-8"))


@pytest.fixture
def atom_caller(sandbox: Sandbox) -> AtomCaller:
    return AtomCaller(sandbox)


@pytest.fixture
def paid_payment_id(atom_caller: AtomCaller, control: SandboxControl) -> str:
    """Register a paid payment of 500 rupees in the sandbox and return Atom's id of it."""
    atom_caller.start_payment()
    return str(control.payments_control.change_payment_state("atom", ORDER_NUMBER, "paid")["id"])


@pytest.mark.parametrize("vector", PROVIDER_VECTORS["ndps_aes"], ids=lambda v: v["id"])
def test_texts_of_the_test_vectors_are_encrypted_and_decrypted(vector: dict[str, Any]) -> None:
    """The derived key, the encrypted text and the decrypted text equal those of the test vectors."""
    keys = vector["password"], vector["salt"]
    assert derive_key(*keys).hex() == vector["derived_key_hex"]
    assert encrypt_text(vector["plaintext"], *keys) == vector["expected_hex"]
    assert decrypt_text(vector["expected_hex"].lower(), *keys) == vector["plaintext"]


@pytest.mark.parametrize("vector", PROVIDER_VECTORS["ndps_aes_bad"], ids=lambda v: v["id"])
def test_damaged_texts_are_refused(vector: dict[str, Any]) -> None:
    """The sandbox decrypts an encrypted text correctly or raises DecryptionFailed; it never returns a wrong text."""
    keys = vector["password"], vector["salt"]
    if vector["expected"] == "DECRYPT_ERROR":
        with pytest.raises(DecryptionFailed):
            decrypt_text(vector["hex"], *keys)
    else:
        assert decrypt_text(vector["hex"], *keys) == vector["expected"]


@pytest.mark.parametrize("vector", PROVIDER_VECTORS["ndps_signature"], ids=lambda v: v["id"])
def test_signatures_of_the_test_vectors_are_computed(vector: dict[str, Any]) -> None:
    """The computed signatures equal those of the test vectors, two of which Atom has published."""
    assert (
        compute_signature_of_parts(vector["hash_key"], [part["value"] for part in vector["parts"]])
        == vector["expected_signature"]
    )


@pytest.mark.parametrize("vector", PROVIDER_VECTORS["ndps_callback"], ids=lambda v: v["id"])
def test_callbacks_of_the_test_vectors_have_their_signature(vector: dict[str, Any]) -> None:
    """The computed signature of a callback equals the one in the callback if the test vector calls it valid;
    otherwise it differs.
    """
    data = json.loads(vector["plaintext"])
    given = data["payInstrument"]["payDetails"]["signature"]
    good = compute_callback_signature(vector["res_hash_key"], data) == given
    sealed = vector["form_body"].split("encData=")[1]
    assert good is vector["expected"]["signature_ok"]
    assert decrypt_text(sealed, vector["res_key"], vector["res_salt"]) == vector["plaintext"]


@pytest.mark.parametrize("vector", PROVIDER_VECTORS["ndps_dates"], ids=lambda v: v["id"])
def test_a_payment_day_is_the_day_in_india(vector: dict[str, Any]) -> None:
    """The day of a payment is its day in India, which ends at 03:30 of the next day in Japan."""
    at = parse_india_time(vector["merchTxnDate_auth"])
    assert at is not None
    assert at.timestamp() == vector["epoch"]
    assert (format_india_time(at), format_india_day(at)) == (
        vector["merchTxnDate_auth"],
        vector["merchTxnDate_status"],
    )


@pytest.mark.parametrize(
    ("text", "minor"),
    [("500.00", 50000), ("5", 500), ("150.5", 15050), ("0.01", 1), ("0", None), ("-5", None), ("1.005", None),
     ("1e3", None), ("５", None), (5, None), ("", None), (".5", None)],
)  # fmt: skip
def test_an_amount_is_a_positive_decimal_text(text: object, minor: int | None) -> None:
    """The sandbox accepts as an amount only a decimal text above zero with at most two decimal places."""
    assert convert_to_paise(text) == minor


def test_auth_returns_an_encrypted_token(atom_caller: AtomCaller, control: SandboxControl) -> None:
    """AUTH returns an encrypted token. A token isn't a payment yet, and the payment number can't be used for a second
    AUTH.
    """
    answer = atom_caller.start_payment()
    content = decrypt_json_answer(answer)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert isinstance(content["atomTokenId"], int)
    assert content["responseDetails"]["txnStatusCode"] == "OTS0000"
    assert get_status_code(atom_caller.verify_payment()) == "OTS0401"
    assert control.payments_control.read_payment("atom", ORDER_NUMBER)["captured_minor"] == 0
    assert decrypt_json_answer(atom_caller.start_payment())["responseDetails"]["txnStatusCode"] == "OTS0600"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"password": "x"}, 401, "OTS0451"),
        ({"product": "OTHER"}, 400, "OTS0600"),
        ({"txnCurrency": "JPY"}, 400, "OTS0600"),
        ({"amount": "1.005"}, 400, "OTS0600"),
        ({"amount": "0.00"}, 400, "OTS0600"),
        ({"at": "2026-11-20T12:21:33"}, 400, "OTS0600"),
        ({"number": "x" * 51}, 400, "OTS0600"),
        ({"product": None, "prodDetails": [{"prodName": "NSE", "prodAmount": "499.00"}]}, 400, "OTS0600"),
    ],
)
def test_the_call_auth_refuses_wrong_credentials_and_contents(
    atom_caller: AtomCaller, control: SandboxControl, change: Any, status: int, code: str
) -> None:
    """AUTH refuses wrong credentials and wrong contents, each with Atom's code, and no payment begins."""
    answer = atom_caller.start_payment(**change)
    assert (answer.status, decrypt_json_answer(answer)["responseDetails"]["txnStatusCode"]) == (status, code)
    assert control.payments_control.read_ledger()["payments"] == []


def test_auth_accepts_products_that_add_up_to_the_price(atom_caller: AtomCaller) -> None:
    """AUTH accepts a list of products if their amounts add up to the price."""
    rows = [{"prodName": "NSE", "prodAmount": "200.00"}, {"prodName": "NSE", "prodAmount": "300.00"}]
    assert atom_caller.start_payment(product=None, prodDetails=rows).status == 200


def test_wrong_keys_are_refused_with_their_status(atom_caller: AtomCaller) -> None:
    """An unknown merchant gets the status 403, a text that can't be decrypted 401, and a body that isn't a form 400.
    The answer has no further details.
    """
    assert (
        atom_caller.send_post("/ots/aipay/auth", "{}", merch_id="1").status,
        atom_caller.verify_payment(key="other").status,
    ) == (403, 401)
    connection = atom_caller.http_caller
    assert (
        connection.send_request("POST", "/ots/payment/refund", "encData=00", Content_Type=FORM_CONTENT_TYPE).status
        == 400
    )
    assert connection.send_request("POST", "/ots/payment/refund", "{}", Content_Type="application/json").status == 400
    form = f"merchId={known.ATOM_MERCH_ID}&encData=12"
    assert connection.send_request("POST", "/ots/payment/refund", form, Content_Type=FORM_CONTENT_TYPE).body == b""


@pytest.mark.parametrize(
    ("state", "code", "captured"),
    [("opened", "OTS0301", 0), ("started", "OTS0351", 0), ("pending", "OTS0551", 0), ("timeout", "OTS0201", 0),
     ("paid", "OTS0000", 50000), ("forced", "OTS0002", 50000), ("cancelled", "OTS0101", 0),
     ("failed", "OTS0600", 0)],
)  # fmt: skip
def test_verification_returns_the_code_of_each_state(
    atom_caller: AtomCaller, control: SandboxControl, state: str, code: str, captured: int
) -> None:
    """After the control API has set a payment to a state, each of the two versions of TXNVERIFICATION returns the
    code of that state.
    """
    atom_caller.start_payment()
    assert control.payments_control.change_payment_state("atom", ORDER_NUMBER, state)["captured_minor"] == captured
    assert (get_status_code(atom_caller.verify_payment()), get_status_code(atom_caller.verify_payment_v2())) == (
        code,
        code,
    )


def test_the_bank_reverses_a_payment(atom_caller: AtomCaller, control: SandboxControl, paid_payment_id: str) -> None:
    """The control API lets the bank reverse a payment days after it was made, and the verification reports this."""
    assert control.payments_control.change_payment_state("atom", ORDER_NUMBER, "reversed")["left_minor"] == 0
    assert get_status_code(atom_caller.verify_payment()) == "OTS0001"


def test_verification_returns_amounts_and_surcharge(atom_caller: AtomCaller, control: SandboxControl) -> None:
    """The answer of TXNVERIFICATION contains the amounts with two decimal places, and the price separately from the
    surcharge.
    """
    atom_caller.start_payment()
    control.payments_control.change_payment_state("atom", ORDER_NUMBER, "paid", surcharge_minor=1767)
    answer = atom_caller.verify_payment()
    assert '"amount":500.00,"surchargeAmount":17.67,"totalAmount":517.67' in decrypt_body(answer.body)
    instrument = decrypt_json_answer(answer)["payInstrument"][0]
    assert instrument["merchDetails"]["merchTxnDate"] == "2026-11-20 12:21:33"
    assert isinstance(instrument["payDetails"]["atomTxnId"], int)
    control.change_settings(atom_sends_instrument_list=False)
    assert isinstance(decrypt_json_answer(atom_caller.verify_payment())["payInstrument"], dict)


def test_verification_lists_a_failed_attempt_first(atom_caller: AtomCaller, control: SandboxControl) -> None:
    """TXNVERIFICATION lists a failed payment attempt before the successful attempt."""
    atom_caller.start_payment()
    first = control.payments_control.change_payment_state("atom", ORDER_NUMBER, "failed")["id"]
    second = control.payments_control.change_payment_state("atom", ORDER_NUMBER, "paid", another_attempt=True)["id"]
    attempts = decrypt_json_answer(atom_caller.verify_payment())["payInstrument"]
    assert [(t["payDetails"]["atomTxnId"], t["responseDetails"]["statusCode"]) for t in attempts] == [
        (int(first), "OTS0600"),
        (int(second), "OTS0000"),
    ]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount": "499.00"}, "OTS0401"),
        ({"day": "2020-01-01"}, "OTS0401"),
        ({"number": "NOBODY"}, "OTS0401"),
        ({"hash_key": "other"}, "OTS0506"),
        ({"password": "x"}, "OTS0522"),
        ({"day": "2026-11-20 12:21:33"}, "OTS0510"),
        ({"api": "SOMETHING"}, "OTS0504"),
        ({"api": ""}, "OTS0503"),
    ],
)
def test_a_verification_with_wrong_facts_finds_no_payment(
    atom_caller: AtomCaller, paid_payment_id: str, change: Any, code: str
) -> None:
    """A verification with a wrong day or price finds no payment. A verification with wrong keys or a wrong form gets
    the code for this error.
    """
    assert get_status_code(atom_caller.verify_payment(**change)) == code


def test_a_refund_is_accepted_and_listed(
    atom_caller: AtomCaller, control: SandboxControl, paid_payment_id: str
) -> None:
    """Atom accepts a refund and repeats our refund id in its answer. REFUNDSTATUS lists the refund with the payment's
    other refunds; the remarks of an entry state its status.
    """
    instrument = decrypt_json_answer(atom_caller.refund_payment(paid_payment_id))["payInstrument"]
    product = instrument["payDetails"]["prodDetails"][0]
    assert instrument["responseDetails"]["statusCode"] == "OTS0000"
    assert (product["prodRefundId"], product["prodStatusCode"], product["prodRefundAmount"]) == (
        "RFD1",
        "OTS0000",
        150.5,
    )
    atom_caller.refund_payment(paid_payment_id, "100.00", "RFD2")
    rows = decrypt_json_answer(atom_caller.read_refund_status(paid_payment_id))["payInstrument"][
        "refundStatusDetails"
    ]["refundDetails"][0]
    assert [(row["prodRefundId"], row["refundAmt"], row["remarks"]) for row in rows["refundStatus"]] == [
        ("RFD1", 150.5, "REFUND PROCESSED"),
        ("RFD2", 100.0, "REFUND PROCESSED"),
    ]
    assert control.payments_control.read_payment("atom", ORDER_NUMBER)["refunded_minor"] == 25050


def test_the_refund_status_has_several_forms(
    atom_caller: AtomCaller, control: SandboxControl, paid_payment_id: str
) -> None:
    """With two settings, the sandbox answers REFUNDSTATUS with a list or with an amount in paise. These are the forms
    in which Atom's documents and samples differ.
    """
    atom_caller.refund_payment(paid_payment_id)
    control.change_settings(atom_sends_status_list=True, atom_sends_refund_in_paise=True)
    refund_details = decrypt_json_answer(atom_caller.read_refund_status(paid_payment_id))["payInstrument"][
        "refundStatusDetails"
    ]
    assert refund_details[0]["refundStatus"][0]["refundAmt"] == 15050


@pytest.mark.parametrize(
    ("state", "remark", "left"),
    [
        ("accepted", "REFUND INITIATED", 34950),
        ("pending", "REFUND PENDING", 34950),
        ("completed", "REFUND PROCESSED", 34950),
        ("failed", "REFUND FAILED", 50000),
        ("rejected", "REFUND REJECTED", 50000),
    ],
)
def test_the_refund_status_returns_each_remark(
    atom_caller: AtomCaller, control: SandboxControl, paid_payment_id: str, state: str, remark: str, left: int
) -> None:
    """REFUNDSTATUS answers with the remark of the refund's state, as Atom's table of remarks says. If a refund has
    failed, its amount can be refunded again."""
    control.change_settings(waits_for_manual_settling=True)
    atom_caller.refund_payment(paid_payment_id)
    control.payments_control.change_refund_state("RFD1", state)
    row = decrypt_json_answer(atom_caller.read_refund_status(paid_payment_id))["payInstrument"][
        "refundStatusDetails"
    ]["refundDetails"][0]
    assert row["refundStatus"][0]["remarks"] == remark
    assert control.payments_control.read_payment("atom", ORDER_NUMBER)["left_minor"] == left


def test_a_repeated_refund_id_makes_another_refund(
    atom_caller: AtomCaller, control: SandboxControl, paid_payment_id: str
) -> None:
    """Atom doesn't recognise repeated requests: the same refund id makes another refund each time, up to the captured
    amount.
    """
    assert [get_status_code(atom_caller.refund_payment(paid_payment_id, "200.00")) for _ in range(3)] == [
        "OTS0000",
        "OTS0000",
        "OTS0509",
    ]
    assert [refund["key"] for refund in control.payments_control.read_refunds("RFD1")] == ["RFD1", "RFD1"]
    control.change_settings(accepts_refunds_above_captured=True)
    assert get_status_code(atom_caller.refund_payment(paid_payment_id, "200.00")) == "OTS0000"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"hash_key": "other"}, "OTS0506"),
        ({"amount": "150.5", "signed": "150.50"}, "OTS0506"),
        ({"password": "x"}, "OTS0522"),
        ({"amount": "0.00"}, "OTS0509"),
        ({"amount": "1.005"}, "OTS0509"),
        ({"amount": "500.01"}, "OTS0509"),
        ({"number": "NOBODY"}, "OTS0401"),
        ({"key": "a b"}, "OTS0638"),
        ({"products": []}, "OTS0637"),
        ({"products": [{"prodName": "X", "prodRefundId": "R", "prodRefundAmount": 1}]}, "OTS0637"),
        ({"products": [{"prodName": "NSE", "prodRefundId": "R", "prodRefundAmount": 1}]}, "OTS0509"),
    ],
)
def test_a_wrong_refund_request_is_refused(
    atom_caller: AtomCaller, control: SandboxControl, paid_payment_id: str, change: Any, code: str
) -> None:
    """A wrong refund request gets Atom's error code, and nothing is refunded."""
    assert get_status_code(atom_caller.refund_payment(paid_payment_id, **change)) == code
    assert control.payments_control.read_refunds() == []


def test_the_signed_amount_is_the_text_in_the_json(atom_caller: AtomCaller, paid_payment_id: str) -> None:
    """A refund is accepted if its signature is over the amount exactly as the JSON has it, with any number of decimal
    places."""
    assert get_status_code(atom_caller.refund_payment(paid_payment_id, "150.5", "A")) == "OTS0000"
    assert get_status_code(atom_caller.refund_payment(paid_payment_id, "5", "B")) == "OTS0000"


def test_an_unpaid_payment_is_not_refunded(atom_caller: AtomCaller, control: SandboxControl) -> None:
    """An unpaid or unknown payment can't be refunded and has no refunds in REFUNDSTATUS. A wrong password gets its
    own code.
    """
    atom_caller.start_payment()
    number = control.payments_control.change_payment_state("atom", ORDER_NUMBER, "pending")["id"]
    assert get_status_code(atom_caller.refund_payment(number)) == "OTS0401"
    assert get_status_code(atom_caller.read_refund_status(number)) == "OTS0401"
    assert get_status_code(atom_caller.read_refund_status("99")) == "OTS0401"
    assert get_status_code(atom_caller.read_refund_status(number, password="other")) == "OTS0522"


def test_a_test_adds_another_merchant(sandbox: Sandbox, control: SandboxControl) -> None:
    """A test can add another merchant over the control API. The sandbox then decrypts and answers the encrypted
    request of the test vectors for this merchant. The control API returns neither the merchant's key nor the
    encrypted text of the request."""
    vector = next(v for v in PROVIDER_VECTORS["ndps_aes"] if v["id"] == "ndps-c-auth")
    key = vector["password"]
    control.payments_control.register_atom_merchant(
        "317157",
        password="Test@123",
        request_key=key,
        request_salt=key,
        response_key="K2",
        response_salt="S2",
        request_hash_key="KEY123657234",
        response_hash_key="KEYRESP123657234",
    )
    form = f"merchId=317157&encData={vector['expected_hex']}"
    answer = AtomCaller(sandbox).http_caller.send_request(
        "POST", "/ots/aipay/auth", form, Content_Type=FORM_CONTENT_TYPE
    )
    sealed = answer.body.decode().split("encData=")[1]
    assert json.loads(decrypt_text(sealed, "K2", "S2"))["responseDetails"]["txnStatusCode"] == "OTS0000"
    assert control.payments_control.read_payment("atom", ORDER_NUMBER)["amount_minor"] == 50000
    assert key not in json.dumps(control.read_state())
    assert vector["expected_hex"][:64] not in json.dumps(control.read_requests())


def test_simultaneous_refunds_never_exceed_the_captured_amount(
    atom_caller: AtomCaller, control: SandboxControl, paid_payment_id: str
) -> None:
    """Of eight refunds at the same time, Atom accepts only as many as fit into the captured amount."""
    gate = threading.Barrier(8)

    def wait_and_refund(index: int) -> str:
        gate.wait(MAX_WAIT_SECONDS)
        return get_status_code(atom_caller.refund_payment(paid_payment_id, "120.00", f"R{index}"))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(wait_and_refund, range(8))).count("OTS0000") == 4
    assert control.payments_control.read_payment("atom", ORDER_NUMBER)["left_minor"] == 2000


def test_the_day_of_a_payment_is_its_day_in_india(atom_caller: AtomCaller, control: SandboxControl) -> None:
    """The day of a payment is its day in India: at half past eleven at night in India it is already the next day in
    Japan, but the payment keeps the Indian day.
    """
    atom_caller.start_payment(at="2026-11-20 23:30:00")
    control.payments_control.change_payment_state("atom", ORDER_NUMBER, "paid", at="2026-11-20T18:00:00Z")
    assert get_status_code(atom_caller.verify_payment(day=PAYMENT_DAY_IN_INDIA)) == "OTS0000"
    assert get_status_code(atom_caller.verify_payment(day="2026-11-22")) == "OTS0401"
