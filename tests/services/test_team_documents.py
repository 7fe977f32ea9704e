"""Tests of a desk whose documents are in a bucket or on a network share: it reports that place only if it cannot be
reached.
"""

import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

from console.domain.errors import ConsoleError
from console.domain.records import PurchaseRequest
from console.domain.service_results import HealthCheck
from console.sandbox.server import Sandbox
from console.wording.sentences.catalogue import format_error_message
from tests.support.bucket_server import BUCKET_NAME, OBJECT_PREFIX, start_bucket_server
from tests.support.desks import CORPORATION_NUMBERS, open_desk

PURCHASE_REQUEST = PurchaseRequest(CORPORATION_NUMBERS[0], "1")
BUCKET_URL = f"gs://{BUCKET_NAME}/{OBJECT_PREFIX}"


@pytest.mark.expects_log("the refusal is told")
def test_a_desk_stores_and_reads_documents_in_a_bucket(tmp_path: Path, sandbox: Sandbox) -> None:
    """A purchase stores its PDF in the bucket, and the program re-fetches and reads the PDF there. If the bucket
    refuses access, the error says that.
    """
    with start_bucket_server() as served, open_desk(tmp_path, sandbox, DOCUMENTS_URL=BUCKET_URL) as console:
        bought = console.credit_checks.purchase(PURCHASE_REQUEST)
        assert served.list_object_paths() == [bought.pdf_file_path]
        assert console.credit_checks.refetch(bought.id).changed_fields == ()
        with closing(console.pdfs.open_pages(bought.id)) as pages:
            assert pages.count_pages() > 0
        assert _read_documents_check(console.health.run_all_checks()) == (True, f"{BUCKET_URL} ({served.address})")
        served.error_status_by_method = {"GET": 403, "POST": 403}
        with pytest.raises(ConsoleError) as refused:
            console.credit_checks.refetch(bought.id)
        assert (refused.value.code, refused.value.exit_status) == ("documents_unreachable", 6)
        assert "record" in refused.value.detail
        with pytest.raises(ConsoleError) as refused:
            console.pdfs.open_pages(bought.id)
        assert "(access denied)" in format_error_message(refused.value, "en")
        assert _read_documents_check(console.health.run_all_checks())[0] is False
    assert not (tmp_path / "documents").exists()


@pytest.mark.expects_log("the lost mount is told")
def test_a_desk_with_an_unmounted_share_stores_no_document(tmp_path: Path, sandbox: Sandbox) -> None:
    """If the database has a document but the folder is empty, as with an unmounted share, nothing is written into the
    folder, and `doctor` reports it.
    """
    with open_desk(tmp_path, sandbox) as console:
        bought = console.credit_checks.purchase(PURCHASE_REQUEST)
        assert _read_documents_check(console.health.run_all_checks()) == (True, str(tmp_path / "documents"))
        shutil.rmtree(tmp_path / "documents")
        (tmp_path / "documents").mkdir()
        with pytest.raises(ConsoleError) as refused:
            console.credit_checks.refetch(bought.id)
        assert refused.value.code == "documents_unreachable"
        with pytest.raises(ConsoleError, match="documents_unreachable"):
            console.pdfs.open_pages(bought.id)
        assert _read_documents_check(console.health.run_all_checks())[0] is False
        assert list((tmp_path / "documents").iterdir()) == []
        assert console.credit_checks.read_credit_check(bought.id).record.pdf_file_path == bought.pdf_file_path


def test_pages_of_each_version_are_counted(tmp_path: Path, sandbox: Sandbox) -> None:
    """The pages of each version of a PDF are counted without an audit entry, because no content is shown. An
    unreadable file has no page count.
    """
    with open_desk(tmp_path, sandbox) as console:
        record = console.credit_checks.purchase(PURCHASE_REQUEST)
        (document,) = console.pdfs.list_versions(record.id)
        entries = console.audit.list_entries(100)
        assert console.pdfs.count_pages(record.id) == {document.sha256: 2}
        file = Path(url2pathname(urlsplit(console.settings.documents_url).path), document.path)
        file.chmod(0o600)
        file.write_bytes(b"%PDF-1.4 cut off")
        assert console.pdfs.count_pages(record.id) == {}
        assert console.audit.list_entries(100) == entries


def _read_documents_check(checks: Sequence[HealthCheck]) -> tuple[bool, object]:
    """Return whether the check of documents passed, and the storage place that it names."""
    (documents_check,) = (check for check in checks if check.name == "documents")
    return documents_check.ok, documents_check.facts.get("place")
