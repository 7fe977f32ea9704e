"""Tests of AlarmBox's adapter with the simulated AlarmBox: under each fault the outcome of a purchase agrees with the
ledger of charges, and no purchase is charged twice.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from console.domain.clock import SystemClock, TimeScale
from console.domain.provider_outcome import Outcome, OutcomeClass
from console.domain.records import PurchaseRequest
from console.providers.alarmbox.client import AlarmBox, AlarmBoxConfig, make_alarmbox_adapter
from console.sandbox import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, SandboxControl
from console.sandbox.rules.fault_table import FAULT_BY_NAME
from tests.providers.parts import CountingRateLimiter, MemoryTokens

CORPORATION_NUMBER = "1180301018771"
PURCHASE_REQUEST = PurchaseRequest(CORPORATION_NUMBER, "1", deal=2, reasons=(4,), comment="調査")
OUTCOME_CLASSES_WITHOUT_PURCHASE = (OutcomeClass.FAILED_DEFINITE, OutcomeClass.AUTH, OutcomeClass.RATE_LIMITED)


@pytest.fixture
def tokens() -> MemoryTokens:
    return MemoryTokens(None, first=REFRESH_TOKEN)


def make_adapter(url: str, tokens: MemoryTokens, *, scale: float = 1.0, finds_purchases: bool = False) -> AlarmBox:
    config = AlarmBoxConfig(url, CLIENT_ID, CLIENT_SECRET, finds_purchases=finds_purchases)
    clock = SystemClock()
    return make_alarmbox_adapter(
        config, tokens=tokens, rate_limiter=CountingRateLimiter(), clock=clock, scale=TimeScale(scale)
    )


def check_succeeded(outcome: Outcome[object]) -> None:
    assert outcome.kind is OutcomeClass.SUCCEEDED, outcome.reason


def test_a_purchase_its_detail_and_its_file_agree(control: SandboxControl, tokens: MemoryTokens) -> None:
    """The purchase, its detail, its PDF and its row in the list have the same facts, and the ledger has one
    charge.
    """
    control.change_settings(offers_purchase_list=True)
    box = make_adapter(control.url, tokens, finds_purchases=True)
    purchase = box.buy_check(PURCHASE_REQUEST)
    assert purchase.content is not None
    credit_check_id = purchase.content.credit_check_id
    detail, file, listed = (
        box.read_detail(credit_check_id),
        box.read_pdf(credit_check_id),
        box.find_purchases(CORPORATION_NUMBER),
    )
    assert detail.content is not None
    assert file.content is not None
    assert detail.content == file.content.report
    assert detail.content.company_name == purchase.content.company_name
    assert listed.content == (purchase.content,)
    assert control.count_charges(CORPORATION_NUMBER) == 1


def test_a_refusal_of_alarmbox_is_a_definite_failure(control: SandboxControl, tokens: MemoryTokens) -> None:
    """A purchase that AlarmBox refuses as invalid is a definite failure, and an unknown id has the outcome "not
    found". The ledger has no charge.
    """
    box = make_adapter(control.url, tokens)
    refused = box.buy_check(PurchaseRequest(CORPORATION_NUMBER, "1", deal=3))
    assert (refused.kind, refused.status) == (OutcomeClass.FAILED_DEFINITE, 422)
    assert box.read_detail(999).kind is OutcomeClass.NOT_FOUND
    assert control.count_charges() == 0


PURCHASE_FAULTS = [name for name, kind in FAULT_BY_NAME.items() if not kind.calls or "purchase" in kind.calls]


@pytest.mark.parametrize("name", PURCHASE_FAULTS)
def test_purchase_outcomes_match_the_ledger_under_each_fault(
    name: str, control: SandboxControl, tokens: MemoryTokens
) -> None:
    """With each connection fault, the outcome "bought" occurs only with one charge in the ledger, and "not bought"
    only with none. No purchase is charged twice."""
    box = make_adapter(control.url, tokens, scale=100)
    check_succeeded(
        make_adapter(control.url, tokens).buy_check(PurchaseRequest("7123456789012", "1"))
    )  # a token in hand
    kind = FAULT_BY_NAME[name]
    control.add_fault(
        f"{name}:503" if kind.argument_rule != "none" else name, call="purchase", number=CORPORATION_NUMBER
    )
    outcome = box.buy_check(PURCHASE_REQUEST)
    charges = control.count_charges(CORPORATION_NUMBER)
    assert charges <= 1
    if outcome.kind is OutcomeClass.SUCCEEDED:
        assert charges == 1
    if outcome.kind in OUTCOME_CLASSES_WITHOUT_PURCHASE:
        assert charges == 0
    if charges == 0 and kind.effect == "happens":
        pytest.fail("the fault did not act")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429])
def test_a_refusal_before_the_charge_is_a_definite_failure(
    status: int, control: SandboxControl, tokens: MemoryTokens
) -> None:
    """A purchase that AlarmBox refuses before the charge with a status such as 400 or 401 counts as not bought, and
    the ledger has no charge.
    """
    control.add_fault(f"status:{status}", call="purchase", times=2)  # after a 401 it is asked again
    outcome = make_adapter(control.url, tokens).buy_check(PURCHASE_REQUEST)
    assert outcome.kind in OUTCOME_CLASSES_WITHOUT_PURCHASE
    assert outcome.status == status
    assert control.count_charges() == 0


PDF_FAULTS = [n for n, kind in FAULT_BY_NAME.items() if kind.calls and "pdf" in kind.calls and n.startswith("pdf_")]


@pytest.mark.parametrize("name", PDF_FAULTS)
def test_only_complete_pdfs_are_accepted_under_each_fault(
    name: str, control: SandboxControl, tokens: MemoryTokens
) -> None:
    """With each fault of the PDF answer, the adapter accepts only a complete PDF. A PDF bomb is accepted as complete,
    because the renderer limits it later."""
    box = make_adapter(control.url, tokens)
    purchase = box.buy_check(PURCHASE_REQUEST)
    assert purchase.content is not None
    control.add_fault(name, call="pdf", **({"size": 1_000_000} if name == "pdf_bomb" else {}))
    outcome = box.read_pdf(purchase.content.credit_check_id)
    whole = name in ("pdf_other", "pdf_bomb")
    assert (outcome.kind is OutcomeClass.SUCCEEDED) == whole, outcome.reason
    assert outcome.status == 200


def test_an_ended_token_is_refreshed(control: SandboxControl, tokens: MemoryTokens) -> None:
    """If the access token expires early, the adapter refreshes it once and sends the purchase again; the ledger has
    one charge.
    """
    box = make_adapter(control.url, tokens)
    check_succeeded(box.buy_check(PurchaseRequest("7123456789012", "1")))
    control.expire_tokens()
    check_succeeded(box.buy_check(PURCHASE_REQUEST))
    assert control.count_charges(CORPORATION_NUMBER) == 1
    assert len(control.read_requests("token")) == 2


def test_a_revoked_authorisation_needs_a_person(control: SandboxControl, tokens: MemoryTokens) -> None:
    """After AlarmBox has revoked the tokens, purchases fail until a person authorises the program again; with the new
    code the desk can buy.
    """
    box = make_adapter(control.url, tokens)
    check_succeeded(box.buy_check(PurchaseRequest("7123456789012", "1")))
    control.revoke_tokens()
    outcome = box.buy_check(PURCHASE_REQUEST)
    assert (outcome.kind, outcome.reason) == (OutcomeClass.AUTH, "authorise_again")
    tokens.pair = box.oauth_calls.exchange_code(_read_authorisation_code(box))
    check_succeeded(box.buy_check(PURCHASE_REQUEST))


def _read_authorisation_code(box: AlarmBox) -> str:
    """Open the sandbox's authorisation page as a person would, and return the code that it shows."""
    import json
    from urllib.request import Request, urlopen

    with urlopen(Request(box.oauth_calls.make_authorize_url(), headers={"Accept": "application/json"})) as page:
        return str(json.load(page)["code"])


