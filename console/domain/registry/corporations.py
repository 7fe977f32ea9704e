"""Values of the corporation registry: a corporation, matches of a search, imported files and changes.

The fields and their codes follow the publisher's resource definition (リソース定義書) of the download files and of
version 4 of its Web-API.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Protocol

CHANGE_RETENTION_DAYS = 92
"""Number of days for which the registry keeps the changes of corporations."""


class CorporationKind(StrEnum):
    """Kind of a corporation: a body of the state, a local government, one of the registered forms such as a stock
    company (株式会社), a foreign company, or another kind. The values are the publisher's codes in the column `kind`
    of its files.
    """

    STATE = "101"
    LOCAL_GOVERNMENT = "201"
    STOCK_COMPANY = "301"
    LIMITED_COMPANY = "302"
    GENERAL_PARTNERSHIP = "303"
    LIMITED_PARTNERSHIP = "304"
    LIMITED_LIABILITY_COMPANY = "305"
    OTHER_REGISTERED = "399"
    FOREIGN = "401"
    OTHER = "499"


class CloseCause(StrEnum):
    """Cause for which a corporation's registration was closed: the end of its liquidation, a merger, a closure by the
    registrar, or another cause. The values are the publisher's codes (`closeCause`).
    """

    LIQUIDATION = "01"
    MERGER = "11"
    BY_REGISTRAR = "21"
    OTHER = "31"


class CorporationEvent(StrEnum):
    """The event because of which the publisher wrote the present row of a corporation, such as a new name or a
    merger. The values are the publisher's codes (`process`)."""

    NEW = "01"
    NAME_CHANGED = "11"
    DOMESTIC_ADDRESS_CHANGED = "12"
    FOREIGN_ADDRESS_CHANGED = "13"
    CLOSED = "21"
    REOPENED = "22"
    MERGED = "71"
    MERGER_VOID = "72"
    TRADE_NAME_CANCELLED = "81"
    DELETED = "99"


@dataclass(frozen=True, slots=True)
class Closure:
    """The closure of a corporation's registration: its day and its cause."""

    day: date
    cause: CloseCause


@dataclass(frozen=True, slots=True)
class Corporation:
    """The present facts of one corporation, as the publisher publishes them. `number` has 13 digits. `name` is empty
    only if `name_image_id` is set: the publisher then has the name only as an image, because no character set has its
    characters. `address_image_id` is set if the publisher has the address only as an image. `post_code` has 7 digits
    or is empty. `address_outside` is the address of a corporation abroad.

    `changed_on` is the day of the event `process`, `updated_on` the day on which the publisher updated the row,
    `assigned_on` the day on which the number was assigned. `closure` is None while the corporation is open;
    `successor` is the number of the corporation into which it was merged, None if it wasn't merged. `is_hidden` is
    True if the publisher excludes the corporation from search (`hihyoji`); a search by its number still finds it.
    """

    number: str
    name: str
    furigana: str
    english_name: str
    kind: CorporationKind
    prefecture: str
    city: str
    street: str
    post_code: str
    prefecture_code: str
    city_code: str
    address_outside: str
    process: CorporationEvent
    updated_on: date
    changed_on: date
    assigned_on: date
    closure: Closure | None = None
    successor: str | None = None
    change_cause: str = ""
    name_image_id: str = ""
    address_image_id: str = ""
    is_hidden: bool = False

    @property
    def address(self) -> str:
        """The address in one text: prefecture, city and street, or the address abroad."""
        return f"{self.prefecture}{self.city}{self.street}" or self.address_outside


@dataclass(frozen=True, slots=True)
class RegistryMatch:
    """A corporation that a search found. `has_records` is True if this database has a credit check, an order, a
    payment or a refund of its number; `has_open_records` is True if one of them waits for a person, has an unknown
    outcome, or is a refund that has not ended.
    """

    corporation: Corporation
    has_records: bool = False
    has_open_records: bool = False


