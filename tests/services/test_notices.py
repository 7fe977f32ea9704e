"""What providers send of their own accord: believed as far as it proves anything, booked once, refused in one way."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from console.domain.order_records import NoticePost, PaymentImport
from console.domain.payment_results import NoticeResult
from console.domain.records import Certainty, WorkState
from console.sandbox.server import Sandbox
from console.services.failpoints import FailpointReached, Failpoints
from tests.support.desks import NUMBERS, MovedClock
from tests.support.payment_desks import Scene, paying, signed
from tests.support.places import Place

REFUSED = NoticeResult(refused=True)


@pytest.fixture
def scene(place: Place, sandbox: Sandbox, clock: MovedClock) -> Iterator[Scene]:
    with paying(place, sandbox, clock) as made:
        yield made


def begun(scene: Scene, provider: str, number: str = "ORD-1", **paid: object) -> int:
    """A payment that the payer has made; nobody here knows yet."""
    minor, currency = (3300, "JPY") if provider == "paypay" else (50_000, "INR")
    payment = scene.payments.start(scene.order(number, minor, currency), provider).payment
    scene.money.move(provider, number, "paid", **paid)
    return payment.id


# PayPay: a hint


def test_a_webhook_is_a_reason_to_ask(scene: Scene) -> None:
    """A hint sets nothing by itself: the answer to our question books it; told again, it changes nothing."""
    payment_id = begun(scene, "paypay")
    assert scene.deliver("paypay", "ORD-1") == NoticeResult(False, "booked", payment_id)
    payment = scene.payment(payment_id)
    assert (payment.state, payment.captured_minor) == ("completed", 3300)
    assert scene.order_now("ORD-1").state == "paid"
    asked = len(scene.control.requests(call="paypay_payment"))
    assert scene.deliver("paypay", "ORD-1") == NoticeResult(False, "repeated", payment_id)
    assert len(scene.control.requests(call="paypay_payment")) == asked


def test_a_webhook_that_lies_books_nothing(scene: Scene) -> None:
    """It says COMPLETED, the provider says CREATED: nothing is booked."""
    order = scene.order("ORD-1", 3300)
    payment = scene.payments.start(order, "paypay").payment
    lie = {
        "notification_type": "Transaction", "merchant_id": "1", "order_id": "0499", "merchant_order_id": "ORD-1",
        "order_amount": "3300", "state": "COMPLETED", "paid_at": "2026-11-20T03:00:00Z",
    }  # fmt: skip
    result = scene.payments.notice(NoticePost("paypay", json.dumps(lie).encode(), (), "127.0.0.1"))
    assert result.refused is False
    after = scene.payment(payment.id)
    assert (after.state, after.captured_minor) == ("user_payment", 0)


def test_a_webhook_waits_for_the_provider(scene: Scene) -> None:
    """While nobody can be asked it is kept, answered with success, and asked about by a due task."""
    payment_id = begun(scene, "paypay")
    scene.control.fault("status:503", call="paypay_payment", times=1)
    assert scene.deliver("paypay", "ORD-1") == NoticeResult(False, "queued", payment_id)
    assert scene.payment(payment_id).captured_minor == 0
    assert {run.task: run.count for run in scene.run_due()}["unconfirmed_notices"] == 1
    assert scene.payment(payment_id).state == "completed"
    assert {run.task: run.count for run in scene.run_due()}["unconfirmed_notices"] == 0


@pytest.mark.parametrize("peer", ["203.0.113.9", "", "none", "::ffff:203.0.113.9", None])
def test_a_webhook_from_elsewhere_is_refused(scene: Scene, peer: str | None) -> None:
    """From an address that is not PayPay's: refused, audited, counted, and nothing is asked."""
    payment_id = begun(scene, "paypay")
    post = replace(scene.post("paypay", "ORD-1"), peer=peer)
    assert scene.payments.notice(post) == REFUSED
    assert scene.payment(payment_id).state == "token_generated"
    assert scene.audited("payment.callback_refused") == 1
    assert scene.payments.refused_notices() == 1
    assert len(scene.control.requests(call="paypay_payment")) == 0


