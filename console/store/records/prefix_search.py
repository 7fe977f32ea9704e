"""Search for orders, payments and refunds by the beginning of a number or of a payer. Each searched column is read
from its own index."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BindParameter,
    Column,
    Connection,
    Executable,
    Integer,
    Select,
    bindparam,
    literal,
    select,
    union_all,
)

from console.domain.lookup.number_input import HYPHEN_BY_DASH
from console.domain.payments.records import Order, Payment
from console.domain.records import CreditCheck
from console.domain.registry.legal_forms import LEGAL_FORMS_BEFORE_NAMES, remove_legal_form, write_out_legal_forms
from console.store.database.server import reads_views
from console.store.payments import orders, payments
from console.store.queues.table_queries import QueuedRecord
from console.store.refunds import refunds
from console.store.schema.payments import orders as order_table
from console.store.schema.payments import payments as payment_table
from console.store.schema.payments import refunds as refund_table

_LIMIT_PARAMETER: BindParameter[int] = bindparam("limit", type_=Integer)
_LARGEST_CHARACTER = "\U0010ffff"
_LETTERS_AND_DIGITS_PATTERN = re.compile(r"([A-Za-z]{1,8})([0-9]{3,})")
"""Matches a number that a person has typed without its hyphen, such as `S100042`."""
_SHOWN_REFUND_PATTERN = re.compile(r"R-?([1-9][0-9]{0,17})")


def _list_half_width_kana() -> Iterator[tuple[int, str]]:
    """Yield the code of each full-width kana or sign that has a half-width form, with this form. The form of a kana
    with a voicing mark has two characters."""
    half_width_kana = [chr(code) for code in range(0xFF61, 0xFFA0)]
    for text in (*half_width_kana, *(kana + mark for kana in half_width_kana for mark in "\uff9e\uff9f")):
        full_width_text = unicodedata.normalize("NFKC", text)
        if len(full_width_text) == 1:
            yield ord(full_width_text), text


_WIDE_SPACE_TRANSLATION: Mapping[int, str] = {0x20: "\u3000"}
_FULL_WIDTH_TRANSLATION: Mapping[int, str] = {
    **_WIDE_SPACE_TRANSLATION,
    **{code: chr(code + 0xFEE0) for code in range(0x21, 0x7F)},
}
_NAME_TRANSLATIONS: Sequence[Mapping[int, str]] = (
    {},
    _WIDE_SPACE_TRANSLATION,
    _FULL_WIDTH_TRANSLATION,
    dict(_list_half_width_kana()),
)
"""Translations of a typed name into the other spellings of `list_name_spellings`."""


def _make_prefix_query(kind: str, column: Column[Any]) -> Select[Any]:
    """Return the query of the kind and id of the first rows whose column `column` is in the range from the parameter
    `id_first` up to, not including, `id_beyond`, sorted by that column. The parameter `limit` limits the number of
    rows.
    """
    rows = select(literal(kind).label("kind"), column.table.c.id.label("id"))
    rows_in_range = rows.where(column >= bindparam("id_first"), column < bindparam("id_beyond"))
    return select(rows_in_range.order_by(column).limit(_LIMIT_PARAMETER).subquery())


_NUMBER_PREFIX_QUERIES = (
    _make_prefix_query(orders.ORDER_KIND, order_table.c.merch_txn_id),
    _make_prefix_query(orders.ORDER_KIND, order_table.c.atom_txn_id),
    _make_prefix_query(payments.PAYMENT_KIND, payment_table.c.merchant_payment_id),
    _make_prefix_query(payments.PAYMENT_KIND, payment_table.c.provider_payment_id),
    _make_prefix_query(refunds.REFUND_KIND, refund_table.c.provider_refund_key),
    _make_prefix_query(refunds.REFUND_KIND, refund_table.c.refund_txn_id),
)
_IDS_BY_NUMBER_PREFIX_QUERY = union_all(*_NUMBER_PREFIX_QUERIES)
_IDS_BY_PAYER_PREFIX_QUERY = _make_prefix_query(payments.PAYMENT_KIND, payment_table.c.payer_ref)


def find_ids_by_prefix(conn: Connection, text: str, limit: int) -> dict[str, set[int]]:
    """Return, by kind, the ids of the orders, payments and refunds with a number or payer that begins with `text`.

    For each searched column and each spelling, at most `limit` ids are returned. Numbers are compared with the
    spellings of `list_number_spellings`, payers with those of `list_name_spellings`. On a connection of a database
    account that reads masked views, payers aren't searched, because the account can't see them.
    """
    ids: dict[str, set[int]] = {orders.ORDER_KIND: set(), payments.PAYMENT_KIND: set(), refunds.REFUND_KIND: set()}
    searches: list[tuple[Executable, str]] = [
        (_IDS_BY_NUMBER_PREFIX_QUERY, spelling) for spelling in list_number_spellings(text)
    ]
    if not reads_views(conn):
        searches += [(_IDS_BY_PAYER_PREFIX_QUERY, spelling) for spelling in list_name_spellings(text)]
    for query, spelling in searches:
        # the second bound is sorted after all texts that begin with the spelling
        parameters = {"id_first": spelling, "id_beyond": spelling + _LARGEST_CHARACTER, "limit": limit}
        for kind, record_id in conn.execute(query, parameters):
            ids[kind].add(record_id)
    return ids


def list_name_spellings(text: str) -> tuple[str, ...]:
    """Return the spellings under which a name that a person typed as `text` may be stored; it is the name of a
    company or payer. The first spelling is `text` itself. The next ones are its NFKC form, this form in small
    letters, and this form in capitals. Each of these four is also returned with wide spaces, in full-width letters
    (as in the corporation registry), and in half-width katakana (as in bank transfers).
    """
    plain_text = unicodedata.normalize("NFKC", text)
    forms = dict.fromkeys((text, plain_text, plain_text.lower(), plain_text.upper()))
    return tuple(dict.fromkeys(form.translate(table) for table in _NAME_TRANSLATIONS for form in forms))


def list_company_name_beginnings(text: str) -> tuple[str, ...]:
    """Return the texts with which the stored name of a company may begin if a person typed the name as `text`, the
    best first. These are the spellings of the text (`list_name_spellings`), the spellings of the name without a legal
    form, and each of the latter after one of LEGAL_FORMS_BEFORE_NAMES. So アルファ also finds 株式会社アルファ,
    and ㈱アルファ finds アルファ株式会社.
    """
    spellings_without_form = list_name_spellings(remove_legal_form(write_out_legal_forms(text)))
    names_after_form = (form + name for form in LEGAL_FORMS_BEFORE_NAMES for name in spellings_without_form)
    return tuple(dict.fromkeys((*list_name_spellings(text), *spellings_without_form, *names_after_form)))


def list_number_spellings(text: str) -> tuple[str, ...]:
    """Return the spellings under which a number or key of a record that a person typed as `text` may be stored. The
    first one is the NFKC form of the text, in which full-width characters are ASCII.

    The other spellings are made of this form with a hyphen in place of every other dash. If that text has other
    characters than ASCII, there are no other spellings. Otherwise they are that text and, if it has a digit, also
    that text with hyphens in place of spaces, and without spaces. If the text without spaces is some letters followed
    by digits, it is also returned with a hyphen between them. Each of these is returned unchanged, in capitals and in
    small letters.
    """
    typed = unicodedata.normalize("NFKC", text)
    hyphenated = typed.translate(HYPHEN_BY_DASH)
    if not hyphenated.isascii():
        return (typed,)
    divided = [hyphenated]
    if any(character.isdecimal() for character in hyphenated):
        divided += [hyphenated.replace(" ", "-"), hyphenated.replace(" ", "")]
    without_hyphen = _LETTERS_AND_DIGITS_PATTERN.fullmatch(divided[-1])
    if without_hyphen is not None:
        divided.append("-".join(without_hyphen.groups()))
    return tuple(dict.fromkeys((typed, *(form for one in divided for form in (one, one.upper(), one.lower())))))


def parse_refund_number(text: str) -> tuple[str, int] | None:
    """Return the kind (always refund) and the id of the refund whose number on the screens, such as R-17, is `text`.
    Any spelling of `list_number_spellings` is accepted. Return None if `text` isn't such a number.
    """
    match = next(filter(None, map(_SHOWN_REFUND_PATTERN.fullmatch, list_number_spellings(text))), None)
    return None if match is None else (refunds.REFUND_KIND, int(match[1]))


def is_exact_match(record: QueuedRecord, text: str) -> bool:
    """True if the typed text identifies the record exactly. This is so if the record is a payment whose payer is one
    of the spellings of the text (`list_name_spellings`), or if one of the spellings of the text
    (`list_number_spellings`) is one of these numbers of the record:

    - the order number of an order
    - our payment number, or the id that the provider gave to a payment or refund
    - the idempotency key of a refund, or its number on the screens

    Always False for a credit check.
    """
    spellings = list_number_spellings(text)
    if isinstance(record, CreditCheck):
        return False
    if isinstance(record, Order):
        return record.merch_txn_id in spellings
    if isinstance(record, Payment):
        return (
            record.merchant_payment_id in spellings
            or record.provider_payment_id in spellings
            or record.payer in list_name_spellings(text)
        )
    return (
        record.provider_refund_key in spellings
        or record.provider_refund_id in spellings
        or parse_refund_number(text) == (refunds.REFUND_KIND, record.id)
    )