@dataclass(frozen=True, slots=True)
class RegistryMatches:
    """The result of a search: at most the requested number of corporations, the best first, and the day up to which
    the registry in use is complete (`registry_date`; None if this desk has no registry). `has_more` is True if more
    corporations match. `other_spelling` is the other spelling of the searched text that these corporations match; ""
    if they match the text itself. `is_one_character` is True if nothing was found because the text is a single
    character: the search doesn't look for single characters within names.
    """

    items: tuple[RegistryMatch, ...]
    registry_date: date | None
    has_more: bool = False
    other_spelling: str = ""
    is_one_character: bool = False


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """A file from which the registry in use was made. `sha256` is the lower-case hexadecimal digest of its bytes;
    `is_difference` is False for a whole file; `day` is the day of its contents. `rows` is the number of its rows.
    `prefecture_code` is the code of the prefecture of a whole file (`00`: the nation), empty for a difference.
    """

    name: str
    sha256: str
    day: date
    is_difference: bool
    rows: int
    prefecture_code: str


@dataclass(frozen=True, slots=True)
class RegistryStatus:
    """The registry in use. `rows` is the number of corporations. `cycles` are the groups of corporations whose
    mergers form a circle (A into B, and B into A); the program doesn't follow their successors.
    """

    registry_date: date
    rows: int
    files: tuple[ImportedFile, ...]
    cycles: tuple[tuple[str, ...], ...] = ()

    @property
    def changes_complete_since(self) -> date:
        """The first day from which the registry has all changes of corporations. It is the day after the day of the
        whole files, because a whole file has the state of its day and no changes. It is later if the oldest changes
        were deleted, which are stored for CHANGE_RETENTION_DAYS."""
        oldest_kept_day = self.registry_date - timedelta(days=CHANGE_RETENTION_DAYS)
        whole_days = (file.day + timedelta(days=1) for file in self.files if not file.is_difference)
        return max(oldest_kept_day, *whole_days)


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """Progress of an import. `step` is the present step (`read`: the file is checked; `rows`: its rows are inserted;
    `finish`: the indexes are built). `done_row_count` of `total_row_count` rows of the file `name` are done;
    `rows_per_second` is the number of rows per second since the import began (0 until it is known).
    """

    step: str
    name: str
    done_row_count: int
    total_row_count: int
    rows_per_second: float


class ChangedFact(StrEnum):
    """Fact of a corporation that differs between two states of the registry: it is new or deleted; its name,
    address or successor has changed; or it was closed or reopened."""

    NEW = "new"
    NAME = "name"
    ADDRESS = "address"
    CLOSED = "closed"
    REOPENED = "reopened"
    SUCCESSOR = "successor"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class CorporationChange:
    """A change of the corporation `corporation_number` by a difference file: `facts` are the changed facts, `before`
    and `after` the corporation in the registry before and after the difference. `day` is the day of the difference.
    `before` is None if the corporation was not in the registry, `after` is None if it was deleted from the registry.
    """

    corporation_number: str
    day: date
    facts: frozenset[ChangedFact]
    before: Corporation | None
    after: Corporation | None


class ComparableFacts(Protocol):
    """Interface of the facts of a corporation whose changes the program reports to people: the fields of
    `Corporation` with the same names. A `Corporation` and the stored `WatchedFacts` have these facts."""

    @property
    def name(self) -> str: ...
    @property
    def name_image_id(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def address_image_id(self) -> str: ...
    @property
    def closure(self) -> Closure | None: ...
    @property
    def successor(self) -> str | None: ...


def find_changed_facts(before: ComparableFacts | None, after: ComparableFacts | None) -> frozenset[ChangedFact]:
    """Return the facts in which the states `before` and `after` of a corporation differ; empty if nothing differs. If
    the registry had no such corporation before (`before` None), return NEW; if it no longer has it (`after` None),
    return DELETED.
    """
    if after is None:
        return frozenset({ChangedFact.DELETED} if before is not None else ())
    if before is None:
        return frozenset({ChangedFact.NEW})
    differs: Mapping[ChangedFact, bool] = {
        ChangedFact.NAME: (before.name, before.name_image_id) != (after.name, after.name_image_id),
        ChangedFact.ADDRESS: (before.address, before.address_image_id) != (after.address, after.address_image_id),
        ChangedFact.CLOSED: after.closure is not None and before.closure != after.closure,
        ChangedFact.REOPENED: before.closure is not None and after.closure is None,
        ChangedFact.SUCCESSOR: before.successor != after.successor,
    }
    return frozenset(fact for fact, is_different in differs.items() if is_different)