def test_a_payment_that_nobody_knows_is_kept_and_told(scene: Scene) -> None:
    """Success for its sender, a case for us."""
    scene.money.know("paypay", "ORD-9", 3300)
    assert scene.deliver("paypay", "ORD-9") == NoticeResult(False, "unmatched")
    assert scene.deliver("paypay", "ORD-9") == NoticeResult(False, "repeated")
    assert scene.cases("notice") == ["unmatched_notice"]


def test_what_was_kept_belongs_to_a_payment_that_is_imported(scene: Scene) -> None:
    """Once the payment is here, its notice waits for nobody any more."""
    scene.money.know("paypay", "ORD-9", 3300)
    scene.deliver("paypay", "ORD-9")
    payment = scene.payments.import_(PaymentImport("paypay", "ORD-9"))
    scene.run_due()
    assert scene.cases("notice") == []
    assert scene.place.sql("SELECT done, payment_id FROM payment_events") == [("unchanged", payment.id)]


def test_an_address_that_opens_something_is_not_kept(scene: Scene) -> None:
    """PayPay's announcement of a file carries a permission: it is taken and not written down."""
    body = {"notification_type": "file.created", "notification_id": "n-1", "fileType": "transaction_recon",
            "path": "https://files.example/x?sig=canary-permission", "requestedAt": "1"}  # fmt: skip
    post = NoticePost("paypay", json.dumps(body).encode(), (), "127.0.0.1")
    assert scene.payments.notice(post).done == "kept"
    assert scene.place.sql("SELECT COUNT(*) FROM payment_events WHERE body LIKE '%canary%'") == [(0,)]


# Atom: signed, and confirmed by a read


def test_a_good_callback_is_verified_then_confirmed(scene: Scene) -> None:
    """The three steps at once, and completed when TXNVERIFICATION agrees."""
    payment_id = begun(scene, "atom")
    assert scene.deliver("atom", "ORD-1") == NoticeResult(False, "booked", payment_id)
    payment = scene.payment(payment_id)
    assert (payment.state, payment.captured_minor, payment.currency) == ("completed", 50_000, "INR")
    assert len(scene.control.requests(call="atom_verification")) == 1
    assert scene.deliver("atom", "ORD-1").done == "repeated"


def test_a_good_callback_is_not_complete_before_it_is_confirmed(scene: Scene, clock: MovedClock) -> None:
    """While TXNVERIFICATION can't be had: signature_verified, and asked again by itself."""
    payment_id = begun(scene, "atom")
    scene.control.fault("status:503", call="atom_verification", times="always")
    assert scene.deliver("atom", "ORD-1").done == "queued"
    payment = scene.payment(payment_id)
    assert (payment.state, payment.captured_minor) == ("signature_verified", 50_000)
    assert scene.order_now("ORD-1").state == "pending"
    scene.control.clear_faults()
    scene.run_due()
    assert scene.payment(payment_id).state == "completed"
    assert scene.order_now("ORD-1").state == "paid"


@pytest.mark.parametrize("manner", ["other_key", "bad_signature", "no_signature", "other_seal"])
def test_a_false_callback_changes_nothing(scene: Scene, manner: str) -> None:
    """One refusal for every kind; counted, kept as evidence, and TXNVERIFICATION is asked afterwards."""
    payment_id = begun(scene, "atom")
    before = scene.payment(payment_id)
    assert scene.deliver("atom", "ORD-1", manner=manner) == REFUSED
    assert scene.payment(payment_id) == before
    assert (scene.payments.refused_notices(), scene.audited("payment.callback_refused")) == (1, 1)
    assert len(scene.control.requests(call="atom_verification")) == 0
    scene.run_due()
    read = manner != "other_seal"  # what can't be opened names nobody
    assert len(scene.control.requests(call="atom_verification")) == int(read)
    assert scene.payment(payment_id).state == ("completed" if read else "token_generated")
    scene.run_due()
    assert len(scene.control.requests(call="atom_verification")) == int(read)
    assert scene.payments.refused_notices() == 1


