"""Parsers of settings: each converts a text from an environment variable or the profile file to a validated value."""

import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, Unpack

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.setting_problems import SettingProblem

if TYPE_CHECKING:
    from console.domain.errors.details import BadProfileDetail

# Texts, not compiled patterns: `re` compiles one at its first use, and a start uses few of them.
CLIENT_ID_PATTERN = r"[1-9][0-9]{0,17}"
_OPERATOR_PATTERN = r"[A-Za-z0-9._-]{1,32}"
_LONGEST_LINE_CHARACTERS = 60
_TELEPHONE_PATTERN = r"[0-9+(][0-9 ()+.-]{2,29}"
_DECIMAL_PATTERN = r"[0-9]{1,9}(\.[0-9]{1,9})?"
_FAILPOINT_PATTERN = r"([a-z][a-z0-9_]*):([1-9][0-9]{0,8}):(kill|raise|hang)"

ChoiceT = TypeVar("ChoiceT", bound=str)


def make_bad_profile_error(
    variable: str, problem: SettingProblem, /, **facts: Unpack["BadProfileDetail"]
) -> ConsoleError:
    """Return the error bad_profile about a setting. `variable` is the name of the setting, `problem` the code of
    the mistake; `facts` are added to the error's detail."""
    return ConsoleError(ErrorCode.BAD_PROFILE, {"variable": variable, "problem": problem, **facts})


