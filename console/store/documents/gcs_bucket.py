"""Stores documents in a Google Cloud Storage bucket, through the package gcsfs. Only this module imports gcsfs,
when it is first used.

An object is created completely or not at all. The object of a document is created only if no object of that name
exists; only `replace` replaces an object. Google compares its MD5 before the object becomes visible.
"""

import json
import logging
import os
import re
from base64 import b64encode
from collections.abc import Iterator
from functools import cached_property
from hashlib import md5
from importlib.util import find_spec
from secrets import token_hex
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from console.domain.error_reasons import DocumentsUnreachableReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.network.addresses import is_this_machine
from console.domain.setting_problems import SettingProblem
from console.store.documents.storage_protocol import (
    LARGEST_DOCUMENT_BYTES,
    is_path_of_content,
    make_unreachable_error,
)

if TYPE_CHECKING:
    from gcsfs.core import GCSFileSystem

REQUEST_TIMEOUT_SECONDS = 20.0
"""Time limit (seconds) of one small request, with its retries."""
_SLOWEST_BYTES_PER_SECOND = 256 * 1024
"""Assumed lowest transfer speed. The time limit of a request grows with its size by this speed."""
_URL_PATTERN = re.compile(r"gs://(?P<bucket>[a-z0-9][a-z0-9._-]{1,220})(/(?P<prefix>[A-Za-z0-9._/-]*))?")
_EMULATOR_VARIABLE = "STORAGE_EMULATOR_HOST"
_NEEDED_PERMISSIONS = ("storage.objects.create", "storage.objects.get")
_CONTENT_TYPE_BY_SUFFIX = {
    ".csv": "text/csv",
    ".pdf": "application/pdf",
    ".reg": "application/octet-stream",
    "json": "application/json",
}
_OBJECT_PATH = "b/{}/o/{}"


