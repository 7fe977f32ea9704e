"""Complete desks for tests: a home folder, a database, the sandbox as provider, and a clock that a test can move."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from console.app import Console, open_console
from console.domain.clock import SystemClock
from console.sandbox.environment import credentials
from console.sandbox.server import Sandbox
from console.settings.settings import Settings
from tests.support import compiled

CORPORATION_NUMBERS = (
    "1180301018771",
    "5010001192707",
    "7010001065142",
    "7000012050002",
    "4011001098993",
    "7123456789012",
)
"""Corporation numbers with valid check digits, from public test vectors."""
STORE_KEY = "a-store-key-for-tests"
UNUSED_URL = "http://127.0.0.1:9"
_PAYMENT_PROVIDER_SECRETS = (
    *("PAYPAY_API_KEY", "PAYPAY_API_SECRET", "PAYPAY_MERCHANT_ID", "ATOM_MERCH_ID", "ATOM_PASSWORD"),
    *("ATOM_REQUEST_KEY", "ATOM_REQUEST_SALT", "ATOM_RESPONSE_KEY", "ATOM_RESPONSE_SALT"),
    *("ATOM_REQUEST_HASH_KEY", "ATOM_RESPONSE_HASH_KEY"),
)

compiled.share_compiled_statements()  # whoever makes desks makes many


class MovedClock(SystemClock):
    """The machine's clock plus `offset`. A test can stop the clock with `stop`; then only `offset` changes its time.
    Sleeps still take real time.
    """

    def __init__(self) -> None:
        self.offset = timedelta()
        self._still: datetime | None = None
        self._still_monotonic: float | None = None

    def now(self) -> datetime:
        return (self._still or datetime.now(UTC)) + self.offset

    def monotonic(self) -> float:
        return super().monotonic() if self._still_monotonic is None else self._still_monotonic

    def stop(self) -> None:
        """Stop the time of day: from now on only `offset` changes it, so that nothing becomes due because of a slow
        machine.
        """
        self._still = datetime.now(UTC)

    @contextmanager
    def stop_both_times(self) -> Iterator[None]:
        """Stop the time of day and the monotonic time until the end of the block. Only `offset` then changes the time
        of day. So no time passes between two lines of a test on a slow machine.
        """
        self._still_monotonic = super().monotonic()
        try:
            with self.stop_time_of_day():
                yield
        finally:
            self._still_monotonic = None

    @contextmanager
    def stop_time_of_day(self) -> Iterator[datetime]:
        """Stop the time of day until the end of the block; only `offset` then changes it. Yield the time at which the
        clock stopped, without `offset`.
        """
        before, moment = self._still, self._still or datetime.now(UTC)
        self._still = moment
        try:
            yield moment
        finally:
            self._still = before


def make_environment(home: Path, url: str, **extra: str) -> dict[str, str]:
    """Return the environment variables of a desk whose provider is the sandbox at `url`. `extra` are further
    settings, without their prefix `CONSOLE_`.
    """
    settings = {
        "HOME": str(home),
        "ALARMBOX_URL": url,
        "OPERATOR": "op-a",
        "LANGUAGE": "en",
        "TIME_SCALE": "20",
        "SECRET_STORE_KEY": STORE_KEY,
        "SECRET_ALARMBOX_CLIENT_ID": "sandbox-client",
        "SECRET_ALARMBOX_CLIENT_SECRET": "sandbox-secret",
        "SECRET_ALARMBOX_REFRESH_TOKEN": "sandbox-refresh-1",
    } | extra
    return {f"CONSOLE_{name}": value for name, value in settings.items()}


def make_payment_provider_settings(url: str) -> dict[str, str]:
    """Return the settings, without their prefix `CONSOLE_`, of a desk that uses PayPay and Atom at the sandbox's
    `url`.
    """
    secrets = {f"SECRET_{name}": str(getattr(credentials, name)) for name in _PAYMENT_PROVIDER_SECRETS}
    return {"PAYPAY_URL": url, "ATOM_URL": url, **secrets}


@cache
def _make_home_template() -> tuple[tempfile.TemporaryDirectory[str], Path]:
    """Return the temporary folder and the path of an empty, migrated database, which each process creates only
    once.
    """
    folder = tempfile.TemporaryDirectory(prefix="console-template-")
    home = Path(folder.name)
    with open_console(Settings.load(make_environment(home, UNUSED_URL))):
        pass
    return folder, home / "console.db"


def get_template_database_file() -> Path:
    """Return the path of an empty SQLite database that tests copy."""
    return _make_home_template()[1]


def copy_empty_database(home: Path) -> None:
    """Create the home folder of a desk with a copy of the empty database, unless it has a database. Running the
    migrations would take longer than many tests.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (home / "console.db").exists():
        shutil.copy(get_template_database_file(), home / "console.db")


@contextmanager
def open_desk(home: Path, sandbox: Sandbox, clock: SystemClock | None = None, **extra: str) -> Iterator[Console]:
    """Yield a console with the home folder `home`. If the folder has no database, it gets an empty one. The console
    is closed at the end of the block. `extra` are further settings without their prefix `CONSOLE_`.
    """
    if "DATABASE_URL" not in extra:
        copy_empty_database(home)
    with open_console(Settings.load(make_environment(home, sandbox.url, **extra)), clock) as console:
        yield console
