"""Find the operations of which every call to a provider was answered. Only the durations of these operations show
the speed of a provider."""

from console.services.evidence.call_summaries import classify_answer, is_provider_call
from console.store.database.sqlalchemy_names import Connection
from console.store.monitoring import recent_activity


def list_answered_operations(conn: Connection, operation_ids: list[str]) -> list[str]:
    """Return those of `operation_ids` whose operation has at least one call to a provider, and an answer to each of
    its calls. An operation with an unanswered call is left out, because it ends when a later probe settles it or a
    person resolves it, perhaps after days. If the list of ids is longer than one query may be, some operations are
    not examined; they are left out, too."""
    is_answered_by_id: dict[str, bool] = {}
    for operation_id, source, summary in recent_activity.list_evidence_of_operations(conn, operation_ids):
        if is_provider_call(source):
            is_answered = classify_answer(summary)[0]
            is_answered_by_id[operation_id] = is_answered_by_id.get(operation_id, True) and is_answered
    return [operation_id for operation_id in operation_ids if is_answered_by_id.get(operation_id)]