def test_a_refresh_with_a_lost_answer_is_repeated(control: SandboxControl, tokens: MemoryTokens) -> None:
    """If AlarmBox has issued new tokens but its answer is lost, the adapter sends the old refresh token again and
    gets another pair.
    """
    box = make_adapter(control.url, tokens)
    control.add_fault("refresh_lost", call="token", times=1)
    check_succeeded(box.buy_check(PURCHASE_REQUEST))
    assert len(control.read_requests("token")) == 2
    assert control.count_charges() == 1


def test_simultaneous_calls_with_an_expired_token_charge_once(control: SandboxControl, tokens: MemoryTokens) -> None:
    """Eight threads that use one adapter find the same expired token at the same time. Every thread can buy, and
    each purchase is charged once.
    """
    box = make_adapter(control.url, tokens)
    check_succeeded(box.buy_check(PurchaseRequest("7123456789012", "1")))
    control.expire_tokens()
    numbers = [f"{n:013d}" for n in range(1, 9)]
    with ThreadPoolExecutor(8) as pool:
        for outcome in pool.map(lambda number: box.buy_check(PurchaseRequest(number, "1")), numbers):
            check_succeeded(outcome)
    assert control.read_ledger()["total"] == 9


def test_a_short_lived_token_is_renewed_before_each_call(control: SandboxControl, tokens: MemoryTokens) -> None:
    """A token whose lifetime is below the safety margin is renewed before each call, and the calls succeed."""
    control.change_settings(access_token_seconds=60)
    box = make_adapter(control.url, tokens)
    for _ in range(3):
        check_succeeded(box.buy_check(PURCHASE_REQUEST))
    assert tokens.pair is not None
    assert tokens.pair.expires_at is not None
    assert tokens.pair.expires_at < SystemClock().now() + timedelta(seconds=61)
    assert len(control.read_requests("token")) == 3


def test_a_purchase_during_an_outage_is_not_sent(control: SandboxControl, tokens: MemoryTokens) -> None:
    """If AlarmBox refuses connections, the purchase is a definite failure, and nothing is charged."""
    box = make_adapter(control.url, tokens)
    check_succeeded(box.buy_check(PurchaseRequest("7123456789012", "1")))
    with control.cause_outage():
        outcome = box.buy_check(PURCHASE_REQUEST)
    assert (outcome.kind, outcome.reason) == (OutcomeClass.FAILED_DEFINITE, "not_connected")
    assert control.count_charges(CORPORATION_NUMBER) == 0
