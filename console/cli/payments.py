"""The terminal's commands about payments and refunds: booking what only the provider has, maker and checker."""

from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING

from console import cli_json, cli_text
from console.cli_parser import usage
from console.cli_service import Command, OnService, row_id
from console.cli_writer import Lines, Voice, Writer
from console.domain.order_records import Payment, PaymentImport, Refund, RefundRequest

if TYPE_CHECKING:
    from console.app import Console

Act = Callable[["Console", Namespace, Writer], Refund]


def _import(console: "Console", args: Namespace, _: Writer) -> Payment:
    wanted = PaymentImport(
        provider=args.provider,
        merchant_payment_id=args.merchant_payment_id,
        corporation_number=args.corporation_number,
        amount=args.amount,
        day=day_of(args.date, "--date"),
    )
    return console.payments.import_(wanted)


def day_of(text: str | None, option: str) -> date | None:
    """A calendar day as `2026-11-20`. Raises usage."""
    try:
        if text is not None and len(text) == len("2026-11-20"):
            return date.fromisoformat(text)
    except ValueError:
        pass
    if text is None:
        return None
    raise usage(f"{option}: a day is needed, like 2026-11-20")


def _request(console: "Console", args: Namespace, _: Writer) -> Refund:
    wanted = RefundRequest(
        payment_id=row_id("payment", args.payment),
        amount=args.amount,
        reason=args.reason,
        intended_repeat=args.intended_repeat,
        ticket=args.ticket,
        saw=args.saw,
    )
    return console.refunds.request(wanted)


def _approve(console: "Console", args: Namespace, writer: Writer) -> Refund:
    """Where nothing has to be waited for, it is sent in the same breath; the steps of that are told."""

    def tell(step: str) -> None:
        writer.progress("sending" if step == "asking" else step)

    return console.refunds.approve(row_id("refund", args.id), saw=args.saw, progress=tell)


def _reject(console: "Console", args: Namespace, _: Writer) -> Refund:
    return console.refunds.reject(row_id("refund", args.id), args.reason, saw=args.saw)


def _withdraw(console: "Console", args: Namespace, _: Writer) -> Refund:
    return console.refunds.withdraw(row_id("refund", args.id))


def _imported(record: Payment, voice: Voice) -> Iterator[str]:
    yield voice("cli.payment.imported", id=record.id)
    yield from cli_text.one(record, voice)


def _decided(record: Refund, voice: Voice) -> Iterator[str]:
    """What became of the request, and who is needed next."""
    yield voice(f"cli.refund.{record.state.value}", id=record.id)
    missing = record.checkers_needed - len(record.checkers)
    if record.state.value == "requested":
        yield voice("cli.refund.checkers", n=missing, by=record.decide_by)
    if record.state.value == "approved" and record.sends_after is not None:
        yield voice("cli.refund.sends_after", at=record.sends_after)
    yield from cli_text.one(record, voice)


def _refund(act: Act) -> Command:
    data: Callable[[Refund, cli_json.Say], cli_json.Object] = cli_json.refund
    lines: Callable[[Refund, Voice], Lines] = _decided
    return OnService(act, data, lines)


PAYMENT_COMMANDS: Mapping[str, Command] = {
    "payment import": OnService(_import, cli_json.payment, _imported),
    "refund request": _refund(_request),
    "refund approve": _refund(_approve),
    "refund reject": _refund(_reject),
    "refund withdraw": _refund(_withdraw),
}
