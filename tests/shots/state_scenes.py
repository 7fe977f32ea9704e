"""The scenes of states that every screen can have: very large amounts, long texts, read-only mode, a lost connection,
and data that can't be read again.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import sqlalchemy as sa

from console.domain.access.permissions import OPERATOR
from console.domain.calendar_days import IST
from console.domain.errors import ErrorCode, rebuild_error
from console.domain.payments.records import Payment, PaymentImport
from console.domain.records import Person
from console.services.process.context import act_as
from console.store.access import operators
from console.store.database.engine import Transaction
from console.store.payments import orders
from console.store.payments.orders import NewOrder
from console.store.schema import core as schema
from console.views.money.order_page import OrderPage
from console.views.money.payment_page import PaymentPage
from console.views.queues.page import QueuesPage
from console.views.refunds.request_dialog import RefundDialog
from console.views.runtime.routes import (
    AlertsRoute,
    ApprovalsRoute,
    AuditRoute,
    CreditCheckRoute,
    HomeRoute,
    LookupRoute,
    OrderRoute,
    PaymentRoute,
    QueuesRoute,
    ReportsRoute,
    Route,
)
from tests.shots.scenes import SceneFunction
from tests.shots.stage import WindowStage
from tests.support.failing_methods import let_method_fail

_LARGEST_MINOR_BY_PROVIDER = {"paypay": 99_999_999_999, "atom": 999_999_999_999}
"""The largest amount in minor units (yen, paise) that the screens must show, by provider."""
_LONG_NAME = "株式会社みなも堂国際流通テクノロジーホールディングス東日本第二事業本部"
_LONG_PERSON, _TAKER = "maximiliane.featherstonehaugh-yamazaki", "maximiliane.yamazaki"
_LONG_NOTE = "お客様より 11 月 20 日の二重決済についてお電話があり、決済会社に照会中です。" * 6
_LONG_REASON = "PayPay の障害（復旧の見込みは 18 時）。復旧の連絡があるまで、返金と購入を行わないでください。"


def show_large_amounts(stage: WindowStage) -> None:
    """Take pictures of payments of the largest amounts, of the refund of a whole payment, and of an unpaid order."""
    for provider in _LARGEST_MINOR_BY_PROVIDER:
        payment = _pay_largest_amount(stage, provider)
        stage.show_route(PaymentRoute(payment.id))
        page = stage.find(PaymentPage)
        stage.wait_until(
            lambda page=page, payment=payment: page.details is not None and page.details.record.id == payment.id  # type: ignore[misc]  # of this turn
        )
        stage.take_picture(f"amount-payment-{provider}")
        page.run_action_on_record("refund")
        dialog = stage.find(RefundDialog)
        stage.wait_until(lambda dialog=dialog: not dialog.form.is_plan_pending and not dialog._is_reading_plan)  # type: ignore[misc]  # of this turn
        stage.take_picture(f"amount-refund-{provider}")
        dialog.reject()
        stage.wait_until_idle()
        stage.show_route(LookupRoute(payment.corporation_number or ""))
        stage.take_picture(f"amount-company-{provider}")
    number = stage.desk.list_payments("complete")[-1].corporation_number
    order_id = _add_order(stage, NewOrder("S-999999999999", 999_999_999_999, "JPY", number))
    stage.show_route(OrderRoute(order_id))
    stage.find(OrderPage)
    stage.take_picture("amount-order")
    stage.show_route(QueuesRoute("review"))
    stage.take_picture("amount-queue")


def _pay_largest_amount(stage: WindowStage, provider: str) -> Payment:
    """Insert an order of the largest amount that the provider accepts, let the simulated provider record its payment,
    import the payment, and return it.
    """
    minor, sample = _LARGEST_MINOR_BY_PROVIDER[provider], stage.desk.list_payments("complete")[-1]
    currency = "JPY" if provider == "paypay" else "INR"
    day = stage.opening.context.now()
    number = f"ORD-{day:%Y%m%d}-999999" if provider == "paypay" else f"ORD{day:%Y%m%d}999999"
    _add_order(stage, NewOrder(number, minor, currency, sample.corporation_number))
    stage.desk.sandbox.control.payments_control.register_payment(provider, number, minor, at=day.isoformat())
    request = PaymentImport(provider, number, sample.corporation_number)
    if provider == "atom":
        amount = f"{minor // 100}.{minor % 100:02}"
        request = PaymentImport(provider, number, sample.corporation_number, amount, day.astimezone(IST).date())
    return stage.desk.console.payments.import_payment(request)


def _add_order(stage: WindowStage, order: NewOrder) -> int:
    """Insert an order as the shop does, and return its id."""
    context = stage.desk.console._context
    return context.write(lambda tx: orders.insert_order(tx.conn, order, context.now()))


def show_long_texts(stage: WindowStage) -> None:
    """Take pictures of the records of a company with a long name. A colleague with a long name has written a long
    note.
    """
    check, payment = stage.desk.list_checks("unknown")[0], stage.desk.list_payments("refund_unknown")[-1]

    def write_long_texts(tx: Transaction) -> None:
        for person in (_LONG_PERSON, _TAKER):
            operators.insert_person(tx.conn, Person(person, frozenset({OPERATOR}), may_buy=False))
        for number in (check.corporation_number, payment.corporation_number):
            where = schema.credit_checks.c.corporation_number == number
            tx.conn.execute(sa.update(schema.credit_checks).where(where).values(company_name=_LONG_NAME))

    stage.desk.console._context.write(write_long_texts)
    for kind, id in (("credit-check", check.id), ("payment", payment.id)):
        for earlier_taker in ("op-a", "lead-b"):  # who may have taken it in an earlier scene
            with stage.desk.console.acting_as(earlier_taker):
                stage.desk.console.recovery.give_up_take(kind, id)
        with stage.desk.console.acting_as(_TAKER):
            stage.desk.console.recovery.take(kind, id)
        with stage.desk.console.acting_as(_LONG_PERSON):
            stage.desk.console.recovery.add_note(kind, id, _LONG_NOTE)
    routes: Mapping[str, Route] = {
        "check": CreditCheckRoute(check.id),
        "payment": PaymentRoute(payment.id),
        "company": LookupRoute(payment.corporation_number),
        "queue": QueuesRoute("unknown"),
        "audit": AuditRoute(),
    }
    context, operator = stage.opening.context, stage.opening.context.operator
    for name, route in routes.items():
        if name == "audit":
            context.change_operator("aud-e")  # who reads the entries of all people
        stage.show_route(route)
        if name == "queue":
            stage.find(QueuesPage).go_to_record(("credit-check", check.id))
        stage.take_picture(f"long-{name}")
    context.change_operator(operator or "op-a")


def show_read_only(stage: WindowStage) -> None:
    """Take pictures of the screens while read-only mode is on for everything, with a long reason."""
    with _use_read_only_mode(stage):
        for name, route in _make_routes_by_picture_name(stage).items():
            stage.show_route(route)
            stage.take_picture(f"read-only-{name}")
        # The newest complete payment may have an open refund from an earlier scene.
        stage.show_route(PaymentRoute(stage.desk.list_payments("complete")[0].id))
        stage.take_picture("read-only-refundable")


@contextmanager
def _use_read_only_mode(stage: WindowStage) -> Iterator[None]:
    """Switch read-only mode on for everything until the end of the block."""
    switches, context = stage.desk.console.read_only_switches, stage.opening.context

    def set_switch(is_on: bool) -> None:
        with act_as("lead-b"):
            switches.set_switch("everything", is_on, _LONG_REASON)
        context.update_connection_state(read_only_switches=switches.list_switches())
        stage.wait_until_idle()

    set_switch(True)
    try:
        yield
    finally:
        set_switch(False)


def show_lost_connection(stage: WindowStage) -> None:
    """Take pictures of screens that read their data before the database stopped answering."""
    services, error = stage.desk.console, rebuild_error(ErrorCode.DATABASE_UNREACHABLE, {}, exit_status=0)
    for name, route in _make_routes_by_picture_name(stage).items():
        stage.show_route(route)
        with let_method_fail(services.desk_status, "read_desk_update", error):
            stage.wait_until(lambda: stage.opening.context.connection_state.lost_since is not None)
            stage.take_picture(f"disconnected-{name}")
        stage.wait_until(lambda: stage.opening.context.connection_state.lost_since is None)


def show_unreadable_pages(stage: WindowStage) -> None:
    """Take pictures of pages that couldn't read their data again."""
    services, error = stage.desk.console, rebuild_error(ErrorCode.DATABASE_LOCKED, {}, exit_status=0)
    payment, check = stage.desk.list_payments("complete")[-1], stage.desk.list_checks("unknown")[0]
    reads = (
        ("payment", PaymentRoute(payment.id), services.payments, "read_payment"),
        ("check", CreditCheckRoute(check.id), services.credit_checks, "read_credit_check"),
        ("queue", QueuesRoute("unknown"), services.recovery, "read_queue"),
        ("alerts", AlertsRoute(), services.incidents, "list_incidents"),
    )
    for name, route, service, method in reads:
        stage.show_route(route)
        page = stage.frame.current_page
        assert page is not None
        with let_method_fail(service, method, error):
            page.read_data_again()
            stage.wait_until_idle()
            stage.take_picture(f"unreadable-{name}")
        page.read_data_again()
        stage.wait_until_idle()


def _make_routes_by_picture_name(stage: WindowStage) -> Mapping[str, Route]:
    """Return the routes of the screens that are shown in each state, by the names of their pictures."""
    return {
        "home": HomeRoute(),
        "queue": QueuesRoute("unknown"),
        "check": CreditCheckRoute(stage.desk.list_checks("unknown")[0].id),
        "payment": PaymentRoute(stage.desk.list_payments("refund_unknown")[-1].id),
        "company": LookupRoute(stage.desk.list_payments("complete")[-1].corporation_number),
        "approvals": ApprovalsRoute(),
        "alerts": AlertsRoute(),
        "reports": ReportsRoute(),
    }


STATE_SCENES: Mapping[str, SceneFunction] = {
    "large_amounts": show_large_amounts,
    "long_texts": show_long_texts,
    "read_only": show_read_only,
    "disconnected": show_lost_connection,
    "unreadable": show_unreadable_pages,
}
