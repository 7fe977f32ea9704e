"""Checks before a guarded operation: the database has safe settings, and the disks of the desk have free space."""

import shutil

from console.domain.errors import ConsoleError, ErrorCode, rebuild_error
from console.domain.setting_problems import SettingProblem
from console.services.process.context import ServiceContext

FITNESS_CHECK_VALID_SECONDS = 300.0
"""Time in seconds for which a successful check of the database's settings is not repeated."""
NEEDED_FREE_DISK_BYTES = 4 * 1024 * 1024
"""Bytes that must be free on each of the desk's disks before an operation. One operation writes much less."""


def require_safe_settings(context: ServiceContext, provider: str) -> None:
    """Refuse an operation at a real provider on a database with unsafe settings, before anything is written.

    For a provider on this machine (loopback), every database is accepted. A successful check is valid for
    FITNESS_CHECK_VALID_SECONDS; then it is repeated, because an administrator can change a server's settings. Raises
    bad_profile if a check of the settings fails; detail.check is the name of this check.
    """
    if context.settings.is_on_loopback(provider) or context.clock.monotonic() < context.fitness_checked_until:
        return
    # Imported at its first use, because most refusals come before this check.
    from console.store.constraints import fitness

    for check in fitness.check_fitness(context.database):
        if check.stops_purchases and not check.has_passed:
            raise rebuild_error(
                ErrorCode.BAD_PROFILE,
                {"problem": SettingProblem.UNFIT_DATABASE, "check": check.check_name, **check.facts},
            )
    context.fitness_checked_until = context.clock.monotonic() + FITNESS_CHECK_VALID_SECONDS


def require_disk_space(context: ServiceContext) -> None:
    """Refuse an operation, before anything is written, if less than NEEDED_FREE_DISK_BYTES are free on a disk of the
    desk, because the operation could then not record its outcome.

    The refusal is the error storage_full, with the folder (detail.folder), its free bytes (detail.free) and the
    needed bytes (detail.needs).
    """
    folders = {context.settings.home, *((context.database.file.parent,) if context.database.file else ())}
    for folder in folders:
        try:
            free_bytes = shutil.disk_usage(folder).free
        except OSError:  # the folder is missing or unreadable: the next write there raises a better error
            continue
        if free_bytes < NEEDED_FREE_DISK_BYTES:
            raise ConsoleError(
                ErrorCode.STORAGE_FULL, {"folder": str(folder), "free": free_bytes, "needs": NEEDED_FREE_DISK_BYTES}
            )
