"""Read the related records of the record in a command's answer, so that the answer explains the record in the same
way as the lists, the window and the exports do.

The services return a record without its related records (its order, its refunds, open proposals). This module reads
them after the service call, so that for example `probe` and `lookup` give the same explanation of a payment.
"""

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from console.cli.json_output.records import RECORD_KIND_BY_TYPE, AnyRecord
from console.domain.errors import ConsoleError
from console.domain.records import Operation

if TYPE_CHECKING:
    from console.app import Console


def add_related_records_to_answer(console: "Console", answer: Any) -> Any:
    """Return the value that a service returned, with the related records added to the record in it. `answer` is a
    record or has an attribute `record`; any other value is returned unchanged.
    """
    if type(answer) in RECORD_KIND_BY_TYPE:
        return _add_related_records(console, answer)
    record: Any = getattr(answer, "record", None)
    return (
        replace(answer, record=_add_related_records(console, record))
        if type(record) in RECORD_KIND_BY_TYPE
        else answer
    )


def add_related_records_to_refusal(console: "Console", refusal: ConsoleError) -> None:
    """Read the related records of the record in the detail of an error, and add them to that record."""
    record: Any = refusal.detail.get("record")
    if type(record) in RECORD_KIND_BY_TYPE:
        refusal.detail["record"] = _add_related_records(console, record)


def _add_related_records(console: "Console", record: AnyRecord) -> AnyRecord:
    """Return the record with its related records. If they can't be read, return the record without them, because the
    service call has already ended; its answer then has no explanation.
    """
    if isinstance(record, Operation):
        return record
    from console.services.process.failure_suppression import log_and_suppress

    with log_and_suppress("relations of an answered record"), suppress(ConsoleError):
        return console.lookup.complete_record(RECORD_KIND_BY_TYPE[type(record)], record)
    return record