class DocumentBucket:
    """Storage of documents in a bucket of Google Cloud Storage; it implements `DocumentStorage`. It logs in with
    Google's application default credentials."""

    def __init__(self, url: str, timeout_seconds: float = REQUEST_TIMEOUT_SECONDS) -> None:
        """`url`: `gs://bucket/prefix`. `timeout_seconds`: the time limit of a request without a document's content.
        Raises ConsoleError `bad_profile` for another URL, or if gcsfs isn't installed."""
        match = _URL_PATTERN.fullmatch(url)
        if match is None:
            raise _make_bad_profile_error(SettingProblem.INVALID_DOCUMENTS_URL)
        if find_spec("gcsfs") is None:
            raise _make_bad_profile_error(SettingProblem.BUCKET_SUPPORT_MISSING)
        self._bucket = match["bucket"]
        self._prefix = "".join(f"{part}/" for part in (match["prefix"] or "").split("/") if part)
        self._timeout_seconds = timeout_seconds
        self._emulator = _read_emulator_url()
        self.location = f"gs://{self._bucket}/{self._prefix}" + (f" ({self._emulator})" if self._emulator else "")

    def store(self, path: str, content: bytes) -> None:
        """Store the content under the path. An object with other content under this path is renamed first. Raises
        ConsoleError `documents_unreachable` if the bucket doesn't answer, refuses access or doesn't exist.
        """
        if self._create_object(path, content):
            return
        if not self._has_content(path):
            self._rename_damaged_object(path)
            if not self._create_object(path, content) and not self._has_content(path):
                raise make_unreachable_error(self.location, DocumentsUnreachableReason.OBJECT_CHANGES_TOO_OFTEN, path)

    def read(self, path: str) -> bytes:
        """Return the content stored under the path, without a check of its SHA-256. Raises FileNotFoundError if there
        is no such object; OSError if the object is too large for a document; ConsoleError `documents_unreachable` if
        the bucket doesn't answer, refuses access or doesn't exist.
        """
        metadata = self._read_metadata(path)
        size = int(metadata["size"])
        if size > LARGEST_DOCUMENT_BYTES or metadata.get("contentEncoding"):
            raise OSError("not a stored document")  # a compressed object could become any size while it is read
        return self._send_request(
            "GET",
            _OBJECT_PATH,
            *self._get_bucket_and_name(path),
            path_prefix="download/",
            alt="media",
            byte_count=size,
        )

    def replace(self, path: str, content: bytes) -> None:
        """Store the content as the object with this path, and replace an object that has the path already. Raises
        ConsoleError `documents_unreachable` if the bucket doesn't answer, refuses access or doesn't exist."""
        self._upload_object(path, content)

    def delete(self, path: str) -> None:
        """Delete the object with this path, if it exists. Raises ConsoleError `documents_unreachable` if the bucket
        doesn't answer, refuses access or doesn't exist.
        """
        try:
            generation = self._read_metadata(path)["generation"]
            self._send_request("DELETE", _OBJECT_PATH, *self._get_bucket_and_name(path), ifGenerationMatch=generation)
        except (FileNotFoundError, FileExistsError):
            return  # another desk has deleted or replaced it meanwhile

    def list_all_paths(self) -> Iterator[str]:
        """Yield the path, relative to the prefix, of every object below the prefix of the URL. Raises
        ConsoleError `documents_unreachable` if the bucket doesn't answer, refuses access or doesn't exist."""
        query_arguments: dict[str, Any] = {"prefix": self._prefix}
        while True:
            try:
                page = json.loads(self._send_request("GET", "b/{}/o", self._bucket, **query_arguments))
            except FileNotFoundError:
                raise make_unreachable_error(self.location, DocumentsUnreachableReason.NO_BUCKET) from None
            yield from (str(item["name"]).removeprefix(self._prefix) for item in page.get("items", ()))
            if not page.get("nextPageToken"):
                return
            query_arguments["pageToken"] = page["nextPageToken"]

    def check_writable(self) -> None:
        """Check, without writing, that this desk has the permissions to create and read objects. Raises ConsoleError
        `documents_unreachable` if a permission is missing, or if the bucket doesn't exist or doesn't answer.
        """
        try:
            answer = self._send_request(
                "GET", "b/{}/iam/testPermissions", self._bucket, permissions=_NEEDED_PERMISSIONS
            )
        except FileNotFoundError:
            raise make_unreachable_error(self.location, DocumentsUnreachableReason.NO_BUCKET) from None
        missing_permissions = set(_NEEDED_PERMISSIONS) - set(json.loads(answer).get("permissions", ()))
        if missing_permissions:
            raise make_unreachable_error(
                self.location, DocumentsUnreachableReason.PERMISSION_DENIED, ", ".join(sorted(missing_permissions))
            )

    def _create_object(self, path: str, content: bytes) -> bool:
        """Create an object with this path and content. Return False, without a change, if the object exists
        already."""
        try:
            self._upload_object(path, content, ifGenerationMatch="0")
        except FileExistsError:
            return False
        return True

    def _upload_object(self, path: str, content: bytes, **conditions: str) -> None:
        """Send the content to the bucket in one request, which stores it as the object with this path. `conditions`
        are parameters of the request, such as ifGenerationMatch. Raises FileExistsError if a condition isn't met;
        ConsoleError `documents_unreachable` if the bucket doesn't answer, refuses access or doesn't exist.
        """
        from gcsfs.core import UnclosableBytesIO  # a retry can read it again from its beginning

        checksum = b64encode(md5(content, usedforsecurity=False).digest()).decode()
        kind = _CONTENT_TYPE_BY_SUFFIX[path[-4:]]
        metadata = {"name": self._prefix + path, "contentType": kind, "md5Hash": checksum}
        boundary, body = _make_multipart_body(json.dumps(metadata).encode(), content)
        try:
            self._send_request(
                "POST",
                "b/{}/o",
                self._bucket,
                path_prefix="upload/",
                uploadType="multipart",
                **conditions,
                headers={"Content-Type": f"multipart/related; boundary={boundary}"},
                data=UnclosableBytesIO(body),
                byte_count=len(content),
            )
        except FileNotFoundError:
            raise make_unreachable_error(self.location, DocumentsUnreachableReason.NO_BUCKET) from None

    def _has_content(self, path: str) -> bool:
        """True if the object with this path exists and has the SHA-256 that the path contains."""
        try:
            return is_path_of_content(path, self.read(path))
        except OSError:
            return False

    def _rename_damaged_object(self, path: str) -> None:
        """Rename an object whose content doesn't have the SHA-256 in its path: copy it to another name, then delete
        the copied generation (version) of the object.
        """
        try:
            generation = self._read_metadata(path)["generation"]
            new_location = self._get_bucket_and_name(f"{path}.damaged-{token_hex(4)}")
            self._send_request(
                "POST",
                f"{_OBJECT_PATH}/copyTo/{_OBJECT_PATH}",
                *self._get_bucket_and_name(path),
                *new_location,
                sourceGeneration=generation,
            )
            self._send_request("DELETE", _OBJECT_PATH, *self._get_bucket_and_name(path), ifGenerationMatch=generation)
        except (FileNotFoundError, FileExistsError):
            return  # another desk has renamed the object meanwhile

    def _read_metadata(self, path: str) -> dict[str, Any]:
        """Return Google's description of the object with this path (JSON): its generation, size and so on. Raises the
        errors of `_send_request`.
        """
        metadata: dict[str, Any] = json.loads(
            self._send_request("GET", _OBJECT_PATH, *self._get_bucket_and_name(path))
        )
        return metadata

    def _get_bucket_and_name(self, path: str) -> tuple[str, str]:
        return self._bucket, self._prefix + path

    def _send_request(
        self, method: str, path: str, *names: str, path_prefix: str = "", byte_count: int = 0, **gcsfs_arguments: Any
    ) -> bytes:
        """Send one request to Google and return the body of the answer. gcsfs repeats the request after some
        failures; one time limit holds for all of these attempts.

        `method` is the HTTP method. `path` is the template of the path, into which `names` are put; `path_prefix` is
        a text before the whole path (`upload/`). `byte_count` is the number of bytes to transfer, which lengthens the
        time limit. `gcsfs_arguments` are further arguments of gcsfs.

        Raises FileNotFoundError if there is no such object (404), FileExistsError if a condition of the request isn't
        met (412), ConsoleError `documents_unreachable` after any other failure.
        """
        from fsspec import asyn

        seconds = self._timeout_seconds + byte_count / _SLOWEST_BYTES_PER_SECOND
        try:
            file_system = self._file_system
            url = file_system.base.replace("/storage/v1/", f"/{path_prefix}storage/v1/{path}")
            _, answer = asyn.sync(
                file_system.loop, file_system._call, method, url, *names, timeout=seconds, **gcsfs_arguments
            )
        except (FileNotFoundError, FileExistsError, ConsoleError):
            raise
        except Exception as error:  # three libraries with exceptions of their own
            raise make_unreachable_error(self.location, _get_failure_reason(error), type(error).__name__) from error
        content: bytes = answer
        return content

    @cached_property
    def _file_system(self) -> "GCSFileSystem":
        from gcsfs.core import GCSFileSystem  # the base class: the package's default class sends more requests

        # It logs the exceptions that it raises, which are reported once here.
        logging.getLogger("gcsfs").setLevel(logging.CRITICAL + 1)
        return GCSFileSystem(
            project="",
            access="read_write",
            token="anon" if self._emulator else "google_default",
            skip_instance_cache=True,
            use_listings_cache=False,
        )


