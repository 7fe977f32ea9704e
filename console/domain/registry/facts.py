"""Facts of the registry in use about a corporation number, with the registry's date. Also the name and the licence of
the registry's publisher.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from console.domain.registry.corporations import CloseCause, Corporation, RegistryMatch

REGISTRY_PUBLISHER = "国税庁法人番号公表サイト"
REGISTRY_LICENCE = "公共データ利用規約（第1.0版）（PDL1.0）"
_LEGAL_FORM_BY_ABBREVIATION = {
    "(株)": "株式会社",
    "(有)": "有限会社",
    "(合)": "合同会社",
    "(名)": "合名会社",
    "(資)": "合資会社",
}


@dataclass(frozen=True, slots=True)
class RegistryEntry:
    """A corporation of the registry, and the day up to which the registry is complete (`registry_date`)."""

    corporation: Corporation
    registry_date: date


@dataclass(frozen=True, slots=True)
class CorporationFacts:
    """The registry's facts about a corporation number.

    `corporation` is None if the registry does not have the number. `successors` are the corporations into which it
    was merged, the nearest first; the last one was not merged into another one. `predecessors` are the corporations
    that were merged into it, at most the first thousand by their numbers.
    """

    number: str
    registry_date: date
    corporation: Corporation | None = None
    successors: tuple[RegistryMatch, ...] = ()
    predecessors: tuple[RegistryMatch, ...] = ()

    @property
    def entry(self) -> RegistryEntry | None:
        """The corporation with the date of the registry; None if the registry does not have the number."""
        return None if self.corporation is None else RegistryEntry(self.corporation, self.registry_date)

    @property
    def offered_successor(self) -> Corporation | None:
        """The last successor of a merged corporation: a person should buy the credit check for this successor. None
        if there is no successor, or if the last one is closed too."""
        last = self.successors[-1].corporation if self.successors else None
        return last if last is not None and last.closure is None else None

    @property
    def purchase_warning(self) -> str | None:
        """The reason to warn a person before the purchase of a credit check: `merged` or `closed`. None if the
        corporation is open or unknown to the registry.
        """
        closure = self.corporation.closure if self.corporation is not None else None
        if closure is None:
            return None
        return "merged" if closure.cause is CloseCause.MERGER else "closed"


def find_other_names(names: Iterable[str | None], corporation: Corporation) -> tuple[str, ...]:
    """Return the names that are not the official name of the corporation, each once. The comparison ignores width,
    case, spaces and the abbreviations of legal forms, such as ㈱. Return an empty tuple if the official name is an
    image.
    """
    if not corporation.name:
        return ()
    official_spelling = _normalise_name(corporation.name)
    return tuple(dict.fromkeys(name for name in names if name and _normalise_name(name) != official_spelling))


def _normalise_name(name: str) -> str:
    text = "".join(unicodedata.normalize("NFKC", name).casefold().split())
    for abbreviation, legal_form in _LEGAL_FORM_BY_ABBREVIATION.items():
        text = text.replace(abbreviation, legal_form)
    return text