def test_a_tampered_seal_is_answered_like_any_other_refusal(scene: Scene) -> None:
    """Cut, turned bits, wrong padding, no seal, empty: the result is one and the same, and nothing is written of it
    but the refusal."""
    payment_id = begun(scene, "atom")
    good = scene.post("atom", "ORD-1").body
    bodies = [b"", b"encData=", good[:-2], good[:-32], good[:-1] + b"0", good[:200], b"encData=00", b"\xff" * 40,
              good + b"&encData=00", b"{}", good.replace(b"encData", b"encdata")]  # fmt: skip
    results = {scene.payments.notice(NoticePost("atom", body)) for body in bodies}
    assert results == {REFUSED}
    assert scene.payment(payment_id).state == "token_generated"
    assert scene.payments.refused_notices() == len(bodies)


def test_a_callback_over_another_sum_is_for_a_person(scene: Scene) -> None:
    """Signed, and not what was asked for: unknown, never booked silently."""
    payment_id = begun(scene, "atom", amount_minor=40_000)
    scene.deliver("atom", "ORD-1")
    payment = scene.payment(payment_id)
    assert (payment.certainty, payment.captured_minor, payment.work.reason) == (
        Certainty.UNKNOWN, 0, "amount_differs",
    )  # fmt: skip


# Signed notices


def test_a_signed_notice_is_evidence_by_itself(scene: Scene) -> None:
    """Where only a notice arrives it begins the payment and books it; the order follows."""
    scene.order("ORD-1", 3300, corporation=NUMBERS[0])
    result = scene.payments.notice(scene.bank("ev-1", "ORD-1"))
    assert (result.refused, result.done) == (False, "booked")
    payment = scene.of_number("bank", "ORD-1")
    assert payment is not None
    assert (payment.state, payment.captured_minor, payment.corporation_number) == (
        "payment_success", 3300, NUMBERS[0],
    )  # fmt: skip
    assert scene.order_now("ORD-1").state == "paid"
    assert scene.payments.notice(scene.bank("ev-1", "ORD-1")).done == "repeated"
    assert scene.payments.notice(scene.bank("ev-2", "ORD-1")).done == "booked"
    again = scene.payment(payment.id)
    assert (again.captured_minor, again.work.reason) == (3300, "paid_twice")


def test_beyond_the_limit_it_is_booked_and_set_aside(scene: Scene) -> None:
    """A success notice can't be refused: what exceeds the account's limit waits for its refund."""
    scene.account(NUMBERS[0], 5000)
    for turn in (1, 2):
        scene.order(f"ORD-{turn}", 3300, corporation=NUMBERS[0])
        assert scene.payments.notice(scene.bank(f"ev-{turn}", f"ORD-{turn}")).done == "booked"
    second = scene.of_number("bank", "ORD-2")
    assert second is not None
    assert (second.captured_minor, second.set_aside_minor, second.left_minor) == (3300, 1600, 1700)
    assert second.work.reason == "set_aside"
    (item,) = scene.payments.set_asides()
    assert (item.record.amount_minor, item.payment.id, item.account.balance_minor) == (1600, second.id, 5000)


def test_news_of_one_payment_in_any_order_ends_alike(scene: Scene) -> None:
    """Failed, then paid late, then reversed: told backwards it is the same in the end."""
    now = scene.desk.now() - timedelta(hours=1)
    story = [("payment.failed", 0), ("payment.succeeded", 1), ("payment.reversed", 2)]
    for name, told in (("ORD-1", story), ("ORD-2", story[::-1])):
        scene.order(name, 3300)
        for word, minutes in told:
            at = (now + timedelta(minutes=minutes)).isoformat()
            post = scene.bank(f"{name}-{word}", name, type=word, occurred_at=at)
            assert scene.payments.notice(post).refused is False
    one, other = scene.of_number("bank", "ORD-1"), scene.of_number("bank", "ORD-2")
    assert one is not None
    assert other is not None
    assert (one.state, one.captured_minor) == (other.state, other.captured_minor) == ("reversed", 3300)