def _make_multipart_body(metadata: bytes, content: bytes) -> tuple[str, bytes]:
    """Return a random boundary and, with it, the body of a multipart upload: the object's metadata (JSON), then
    its content."""
    boundary = token_hex(24)
    boundary_line = f"--{boundary}".encode()
    metadata_part = boundary_line + b"\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n" + metadata + b"\r\n"
    content_part = (
        boundary_line + b"\r\nContent-Type: application/pdf\r\n\r\n" + content + b"\r\n" + boundary_line + b"--"
    )
    return boundary, metadata_part + content_part


def _get_failure_reason(error: Exception) -> DocumentsUnreachableReason:
    """Return the reason for a failed request to the bucket, as shown to people."""
    from google.auth.exceptions import GoogleAuthError, TransportError

    status = str(getattr(error, "code", ""))
    if isinstance(error, TimeoutError):
        return DocumentsUnreachableReason.TIMED_OUT
    if isinstance(error, GoogleAuthError) and not isinstance(error, TransportError):
        return DocumentsUnreachableReason.PERMISSION_DENIED
    if status == "401" or str(error).startswith("Forbidden"):
        return DocumentsUnreachableReason.PERMISSION_DENIED
    return (
        DocumentsUnreachableReason.REQUEST_REFUSED
        if status or isinstance(error, ValueError)
        else DocumentsUnreachableReason.NOT_CONNECTED
    )


def _read_emulator_url() -> str:
    """Return the URL of an emulator for tests; "" if none is set. Raises ConsoleError `bad_profile` if the emulator
    isn't on this machine.
    """
    setting = os.environ.get(_EMULATOR_VARIABLE, "")
    if setting in ("", "default"):
        return ""
    url = setting if "://" in setting else f"http://{setting}"
    host = urlsplit(url).hostname or ""
    if not is_this_machine(host):
        raise _make_bad_profile_error(SettingProblem.ADDRESS_OF_OTHER_MACHINE, _EMULATOR_VARIABLE)
    return url


def _make_bad_profile_error(problem: SettingProblem, variable: str = "CONSOLE_DOCUMENTS_URL") -> ConsoleError:
    return ConsoleError(ErrorCode.BAD_PROFILE, {"variable": variable, "problem": problem})
