"""Tests of documents in a bucket of Google Cloud Storage. The program replaces no document, gives up a slow or absent
bucket after a time limit, and gives a reason for each of Google's refusals."""

import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from console.domain.errors import ConsoleError
from console.store.documents.documents import Documents
from console.store.documents.gcs_bucket import DocumentBucket
from tests.store import processes
from tests.support.bucket_server import BUCKET_NAME, OBJECT_PREFIX, BucketServer, start_bucket_server
from tests.support.waiting import MAX_WAIT_SECONDS

PDF_BYTES = b"%PDF-1.7 a report %%EOF"
PDF_SHA256 = sha256(PDF_BYTES).hexdigest()
STORED_PATH = f"{PDF_SHA256[:2]}/{PDF_SHA256}.pdf"
BUCKET_URL = f"gs://{BUCKET_NAME}/{OBJECT_PREFIX}"
SHORT_TIME_LIMIT_SECONDS = 0.4


@pytest.fixture
def bucket_server() -> Iterator[BucketServer]:
    with start_bucket_server() as running:
        yield running


def _read_refusal_reason(attempt: Callable[[], Any]) -> object:
    with pytest.raises(ConsoleError) as caught:
        attempt()
    assert (caught.value.code, caught.value.exit_status) == ("documents_unreachable", 6)
    return caught.value.detail["reason"]


def _make_bucket_calls(bucket: DocumentBucket) -> list[Callable[[], object]]:
    return [lambda: bucket.store(STORED_PATH, PDF_BYTES), lambda: bucket.read(STORED_PATH), bucket.check_writable]


def test_an_upload_never_replaces_an_existing_object(bucket_server: BucketServer) -> None:
    """Each upload has the condition that the object doesn't exist yet. An object with other content is deleted only
    in the generation that the program has read."""
    documents = Documents(BUCKET_URL)
    documents.store(PDF_BYTES)
    bucket_server.write_object(STORED_PATH, b"something else")
    documents.store(PDF_BYTES)
    uploads = [request for request in bucket_server.requests if request.startswith("POST /upload")]
    assert len(uploads) == 3
    assert all("ifGenerationMatch=0" in url for url in uploads)
    deletions = [request for request in bucket_server.requests if request.startswith("DELETE")]
    assert ["ifGenerationMatch=" in request for request in deletions] == [True]


def test_an_upload_with_a_lost_answer_is_found(bucket_server: BucketServer) -> None:
    """If the answer to an upload is lost, the second attempt finds the stored document."""
    bucket_server.lose_answers = 1
    assert Documents(BUCKET_URL).store(PDF_BYTES).path == STORED_PATH
    assert bucket_server.read_object(STORED_PATH) == PDF_BYTES
    assert len([request for request in bucket_server.requests if request.startswith("POST")]) == 2


def test_a_damaged_upload_is_refused(bucket_server: BucketServer) -> None:
    """The bucket refuses an upload that doesn't match its checksum, so no object with wrong content gets the name of
    a document. The call is refused with the reason `refused`; a later call stores the document."""
    bucket_server.damaged_content = PDF_BYTES
    assert _read_refusal_reason(lambda: Documents(BUCKET_URL).store(PDF_BYTES)) == "refused"
    assert bucket_server.list_object_paths() == []
    bucket_server.damaged_content = b""
    assert Documents(BUCKET_URL).read(Documents(BUCKET_URL).store(PDF_BYTES).path) == PDF_BYTES


@pytest.mark.parametrize(
    "url", [f"gs://{BUCKET_NAME}", f"gs://{BUCKET_NAME}/", f"gs://{BUCKET_NAME}//desk//", f"gs://{BUCKET_NAME}/desk"]
)
def test_every_spelling_of_a_bucket_url_is_accepted(bucket_server: BucketServer, url: str) -> None:
    """The URL of a bucket may have a prefix or none; empty parts of the URL's path are ignored."""
    documents = Documents(url)
    assert documents.read(documents.store(PDF_BYTES).path) == PDF_BYTES
    (name,) = bucket_server.store.objects[BUCKET_NAME]
    assert name == (f"desk/{STORED_PATH}" if "desk" in url else STORED_PATH)


@pytest.mark.parametrize(
    "url", ["gs:", "gs://", "gs:///x", "gs://B/x", "gs://bucket/x?y", "gs://bucket/日", "gs://b/../"]
)
def test_only_a_bucket_url_is_accepted(url: str) -> None:
    """A URL that isn't a valid URL of a bucket is refused as a wrong setting, with the name of its variable."""
    with pytest.raises(ConsoleError) as caught:
        Documents(url)
    assert caught.value.detail == {"variable": "CONSOLE_DOCUMENTS_URL", "problem": "documents_form"}