@dataclass(frozen=True, slots=True)
class RawSetting:
    """A setting as text, before it is parsed. `name` is the environment variable or the key in the profile file;
    `file` is the profile file, None for an environment variable.

    The methods parse the text. They raise ConsoleError `bad_profile` with the name of the setting and the code of the
    mistake.
    """

    name: str
    text: str
    file: Path | None = None

    def make_error(self, problem: SettingProblem, /, **facts: Unpack["BadProfileDetail"]) -> ConsoleError:
        """Return the error bad_profile about this setting. `problem` is the code of the mistake; `facts` are added to
        the error's detail, which also has the setting's name and, if the setting is from the profile file, the path
        of this file. The error doesn't contain the setting's text, because a URL may contain a password."""
        file: BadProfileDetail = {} if self.file is None else {"file": str(self.file)}
        return make_bad_profile_error(self.name, problem, **file | facts)

    def parse_flag(self) -> bool:
        """Return True for the text `1`, False for `0`. Raises ConsoleError `bad_profile` for any other text."""
        return make_choice_parser("0", "1")(self) == "1"

    def parse_operator(self) -> str:
        """Return the name of an operator: 1 to 32 letters, digits, dots, underscores and hyphens. Raises ConsoleError
        `bad_profile` for any other text."""
        if not re.fullmatch(_OPERATOR_PATTERN, self.text):
            raise self.make_error(SettingProblem.BAD_OPERATOR)
        return self.text

    def parse_single_line(self) -> str:
        """Return a text of one line without white space at both ends: 1 to 60 printable characters. Raises
        ConsoleError `bad_profile` for any other text."""
        line = self.text.strip()
        if not line.isprintable() or not 0 < len(line) <= _LONGEST_LINE_CHARACTERS:
            raise self.make_error(SettingProblem.BAD_LINE)
        return line

    def parse_telephone(self) -> str:
        """Return a telephone number as it is written: 3 to 30 digits, spaces, +, -, dots and parentheses. Raises
        ConsoleError `bad_profile` for any other text."""
        number = self.text.strip()
        if not re.fullmatch(_TELEPHONE_PATTERN, number):
            raise self.make_error(SettingProblem.BAD_TELEPHONE)
        return number

    def parse_clients(self) -> frozenset[str]:
        """Return the client ids in a text that separates them by commas. Raises ConsoleError `bad_profile` for a
        malformed id."""
        ids = [part.strip() for part in self.text.split(",")]
        if not all(re.fullmatch(CLIENT_ID_PATTERN, client) for client in ids):
            raise self.make_error(SettingProblem.BAD_CLIENTS)
        return frozenset(ids)

    def parse_number(self, minimum: float, maximum: float) -> float:
        """Return a decimal number from `minimum` to `maximum`, both included. Raises ConsoleError `bad_profile` for
        any other text; only the digits 0 to 9 are accepted."""
        if not re.fullmatch(_DECIMAL_PATTERN, self.text) or not minimum <= float(self.text) <= maximum:
            raise self.make_error(SettingProblem.OUT_OF_RANGE, low=f"{minimum:.9g}", high=f"{maximum:.9g}")
        return float(self.text)

    def parse_integer(self, minimum: int, maximum: int) -> int:
        """Return an integer from `minimum` to `maximum`, both included. Raises ConsoleError `bad_profile` for any
        other text; only the digits 0 to 9 are accepted."""
        if not (self.text.isascii() and self.text.isdigit() and minimum <= self.parse_number(minimum, maximum)):
            raise self.make_error(SettingProblem.OUT_OF_RANGE, low=f"{minimum:.9g}", high=f"{maximum:.9g}")
        return int(self.text)

    def parse_failpoint(self) -> tuple[str, int, str]:
        """Return the step, count and action in a text of the form `step:count:action`. Raises ConsoleError
        `bad_profile` for another form, and for a step that the command `doctor` doesn't list."""
        from console.domain.process import failpoint_names  # a start without failpoints doesn't need them

        match = re.fullmatch(_FAILPOINT_PATTERN, self.text)
        if match is None:
            raise self.make_error(SettingProblem.BAD_FAILPOINT)
        if match[1] not in failpoint_names.ALL_FAILPOINTS:
            raise self.make_error(SettingProblem.NO_SUCH_FAILPOINT, allowed=failpoint_names.ALL_FAILPOINTS)
        return match[1], int(match[2]), match[3]

    def parse_ip_address(self) -> str:
        """Return an IP address in its normal form. Raises ConsoleError `bad_profile` for any other text."""
        from ipaddress import ip_address

        return self._normalise_by(ip_address, self.text)

    def parse_networks(self) -> tuple[str, ...]:
        """Return the networks (CIDR) in a text that separates them by commas. Raises ConsoleError `bad_profile` for a
        malformed network."""
        from ipaddress import ip_network

        return tuple(self._normalise_by(ip_network, part.strip()) for part in self.text.split(","))

    def _normalise_by(self, parse: Callable[[str], object], text: str) -> str:
        """Parse `text` with the function `parse`, and return the parsed value as text. Raises ConsoleError
        `bad_profile` if `parse` raises ValueError."""
        try:
            return str(parse(text))
        except ValueError as cause:
            raise self.make_error(SettingProblem.BAD_ADDRESS) from cause

    def parse_path(self) -> Path:
        """Return an absolute path. A relative path begins at the working directory, `~` is the user's home folder.
        Raises ConsoleError `bad_profile` for a text with a zero byte, for `~user` of an unknown user, and for a path
        below a folder whose name isn't UTF-8, at which SQLite opens no file."""
        if "\0" in self.text:
            raise self.make_error(SettingProblem.BAD_PATH)
        try:
            path = Path(self.text).expanduser().absolute()
            str(path).encode()
        except UnicodeEncodeError as cause:
            raise self.make_error(SettingProblem.NOT_UTF8) from cause
        except (RuntimeError, OSError) as cause:  # the user in "~user", or the working directory, doesn't exist
            raise self.make_error(SettingProblem.BAD_PATH) from cause
        return path

    def parse_folder(self) -> Path:
        """Return the absolute path of a folder, which needn't exist. Raises ConsoleError `bad_profile` if the text is
        no valid path, if the path is that of a file, or if the program may not read the folder above the path.
        """
        path = self.parse_path()
        self._require_no_file(path)
        return path

    def parse_home_folder(self) -> Path:
        """Return the path of the home folder as `parse_folder` does. Also raises ConsoleError `bad_profile` for a
        relative path, which would mean another folder in each working directory, and for a folder below a file.
        """
        path = self.parse_folder()
        if not Path(self.text).expanduser().is_absolute():
            raise self.make_error(SettingProblem.BAD_PATH)
        for folder in path.parents:
            self._require_no_file(folder)
        return path

    def _require_no_file(self, path: Path) -> None:
        mode = self.find_file_mode(path)
        if mode is not None and not stat.S_ISDIR(mode):
            raise self.make_error(SettingProblem.NOT_A_FOLDER)

    def find_file_mode(self, path: Path) -> int | None:
        """Return the mode of the file or folder at `path` (as in `os.stat_result.st_mode`); None if the path doesn't
        exist. Raises ConsoleError `bad_profile` if the operating system can't read the mode, because the name is too
        long or a folder above can't be read. (In these cases, `Path.exists` and `Path.is_dir` return False from
        Python 3.14 on.)"""
        try:
            return path.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as cause:
            raise self.make_error(SettingProblem.BAD_PATH) from cause


def make_choice_parser(*allowed_words: ChoiceT) -> Callable[[RawSetting], ChoiceT]:
    """Return a parser that accepts only one of `allowed_words` and returns this word. It raises ConsoleError
    `bad_profile` for any other text."""

    def parse_choice(raw: RawSetting) -> ChoiceT:
        for word in allowed_words:
            if raw.text == word:
                return word
        raise raw.make_error(SettingProblem.NOT_ONE_OF, allowed=", ".join(allowed_words))

    return parse_choice
