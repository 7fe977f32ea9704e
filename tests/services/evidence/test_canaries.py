"""Demand 22: secrets and what is personal turn up nowhere but where they are kept sealed."""

import io
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.records import CreditCheck, PurchaseRequest
from console.sandbox.server import Sandbox
from tests.support.desks import opened
from tests.support.invented import numbers
from tests.support.quick_desks import quick_folder

SECRETS = {
    "SECRET_STORE_KEY": "canary-store-key-0f3a",
    "SECRET_ALARMBOX_CLIENT_ID": "canary-client-id-77b1",
    "SECRET_ALARMBOX_CLIENT_SECRET": "canary-client-secret-c4d9",
    "SECRET_ALARMBOX_REFRESH_TOKEN": "canary-refresh-token-e8a2",
}
PERSON = "カナリア花子 canary-person-51ce@example.jp"
STATEMENT = f"{PERSON} says so on the phone"
COMMENT = f"asked by {PERSON}"
WORDS = (*SECRETS.values(), "canary-person", "カナリア花子")
NUMBERS = numbers(6, seed=22)


@contextmanager
def everything_logged() -> Iterator[io.StringIO]:
    """All loggers, all levels, statements of the database included, tracebacks and all."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
    loggers = {logging.getLogger(): logging.DEBUG, logging.getLogger("sqlalchemy.engine"): logging.INFO}
    before = {logger: logger.level for logger in loggers}
    for logger, level in loggers.items():
        logger.setLevel(level)
    logging.getLogger().addHandler(handler)
    try:
        yield text
    finally:
        logging.getLogger().removeHandler(handler)
        for logger, level in before.items():
            logger.setLevel(level)


def told(call: Callable[[], object], seen: list[str]) -> ConsoleError | None:
    """Do it; what an error says of itself is kept."""
    try:
        seen.append(repr(call()))
    except ConsoleError as error:
        seen.append(repr(error) + repr(error.detail) + "".join(traceback.format_exception(error)))
        return error
    except Exception as bug:
        seen.append("".join(traceback.format_exception(bug)))
    return None


@pytest.mark.expects_log("every kind of failure is provoked")
def test_canaries(monkeypatch: pytest.MonkeyPatch) -> None:
    """0 hits in logs, SQL echo, errors, tracebacks, reprs, exports; and the files hold no secret in the clear."""
    seen: list[str] = []
    with quick_folder() as home, Sandbox() as sandbox, everything_logged() as log:
        sandbox.control.register_client(*list(SECRETS.values())[1:])
        with opened(home, sandbox, None, **SECRETS) as console:
            _provoke(console, sandbox, seen, monkeypatch)
            seen += [repr(part) for part in _parts(console)]
            exported = home / "audit.csv"
            console.audit.export_csv(exported)
            seen += [exported.read_text("utf-8-sig"), *map(repr, console.audit.list_entries(1_000))]
        secrets = [*SECRETS.values(), *_issued(sandbox)]
        files = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    shown = log.getvalue() + "\n".join(seen)
    hits = [word for word in (*WORDS, *secrets) if word in shown]
    in_files = [secret for secret in secrets if secret.encode() in files]
    print(f"demand 22: {len(hits)} canaries in {len(shown):,} characters shown, {len(in_files)} in the desk's files")
    assert len(secrets) > len(SECRETS), "no token was ever issued"
    assert (hits, in_files) == ([], [])


def _issued(sandbox: Sandbox) -> list[str]:
    """Tokens that the provider handed out."""
    office = sandbox._state.tokens
    return [*office._pair_by_access_token, *office._pair_by_refresh_token]


def _parts(console: Console) -> tuple[object, ...]:
    context = console._context
    vendor = console._service_builder._adapter_source.get_adapter()
    parts = (
        console,
        console.settings,
        context,
        context.cipher,
        context.spool,
        context.database,
        vendor,
        vars(vendor),
    )
    return (*parts, console.settings.secrets, *context.spool.read_entries(context.database_id))


def _provoke(console: Console, sandbox: Sandbox, seen: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Successes and failures of every kind, with something personal in whatever a person can type."""

    def buy(number: str) -> ConsoleError | None:
        request = PurchaseRequest(number, "1", comment=COMMENT)
        return told(lambda: console.credit_checks.purchase(request), seen)

    buy(NUMBERS[0])
    for number, fault in zip(NUMBERS[1:4], ("close_after_charge", "html", "token_expired"), strict=True):
        sandbox.control.add_fault(fault, call="purchase", number=number)
        buy(number)
    (unknown,) = console.lookup.find_records(NUMBERS[1]).credit_checks
    told(lambda: console.recovery.resolve("credit-check", unknown.id, "error", STATEMENT), seen)
    told(lambda: console.recovery.resolve("credit-check", unknown.id, "error", STATEMENT), seen)
    _break_the_database(console, unknown, seen, monkeypatch)
    sandbox.control.revoke_tokens()
    buy(NUMBERS[4])
    told(console.recovery.run_due, seen)


def _break_the_database(
    console: Console, unknown: CreditCheck, seen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement that fails with something personal among its values."""
    with monkeypatch.context() as broken, console.acting_as("lead-b"):
        broken.setattr("console.store.records.evidence.make_present_time_value", lambda _conn, _at: object())
        told(lambda: console.recovery.resolve("credit-check", unknown.id, "error", STATEMENT), seen)
    assert "InterfaceError" in seen[-1] or "ProgrammingError" in seen[-1] or "StatementError" in seen[-1], seen[-1]
