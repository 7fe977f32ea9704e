"""Tests of requirement 22: secrets and personal data appear only in the places in which they are stored encrypted."""

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
from tests.support.desks import open_desk
from tests.support.invented import invent_numbers
from tests.support.quick_desks import make_quick_folder

SECRET_SETTINGS = {
    "SECRET_STORE_KEY": "canary-store-key-0f3a",
    "SECRET_ALARMBOX_CLIENT_ID": "canary-client-id-77b1",
    "SECRET_ALARMBOX_CLIENT_SECRET": "canary-client-secret-c4d9",
    "SECRET_ALARMBOX_REFRESH_TOKEN": "canary-refresh-token-e8a2",
}
MARKED_PERSON = "カナリア花子 canary-person-51ce@example.jp"
MARKED_STATEMENT = f"{MARKED_PERSON} says so on the phone"
MARKED_COMMENT = f"asked by {MARKED_PERSON}"
MARKED_WORDS = (*SECRET_SETTINGS.values(), "canary-person", "カナリア花子")
CORPORATION_NUMBERS = invent_numbers(6, seed=22)


@contextmanager
def record_all_logs() -> Iterator[io.StringIO]:
    """Let all loggers write all levels, SQL statements and tracebacks into a text until the end of the `with` block;
    the block gets this text.
    """
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


def call_and_record_texts(call: Callable[[], object], texts: list[str]) -> ConsoleError | None:
    """Call `call`, and append its result, or the texts and traceback of its error, to `texts`. Return the error if it
    is a ConsoleError, otherwise None.
    """
    try:
        texts.append(repr(call()))
    except ConsoleError as error:
        texts.append(repr(error) + repr(error.detail) + "".join(traceback.format_exception(error)))
        return error
    except Exception as bug:
        texts.append("".join(traceback.format_exception(bug)))
    return None


@pytest.mark.expects_log("every kind of failure is provoked")
def test_secrets_and_personal_data_appear_in_no_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test uses recognisable secrets and personal data: they appear in no log, SQL statement, error, traceback,
    repr or export. No secret is readable in the desk's files.
    """
    texts: list[str] = []
    with make_quick_folder() as home, Sandbox() as sandbox, record_all_logs() as log:
        sandbox.control.register_client(*list(SECRET_SETTINGS.values())[1:])
        with open_desk(home, sandbox, None, **SECRET_SETTINGS) as console:
            _cause_every_kind_of_result(console, sandbox, texts, monkeypatch)
            texts += [repr(part) for part in _list_desk_objects(console)]
            exported = home / "audit.csv"
            console.audit.export_csv(exported)
            texts += [exported.read_text("utf-8-sig"), *map(repr, console.audit.list_entries(1_000))]
        secrets = [*SECRET_SETTINGS.values(), *_list_issued_tokens(sandbox)]
        files = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    shown = log.getvalue() + "\n".join(texts)
    hits = [word for word in (*MARKED_WORDS, *secrets) if word in shown]
    in_files = [secret for secret in secrets if secret.encode() in files]
    print(f"demand 22: {len(hits)} canaries in {len(shown):,} characters shown, {len(in_files)} in the desk's files")
    assert len(secrets) > len(SECRET_SETTINGS), "no token was ever issued"
    assert (hits, in_files) == ([], [])


def _list_issued_tokens(sandbox: Sandbox) -> list[str]:
    """Return the tokens that the simulated AlarmBox has issued."""
    tokens = sandbox._state.tokens
    return [*tokens._pair_by_access_token, *tokens._pair_by_refresh_token]


def _list_desk_objects(console: Console) -> tuple[object, ...]:
    """Return the objects of the desk whose repr must contain no secret."""
    context = console._context
    alarmbox = console._record_readers.adapter_source.get_adapter()
    parts = (
        console,
        console.settings,
        context,
        context.cipher,
        context.spool,
        context.database,
        alarmbox,
        vars(alarmbox),
    )
    return (*parts, console.settings.secrets, *context.spool.read_entries(context.database_id))


def _cause_every_kind_of_result(
    console: Console, sandbox: Sandbox, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let the desk's services succeed and fail in every way, with personal data in every text that a person can
    type. Append the results and the texts of the errors to `texts`.
    """

    def buy_and_record_texts(number: str) -> ConsoleError | None:
        request = PurchaseRequest(number, "1", comment=MARKED_COMMENT)
        return call_and_record_texts(lambda: console.credit_checks.purchase(request), texts)

    buy_and_record_texts(CORPORATION_NUMBERS[0])
    for number, fault in zip(CORPORATION_NUMBERS[1:4], ("close_after_charge", "html", "token_expired"), strict=True):
        sandbox.control.add_fault(fault, call="purchase", number=number)
        buy_and_record_texts(number)
    (unknown,) = console.lookup.find_records(CORPORATION_NUMBERS[1]).credit_checks
    call_and_record_texts(
        lambda: console.recovery.resolve("credit-check", unknown.id, "error", MARKED_STATEMENT), texts
    )
    call_and_record_texts(
        lambda: console.recovery.resolve("credit-check", unknown.id, "error", MARKED_STATEMENT), texts
    )
    _break_the_database(console, unknown, texts, monkeypatch)
    sandbox.control.revoke_tokens()
    buy_and_record_texts(CORPORATION_NUMBERS[4])
    call_and_record_texts(console.recovery.run_all_tasks, texts)


def _break_the_database(
    console: Console, unknown: CreditCheck, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Execute an SQL statement that fails and has personal data among its values, in a decision about the purchase
    `unknown`. Append the texts of the error to `texts`.
    """
    with monkeypatch.context() as broken, console.acting_as("lead-b"):
        broken.setattr("console.store.records.evidence.make_present_time_value", lambda _conn, _at: object())
        call_and_record_texts(
            lambda: console.recovery.resolve("credit-check", unknown.id, "error", MARKED_STATEMENT), texts
        )
    assert "InterfaceError" in texts[-1] or "ProgrammingError" in texts[-1] or "StatementError" in texts[-1], texts[
        -1
    ]
