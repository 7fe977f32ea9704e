"""Documents in a Google Cloud Storage bucket, by gcsfs. Only this module knows it, and opens it when first used.

An object is created whole or not at all, under the precondition that nobody has created it before, and Google checks
its MD5 before it exists.
"""

import ipaddress
import json
import logging
import os
import re
from base64 import b64encode
from functools import cached_property
from hashlib import md5
from importlib.util import find_spec
from secrets import token_hex
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from console.domain.errors import ConsoleError
from console.store.documents_shelf import LARGEST_BYTES, fits, unreachable

if TYPE_CHECKING:
    from gcsfs.core import GCSFileSystem

SECONDS = 20.0
"""The longest that a request may take, its retries included."""
_BYTES_PER_SECOND = 256 * 1024
"""A line slower than this has no time for a large document."""
_FORM = re.compile(r"gs://(?P<bucket>[a-z0-9][a-z0-9._-]{1,220})(/(?P<prefix>[A-Za-z0-9._/-]*))?")
_EMULATOR = "STORAGE_EMULATOR_HOST"
_NEEDED = ("storage.objects.create", "storage.objects.get")
_OBJECT = "b/{}/o/{}"


class Bucket:
    """A Shelf in a bucket. Credentials are found as Google's own programs find them."""

    def __init__(self, url: str, seconds: float = SECONDS) -> None:
        """`gs://bucket/prefix`; raises bad_profile. `seconds`: the bound of a small request."""
        found = _FORM.fullmatch(url)
        if found is None:
            raise _unfit("documents_form")
        if find_spec("gcsfs") is None:
            raise _unfit("extra_missing")
        self._bucket = found["bucket"]
        self._prefix = "".join(f"{part}/" for part in (found["prefix"] or "").split("/") if part)
        self._seconds = seconds
        self._emulator = _emulator()
        self.place = f"gs://{self._bucket}/{self._prefix}" + (f" ({self._emulator})" if self._emulator else "")

    def keep(self, path: str, content: bytes) -> None:
        if self._create(path, content):
            return
        if not self._holds(path):
            self._set_aside(path)
            if not self._create(path, content) and not self._holds(path):
                raise unreachable(self.place, "changing", path)

    def get(self, path: str) -> bytes:
        about = self._about(path)
        size = int(about["size"])
        if size > LARGEST_BYTES or about.get("contentEncoding"):
            raise OSError("not a stored document")  # a packed object could become any size on the way
        return self._ask("GET", _OBJECT, *self._at(path), door="download/", alt="media", size=size)

    def look(self) -> None:
        """Ask which of the needed permissions we have; that itself needs none."""
        try:
            answer = self._ask("GET", "b/{}/iam/testPermissions", self._bucket, permissions=_NEEDED)
        except FileNotFoundError:
            raise unreachable(self.place, "no_bucket") from None
        missing = set(_NEEDED) - set(json.loads(answer).get("permissions", ()))
        if missing:
            raise unreachable(self.place, "denied", ", ".join(sorted(missing)))

    def _create(self, path: str, content: bytes) -> bool:
        """Whether the object was created just now; False where there is one already."""
        from gcsfs.core import UnclosableBytesIO  # can be sent again when the first attempt fails

        checksum = b64encode(md5(content, usedforsecurity=False).digest()).decode()
        kind = "text/csv" if path.endswith(".csv") else "application/pdf"
        about = {"name": self._prefix + path, "contentType": kind, "md5Hash": checksum}
        boundary, body = _two_parts(json.dumps(about).encode(), content)
        try:
            self._ask(
                "POST", "b/{}/o", self._bucket, door="upload/", uploadType="multipart", ifGenerationMatch="0",
                headers={"Content-Type": f"multipart/related; boundary={boundary}"},
                data=UnclosableBytesIO(body), size=len(content),
            )  # fmt: skip
        except FileExistsError:
            return False
        except FileNotFoundError:
            raise unreachable(self.place, "no_bucket") from None
        return True

    def _holds(self, path: str) -> bool:
        try:
            return fits(path, self.get(path))
        except OSError:
            return False

    def _set_aside(self, path: str) -> None:
        """Copy what is no document of ours to another name, and remove exactly that generation of it."""
        try:
            generation = self._about(path)["generation"]
            aside = self._at(f"{path}.damaged-{token_hex(4)}")
            self._ask("POST", f"{_OBJECT}/copyTo/{_OBJECT}", *self._at(path), *aside, sourceGeneration=generation)
            self._ask("DELETE", _OBJECT, *self._at(path), ifGenerationMatch=generation)
        except (FileNotFoundError, FileExistsError):
            return  # another desk did it meanwhile

    def _about(self, path: str) -> dict[str, Any]:
        about: dict[str, Any] = json.loads(self._ask("GET", _OBJECT, *self._at(path)))
        return about

    def _at(self, path: str) -> tuple[str, str]:
        return self._bucket, self._prefix + path

    def _ask(self, method: str, path: str, *names: str, door: str = "", size: int = 0, **more: Any) -> bytes:
        """One request with gcsfs's retries, bounded as a whole; `size`: bytes that travel.

        Raises FileNotFoundError (404), FileExistsError (a precondition failed) and documents_unreachable.
        """
        from fsspec import asyn

        seconds = self._seconds + size / _BYTES_PER_SECOND
        try:
            files = self._files
            url = files.base.replace("/storage/v1/", f"/{door}storage/v1/{path}")
            _, answer = asyn.sync(files.loop, files._call, method, url, *names, timeout=seconds, **more)
        except (FileNotFoundError, FileExistsError, ConsoleError):
            raise
        except Exception as trouble:  # three libraries and their own kinds of failure meet here
            raise unreachable(self.place, _reason(trouble), type(trouble).__name__) from trouble
        content: bytes = answer
        return content

    @cached_property
    def _files(self) -> "GCSFileSystem":
        from gcsfs.core import GCSFileSystem  # the plain one: the package's own offers more, and asks more of Google

        logging.getLogger("gcsfs").setLevel(logging.CRITICAL + 1)  # it logs what it raises; we tell it once
        return GCSFileSystem(
            project="", access="read_write", token="anon" if self._emulator else "google_default",
            skip_instance_cache=True, use_listings_cache=False,
        )  # fmt: skip


