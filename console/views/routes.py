"""Where in the window somebody can be: each place as a value that can be kept, gone back to and compared."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class HomeRoute:
    """What waits, over everything."""


@dataclass(frozen=True, slots=True)
class QueuesRoute:
    """One queue by name; "" keeps the one that was open."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class LookupRoute:
    """All we have for what was typed; "" is the empty field, `buy` opens the purchase at once."""

    text: str = ""
    buy: bool = False


@dataclass(frozen=True, slots=True)
class AuditRoute:
    """The audit trail."""


@dataclass(frozen=True, slots=True)
class RecordRoute:
    """One credit check. `trail` are the ids of the list that it was opened from, for previous and next."""

    id: int
    trail: tuple[int, ...] = ()
    place: str = "lookup"


@dataclass(frozen=True, slots=True)
class OperationRoute:
    """One operation of the journal, perhaps known to this desk alone."""

    id: str


@dataclass(frozen=True, slots=True)
class PdfRoute:
    """A stored PDF of a credit check; without a content hash the current one."""

    record: int
    sha256: str | None = None


Route: TypeAlias = HomeRoute | QueuesRoute | LookupRoute | AuditRoute | RecordRoute | OperationRoute | PdfRoute
