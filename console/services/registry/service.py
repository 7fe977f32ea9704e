"""The service `console.registry`: finds corporations by name and number, lists their changes, and imports the
publisher's files."""

import logging
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from console.domain.audit.actions import AuditAction
from console.domain.calendar_days import JST
from console.domain.errors import ConsoleError
from console.domain.process import interrupts
from console.domain.registry.corporations import (
    Corporation,
    CorporationChange,
    ImportProgress,
    RegistryMatches,
    RegistryStatus,
)
from console.domain.registry.facts import CorporationFacts
from console.services.audit import refusals
from console.services.process.context import WORKER, ServiceContext, act_as
from console.services.registry.facts import read_facts
from console.services.registry.matches import find_matches
from console.store.registry import our_records
from console.store.registry.distribution import fetch_registry, publish_registry
from console.store.registry.import_files import import_registry_files

MAX_REGISTRY_MATCHES = 1_000
REGISTRY_KIND = "registry"
_log = logging.getLogger("console.registry")
ActOnceFunction = Callable[[str, str | None, tuple[object, ...], Callable[[], RegistryStatus]], RegistryStatus]
"""Type of the method `RequestIdService.act_once`, which executes an action once per request id. Its arguments: the
command, the request id (None: the action always runs), the arguments of the command, and the function that executes
the action."""


class RegistryService:
    """Reads this desk's registry, and imports the publisher's files. If this desk has no registry, the reading
    methods return None or an empty result. They need the right to read, although the registry contains no data
    of ours. Thread-safe.
    """

    def __init__(
        self, context: ServiceContext, act_once: ActOnceFunction, compare_watched_corporations: Callable[[], object]
    ) -> None:
        """Store the service context and two functions. `act_once` runs an action at most once per request id and
        stores the action's answer. `compare_watched_corporations` compares the watched corporations with the registry
        in use."""
        self._context, self._act_once, self._compare_watched_corporations = (
            context,
            act_once,
            compare_watched_corporations,
        )

    # Search and facts

    def find(self, text: str, prefecture: str | None = None, limit: int = 50) -> RegistryMatches:
        """Return the corporations that match `text`: a name or a part of it, its reading, an address or a postcode.
        First come all matches with open records of ours. Then come the matches with other records of ours, as far as
        they are among the best matches (at least MIN_MATCH_CANDIDATES). Then come the other matches, the best first.
        `prefecture` restricts the search to one prefecture; `limit` is at most 1,000. Raises not_allowed if the
        acting person has no right to read, and bad_profile or storage_full if the registry can't be read.

        Other programs call this method: its name and its parameters are fixed.
        """
        limit = max(1, min(limit, MAX_REGISTRY_MATCHES))
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            return find_matches(self._context, conn, text, prefecture, limit)

    def find_corporation(self, corporation_number: str) -> Corporation | None:
        """Return the corporation with this number; None if this desk has no registry or the number isn't found. If
        the registry doesn't have the number yet and this desk has an application id, query the publisher's Web-API.
        Raises not_allowed if the acting person has no right to read."""
        facts = self.read_facts(corporation_number)
        return None if facts is None else facts.corporation

    def read_facts(self, corporation_number: str) -> CorporationFacts | None:
        """Return the registry's facts about a corporation number; None if this desk has no registry. If the registry
        doesn't have the number yet and this desk has an application id, query the publisher's Web-API. Raises
        not_allowed if the acting person has no right to read."""
        self._context.ask_publisher(corporation_number)
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            return read_facts(self._context, conn, corporation_number)

    # Status, changes, import

    def read_status(self) -> RegistryStatus | None:
        """Return the registry date, the number of rows and the imported files of the registry in use; None if this
        desk has no registry. Raises not_allowed if the acting person has no right to read."""
        self._require_reading_person()
        reader = self._context.open_registry()
        return None if reader is None else reader.read_status()

    def list_changes(self, since: date, includes_all_corporations: bool = False) -> tuple[CorporationChange, ...]:
        """Return the changes in the imported differences of the day `since` and of later days: only the changes of
        corporations with records of ours, or, with `includes_all_corporations`, of all corporations. Raises
        not_allowed if the acting person has no right to read."""
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            reader = self._context.open_registry()
            if reader is None:
                return ()
            numbers = None if includes_all_corporations else our_records.list_all_numbers(conn)
        return reader.list_changes(since, numbers)

    def import_files(
        self,
        paths: Sequence[Path],
        on_progress: Callable[[ImportProgress], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
        *,
        request_id: str | None = None,
    ) -> RegistryStatus:
        """Import whole files or differences of the publisher. If an earlier import was stopped, continue it. Return
        the status of the registry in use afterwards. The import calls `on_progress` with its progress; if
        `should_stop` returns True, it stops.

        On a database server only a worker's database account may import (any other account raises not_allowed); the
        registry is then published to the desks. Raises bad_registry_file for an invalid file; registry_order for a
        file that doesn't follow the registry in use; bad_profile for differences while the registry in use is
        damaged; in_progress while another process imports; interrupted if `should_stop` returned True; storage_full
        if the registry can't be written; documents_unreachable if the storage of the documents can't be reached.
        """
        with refusals.audit_refusals(self._context, AuditAction.REGISTRY_IMPORT, None, kind=REGISTRY_KIND):
            if self._context.database.is_server:
                self._context.require_right("registry_import")
            return self._act_once(
                "registry import",
                request_id,
                tuple(str(path) for path in paths),
                lambda: import_files(
                    self._context, paths, self._compare_watched_corporations, on_progress, should_stop
                ),
            )

    def fetch_published_registry(self) -> RegistryStatus | None:
        """Replace this desk's registry with the registry that a worker of the team has published in the documents
        folder or bucket. Return its status; None if there is no newer registry, or if the database is not on a
        server. A signal that asks the process to end stops the copying; the next call continues it. Raises
        not_allowed if the acting person has no right to read, and documents_unreachable if the storage of the
        documents can't be reached."""
        self._require_reading_person()
        if not self._context.database.is_server:
            return None
        folder, documents = self._context.registry_folder, self._context.documents
        return fetch_registry(folder, documents, should_stop=interrupts.is_interrupt_pending)

    def _require_reading_person(self) -> None:
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)


