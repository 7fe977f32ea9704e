"""Make, check and restore a backup of the database, the documents, and the spool of this desk.

A backup contains the fingerprint of the store key (which encrypts the spool and stored secrets), but never this
key. It contains no data of the corporation registry, because these data are public and can be imported again.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

import console
from console.domain.audit.actions import AuditAction
from console.domain.clock import Clock
from console.domain.error_reasons import DatabaseLockedProblem, NotAllowedReason, PossibleRepeatReason, SchemaProblem
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.file_problems import BackupProblem
from console.domain.setting_problems import SettingProblem
from console.services.backup.restore_requests import (
    RestoreFacts,
    parse_backup_summary,
    store_request_of_restore,
)
from console.services.guarded import answer_serialization, database_rollback
from console.services.process.context import STORE_KEY_FINGERPRINT_NAME, ServiceContext
from console.settings.private_files import SQLITE_SIDE_FILE_SUFFIXES
from console.settings.settings import Settings
from console.settings.urls import make_sqlite_url
from console.store.audit import trail as audit_trail
from console.store.backup import archive, server_dump, sqlite_copy
from console.store.backup.archive import ArchiveWriter, BackupManifest, BackupSummary
from console.store.backup.restore_claim import RestoreClaim, hold_restore_claim
from console.store.database.engine import Database, Transaction
from console.store.database.server import reads_views
from console.store.documents.documents import (
    LARGEST_DOCUMENT_BYTES,
    Documents,
    is_document_path,
    is_path_of_sha256,
    open_documents,
)
from console.store.migrations import upgrade as migrate
from console.store.operations import idempotency
from console.store.operations.request_ids import ANSWER_RETENTION, RequestKey
from console.store.records import evidence
from console.store.schema.core import SCHEMA_VERSION
from console.store.schema.worker import metadata
from console.store.spool import spool as spools
from console.store.spool.cipher import Cipher
from console.store.spool.spool import Spool

if TYPE_CHECKING:
    from console.domain.errors.details import (
        BadBackupDetail,
        BadProfileDetail,
        NotOurDatabaseDetail,
        SchemaMismatchDetail,
    )

_REPLACED_FILE_SUFFIX = ".before-restore-"
"""Beginning of the suffix of a database file that a restore has replaced; the time of the restore follows."""
_KIND_OF_SQLITE_BACKUP = "sqlite"
_KIND_OF_SERVER_BACKUP = "server"
_SERVER_DUMP_FILES = (archive.DUMP_FILE, archive.VERSION_DUMP_FILE)


@dataclass(frozen=True, slots=True)
class VerifiedBackup:
    """A complete backup that `check_backup` has read. `store_key` is the result of the comparison of this desk's
    store key with the fingerprint in the backup: `same`, `missing` (this desk has no store key or can't read it), or
    `unused` (the backup needs no store key).
    """

    folder: Path
    manifest: BackupManifest
    store_key: str


@dataclass(frozen=True, slots=True)
class RestoreResult:
    """The result of a restore.

    `store_key`: as in `VerifiedBackup`. `earlier_database_file`: the new path of the database file that the restore
    replaced; None if there was no such file. `spool`: `kept` (this desk already had a spool, which stays),
    `restored`, or `none` (the backup has no spool). `document_count`: number of documents that were restored.
    `schema_before`: version of the backup's schema if it differs from this program's version, so that an upgrade
    is necessary; otherwise None. `lost_operations`: facts of the operations that are in this desk's spool and not
    in the restored database (see `database_rollback`); empty until `record_restore` has searched for them.
    `has_raised_alert`: True if, before the database file was replaced, the alert that the database went back to
    an earlier state was raised.
    """

    backup: BackupSummary
    store_key: str
    earlier_database_file: Path | None
    spool: str
    document_count: int
    schema_before: str | None
    lost_operations: tuple[dict[str, object], ...] = ()
    has_raised_alert: bool = False


def back_up(settings: Settings, folder: Path, clock: Clock) -> BackupManifest:
    """Write a backup to the new folder `folder`, and return its manifest. Desks and workers may continue meanwhile:
    the copy of the database shows its state at one moment. The documents are copied after the database, so the
    backup has every document of its records. Documents that can't be read are left out; their paths are in the
    manifest (`unreadable`).

    Raises these errors (in parentheses: detail.problem):

    - bad_backup if the folder is not empty (not_empty), or if the server limits the rows of each query
      (rows_limited).
    - storage_full if the backup can't be written.
    - not_allowed if the database account is that of a person, who has no right to read whole tables.
    - bad_profile if the server's dump program is not installed (dump_program), or if the file of the database or
      of the spool is damaged (damaged).
    - schema_mismatch if a newer program has upgraded the database, or if the file of an SQLite database is
      missing.
    - database_went_back instead, if this desk has used that missing file before (file_missing).
    - database_locked if the schema was upgraded while the database was copied (another_upgrade).
    - database_unreachable if the database doesn't answer, or if the folder of its file is missing.
    - documents_unreachable if the storage of the documents can't be reached.
    """
    with _open_database_and_spool(settings) as (database, spool), archive.open_new_archive(folder) as writer:
        taken_at = clock.now()
        state = migrate.read_meta_and_schema(database)
        if state["schema"] > SCHEMA_VERSION:  # this program doesn't know all tables of that schema
            raise migrate.make_schema_error(state["schema"])
        _require_full_access(database)
        if database.file is None:
            _dump_server_database(database, writer)
        else:
            sqlite_copy.copy_sqlite_file(database.file, writer.create_file(archive.SQLITE_FILE))
            writer.add_written_file(archive.SQLITE_FILE)
        # A dump has the tables of one moment and the version of a later one.
        if migrate.read_meta_and_schema(database)["schema"] != state["schema"]:
            raise ConsoleError(ErrorCode.DATABASE_LOCKED, {"problem": DatabaseLockedProblem.ANOTHER_UPGRADE})
        if spool.file_exists:
            spool_copy = writer.create_file(archive.SPOOL_FILE)
            sqlite_copy.copy_sqlite_file(spool.home / spools.SPOOL_FILE_NAME, spool_copy)
            spools.mark_prepared_as_calling(spool_copy)
            writer.add_written_file(archive.SPOOL_FILE)
        with database.read() as conn:  # after the copy, so that no document of its records is left out
            named_paths = evidence.list_document_paths(conn)
        unreadable_paths = _copy_documents_to_backup(
            open_documents(settings.documents_url, database), writer, named_paths
        )
        manifest = BackupManifest(
            version=console.__version__,
            schema=state["schema"],
            database_id=state["database_id"],
            kind=_KIND_OF_SERVER_BACKUP if database.is_server else _KIND_OF_SQLITE_BACKUP,
            taken_at=archive.format_backup_time(taken_at),
            store_key=state.get(STORE_KEY_FINGERPRINT_NAME),
            files=writer.files,
            unreadable=unreadable_paths,
        )
        archive.write_manifest(writer, manifest)
    return manifest


def check_backup(settings: Settings, folder: Path) -> VerifiedBackup:
    """Read the whole backup in `folder`, and compare its database id and its store key with those of this desk.
    Return the backup with the result of the comparison; nothing is changed.

    Raises bad_backup if a file is missing, altered or unusable, or if the backup is of another kind of database
    (SQLite or server) than this desk's; not_our_database if a database other than that of the backup is at this
    desk's database address, or was there when this desk last used it; schema_mismatch if a newer program or a
    program that is too old made the backup; bad_profile (other_key) if this desk has another store key.
    """
    manifest = archive.read_manifest(folder)
    archive.require_intact_files(folder, manifest)
    if not migrate.BASELINE_VERSION <= manifest.schema <= SCHEMA_VERSION:
        is_newer = manifest.schema > SCHEMA_VERSION
        problem = SchemaProblem.BACKUP_NEWER if is_newer else SchemaProblem.BACKUP_TOO_OLD
        facts: SchemaMismatchDetail = {"found": manifest.schema, "needed": SCHEMA_VERSION, "newer": is_newer}
        raise ConsoleError(ErrorCode.SCHEMA_MISMATCH, {"problem": problem, **facts})
    if manifest.kind == _KIND_OF_SQLITE_BACKUP and archive.SQLITE_FILE in manifest.files:
        state = sqlite_copy.read_console_meta(folder / archive.SQLITE_FILE)
        if (state.get("database_id"), state["schema"]) != (manifest.database_id, manifest.schema):
            raise archive.make_bad_backup_error(BackupProblem.DATABASE_DAMAGED, archive.SQLITE_FILE)
    elif manifest.kind != _KIND_OF_SERVER_BACKUP or not set(_SERVER_DUMP_FILES) <= manifest.files.keys():
        raise archive.make_bad_backup_error(BackupProblem.MANIFEST_DAMAGED, archive.MANIFEST_NAME)
    else:
        _require_intact_dump(folder, manifest)
    _require_restorable_backup(folder, manifest)
    database, spool = Database(settings.database_url), Spool(settings.home, cipher=None)
    with closing(database), closing(spool):
        _require_same_kind_of_database(database, folder, manifest)
        _require_same_database(database, spool, manifest)
    return VerifiedBackup(folder, manifest, _compare_store_key(settings, manifest))


def _require_intact_dump(folder: Path, manifest: BackupManifest) -> None:
    """Raise bad_backup if the dumps of a server's backup in `folder` have another schema version or database id than
    the manifest (database), or if they lack a table of this program's schema (tables_missing). The tables of an older
    schema, which has fewer, are not checked.
    """
    dumped = server_dump.read_dumped_database([folder / name for name in _SERVER_DUMP_FILES])
    if dumped.schema != manifest.schema:
        raise archive.make_bad_backup_error(BackupProblem.DATABASE_DAMAGED, archive.VERSION_DUMP_FILE)
    if manifest.schema == SCHEMA_VERSION and not metadata.tables.keys() <= dumped.tables:
        raise archive.make_bad_backup_error(BackupProblem.TABLES_MISSING, archive.DUMP_FILE)
    if dumped.database_id != manifest.database_id:
        raise archive.make_bad_backup_error(BackupProblem.DATABASE_DAMAGED, archive.DUMP_FILE)


def _require_same_kind_of_database(database: Database, folder: Path, manifest: BackupManifest) -> None:
    """Raise bad_backup (kind) if the backup in `folder` is of a server and this desk's database is an SQLite file, or
    the reverse."""
    is_server_backup = manifest.kind == _KIND_OF_SERVER_BACKUP
    if database.is_server != is_server_backup:
        facts: BadBackupDetail = {
            "problem": BackupProblem.OTHER_KIND_OF_DATABASE,
            "file": str(folder),
            "hint": "server" if is_server_backup else "sqlite",
        }
        raise ConsoleError(ErrorCode.BAD_BACKUP, facts)


def _require_restorable_backup(folder: Path, manifest: BackupManifest) -> None:
    """Raise bad_backup if the spool or a document of the backup in `folder` can't be restored. `manifest` is the
    backup's manifest."""
    if archive.SPOOL_FILE in manifest.files:
        sqlite_copy.require_usable_spool(folder / archive.SPOOL_FILE)
    for path in manifest.documents:
        archive_name = f"{archive.DOCUMENTS_FOLDER_NAME}/{path}"
        file = manifest.files[archive_name]
        if not is_path_of_sha256(path, file.sha256) or file.bytes > LARGEST_DOCUMENT_BYTES:
            raise archive.make_bad_backup_error(BackupProblem.FILE_ALTERED, archive_name)


def restore(
    settings: Settings,
    folder: Path,
    clock: Clock,
    begin_last_steps: Callable[[], object] = lambda: None,
    request: RequestKey | None = None,
) -> RestoreResult:
    """Check the backup in `folder` with `check_backup`, replace this desk's database with it, and return the result.
    The caller must then call `record_restore`. The earlier file of an SQLite database stays under another name; a
    server's database must be empty. Missing and damaged documents are restored; the other existing documents stay.
    An existing spool of this desk stays, because it has operations that the backup lacks.

    After an interrupted restore, this desk has one of three databases: its earlier database; the restored and
    upgraded SQLite database, which also contains the lost operations and the alert about them; or an incomplete
    database on a server, which no program uses. A repeated restore completes the interrupted restore. Exception: if
    a server's database was already loaded, a repeated restore is refused, because the database isn't empty; the
    command `upgrade` then completes the restore. No document is missing then, because the documents are restored
    before the database.

    `begin_last_steps` is called before an SQLite file is replaced, or after a server's database was loaded: from
    then on the caller should not interrupt the restore. `request` is the request of the restore; None if the caller
    has given no request id. The restored database has this request from the moment at which it replaces an SQLite
    file, or after the upgrade of a server's database.

    Raises the errors of `check_backup`; bad_backup if a server's database is not empty, or if a file of the backup
    can't be read any more; database_locked if a process has the database file open (in_use) or, on a server, if
    another restore runs.
    """
    backup = check_backup(settings, folder)
    manifest, summary = backup.manifest, backup.manifest.summarize(folder)
    sqlite_file, spool_file = folder / archive.SQLITE_FILE, settings.home / spools.SPOOL_FILE_NAME
    schema_before = manifest.schema if manifest.schema != SCHEMA_VERSION else None
    replaced_file_suffix = f"{_REPLACED_FILE_SUFFIX}{clock.now():%Y%m%dT%H%M%SZ}"
    database = Database(settings.database_url, without_time_limit=True)
    with closing(database), _prepare_restore_target(database, manifest) as claim:
        spool_outcome = _restore_spool(folder, manifest, spool_file, replaced_file_suffix)
        # before the database: after a server's database is loaded, a second restore is refused
        restored_documents = _restore_documents(Documents(settings.documents_url), folder, manifest)
        earlier_database_file, has_raised_alert = None, False
        facts = RestoreFacts(
            summary, backup.store_key, None, spool_outcome, restored_documents, schema_before, has_raised_alert
        )
        if database.file is None:
            _load_server_dump(database, folder, settings, manifest, clock.now(), claim)
            begin_last_steps()
        else:
            _anchor_replaced_database(settings, database.file, manifest.database_id)
            begin_last_steps()
            former_file_name = database.file.resolve().name + replaced_file_suffix
            earlier_database_file, has_raised_alert = _replace_sqlite_file(
                settings, sqlite_file, database.file, former_file_name, manifest, facts, request, clock
            )
    _complete_restored_database(settings, request, facts, clock.now())
    return RestoreResult(
        summary,
        backup.store_key,
        earlier_database_file,
        spool_outcome,
        restored_documents,
        schema_before,
        has_raised_alert=has_raised_alert,
    )


def _replace_sqlite_file(
    settings: Settings,
    source_file: Path,
    former_file: Path,
    former_file_name: str,
    manifest: BackupManifest,
    facts: RestoreFacts,
    request: RequestKey | None,
    clock: Clock,
) -> tuple[Path | None, bool]:
    """Replace this desk's database file `former_file` by a prepared copy of the backup's file `source_file`. Return
    the new path of the former file, which gets the name `former_file_name` (None: there was no former file), and True
    if the copy contains a new alert about the loss. The copy also has the request of the restore with `facts`, if
    there is a request id.
    """
    has_raised_alert = False
    if former_file.exists():
        facts = replace(facts, earlier_database_file=str(former_file.resolve().with_name(former_file_name)))

    def prepare_draft(draft: Path) -> None:
        nonlocal has_raised_alert
        has_raised_alert = _prepare_restored_file(settings, draft, former_file, manifest, clock.now())
        if request is not None:
            draft_facts = replace(facts, has_raised_alert=has_raised_alert)
            _store_request_in_draft(settings, draft, request, draft_facts, clock.now())

    earlier_database_file = sqlite_copy.replace_database_file(
        source_file, former_file, former_file_name, prepare_draft
    )
    return earlier_database_file, has_raised_alert


def complete_begun_restore(settings: Settings, facts: RestoreFacts, now: datetime) -> RestoreResult:
    """Complete a restore whose process ended after the restored database had taken its place, and return its result.
    `facts` are the facts of that restore. The folder of the backup isn't read; it may have been moved since."""
    _complete_restored_database(settings, None, facts, now)
    earlier_database_file = None if facts.earlier_database_file is None else Path(facts.earlier_database_file)
    return RestoreResult(
        facts.backup,
        facts.store_key,
        earlier_database_file,
        facts.spool,
        facts.documents,
        facts.schema_before,
        has_raised_alert=facts.has_raised_alert,
    )


def _complete_restored_database(
    settings: Settings, request: RequestKey | None, facts: RestoreFacts, now: datetime
) -> None:
    """Upgrade the schema of the restored database, and store its resolved alerts of the rule `database_went_back` in
    the spool. In a server's database, also store the request of the restore, if there is one; a restored SQLite file
    already has it.
    """
    database = Database(settings.database_url, without_time_limit=True)
    with closing(database), closing(Spool(settings.home, cipher=None)) as spool:
        migrate.upgrade(database)
        database_rollback.store_alerts_of_backup(database, spool, facts.backup.database_id)
        if request is not None and database.is_server:
            with database.write_without_retries() as tx:
                store_request_of_restore(tx, request, facts, spool.desk_id, now)


def _store_request_in_draft(
    settings: Settings, draft: Path, request: RequestKey, facts: RestoreFacts, now: datetime
) -> None:
    """Store the request of a restore in the copy `draft` of a backup, before it replaces the database file. So this
    desk's database has the request exactly if it is the restored one."""
    database, spool = Database(make_sqlite_url(draft), without_time_limit=True), Spool(settings.home, cipher=None)
    with closing(database), closing(spool), database.write_without_retries() as tx:
        store_request_of_restore(tx, request, facts, spool.desk_id, now)
    sqlite_copy.make_single_file(draft)


def _prepare_restored_file(
    settings: Settings, draft: Path, former_file: Path, manifest: BackupManifest, now: datetime
) -> bool:
    """Upgrade the schema of the copy `draft` of a backup, before it replaces the database file `former_file`, and
    store in the copy the alert about the loss and the lost operations
    (`database_rollback.store_operations_lost_by_restore`). Return True if the alert was raised. The copy is prepared
    before the replacement, because other desks may use the file immediately after it.
    """
    database_id = manifest.database_id
    replaced_files = (former_file, *_list_replaced_database_files(former_file, database_id))
    entries = [
        entry for file in replaced_files for entry in sqlite_copy.list_operations_with_claim(file, database_id, now)
    ]
    head = sqlite_copy.find_newest_audit_head(former_file)
    database, spool = Database(make_sqlite_url(draft), without_time_limit=True), Spool(settings.home, cipher=None)
    with closing(database), closing(spool):
        migrate.upgrade(database)
        with database.write_without_retries() as tx:
            has_raised_alert = database_rollback.store_operations_lost_by_restore(
                tx, spool, database_id, entries, head, now
            )
    sqlite_copy.make_single_file(draft)
    return has_raised_alert


def record_restore(context: ServiceContext, result: RestoreResult, *, is_repeated: bool = False) -> RestoreResult:
    """Complete a restore: write its audit entry, and begin a new epoch of the Redis cache, so that no process uses an
    answer that the restored database lacks. Also search for lost operations: operations that the restored database
    lacks. If the search finds any, guarded operations are refused until a person has acknowledged the alert that the
    database went back to an earlier state; on a server they are refused in every case. Return a copy of `result` with
    the facts of the lost operations (at most 100) in `lost_operations`, which is empty if none was found.

    `is_repeated` is True for a restore whose process ended early. The audit entry isn't written again if that process
    has written it.
    """
    # Those that earlier restores have kept, too: such a restore may have been killed before it came to this step.
    if context.database.file is not None:
        for kept_file in _list_replaced_database_files(context.database.file, context.database_id):
            _store_lost_operations(context, kept_file)
    if context.database.is_server:
        database_rollback.require_alert_of_restored_server(context, result.backup.taken_at)
    rollback = database_rollback.find_database_rollback(context)

    def write_epoch_and_audit_entry(tx: Transaction) -> None:
        idempotency.replace_epoch(tx, context.make_holder(), context.now())
        if result.has_raised_alert and rollback is not None:
            database_rollback.audit_operations_lost_by_restore(tx, context, len(rollback.lost_operations))
        facts = {"taken_at": result.backup.taken_at, "documents": result.document_count}
        context.record_audit(tx, AuditAction.DATABASE_RESTORED, context.database_id, facts, kind="database")

    if not (is_repeated and _is_restore_recorded(context, result.backup.taken_at)):
        context.write(write_epoch_and_audit_entry)
    return replace(
        result, lost_operations=() if rollback is None else tuple(rollback.make_refusal().detail["missing"])
    )


def _is_restore_recorded(context: ServiceContext, taken_at: str) -> bool:
    """Return True if the restored database has an audit entry about the restore of the backup that was taken at
    `taken_at`. No backup contains the entry about its own restore. The times of the entries prove nothing, because a
    clock may have been wrong."""
    with context.database.read() as conn:
        entries = audit_trail.list_entries_of_subject(conn, "database", context.database_id)
    return any(
        entry.what == AuditAction.DATABASE_RESTORED and entry.detail.get("taken_at") == taken_at for entry in entries
    )


def _list_replaced_database_files(database_file: Path, database_id: str) -> list[Path]:
    """Return the files of the database with this id that restores have replaced, the oldest first. `database_file` is
    the path of the database."""
    database_file = database_file.resolve()
    return sorted(
        file
        for file in database_file.parent.glob(f"{escape(database_file.name + _REPLACED_FILE_SUFFIX)}*")
        if not file.name.endswith(SQLITE_SIDE_FILE_SUFFIXES) and sqlite_copy.find_database_id(file) == database_id
    )


def _store_lost_operations(context: ServiceContext, former_file: Path) -> None:
    """Store as lost operations the purchases and the starts of payments that the replaced database file `former_file`
    has and the restored database lacks, because the desks that sent them may connect to the restored database only
    later. Lost refunds are not stored: the program finds them at the provider by their idempotency keys.
    """
    from console.store.operations import lost_operations

    entries = sqlite_copy.list_operations_with_claim(former_file, context.database_id, context.now())
    with context.database.read() as conn:
        lost_entries = lost_operations.find_entries_not_in_journal(conn, entries)
    if lost_entries:
        context.write(
            lambda tx: lost_operations.insert_lost_operations(
                tx.conn,
                lost_operations.find_unstored_entries(tx.conn, lost_entries),
                context.database_id,
                context.now(),
            )
        )


def find_earlier_restore(
    settings: Settings, folder: Path, request: RequestKey, now: datetime
) -> RestoreResult | None:
    """Return the result of the restore that was made at this desk, by the same person with the same request id, in
    the last 24 hours before `now`; None if there is no such restore. The result is read from the spool, because a
    restore replaces the database. The folder of the backup isn't read; it may have been moved since.

    Raises possible_repeat if the id belongs to the restore of another folder.
    """
    with closing(Spool(settings.home, cipher=None)) as spool:
        text = spool.read_value(_make_restore_result_key(request)) if spool.file_exists else None
    if text is None:
        return None
    stored_result = json.loads(text)
    if now - datetime.fromisoformat(stored_result["at"]) > ANSWER_RETENTION:
        return None
    summary = parse_backup_summary(stored_result["backup"])
    if summary.folder != str(folder):
        raise ConsoleError(ErrorCode.POSSIBLE_REPEAT, {"reason": PossibleRepeatReason.REQUEST_ID})
    earlier_database_file = None if stored_result["kept"] is None else Path(stored_result["kept"])
    result_parts = (
        stored_result["spool"],
        stored_result["documents"],
        stored_result["schema_before"],
        tuple(answer_serialization.deserialize_value(stored_result["missing"])),
        stored_result["has_raised_alert"],
    )
    return RestoreResult(summary, stored_result["store_key"], earlier_database_file, *result_parts)


def store_restore_result(settings: Settings, result: RestoreResult, request: RequestKey, now: datetime) -> None:
    """Store the result of a restore under its request in the spool of this desk."""
    stored_result = {
        "at": now.isoformat(),
        "backup": asdict(result.backup),
        "store_key": result.store_key,
        "kept": None if result.earlier_database_file is None else str(result.earlier_database_file),
        "spool": result.spool,
        "documents": result.document_count,
        "schema_before": result.schema_before,
        "missing": answer_serialization.serialize_value(list(result.lost_operations)),
        "has_raised_alert": result.has_raised_alert,
    }
    with closing(Spool(settings.home, cipher=None)) as spool:
        spool.store_value(_make_restore_result_key(request), json.dumps(stored_result), is_durable=True)


def _make_restore_result_key(request: RequestKey) -> str:
    return f"restore:{request.person}:{request.request_id}"


@contextmanager
def _open_database_and_spool(settings: Settings) -> Iterator[tuple[Database, Spool]]:
    spool = Spool(settings.home, cipher=None)
    database = Database(settings.database_url, without_time_limit=True)
    with closing(database), closing(spool):
        database_rollback.refuse_unexpected_new_database(database, spool)
        if database.file is not None and not database.file.exists():
            raise ConsoleError(ErrorCode.SCHEMA_MISMATCH, {"found": None, "needed": SCHEMA_VERSION, "newer": False})
        yield database, spool


def _require_full_access(database: Database) -> None:
    """Raise not_allowed for a database account that reads only SQL views, because it can't read all tables and
    columns."""
    with database.read() as conn:
        if reads_views(conn):
            raise ConsoleError(ErrorCode.NOT_ALLOWED, {"reason": NotAllowedReason.RIGHT_MISSING})


def _copy_documents_to_backup(
    documents: Documents, writer: ArchiveWriter, named_paths: frozenset[str]
) -> tuple[str, ...]:
    """Copy all documents to the backup, and return the paths of the documents that can't be read because they are
    damaged, or because they are missing although a record names them (`named_paths`)."""
    copied_paths = set()
    unreadable_paths = set(filter(is_document_path, named_paths))
    for path in documents.list_paths():
        try:
            writer.add_content(f"{archive.DOCUMENTS_FOLDER_NAME}/{path}", documents.read(path))
        except ConsoleError as error:
            if error.code is not ErrorCode.NOT_FOUND:
                raise
            unreadable_paths.add(path)
        else:
            copied_paths.add(path)
    return tuple(sorted(unreadable_paths - copied_paths))


def _dump_server_database(database: Database, writer: ArchiveWriter) -> None:
    with database.read() as conn:
        server_dump.require_no_row_limit(conn)
        table_names = server_dump.read_table_names(conn)
    own_tables = sorted(table_names & {*metadata.tables, *server_dump.SCHEMA_VERSION_TABLES})
    data_tables = [name for name in own_tables if name not in server_dump.SCHEMA_VERSION_TABLES]
    version_tables = [name for name in own_tables if name in server_dump.SCHEMA_VERSION_TABLES]
    for file, names in zip(_SERVER_DUMP_FILES, (data_tables, version_tables), strict=True):
        server_dump.dump_tables(database, names, writer.create_file(file))
        writer.add_written_file(file)


@contextmanager
def _prepare_restore_target(database: Database, manifest: BackupManifest) -> Iterator[RestoreClaim | None]:
    """Context manager: prepare the database that the restore replaces, and yield the claim on a server's database
    (None: an SQLite database). `manifest` is the manifest of the backup. Raises database_locked if a process has the
    file of an SQLite database open or, on a server, if another restore runs; bad_backup if a server's database has
    tables that do not come from an interrupted restore. Tables of an interrupted restore are dropped, and the
    database stays locked against other restores, on all nodes of a cluster, until the end of the block.
    """
    if database.file is not None:
        sqlite_copy.require_unused_database(database.file)
        yield None
        return
    server_dump.mark_restore_target_despite_conflicts(database, manifest.files[archive.DUMP_FILE].sha256)
    with server_dump.hold_restore_mark(database) as holder, hold_restore_claim(database, holder) as claim:
        with database.engine.begin() as conn:
            server_dump.drop_leftover_tables(conn)
        yield claim
    with database.engine.begin() as conn:
        server_dump.drop_restore_mark(conn)


def _restore_spool(folder: Path, manifest: BackupManifest, spool_file: Path, replaced_file_suffix: str) -> str:
    """Restore the spool of the backup to `spool_file` if this desk has no spool. Return `kept` if this desk already
    has a spool, `restored`, or `none` if the backup has no spool. Files that a deleted SQLite spool has left behind
    get a name with `replaced_file_suffix`."""
    if spool_file.exists():
        return "kept"
    if archive.SPOOL_FILE not in manifest.files:
        return "none"
    # again, because earlier versions of the program didn't do it when they made the backup
    prepare = spools.mark_prepared_as_calling
    former_file_name = spool_file.name + replaced_file_suffix
    sqlite_copy.replace_database_file(folder / archive.SPOOL_FILE, spool_file, former_file_name, prepare)
    return "restored"


def _anchor_replaced_database(settings: Settings, file: Path, database_id: str) -> None:
    """Store the newest audit entry of the database file that the restore replaces as an anchor in the spool of this
    desk. `database_id` is the id of the database, under which the spool has the anchor. This desk may lack the
    anchor, because other desks that use the file may have bought or refunded since the backup. With the anchor, the
    program detects the loss when it opens the restored database (`database_rollback`).
    """
    newest_entry = sqlite_copy.find_newest_audit_head(file)
    if newest_entry is not None:
        with closing(Spool(settings.home, cipher=None)) as spool:
            spool.store_anchors(database_id, (newest_entry,))


def _load_server_dump(
    database: Database,
    folder: Path,
    settings: Settings,
    manifest: BackupManifest,
    now: datetime,
    claim: RestoreClaim | None,
) -> None:
    """Load the dump of the backup in `folder` into a server's database, on which this restore has `claim`. An alert
    that makes the program refuse operations with money is inserted before the version of the schema is loaded,
    because no program uses a database without this version. Alerts and the outbox have had the same columns in every
    schema since the oldest that a restore accepts, so a backup of an older schema gets the alert, too.
    """
    server_dump.load_dump(database, folder / archive.DUMP_FILE)
    if claim is not None:
        claim.require_claim()
    with closing(Spool(settings.home, cipher=None)) as spool, database.write_without_retries() as tx:
        database_rollback.raise_alert_of_restored_server(
            tx, manifest.database_id, spool.desk_id, manifest.taken_at, now
        )
    if claim is not None:
        claim.require_claim()
    server_dump.load_dump(database, folder / archive.VERSION_DUMP_FILE)


def _require_same_database(database: Database, spool: Spool, manifest: BackupManifest) -> None:
    """Raise not_our_database if a database other than that of the backup is at the address of this desk's database
    now, or was at this address, according to this desk's `spool`, when the desk last used it. An address without a
    database is accepted.
    """
    known_id = spool.read_value(database_rollback.make_database_address_key(database)) if spool.file_exists else None
    for found_id in (_find_present_database_id(database), known_id):
        if found_id not in (None, manifest.database_id):
            facts: NotOurDatabaseDetail = {
                "problem": "other_backup",
                "database_id": found_id,
                "backup_of": manifest.database_id,
            }
            raise ConsoleError(ErrorCode.NOT_OUR_DATABASE, facts)


def _find_present_database_id(database: Database) -> str | None:
    """Return the id of the database that is at this desk's database address now; None if no database with an id is at
    this address."""
    if database.file is not None:
        return sqlite_copy.find_database_id(database.file)
    try:
        return migrate.read_meta_and_schema(database)["database_id"]
    except ConsoleError as error:
        if error.code in (ErrorCode.SCHEMA_MISMATCH, ErrorCode.NOT_OUR_DATABASE):
            return None
        raise


def _compare_store_key(settings: Settings, manifest: BackupManifest) -> str:
    """Compare this desk's store key with the fingerprint in the backup. Return `same`, `missing` (this desk has no
    store key or can't read it) or `unused` (the backup needs no store key). Raises bad_profile if this desk has
    another store key."""
    if manifest.store_key is None:
        return "unused"
    try:
        key = settings.secrets.read_store_key(may_create=False)
    except ConsoleError:
        return "missing"
    if Cipher(key).fingerprint != manifest.store_key:
        detail: BadProfileDetail = {
            "variable": "CONSOLE_SECRET_STORE_KEY",
            "problem": SettingProblem.OTHER_STORE_KEY,
        }
        raise ConsoleError(ErrorCode.BAD_PROFILE, detail)
    return "same"


def _restore_documents(documents: Documents, folder: Path, manifest: BackupManifest) -> int:
    """Restore the documents of the backup that are missing or damaged at this installation, and return their
    number. Raises bad_backup (unreadable) if a document of the backup can't be read any more."""
    present_paths = set(documents.list_paths())
    missing_paths = [
        path for path in manifest.documents if path not in present_paths or not _is_document_readable(documents, path)
    ]
    for path in missing_paths:
        file = folder / archive.DOCUMENTS_FOLDER_NAME / path
        try:
            content = file.read_bytes()
        except OSError as error:
            raise archive.make_bad_backup_error(BackupProblem.FILE_UNREADABLE, str(file)) from error
        documents.restore_document(path, content)
    return len(missing_paths)


def _is_document_readable(documents: Documents, path: str) -> bool:
    """Return True if the stored document can be read and is undamaged."""
    try:
        documents.read(path)
    except ConsoleError as error:
        if error.code is not ErrorCode.NOT_FOUND:
            raise
        return False
    return True
