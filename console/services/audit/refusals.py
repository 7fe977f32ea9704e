"""Refusals are part of the audit trail: who wanted what, and which guard said no."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from console.domain.errors import ConsoleError
from console.domain.records import CreditCheck, LeaseHolder
from console.services import settling
from console.services.desk import Desk

REFUSED = 3


@contextmanager
def audited(
    desk: Desk, what: str, subject_id: int | str | None, asked: Mapping[str, object] | None = None, *,
    kind: str = "credit-check",
) -> Iterator[None]:  # fmt: skip
    """Write a refusal by a guard down in a transaction of its own, and let it pass on."""
    try:
        yield
    except ConsoleError as refusal:
        if refusal.exit_status == REFUSED:
            record = refusal.detail.get("record")
            subject = record.id if subject_id is None and isinstance(record, CreditCheck) else subject_id
            code = refusal.code
            with settling.tolerated("audit of a refusal"):
                desk.write(
                    lambda tx: desk.note(tx, what, subject, asked, kind=kind, result="refused", reason=code)
                )
        raise


def holding(holder: LeaseHolder | None) -> dict[str, object]:
    """Who is in the way and since when, as facts of a refusal."""
    if holder is None:
        return {"holder": None, "since": None}
    who = {"operator": holder.operator, "desk": holder.desk, "host": holder.host, "process": holder.process}
    return {"holder": who, "since": holder.since, "until": holder.until}
