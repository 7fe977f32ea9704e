"""The commands `payment import`, which inserts a payment that only the provider has, and `payment move-order`,
which sets the order of a payment to paid.
"""

from argparse import Namespace
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from console.cli.json_output import results as cli_json
from console.cli.process.command import Command, ServiceCommand, parse_row_id
from console.cli.process.output import AnswerWriter
from console.cli.process.parser import parse_day
from console.cli.text_output import results as cli_text
from console.cli.text_output.translator import Translator
from console.domain.payments.records import Order, Payment, PaymentImport

if TYPE_CHECKING:
    from console.app import Console


def _import_payment(console: "Console", args: Namespace, _: AnswerWriter) -> Payment:
    payment_import = PaymentImport(
        provider=args.provider,
        merchant_payment_id=args.merchant_payment_id,
        corporation_number=args.corporation_number,
        amount=args.amount,
        day=parse_day(args.date, "--date"),
    )
    return console.payments.import_payment(payment_import, request_id=args.request_id)


def _format_imported_payment_lines(record: Payment, translator: Translator) -> Iterator[str]:
    yield translator("cli.payment.imported", id=record.id, number=record.merchant_payment_id)
    yield from cli_text.format_explained_record(record, translator)


def _set_order_paid(console: "Console", args: Namespace, _: AnswerWriter) -> Order:
    return console.payments.set_order_paid(parse_row_id("payment", args.id), request_id=args.request_id)


def _format_paid_order_lines(record: Order, translator: Translator) -> Iterator[str]:
    yield translator(f"verdict.order_{record.state.value}")
    yield from cli_text.format_explained_record(record, translator)


COMMANDS: Mapping[str, Command] = {
    "payment import": ServiceCommand(_import_payment, cli_json.build_record_json, _format_imported_payment_lines),
    "payment move-order": ServiceCommand(_set_order_paid, cli_json.build_record_json, _format_paid_order_lines),
}
