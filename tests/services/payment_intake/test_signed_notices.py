"""Signed notices of sources that the program can't ask for an answer: each notice is evidence by itself and is booked
once; all bad notices are refused in the same way.
"""

import hashlib
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from console.domain.payments.records import ReceivedNotice
from console.domain.payments.service_results import NoticeResult
from console.domain.records import WorkState
from console.services.process.failpoints import FailpointReached, Failpoints
from console.store.audit import trail
from console.wording.incident_words import list_playbook_step_keys
from console.wording.sentences.catalogue import translate
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.payment_desks import PaymentDesk, make_signed_notice

REFUSED_NOTICE_RESULT = NoticeResult(is_refused=True)


def test_a_signed_notice_is_evidence_by_itself(scene: PaymentDesk) -> None:
    """A signed notice about an order without a payment creates the payment and books it, and the order becomes paid.
    The same notice again changes nothing. A notice of a second event books no more money; a person must look at the
    payment, because it is paid twice.
    """
    scene.insert_order("ORD-1", 3300, corporation=CORPORATION_NUMBERS[0])
    result = scene.payments.receive_notice(scene.make_bank_notice("ev-1", "ORD-1"))
    assert (result.is_refused, result.done) == (False, "booked")
    payment = scene.find_payment("bank", "ORD-1")
    assert payment is not None
    assert (payment.state, payment.captured_minor, payment.corporation_number) == (
        "payment_success",
        3300,
        CORPORATION_NUMBERS[0],
    )
    assert scene.read_order("ORD-1").state == "paid"
    assert scene.payments.receive_notice(scene.make_bank_notice("ev-1", "ORD-1")).done == "repeated"
    assert scene.payments.receive_notice(scene.make_bank_notice("ev-2", "ORD-1")).done == "booked"
    again = scene.read_payment(payment.id)
    assert (again.captured_minor, again.work.reason) == (3300, "paid_twice")


@pytest.mark.parametrize(
    ("fields", "observed"),
    [
        ({"amount": "9900"}, "payment.succeeded ORD-1 9900 JPY"),
        ({"order": "ORD-2"}, "payment.succeeded ORD-2 3300 JPY"),
        ({"type": "payment.failed"}, "payment.failed ORD-1 3300 JPY"),
        ({"currency": "INR"}, "payment.succeeded ORD-1 330000 INR"),
    ],
)
def test_one_event_id_with_two_contents_opens_a_case(
    scene: PaymentDesk, fields: dict[str, str], observed: str
) -> None:
    """If two genuine notices have one event id and different contents, the first is booked. The second opens a case
    and books nothing. Contents that differ only in their time count as equal. The steps of the case's playbook
    propose no probe.
    """
    for number in ("ORD-1", "ORD-2"):
        scene.insert_order(number, 3300)
    assert scene.payments.receive_notice(scene.make_bank_notice("ev-1", "ORD-1")).done == "booked"
    later = (scene.context.now() - timedelta(minutes=1)).isoformat()
    assert (
        scene.payments.receive_notice(scene.make_bank_notice("ev-1", "ORD-1", occurred_at=later)).done == "repeated"
    )
    assert scene.list_open_alert_rules("notice") == []
    other = scene.make_bank_notice("ev-1", **{"order": "ORD-1", **fields})
    for _ in range(2):
        assert scene.payments.receive_notice(other).done == "repeated"
    alert_rows = scene.place.sql("SELECT rule_id, observed, expected FROM alerts WHERE subject_kind = 'notice'")
    assert alert_rows == [("contradicted", observed, "payment.succeeded ORD-1 3300 JPY")]
    assert [scene.read_order(number).state for number in ("ORD-1", "ORD-2")] == ["paid", "pending"]
    (incident,) = scene.console.incidents.list_incidents()
    steps = [translate(key, "en") for key in list_playbook_step_keys(incident)]
    assert len(steps) == 3
    assert not any("Probe" in step for step in steps), "its source can't be asked"


