"""The service of the command `db adopt`: adopt another application's table of credit checks in place, while that
application continues to write to it."""

from collections.abc import Callable, Sequence

from console.domain.calendar_days import get_zone
from console.domain.error_reasons import NotAllowedReason, SchemaProblem
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.usage_problems import UsageProblem
from console.services.adoption import plan as adoption_plan
from console.services.adoption.plan import AdoptionPlan
from console.services.adoption.run import AdoptionResult, AdoptionRun, accept_incomplete_rows
from console.services.process.context import ServiceContext
from console.store.adoption import adopt_table
from console.store.adoption.legacy_checks import AdoptionObstacle
from console.store.database.engine import Database
from console.store.database.server import reads_views
from console.store.migrations import upgrade as migrate
from console.store.migrations import upgrade_lock
from console.store.schema import legacy_table

DEFAULT_TIME_ZONE = "Asia/Tokyo"


class Adoption:
    """Adopts another application's table of credit checks: `make_plan` only reads, `run` changes the table. Each of
    these methods can be called before and after `db upgrade`."""

    def __init__(self, database: Database, open_context: Callable[[], ServiceContext]) -> None:
        """Store the database and the function `open_context`, which opens the service context; this needs the current
        schema. `run` calls `open_context` after the upgrade of the schema, to write the audit trail."""
        self._database = database
        self._open_context = open_context

    def make_plan(self, zone: str | None = None) -> AdoptionPlan:
        """Return the plan of the changes that `run` would make to the table of credit checks, and change nothing.
        `zone` is the name of the time zone in which the table's times are stored (None: Japan). Raises usage for an
        unknown time zone, not_allowed for an account that reads only views, not_found if the database is empty or has
        this program's tables without that table, not_our_database if it has only other tables of other applications.
        """
        self._require_tables()
        return adoption_plan.make_plan(self._database, _require_known_time_zone(zone) or DEFAULT_TIME_ZONE)

    def run(self, zone: str | None = None, *, allows_table_copy: bool = False) -> AdoptionResult:
        """Adopt the table of credit checks, or continue an interrupted adoption, and return the result. `zone` is the
        name of the time zone in which the table's times are stored (None: the zone of the interrupted adoption,
        otherwise Japan). `allows_table_copy` allows steps during which the database copies the table and no program
        can write to it.

        Raises usage if `zone` is no time zone or differs from the zone with which the adoption began, not_allowed for
        a database account that reads only SQL views, the errors of `require_adoptable_table` if there is no table of
        credit checks, schema_mismatch if an obstacle remains (detail.obstacles), database_locked if a step can't
        acquire the table's lock because of other transactions, or if other applications keep adding duplicates; and
        the other errors of `AdoptionRun.run`. After an error, the completed steps stay.
        """
        requested_zone = _require_known_time_zone(zone)
        self._require_tables()
        _require_no_obstacles(self._database, allows_table_copy=allows_table_copy)
        migrate.upgrade(self._database)
        with upgrade_lock.hold_upgrade_lock(self._database) as lock:
            zone_in_force = self._begin_adoption(requested_zone)
            _require_same_time_zone(requested_zone, zone_in_force)
            return AdoptionRun(self._open_context(), zone_in_force, allows_table_copy, lock).run()

    def _require_tables(self) -> None:
        """Raise not_allowed for a database account that reads only SQL views. A view has no primary key, and some
        accounts don't see the table at all, so the plan would not describe the table itself."""
        if not self._database.is_server:
            return
        with self._database.read() as conn:
            if reads_views(conn):
                raise ConsoleError(ErrorCode.NOT_ALLOWED, {"reason": NotAllowedReason.NO_GRANT})

    def accept_incomplete_rows(self) -> int:
        """Accept, by one decision of a person, that the incomplete credit checks of other applications stay
        incomplete. These credit checks leave the queue of incomplete records. Return their number.

        Their missing parts can still be re-fetched. Raises schema_mismatch if the table is not adopted yet, and
        not_allowed for a database account that reads only SQL views.
        """
        self._require_tables()
        if (
            adoption_plan.read_adoption_state(self._database, adopt_table.read_table_structure(self._database))
            != "adopted"
        ):
            raise ConsoleError(
                ErrorCode.SCHEMA_MISMATCH, {"problem": SchemaProblem.NOT_ADOPTED, "table": legacy_table.TABLE_NAME}
            )
        return accept_incomplete_rows(self._open_context())

    def _begin_adoption(self, requested_zone: str | None) -> str | None:
        """Store the beginning of the adoption if none has begun. Return the time zone that this adoption uses:
        that of an adoption that began earlier, otherwise `requested_zone` (None: Japan). Return None if this
        program created the table of credit checks.
        """
        if (
            adoption_plan.read_adoption_state(self._database, adopt_table.read_table_structure(self._database))
            == "adopted"
        ):
            return adoption_plan.read_stored_time_zone(self._database)
        return self._database.write(
            lambda tx: adopt_table.begin_adoption(tx.conn, requested_zone or DEFAULT_TIME_ZONE)
        )


def _require_same_time_zone(requested_zone: str | None, zone_in_force: str | None) -> None:
    """Raise usage if a time zone was requested that differs from the zone with which the adoption began.
    `requested_zone` is None if no time zone was requested. `zone_in_force` is the zone with which the adoption began;
    None if this program created the table, whose times are then in UTC."""
    if requested_zone is not None and requested_zone != zone_in_force:
        raise ConsoleError(
            ErrorCode.USAGE, {"problem": UsageProblem.OTHER_TIMEZONE, "timezone": zone_in_force or "UTC"}
        )


def _require_known_time_zone(zone_name: str | None) -> str | None:
    """Return the name of the time zone unchanged (None: no time zone was requested). Raises usage if no time zone has
    this name."""
    if zone_name is not None:
        try:
            get_zone(zone_name)
        except LookupError:
            raise ConsoleError(
                ErrorCode.USAGE, {"problem": UsageProblem.NO_SUCH_TIMEZONE, "timezone": zone_name[:40]}
            ) from None
    return zone_name


def _require_no_obstacles(database: Database, *, allows_table_copy: bool) -> None:
    """Raise schema_mismatch if obstacles prevent the adoption. With `allows_table_copy`, an obstacle that a
    conversion of the table removes is accepted. Also raises the errors of `require_adoptable_table`."""
    obstacles = adoption_plan.find_adoption_obstacles(database, adoption_plan.require_adoptable_table(database))
    refusal = find_adoption_refusal(obstacles, allows_table_copy=allows_table_copy)
    if refusal is not None:
        raise refusal


def find_adoption_refusal(obstacles: Sequence[AdoptionObstacle], *, allows_table_copy: bool) -> ConsoleError | None:
    """Return the error that `Adoption.run` would raise because of these obstacles; None if the adoption can run.
    It can run if there are no obstacles, or if `allows_table_copy` is True and every obstacle is convertible."""
    hard_obstacles = [obstacle for obstacle in obstacles if not obstacle.is_convertible]
    if not hard_obstacles and (allows_table_copy or not obstacles):
        return None
    obstacle_facts = [
        {"kind": obstacle.code, "name": obstacle.name, "found": obstacle.present_value} for obstacle in obstacles
    ]
    problem = SchemaProblem.CANNOT_BE_ADOPTED if hard_obstacles else SchemaProblem.NEEDS_CONVERSION
    obstacle_names = [f"{obstacle.code} ({obstacle.name})" for obstacle in hard_obstacles or obstacles]
    return ConsoleError(
        ErrorCode.SCHEMA_MISMATCH, {"problem": problem, "obstacles": obstacle_facts, "names": obstacle_names}
    )
