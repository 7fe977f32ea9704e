"""Packs of several records in one file: each as by itself, an index, an entry for each; nothing when cancelled."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.domain.errors import ConsoleError
from console.domain.records import PurchaseRequest
from console.services.evidence.pack_archive import BUNDLE_FORMAT_NAME, encode_json
from console.services.evidence.pack_bundle import EvidenceBundleWriter
from console.services.evidence.pack_verification import verify_pack
from tests.services.evidence.test_pack import NUMBERS, Bench, bench, parts, rewrite, whys
from tests.support.bulk_stage import unknown_checks

__all__ = ["bench"]


@pytest.fixture
def records(bench: Bench) -> list[tuple[str, int]]:
    """Kind and id of two bought credit checks, the younger one first."""
    second = bench.console.credit_checks.purchase(PurchaseRequest(NUMBERS[1], "1"))
    return [("credit-check", second.id), ("credit-check", bench.record.id)]


@pytest.fixture(autouse=True)
def auditor(bench: Bench, records: list[tuple[str, int]]) -> Iterator[None]:
    with bench.console.acting_as("aud-e"):
        yield


def test_each_pack_is_as_by_itself(bench: Bench, records: list[tuple[str, int]]) -> None:
    """The order is the person's, a record named twice is there once; index and entries have each pack's checksum."""
    alone = {f"packs/{kind}-{id}.zip": bench.pack(f"{id}.zip", id=id) for kind, id in records}
    told: list[tuple[int, int]] = []
    path = bench.folder / "all.zip"
    written = bench.console.recovery.write_evidence_bundle(
        [*records, records[0]], path, lambda done, of: told.append((done, of))
    )
    contents = parts(path)
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
    assert told == [(0, 2), (1, 2), (2, 2)]
    assert (written.packs, written.left_out, path.stat().st_mode & 0o777) == (2, (), 0o600)
    verdict = verify_pack(path, written.sha256)
    assert verdict.is_intact, verdict.problems
    assert (verdict.about["form"], verdict.audit_row_count > 2) == (BUNDLE_FORMAT_NAME, True)
    of_packs = [json.loads(detail) for who, result, detail in bench.audited()][2:]
    assert [(one["sha256"], one["bundle"]) for one in of_packs] == [
        (one.sha256, written.sha256) for one in alone.values()
    ]
    (entry,) = [one for one in bench.console.audit.list_entries(50) if one.what == "evidence_bundle.exported"]
    assert (entry.detail["n"], entry.detail["sha256"]) == (2, written.sha256)


def test_the_refusal_of_a_long_queue_tells_its_length(bench: Bench) -> None:
    """A queue is read page by page; it is cut where the reader wants no more."""
    unknown_checks(bench.console, 1_203)
    recovery = bench.console.recovery
    subjects = recovery.list_queue_subjects("unknown")
    assert (len(subjects), len(set(subjects))) == (1_203, 1_203)
    for most in (7, 1_000, 1_001):
        assert recovery.list_queue_subjects("unknown", max_records=most) == subjects[:most]
    with pytest.raises(ConsoleError) as refused:
        recovery.write_evidence_bundle(subjects, bench.folder / "all.zip")
    assert {**refused.value.detail}.items() >= {"n": 1_203, "most": 500}.items()


def test_refused_cancelled_or_without_room(bench: Bench, records: list[tuple[str, int]]) -> None:
    """No file remains and no entry tells of one; a pack without room is named as left out."""
    path, write = bench.folder / "all.zip", bench.console.recovery.write_evidence_bundle

    def cancel(done: int, _of: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(records, path, cancel)
    for wrong, code in (([], "usage"), ([("credit-check", 1 << 40)], "not_found")):
        with pytest.raises(ConsoleError) as refused:
            write(wrong, path)
        assert refused.value.code == code
    with bench.console.acting_as("robot"), pytest.raises(ConsoleError) as refused:
        write(records, path)
    assert refused.value.code == "not_allowed"
    assert not list(bench.folder.iterdir())
    assert [result for _, result, _ in bench.audited()] == []

    packs = bench.console.recovery._services.evidence_packs
    size = bench.pack("one.zip", id=records[0][1]).bytes
    written = EvidenceBundleWriter(bench.console._context, packs, max_bytes=size).write(records, path)
    assert (written.packs, written.left_out) == (1, (f"packs/credit-check-{records[1][1]}.zip",))
    assert verify_pack(path).is_intact
    assert json.loads(parts(path)["index.json"])[1]["file"] is None


def test_a_changed_pack_is_found(bench: Bench, records: list[tuple[str, int]]) -> None:
    """By the bundle's manifest; and by the pack's own where somebody has written a new manifest for the bundle."""
    path = bench.folder / "all.zip"
    bench.console.recovery.write_evidence_bundle(records, path)
    name = f"packs/credit-check-{records[0][1]}.zip"
    inner = bench.folder / "inner.zip"
    inner.write_bytes(parts(path)[name])
    forged = rewrite(inner, {"record.json": encode_json({})}).read_bytes()
    assert whys(verify_pack(rewrite(path, {name: forged}))) == {(name, "altered")}
    assert whys(verify_pack(rewrite(path, {name: forged}, listed=True))) == {(f"{name}/record.json", "altered")}
    nested = rewrite(path, {name: path.read_bytes()}, listed=True)  # a bundle in a bundle is no pack
    assert (f"{name}/manifest.json", "unreadable") in whys(verify_pack(nested))
