"""The commands `db backup` (write a backup of the database, the documents and this desk's spool) and `db restore`."""

from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli.json_output.results import JsonObject, build_any_value_json
from console.cli.process.command import Command, parse_path
from console.cli.process.output import AnswerWriter
from console.cli.text_output.translator import Translator

if TYPE_CHECKING:
    from console.services.backup.backup import RestoreResult, VerifiedBackup
    from console.store.backup.archive import BackupManifest, BackupSummary


class BackUpDatabaseCommand:
    """The command `db backup`: write a backup to a new folder. It opens no services, so that it also works while
    guarded operations are stopped.
    """

    def run(self, args: Namespace, writer: AnswerWriter) -> None:
        from console.domain.clock import SystemClock
        from console.services.backup.backup import back_up

        folder = parse_path(args.folder)
        manifest = back_up(writer.read_settings(), folder, SystemClock())
        writer.write_answer(
            lambda: build_backup_json(manifest.summarize(folder)),
            lambda: list(format_backup_lines(folder, manifest, writer.translator)),
        )


class RestoreDatabaseCommand:
    """The command `db restore`. It replaces the database by the backup in a folder, and restores missing and damaged
    documents. It also restores the spool if this desk has no spool yet. With `--check` it changes nothing: it reads
    the whole backup and compares its database, schema and store key with those of this desk.
    """

    def run(self, args: Namespace, writer: AnswerWriter) -> None:
        from console.app import restore_backup
        from console.services.backup.backup import check_backup

        settings, folder = writer.read_settings(), parse_path(args.folder)
        if args.check:
            verified_backup = check_backup(settings, folder)
            writer.write_answer(
                lambda: build_verified_backup_json(
                    verified_backup.manifest.summarize(folder), verified_backup.store_key
                ),
                lambda: list(format_verified_backup_lines(verified_backup, writer.translator)),
            )
            return
        result, is_repeated = restore_backup(settings, folder, args.request_id)
        repetition_fields: JsonObject = {"duplicate": True} if is_repeated else {}
        writer.write_answer(
            lambda: {**build_restore_result_json(result, writer.translator), **repetition_fields},
            lambda: list(format_restore_result_lines(result, writer.translator)),
        )


def build_backup_json(backup: "BackupSummary") -> JsonObject:
    """Return the answer of `db backup` as a JSON object: the folder, and the contents of the backup as its
    manifest lists them.
    """
    return {
        "folder": backup.folder,
        "database_id": backup.database_id,
        "version": backup.version,
        "schema": backup.schema,
        "kind": backup.kind,
        "taken_at": backup.taken_at,
        "files": backup.files,
        "bytes": backup.bytes,
        "documents": backup.documents,
        "unreadable_documents": list(backup.unreadable),
    }


def build_verified_backup_json(backup: "BackupSummary", store_key: str) -> JsonObject:
    """Return the answer of `db restore --check` as a JSON object. `store_key` compares this desk's store key with the
    backup's: `same`, `missing` (this desk has none or can't read it) or `unused` (the backup needs none). There is no
    value for another key, because a check with another key fails."""
    return {**build_backup_json(backup), "whole": True, "store_key": store_key}


def build_restore_result_json(result: "RestoreResult", translator: Translator) -> JsonObject:
    """Return the answer of `db restore` as a JSON object. `missing` lists the operations that this desk's spool
    has and the restored database lacks, as in the error `database_went_back`.
    """
    return {
        **build_verified_backup_json(result.backup, result.store_key),
        "restored": True,
        "kept": None if result.earlier_database_file is None else str(result.earlier_database_file),
        "spool": result.spool,
        "documents_restored": result.document_count,
        "schema_before": result.schema_before,
        "missing": [build_any_value_json(facts, translator) for facts in result.lost_operations],
    }


def format_backup_lines(folder: Path, manifest: "BackupManifest", translator: Translator) -> Iterator[str]:
    """Yield the answer of `db backup` as text."""
    backup = manifest.summarize(folder)
    yield translator("cli.backup.made", folder=backup.folder, files=backup.files, bytes=backup.bytes)
    if manifest.unreadable:
        yield translator("cli.backup.unreadable", n=len(manifest.unreadable))
    if manifest.store_key is not None:
        yield translator("cli.backup.key")


def format_verified_backup_lines(backup: "VerifiedBackup", translator: Translator) -> Iterator[str]:
    """Yield the answer of `db restore --check` as text."""
    summary = backup.manifest.summarize(backup.folder)
    yield translator("cli.restore.whole", taken_at=summary.taken_at, files=summary.files, bytes=summary.bytes)
    if backup.store_key == "missing":
        yield translator("cli.restore.key_missing")


def format_restore_result_lines(result: "RestoreResult", translator: Translator) -> Iterator[str]:
    """Yield the answer of `db restore` as text."""
    yield translator("cli.restore.done", taken_at=result.backup.taken_at, documents=result.document_count)
    if result.earlier_database_file is not None:
        yield translator("cli.restore.kept", file=str(result.earlier_database_file))
    if result.store_key == "missing":
        yield translator("cli.restore.key_missing")
    if result.lost_operations:
        yield translator("cli.restore.missing", n=len(result.lost_operations))


COMMANDS: Mapping[str, Command] = {
    "db backup": BackUpDatabaseCommand(),
    "db restore": RestoreDatabaseCommand(),
}
