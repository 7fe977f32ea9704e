"""Tests of a purchase whose answer by AlarmBox doesn't settle it, but names a credit check: two people can't deny the
purchase (decide that it was not made) until AlarmBox says that the named credit check is another one."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from console.app import Console
from console.domain.explanations.credit_checks import explain_credit_check
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import CheckReport, CheckState, CreditCheck, PurchaseRequest
from tests.support.in_memory_alarmbox import Charge, InMemoryAlarmBox, LedgerReader
from tests.support.invented import invent_numbers
from tests.support.places import CHECKS_TABLE, Place
from tests.support.quick_desks import ManualClock
from tests.support.refusals import call_for_refusal, call_for_refusal_code

CORPORATION_NUMBER, OTHER_CORPORATION_NUMBER = invent_numbers(2)


@dataclass
class ContradictingAlarmBox(InMemoryAlarmBox):
    """A simulated AlarmBox that answers a purchase with the status `status` (422 unless a test changes it) and the
    id of a credit check, while `is_contradicting`. The id is `named_id`, or by default that of the newest charge.
    The purchase is charged if `makes_purchase`. While `is_silent` the provider answers no read of a credit check,
    and while `hides_checks` it shows none.
    """

    named_id: int | None = None
    body: str = ""
    """The body of the answer to a purchase. An empty text stands for a refusal with `named_id`, and `%s` stands for
    the id of the purchase.
    """
    reason: str = "refused_but_made"
    status: int = 422
    makes_purchase: bool = True
    is_silent: bool = False
    hides_checks: bool = False
    is_contradicting: bool = True

    def buy_check(self, request: PurchaseRequest) -> Outcome[CheckReport]:
        self.behaviour = "silent_after_charge" if self.makes_purchase else "silent_before_charge"
        if not self.is_contradicting:
            self.behaviour = "answers"
            return super().buy_check(request)
        super().buy_check(request)
        named_id = len(self.charges) if self.named_id is None else self.named_id
        body = self.body.replace("%s", str(len(self.charges))) or json.dumps(
            {"error": "invalid", "credit_check": {"credit_check_id": named_id}}
        )
        return Outcome(OutcomeClass.UNKNOWN, self.reason, SendingCertainty.YES, None, self.status, body, "0" * 64)

    def answer_success(self, reason: str, body: str) -> None:
        """From now on answer purchases with status 201, a body that can't be used, and this reason for it."""
        self.reason, self.status, self.body = reason, 201, body

    def make_reader(self) -> LedgerReader:
        return ContradictingReader(self)


class ContradictingReader(LedgerReader):
    alarmbox: ContradictingAlarmBox

    def read_detail(self, credit_check_id: int) -> Outcome[CheckReport]:
        if self.alarmbox.is_silent:
            return Outcome(OutcomeClass.UNKNOWN, "read_timeout", SendingCertainty.MAYBE)
        if self.alarmbox.hides_checks:
            return Outcome(OutcomeClass.NOT_FOUND, "http_404", SendingCertainty.YES, None, 404)
        return super().read_detail(credit_check_id)


@pytest.fixture
def contradicting_alarmbox(hand_clock: ManualClock, alarmbox: InMemoryAlarmBox) -> ContradictingAlarmBox:
    return ContradictingAlarmBox(today=alarmbox.today)


@pytest.fixture
def console(
    place: Place, contradicting_alarmbox: ContradictingAlarmBox, hand_clock: ManualClock
) -> Iterator[Console]:
    with place.desk(contradicting_alarmbox, hand_clock) as desk:
        yield desk


def buy_check(console: Console, client: str = "1") -> CreditCheck:
    return console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, client))


def buy_with_unknown_outcome(console: Console, client: str = "1") -> CreditCheck:
    """Buy CORPORATION_NUMBER for the client, and return the record, whose outcome is unknown."""
    record = call_for_refusal(lambda: buy_check(console, client)).detail["record"]
    assert isinstance(record, CreditCheck)
    return record


def deny_purchase(console: Console, kind: str, record_id: object) -> object:
    """Decide as a person that the purchase was not made; `kind` and `record_id` name the record or the operation.
    Return the step that the decision still waits for, such as `second_person`, or None.
    """
    return console.recovery.resolve(kind, str(record_id), "error", "their screen shows nothing").awaiting


def test_a_purchase_named_by_its_refusal_cannot_be_denied(
    console: Console, contradicting_alarmbox: ContradictingAlarmBox, place: Place
) -> None:
    """AlarmBox refuses a purchase, but the credit check that its refusal names was made by this purchase. Neither of
    two people can deny the purchase, also while AlarmBox doesn't answer. The purchase can be resolved as bought and
    is charged once.
    """
    record = buy_with_unknown_outcome(console)
    with place.open_console_of_person(console, "lead-b") as other:
        for desk in (console, other):
            refused = call_for_refusal(lambda desk=desk: deny_purchase(desk, "credit-check", record.id))
            assert (refused.code, refused.detail["reason"]) == ("evidence_mismatch", "refused_but_made")
        contradicting_alarmbox.is_silent = True
        assert (
            call_for_refusal_code(lambda: deny_purchase(other, "credit-check", record.id)) == "provider_unreachable"
        )
    contradicting_alarmbox.is_silent = False
    assert call_for_refusal_code(lambda: buy_check(console)) == "already_purchased"
    console.recovery.resolve("credit-check", str(record.id), "success", "their screen", 1)
    assert console.credit_checks.read_credit_check(record.id).record.state is CheckState.SUCCESS
    assert contradicting_alarmbox.count_charges(CORPORATION_NUMBER) == 1


