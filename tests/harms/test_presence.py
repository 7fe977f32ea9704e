"""The database protects presence leases. By them desks see that a worker is running, and workers see which other
worker has ended.
"""

from tests.harms.attacks import (
    SET_CHECKS_OFF_STATEMENTS,
    Attack,
    make_ending_attacks,
    make_insert_attacks,
    make_update_attacks,
)
from tests.harms.scene import UTC_NOW_SQL, AttackedDatabase
from tests.support.teams import PERSON_NAME_BY_ROLE

PEOPLE = tuple(who for role, who in PERSON_NAME_BY_ROLE.items() if role != "worker")
NOW_MS_SQL = "CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)"
LEASE_NAMES = (
    "'desk_requests'",
    "'DESK_REQUESTS'",
    "'desk_requests '",
    "_utf16 0x006400650073006B005F00720065007100750065007300740073",
)
"""Names that a server may take for that of the presence leases."""
SELECT_PRESENT_WORKERS_SQL = (
    f"SELECT DISTINCT operator FROM leases WHERE name = 'desk_requests' AND lease_expires > {NOW_MS_SQL}"
)


def _make_presence_lease(slot: int, name: str) -> dict[str, str]:
    """Return a presence lease of ten minutes as SQL values by column. `slot` is the number of the lease, `name` the
    SQL of its name. Its fencing token is lower than that of every worker. The last column is one that accounts may
    change.
    """
    return {
        "name": name, "slot": str(slot), "operator": "'{me}'", "desk": "'d'", "host": "'h'", "process": "1",
        "since": UTC_NOW_SQL, "until": UTC_NOW_SQL, "lease_clock": "'server'",
        "lease_expires": f"{NOW_MS_SQL} + 590000", "fence": "1",
        "token": "''",
    }  # fmt: skip


def test_only_a_workers_account_holds_a_presence_lease(harm_scene: AttackedDatabase) -> None:
    """Only a worker's account can hold a presence lease. Otherwise desks would store requests while no worker is
    running, and a worker would wait for another one that isn't running."""
    executor = harm_scene.get_desk("worker").desk_request_executor
    for slot in (0, 1, 15):
        for name in LEASE_NAMES:
            for form in make_insert_attacks("leases", _make_presence_lease(slot, name)):
                harm_scene.attack_as_each_role(
                    (form, form.prepend_statements("loose", *SET_CHECKS_OFF_STATEMENTS)), PEOPLE
                )
        harm_scene.attack_as_each_role(
            make_ending_attacks(Attack("held", (_make_lease_insert(_make_presence_lease(slot, LEASE_NAMES[0])),))),
            PEOPLE,
        )
    assert harm_scene.sql(SELECT_PRESENT_WORKERS_SQL) == []
    executor.announce_presence()
    executor.release_presence_lease()
    taken = {
        name: value
        for name, value in _make_presence_lease(0, "name").items()
        if name not in ("name", "slot", "fence")
    }
    where = "name = 'desk_requests'"
    for form in make_update_attacks("leases", taken | {"fence": "fence + 1"}, where, key_column="name"):
        harm_scene.attack_as_each_role((form, form.prepend_statements("loose", *SET_CHECKS_OFF_STATEMENTS)), PEOPLE)
    own = _make_presence_lease(0, "'mine'")
    renamed = Attack(
        "renamed", (_make_lease_insert(own), "UPDATE leases SET name = 'desk_requests', slot = 3 WHERE name = 'mine'")
    )
    harm_scene.attack_as_each_role((renamed,), PEOPLE)
    assert harm_scene.sql(SELECT_PRESENT_WORKERS_SQL) == []
    executor.announce_presence()
    assert harm_scene.sql(SELECT_PRESENT_WORKERS_SQL) == [(harm_scene.people.names["worker"],)]
    executor.announce_presence()
    assert not executor.is_standby
    executor.release_presence_lease()
    harm_scene.check_ordinary_work()


def _make_lease_insert(row: dict[str, str]) -> str:
    return f"INSERT INTO leases ({', '.join(row)}) VALUES ({', '.join(row.values())})"
