"""The evidence pack of one record: a pack is written completely or not at all, has equal bytes for equal facts, can
be verified by its hashes, and contains no data of other records.
"""

import errno
import gc
import hashlib
import json
import os
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Barrier, Thread
from typing import IO, Any

import pypdfium2
import pytest
from sqlalchemy import text

from console.app import Console, open_console
from console.domain.errors import ConsoleError
from console.domain.payments.records import RefundRequest
from console.domain.records import CreditCheck, Person, PurchaseRequest
from console.services.evidence import pack_text
from console.services.evidence.pack import EvidencePackWriter, WrittenPack
from console.services.evidence.pack_archive import PACK_FORMAT_NAME, compute_digest, encode_json
from console.services.evidence.pack_verification import PackVerification, verify_pack
from console.services.evidence.recorded_calls import read_journal
from console.services.exports.pdf_document import write_pdf_document
from console.settings import unfinished_files
from console.settings.settings import Settings
from console.store.access import operators as people
from console.wording import timelines
from tests.support.children import Child
from tests.support.desks import UNUSED_URL, make_environment
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.invented import invent_numbers
from tests.support.payment_desks import PaymentDesk
from tests.support.quick_desks import ManualClock, make_quick_folder, open_quick_desk
from tests.support.refusals import call_for_refusal_code
from tests.support.sql_server import SqlServer
from tests.support.teams import open_team
from tests.support.waiting import MAX_WAIT_SECONDS

CORPORATION_NUMBERS = invent_numbers(3, seed=58)
PAYER = "payer-ref-81726354"
ROLE_BY_PERSON = {
    "op-a": "operator",
    "lead-b": "approver",
    "aud-e": "auditor",
    "adm-f": "admin",
    "robot": "worker",
}


@dataclass
class PackDesk:
    """A desk with one purchased credit check, and a folder into which the tests write evidence packs."""

    console: Console
    record: CreditCheck
    folder: Path

    def write_pack(self, name: str = "case.zip", *, person: str = "aud-e", id: int | None = None) -> WrittenPack:
        """Write the evidence pack of this desk's credit check, or of the credit check with this `id`, to the file
        `name` in the desk's folder, while `person` acts. Return the result of the export.
        """
        with self.console.acting_as(person):
            return self.console.recovery.write_evidence_pack("credit-check", id or self.record.id, self.folder / name)

    def execute_sql(self, statement: str, **values: object) -> None:
        """Execute the statement in a transaction; `values` are its parameters by name."""
        with self.console.database.write_without_retries() as tx:
            tx.conn.execute(text(statement), values)

    def read_audit_entries(self) -> list[tuple[Any, ...]]:
        """Return the person, result and detail of each audit entry about packs, oldest first."""
        with self.console.database.read() as conn:
            rows = conn.execute(
                text("SELECT who, result, detail FROM audit_log WHERE what = 'evidence_pack.exported' ORDER BY id")
            )
            return [tuple(row) for row in rows]


@pytest.fixture
def pack_desk() -> Iterator[PackDesk]:
    """Yield a desk with one purchased credit check and an operator of each role."""
    with make_quick_folder() as home:
        console = open_quick_desk(home / "desk", InMemoryAlarmBox(), ManualClock())
        with console:
            record = console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBERS[0], "1"))
            for name, role in ROLE_BY_PERSON.items():
                _add_person(console, Person(name, frozenset({role}), may_buy=role in ("operator", "approver")))
            (home / "packs").mkdir()
            yield PackDesk(console, record, home / "packs")


def _add_person(console: Console, person: Person) -> None:
    """Add the person to the operators of the database."""
    console.database.write(lambda tx: people.insert_person(tx.conn, person))


def read_parts(path: Path) -> dict[str, bytes]:
    """Return the contents of each file in the ZIP file by its name."""
    with zipfile.ZipFile(path) as pack:
        return {name: pack.read(name) for name in pack.namelist()}


def rewrite_pack(path: Path, changed: dict[str, bytes | None], *, updates_manifest: bool = False) -> Path:
    """Write a copy of the pack in which these parts are replaced (None: removed), and return its path. With
    `updates_manifest` the copy's manifest is made to match the new parts.
    """
    contents = {name: content for name, content in (read_parts(path) | changed).items() if content is not None}
    if updates_manifest:
        manifest = json.loads(contents["manifest.json"])
        for one in manifest["files"]:
            content = contents[one["name"]]
            one |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        contents["manifest.json"] = encode_json({**manifest, "digest": compute_digest(manifest)})
    other = path.with_name("tampered.zip")
    with zipfile.ZipFile(other, "w") as pack:
        for name, content in contents.items():
            pack.writestr(name, content)
    return other


def list_problems(verdict: PackVerification) -> set[tuple[str, str]]:
    """Return the file and the code of each problem that the verification of the pack finds."""
    return {(one.file, one.code) for one in verdict.problems}


def test_a_pack_contains_all_parts_and_is_intact(pack_desk: PackDesk) -> None:
    """A pack contains the timeline in both languages and as JSON and PDF, the record, the provider's answers, the
    document, the audit rows and instructions for the verification. The verification reports the pack as intact.
    """
    written = pack_desk.write_pack()
    contents = read_parts(Path(written.file))
    names = set(contents)
    texts = {"timeline.en.txt", "timeline.ja.txt", "timeline.json", "timeline.pdf", "verify.txt"}
    assert {"audit.json", "record.json", *texts} <= names
    assert list(contents)[-1] == "manifest.json"
    assert [*contents][:-1] == sorted([*contents][:-1])
    assert any(name.startswith(f"answers/credit-check-{pack_desk.record.id}/") for name in names)
    assert any(name.startswith("documents/") and contents[name].startswith(b"%PDF") for name in names)
    verdict = verify_pack(Path(written.file), written.sha256)
    assert verdict.is_intact, verdict.problems
    assert (verdict.file_count, written.files) == (len(names) - 1, len(names))
    assert verdict.audit_row_count == len(json.loads(contents["audit.json"])) - 2  # its form and one head
    assert json.loads(contents["record.json"])["record"]["credit_check_id"] == pack_desk.record.credit_check_id
    assert (Path(written.file).stat().st_size, Path(written.file).stat().st_mode & 0o777) == (written.bytes, 0o600)