def test_a_lost_purchase_named_by_its_refusal_cannot_be_denied(
    console: Console, contradicting_alarmbox: ContradictingAlarmBox, place: Place
) -> None:
    """The database has lost a purchase that AlarmBox refused with an answer that names a credit check. People can't
    deny the purchase (decide that it was not made) as long as AlarmBox shows that credit check.
    """
    record = buy_with_unknown_outcome(console)
    place.sql(
        f"DELETE FROM {CHECKS_TABLE} WHERE id = {record.id}", f"DELETE FROM operations WHERE subject_id = {record.id}"
    )
    refused = call_for_refusal(lambda: deny_purchase(console, "operation", record.operation_id))
    assert (refused.code, refused.detail["reason"]) == ("evidence_mismatch", "refused_but_made")
    contradicting_alarmbox.hides_checks = True
    assert deny_purchase(console, "operation", record.operation_id) == "second_person"


@pytest.mark.parametrize(
    ("reason", "body"),
    [
        ("bad_id", '{"credit_check":{"credit_check_id":"%s","result":"ok"}}'),
        ("other_number", '{"credit_check":{"credit_check_id":%s,"corporation_number":"1180301018771"}}'),
        ("unreadable", '{"credit_check":{"credit_check_id":%s,"purchase_da'),
        ("answer_cut", '{"credit_check":{"credit_check_id":%s,"purch'),
        ("old_answer", '{"credit_check":{"credit_check_id":%s}}'),
    ],
    ids=["the id as text", "another number", "a cut body", "a lost connection", "from a cache"],
)
def test_a_purchase_named_by_an_unusable_success_cannot_be_denied(
    console: Console, contradicting_alarmbox: ContradictingAlarmBox, place: Place, reason: str, body: str
) -> None:
    """AlarmBox makes a purchase and answers with its id, but the answer can't be used. Neither of two people can deny
    the purchase. With the id it is resolved as bought, and it is charged once.
    """
    contradicting_alarmbox.answer_success(reason, body)
    record = buy_with_unknown_outcome(console)
    with place.open_console_of_person(console, "lead-b") as other:
        for desk in (console, other):
            refused = call_for_refusal(lambda desk=desk: deny_purchase(desk, "credit-check", record.id))
            assert (refused.code, refused.detail["reason"]) == ("evidence_mismatch", "named_purchase")
    console.recovery.resolve("credit-check", str(record.id), "success", "their screen", 1)
    assert console.credit_checks.read_credit_check(record.id).record.state is CheckState.SUCCESS
    assert contradicting_alarmbox.count_charges(CORPORATION_NUMBER) == 1


def test_a_purchase_that_its_answer_shows_without_an_id_cannot_be_denied(
    console: Console, contradicting_alarmbox: ContradictingAlarmBox, place: Place, hand_clock: ManualClock
) -> None:
    """AlarmBox makes a purchase and answers with the credit check, but without its id. Neither of two people can deny
    the purchase, also at a desk that can't reach AlarmBox. With the id from AlarmBox's screen it is resolved as
    bought, and it is charged once.
    """
    contradicting_alarmbox.answer_success(
        "made_without_id", '{"credit_check":{"purchase_date":"2026-11-20","result":"ok"}}'
    )
    record = buy_with_unknown_outcome(console)
    assert explain_credit_check(record, hand_clock.now()).why == "why.bought_without_number"
    contradicting_alarmbox.is_silent = True
    with place.open_console_of_person(console, "lead-b") as other:
        for desk in (console, other):
            refused = call_for_refusal(lambda desk=desk: deny_purchase(desk, "credit-check", record.id))
            assert (refused.code, refused.detail["reason"]) == ("evidence_mismatch", "made_without_id")
    contradicting_alarmbox.is_silent = False
    console.recovery.resolve("credit-check", str(record.id), "success", "their screen", 1)
    assert contradicting_alarmbox.count_charges(CORPORATION_NUMBER) == 1


def test_a_lost_purchase_that_its_answer_shows_without_an_id_cannot_be_denied(
    console: Console, contradicting_alarmbox: ContradictingAlarmBox, place: Place
) -> None:
    """The database has lost a purchase whose answer shows the credit check without its id: people can't deny it."""
    contradicting_alarmbox.answer_success(
        "made_without_id", '{"credit_check":{"purchase_date":"2026-11-20","result":"ok"}}'
    )
    record = buy_with_unknown_outcome(console)
    place.sql(
        f"DELETE FROM {CHECKS_TABLE} WHERE id = {record.id}", f"DELETE FROM operations WHERE subject_id = {record.id}"
    )
    refused = call_for_refusal(lambda: deny_purchase(console, "operation", record.operation_id))
    assert (refused.code, refused.detail["reason"]) == ("evidence_mismatch", "made_without_id")


