"""Tests of the provider's tokens in the database: an encrypted pair of tokens is accepted only if its version is that
of the row.
"""

import json
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from console.app import Console
from console.domain.errors import ConsoleError
from console.providers.credit_checks.tokens import TokenPair
from console.services.credit_checks.provider_tokens import DatabaseTokenStore
from tests.support.ledger_vendor import LedgerVendor
from tests.support.quick_desks import ManualClock, make_quick_folder, open_quick_desk

PROVIDER = "invented"


@pytest.fixture
def console() -> Iterator[Console]:
    with make_quick_folder() as home, open_quick_desk(home / "desk", LedgerVendor(), ManualClock()) as desk:
        yield desk


def make_token_store(console: Console) -> DatabaseTokenStore:
    """Return a new token store that has no pair of tokens in memory, like that of another process."""
    return DatabaseTokenStore(console._context, PROVIDER, "first", console._context.cipher)


def read_sealed(console: Console) -> str:
    """Return the encrypted pair of tokens in the database."""
    with console.database.read() as conn:
        return str(conn.execute(text("SELECT sealed FROM provider_tokens")).scalar_one())


def write_sealed(console: Console, value: str) -> None:
    """Replace the encrypted pair of tokens in the database."""
    with console.database.write_without_retries() as tx:
        tx.conn.execute(text("UPDATE provider_tokens SET sealed = :value"), {"value": value})


def test_an_older_pair_is_refused_in_every_form(console: Console) -> None:
    """An older encrypted pair of tokens is written back into the row. It is refused with its own version as a prefix,
    with the row's version and without one, because the encrypted text contains the version too.
    """

    def make_next_pair(token: str) -> TokenPair:
        return TokenPair("access", f"{token}-next", console._context.now(), 0)

    first = make_token_store(console).refresh(make_next_pair, outdated_pair=None)
    old = read_sealed(console)
    second = make_token_store(console).refresh(make_next_pair, outdated_pair=first)
    assert (first.version, second.version) == (1, 2)
    assert make_token_store(console).find_current_pair() == second
    inner = old.partition(".")[2]
    for form in (old, f"v2.{inner}", inner, f".{inner}"):
        write_sealed(console, form)
        with pytest.raises(ConsoleError) as refused:
            make_token_store(console).find_current_pair()
        assert (refused.value.code, refused.value.detail["problem"]) == ("bad_profile", "other_key"), form


def test_a_pair_of_an_earlier_version_of_the_program_is_read(console: Console) -> None:
    """A pair of tokens that an earlier release has stored, without a version, is read as version 1."""
    make_token_store(console).refresh(lambda _: TokenPair("a", "b", console._context.now(), 0), outdated_pair=None)
    write_sealed(console, console._context.cipher.encrypt(json.dumps(["old", "older"]).encode()).decode())
    pair = make_token_store(console).find_current_pair()
    assert pair is not None
    assert (pair.access_token, pair.refresh_token, pair.version) == ("old", "older", 1)
