"""One parser per kind of setting: text from the environment or the profile file in, a checked value out."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from console.domain.errors import ConsoleError

CLIENT_ID = re.compile(r"[1-9][0-9]{0,17}")
_OPERATOR = re.compile(r"[A-Za-z0-9._-]{1,32}")
_DECIMAL = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_FAILPOINT = re.compile(r"([a-z][a-z0-9_]*):([1-9][0-9]{0,8}):(kill|raise|hang)")


@dataclass(frozen=True, slots=True)
class Given:
    """A setting as somebody wrote it; `name` is the variable or key, `file` the profile if it stood there.

    Every parser raises `bad_profile` with the name and a problem code.
    """

    name: str
    text: str
    file: Path | None = None

    def bad(self, problem: str, **facts: object) -> ConsoleError:
        """The refusal of this value. It never carries the value itself: a URL may hold a password."""
        where: dict[str, object] = {"variable": self.name, "problem": problem}
        if self.file is not None:
            where["file"] = str(self.file)
        return ConsoleError("bad_profile", where | facts)

    def one_of(self, *words: str) -> str:
        if self.text not in words:
            raise self.bad("not_one_of", allowed=", ".join(words))
        return self.text

    def flag(self) -> bool:
        return self.one_of("0", "1") == "1"

    def language(self) -> Literal["ja", "en"]:
        return "ja" if self.one_of("ja", "en") == "ja" else "en"

    def environment_word(self) -> Literal["production", "test", "training"]:
        word = self.one_of("production", "test", "training")
        return "production" if word == "production" else "test" if word == "test" else "training"

    def operator(self) -> str:
        if not _OPERATOR.fullmatch(self.text):
            raise self.bad("bad_operator")
        return self.text

    def clients(self) -> frozenset[str]:
        ids = [part.strip() for part in self.text.split(",")]
        if not all(CLIENT_ID.fullmatch(client) for client in ids):
            raise self.bad("bad_clients")
        return frozenset(ids)

    def number(self, low: float, high: float) -> float:
        """A plain decimal in ASCII digits, within the limits."""
        if not _DECIMAL.fullmatch(self.text) or not low <= float(self.text) <= high:
            raise self.bad("out_of_range", low=f"{low:g}", high=f"{high:g}")
        return float(self.text)

    def whole(self, low: int, high: int) -> int:
        if not (self.text.isascii() and self.text.isdigit() and low <= self.number(low, high)):
            raise self.bad("out_of_range", low=f"{low:g}", high=f"{high:g}")
        return int(self.text)

    def failpoint(self) -> tuple[str, int, str]:
        """`name:nth:action`; whether a step of that name exists is known to those who run the steps."""
        found = _FAILPOINT.fullmatch(self.text)
        if found is None:
            raise self.bad("bad_failpoint")
        return found[1], int(found[2]), found[3]

    def address(self) -> str:
        from ipaddress import ip_address

        return self._parsed(ip_address, self.text)

    def networks(self) -> tuple[str, ...]:
        """Networks in CIDR form."""
        from ipaddress import ip_network

        return tuple(self._parsed(ip_network, part.strip()) for part in self.text.split(","))

    def _parsed(self, parse: Callable[[str], object], text: str) -> str:
        try:
            return str(parse(text))
        except ValueError as cause:
            raise self.bad("bad_address") from cause

    def path(self) -> Path:
        """An absolute path; a relative one counts from the working directory."""
        if "\0" in self.text:
            raise self.bad("bad_path")
        try:
            return Path(self.text).expanduser().absolute()
        except RuntimeError as cause:  # "~somebody" that is nobody
            raise self.bad("bad_path") from cause

    def folder(self) -> Path:
        """An absolute folder, which need not exist yet."""
        path = self.path()
        try:
            if path.exists() and not path.is_dir():
                raise self.bad("not_a_folder")
        except OSError as cause:  # a name too long, a folder that may not be entered
            raise self.bad("bad_path") from cause
        return path
