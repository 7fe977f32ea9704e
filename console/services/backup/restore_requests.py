"""Request ids of restores. A restored database contains the request id of its restore, so that a repeated call finds
this restore even if the process of the first call was killed, and so that no other command accepts the id.
"""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from console.domain.error_reasons import InProgressReason
from console.domain.errors import ConsoleError, ErrorCode
from console.services.guarded import request_ids as guarded_request_ids
from console.services.process.context import WORKER
from console.settings.private_files import hold_exclusive_file_lock
from console.settings.settings import Settings
from console.store.backup import sqlite_copy
from console.store.backup.archive import BackupSummary
from console.store.database.engine import Database, Transaction
from console.store.migrations import upgrade as migrate
from console.store.operations import request_ids
from console.store.operations.leases import HoldingProcess
from console.store.operations.request_ids import RequestKey
from console.store.schema.core import SCHEMA_VERSION

_RESTORE_COMMAND = "db restore"
_LOCK_FILE_NAME = "restore.lock"
_LONGEST_HOST_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class RestoreFacts:
    """The facts of a restore that are known when the restored database takes the place of the earlier one: the fields
    of `RestoreResult` with the same names, and its `document_count` under the name `documents`.
    `earlier_database_file` is a path as text, or None."""

    backup: BackupSummary
    store_key: str
    earlier_database_file: str | None
    spool: str
    documents: int
    schema_before: str | None
    has_raised_alert: bool


@contextmanager
def hold_restore_lock(settings: Settings) -> Iterator[None]:
    """Context manager: prevent other restores with a request id at this desk during the block. Raises in_progress at
    once if such a restore is running."""
    busy_error = ConsoleError(ErrorCode.IN_PROGRESS, {"reason": InProgressReason.RESTORE_RUNNING})
    with hold_exclusive_file_lock(settings.home / _LOCK_FILE_NAME, busy_error):
        yield


def make_restore_request(settings: Settings, folder: str, request_id: str) -> RequestKey:
    """Return the acting person's request id with the command that restores the backup in `folder`, and the digest of
    its arguments: by them, a repeated restore is recognised. Raises usage for a malformed request id."""
    guarded_request_ids.require_valid_request_id(request_id)
    with closing(Database(settings.database_url)) as database:
        person = database.account_name or settings.operator or WORKER
    fingerprint = guarded_request_ids.compute_fingerprint(_RESTORE_COMMAND, (folder,))
    return RequestKey(person, request_id, _RESTORE_COMMAND, fingerprint)


def find_begun_restore(settings: Settings, request: RequestKey) -> RestoreFacts | None:
    """Return the facts of the restore that an earlier call of this request has made; None if the present database
    contains no such restore, if its schema has another version than this program's, or if it can't be read (a person
    may restore a database because it is damaged). Raises possible_repeat if the request id was used for another
    command, or for the restore of another folder; database_locked if the database can't be read only now, because it
    may contain the restore.
    """
    with closing(Database(settings.database_url)) as database:
        if database.file is not None and sqlite_copy.find_database_id(database.file) is None:
            return None
        try:
            if migrate.read_meta_and_schema(database)["schema"] != SCHEMA_VERSION:
                return None
            with database.read() as conn:
                use = guarded_request_ids.find_earlier_use(conn, request)
        except ConsoleError as error:
            if error.code in (ErrorCode.POSSIBLE_REPEAT, ErrorCode.DATABASE_LOCKED):
                raise
            return None
    return None if use is None else _parse_restore_facts(**json.loads(use.answer or "{}"))


def _parse_restore_facts(backup: dict[str, Any], **facts: Any) -> RestoreFacts:
    return RestoreFacts(parse_backup_summary(backup), **facts)


def parse_backup_summary(stored_summary: dict[str, Any]) -> BackupSummary:
    """Return the facts of a backup that were stored as the JSON object `stored_summary`."""
    return BackupSummary(**{**stored_summary, "unreadable": tuple(stored_summary["unreadable"])})


def store_request_of_restore(
    tx: Transaction, request: RequestKey, facts: RestoreFacts, desk_id: str, now: datetime
) -> None:
    """Store the request id in the restored database, in a transaction. `facts` are the facts of the restore, and
    `desk_id` is the id of this desk."""
    host = socket.gethostname()[:_LONGEST_HOST_CHARACTERS]
    holder = HoldingProcess(request.person, desk_id, host, os.getpid(), "")
    request_ids.store_answered_use(tx, request, holder, now, json.dumps(asdict(facts)))