def test_alarmboxs_list_decides_about_an_answer_without_an_id(
    console: Console, contradicting_alarmbox: ContradictingAlarmBox
) -> None:
    """AlarmBox's answer shows a credit check without its id, but AlarmBox's list doesn't have the purchase: people
    can deny it. If AlarmBox doesn't answer the request for its list, they can't.
    """
    contradicting_alarmbox.answer_success(
        "made_without_id", '{"credit_check":{"purchase_date":"2026-11-20","result":"ok"}}'
    )
    (
        contradicting_alarmbox.makes_purchase,
        contradicting_alarmbox.lists_purchases,
        contradicting_alarmbox.is_readable,
    ) = (
        False,
        True,
        False,
    )
    record = buy_with_unknown_outcome(console)
    refused = call_for_refusal(lambda: deny_purchase(console, "credit-check", record.id))
    assert (refused.code, refused.detail["reason"]) == ("evidence_mismatch", "made_without_id")
    contradicting_alarmbox.is_readable = True
    assert deny_purchase(console, "credit-check", record.id) == "second_person"


def test_a_refusal_in_utf16_names_the_purchase_too(
    console: Console, contradicting_alarmbox: ContradictingAlarmBox
) -> None:
    """AlarmBox makes a purchase and answers with a refusal in UTF-16: the program finds the id of the credit check
    between the NUL characters, so people can't deny the purchase.
    """
    contradicting_alarmbox.body = '\ufffd\ufffd{"credit_check_id":%s}'.replace('"', '"\0').replace("_", "_\0")
    record = buy_with_unknown_outcome(console)
    refused = call_for_refusal(lambda: deny_purchase(console, "credit-check", record.id))
    assert (refused.code, refused.detail["reason"]) == ("evidence_mismatch", "refused_but_made")


@pytest.mark.parametrize(
    ("reason", "body"),
    [
        ("bad_id", '{"credit_check":{"credit_check_id":2147483648}}'),
        ("answer_cut", '{"credit_check":{"credit_check_id":7'),
    ],
)
def test_an_id_that_no_record_can_have_is_not_requested(
    console: Console, contradicting_alarmbox: ContradictingAlarmBox, reason: str, body: str
) -> None:
    """AlarmBox's answer to a purchase contains an id that no record can have. If the id is 0, it names no credit
    check, and people can deny the purchase. If the id is too large for the database, or cut off at the end of the
    answer, people can't deny the purchase, and AlarmBox isn't asked for the id.
    """
    contradicting_alarmbox.answer_success(reason, body)
    record = buy_with_unknown_outcome(console)
    contradicting_alarmbox.call_counts.clear()
    refused = call_for_refusal(lambda: deny_purchase(console, "credit-check", record.id))
    assert (refused.code, refused.detail["reason"]) == ("evidence_mismatch", "named_purchase")
    assert not contradicting_alarmbox.call_counts
    contradicting_alarmbox.body, contradicting_alarmbox.makes_purchase = (
        '{"credit_check_id":0,"errors":["invalid"]}',
        False,
    )
    record = buy_with_unknown_outcome(console, "2")
    assert deny_purchase(console, "credit-check", record.id) == "second_person"


@pytest.mark.parametrize("named", ["unknown there", "another company's", "an old one", "ours"])
@pytest.mark.parametrize("status", [422, 201])
def test_a_purchase_can_be_denied_if_its_answer_names_another_one(
    console: Console, contradicting_alarmbox: ContradictingAlarmBox, place: Place, named: str, status: int
) -> None:
    """AlarmBox's answer to a purchase names a credit check of another purchase; the requested purchase was not
    made. Two people can decide that, and the company can be bought again."""
    if status == 201:
        contradicting_alarmbox.answer_success("other_number", '{"credit_check":{"credit_check_id":1}}')
    if named == "ours":
        contradicting_alarmbox.is_contradicting = False
        assert buy_check(console, "2").credit_check_id == 1
        contradicting_alarmbox.is_contradicting = True
    else:
        number, day = (
            (OTHER_CORPORATION_NUMBER if named == "another company's" else CORPORATION_NUMBER),
            contradicting_alarmbox.today(),
        )
        contradicting_alarmbox.charges.append(
            Charge(1, number, "1", day - timedelta(days=40 if named == "an old one" else 0), None)
        )
    contradicting_alarmbox.makes_purchase, contradicting_alarmbox.named_id, contradicting_alarmbox.hides_checks = (
        False,
        1,
        named == "unknown there",
    )
    record = buy_with_unknown_outcome(console)
    assert deny_purchase(console, "credit-check", record.id) == "second_person"
    with place.open_console_of_person(console, "lead-b") as other:
        assert deny_purchase(other, "credit-check", record.id) is None
    contradicting_alarmbox.is_contradicting = False
    assert buy_check(console).state is CheckState.SUCCESS
