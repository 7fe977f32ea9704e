"""The command `db merchant`: make the database belong to the merchant that the settings of this process name."""

from argparse import Namespace
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from console.cli.json_output.results import JsonObject, TranslateFunction
from console.cli.process.command import Command, ServiceCommand
from console.cli.process.output import AnswerWriter
from console.cli.text_output.translator import Translator

if TYPE_CHECKING:
    from console.app import Console
    from console.services.access.merchants import MerchantChange


def _set_database_merchant(console: "Console", args: Namespace, _: AnswerWriter) -> "MerchantChange":
    return console.merchants.store_merchant_of_settings(args.provider, args.reason, request_id=args.request_id)


def _build_merchant_json(change: "MerchantChange", _: TranslateFunction) -> JsonObject:
    before = {"environment": change.environment_before, "merchant": change.merchant_before}
    return {
        "provider": change.provider,
        "environment": change.environment,
        "merchant": change.merchant,
        "before": None if change.merchant_before is None else before,
        "changed": change.is_changed,
    }


def _format_merchant_lines(change: "MerchantChange", translator: Translator) -> Iterator[str]:
    key = "cli.merchant.changed" if change.is_changed else "cli.merchant.unchanged"
    yield translator(key, provider=change.provider, environment=change.environment, merchant=change.merchant)


COMMANDS: Mapping[str, Command] = {
    "db merchant": ServiceCommand(_set_database_merchant, _build_merchant_json, _format_merchant_lines)
}
