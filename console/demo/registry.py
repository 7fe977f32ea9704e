"""The demo's corporation registry: a whole file with the companies of the sample records and 200,000 other invented
corporations, and the difference file of one day. A background thread makes and imports these files, so that the demo
starts at once.
"""

import contextlib
import logging
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from console.domain.corporation_number import is_well_formed
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.registry.publication_days import is_publication_day

if TYPE_CHECKING:
    from console.sandbox import Sandbox
    from console.sandbox.registry import RegistryRow

REGISTRY_ROW_COUNT = 200_000
CHANGED_ROW_COUNT = 300
_ROWS_PER_CLOSED_COMPANY = 97
"""Of this many companies with records, one was closed before the day of the registry."""
_ROWS_PER_MERGED_COMPANY = 131
"""Of this many companies with records, one was merged into the next company before the day of the registry."""
_ROWS_PER_RENAMED_COMPANY = 61
"""Of this many companies with records, one was renamed before the day of the registry."""
_CHANGE_COUNT_PER_KIND = 2
FileImporter = Callable[[Path, Callable[[], bool]], object]
"""A function that imports a file of the publisher; its second argument returns True if it must stop."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DemoRegistry:
    """The content of the simulated publisher's files: a whole file of the day `whole_file_day` with the companies of
    the sample records, and the difference file of the day `difference_file_day`, which changes some of them. The same
    `seed` gives the same files."""

    seed: int
    whole_file_day: date
    difference_file_day: date
    companies: "tuple[RegistryRow, ...]"
    changes: "tuple[RegistryRow, ...]"


def plan_demo_registry(
    seed: int, today: date, numbers: Sequence[str], watched_numbers: Sequence[str]
) -> DemoRegistry:
    """Return the demo's registry as of the day `today`: one company for each of `numbers` that the publisher could
    have assigned, and a difference that changes some of the corporations with the numbers `watched_numbers`. The same
    `seed` gives the same companies."""
    difference_file_day = _find_publication_day_before(today)
    whole_file_day = _find_publication_day_before(difference_file_day)
    # Some sample records have another text than a corporation number on purpose.
    companies = _make_registry_companies(seed, whole_file_day, sorted(filter(is_well_formed, set(numbers))))
    row_by_number = {row.corporate_number: row for row in companies}
    watched_rows = [
        row for number in dict.fromkeys(watched_numbers) if (row := row_by_number.get(number)) and not row.close_date
    ]
    return DemoRegistry(
        seed,
        whole_file_day,
        difference_file_day,
        companies,
        _make_changed_companies(difference_file_day, watched_rows),
    )


def publish_demo_registry(sandbox: "Sandbox", registry: DemoRegistry) -> None:
    """Publish the registry at the sandbox, so that the simulated Web-API of the publisher returns the same rows as
    the registry's files contain."""
    publication = sandbox.registry
    publication.publish_whole(REGISTRY_ROW_COUNT, registry.seed, registry.whole_file_day, registry.companies)
    publication.publish_difference(registry.difference_file_day, CHANGED_ROW_COUNT, registry.changes)


@contextlib.contextmanager
def import_registry_in_background(
    home: Path, registry: DemoRegistry, import_file: FileImporter
) -> Iterator[threading.Thread]:
    """Within the block, a thread writes the files of `registry` into the home folder and imports each by a call of
    `import_file`. The arguments of `import_file` are the path of the file, and a function that returns True if the
    import must stop. Yield the thread. At the end of the block, stop the thread and wait for its end.
    """
    stopping = threading.Event()
    thread = threading.Thread(
        target=_import_registry, args=(home, registry, import_file, stopping), name="demo-registry"
    )
    thread.start()
    try:
        yield thread
    finally:
        stopping.set()
        thread.join()


def _import_registry(
    home: Path, registry: DemoRegistry, import_file: FileImporter, stop_event: threading.Event
) -> None:
    """Write the files of the demo's registry into the home folder and import each with `import_file`: first the whole
    file, then the difference. Stop as soon as `stop_event` is set. If the import raises a ConsoleError, return: the
    demo then has no corporation registry. Log a warning about it, unless the import was stopped.
    """
    from console.sandbox.registry import write_difference_file, write_whole_file

    files = home / "registry-files"
    files.mkdir(mode=0o700)
    try:
        whole_file = write_whole_file(
            files,
            registry.whole_file_day,
            REGISTRY_ROW_COUNT,
            registry.seed,
            first_rows=registry.companies,
            should_stop=stop_event.is_set,
        )
        difference = write_difference_file(
            files,
            registry.difference_file_day,
            CHANGED_ROW_COUNT,
            registry.seed,
            whole_row_count=REGISTRY_ROW_COUNT,
            whole_file_day=registry.whole_file_day,
            changes=registry.changes,
        )
        for path in (whole_file, difference):  # the whole file first: the changes are counted from it
            if not stop_event.is_set():
                import_file(path, stop_event.is_set)
    except ConsoleError as error:
        if error.code != ErrorCode.INTERRUPTED:
            _log.warning("the demo has no corporation registry: %s", error.code)


