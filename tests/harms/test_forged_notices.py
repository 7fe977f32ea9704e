"""A row that an account inserts into `payment_events` books no payment unless it has a valid signature of the bank.

Each test reads the order after the worker has run all due tasks and has reconciled the bank's notices.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime

import pytest

from console.app import Console, open_console
from console.domain.errors import ConsoleError
from console.domain.payments.records import ReceivedNotice
from console.services.process.context import WORKER, act_as
from console.settings.settings import Settings
from tests.harms.attacks import SET_CHECKS_OFF_STATEMENTS, Attack, make_insert_attacks, make_update_attacks
from tests.harms.scene import AttackedDatabase
from tests.support.payment_desks import BANK_KEY, make_signed_notice
from tests.support.teams import PERSON_NAME_BY_ROLE
from tests.support.waiting import wait_until

UTC_NOW_SQL = "CONVERT_TZ(SYSDATE(6), @@session.time_zone, '+00:00')"
ZERO_HMAC = f"t=1795161600,v1={'0' * 64}"
_AMOUNT_MINOR = 3300


class ShopAndBank:
    """Orders of the shop, and a simulated bank that sends notices about them."""

    def __init__(self, scene: AttackedDatabase) -> None:
        self.scene = scene
        self.made = int(scene.sql("SELECT COALESCE(MAX(id), 0) FROM orders")[0][0])

    def make_unused_order_number(self) -> str:
        """Return an order number that no order has, a different one in each call. The order isn't inserted."""
        self.made += 1
        return f"ORD-F{self.made}-{self.scene.people.database[-6:]}"

    def insert_order(self, number: str) -> str:
        self.scene.sql(
            "INSERT INTO orders (merch_txn_id, total_amount, currency, created_at, updated_at)"
            f" VALUES ('{number}', {_AMOUNT_MINOR}, 'JPY', {UTC_NOW_SQL}, {UTC_NOW_SQL})"
        )
        return number

    def read_order_state(self, number: str) -> str:
        return str(self.scene.sql(f"SELECT status FROM orders WHERE merch_txn_id = '{number}'")[0][0])

    def read_captured_minor(self, number: str) -> int:
        rows = self.scene.sql(
            f"SELECT COALESCE(SUM(captured_minor), 0) FROM payments WHERE merchant_payment_id = '{number}'"
        )
        return int(rows[0][0])

    def check_unpaid(self, number: str) -> None:
        assert (self.read_order_state(number), self.read_captured_minor(number)) == ("pending", 0)

    def check_paid(self, number: str) -> None:
        assert (self.read_order_state(number), self.read_captured_minor(number)) == ("paid", _AMOUNT_MINOR)

    def run_due_tasks(self, worker: Console | None = None) -> None:
        """Run all due tasks of `worker`. Without `worker`, restart the worker's desk for this, and also reconcile the
        bank's notices of today with our records.
        """
        console = worker or self.scene.restart_desk("worker")
        console.recovery.run_all_tasks()
        if worker is None:
            today = datetime.now(UTC).date()
            for _ in range(2):
                wait_until(lambda: self._is_reconciled(today), "a reconciliation that keeps its lease")
            console.recovery.run_all_tasks()

    def _is_reconciled(self, day: date) -> bool:
        """Run the reconciliation. Return False if its lease of a few seconds expired on a busy machine; the next run
        continues it.
        """
        try:
            self.scene.get_desk("op-b").reconciliation.run("bank", day, day)
        except ConsoleError as lost:
            if lost.code != "in_progress":
                raise
            return False
        return True


def make_notice_text(event: str, number: str, at: datetime | None = None) -> str:
    """Return the JSON text of the bank's notice that the order with the order number `number` was paid at the time
    `at` (None: now). `event` is the id that the bank gives to the notice.
    """
    notice = {
        "event_id": event,
        "type": "payment.succeeded",
        "order_no": number,
        "amount": str(_AMOUNT_MINOR),
        "currency": "JPY",
        "occurred_at": (at or datetime.now(UTC)).isoformat(),
    }
    return json.dumps(notice)