@pytest.mark.parametrize("is_acknowledged", [False, True])
def test_each_further_content_of_an_event_is_audited_once(scene: PaymentDesk, is_acknowledged: bool) -> None:
    """Notices with one event id have different contents. The open case shows each of them. After a person has
    acknowledged the case, a notice with a further content opens a new case, which shows only this content. Each
    content is audited once.
    """
    scene.insert_order("ORD-1", 3300)
    scene.payments.receive_notice(scene.make_bank_notice("ev-1", "ORD-1"))
    second, third = scene.make_bank_notice("ev-1", "ORD-1", amount="9900"), scene.make_bank_notice("ev-1", "ORD-2")
    scene.payments.receive_notice(second)
    if is_acknowledged:
        (case,) = scene.place.sql("SELECT id FROM alerts WHERE rule_id = 'contradicted'")
        scene.console.alerts.acknowledge(case[0], "asked the bank")
    for post in (third, second, third):
        assert scene.payments.receive_notice(post).done == "repeated"
    earlier = "" if is_acknowledged else "; payment.succeeded ORD-1 9900 JPY"
    alert_rows = scene.place.sql("SELECT observed, acknowledged_by FROM alerts WHERE resolved_at IS NULL")
    assert alert_rows == [(f"payment.succeeded ORD-2 3300 JPY{earlier}", None)]
    (event_id,) = scene.place.sql("SELECT id FROM payment_events")[0]
    with scene.context.database.read() as conn:
        written = trail.list_entries_of_subject(conn, "notice", str(event_id))
    assert [entry.what for entry in written] == ["payment.contradicted"] * 2
    facts = [entry.detail for entry in written]
    assert sorted(str(one["observed"]) for one in facts) == [
        "payment.succeeded ORD-1 9900 JPY",
        "payment.succeeded ORD-2 3300 JPY",
    ]
    assert {one["sha256"] for one in facts} == {hashlib.sha256(post.body).hexdigest() for post in (second, third)}
    scene.console.audit.verify_chains()


def test_a_case_of_two_notices_with_one_id_stays_open_when_the_order_arrives(scene: PaymentDesk) -> None:
    """Two notices have one event id and different contents. The first one waits for its order and is booked later;
    the case about the second one stays open until a person closes it.
    """
    assert scene.payments.receive_notice(scene.make_bank_notice("ev-1", "ORD-1")).done == "unmatched"
    assert scene.payments.receive_notice(scene.make_bank_notice("ev-1", "ORD-1", amount="9900")).done == "repeated"
    assert scene.list_open_alert_rules("notice") == ["unmatched_notice", "contradicted"]
    scene.insert_order("ORD-1", 3300)
    scene.run_due_tasks()
    assert scene.read_order("ORD-1").state == "paid"
    assert scene.list_open_alert_rules("notice") == ["contradicted"]


def test_ids_that_differ_in_letter_case_are_two_events(scene: PaymentDesk) -> None:
    """Two event ids differ only in upper and lower case, so the database's collation calls them equal: they are still
    two events, and both notices are booked.
    """
    for turn in (1, 2):
        scene.insert_order(f"ORD-{turn}", 3300)
    assert scene.payments.receive_notice(scene.make_bank_notice("ev-a", "ORD-1")).done == "booked"
    assert scene.payments.receive_notice(scene.make_bank_notice("EV-A", "ORD-2")).done == "booked"
    assert [scene.read_order(f"ORD-{turn}").state for turn in (1, 2)] == ["paid", "paid"]
    assert scene.payments.receive_notice(scene.make_bank_notice("EV-A", "ORD-2")).done == "repeated"
    assert scene.list_open_alert_rules("notice") == []


def test_money_above_the_limit_is_booked_and_set_aside(scene: PaymentDesk) -> None:
    """A notice reports a paid payment that exceeds the limit of its account: the payment is booked, and the part
    above the limit is set aside for a refund.
    """
    scene.insert_account(CORPORATION_NUMBERS[0], 5000)
    for turn in (1, 2):
        scene.insert_order(f"ORD-{turn}", 3300, corporation=CORPORATION_NUMBERS[0])
        assert scene.payments.receive_notice(scene.make_bank_notice(f"ev-{turn}", f"ORD-{turn}")).done == "booked"
    second = scene.find_payment("bank", "ORD-2")
    assert second is not None
    assert (second.captured_minor, second.set_aside_minor, second.refundable_minor) == (3300, 1600, 1700)
    assert second.work.reason == "set_aside"
    (item,) = scene.payments.list_set_asides()
    assert item.account is not None
    assert (item.record.amount_minor, item.payment.id, item.account.balance_minor) == (1600, second.id, 5000)


def test_reports_of_one_payment_in_any_sequence_have_one_result(scene: PaymentDesk) -> None:
    """Notices report a failure, a late success and a reversal of one payment: the payment has the same final state in
    whichever sequence they arrive.
    """
    now = scene.context.now() - timedelta(hours=1)
    story = [("payment.failed", 0), ("payment.succeeded", 1), ("payment.reversed", 2)]
    for name, reports in (("ORD-1", story), ("ORD-2", story[::-1])):
        scene.insert_order(name, 3300)
        for word, minutes in reports:
            at = (now + timedelta(minutes=minutes)).isoformat()
            post = scene.make_bank_notice(f"{name}-{word}", name, type=word, occurred_at=at)
            assert scene.payments.receive_notice(post).is_refused is False
    one, other = scene.find_payment("bank", "ORD-1"), scene.find_payment("bank", "ORD-2")
    assert one is not None
    assert other is not None
    assert (one.state, one.captured_minor) == (other.state, other.captured_minor) == ("reversed", 3300)


