"""The answers of the commands `audit verify` and `audit export` as JSON objects."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.cli.json_output.values import JsonObject, TranslateFunction
from console.domain.calendar_days import format_instant

if TYPE_CHECKING:
    from console.domain.audit.verification import VerifiedTrail


@dataclass(frozen=True, slots=True)
class AuditExport:
    """The value that the command `audit export` returns: the absolute path of the written CSV file and the number
    of its rows.
    """

    file: str
    row_count: int


def build_audit_verification_json(trail: "VerifiedTrail", _: TranslateFunction) -> JsonObject:
    """Return the answer of the command `audit verify` as JSON, for an audit trail without a wrong row: the number of
    verified rows, and id and time of the first and of the last row. The values of the first and last row are null if
    the trail has no rows.
    """
    first, last = (
        None if entry is None else {"id": entry.id, "at": format_instant(entry.at)}
        for entry in (trail.first, trail.last)
    )
    return {"rows": trail.rows, "first_bad": None, "first": first, "last": last}


def build_audit_export_json(export: AuditExport, _: TranslateFunction) -> JsonObject:
    """Return the answer of the command `audit export` as JSON: the path of the file and the number of its rows."""
    return {"file": export.file, "rows": export.row_count}
