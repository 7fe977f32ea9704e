"""Mutants of exported files: formulas that a spreadsheet executes, amounts that aren't numbers, files of cancelled
exports, daily closes that include unknown money, and backups and restores that must be refused or must note a loss.
"""

from tests.mutants.mutant import Mutant, SourceChange

_CELLS_FILE = "console/services/exports/cells.py"
_SERVICE_FILE = "console/services/exports/export_service.py"
_EXPORTS_TESTS = ("tests/services/exports/test_exports.py",)


_DAILY_CLOSE_FILE = "console/store/reports/daily_close.py"
_DAILY_CLOSE_TESTS = ("tests/services/reports/test_daily_close.py",)


def _make_mutant(
    name: str, file: str, old_text: str, new_text: str, tests: tuple[str, ...] = _EXPORTS_TESTS
) -> Mutant:
    return Mutant(name, (SourceChange(file, old_text, new_text),), tests, "")


EXPORT_MUTANTS: tuple[Mutant, ...] = (
    _make_mutant(
        "a formula behind a space is exported as it is",
        _CELLS_FILE,
        "line.lstrip().startswith(FORMULA_CHARACTERS)",
        "line.startswith(FORMULA_CHARACTERS)",
    ),
    _make_mutant(
        "marks of the reading direction are exported",
        _CELLS_FILE,
        'unicodedata.category(character) == "Zs" else " "',
        'unicodedata.category(character) in ("Zs", "Cf") else " "',
    ),
    _make_mutant(
        "a reference of many digits is a number in CSV",
        _CELLS_FILE,
        'return f"{_APOSTROPHE}{text}" if _is_number_like(text) else text',
        "return text",
    ),
    _make_mutant(
        "instants are exported in UTC",
        _CELLS_FILE,
        'return convert_to_local(value, JST).replace(tzinfo=None).isoformat(" ", "seconds")',
        'return value.replace(tzinfo=None).isoformat(" ", "seconds")',
    ),
    _make_mutant(
        "a cancelled export leaves its file",
        _SERVICE_FILE,
        "        write_table(draft.file, table, rows)\n",
        "        try:\n            write_table(draft.file, table, rows)\n"
        "        except BaseException:\n            draft.publish()\n            raise\n",
    ),
    _make_mutant(
        "an export is not in the trail",
        _SERVICE_FILE,
        "publish_with_audit_entry(self._context, draft, record_entry)",
        "draft.publish()",
    ),
    _make_mutant(
        "amounts are exported in minor units",
        "console/wording/exports/columns.py",
        'return Decimal(amount_minor).scaleb(-get_decimal_places(currency or ""))',
        "return Decimal(amount_minor)",
    ),
    _make_mutant(
        "a close forgets what was unknown at its end and is known by now",
        _DAILY_CLOSE_FILE,
        "columns.ended_at >= convert_to_naive_utc(at)",
        "columns.ended_at < convert_to_naive_utc(at)",
        _DAILY_CLOSE_TESTS,
    ),
    _make_mutant(
        "a close counts refunds of every provider",
        _DAILY_CLOSE_FILE,
        "            *_make_period_conditions(refunds.c.state_since, period),\n"
        "            payments.c.provider == provider,\n",
        "            *_make_period_conditions(refunds.c.state_since, period),\n",
        _DAILY_CLOSE_TESTS,
    ),
    _make_mutant(
        "a close is final while something is unknown",
        "console/services/reports/daily_close.py",
        "any(record.settled_at is None for record in unknown_at_end)",
        "False",
        _DAILY_CLOSE_TESTS,
    ),
    _make_mutant(
        "a close counts the refunded part of a reversed payment twice",
        _DAILY_CLOSE_FILE,
        "_REVERSED_MINOR_EXPRESSION = payments.c.captured_minor - payments.c.refunded_minor",
        "_REVERSED_MINOR_EXPRESSION = payments.c.captured_minor",
        _DAILY_CLOSE_TESTS,
    ),
    _make_mutant(
        "a close of Atom is final after one of its two Indian days",
        "console/services/reports/daily_close.py",
        "any(day.run is None for day in provider_days)",
        "all(day.run is None for day in provider_days)",
        ("tests/services/reports/test_closes_of_indian_days.py",),
    ),
    _make_mutant(
        "the worker compares no Indian day without payments",
        "console/services/reconciliation/run.py",
        "begins_at, until = get_utc_span(japanese_days[0], japanese_days[-1], JST)",
        "begins_at, until = _make_utc_span(provider, day, day)",
        ("tests/services/reports/test_closes_of_indian_days.py",),
    ),
    _make_mutant(
        "a close without a file is the first close",
        "console/services/reports/daily_close.py",
        "written_entries.remove(same_file_entries[-1])",
        "pass",
        ("tests/services/reports/test_first_close.py",),
    ),
    _make_mutant(
        "a close stores the names of all unknown records",
        "console/domain/reports/daily_close.py",
        "unknown_names[:MAX_STORED_UNKNOWN_NAMES]",
        "unknown_names",
        ("tests/services/reports/test_first_close.py",),
    ),
    _make_mutant(
        "a database that is busy counts as none of ours, and is exchanged",
        "console/store/backup/sqlite_copy.py",
        "        if _is_locked(error):\n            raise _make_in_use_error(file) from None\n        # SQLITE_ERROR",
        "        # SQLITE_ERROR",
        ("tests/cli/test_backup.py::test_a_database_that_cannot_be_read_now_is_not_exchanged",),
    ),
    _make_mutant(
        "a newer program's database is backed up as far as this program knows it",
        "console/services/backup/backup.py",
        'if state["schema"] > SCHEMA_VERSION:',
        'if state["schema"] < migrate.BASELINE_VERSION:',
        ("tests/cli/test_backup.py::test_a_newer_programs_database_is_not_backed_up",),
    ),
    _make_mutant(
        "a restore notes nothing of the file that it replaces",
        "console/services/backup/backup.py",
        "    if newest_entry is not None:\n",
        "    if newest_entry is None:\n        return\n    if not newest_entry:\n",
        ("tests/cli/test_backup.py::test_a_restore_by_another_desk_repeats_no_purchase",),
    ),
    Mutant(
        "an earlier acknowledgement counts for a later restore",
        # Two guards: the copy of the backup gets an alert, and the desk knows which alerts are older.
        (
            SourceChange(
                "console/services/guarded/database_rollback.py",
                "    if not (missing_heads or lost_entries):\n",
                "    if True:\n",
            ),
            SourceChange(
                "console/services/guarded/database_rollback.py",
                "        resolved_alerts = anchors.list_resolved_rollback_alert_keys(conn)\n"
                "    _store_resolved_alerts(spool, database_id, resolved_alerts)\n\n\n# Compare",
                "        anchors.list_resolved_rollback_alert_keys(conn)\n"
                "    _store_resolved_alerts(spool, database_id, frozenset())\n\n\n# Compare",
            ),
        ),
        ("tests/cli/test_backup.py::test_an_acknowledged_loss_does_not_acknowledge_a_later_restore",),
        "",
    ),
)
