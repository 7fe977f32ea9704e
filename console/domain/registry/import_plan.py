"""Selects the next files to import among the publisher's files in a folder. No I/O."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from console.domain.registry.corporations import RegistryStatus
from console.domain.registry.publication_days import FIRST_PUBLICATION_DAY, list_publication_days_between

_FILE_NAME_PATTERN = re.compile(r"(?:diff|(?P<prefecture>[0-9]{2})_[a-z]+_all)_(?P<day>[0-9]{8})\.zip", re.IGNORECASE)
WHOLE_NATION_CODE = "00"
"""Code in the name of a whole file with the corporations of all prefectures."""


@dataclass(frozen=True, slots=True, order=True)
class PublishedFile:
    """The parts of the name of a publisher's file. `prefecture_code` is the code of the prefecture of a whole file
    (`00`: the nation), empty for a difference.
    """

    day: date
    prefecture_code: str
    name: str

    @property
    def is_difference(self) -> bool:
        """True if the file is a difference, False if it is a whole file."""
        return not self.prefecture_code


def parse_file_name(file_name: str) -> PublishedFile | None:
    """Return the parts of a file's name; None for a name that the publisher doesn't use."""
    match = _FILE_NAME_PATTERN.fullmatch(file_name)
    if match is None:
        return None
    day = parse_file_day(match["day"])
    return None if day is None else PublishedFile(day, match["prefecture"] or "", file_name)


def parse_file_day(digits: str) -> date | None:
    """Return the day that the eight digits in a file's name state. None if the calendar doesn't have this day, or if
    it is before the day on which the first numbers were assigned: the publisher has no file of such a day."""
    try:
        day = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None
    return day if day >= FIRST_PUBLICATION_DAY else None


def plan_import(files: Collection[PublishedFile], status: RegistryStatus | None) -> tuple[PublishedFile, ...]:
    """Return the files that must be imported together now; empty if the registry in use already contains all of them,
    or if there is no registry and no whole file. `files` are all files of the folder, without those of future days.
    `status` is the registry in use, None if there is none.

    Usually these are the difference files for the days after the registry in use, up to the first missing day. In two
    cases they are the newest whole files and the differences for the days after them: if the differences don't reach
    the day of the whole files, or if the registry in use is of the same day and lacks one of the whole files. If the
    folder has only differences after a missing day, the first of them is returned. Its import fails, and the error
    names the missing days. If the registry in use has the whole nation, files of single prefectures are left out:
    their import would be refused, because it would remove the other prefectures.
    """
    differences = sorted(file for file in files if file.is_difference)
    following_files = _list_following_differences(differences, status.registry_date) if status else []
    reached_day = following_files[-1].day if following_files else status.registry_date if status else date.min
    has_nation = status is not None and _has_nation(status)
    whole_files = _choose_newest_whole_files(
        [file for file in files if not has_nation or file.prefecture_code == WHOLE_NATION_CODE]
    )
    if whole_files and (whole_files[0].day > reached_day or _would_add_prefectures(whole_files, status)):
        return (*whole_files, *_list_following_differences(differences, whole_files[0].day))
    if following_files or status is None:
        return tuple(following_files)
    return tuple(file for file in differences if file.day > status.registry_date)[:1]


def _list_following_differences(differences: Sequence[PublishedFile], complete_until: date) -> list[PublishedFile]:
    """Return the differences of the days after `complete_until` (the day of the registry's contents), oldest first,
    up to the first missing day."""
    following_files: list[PublishedFile] = []
    for file in differences:
        if file.day > complete_until:
            if list_publication_days_between(complete_until, file.day):
                break
            following_files.append(file)
            complete_until = file.day
    return following_files


def _choose_newest_whole_files(files: Collection[PublishedFile]) -> list[PublishedFile]:
    """Return the whole files of the newest day that has a whole file. If the nation's file is among them, return this
    file alone; otherwise return the files of all prefectures of that day. Empty if there is no whole file.
    """
    whole_files = [file for file in files if not file.is_difference]
    newest_day = max((file.day for file in whole_files), default=None)
    newest_day_files = sorted(file for file in whole_files if file.day == newest_day)
    return [file for file in newest_day_files if file.prefecture_code == WHOLE_NATION_CODE][:1] or newest_day_files


def _has_nation(status: RegistryStatus) -> bool:
    """True if the registry in use was made of a file of the whole nation."""
    return any(file.prefecture_code == WHOLE_NATION_CODE for file in status.files if not file.is_difference)


def _would_add_prefectures(whole_files: Sequence[PublishedFile], status: RegistryStatus | None) -> bool:
    """True if the registry in use is of the day of `whole_files` but was made without at least one of these files. An
    import of the files then adds prefectures."""
    if status is None or whole_files[0].day != status.registry_date:
        return False
    return not {file.name for file in whole_files} <= {file.name for file in status.files}