def test_an_order_created_after_its_notice_is_paid(scene: PaymentDesk) -> None:
    """A notice arrives before its order exists: the notice is acknowledged and stored, and a case is opened. After
    the shop has written the order, a due task books the notice.
    """
    assert scene.payments.receive_notice(scene.make_bank_notice("ev-1", "ORD-1")).done == "unmatched"
    assert scene.list_open_alert_rules("notice") == ["unmatched_notice"]
    scene.insert_order("ORD-1", 3300)
    assert {run.task: run.count for run in scene.run_due_tasks()}["unconfirmed_notices"] == 1
    payment = scene.find_payment("bank", "ORD-1")
    assert payment is not None
    assert payment.captured_minor == 3300
    assert scene.list_open_alert_rules("notice") == []
    assert {run.task: run.count for run in scene.run_due_tasks()}["unconfirmed_notices"] == 0


@pytest.mark.expects_log("an altered notice is a warning in the log")
@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("altered", ["event_id = 'ev-9'", "amount_minor = 1", "kind = 'payment.failed'"])
def test_a_stored_notice_that_contradicts_its_body_books_nothing(scene: PaymentDesk, altered: str) -> None:
    """If a person has changed a column of a stored notice so that it differs from the signed body, the program does
    not book the notice, and an alert is opened.
    """
    assert scene.payments.receive_notice(scene.make_bank_notice("ev-1", "ORD-1")).done == "unmatched"
    scene.place.drop_table_triggers("payment_events")
    scene.place.sql(f"UPDATE payment_events SET {altered} WHERE event_id = 'ev-1'")
    scene.insert_order("ORD-1", 3300)
    scene.run_due_tasks()
    assert scene.find_payment("bank", "ORD-1") is None
    assert scene.read_order("ORD-1").state == "pending"
    assert "unverified_notice" in scene.list_open_alert_rules("notice")


@pytest.mark.expects_log("the failpoint is a warning in the log")
@pytest.mark.engines("sqlite")
def test_a_late_match_of_a_notice_is_stored_with_its_booking(scene: PaymentDesk) -> None:
    """The worker ends while it applies a notice whose order was missing: neither the payment nor the match is stored,
    so that the notice isn't shown as one without effect. The next worker books the notice once."""
    assert scene.payments.receive_notice(scene.make_bank_notice("ev-1", "ORD-1")).done == "unmatched"
    scene.insert_order("ORD-1", 3300)

    scene.context.failpoints = Failpoints(("before_notice_end", 1, "raise"))
    scene.run_due_tasks()
    assert scene.find_payment("bank", "ORD-1") is None
    assert scene.place.sql("SELECT done FROM payment_events") == [("unmatched",)]
    scene.run_due_tasks()
    assert scene.place.sql("SELECT done FROM payment_events") == [("booked",)]
    assert scene.count_audit_entries("payment.booked") == 1


def make_invalid_notices(scene: PaymentDesk) -> dict[str, ReceivedNotice]:
    """Return invalid notices, by the names of their defects."""
    good = scene.make_bank_notice("ev-1", "ORD-1")
    stamp, now = good.headers[0][1], scene.context.now()
    fields = json.loads(good.body)

    def make_altered_notice(**changes: object) -> ReceivedNotice:
        return make_signed_notice("bank", json.dumps(fields | changes).encode(), now)

    return {
        "no signature": replace(good, headers=()),
        "other body": replace(good, body=good.body.replace(b"3300", b"9900")),
        "other key": make_signed_notice("bank", good.body, now, key="another"),
        "signed an hour ago": make_signed_notice("bank", good.body, now - timedelta(hours=1)),
        "signed in an hour": make_signed_notice("bank", good.body, now + timedelta(hours=1)),
        "signature of another form": replace(good, headers=(("x-notice-signature", stamp.upper()),)),
        "two signatures": replace(good, headers=(("x-notice-signature", stamp + "," + stamp),)),
        "unknown source": replace(good, source="nobody"),
        "odd source": replace(good, source="../bank"),
        "no JSON": make_signed_notice("bank", b"{", now),
        "a list": make_signed_notice("bank", b"[]", now),
        "deep": make_signed_notice("bank", b"[" * 100_000, now),
        "key twice": make_signed_notice("bank", good.body[:-1] + b', "amount": "1"}', now),
        "amount a number": make_altered_notice(amount=3300),
        "amount negative": make_altered_notice(amount="-3300"),
        "amount too fine": make_altered_notice(amount="3300.5"),
        "amount full-width": make_altered_notice(amount="３３００"),
        "amount beyond bounds": make_altered_notice(amount="1" + "0" * 18),
        "other currency": make_altered_notice(currency="USD"),
        **{
            f"{name} as {odd}": make_altered_notice(**{name: odd})
            for name in fields
            for odd in (["JPY"], {"JPY": 1}, True, None)
        },
        "no event": make_altered_notice(event_id=""),
        "event of a line feed": make_altered_notice(event_id="a\nb"),
        "long event": make_altered_notice(event_id="e" * 129),
        "no order": make_altered_notice(order_no=None),
        "no instant": make_altered_notice(occurred_at="yesterday"),
        "naive instant": make_altered_notice(occurred_at="2026-11-20T03:00:00"),
        "from the future": make_altered_notice(occurred_at=(now + timedelta(minutes=10)).isoformat()),
        "ten megabytes": make_signed_notice("bank", b" " * (10 << 20), now),
    }


