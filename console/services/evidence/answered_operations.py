"""The operations of which every call to a provider was answered. Only their durations say how fast a provider is."""

from console.services.evidence.call_summaries import classify_answer, is_provider_call
from console.store.database.sqlalchemy_names import Connection
from console.store.monitoring import recent_activity


def list_answered_operations(conn: Connection, operation_ids: list[str]) -> list[str]:
    """Return those of the operations with these ids of which each call to a provider was answered. Any other
    operation ends when a later probe settles it or a person resolves it, perhaps after days. Left out are operations
    without a call, and operations whose evidence isn't read because the list is longer than one query may be."""
    is_answered_by_id: dict[str, bool] = {}
    for operation_id, source, summary in recent_activity.list_evidence_of_operations(conn, operation_ids):
        if is_provider_call(source):
            is_answered = classify_answer(summary)[0]
            is_answered_by_id[operation_id] = is_answered_by_id.get(operation_id, True) and is_answered
    return [operation_id for operation_id in operation_ids if is_answered_by_id.get(operation_id)]
