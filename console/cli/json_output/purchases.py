"""The answer of the command `purchase`, as a value and as a JSON object."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.cli.json_output.records import JsonObject, TranslateFunction, build_record_json
from console.cli.json_output.results import build_corporation_json
from console.domain.records import CreditCheck

if TYPE_CHECKING:
    from console.domain.registry.facts import CorporationFacts


@dataclass(frozen=True, slots=True)
class PurchaseAnswer:
    """The value that the command `purchase` returns: the bought credit check, and the registry data of its
    corporation, read before the purchase (None without a registry).
    """

    record: CreditCheck
    corporation: "CorporationFacts | None"


def build_purchase_json(answer: PurchaseAnswer, translate: TranslateFunction) -> JsonObject:
    """Return the answer of the command `purchase` as JSON: the credit check, and the registry data of its
    corporation.
    """
    return {**build_record_json(answer.record, translate), "corporation": build_corporation_json(answer.corporation)}