def _find_publication_day_before(day: date) -> date:
    """Return the last day before `day` on which the registry's publisher publishes a difference."""
    day -= timedelta(days=1)
    while not is_publication_day(day):
        day -= timedelta(days=1)
    return day


def _make_registry_companies(seed: int, day: date, numbers: Sequence[str]) -> "tuple[RegistryRow, ...]":
    """Return one registry row for each number in `numbers`, with the name that the simulated AlarmBox has for it.
    Most companies are unchanged; some were renamed, closed or merged before the day `day`. The same `seed` gives the
    same rows."""
    from console.sandbox.alarmbox.companies import make_company_furigana, make_company_name
    from console.sandbox.registry import close_company, make_company_row, merge_company, rename_company
    from console.sandbox.registry.prefectures import PREFECTURES, TOWN_NAMES
    from console.sandbox.registry.rows import FULL_WIDTH_DIGITS_TABLE

    random_source = random.Random(seed)  # noqa: S311 - repeatable on purpose, nothing secret
    rows = []
    for index, (number, next_number) in enumerate(pairwise((*numbers, ""))):
        prefecture = random_source.choices(PREFECTURES, [entry.weight for entry in PREFECTURES])[0]
        city, town = random_source.choice(prefecture.cities), random_source.randrange(len(TOWN_NAMES))
        street = (
            f"{random_source.randrange(1, 9)}丁目{random_source.randrange(1, 30)}－{random_source.randrange(1, 30)}"
        )
        row = make_company_row(number, make_company_name(number), furigana=make_company_furigana(number))._replace(
            prefecture_name=prefecture.name,
            city_name=city.name,
            street_number=TOWN_NAMES[town] + street.translate(FULL_WIDTH_DIGITS_TABLE),
            prefecture_code=prefecture.code,
            city_code=city.code,
            post_code=f"{city.post_code_prefix}{town + 1:02d}",
        )
        changed_on = day - timedelta(days=random_source.randrange(20, 400))
        if index % _ROWS_PER_CLOSED_COMPANY == _ROWS_PER_CLOSED_COMPANY - 1:
            row = close_company(row, changed_on)
        elif index % _ROWS_PER_MERGED_COMPANY == _ROWS_PER_MERGED_COMPANY - 1 and next_number:
            row = merge_company(row, next_number, changed_on)
        elif index % _ROWS_PER_RENAMED_COMPANY == _ROWS_PER_RENAMED_COMPANY - 1:
            row = rename_company(row, f"{row.name}ホールディングス", changed_on, f"{row.furigana}ホールディングス")
        rows.append(row)
    return tuple(rows)


def _make_changed_companies(day: date, watched_rows: "Sequence[RegistryRow]") -> "tuple[RegistryRow, ...]":
    """Return the rows of the difference of the day `day`: each is one of `watched_rows` with one change on this day.
    The first _CHANGE_COUNT_PER_KIND rows get a new name, as many next rows a new address; then come closures, and
    mergers with the corporation of the first row. All four kinds occur only if `watched_rows` has more than three
    times _CHANGE_COUNT_PER_KIND rows; with fewer rows the later kinds are missing."""
    from console.sandbox.registry import close_company, merge_company, move_company, rename_company

    groups = [
        watched_rows[start : start + _CHANGE_COUNT_PER_KIND]
        for start in range(0, 4 * _CHANGE_COUNT_PER_KIND, _CHANGE_COUNT_PER_KIND)
    ]
    renamed_rows, moved_rows, closed_rows, merged_rows = groups
    return (
        *(rename_company(row, f"新{row.name}", day, f"シン{row.furigana}") for row in renamed_rows),
        *(move_company(row, "本町１丁目１－１", day) for row in moved_rows),
        *(close_company(row, day, cause) for row, cause in zip(closed_rows, ("01", "21"), strict=False)),
        *(merge_company(row, watched_rows[0].corporate_number, day) for row in merged_rows),
    )
