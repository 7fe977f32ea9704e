"""Evidence packs of several records in one bundle: each has the bytes of a single pack. The bundle has an index, and
each pack has an audit entry. A cancelled bundle leaves no file.
"""

import json
import os
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.records import PurchaseRequest
from console.services.evidence.pack_archive import BUNDLE_FORMAT_NAME, encode_json
from console.services.evidence.pack_bundle import EvidenceBundleWriter
from console.services.evidence.pack_verification import verify_pack
from tests.services.evidence.test_pack import (
    CORPORATION_NUMBERS,
    PackDesk,
    list_problems,
    pack_desk,
    read_parts,
    rewrite_pack,
)
from tests.support.bulk_stage import make_unknown_checks
from tests.support.file_size_limit import limit_file_sizes
from tests.support.refusals import call_for_refusal

__all__ = ["pack_desk"]


@pytest.fixture
def records(pack_desk: PackDesk) -> list[tuple[str, int]]:
    """The kind and id of each of two purchased credit checks, the newer one first."""
    second = pack_desk.console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBERS[1], "1"))
    return [("credit-check", second.id), ("credit-check", pack_desk.record.id)]


@pytest.fixture(autouse=True)
def act_as_auditor(pack_desk: PackDesk, records: list[tuple[str, int]]) -> Iterator[None]:
    """In each test of this module the auditor is the acting person."""
    with pack_desk.console.acting_as("aud-e"):
        yield


def test_each_pack_of_a_bundle_has_the_bytes_of_a_single_pack(
    pack_desk: PackDesk, records: list[tuple[str, int]]
) -> None:
    """The bundle contains the packs in the requested order, and a record that is requested twice only once. Each pack
    has the bytes of a single pack; the index and the audit entries contain the checksum of each pack.
    """
    alone = {f"packs/{kind}-{id}.zip": pack_desk.write_pack(f"{id}.zip", id=id) for kind, id in records}
    reported_counts: list[tuple[int, int]] = []
    path = pack_desk.folder / "all.zip"
    written = pack_desk.console.recovery.write_evidence_bundle(
        [*records, records[0]], path, lambda done, total: reported_counts.append((done, total))
    )
    contents = read_parts(path)
    assert [name for name in contents if name.startswith("packs/")] == list(alone)
    assert {name: contents[name] for name in alone} == {
        name: Path(one.file).read_bytes() for name, one in alone.items()
    }
    index = json.loads(contents["index.json"])
    assert [(one["kind"], one["id"], one["sha256"]) for one in index] == [
        ("credit-check", id, alone[f"packs/credit-check-{id}.zip"].sha256) for _, id in records
    ]
    for language in ("en", "ja"):
        lines = contents[f"index.{language}.txt"].decode().splitlines()
        assert [line.strip() for line in lines[1::2]] == list(alone)
        with zipfile.ZipFile(next(iter(alone.values())).file) as first:
            assert lines[0] == first.read(f"timeline.{language}.txt").decode().splitlines()[0]
    assert reported_counts == [(0, 2), (1, 2), (2, 2)]
    assert (written.packs, written.left_out, path.stat().st_mode & 0o777) == (2, (), 0o600)
    verdict = verify_pack(path, written.sha256)
    assert verdict.is_intact, verdict.problems
    assert (verdict.manifest["form"], verdict.audit_row_count > 2) == (BUNDLE_FORMAT_NAME, True)
    of_packs = [json.loads(detail) for person, result, detail in pack_desk.read_audit_entries()][2:]
    assert [(one["sha256"], one["bundle"]) for one in of_packs] == [
        (one.sha256, written.sha256) for one in alone.values()
    ]
    (entry,) = [one for one in pack_desk.console.audit.list_entries(50) if one.what == "evidence_bundle.exported"]
    assert (entry.detail["n"], entry.detail["sha256"]) == (2, written.sha256)


def test_a_record_whose_id_is_written_in_two_ways_has_one_pack(
    pack_desk: PackDesk, records: list[tuple[str, int]]
) -> None:
    kind, id = records[0]
    path = pack_desk.folder / "all.zip"
    written = pack_desk.console.recovery.write_evidence_bundle([(kind, id), (kind, f"00{id}")], path)
    assert (written.packs, verify_pack(path, written.sha256).problems) == (1, ())


