"""Reads and writes of the providers' access and refresh tokens, encrypted. A pair of tokens is replaced by
compare-and-swap, so that no desk overwrites a newer pair of another desk."""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc
from console.store.schema.core import provider_tokens


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A row of `provider_tokens`: the encrypted pair of access and refresh token, the pair's expiry, the row's
    version, and hashes. A first token is a refresh token that a person entered; `hashes_of_used_first_tokens`
    has the hashes of those first tokens that were used already.
    """

    encrypted_pair: str | None
    expires_at: datetime | None
    version: int
    hashes_of_used_first_tokens: tuple[str, ...]
    """Hashes of those first tokens (refresh tokens that a person entered) that the program has used, sorted by the
    time of the first use. A trigger allows new hashes only at the end of the list."""


def read_token(conn: Connection, provider: str) -> StoredToken | None:
    """Return the provider's row of `provider_tokens`, which may be without a pair of tokens; None if there is no
    row."""
    row = conn.execute(
        select(
            provider_tokens.c.sealed,
            provider_tokens.c.expires_at,
            provider_tokens.c.version,
            provider_tokens.c.used_first,
        ).where(provider_tokens.c.provider == provider)
    ).first()
    if row is None:
        return None
    expires_at = convert_to_aware_utc(row.expires_at) if row.expires_at else None
    return StoredToken(row.sealed, expires_at, row.version, tuple(json.loads(row.used_first)))


def replace_token(
    conn: Connection, provider: str, former_token: StoredToken | None, new_token: StoredToken, now: datetime
) -> bool:
    """Write the pair of tokens `new_token` if the provider's row still has the version of `former_token` (None: there
    is no row). Return False if another desk has written the row meanwhile.
    """
    values = {
        "sealed": new_token.encrypted_pair,
        "expires_at": convert_to_naive_utc(new_token.expires_at) if new_token.expires_at else None,
        "version": new_token.version,
        "used_first": json.dumps(new_token.hashes_of_used_first_tokens),
        "changed_at": convert_to_naive_utc(now),
    }
    if former_token is None:
        try:
            conn.execute(insert(provider_tokens).values(provider=provider, **values))
        except IntegrityError:  # two desks wrote the first pair at the same time
            return False
        return True
    is_replaced = (
        update(provider_tokens)
        .where(provider_tokens.c.provider == provider, provider_tokens.c.version == former_token.version)
        .values(**values)
    )
    return conn.execute(is_replaced).rowcount == 1
