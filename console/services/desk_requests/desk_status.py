"""Read the records that have changed, and find out if a worker is present. Find and delete the credentials that a
desk no longer needs because a worker acts for the desk's person.
"""

from contextlib import AbstractContextManager
from datetime import datetime

from console.domain.clock import TimeScale
from console.domain.desk_requests.records import AliveWorker, LeftoverCredentials
from console.domain.desk_requests.rules import PRESENCE_LEASE_SECONDS
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.service_results import DeskUpdate, FeedMark
from console.domain.usage_problems import UsageProblem
from console.services.process.context import ServiceContext, cache_acting_person
from console.settings.settings import Settings
from console.store.database import change_feed
from console.store.database.engine import Database
from console.store.desk_requests import presence
from console.store.records import evidence


def find_alive_worker(database: Database, scale: TimeScale) -> AliveWorker | None:
    """Return the worker whose presence lease was renewed last; None if no worker is present. Needs one short read
    of the database. `scale` is the time scale of this process, by which the length of a presence lease is divided."""
    with database.read() as conn:
        return presence.find_newest_worker(conn, scale.scale_lease_seconds(PRESENCE_LEASE_SECONDS))


def find_unneeded_credentials(settings: Settings) -> LeftoverCredentials:
    """Return the names of the providers' credentials and of the store key that this desk has, in environment
    variables and in the keyring. If a worker acts for the desk's person, the desk needs none of them. The caller has
    checked that a worker acts for the person.

    Raises bad_profile `keyring_failed` if the keyring can't be read.
    """
    return LeftoverCredentials(settings.list_credential_variables(), settings.list_credential_keyring_entries())


class DeskStatusService:
    """Reads the records that have changed. Finds out if a worker acts for this desk's person, and if a worker is
    present. Deletes credentials that the desk no longer needs.
    """

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    @property
    def asks_worker(self) -> bool:
        """True if a worker acts for the person of this desk; False if the desk itself executes the person's
        actions."""
        return self._context.acts_through_worker

    def read_desk_update(self, after_mark: FeedMark | None = None, *, with_presence: bool = True) -> DeskUpdate:
        """Return kind and id of the records that have changed since the position `after_mark` in the change feed,
        with the position for the next call. If `after_mark` is None (the first call), or if the database was
        restored from a backup, return no records. Executes one short SQL statement if nothing has changed.

        If `with_presence` is True and a worker acts for this desk's person, the result also has `is_worker_away`
        (True if no worker is present) and the id of the newest stored setting of a read-only switch. By this id a
        window notices that a switch has changed.
        """
        asks_worker = self.asks_worker
        with self._context.database.read() as conn:
            if asks_worker and with_presence:
                return presence.read_desk_update(conn, after_mark)
            return DeskUpdate(*change_feed.list_changes_since(conn, after_mark))

    @staticmethod
    def cache_acting_person() -> AbstractContextManager[None]:
        """Context manager: within the block, the reads of this thread look up the acting person and the person's
        roles only once. A window reads its counts in such a block."""
        return cache_acting_person()

    def list_answer_times(self) -> tuple[tuple[str, datetime], ...]:
        """Return the name of each provider that has an answer among the newest stored evidence, with the time of its
        newest answer. The answer may belong to a call of any desk or worker: of a bulk run, a due task, a
        reconciliation, or a single action. Raises not_allowed if the acting person has no right to read."""
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            return tuple(sorted(evidence.read_newest_answer_times(conn).items()))

    def list_unneeded_credentials(self) -> LeftoverCredentials:
        """Return the names of the credentials that this desk has but doesn't need, because a worker acts for the
        desk's person; empty if no worker acts for the person. Raises bad_profile `keyring_failed` if the keyring
        can't be read."""
        return (
            find_unneeded_credentials(self._context.settings)
            if self._context.acts_through_worker
            else LeftoverCredentials()
        )

    def delete_unneeded_credentials(self) -> LeftoverCredentials:
        """Delete from the keyring the credentials that this desk doesn't need, because a worker acts for the desk's
        person. Return the names of the deleted credentials, and the names of the environment variables with
        credentials, which stay unchanged.

        Raises usage if no worker acts for the person, and while the spool has answers that the database lacks,
        because the store key is needed to decrypt these answers. Raises bad_profile if the keyring can't be read or
        changed.
        """
        context = self._context
        if not context.acts_through_worker:
            raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.DESK_NEEDS_OWN_CREDENTIALS})
        waiting_entries = context.spool.list_undelivered_entries(context.database_id)
        if waiting_entries:
            raise ConsoleError(
                ErrorCode.USAGE, {"problem": UsageProblem.ANSWERS_NEED_STORE_KEY, "n": len(waiting_entries)}
            )
        leftovers = find_unneeded_credentials(context.settings)
        for entry in leftovers.keyring_entries:
            context.settings.secrets.delete_keyring_entry(entry, entry)
        return leftovers
