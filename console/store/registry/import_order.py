"""The order in which files may be imported: never back, no difference twice, no published day left out."""

from collections.abc import Sequence
from datetime import date

from console.domain.error_reasons import RegistryOrderProblem
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.registry.corporations import RegistryStatus
from console.domain.registry.publication_days import list_publication_days_between
from console.store.registry.source_file import SourceFile


def check_order(status: RegistryStatus | None, sources: Sequence[SourceFile]) -> None:
    """Check files (those of the whole first, then the differences by day) against the registry in use. Raises
    registry_order with the first file that doesn't fit.
    """
    current = None if status is None else status.registry_date
    reached = current
    whole = sources[0] if not sources[0].is_difference else None
    if whole is not None:
        _check_wholes(sources)
        reached = whole.day
    for source in sources:
        if source.is_difference:
            reached = _check_next(reached, source)
    if current is not None and reached is not None and reached < current:
        raise _order_error(RegistryOrderProblem.OLDER, sources[-1], current)


def _check_wholes(sources: Sequence[SourceFile]) -> None:
    wholes = [source for source in sources if not source.is_difference]
    seen: set[str] = set()
    for source in wholes:
        if source.day != wholes[0].day:
            raise _order_error(RegistryOrderProblem.OTHER_DAY, source, wholes[0].day)
        if source.prefecture in seen:
            raise _order_error(RegistryOrderProblem.TWICE, source, wholes[0].day)
        seen.add(source.prefecture)


def _check_next(reached: date | None, source: SourceFile) -> date:
    if reached is None:
        raise _order_error(RegistryOrderProblem.NO_WHOLE, source, None)
    if source.day <= reached:
        raise _order_error(RegistryOrderProblem.APPLIED, source, reached)
    missing = list_publication_days_between(reached, source.day)
    if missing:
        raise _order_error(RegistryOrderProblem.MISSING, source, reached, missing)
    return source.day


def _order_error(
    problem: RegistryOrderProblem, source: SourceFile, reached: date | None, missing: Sequence[date] = ()
) -> ConsoleError:
    return ConsoleError(
        ErrorCode.REGISTRY_ORDER,
        {
            "problem": problem,
            "file": source.name,
            "registry_date": "" if reached is None else reached.isoformat(),
            "missing_days": [day.isoformat() for day in missing],
        },
    )
