"""Mask payers in the answer of a desk request.

A worker reads tables, where the texts about a payment may name its payer. A person in team mode reads views that mask
the payer in these texts (`store/access/people_views.py`). So the worker masks the same texts in its answer, which the
person reads and which stays in the row of the desk request.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any

from console.domain.alerts.incidents import INCIDENT_KIND, Incident, IncidentStep
from console.domain.errors import rebuild_error
from console.domain.evidence.timeline import mask_text
from console.domain.payments.records import Order, Payment, Refund
from console.domain.records import Operation
from console.domain.tasks.records import Alert, Note, ReconciliationDifference
from console.services.guarded.answer_serialization import CallAnswer
from console.services.process.context import ServiceContext
from console.store.payments.orders import ORDER_KIND
from console.store.payments.payments import KINDS_WITH_PAYERS, PAYMENT_KIND, list_payers_of_record

MASKED_FIELDS_BY_CLASS: Mapping[type, AbstractSet[str]] = {
    Alert: frozenset({"observed", "expected", "note"}),
    IncidentStep: frozenset({"words"}),
    Note: frozenset({"words"}),
    ReconciliationDifference: frozenset({"ours", "theirs"}),
    Refund: frozenset({"reason", "ticket", "declined_because"}),
}
"""By class of a record: the names of the fields with texts that a person, a provider or another program has written.
The views mask the same columns. The other texts of a record are numbers, codes and names of people, which stay
unchanged even if they are equal to a payer's name."""


def mask_payers_in_answer(context: ServiceContext, answer: CallAnswer) -> CallAnswer:
    """Return the answer with the payers of its records masked in each text of MASKED_FIELDS_BY_CLASS, and in each
    text of the answer's value or of the error's detail that isn't part of a record. A record in the answer may name
    the payer of another one: the payers of all records are masked everywhere. The database is read only if the answer
    contains a record of a kind with payers.
    """
    error = answer.error
    content = answer.value if error is None else error.detail
    records = {(kind, id) for kind, id in _list_records(content) if kind in KINDS_WITH_PAYERS}
    if not records:
        return answer
    with context.database.read() as conn:
        payers = {payer for kind, id in records for payer in list_payers_of_record(conn, kind, id) if payer}
    if not payers:
        return answer
    masked_content = _mask_payers(content, payers)
    if error is None:
        return CallAnswer(masked_content)
    return CallAnswer(error=rebuild_error(error.code, masked_content, exit_status=error.exit_status))


def _list_records(value: object) -> Iterator[tuple[str, int]]:
    """Yield the kind and id of each record that `value` contains or has a text about, at any depth; for a refund,
    those of its payment. Credit checks, which have no payer, are left out."""
    match value:
        case Payment():
            yield PAYMENT_KIND, value.id
        case Refund():
            yield PAYMENT_KIND, value.payment_id
        case ReconciliationDifference(payment_id=int(payment_id)):
            yield PAYMENT_KIND, payment_id
        case Order():
            yield ORDER_KIND, value.id
        case Alert():
            yield value.subject_kind, value.subject_id
        case Operation(subject_kind=str(kind), subject_id=int(subject_id)):
            yield kind, subject_id
        case Note():
            yield value.kind, value.subject_id
        case Incident():
            yield INCIDENT_KIND, value.id
        case IncidentStep():
            yield INCIDENT_KIND, value.incident_id
    for part in _list_parts(value):
        yield from _list_records(part)


def _list_parts(value: object) -> Sequence[object]:
    """Return the elements of a collection, or the fields of a domain value; nothing for any other value."""
    match value:
        case Mapping():
            return tuple(value.values())
        case list() | tuple() | set() | frozenset():
            return tuple(value)
        case _ if is_dataclass(value):
            return tuple(getattr(value, field.name) for field in fields(value))
    return ()


def _mask_payers(value: Any, payers: AbstractSet[str], *, is_text_masked: bool = True) -> Any:
    """Return `value` with the payers masked in its texts, at any depth. If `is_text_masked` is False, `value` is a
    field of a record whose texts stay unchanged, but it may contain other records.
    """
    match value:
        case Enum():
            return value
        case str():
            return mask_text(value, payers) if is_text_masked else value
        case Mapping():
            return {key: _mask_payers(part, payers, is_text_masked=is_text_masked) for key, part in value.items()}
        case list() | tuple() | set() | frozenset():
            return type(value)(_mask_payers(part, payers, is_text_masked=is_text_masked) for part in value)
        case _ if is_dataclass(value) and not isinstance(value, type):
            masked_names = MASKED_FIELDS_BY_CLASS.get(type(value), frozenset())
            parts = {field.name: getattr(value, field.name) for field in fields(value) if field.init}
            return replace(
                value,
                **{
                    name: _mask_payers(part, payers, is_text_masked=name in masked_names)
                    for name, part in parts.items()
                },
            )
    return value