def make_signed_post(event: str, number: str, key: str = BANK_KEY) -> ReceivedNotice:
    return make_signed_notice("bank", make_notice_text(event, number).encode(), datetime.now(UTC), key)


def make_event_row(event: str, number: str, **other: str) -> dict[str, str]:
    """Return the row of `payment_events` that would book the order with the order number `number`: SQL values by
    column, and a body with the same values, exact to the microsecond. `event` is the notice's id; `other` replaces
    some of the values.
    """
    at = datetime.now(UTC)
    values = {
        "source": "'bank'", "event_id": f"'{event}'", "kind": "'payment.succeeded'", "order_no": f"'{number}'",
        "amount_minor": str(_AMOUNT_MINOR), "currency": "'JPY'", "occurred_at": f"'{at:%Y-%m-%d %H:%M:%S.%f}'",
        "received_at": UTC_NOW_SQL, "body": f"'{make_notice_text(event, number, at)}'", "signature": f"'{ZERO_HMAC}'",
        "who": "'{me}'",
        "done": "'unmatched'",
    }  # fmt: skip
    return values | other


def make_forged_notice_attacks(number: str, genuine: dict[str, str]) -> Iterator[Attack]:
    """Yield attacks that insert rows which state that the order was paid. `genuine` has the signature and the body of
    a genuine notice about another order.
    """
    marks = {
        "unmatched": {}, "queued": {"done": "'queued'"}, "in capitals": {"done": "'UNMATCHED'"},
        "another end": {"done": "'unmatched '"}, "refused": {"done": "'refused_to_ask'"},
        "no signature": {"signature": "NULL"}, "no name": {"who": "NULL", "signature": "NULL"},
        "somebody else's name": {"who": "'{other}'"}, "the worker's name": {"who": "'{worker}'"},
        "of PayPay": {"source": "'paypay'", "done": "'queued'"},
        "of Atom": {"source": "'atom'", "done": "'refused_to_ask'"},
        "source in capitals": {"source": "'BANK'"}, "source with a blank": {"source": "'bank '"},
        "another source": {"source": "'crowd'"},
        "a true signature": {"signature": genuine["signature"]},
        "a true body, another order": {"signature": genuine["signature"], "body": genuine["body"]},
        "a true body, another source": {
            "source": "'bank-'", "signature": genuine["signature"], "body": genuine["body"],
        },
    }  # fmt: skip
    for turn, (title, values) in enumerate(marks.items()):
        event = f"forged-{turn}-{{me}}"
        ways = list(make_insert_attacks("payment_events", make_event_row(event, number) | values))
        for form, attack in enumerate(ways if title == "unmatched" else ways[:1]):
            named = tuple(one.replace(event, f"{event}-{form}") for one in attack.sql)
            yield Attack(f"{title}: {attack.title}", named)
    begun = (
        "INSERT INTO payments (provider, merchant_payment_id, order_id, status, certainty, currency, asked_minor,"
        f" by_code, created_at, changed_at, begun_at, version) SELECT 'bank', '{number}', id, 'user_payment',"
        f" 'known', 'JPY', {_AMOUNT_MINOR}, 0, {UTC_NOW_SQL}, {UTC_NOW_SQL}, {UTC_NOW_SQL}, 1 FROM orders"
        f" WHERE merch_txn_id = '{number}'"
    )
    (insert, *_) = make_insert_attacks("payment_events", make_event_row("forged-begun-{me}", number))
    yield Attack("a payment that waits for it", (begun, *insert.sql))
    yield insert.prepend_statements("loose", *SET_CHECKS_OFF_STATEMENTS)


