"""Disabled people. One administrator disables a person at once, for example because the person has left or the
account was stolen; two administrators together enable the person again. The file of accounts can disable people, too;
only the file enables these."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from console.domain.access.people_commands import OPERATOR_KIND
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.records import Person

LONGEST_REASON_CHARACTERS = 200
PROPOSAL_TIME_LIMIT = timedelta(hours=24)
"""Time for which the request to enable a person waits for a second administrator."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Disabling:
    """The present disabling of a person: its instant (`since`), the administrator who has disabled the person (`by`),
    and this administrator's `reason`. `by` and `reason` are None if the file of accounts has disabled the person."""

    since: datetime
    by: str | None
    reason: str | None

    @property
    def id(self) -> str:
        """The text that distinguishes this disabling from an earlier or later one of the same person: its instant in
        microseconds since 1970. A request to enable the person names it, so that the request counts for this
        disabling only."""
        return str((self.since - _EPOCH) // timedelta(microseconds=1))


def make_enabling_subject(person_name: str, disabling_id: str | None) -> str:
    """Return the text that names the subject of a request to enable the person: the person's name, and the id of the
    disabling that the request would end, such as `op-a 1763594401000000`. `disabling_id` is None for a person who
    isn't disabled; the text then has `none` in place of the id."""
    return f"{person_name} {'none' if disabling_id is None else disabling_id}"


def make_stale_disabling_error(seen_disabling_id: str, disabling: Disabling) -> ConsoleError:
    """Return the error `stale_view` for a person who is disabled anew, by `disabling`, since the administrator has
    seen the disabling with the id `seen_disabling_id`."""
    changes = {"disabling": {"saw": seen_disabling_id, "now": disabling.id}}
    return ConsoleError(ErrorCode.STALE_VIEW, {"about": OPERATOR_KIND, "changed": changes})


@dataclass(frozen=True, slots=True)
class PersonAccess:
    """A person with roles, and the person's disabling (None for an enabled person). `proposed_by` is the
    administrator who has requested to enable the person; it is None if nobody has. A second administrator must
    confirm the request."""

    person: Person
    disabling: Disabling | None = None
    proposed_by: str | None = None