def import_files(
    context: ServiceContext,
    paths: Sequence[Path],
    compare_watched_corporations: Callable[[], object],
    on_progress: Callable[[ImportProgress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> RegistryStatus:
    """Import files of the publisher and write an audit entry, for a person or for the due task `registry`. The caller
    has checked the right. The import calls `on_progress` with its progress; if `should_stop` returns True, it stops.
    On a database server, publish the registry to the desks afterwards. Return the status of the registry in use.
    Raises the error of `import_registry_files` if a file is refused or the import is stopped, and
    documents_unreachable if the storage of the documents can't be reached.

    `compare_watched_corporations` compares the watched corporations with the registry in use. The function is
    called before the import, so that the corporations of new records are watched, and after the import.
    """
    _compare_watched_companies(compare_watched_corporations)
    status = import_registry_files(
        context.registry_folder,
        paths,
        latest_day=context.now().astimezone(JST).date(),
        on_progress=on_progress or _ignore_progress,
        should_stop=should_stop or _never_stop,
    )
    facts = {"day": status.registry_date.isoformat(), "rows": status.rows, "files": [path.name for path in paths]}
    context.write(lambda tx: context.record_audit(tx, AuditAction.REGISTRY_IMPORTED, None, facts, kind=REGISTRY_KIND))
    _compare_watched_companies(compare_watched_corporations)
    if context.database.is_server:
        publish_registry(context.registry_folder, context.documents, paths)
    return status


def _compare_watched_companies(compare_watched_corporations: Callable[[], object]) -> None:
    """Compare the watched corporations with the registry in use, acting as the worker. If this raises a ConsoleError,
    log its code; a due task compares them again later."""
    try:
        with act_as(WORKER):
            compare_watched_corporations()
    except ConsoleError as error:
        _log.warning("the watched corporations weren't compared with the registry: %s", error.code)


def _ignore_progress(_: ImportProgress) -> None:
    """Do nothing: used if the caller doesn't show the progress."""


def _never_stop() -> bool:
    return False
