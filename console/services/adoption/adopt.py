"""Takes another application's table of credit checks into service, in place, while that application goes on."""

from collections.abc import Callable

from console.domain.dates import zone as find_zone
from console.domain.errors import ConsoleError
from console.services import adoption_plan
from console.services.adoption_plan import AdoptionPlan
from console.services.adoption_run import Adopted, AdoptionRun
from console.services.desk import Desk
from console.store import adopting, legacy_obstacles, legacy_table, migrate, upgrade_turn
from console.store.engine import Database

ZONE = "Asia/Tokyo"


class Adoption:
    """`plan` looks, `run` does it. Both work before and after `db upgrade`."""

    def __init__(self, database: Database, open_desk: Callable[[], Desk]) -> None:
        """`open_desk`: who writes the audit trail, once the schema is there."""
        self._database = database
        self._open_desk = open_desk

    def plan(self, zone: str | None = None) -> AdoptionPlan:
        """What `run` would do; nothing is changed. Raises usage for a zone that doesn't exist, not_found for a
        database without such a table.
        """
        return adoption_plan.plan(self._database, _zone(zone) or ZONE)

    def run(self, zone: str | None = None, *, convert: bool = False) -> Adopted:
        """Do it, or what is left of it. `convert` allows steps that keep writers waiting while the table is copied.

        Raises usage for another zone than it was begun with, schema_mismatch when something stands in the way
        (detail.obstacles), database_locked when the table was in use all the time; what was done stays done.
        """
        wanted = _zone(zone)
        _require_way(adoption_plan.adoptable(self._database), convert=convert)
        migrate.upgrade(self._database)
        with upgrade_turn.alone(self._database) as turn:
            kept = self._begun(wanted)
            _require_same(wanted, kept)
            return AdoptionRun(self._open_desk(), kept, convert, turn).run()

    def _begun(self, wanted: str | None) -> str | None:
        """The zone that holds: of the first run, or None where the table has been ours from the beginning."""
        if adoption_plan.adoption_state(self._database, adopting.look(self._database)) == "adopted":
            return adoption_plan.kept_zone(self._database)
        return self._database.write(lambda tx: adopting.begin(tx.conn, wanted or ZONE))


def _require_same(wanted: str | None, kept: str | None) -> None:
    if wanted is not None and wanted != kept:
        raise ConsoleError("usage", {"problem": "other_timezone", "timezone": kept or "UTC"})


def _zone(name: str | None) -> str | None:
    if name is not None:
        try:
            find_zone(name)
        except LookupError:
            raise ConsoleError("usage", {"problem": "no_such_timezone", "timezone": name[:40]}) from None
    return name


def _require_way(table: legacy_table.Table, *, convert: bool) -> None:
    found = legacy_obstacles.obstacles(table)
    hard = [one for one in found if not one.convertible]
    if hard or (found and not convert):
        facts = [{"kind": one.kind, "name": one.name, "found": one.found} for one in found]
        problem = "cannot_be_adopted" if hard else "needs_conversion"
        names = [f"{one.kind} ({one.name})" for one in hard or found]
        raise ConsoleError("schema_mismatch", {"problem": problem, "obstacles": facts, "names": names})