@pytest.mark.timeout(100)  # the library's own limit is two minutes
def test_a_slow_bucket_is_given_up_at_the_time_limit(bucket_server: BucketServer) -> None:
    """The program gives up a bucket that accepts requests and never answers after the time limit, with the reason
    `timeout`.
    """
    bucket = DocumentBucket(BUCKET_URL, SHORT_TIME_LIMIT_SECONDS)
    bucket_server.open.clear()
    for attempt in _make_bucket_calls(bucket):
        assert _read_refusal_reason(attempt) == "timeout"


@pytest.mark.timeout(100)
def test_retries_of_an_unreachable_bucket_end_in_time(
    bucket_server: BucketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If no server listens at the bucket's address, the program's retries end at the time limit, with the reason
    `timeout`.
    """
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "127.0.0.1:1")
    for attempt in _make_bucket_calls(DocumentBucket(BUCKET_URL, SHORT_TIME_LIMIT_SECONDS)):
        assert _read_refusal_reason(attempt) == "timeout"


@pytest.mark.parametrize(("status", "reason"), [(401, "denied"), (403, "denied"), (400, "refused"), (503, "timeout")])
def test_a_google_refusal_has_its_reason(bucket_server: BucketServer, status: int, reason: str) -> None:
    """The error about a refusal of Google has a reason: `denied` if a right is missing, `refused` if the request is
    wrong, or `timeout` if the person should wait."""
    bucket = (
        DocumentBucket(BUCKET_URL, SHORT_TIME_LIMIT_SECONDS) if reason == "timeout" else DocumentBucket(BUCKET_URL)
    )  # only a 503 is tried again until then
    bucket_server.error_status_by_method = {"GET": status, "POST": status}
    assert [_read_refusal_reason(attempt) for attempt in _make_bucket_calls(bucket)] == [reason] * 3


def test_a_missing_bucket_is_reported(bucket_server: BucketServer) -> None:
    """If the bucket doesn't exist, storing and the check of write access are refused with the reason `no_bucket`.
    Reading raises FileNotFoundError, as for a missing document."""
    bucket = DocumentBucket("gs://another/desk")
    assert [
        _read_refusal_reason(lambda: bucket.store(STORED_PATH, PDF_BYTES)),
        _read_refusal_reason(bucket.check_writable),
    ] == ["no_bucket"] * 2
    with pytest.raises(FileNotFoundError):
        bucket.read(STORED_PATH)


def test_a_packed_object_is_not_unpacked(bucket_server: BucketServer) -> None:
    """The program doesn't read an object that is stored compressed, because the uncompressed data could have any
    size.
    """
    bucket_server.write_object(STORED_PATH, b"\x1f\x8b", contentEncoding="gzip")
    with pytest.raises(ConsoleError) as caught:
        Documents(BUCKET_URL).read(STORED_PATH)
    assert caught.value.detail["reason"] == "unreadable"
    assert not [request for request in bucket_server.requests if "alt=media" in request]


def test_a_kill_during_an_upload_leaves_no_partial_document(bucket_server: BucketServer) -> None:
    """A desk's process is killed with SIGKILL during an upload. Afterwards the document is complete or missing, and
    the next process can store it."""
    with processes.begin_together([processes.start_script("documents_worker.py", BUCKET_URL)]):
        bucket_server.open.clear()
        while "POST" not in "".join(bucket_server.requests):
            assert bucket_server.received.acquire(timeout=MAX_WAIT_SECONDS)
    bucket_server.open.set()
    documents = Documents(BUCKET_URL)
    for path in bucket_server.list_object_paths():
        assert documents.read(path)
    assert documents.read(documents.store(PDF_BYTES).path) == PDF_BYTES


def test_a_bucket_without_the_optional_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the optional package gcsfs is missing, the program refuses the URL of a bucket when it starts, before any
    purchase."""
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(ConsoleError) as caught:
        Documents(BUCKET_URL)
    assert caught.value.detail == {"variable": "CONSOLE_DOCUMENTS_URL", "problem": "extra_missing"}


@pytest.mark.parametrize("host", ["storage.example.com", "http://10.0.0.1:9000", "https://localhost.example", "://"])
def test_a_bucket_emulator_must_be_on_this_machine(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """The environment variable for an emulator of the bucket may only name this machine, so that it can't make the
    program send documents elsewhere."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", host)
    with pytest.raises(ConsoleError) as caught:
        Documents(BUCKET_URL)
    assert caught.value.detail == {"variable": "STORAGE_EMULATOR_HOST", "problem": "this_machine_only"}


def test_a_bucket_without_credentials_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """If Google's library finds no credentials, the program refuses each call as `denied` and sends no request
    without credentials."""
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    assert {_read_refusal_reason(attempt) for attempt in _make_bucket_calls(DocumentBucket(BUCKET_URL))} == {"denied"}
