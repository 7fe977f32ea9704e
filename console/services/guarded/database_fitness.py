"""No real money on a database that can't keep its promises."""

from console.domain.errors import ConsoleError
from console.services.desk import Desk
from console.store import fitness

GOOD_FOR_SECONDS = 300.0


def require(desk: Desk, provider: str) -> None:
    """Refuse before anything is written; a provider on this machine takes any database.

    Looks again after five minutes: a server's settings change without us. Raises ConsoleError bad_profile with
    detail.check, the check that failed.
    """
    if desk.settings.on_loopback(provider) or desk.clock.monotonic() < desk.fit_until:
        return
    for finding in fitness.findings(desk.database):
        if finding.grave and not finding.ok:
            raise ConsoleError("bad_profile", {"problem": "unfit_database", "check": finding.name, **finding.facts})
    desk.fit_until = desk.clock.monotonic() + GOOD_FOR_SECONDS