def _two_parts(about: bytes, content: bytes) -> tuple[str, bytes]:
    """A boundary that occurs in no content, and the body of a multipart upload."""
    boundary = token_hex(24)
    mark = f"--{boundary}".encode()
    head = mark + b"\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n" + about + b"\r\n"
    tail = mark + b"\r\nContent-Type: application/pdf\r\n\r\n" + content + b"\r\n" + mark + b"--"
    return boundary, head + tail


def _reason(trouble: Exception) -> str:
    """What kept us out, for people."""
    from google.auth.exceptions import GoogleAuthError, TransportError

    status = str(getattr(trouble, "code", ""))
    if isinstance(trouble, TimeoutError):
        return "timeout"
    if isinstance(trouble, GoogleAuthError) and not isinstance(trouble, TransportError):
        return "denied"
    if status == "401" or str(trouble).startswith("Forbidden"):
        return "denied"
    return "refused" if status or isinstance(trouble, ValueError) else "not_connected"


def _emulator() -> str:
    """The server that stands for Google in tests, on this machine alone; else nothing."""
    given = os.environ.get(_EMULATOR, "")
    if given in ("", "default"):
        return ""
    url = given if "://" in given else f"http://{given}"
    host = urlsplit(url).hostname or ""
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise _unfit("this_machine_only", _EMULATOR)
    return url


def _unfit(problem: str, variable: str = "CONSOLE_DOCUMENTS_URL") -> ConsoleError:
    return ConsoleError("bad_profile", {"variable": variable, "problem": problem})
