"""Finding records by corporation number, by the beginning of a number or name, or by id."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from console.domain.corporation_number import InvalidCorporationNumber, one_slip, parse
from console.domain.errors import ConsoleError
from console.domain.records import CreditCheck
from console.domain.results import LookupResult
from console.services.desk import Desk, admitted
from console.store import credit_checks, journal, looks

if TYPE_CHECKING:
    from console.domain.order_records import Order, Payment, Refund
    from console.store.queue_parts import Queued

_LONGEST_QUERY = 200
_WIDE_TO_ASCII = {0xFF10 + i: 0x30 + i for i in range(10)} | {
    ord(c): None for c in " \u3000-\u2010\u2212\uff0d\u30fc"
}


class Lookup:
    """Reads by index only, at any table size. Lookups are not audited."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def find(self, text: str) -> LookupResult:
        """All we have for a corporation number, newest first. Raises invalid_corporation_number with at most
        three `candidates` that we have; nothing found is an empty result.
        """
        try:
            number = parse(text, dummies=self._desk.settings.test_numbers)
        except InvalidCorporationNumber as invalid:
            invalid.detail["candidates"] = list(self._explained(invalid))
            raise
        name = self._desk.looker
        try:
            with self._desk.database.read() as conn:
                found = looks.look(conn, number.value, name, anybody=self._desk.anybody)
                more = _money(conn, number.value) if found.money else ((), (), ())
        except ConsoleError as refused:
            if refused.detail.get("reason") == "no_grant":  # the database was quicker; we know why, and say it
                self._desk.require("read")
            raise
        if name is not None:
            admitted(name, found.person)
        return LookupResult(number.value, found.credit_checks, number.stripped_prefix, *more)

    def neighbours(self, text: str) -> tuple[str, ...]:
        """At most three numbers that we have and that one slip in `text` explains."""
        try:
            parse(text)
        except InvalidCorporationNumber as invalid:
            return self._explained(invalid)
        return ()

    def _explained(self, invalid: InvalidCorporationNumber) -> tuple[str, ...]:
        slips = (
            one_slip(invalid.normalized) if invalid.reason in ("CHECK_DIGIT", "LENGTH") and invalid.normalized else ()
        )
        if not slips:
            return ()
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            return credit_checks.known_numbers(conn, slips, 3)

    def suggest(self, text: str, limit: int = 20) -> "tuple[Queued, ...]":
        """Credit checks whose number or name begins with `text`, or whose id or provider's id it is; orders, payments
        and refunds whose number, merchant's or provider's id, key or payer begins so. What is called exactly so comes
        first, then the kinds take turns, each newest first.
        """
        from console.store import beginnings

        query = text.strip()[:_LONGEST_QUERY]
        if not query:
            return ()
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            lapsed = journal.lapsed_by_kind(conn)
            checks = _checks(conn, query, limit, lapsed.get(credit_checks.KIND, frozenset()))
            money = beginnings.of(conn, query, limit, lapsed)
        kinds: tuple[Sequence[Queued], ...] = (checks, money.orders, money.payments, money.refunds)
        in_turn = [record for turn in zip_longest(*kinds) for record in turn if record is not None]
        exact = [record for record in in_turn if beginnings.is_called(record, query)]
        return tuple(dict.fromkeys([*exact, *in_turn]))[:limit]


def _money(
    conn: Connection, number: str
) -> tuple[tuple["Order", ...], tuple["Payment", ...], tuple["Refund", ...]]:
    """Orders, payments and refunds of a number; whoever has none does without what reads them."""
    from console.store import money_looks

    found = money_looks.of_number(conn, number)
    return found.orders, found.payments, found.refunds


def _checks(conn: Connection, query: str, limit: int, lapsed: frozenset[int]) -> tuple[CreditCheck, ...]:
    digits = query.translate(_WIDE_TO_ASCII).removeprefix("T")
    digits = digits if digits.isascii() and digits.isdecimal() else ""
    found = credit_checks.starting_with(conn, digits, "" if digits else query, limit, lapsed)
    if digits and len(digits) < 10:
        one = credit_checks.find(conn, int(digits), lapsed)
        by_provider = credit_checks.with_provider_id(conn, int(digits))
        found = tuple(dict.fromkeys([*([one] if one else []), *by_provider, *found]))
    return found