def make_altered_notice_attacks(number: str, event: str) -> Iterator[Attack]:
    """Yield attacks that change the row of the genuine notice with the id `event` so that it is about the order with
    the order number `number`, or is booked again.
    """
    where = f"event_id = '{event}'"
    yield from make_update_attacks("payment_events", {"order_no": f"'{number}'", "done": "'unmatched'"}, where)
    yield from make_update_attacks(
        "payment_events", {"body": f"'{make_notice_text(event, number)}'", "done": "'unmatched'"}, where
    )
    yield from make_update_attacks("payment_events", {"done": "'unmatched'", "payment_id": "NULL"}, where)
    yield from make_update_attacks("payment_events", {"done": "'queued'"}, where)
    yield from make_update_attacks("payment_events", {"event_id": "'another'", "done": "'unmatched'"}, where)


@pytest.mark.expects_log("rows that can't be verified")
def test_no_row_of_a_plain_client_pays_an_order(harm_scene: AttackedDatabase) -> None:
    """Every role, also the worker, inserts rows of genuine and forged notices in every form. After all due tasks the
    order is still not paid. A genuine notice that the program has received is booked, also if its order is stored
    later.
    """
    shop = ShopAndBank(harm_scene)
    true, victim, waiting = (
        shop.insert_order(shop.make_unused_order_number()),
        shop.insert_order(shop.make_unused_order_number()),
        shop.make_unused_order_number(),
    )
    taker = harm_scene.get_desk("worker")
    event = f"true-{true}"
    assert taker.payments.receive_notice(make_signed_post(event, true)).done == "booked"
    assert taker.payments.receive_notice(make_signed_post(f"true-{waiting}", waiting)).done == "unmatched"
    body_and_signature = harm_scene.sql(f"SELECT body, signature FROM payment_events WHERE event_id = '{event}'")[0]
    genuine = {"body": f"'{body_and_signature[0]}'", "signature": f"'{body_and_signature[1]}'"}
    names = {"worker": harm_scene.people.names["worker"]}
    tried = harm_scene.attack_as_each_role(
        (*make_forged_notice_attacks(victim, genuine), *make_altered_notice_attacks(victim, event)),
        PERSON_NAME_BY_ROLE.values(),
        **names,
    )
    assert tried > (200 if harm_scene.tries_all_attacks else 80)
    shop.run_due_tasks()
    shop.check_unpaid(victim)
    after = harm_scene.sql(f"SELECT body, done FROM payment_events WHERE event_id = '{event}'")
    assert after == [(body_and_signature[0], "booked")]
    shop.check_paid(true)
    shop.insert_order(waiting)
    shop.run_due_tasks()
    shop.check_paid(waiting)
    shop.check_unpaid(victim)
    assert (
        harm_scene.get_desk("worker").payments.receive_notice(make_signed_post(f"late-{victim}", victim)).done
        == "booked"
    )
    harm_scene.get_desk("worker").recovery.run_all_tasks()
    shop.check_paid(victim)
    harm_scene.check_ordinary_work()


def test_people_insert_and_change_no_notice(harm_scene: AttackedDatabase) -> None:
    """Only the worker's account can insert a notice, and only under its own name. No account can set a notice back to
    unmatched.
    """
    shop = ShopAndBank(harm_scene)
    number, event = shop.make_unused_order_number(), f"kept-{shop.made}"
    (insert, *_) = make_insert_attacks("payment_events", make_event_row(event, number))
    for person in ("op-a", "lead-b", "aud-e", "adm-f"):
        assert harm_scene.attack(person, insert) != [""]
    for values in ({"who": "'{other}'"}, {"who": "NULL"}, {"done": "'refused_asked'"}, {"done": "'Unmatched'"}):
        (other, *_) = make_insert_attacks("payment_events", make_event_row(event, number) | values)
        assert "console: " in harm_scene.attack("worker", other)[0]
    assert harm_scene.attack("worker", insert) == [""]
    where = f"event_id = '{event}'"
    for values in ({"done": "'refused_asked'"}, {"done": "'invented'"}, {"signature": "'x'"}, {"who": "'x'"}):
        (update, *_) = make_update_attacks("payment_events", values, where)
        for person in ("op-a", "worker"):
            assert harm_scene.attack(person, update) != [""]
    (settled, back) = (
        Attack("", (f"UPDATE payment_events SET done = '{word}' WHERE {where}",)) for word in ("kept", "unmatched")
    )
    assert harm_scene.attack("worker", settled) == [""]
    assert "no such step of a notice" in harm_scene.attack("worker", back)[0]