def test_the_pack_has_the_timeline_as_a_printable_page(pack_desk: PackDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The PDF of the timeline contains each line in both languages. If the timeline has too many lines for a PDF, the
    pack leaves the PDF out, and the result of the export names it.
    """
    contents = read_parts(Path(pack_desk.write_pack("a.zip").file))
    paper = pypdfium2.PdfDocument(contents["timeline.pdf"])
    shown = "".join("".join(page.get_textpage().get_text_bounded().split()) for page in paper)
    for language in ("ja", "en"):
        for line in contents[f"timeline.{language}.txt"].decode().splitlines():
            assert "".join(line.split()) in shown
    monkeypatch.setattr("console.services.evidence.pack.MAX_LINES_PER_PDF", 5)
    written = pack_desk.write_pack("b.zip")
    assert written.left_out == ("timeline.pdf",)
    assert "timeline.pdf" not in read_parts(Path(written.file))
    assert verify_pack(Path(written.file), written.sha256).is_intact


def test_packs_of_the_same_facts_have_the_same_bytes(pack_desk: PackDesk) -> None:
    """A later pack of a record has the same bytes, although people have read or exported the record in the meantime.
    A new fact about the record changes the bytes.
    """
    first = pack_desk.write_pack("a.zip")
    pack_desk.console.recovery.read_record("credit-check", pack_desk.record.id)
    pack_desk.console._context.clock.sleep(90_000)
    with pack_desk.console.acting_as("aud-e"):
        pack_desk.console.recovery.read_timeline("credit-check", pack_desk.record.id)
    second = pack_desk.write_pack("b.zip")
    assert Path(first.file).read_bytes() == Path(second.file).read_bytes()
    with pack_desk.console.acting_as("op-a"):
        pack_desk.console.credit_checks.refetch(pack_desk.record.id)
    assert pack_desk.write_pack("c.zip").sha256 != first.sha256


def test_the_export_of_a_pack_is_audited(pack_desk: PackDesk) -> None:
    """The export of a pack writes an audit entry with the person who exported the pack and the hash that identifies
    the file.
    """
    written = pack_desk.write_pack()
    ((person, result, detail),) = pack_desk.read_audit_entries()
    facts = json.loads(detail)
    assert (person, result, facts["sha256"], facts["bytes"]) == ("aud-e", "done", written.sha256, written.bytes)


@pytest.mark.parametrize(
    ("person", "may_export"),
    [("aud-e", True), ("op-a", True), ("lead-b", True), ("adm-f", False), ("robot", False), ("nobody", False)],
)
def test_only_people_who_read_audit_rows_may_export_a_pack(
    pack_desk: PackDesk, person: str, may_export: bool
) -> None:
    """Persons with a right to export the audit trail, or their own rows of it, can export a pack. For other roles the
    export is refused, writes no file, and has an audit entry.
    """
    if may_export:
        assert pack_desk.write_pack(person=person).bytes
        return
    with pytest.raises(ConsoleError) as caught:
        pack_desk.write_pack(person=person)
    assert caught.value.code == "not_allowed"
    assert list(pack_desk.folder.iterdir()) == []
    assert [row[:2] for row in pack_desk.read_audit_entries()] == [(person, "refused")]


def test_an_approvers_pack_has_only_own_audit_rows(pack_desk: PackDesk) -> None:
    """A pack that an approver exports contains the approver's own audit rows in full, and only the hashes of other
    people's rows. A pack that an auditor exports contains all rows in full.
    """
    with pack_desk.console.acting_as("lead-b"):
        pack_desk.console.credit_checks.refetch(pack_desk.record.id)
    lines = json.loads(read_parts(Path(pack_desk.write_pack(person="lead-b").file))["audit.json"])
    assert {line["row"]["who"] for line in lines if "row" in line} == {"lead-b"}
    withheld = [line["withheld"] for line in lines if "withheld" in line]
    assert withheld
    assert all(set(row) == {"session", "seq", "id", "prev_hash", "hash", "anchor"} for row in withheld)
    assert verify_pack(pack_desk.folder / "case.zip").is_intact
    every = json.loads(read_parts(Path(pack_desk.write_pack("all.zip").file))["audit.json"])
    assert not [line for line in every if "withheld" in line]


def test_a_changed_byte_is_found_in_every_part(pack_desk: PackDesk) -> None:
    """One byte of a file in the pack is changed: the verification names this file. A changed manifest is found by its
    own hash.
    """
    path = Path(pack_desk.write_pack().file)
    for name, content in read_parts(path).items():
        middle = len(content) // 2
        altered = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        verdict = verify_pack(rewrite_pack(path, {name: altered}))
        assert {file for file, _ in list_problems(verdict)} >= {name}, name


def test_missing_added_and_doubled_parts_are_found(pack_desk: PackDesk) -> None:
    """The verification names each part that was removed from a pack, added to it, or is contained in it twice."""
    path = Path(pack_desk.write_pack().file)
    assert ("record.json", "missing") in list_problems(verify_pack(rewrite_pack(path, {"record.json": None})))
    assert ("extra.txt", "not_listed") in list_problems(verify_pack(rewrite_pack(path, {"extra.txt": b"x"})))
    assert ("../../evil", "bad_name") in list_problems(verify_pack(rewrite_pack(path, {"../../evil": b"x"})))
    with zipfile.ZipFile(path, "a") as pack, pytest.warns(UserWarning, match="Duplicate name"):
        pack.writestr("record.json", b"another one")
    assert ("record.json", "bad_name") in list_problems(verify_pack(path))


@pytest.mark.parametrize("column", ["who", "at", "detail", "result", "prev_hash", "hash", "seq"])
def test_an_edited_audit_row_is_found(pack_desk: PackDesk, column: str) -> None:
    """An audit row in a pack is edited and the manifest is made to match: the verification finds the row by the row's
    own hash or by the desk's anchor.
    """
    path = Path(pack_desk.write_pack().file)
    lines = json.loads(read_parts(path)["audit.json"])
    row = next(line["row"] for line in lines if "row" in line)
    row[column] = row[column] + 1 if isinstance(row[column], int) else "f" + row[column][1:] + "0"
    verdict = verify_pack(rewrite_pack(path, {"audit.json": json.dumps(lines).encode()}, updates_manifest=True))
    assert verdict.problems
    assert {one.file for one in verdict.problems} == {"audit.json"}


def test_a_row_with_recomputed_hashes_differs_from_its_anchor(pack_desk: PackDesk) -> None:
    """A forger edits an audit row and computes all hashes of the pack again: the row differs from the desk's anchor.
    If the forger removes the anchors, too, the hash of the pack differs from the hash in the audit trail.
    """
    from console.store.audit.hash_chain import HASHED_COLUMNS, compute_row_hash

    written = pack_desk.write_pack()
    lines = json.loads(read_parts(Path(written.file))["audit.json"])
    row = [line["row"] for line in lines if "row" in line][-1]
    row["who"] = "somebody"
    row["hash"] = compute_row_hash(row["prev_hash"], [row[name] for name in HASHED_COLUMNS])
    forged = rewrite_pack(Path(written.file), {"audit.json": json.dumps(lines).encode()}, updates_manifest=True)
    assert ("audit.json", "replaced") in list_problems(verify_pack(forged))
    for line in lines:
        line.get("row", {})["anchor"] = []
        line.pop("head", None) if "head" in line else None
    assert (forged.name, "altered") in list_problems(verify_pack(forged, written.sha256))


@pytest.mark.parametrize("is_first", [True, False])
def test_two_audit_rows_with_one_sequence_number_are_found(pack_desk: PackDesk, is_first: bool) -> None:
    """A forged audit row has a valid hash, no anchor and the sequence number of a true row. The verification reports
    both rows as unlinked, whether the forged row comes before or after the true one.
    """
    from console.store.audit.hash_chain import HASHED_COLUMNS, compute_row_hash

    path = Path(pack_desk.write_pack().file)
    lines = json.loads(read_parts(path)["audit.json"])
    true = [line["row"] for line in lines if "row" in line][1]
    forged = {**true, "id": true["id"] + 1_000_000, "who": "somebody", "anchor": []}
    forged["hash"] = compute_row_hash(forged["prev_hash"], [forged[name] for name in HASHED_COLUMNS])
    lines.insert(lines.index({"row": true}) + (not is_first), {"row": forged})
    verdict = verify_pack(rewrite_pack(path, {"audit.json": json.dumps(lines).encode()}, updates_manifest=True))
    rows_and_codes = {(one.row, one.code) for one in verdict.problems}
    assert {(true["id"], "unlinked"), (forged["id"], "unlinked")} <= rows_and_codes


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all", b"PK\x05\x06" + b"\0" * 18])
def test_a_file_that_is_no_pack_is_not_intact(tmp_path: Path, content: bytes) -> None:
    """If a file is not a pack, the verification reports it as not intact and raises no error."""
    file = tmp_path / "x.zip"
    file.write_bytes(content)
    assert not verify_pack(file).is_intact
    assert not verify_pack(tmp_path / "none.zip").is_intact


@pytest.mark.parametrize("name", [{}, {"name": None}, {"name": ["a"]}])
def test_a_manifest_that_names_no_file_is_unreadable(tmp_path: Path, name: dict[str, object]) -> None:
    """An entry of a manifest has no usable file name: the verification reports the manifest as unreadable. It raises
    no error, because anybody can write a file in the form of a pack.
    """
    pack = tmp_path / "x.zip"
    with zipfile.ZipFile(pack, "w") as made:
        made.writestr(
            "manifest.json", json.dumps({"form": "evidence-pack/1", "files": [{"bytes": 1, "sha256": "0"} | name]})
        )
    assert [one.code for one in verify_pack(pack).problems] == ["unreadable"]


def test_a_part_larger_than_the_manifest_says_is_reported(pack_desk: PackDesk) -> None:
    """A part of a pack is larger than its size in the manifest: the verification reports the part as altered."""
    path = Path(pack_desk.write_pack().file)
    bomb = rewrite_pack(path, {"record.json": b"\0" * 10_000_000})
    assert ("record.json", "altered") in list_problems(verify_pack(bomb))


_MAX_PEAK_BYTES, _MAX_PROCESSOR_SECONDS = 400 << 20, 30.0
"""Largest peak memory (bytes) and processor time (seconds) of the verification of a file of a few megabytes. They are
much larger than usual, because the test machine may be busy.
"""


def verify_pack_in_own_process(file: Path) -> dict[str, object]:
    """Verify the pack in a separate process. Return a dictionary with `whole` (True if the pack is intact), `peak`
    (bytes of memory that the verification needed) and `seconds` (of processor time), and with `problems`: at most
    the first five, each as file and code.
    """
    program = (
        "import json, resource, sys, time; from pathlib import Path\n"
        "from console.services.evidence.pack_verification import verify_pack\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; began = time.process_time()\n"
        "verdict = verify_pack(Path(sys.argv[1]))\n"
        "peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024\n"
        "print(json.dumps({'whole': verdict.is_intact, 'peak': peak, 'seconds': time.process_time() - began,\n"
        "    'problems': [[one.file, one.code] for one in verdict.problems][:5]}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(file)], capture_output=True, timeout=MAX_WAIT_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-2_000:]
    verification = json.loads(done.stdout)
    assert isinstance(verification, dict)
    return verification


def write_pack_file(
    path: Path,
    contents: dict[str, bytes],
    packing: int = zipfile.ZIP_DEFLATED,
    stated_bytes: dict[str, int] | None = None,
) -> Path:
    """Write a pack file of these parts, by their names, with a correct manifest; return its path. `packing` is the
    compression method of `zipfile`. `stated_bytes` are the lengths of parts for which the manifest states a wrong
    length.
    """
    files = [
        {
            "name": name,
            "bytes": (stated_bytes or {}).get(name, len(content)),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        for name, content in contents.items()
    ]
    manifest: dict[str, object] = {"form": PACK_FORMAT_NAME, "files": files}
    whole = contents | {"manifest.json": encode_json({**manifest, "digest": compute_digest(manifest)})}
    with zipfile.ZipFile(path, "w", packing) as pack:
        for name, content in whole.items():
            pack.writestr(name, content)
    return path


def _make_withheld_row(number: int) -> bytes:
    """Return the JSON of an audit row whose content the pack withholds; `number` is its id and its sequence
    number.
    """
    row = {"anchor": [], "hash": "a" * 64, "id": number, "prev_hash": "b" * 64, "seq": number, "session": "s"}
    return json.dumps({"withheld": row}).encode()


def _make_json_list(lines: Iterable[bytes]) -> bytes:
    """Return a JSON list of these lines in the format of the file `audit.json`."""
    return b"[\n" + b",\n".join(lines) + b"\n]\n"


EXPANDING_PARTS_BY_TITLE: dict[str, Callable[[], dict[str, bytes]]] = {
    "five million rows in one line": lambda: {"audit.json": b"[" + b",".join([b'{"row":{}}'] * 5_000_000) + b"]"},
    "five million rows, each in a line": lambda: {"audit.json": _make_json_list([b'{"row":{}}'] * 5_000_000)},
    "rows with a place": lambda: {"audit.json": _make_json_list(map(_make_withheld_row, range(100_000)))},
    "rows that are all wrong": lambda: {"audit.json": _make_json_list([_make_withheld_row(5)] * 201_000)},
    "a line without an end": lambda: {"audit.json": b"[\n" + b'{"row":' + b" " * 30_000_000},
    "a line of lists": lambda: {"audit.json": _make_json_list([b'{"row":{"anchor":[' + b"[]," * 300_000 + b"1]}}"])},
    "blank lines": lambda: {"audit.json": b"[\n" + b"\n" * 30_000_000},
    "nesting without an end": lambda: {
        "audit.json": _make_json_list([b'{"row":' + b"[" * 500_000 + b"]" * 500_000 + b"}"])
    },
    "an endless number": lambda: {"audit.json": _make_json_list([b'{"row":{"id":' + b"9" * 900_000 + b"}}"])},
    "too much audit": lambda: {"audit.json": b" " * (65 << 20)},
    "twenty thousand parts": lambda: {f"evidence/{number}.json": b"" for number in range(20_000)},
}


@pytest.mark.parametrize("title", EXPANDING_PARTS_BY_TITLE)
def test_a_small_file_is_verified_with_bounded_memory(tmp_path: Path, title: str) -> None:
    """A small pack file decompresses to a large one: the verification reads it with limited memory, and reports that
    it isn't intact.
    """
    verification = verify_pack_in_own_process(
        write_pack_file(tmp_path / "bomb.zip", EXPANDING_PARTS_BY_TITLE[title]())
    )
    assert not verification["whole"]
    assert verification["peak"] < _MAX_PEAK_BYTES, verification  # type: ignore[operator]
    assert verification["seconds"] < _MAX_PROCESSOR_SECONDS, verification  # type: ignore[operator]


@pytest.mark.parametrize(
    ("inside", "packing"),
    [
        (b"[],", zipfile.ZIP_DEFLATED),
        (b'"a",', zipfile.ZIP_BZIP2),
        (b"1,", zipfile.ZIP_LZMA),
        (b"{},", zipfile.ZIP_DEFLATED),
        (b'[["a"],', zipfile.ZIP_DEFLATED),
    ],
)
def test_a_huge_manifest_is_verified_with_bounded_memory(tmp_path: Path, inside: bytes, packing: int) -> None:
    """A small pack file has a manifest that decompresses to very long lists: the verification needs limited memory
    and time, for each compression method.
    """
    file = tmp_path / "bomb.zip"
    with zipfile.ZipFile(file, "w", packing) as pack:
        pack.writestr("manifest.json", b'{"files": [' + inside * ((23 << 20) // len(inside)) + b"1]}")
    verification = verify_pack_in_own_process(file)
    assert not verification["whole"]
    assert verification["peak"] < _MAX_PEAK_BYTES, verification  # type: ignore[operator]
    assert verification["seconds"] < _MAX_PROCESSOR_SECONDS, verification  # type: ignore[operator]


@pytest.mark.parametrize("part", ["manifest.json", "audit.json"])
def test_a_repacked_damaged_part_is_found(tmp_path: Path, part: str) -> None:
    """A pack has a damaged part that is compressed with LZMA. LZMA raises other exceptions than the usual
    compression: the verification still reports the pack as not intact, and raises no error.
    """
    parts = {"audit.json": b"[" + b'{"row": {}},' * 200 + b'{"row": {}}]'}
    whole, file = write_pack_file(tmp_path / "whole.zip", parts), tmp_path / "bad.zip"
    with zipfile.ZipFile(whole) as pack, zipfile.ZipFile(file, "w") as other:
        contents = {name: pack.read(name) for name in pack.namelist()}
        other.writestr(part, contents[part], zipfile.ZIP_LZMA)
        for name in contents.keys() - {part}:
            other.writestr(name, contents[name])
    raw = bytearray(file.read_bytes())
    start = 30 + len(part) + 20
    raw[start : start + 20] = b"\xff" * 20
    file.write_bytes(raw)
    assert not verify_pack(file).is_intact


def test_the_total_size_of_all_parts_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty parts of a pack claim 48 MiB each: the verification refuses the pack as too large, and decompresses none
    of these parts.
    """
    file = write_pack_file(tmp_path / "bomb.zip", {f"documents/{number}.pdf": b"x" * 777 for number in range(50)})
    file.write_bytes(file.read_bytes().replace((777).to_bytes(4, "little"), (48 << 20).to_bytes(4, "little")))
    opened, open_part = list[str](), zipfile.ZipFile.open

    def open_and_note(pack: zipfile.ZipFile, name: str | zipfile.ZipInfo, *more: Any, **options: Any) -> IO[bytes]:
        opened.append(name if isinstance(name, str) else name.filename)
        return open_part(pack, name, *more, **options)

    monkeypatch.setattr(zipfile.ZipFile, "open", open_and_note)
    assert ("manifest.json", "too_large") in list_problems(verify_pack(file))
    assert set(opened) == {"manifest.json"}


def test_a_part_longer_than_stated_is_reported(tmp_path: Path) -> None:
    """A part is longer than its length in the ZIP file's directory and in the manifest: the verification reports that
    the pack isn't intact, and needs much less memory than the part has bytes.
    """
    part_bytes, stated_bytes = 160_123_457, 9
    file = write_pack_file(
        tmp_path / "bomb.zip",
        {"audit.json": b"[\n]\n", "record.json": bytes(part_bytes)},
        stated_bytes={"record.json": stated_bytes},
    )
    raw = file.read_bytes()
    stated_size = part_bytes.to_bytes(4, "little")
    assert raw.count(stated_size) == 2  # before the part and in the directory
    file.write_bytes(raw.replace(stated_size, stated_bytes.to_bytes(4, "little")))
    verification = verify_pack_in_own_process(file)
    assert verification["problems"] == [["record.json", "altered"]]
    assert verification["peak"] < part_bytes // 4  # type: ignore[operator]


HOSTILE_TEXT = "../../../etc/passwd\r\n=cmd|' /C calc'!A0\x1b[2J\u202e\x00@SUM(A1)"


def test_hostile_texts_are_not_interpreted(pack_desk: PackDesk) -> None:
    """A hostile text of a provider or a person does not become a file name, a separate line or a formula in the
    pack.
    """
    pack_desk.execute_sql(
        "INSERT INTO evidence (subject_kind, subject_id, at, source, who, sha256, summary, body)"
        " VALUES ('credit-check', :of, '2026-11-20 03:00:00.000000', :evil, :evil, :evil, :evil, :evil)",
        of=pack_desk.record.id,
        evil=HOSTILE_TEXT.replace("\x00", ""),
    )
    pack_desk.execute_sql(
        "UPDATE hansha_alarmbox_credit_checks SET company_name = :evil", evil=HOSTILE_TEXT.replace("\x00", "")[:200]
    )
    path = Path(pack_desk.write_pack().file)
    verdict = verify_pack(path)
    assert verdict.is_intact, verdict.problems
    for name, content in read_parts(path).items():
        assert all(part not in ("", "..") for part in name.split("/"))
        assert name.isascii()
        if name.endswith((".json", ".txt")):
            lines = content.decode().splitlines()
            assert not [line for line in lines if line[:1] in "=+-@\t" and line]
            assert all(one.isprintable() for line in lines for one in line), name


def test_a_missing_or_too_large_document_is_listed_as_left_out(pack_desk: PackDesk) -> None:
    """If a document is missing or too large, the pack is written without it, and the manifest names the document and
    the reason.
    """
    small = EvidencePackWriter(
        pack_desk.console._context,
        lambda: timelines,
        pack_desk.console._complete_records,
        write_pdf_document,
        max_bytes=2_500,
    )
    with pack_desk.console.acting_as("aud-e"):
        written = small.write("credit-check", pack_desk.record.id, pack_desk.folder / "small.zip")
    manifest = json.loads(read_parts(Path(written.file))["manifest.json"])
    (left_out,) = [one for one in manifest["left_out"] if one["name"].startswith("documents/")]
    assert left_out["reason"] == "too_large"
    assert left_out["name"] in written.left_out
    assert verify_pack(Path(written.file)).is_intact
    for file in (pack_desk.console.settings.home / "documents").rglob("*.pdf"):
        file.unlink()
    gone = json.loads(read_parts(Path(pack_desk.write_pack("gone.zip").file))["manifest.json"])["left_out"]
    assert [one["reason"] for one in gone] == ["missing"]


def test_the_largest_pack_that_is_written_can_be_read(pack_desk: PackDesk) -> None:
    """The answers and documents of a pack use the whole size limit, so that the timeline and the manifest exceed the
    limit: the pack can still be read and verified.
    """
    whole = read_parts(Path(pack_desk.write_pack().file))
    room = sum(len(whole[name]) for name in whole if name.startswith(("answers/", "audit.json", "documents/")))
    full = EvidencePackWriter(
        pack_desk.console._context,
        lambda: timelines,
        pack_desk.console._complete_records,
        write_pdf_document,
        max_bytes=room,
    )
    with pack_desk.console.acting_as("aud-e"):
        written = full.write("credit-check", pack_desk.record.id, pack_desk.folder / "full.zip")
    assert (written.left_out, sum(map(len, read_parts(Path(written.file)).values())) > room) == ((), True)
    assert read_journal(Path(written.file), room).calls
    with pytest.raises(ValueError, match="too large"):
        read_journal(Path(written.file), room - len(whole["audit.json"]) - 1)


@pytest.mark.parametrize("hash", ["", "F" * 64, "../../" + "e" * 58])
def test_a_document_with_an_invalid_hash_is_left_out(pack_desk: PackDesk, hash: str) -> None:
    """A document with an invalid hash is left out of the pack. The manifest lists it under a neutral name, and the
    invalid text appears neither in the pack nor in the result.
    """
    pack_desk.execute_sql("UPDATE documents SET sha256 = :hash", hash=hash)
    written = pack_desk.write_pack()
    contents = read_parts(Path(written.file))
    assert not [name for name in contents if name.startswith("documents/")]
    (left_out,) = json.loads(contents["manifest.json"])["left_out"]
    assert (left_out["name"], left_out["reason"]) == ("documents/unnamed-1.pdf", "bad_hash")
    assert written.left_out == ("documents/unnamed-1.pdf",)
    assert verify_pack(Path(written.file)).is_intact


def test_a_document_of_another_hash_is_left_out(pack_desk: PackDesk) -> None:
    """The database states another hash for a document than its path: the pack doesn't contain the content under that
    hash, and the PDF can't be opened by it."""
    pack_desk.execute_sql("UPDATE documents SET sha256 = :hash", hash="f" * 64)
    written = pack_desk.write_pack()
    contents = read_parts(Path(written.file))
    assert not [name for name in contents if name.startswith("documents/")]
    (left_out,) = json.loads(contents["manifest.json"])["left_out"]
    assert left_out["reason"] == "damaged"
    with pytest.raises(ConsoleError) as caught:
        pack_desk.console.credit_checks.read_pdf(pack_desk.record.id, "f" * 64)
    assert (caught.value.code, caught.value.detail["reason"]) == ("not_found", "damaged")


def test_an_existing_file_is_never_replaced(pack_desk: PackDesk) -> None:
    """An existing file, or a symbolic link to a missing file, is at the pack's path: the export is refused, and the
    file or link stays as it is.
    """
    (pack_desk.folder / "case.zip").write_bytes(b"mine")
    (pack_desk.folder / "link.zip").symlink_to(pack_desk.folder / "nowhere")
    for name in ("case.zip", "link.zip"):
        with pytest.raises(ConsoleError) as caught:
            pack_desk.write_pack(name)
        assert (caught.value.code, caught.value.detail["problem"]) == ("usage", "file_exists")
    assert (pack_desk.folder / "case.zip").read_bytes() == b"mine"
    assert pack_desk.read_audit_entries() == []


def test_a_missing_folder_or_invalid_name_is_refused(pack_desk: PackDesk) -> None:
    """A missing folder is refused with `usage`, an invalid file name with `storage_full`; no file is left behind."""
    with pytest.raises(ConsoleError) as caught:
        pack_desk.write_pack("none/case.zip")
    assert (caught.value.code, caught.value.detail["problem"]) == ("usage", "no_folder")
    with pytest.raises(ConsoleError) as caught:
        pack_desk.write_pack("no\0name.zip")
    assert caught.value.code == "storage_full"
    assert list(pack_desk.folder.iterdir()) == []


def test_ctrl_c_during_the_export_leaves_no_file(pack_desk: PackDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person presses Ctrl+C during the export of a pack: no file remains, and no message about an unclosed ZIP file
    appears.
    """
    lost: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lost.append)

    def raise_keyboard_interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pack_text, "encode_pack_verification_text", raise_keyboard_interrupt)
    with pytest.raises(KeyboardInterrupt):
        pack_desk.write_pack("case.zip")
    gc.collect()
    assert (lost, list(pack_desk.folder.iterdir())) == ([], [])


@pytest.mark.parametrize("has_unnamed_files", [True, False])
def test_only_one_of_four_simultaneous_exports_writes_the_file(
    pack_desk: PackDesk, monkeypatch: pytest.MonkeyPatch, has_unnamed_files: bool
) -> None:
    """Four exports write a pack to the same path at the same time: one succeeds with an intact pack, the others are
    refused, and no other file remains in the folder.
    """
    if not has_unnamed_files:
        monkeypatch.setattr("console.settings.unfinished_files._UNNAMED_FILE_FLAG", 0)
    start, endings = Barrier(4), []

    def write_pack_at_start() -> None:
        start.wait()
        try:
            pack_desk.write_pack()
            endings.append("done")
        except ConsoleError as refusal:
            endings.append(refusal.code)

    threads = [Thread(target=write_pack_at_start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(endings) == ["done", "usage", "usage", "usage"]
    assert [file.name for file in pack_desk.folder.iterdir()] == ["case.zip"]
    assert verify_pack(pack_desk.folder / "case.zip").is_intact


@pytest.mark.parametrize("can_rename_to_new_name", [True, False])
def test_a_pack_is_written_without_unnamed_files_and_hard_links(
    pack_desk: PackDesk, monkeypatch: pytest.MonkeyPatch, can_rename_to_new_name: bool
) -> None:
    """On a file system without unnamed files and hard links, a pack is still written completely. It replaces no
    existing file and leaves no other file behind.
    """
    monkeypatch.setattr("console.settings.unfinished_files._UNNAMED_FILE_FLAG", 0)

    def raise_links_not_supported(self: Path, target: Path) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(Path, "hardlink_to", raise_links_not_supported)
    if not can_rename_to_new_name:
        monkeypatch.setattr(unfinished_files, "_rename_to_new_name", raise_links_not_supported)
    assert verify_pack(Path(pack_desk.write_pack().file)).is_intact
    with pytest.raises(ConsoleError):
        pack_desk.write_pack()
    assert [file.name for file in pack_desk.folder.iterdir()] == ["case.zip"]


@pytest.mark.skipif(
    sys.platform not in ("linux", "darwin"), reason="POSIX has no call that renames without replacing"
)
def test_a_file_system_without_hard_links_names_a_pack_in_one_step(
    pack_desk: PackDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without hard links, the pack gets its name by one call of the operating system. Between two calls, a killed
    process would leave an empty file that refuses the next export.
    """
    monkeypatch.setattr("console.settings.unfinished_files._UNNAMED_FILE_FLAG", 0)

    def raise_links_not_supported(self: Path, target: Path) -> None:
        raise PermissionError("no links here")

    def stop_between_two_calls(self: Path, target: Path) -> None:
        raise AssertionError("a second call")

    monkeypatch.setattr(Path, "hardlink_to", raise_links_not_supported)
    monkeypatch.setattr(Path, "replace", stop_between_two_calls)
    assert verify_pack(Path(pack_desk.write_pack().file)).is_intact
    assert [file.name for file in pack_desk.folder.iterdir()] == ["case.zip"]


@pytest.mark.parametrize("has_unnamed_files", [True, False])
def test_a_pack_reported_as_failed_does_not_exist(
    pack_desk: PackDesk, monkeypatch: pytest.MonkeyPatch, has_unnamed_files: bool
) -> None:
    """If the disk can't store the name of the pack, the export fails, the audit trail says so, and no file has the
    name: the next export succeeds. A share that never syncs a folder isn't a failure.
    """
    if not has_unnamed_files:
        monkeypatch.setattr(unfinished_files, "_UNNAMED_FILE_FLAG", 0)
    sync = os.fsync

    def fail_to_sync_folder(number: int) -> Callable[[int], None]:
        def sync_or_fail(descriptor: int) -> None:
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                raise OSError(number, os.strerror(number))
            sync(descriptor)

        return sync_or_fail

    with monkeypatch.context() as full_disk:
        full_disk.setattr(os, "fsync", fail_to_sync_folder(errno.ENOSPC))
        assert call_for_refusal_code(pack_desk.write_pack) == "storage_full"
    assert list(pack_desk.folder.iterdir()) == []
    assert [result for _, result, _ in pack_desk.read_audit_entries()] == ["done", "failed"]
    monkeypatch.setattr(os, "fsync", fail_to_sync_folder(errno.EINVAL))
    assert verify_pack(Path(pack_desk.write_pack().file)).is_intact


def list_open_files() -> list[Path]:
    """Return the paths of the files that this process has open."""
    open_files = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # that of the listing itself
            open_files.append(descriptor.readlink())
    return open_files


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only Linux lists the open files")
def test_a_pack_is_renamed_on_a_windows_without_hard_links(
    pack_desk: PackDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A USB stick (FAT) has no hard links, and Windows renames no file that is open. The pack is closed before it is
    renamed. If the renaming fails, no empty file keeps the name, and the next export succeeds.
    """
    monkeypatch.setattr("console.settings.unfinished_files._UNNAMED_FILE_FLAG", 0)

    def raise_links_not_supported(self: Path, target: Path) -> None:
        raise OSError(errno.EINVAL, "no links here")

    rename = Path.replace

    def rename_like_windows(path: Path, target: Path) -> Path:
        if path in list_open_files():
            raise PermissionError(errno.EACCES, "The process cannot access the file")
        return rename(path, target)

    monkeypatch.setattr(unfinished_files, "_rename_to_new_name", raise_links_not_supported)
    monkeypatch.setattr(Path, "hardlink_to", raise_links_not_supported)
    with monkeypatch.context() as full_stick:
        full_stick.setattr(Path, "replace", raise_links_not_supported)
        assert call_for_refusal_code(pack_desk.write_pack) == "storage_full"
        assert list(pack_desk.folder.iterdir()) == []
    monkeypatch.setattr(Path, "replace", rename_like_windows)
    assert verify_pack(Path(pack_desk.write_pack().file)).is_intact
    assert [file.name for file in pack_desk.folder.iterdir()] == ["case.zip"]


def export_pack_in_killed_process(pipe: Connection, home: Path, folder: Path, record_id: int, point: str) -> None:
    """Export the pack in a child process that the failpoint kills. If the process isn't killed, it sends a message to
    the test.
    """
    settings = Settings.load(make_environment(home, UNUSED_URL, OPERATOR="aud-e", FAILPOINT=f"{point}:1:kill"))
    with open_console(settings, None, InMemoryAlarmBox()) as console:
        console.recovery.write_evidence_pack("credit-check", record_id, folder / "case.zip")
    pipe.send("not killed")


@pytest.mark.parametrize("point", ["after_pack_written", "before_pack_named"])
def test_a_kill_during_the_export_leaves_no_partial_file(pack_desk: PackDesk, point: str) -> None:
    """An export that is killed while it writes leaves no file, and the next export succeeds."""
    home = pack_desk.console.settings.home
    child = Child(export_pack_in_killed_process, home, pack_desk.folder, pack_desk.record.id, point)
    assert child.wait_for_end() == -9
    assert list(pack_desk.folder.iterdir()) == []
    assert len(pack_desk.read_audit_entries()) == (1 if point == "before_pack_named" else 0)
    assert verify_pack(Path(pack_desk.write_pack().file)).is_intact


def test_the_pack_of_a_refund_has_only_its_own_records(scene: PaymentDesk) -> None:
    """The evidence pack of a refund contains the refund's order, payment and notices, nothing of another order, and
    only masked payers."""
    mine, theirs = (_pay_and_request_refund(scene, number) for number in ("ORD-MINE", "ORD-THEIRS"))
    scene.place.drop_table_triggers("payments")
    scene.place.drop_table_triggers("payment_events")
    scene.place.sql(
        f"UPDATE payments SET payer_ref = '{PAYER}'",
        f'UPDATE payment_events SET body = \'{{"payer":"{PAYER}"}}\' WHERE payment_id IS NOT NULL',
    )
    with _make_temporary_folder() as folder:
        written = scene.console.recovery.write_evidence_pack("refund", mine, folder / "case.zip")
        verdict = verify_pack(Path(written.file), written.sha256)
        contents = read_parts(Path(written.file))
    assert verdict.is_intact, verdict.problems
    assert verdict.audit_row_count
    whole = b"".join(contents.values())
    assert b"ORD-MINE" in whole
    assert b"ORD-THEIRS" not in whole
    assert PAYER.encode() not in whole
    assert b"****6354" in contents["record.json"]
    assert any("/notice-" in name for name in contents)
    assert {one["kind"] for one in json.loads(contents["record.json"])["related"]} == {"order", "payment"}
    assert mine != theirs


def test_database_accounts_may_read_the_rows_of_a_pack(sql_server: SqlServer) -> None:
    """With an auditor's database account a pack contains all audit rows, with an approver's account only the
    approver's own rows. The accounts of the worker and of an administrator are refused.
    """
    whose: dict[str, object] = {}
    with open_team(sql_server) as people, _make_temporary_folder() as folder:
        shared = (folder / "documents").as_uri()

        def open_desk(person: str) -> Console:
            url = people.urls[person]
            return open_quick_desk(
                folder / person, InMemoryAlarmBox(), DATABASE_URL=url, DOCUMENTS_URL=shared, OPERATOR=""
            )

        with open_desk("op-a") as desk:
            record = desk.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBERS[0], "1"))
        for person in ("aud-e", "lead-b", "worker", "adm-f"):
            with open_desk(person) as desk:
                file = folder / f"{person}.zip"
                try:
                    desk.recovery.write_evidence_pack("credit-check", record.id, file)
                    assert desk.recovery.read_timeline("credit-check", record.id).events
                    audit: Any = verify_pack(file).manifest["audit"]
                    whose[person] = (verify_pack(file).is_intact, audit["rows"] > 0, audit["withheld"] > 0)
                except ConsoleError as refusal:
                    whose[person] = refusal.code
    refused = "not_allowed"
    assert whose == {
        "aud-e": (True, True, False),
        "lead-b": (True, False, True),
        "worker": refused,
        "adm-f": refused,
    }


def test_no_secret_is_in_a_pack(scene: PaymentDesk) -> None:
    """A pack contains no secret of the desk's settings."""
    refund = _pay_and_request_refund(scene, "ORD-1")
    with _make_temporary_folder() as folder:
        written = scene.console.recovery.write_evidence_pack("refund", refund, folder / "case.zip")
        whole = b"".join(read_parts(Path(written.file)).values())
    secrets = scene.console.settings.secrets
    names = secrets.list_secret_names_in_environment()
    assert {"PAYPAY_API_KEY", "PAYPAY_API_SECRET", "STORE_KEY", "ALARMBOX_CLIENT_SECRET", "ATOM_PASSWORD"} <= names
    for name in names:
        assert (secrets.read_secret(name) or "").encode() not in whole, name


def test_many_answers_are_exported_with_bounded_memory(pack_desk: PackDesk) -> None:
    """A pack with 800 long provider answers is written: the export holds only one page of answers in memory at a
    time.
    """
    import tracemalloc

    from console.store.schema.core import evidence

    pack_desk.execute_sql(
        "INSERT INTO orders (id, merch_txn_id, total_amount, currency) VALUES (7, 'ORD-7', 1, 'JPY')"
    )
    row = {"subject_kind": "order", "subject_id": 7, "source": "paypay.payment", "who": "op-a", "sha256": "0" * 64,
           "summary": "s", "at": pack_desk.console._context.now().replace(tzinfo=None)}  # fmt: skip
    with pack_desk.console.database.write_without_retries() as tx:
        tx.conn.execute(evidence.insert(), [{**row, "body": f"{n:05}" * 4_000} for n in range(800)])
    tracemalloc.start()
    with pack_desk.console.acting_as("aud-e"):
        written = pack_desk.console.recovery.write_evidence_pack("order", 7, pack_desk.folder / "case.zip")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert written.files > 800
    assert peak < 10_000_000, f"{peak:,} bytes"


@contextmanager
def _make_temporary_folder() -> Iterator[Path]:
    """Yield a temporary folder for packs."""
    with make_quick_folder() as folder:
        yield folder


def _pay_and_request_refund(scene: PaymentDesk, number: str) -> int:
    """Pay an order with the order number `number` and request a partial refund of it; return the refund's id."""
    payment = scene.payments.start(scene.insert_order(number, 3_300), "paypay").payment
    scene.money.change_payment_state("paypay", number, "paid")
    scene.deliver_notice("paypay", number)
    scene.run_due_tasks()
    return scene.console.refunds.request(RefundRequest(payment.id, "1000", "sent back")).id


def test_invisible_characters_are_escaped_in_json_text() -> None:
    """Direction marks and control characters are escaped in the JSON text; parsing the JSON returns the original
    text.
    """
    made = encode_json({"a": "x\u202ey\x1b\x9b日本"})
    assert made.isascii() is False
    assert json.loads(made) == {"a": "x\u202ey\x1b\x9b日本"}
    assert all(one.isprintable() or one == "\n" for one in made.decode())
