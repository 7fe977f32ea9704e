"""Refuse changes while a read-only switch is on. Every service that changes something uses this module; a service
that moves money uses it in the transaction of the change.
"""

from console.domain.access.read_only import EVERYTHING_SCOPE, ReadOnlySwitch, find_stopping_switch
from console.domain.error_reasons import ReadOnlyReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import ReadOnlyDetail
from console.store.access import read_only_switches
from console.store.database.sqlalchemy_names import Connection


def find_read_only_switch(conn: Connection, provider: str | None = None) -> ReadOnlySwitch | None:
    """Return the read-only switch that is on and stops changes at `provider`: the switch for everything, or the
    switch of this provider. If `provider` is None, only the switch for everything counts. Return None if no such
    switch is on."""
    return find_stopping_switch(read_only_switches.read_switches(conn), provider)


def refuse_if_read_only(conn: Connection, provider: str | None = None) -> None:
    """Raise read_only while a read-only switch stops the change: the switch for everything, or the switch for
    `provider`. `provider` is the provider at which the change costs or moves money; None for a change that neither
    costs nor moves money at a provider.

    The error's detail has: `reason`, the kind of the switch; `who`, the person who has set it; `since`, the time;
    `note`, the person's reason; and, if the switch is that of a provider, `provider`.
    """
    switch = find_read_only_switch(conn, provider)
    if switch is None:
        return
    facts: ReadOnlyDetail = {
        "reason": ReadOnlyReason.SWITCH_FOR_EVERYTHING,
        "who": switch.person,
        "since": switch.at,
        "note": switch.reason,
    }
    if switch.scope != EVERYTHING_SCOPE:
        facts |= {"reason": ReadOnlyReason.PROVIDER_SWITCH, "provider": switch.scope}
    raise ConsoleError(ErrorCode.READ_ONLY, facts)
