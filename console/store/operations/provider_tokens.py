"""The provider's token pair, sealed; replaced by compare-and-swap so that no desk loses a rotated one."""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from console.store.leases import aware, naive
from console.store.schema import provider_tokens

_t = provider_tokens.c


@dataclass(frozen=True, slots=True)
class StoredToken:
    """What the row holds: the sealed pair, and hashes of first refresh tokens that were already used."""

    sealed: str | None
    expires_at: datetime | None
    version: int
    used_first: frozenset[str]


def read(conn: Connection, provider: str) -> StoredToken | None:
    row = conn.execute(
        select(_t.sealed, _t.expires_at, _t.version, _t.used_first).where(_t.provider == provider)
    ).first()
    if row is None:
        return None
    expires = aware(row.expires_at) if row.expires_at else None
    return StoredToken(row.sealed, expires, row.version, frozenset(json.loads(row.used_first)))


def replace(conn: Connection, provider: str, before: StoredToken | None, after: StoredToken, now: datetime) -> bool:
    """Write `after` if the row is still as `before` was read; False when another desk was quicker."""
    values = {
        "sealed": after.sealed,
        "expires_at": naive(after.expires_at) if after.expires_at else None,
        "version": after.version,
        "used_first": json.dumps(sorted(after.used_first)),
        "changed_at": naive(now),
    }
    if before is None:
        try:
            conn.execute(insert(provider_tokens).values(provider=provider, **values))
        except IntegrityError:  # the first pair of all, brought by two at once
            return False
        return True
    swapped = update(provider_tokens).where(_t.provider == provider, _t.version == before.version).values(**values)
    return conn.execute(swapped).rowcount == 1