def test_every_invalid_notice_gets_the_same_refusal(scene: PaymentDesk) -> None:
    """Each invalid notice gets the same refusal and an audit entry, and creates no payment. A valid notice after them
    is booked.
    """
    scene.insert_order("ORD-1", 3300)
    posts = make_invalid_notices(scene)
    wrong = [name for name, post in posts.items() if scene.payments.receive_notice(post) != REFUSED_NOTICE_RESULT]
    assert wrong == []
    assert scene.find_payment("bank", "ORD-1") is None
    assert scene.count_audit_entries("payment.callback_refused") == len(posts)
    assert scene.payments.count_refused_notices() == len(posts)
    assert scene.payments.receive_notice(scene.make_bank_notice("ev-1", "ORD-1")).done == "booked"


@pytest.mark.parametrize(("minor", "currency"), [(-5, "JPY"), (10**15 + 1, "JPY"), (2**62, "INR"), (3300, "USD")])
def test_an_order_of_an_impossible_amount_has_no_payment(scene: PaymentDesk, minor: int, currency: str) -> None:
    """The shop's order has an amount that no payment can have: the notice about it is acknowledged and stored, a case
    is opened, and no payment is created. After the shop has corrected the order, a due task books the notice.
    """
    scene.insert_order("ORD-1", minor, currency)
    assert scene.payments.receive_notice(scene.make_bank_notice("ev-1", "ORD-1")).done == "unmatched"
    assert scene.find_payment("bank", "ORD-1") is None
    assert scene.list_open_alert_rules("notice") == ["unmatched_notice"]
    assert {run.task: run.count for run in scene.run_due_tasks()}["unconfirmed_notices"] == 0
    scene.place.sql("UPDATE orders SET total_amount = 3300, currency = 'JPY'")
    assert {run.task: run.count for run in scene.run_due_tasks()}["unconfirmed_notices"] == 1
    assert scene.list_open_alert_rules("notice") == []


def test_notices_of_unknown_sources_do_not_block_a_valid_source(scene: PaymentDesk) -> None:
    """Notices arrive from more unknown sources than a desk remembers, and are refused: the notice of the bank, a
    valid source, is still booked.
    """
    genuine = scene.make_bank_notice("ev-1", "ORD-1")
    scene.insert_order("ORD-1", 3300)
    for number in range(200):
        assert scene.payments.receive_notice(replace(genuine, source=f"nobody{number}")) == REFUSED_NOTICE_RESULT
    assert scene.payments.receive_notice(genuine).done == "booked"


@pytest.mark.parametrize("point", ["before_notice_tx", "after_notice_tx", "before_order_move", "after_order_move"])
@pytest.mark.expects_log("what was tolerated is told")
def test_an_interrupted_notice_is_booked_when_sent_again(scene: PaymentDesk, point: str) -> None:
    """The processing of a notice breaks off at one of its steps. After the source has sent the notice again and the
    due tasks have run, the notice is booked once, and the order is paid or the next step of the payment is scheduled.
    """
    scene.insert_order("ORD-1", 3300)
    post = scene.make_bank_notice("ev-1", "ORD-1")
    scene.context.failpoints = Failpoints((point, 1, "raise"))
    try:
        scene.payments.receive_notice(post)
    except FailpointReached:
        assert point.endswith("notice_tx")
    scene.payments.receive_notice(post)
    scene.run_due_tasks()
    payment = scene.find_payment("bank", "ORD-1")
    assert payment is not None
    assert payment.captured_minor == 3300
    assert scene.read_order("ORD-1").state == "paid" or payment.work.state is WorkState.SCHEDULED
