"""Search this desk's registry for corporations, and sort those with records of ours first."""

from console.domain.lookup.registry_query import QueryKind, parse_registry_query
from console.domain.registry.corporations import RegistryMatches
from console.services.process.context import ServiceContext
from console.services.registry.facts import make_matches
from console.store.database.sqlalchemy_names import Connection
from console.store.registry import our_records

MIN_MATCH_CANDIDATES = 200
"""Number of the best matches that the program reads at least, even if fewer are requested. Corporations with ended
records of ours are moved to the front only if they are among these matches."""


def find_matches(
    context: ServiceContext, conn: Connection, text: str, prefecture: str | None, limit: int
) -> RegistryMatches:
    """Return at most `limit` corporations of the registry that match the text that a person has typed; with
    `prefecture`, only corporations of that prefecture. Corporations with open records of ours come first, then those
    with other records of ours, then the others. Within each of these groups the best match comes first. Return an
    empty result if this desk has no registry. The caller has checked the right to read. Raises bad_profile or
    storage_full if the registry can't be read.
    """
    reader = context.open_registry()
    if reader is None:
        return RegistryMatches((), None)
    open_numbers = our_records.list_numbers_of_open_records(conn)
    numbers, other_spelling = reader.search_corporation_numbers(
        text, prefecture=prefecture, limit=max(limit + 1, MIN_MATCH_CANDIDATES), our_numbers=open_numbers
    )
    is_open_by_number = our_records.find_numbers_with_our_records(conn, numbers)
    first_numbers = sorted(
        numbers, key=lambda number: (not is_open_by_number.get(number, False), number not in is_open_by_number)
    )[:limit]
    return RegistryMatches(
        make_matches(tuple(reader.find_many(first_numbers).values()), is_open_by_number),
        reader.registry_date,
        has_more=len(numbers) > limit,
        other_spelling=other_spelling,
        is_one_character=not numbers and parse_registry_query(text).kind is QueryKind.ONE_CHARACTER,
    )
