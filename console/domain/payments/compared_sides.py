"""The sides of a payment or refund that are compared, and the parts of a captured amount."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ComparedSide:
    """One of the three compared sides of a payment or refund: ours, the provider's or the order's (`name`). `there`
    is False if the side doesn't exist. Instants are aware UTC; a field is None if the side doesn't state it or was
    never read.

    `word` is the side's own word for its state, `state` the console's state for this word. `minor` and
    `refunded_minor` are its amounts in minor units, negative for a refund. `reference` is its own number of the
    payment, refund or order. `since` is the time of this state, `source` the person, provider or shop that stated it.
    `asked` is the instant at which the side was read; `old` is True if this instant is too long ago. `version` is the
    version of the row in this database. `differs` has the fields (state, amount, currency, refunded) that contradict
    our record.
    """

    name: str
    there: bool = True
    state: str | None = None
    word: str | None = None
    minor: int | None = None
    refunded_minor: int | None = None
    currency: str | None = None
    reference: str | None = None
    since: datetime | None = None
    asked: datetime | None = None
    old: bool = False
    source: str | None = None
    version: int | None = None
    differs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MoneyParts:
    """Parts of a payment's captured amount, in minor units of one currency: refunded, accepted by the provider for
    refund (`on_its_way`), in refunds with an unknown outcome, in other open refunds, which wait or are being sent
    (`waiting`), set aside, given back other than through the provider (`outside`), and refundable.
    """

    currency: str
    captured: int
    refunded: int
    on_its_way: int
    unknown: int
    waiting: int
    set_aside: int
    refundable: int
    outside: int = 0