@contextmanager
def open_worker_with_keys(scene: AttackedDatabase, **keys: str) -> Iterator[Console]:
    """Yield the worker's desk after a restart, with only these keys of notice sources. `keys` has the keys by the
    name of the source.
    """
    environment = {name: text for name, text in scene.make_environment("worker").items() if "_NOTICE_" not in name}
    environment |= {f"CONSOLE_SECRET_NOTICE_{name}_KEY": text for name, text in keys.items()}
    with open_console(Settings.load(environment)) as console:
        yield console


@pytest.mark.expects_log("a notice that can't be verified")
def test_a_deleted_or_replaced_key_books_nothing(harm_scene: AttackedDatabase) -> None:
    """Without the key of a notice's source, the worker can't verify the notice and opens no alert. With another key
    it opens an alert. After the old key is set again, the worker books the notice.
    """
    shop = ShopAndBank(harm_scene)
    number = shop.make_unused_order_number()
    event = f"rotated-{number}"
    assert harm_scene.get_desk("worker").payments.receive_notice(make_signed_post(event, number)).done == "unmatched"
    shop.insert_order(number)
    row_id = harm_scene.sql(f"SELECT id FROM payment_events WHERE event_id = '{event}'")[0][0]

    def has_open_alert() -> bool:
        rows = harm_scene.sql(
            f"SELECT resolved_at FROM alerts WHERE rule_id = 'unverified_notice' AND subject_id = {row_id}"
        )
        return any(resolved is None for (resolved,) in rows)

    with open_worker_with_keys(harm_scene) as console:
        shop.run_due_tasks(console)
    shop.check_unpaid(number)
    assert not has_open_alert()
    for keys in ({"BANK": "another-key-of-the-bank"}, {"BANK": BANK_KEY, "CROWD": BANK_KEY}):
        with open_worker_with_keys(harm_scene, **keys) as console:
            shop.run_due_tasks(console)
        shop.check_unpaid(number)
        assert has_open_alert()
    with open_worker_with_keys(harm_scene, BANK=BANK_KEY) as console:
        shop.run_due_tasks(console)
    shop.check_paid(number)
    assert not has_open_alert()


@pytest.mark.expects_log("rows that other tests of this file left")
@pytest.mark.parametrize("length", [30_000, 200_000])
def test_a_long_genuine_notice_is_kept_whole(harm_scene: AttackedDatabase, length: int) -> None:
    """The body of a genuine notice ends with many blanks, and its signature covers them. The database stores all of
    them, so that the signature can be verified again.
    """
    shop = ShopAndBank(harm_scene)
    number = shop.make_unused_order_number()
    body = make_notice_text(f"long-{number}", number).encode() + b" " * length
    taken = harm_scene.get_desk("worker").payments.receive_notice(make_signed_notice("bank", body, datetime.now(UTC)))
    assert taken.done == "unmatched"
    shop.insert_order(number)
    shop.run_due_tasks()
    shop.check_paid(number)
    stored_body = harm_scene.sql(f"SELECT body FROM payment_events WHERE event_id = 'long-{number}'")[0][0]
    assert hashlib.sha256(stored_body.encode()).digest() == hashlib.sha256(body).digest()


@pytest.mark.expects_log("rows that other tests of this file left")
def test_an_operator_cannot_act_as_the_worker_on_a_server(harm_scene: AttackedDatabase) -> None:
    """If the process of an operator is configured as the worker, it receives no notice, because on a server the
    database account decides.
    """
    shop = ShopAndBank(harm_scene)
    number = shop.insert_order(shop.make_unused_order_number())
    with act_as(WORKER), pytest.raises(Exception, match="not_allowed"):
        harm_scene.get_desk("op-a").payments.receive_notice(make_signed_post(f"op-{number}", number))
    shop.run_due_tasks()
    shop.check_unpaid(number)
