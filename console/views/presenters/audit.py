"""The table cell with the result of an audit entry, for the audit page and the audit tab of a record."""

from collections.abc import Mapping

from console.domain.audit.actions import does_failure_leave_outcome_unknown
from console.domain.records import AuditEntry, TimelineEntry
from console.views.runtime.context import WindowContext
from console.views.tables.columns import StateCell
from console.views.theme.design_tokens import Tone
from console.wording import audit_words

_ICON_AND_TONE_BY_AUDIT_RESULT: Mapping[str, tuple[str, Tone]] = {
    "done": ("check", "good"),
    "refused": ("square_bang", "care"),
    "failed": ("cross", "bad"),
}


def make_audit_result_cell(entry: AuditEntry | TimelineEntry, context: WindowContext) -> StateCell:
    """Return the table cell with the result of an audit entry's action. A failure that leaves the outcome at the
    provider unknown is marked as unknown, not as failed."""
    icon_name, tone = _ICON_AND_TONE_BY_AUDIT_RESULT.get(entry.result, ("dash", "muted"))
    if does_failure_leave_outcome_unknown(entry.what, entry.result):
        icon_name, tone = "question", "unknown"
    return StateCell(audit_words.format_audit_result(entry, context.language), icon_name, tone)