def test_the_refusal_of_a_long_queue_states_its_length(pack_desk: PackDesk) -> None:
    """The records of a queue with 1,203 records are listed page by page: all of them, or at most as many as the
    caller requests. A bundle of all of them is refused, and the refusal states their number and the limit.
    """
    make_unknown_checks(pack_desk.console, 1_203)
    recovery = pack_desk.console.recovery
    subjects = recovery.list_queue_subjects("unknown")
    assert (len(subjects), len(set(subjects))) == (1_203, 1_203)
    for most in (7, 1_000, 1_001):
        assert recovery.list_queue_subjects("unknown", max_records=most) == subjects[:most]
    with pytest.raises(ConsoleError) as refused:
        recovery.write_evidence_bundle(subjects, pack_desk.folder / "all.zip")
    assert {**refused.value.detail}.items() >= {"n": 1_203, "most": 500}.items()


def test_a_refused_or_cancelled_bundle_leaves_no_file(pack_desk: PackDesk, records: list[tuple[str, int]]) -> None:
    """A cancelled or refused bundle leaves no file and no audit entry. If a pack is too large for the rest of the
    bundle, the bundle leaves it out and the result names it.
    """
    path, write = pack_desk.folder / "all.zip", pack_desk.console.recovery.write_evidence_bundle

    def cancel_after_first_pack(written_count: int, _of: int) -> None:
        if written_count:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(records, path, cancel_after_first_pack)
    for wrong, code in (([], "usage"), ([("credit-check", 1 << 40)], "not_found")):
        with pytest.raises(ConsoleError) as refused:
            write(wrong, path)
        assert refused.value.code == code
    with pack_desk.console.acting_as("robot"), pytest.raises(ConsoleError) as refused:
        write(records, path)
    assert refused.value.code == "not_allowed"
    assert not list(pack_desk.folder.iterdir())
    assert [result for _, result, _ in pack_desk.read_audit_entries()] == []

    packs = pack_desk.console.recovery._services.evidence_packs
    size = pack_desk.write_pack("one.zip", id=records[0][1]).bytes
    written = EvidenceBundleWriter(pack_desk.console._context, packs, max_bytes=size).write(records, path)
    assert (written.packs, written.left_out) == (1, (f"packs/credit-check-{records[1][1]}.zip",))
    assert verify_pack(path).is_intact
    assert json.loads(read_parts(path)["index.json"])[1]["file"] is None


def test_a_changed_pack_is_found(pack_desk: PackDesk, records: list[tuple[str, int]]) -> None:
    """A pack in a bundle is changed: the bundle's manifest shows it. If the bundle's manifest was made to match, the
    manifest inside the pack shows it.
    """
    path = pack_desk.folder / "all.zip"
    pack_desk.console.recovery.write_evidence_bundle(records, path)
    name = f"packs/credit-check-{records[0][1]}.zip"
    inner = pack_desk.folder / "inner.zip"
    inner.write_bytes(read_parts(path)[name])
    forged = rewrite_pack(inner, {"record.json": encode_json({})}).read_bytes()
    assert list_problems(verify_pack(rewrite_pack(path, {name: forged}))) == {(name, "altered")}
    assert list_problems(verify_pack(rewrite_pack(path, {name: forged}, updates_manifest=True))) == {
        (f"{name}/record.json", "altered")
    }
    nested = rewrite_pack(path, {name: path.read_bytes()}, updates_manifest=True)  # a bundle in a bundle is no pack
    assert (f"{name}/manifest.json", "unreadable") in list_problems(verify_pack(nested))


@pytest.mark.skipif(os.name == "nt", reason="there is no such limit")
def test_a_full_disk_is_no_damage_of_a_bundle(pack_desk: PackDesk, records: list[tuple[str, int]]) -> None:
    """If the copy of a pack can't be written, for example because the disk of temporary files is full, the
    verification ends with `storage_full` and the path, and doesn't call the bundle damaged.
    """
    path = pack_desk.folder / "all.zip"
    pack_desk.console.recovery.write_evidence_bundle(records, path)
    with pytest.raises(ConsoleError) as refused, limit_file_sizes(100):
        verify_pack(path)
    assert refused.value.code == ErrorCode.STORAGE_FULL
    assert str(refused.value.detail.get("file")).endswith("copy.zip")
    assert verify_pack(path).is_intact


@pytest.mark.skipif(os.name == "nt", reason="there is no such limit")
def test_a_bundle_names_the_full_disk_of_temporary_files(pack_desk: PackDesk, records: list[tuple[str, int]]) -> None:
    """If the temporary file of a pack can't be written, the error names the folder of temporary files, not the file
    of the bundle. No file is left.
    """
    path = pack_desk.folder / "all.zip"
    with limit_file_sizes(100):
        refused = call_for_refusal(lambda: pack_desk.console.recovery.write_evidence_bundle(records, path))
    assert (refused.code, refused.detail.get("file")) == (ErrorCode.STORAGE_FULL, tempfile.gettempdir())
    assert not path.exists()
