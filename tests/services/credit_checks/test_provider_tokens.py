"""Tests of the provider's tokens in the database: an encrypted pair of tokens is accepted only if its version is that
of the row.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from console.app import Console
from console.domain.alerts.provider_subjects import AUTHORISATION_RULE
from console.domain.errors import ConsoleError
from console.providers.credit_checks.tokens import CredentialsRefused, TokenAnswerLost, TokenPair
from console.services.credit_checks.provider_tokens import DatabaseTokenStore
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.quick_desks import ManualClock, make_quick_folder, open_quick_desk

PROVIDER_NAME = "invented"


@pytest.fixture
def console() -> Iterator[Console]:
    with make_quick_folder() as home, open_quick_desk(home / "desk", InMemoryAlarmBox(), ManualClock()) as desk:
        yield desk


def make_token_store(console: Console) -> DatabaseTokenStore:
    """Return a new token store that has no pair of tokens in memory, like that of another process."""
    return DatabaseTokenStore(console._context, PROVIDER_NAME, "first", console._context.cipher)


def read_encrypted_pair(console: Console) -> str:
    """Return the encrypted pair of tokens in the database."""
    with console.database.read() as conn:
        return str(conn.execute(text("SELECT sealed FROM provider_tokens")).scalar_one())


def write_encrypted_pair(console: Console, value: str) -> None:
    """Replace the encrypted pair of tokens in the database by the text `value`."""
    with console.database.write_without_retries() as tx:
        tx.conn.execute(text("UPDATE provider_tokens SET sealed = :value"), {"value": value})


def test_an_older_pair_is_refused_in_every_form(console: Console) -> None:
    """An older encrypted pair of tokens is written back into the row. It is refused with its own version as a prefix,
    with the row's version and without one, because the encrypted text contains the version too.
    """

    def make_next_pair(token: str) -> TokenPair:
        return TokenPair("access", f"{token}-next", console._context.now(), 0)

    first = make_token_store(console).refresh_pair(make_next_pair, outdated_pair=None)
    old = read_encrypted_pair(console)
    second = make_token_store(console).refresh_pair(make_next_pair, outdated_pair=first)
    assert (first.version, second.version) == (1, 2)
    assert make_token_store(console).find_current_pair() == second
    inner = old.partition(".")[2]
    for form in (old, f"v2.{inner}", inner, f".{inner}"):
        write_encrypted_pair(console, form)
        with pytest.raises(ConsoleError) as refused:
            make_token_store(console).find_current_pair()
        assert (refused.value.code, refused.value.detail["problem"]) == ("bad_profile", "other_key"), form


def test_a_pair_of_an_earlier_version_of_the_program_is_read(console: Console) -> None:
    """A pair of tokens that an earlier release has stored, without a version, is read as version 1."""
    make_token_store(console).refresh_pair(
        lambda _: TokenPair("a", "b", console._context.now(), 0), outdated_pair=None
    )
    write_encrypted_pair(console, console._context.cipher.encrypt(json.dumps(["old", "older"]).encode()).decode())
    pair = make_token_store(console).find_current_pair()
    assert pair is not None
    assert (pair.access_token, pair.refresh_token, pair.version) == ("old", "older", 1)


def test_a_refused_refresh_token_is_a_case_until_a_pair_is_stored() -> None:
    """AlarmBox refuses the refresh token: one case is open, and doctor reports that AlarmBox hasn't authorised the
    console. A new authorisation closes the case."""
    clock = ManualClock()
    secrets = {"SECRET_ALARMBOX_CLIENT_ID": "id", "SECRET_ALARMBOX_CLIENT_SECRET": "secret"}
    with make_quick_folder() as home, open_quick_desk(home / "desk", InMemoryAlarmBox(), clock, **secrets) as desk:
        store = DatabaseTokenStore(desk._context, "alarmbox", "first", desk._context.cipher)
        pair = TokenPair("access", "next", clock.now())
        stored_pair = store.refresh_pair(lambda _token: pair, outdated_pair=None)
        assert read_authorisation(desk) == (True, [])
        for _ in range(2):
            with pytest.raises(CredentialsRefused):
                store.refresh_pair(lambda _token: None, outdated_pair=stored_pair)
        assert read_authorisation(desk) == (False, [AUTHORISATION_RULE])
        store.store_first_pair(lambda: pair)
        assert read_authorisation(desk) == (True, [])


@pytest.mark.expects_log("the lease can't be given up while the database is away")
def test_an_authorisation_is_completed_after_the_database_has_failed(console: Console) -> None:
    """The database fails between the provider's answer and the COMMIT: the desk's spool has the pair, encrypted, and
    another process stores it without a new code. A pair that the database has got meanwhile is kept. If the spool
    fails, too, the pair is lost.
    """
    file = Path(str(console.settings.database_path))
    away = file.with_suffix(".away")

    def exchange_while_database_fails() -> TokenPair:
        file.rename(away)
        return TokenPair("access-of-code", "refresh-of-code", console._context.now())

    def fail_to_store(exchange: Callable[[], TokenPair], reason: str) -> None:
        with pytest.raises(TokenAnswerLost) as lost:
            make_token_store(console).store_first_pair(exchange)
        away.rename(file)
        assert lost.value.reason == reason
        with console.database.write_without_retries() as tx:  # the database was away when the lease was given up
            tx.conn.execute(text("UPDATE leases SET lease_expires = 0"))

    fail_to_store(exchange_while_database_fails, "tokens_not_stored")
    assert b"of-code" not in b"".join(path.read_bytes() for path in console.settings.home.glob("desk.db*"))
    assert make_token_store(console).find_current_pair() is None
    stored = make_token_store(console).store_spooled_pair()
    assert stored is not None
    assert (stored.access_token, stored.refresh_token, stored.version) == ("access-of-code", "refresh-of-code", 1)
    assert make_token_store(console).find_current_pair() == stored
    assert make_token_store(console).store_spooled_pair() is None

    fail_to_store(exchange_while_database_fails, "tokens_not_stored")
    newer = make_token_store(console).refresh_pair(lambda _: TokenPair("a", "b", None), outdated_pair=stored)
    assert make_token_store(console).store_spooled_pair() is None
    assert make_token_store(console).find_current_pair() == newer

    def exchange_while_both_fail() -> TokenPair:
        (console.settings.home / "desk.db").unlink()
        return exchange_while_database_fails()

    fail_to_store(exchange_while_both_fail, "tokens_lost")


def read_authorisation(desk: Console) -> tuple[bool, list[str]]:
    """Return True if the check of AlarmBox by the command `doctor` passes, and the rules of the open alerts."""
    results = [check.ok for check in desk.health.run_all_checks() if check.name == "alarmbox"]
    return results[0], [item.alert.rule_id for item in desk.alerts.list_open_alert_items()]