def test_an_order_may_come_after_its_notice(scene: Scene) -> None:
    """Kept, told, answered with success; booked by a due task once the shop has written the order."""
    assert scene.payments.notice(scene.bank("ev-1", "ORD-1")).done == "unmatched"
    assert scene.cases("notice") == ["unmatched_notice"]
    scene.order("ORD-1", 3300)
    assert {run.task: run.count for run in scene.run_due()}["unconfirmed_notices"] == 1
    payment = scene.of_number("bank", "ORD-1")
    assert payment is not None
    assert payment.captured_minor == 3300
    assert scene.cases("notice") == []
    assert {run.task: run.count for run in scene.run_due()}["unconfirmed_notices"] == 0


def posts_that_are_wrong(scene: Scene) -> dict[str, NoticePost]:
    good = scene.bank("ev-1", "ORD-1")
    stamp, now = good.headers[0][1], scene.desk.now()
    fields = json.loads(good.body)

    def altered(**changes: object) -> NoticePost:
        return signed("bank", json.dumps(fields | changes).encode(), now)

    return {
        "no signature": replace(good, headers=()),
        "other body": replace(good, body=good.body.replace(b"3300", b"9900")),
        "other key": signed("bank", good.body, now, key="another"),
        "signed an hour ago": signed("bank", good.body, now - timedelta(hours=1)),
        "signed in an hour": signed("bank", good.body, now + timedelta(hours=1)),
        "signature of another form": replace(good, headers=(("x-notice-signature", stamp.upper()),)),
        "two signatures": replace(good, headers=(("x-notice-signature", stamp + "," + stamp),)),
        "unknown source": replace(good, source="nobody"),
        "odd source": replace(good, source="../bank"),
        "no JSON": signed("bank", b"{", now),
        "a list": signed("bank", b"[]", now),
        "deep": signed("bank", b"[" * 100_000, now),
        "key twice": signed("bank", good.body[:-1] + b', "amount": "1"}', now),
        "amount a number": altered(amount=3300),
        "amount negative": altered(amount="-3300"),
        "amount too fine": altered(amount="3300.5"),
        "amount full-width": altered(amount="３３００"),
        "amount beyond bounds": altered(amount="1" + "0" * 18),
        "other currency": altered(currency="USD"),
        "no event": altered(event_id=""),
        "event of a line feed": altered(event_id="a\nb"),
        "long event": altered(event_id="e" * 129),
        "no order": altered(order_no=None),
        "no instant": altered(occurred_at="yesterday"),
        "naive instant": altered(occurred_at="2026-11-20T03:00:00"),
        "from the future": altered(occurred_at=(now + timedelta(minutes=10)).isoformat()),
        "ten megabytes": signed("bank", b" " * (10 << 20), now),
    }


def test_whatever_is_wrong_gets_one_refusal(scene: Scene) -> None:
    """Each wrong thing: the same answer, audited with its reason, and nothing is changed."""
    scene.order("ORD-1", 3300)
    posts = posts_that_are_wrong(scene)
    wrong = [name for name, post in posts.items() if scene.payments.notice(post) != REFUSED]
    assert wrong == []
    assert scene.of_number("bank", "ORD-1") is None
    assert scene.audited("payment.callback_refused") == len(posts)
    assert scene.payments.refused_notices() == len(posts)
    assert scene.payments.notice(scene.bank("ev-1", "ORD-1")).done == "booked"


@pytest.mark.parametrize("point", ["before_notice_tx", "after_notice_tx", "before_order_move", "after_order_move"])
@pytest.mark.expects_log("what was tolerated is told")
def test_a_notice_that_broke_off_is_booked_when_it_comes_again(scene: Scene, point: str) -> None:
    """Wherever it stops: sent again, and after the due tasks, it is booked once and the order is paid."""
    scene.order("ORD-1", 3300)
    post = scene.bank("ev-1", "ORD-1")
    scene.desk.failpoints = Failpoints((point, 1, "raise"))
    try:
        scene.payments.notice(post)
    except FailpointReached:
        assert point.endswith("notice_tx")
    scene.payments.notice(post)
    scene.run_due()
    payment = scene.of_number("bank", "ORD-1")
    assert payment is not None
    assert payment.captured_minor == 3300
    assert scene.order_now("ORD-1").state == "paid" or payment.work.state is WorkState.SCHEDULED
