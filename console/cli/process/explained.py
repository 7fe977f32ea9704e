"""Explain the records of a command's answer from the same facts as the lists, the window and the exports.

The services return a record without its relations (its order, its refunds, open proposals). Those are read after the
act, so that the answer of `probe` says the same about a payment as a `lookup` does.
"""

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from console.cli.json_output.records import KIND_BY_TYPE, AnyRecord
from console.domain.errors import ConsoleError
from console.domain.records import Operation

if TYPE_CHECKING:
    from console.app import Console


def complete_answer(console: "Console", value: Any) -> Any:
    """Read the related records of the record in `value`, or of `value` itself if it is a record, and return the value
    with them. Any other value is returned unchanged.
    """
    if type(value) in KIND_BY_TYPE:
        return _complete_record(console, value)
    record: Any = getattr(value, "record", None)
    return replace(value, record=_complete_record(console, record)) if type(record) in KIND_BY_TYPE else value


def complete_refusal(console: "Console", refusal: ConsoleError) -> None:
    """Read the related records of the record in the details of an error, and add them to it."""
    record: Any = refusal.detail.get("record")
    if type(record) in KIND_BY_TYPE:
        refusal.detail["record"] = _complete_record(console, record)


def _complete_record(console: "Console", record: AnyRecord) -> AnyRecord:
    """Return the record with its relations. The act is done: if they can't be read, the record has none, and its
    answer has no explanation.
    """
    if isinstance(record, Operation):
        return record
    from console.services.process.tolerated import log_and_suppress

    with log_and_suppress("relations of an answered record"), suppress(ConsoleError):
        return console.lookup.complete_record(KIND_BY_TYPE[type(record)], record)
    return record
