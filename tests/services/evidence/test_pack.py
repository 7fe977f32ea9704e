"""A case's evidence pack: whole or not there, the same for the same facts, proven by hashes, nobody else's."""

import gc
import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

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
from console.settings.settings import Settings
from console.store.access import operators as people
from console.wording import timelines
from tests.support.children import Child
from tests.support.desks import NOWHERE, environment
from tests.support.invented import numbers
from tests.support.ledger_vendor import LedgerVendor
from tests.support.payment_desks import Scene
from tests.support.quick_desks import HandClock, quick_desk, quick_folder
from tests.support.sql_server import SqlServer
from tests.support.teams import team
from tests.support.waiting import PATIENCE_SECONDS

NUMBERS = numbers(3, seed=58)
PAYER = "payer-ref-81726354"
TEAM = {
    "op-a": "operator",
    "lead-b": "approver",
    "aud-e": "auditor",
    "adm-f": "admin",
    "robot": "worker",
}


@dataclass
class Bench:
    """A desk with one bought credit check, and a folder for packs."""

    console: Console
    record: CreditCheck
    folder: Path

    def pack(self, name: str = "case.zip", *, by: str = "aud-e", id: int | None = None) -> WrittenPack:
        with self.console.acting_as(by):
            return self.console.recovery.write_evidence_pack("credit-check", id or self.record.id, self.folder / name)

    def sql(self, statement: str, **values: object) -> None:
        with self.console.database.write_without_retries() as tx:
            tx.conn.execute(text(statement), values)

    def audited(self) -> list[tuple[Any, ...]]:
        with self.console.database.read() as conn:
            found = conn.execute(
                text("SELECT who, result, detail FROM audit_log WHERE what = 'evidence_pack.exported' ORDER BY id")
            )
            return [tuple(row) for row in found]


@pytest.fixture
def bench() -> Iterator[Bench]:
    with quick_folder() as home:
        console = quick_desk(home / "desk", LedgerVendor(), HandClock())
        with console:
            record = console.credit_checks.purchase(PurchaseRequest(NUMBERS[0], "1"))
            for name, role in TEAM.items():
                _add(console, Person(name, frozenset({role}), may_buy=role in ("operator", "approver")))
            (home / "packs").mkdir()
            yield Bench(console, record, home / "packs")


def _add(console: Console, person: Person) -> None:
    console.database.write(lambda tx: people.insert_person(tx.conn, person))


def parts(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as pack:
        return {name: pack.read(name) for name in pack.namelist()}


def rewrite(path: Path, changed: dict[str, bytes | None], *, listed: bool = False) -> Path:
    """The pack with these parts replaced (None: taken out); `listed`: with a manifest that agrees with them."""
    contents = {name: content for name, content in (parts(path) | changed).items() if content is not None}
    if listed:
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


def whys(verdict: PackVerification) -> set[tuple[str, str]]:
    return {(one.file, one.code) for one in verdict.problems}


def test_a_pack_has_everything_and_is_whole(bench: Bench) -> None:
    """Timeline in both languages and for programs, the record, answers, the PDF, audit rows, how to verify it."""
    written = bench.pack()
    contents = parts(Path(written.file))
    names = set(contents)
    texts = {"timeline.en.txt", "timeline.ja.txt", "timeline.json", "timeline.pdf", "verify.txt"}
    assert {"audit.json", "record.json", *texts} <= names
    assert list(contents)[-1] == "manifest.json"
    assert [*contents][:-1] == sorted([*contents][:-1])
    assert any(name.startswith(f"answers/credit-check-{bench.record.id}/") for name in names)
    assert any(name.startswith("documents/") and contents[name].startswith(b"%PDF") for name in names)
    verdict = verify_pack(Path(written.file), written.sha256)
    assert verdict.is_intact, verdict.problems
    assert (verdict.file_count, written.files) == (len(names) - 1, len(names))
    assert verdict.audit_row_count == len(json.loads(contents["audit.json"])) - 2  # its form and one head
    assert json.loads(contents["record.json"])["record"]["credit_check_id"] == bench.record.credit_check_id
    assert (Path(written.file).stat().st_size, Path(written.file).stat().st_mode & 0o777) == (written.bytes, 0o600)


def test_the_timeline_is_there_on_paper(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One PDF with each line of both languages; one that would have too many lines is left out by name."""
    contents = parts(Path(bench.pack("a.zip").file))
    paper = pypdfium2.PdfDocument(contents["timeline.pdf"])
    shown = "".join("".join(page.get_textpage().get_text_bounded().split()) for page in paper)
    for language in ("ja", "en"):
        for line in contents[f"timeline.{language}.txt"].decode().splitlines():
            assert "".join(line.split()) in shown
    monkeypatch.setattr("console.services.evidence.pack.MAX_LINES_PER_PDF", 5)
    written = bench.pack("b.zip")
    assert written.left_out == ("timeline.pdf",)
    assert "timeline.pdf" not in parts(Path(written.file))
    assert verify_pack(Path(written.file), written.sha256).is_intact


def test_the_same_facts_give_the_same_bytes(bench: Bench) -> None:
    """However often, later, and whoever has looked or exported meanwhile; a new fact changes it."""
    first = bench.pack("a.zip")
    bench.console.recovery.read_record("credit-check", bench.record.id)
    bench.console._context.clock.sleep(90_000)
    with bench.console.acting_as("aud-e"):
        bench.console.recovery.read_timeline("credit-check", bench.record.id)
    second = bench.pack("b.zip")
    assert Path(first.file).read_bytes() == Path(second.file).read_bytes()
    with bench.console.acting_as("op-a"):
        bench.console.credit_checks.refetch(bench.record.id)
    assert bench.pack("c.zip").sha256 != first.sha256


def test_it_is_an_export_in_the_trail(bench: Bench) -> None:
    """The entry names the person who exported, and the hash that identifies the file."""
    written = bench.pack()
    ((who, result, detail),) = bench.audited()
    facts = json.loads(detail)
    assert (who, result, facts["sha256"], facts["bytes"]) == ("aud-e", "done", written.sha256, written.bytes)


@pytest.mark.parametrize(
    ("who", "may"),
    [("aud-e", True), ("op-a", True), ("lead-b", True), ("adm-f", False), ("robot", False), ("nobody", False)],
)
def test_who_may_export(bench: Bench, who: str, may: bool) -> None:
    """The roles that may export the trail, or their own rows of it; a refusal writes no file, and has an entry in the
    trail.
    """
    if may:
        assert bench.pack(by=who).bytes
        return
    with pytest.raises(ConsoleError) as caught:
        bench.pack(by=who)
    assert caught.value.code == "not_allowed"
    assert list(bench.folder.iterdir()) == []
    assert [row[:2] for row in bench.audited()] == [(who, "refused")]


def test_an_operators_pack_has_own_rows_alone(bench: Bench) -> None:
    """Rows of other people are there by their hashes; the auditor's pack has them all."""
    with bench.console.acting_as("lead-b"):
        bench.console.credit_checks.refetch(bench.record.id)
    lines = json.loads(parts(Path(bench.pack(by="lead-b").file))["audit.json"])
    assert {line["row"]["who"] for line in lines if "row" in line} == {"lead-b"}
    withheld = [line["withheld"] for line in lines if "withheld" in line]
    assert withheld
    assert all(set(row) == {"session", "seq", "id", "prev_hash", "hash", "anchor"} for row in withheld)
    assert verify_pack(bench.folder / "case.zip").is_intact
    every = json.loads(parts(Path(bench.pack("all.zip").file))["audit.json"])
    assert not [line for line in every if "withheld" in line]


def test_a_changed_byte_is_found_in_every_part(bench: Bench) -> None:
    """The verification of a pack names each file with a changed byte, and the manifest by its own hash."""
    path = Path(bench.pack().file)
    for name, content in parts(path).items():
        middle = len(content) // 2
        altered = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        verdict = verify_pack(rewrite(path, {name: altered}))
        assert {file for file, _ in whys(verdict)} >= {name}, name


def test_missing_added_and_doubled_parts_are_found(bench: Bench) -> None:
    """Nothing can be taken out of a pack or slipped into it."""
    path = Path(bench.pack().file)
    assert ("record.json", "missing") in whys(verify_pack(rewrite(path, {"record.json": None})))
    assert ("extra.txt", "not_listed") in whys(verify_pack(rewrite(path, {"extra.txt": b"x"})))
    assert ("../../evil", "bad_name") in whys(verify_pack(rewrite(path, {"../../evil": b"x"})))
    with zipfile.ZipFile(path, "a") as pack, pytest.warns(UserWarning, match="Duplicate name"):
        pack.writestr("record.json", b"another one")
    assert ("record.json", "bad_name") in whys(verify_pack(path))


@pytest.mark.parametrize("what", ["who", "at", "detail", "result", "prev_hash", "hash", "seq"])
def test_an_edited_audit_row_is_found(bench: Bench, what: str) -> None:
    """Also by somebody who puts the manifest right afterwards: the row's own hash, or the desk's, speaks."""
    path = Path(bench.pack().file)
    lines = json.loads(parts(path)["audit.json"])
    row = next(line["row"] for line in lines if "row" in line)
    row[what] = row[what] + 1 if isinstance(row[what], int) else "f" + row[what][1:] + "0"
    verdict = verify_pack(rewrite(path, {"audit.json": json.dumps(lines).encode()}, listed=True))
    assert verdict.problems
    assert {one.file for one in verdict.problems} == {"audit.json"}


def test_a_row_hashed_anew_is_not_what_the_desk_saw(bench: Bench) -> None:
    """A forger who computes every hash again still has the desk's anchors against them, and the trail's own hash."""
    from console.store.audit.hash_chain import HASHED_COLUMNS, compute_row_hash

    written = bench.pack()
    lines = json.loads(parts(Path(written.file))["audit.json"])
    row = [line["row"] for line in lines if "row" in line][-1]
    row["who"] = "somebody"
    row["hash"] = compute_row_hash(row["prev_hash"], [row[name] for name in HASHED_COLUMNS])
    forged = rewrite(Path(written.file), {"audit.json": json.dumps(lines).encode()}, listed=True)
    assert ("audit.json", "replaced") in whys(verify_pack(forged))
    for line in lines:
        line.get("row", {})["anchor"] = []
        line.pop("head", None) if "head" in line else None
    assert (forged.name, "altered") in whys(verify_pack(forged, written.sha256))


@pytest.mark.parametrize("is_first", [True, False])
def test_a_second_row_at_the_same_place_is_found(bench: Bench, is_first: bool) -> None:
    """A forged row with its own hash, and no anchor, that takes the number of a true one; before it and after it."""
    from console.store.audit.hash_chain import HASHED_COLUMNS, compute_row_hash

    path = Path(bench.pack().file)
    lines = json.loads(parts(path)["audit.json"])
    true = [line["row"] for line in lines if "row" in line][1]
    forged = {**true, "id": true["id"] + 1_000_000, "who": "somebody", "anchor": []}
    forged["hash"] = compute_row_hash(forged["prev_hash"], [forged[name] for name in HASHED_COLUMNS])
    lines.insert(lines.index({"row": true}) + (not is_first), {"row": forged})
    verdict = verify_pack(rewrite(path, {"audit.json": json.dumps(lines).encode()}, listed=True))
    found = {(one.row, one.code) for one in verdict.problems}
    assert {(true["id"], "unlinked"), (forged["id"], "unlinked")} <= found


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all", b"PK\x05\x06" + b"\0" * 18])
def test_what_is_no_pack_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    """The verification of a file that isn't a pack returns that it isn't intact, and raises no error."""
    file = tmp_path / "x.zip"
    file.write_bytes(content)
    assert not verify_pack(file).is_intact
    assert not verify_pack(tmp_path / "none.zip").is_intact


@pytest.mark.parametrize("name", [{}, {"name": None}, {"name": ["a"]}])
def test_a_manifest_that_names_no_file_is_unreadable(tmp_path: Path, name: dict[str, object]) -> None:
    """A verdict, never a crash: anybody may have written the pack."""
    pack = tmp_path / "x.zip"
    with zipfile.ZipFile(pack, "w") as made:
        made.writestr(
            "manifest.json", json.dumps({"form": "evidence-pack/1", "files": [{"bytes": 1, "sha256": "0"} | name]})
        )
    assert [one.code for one in verify_pack(pack).problems] == ["unreadable"]


def test_a_bomb_is_not_unpacked(bench: Bench) -> None:
    """A part that says it is larger than the list has it is not read."""
    path = Path(bench.pack().file)
    bomb = rewrite(path, {"record.json": b"\0" * 10_000_000})
    assert ("record.json", "altered") in whys(verify_pack(bomb))


_PEAK, _SECONDS = 400 << 20, 30.0
"""Bytes and seconds that any file of a few megabytes may cost; the machine may be busy."""


def verified_apart(file: Path) -> dict[str, object]:
    """The verdict of a process that may take no more memory than that, and how long it took."""
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
        [sys.executable, "-c", program, str(file)], capture_output=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-2_000:]
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def zipped(path: Path, contents: dict[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> Path:
    """A pack of these parts, with a manifest that lists them truly."""
    files = [
        {"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in contents.items()
    ]
    manifest: dict[str, object] = {"form": PACK_FORMAT_NAME, "files": files}
    whole = contents | {"manifest.json": encode_json({**manifest, "digest": compute_digest(manifest)})}
    with zipfile.ZipFile(path, "w", packing) as pack:
        for name, content in whole.items():
            pack.writestr(name, content)
    return path


def _row(number: int) -> bytes:
    row = {"anchor": [], "hash": "a" * 64, "id": number, "prev_hash": "b" * 64, "seq": number, "session": "s"}
    return json.dumps({"withheld": row}).encode()


def _listed(lines: Iterable[bytes]) -> bytes:
    return b"[\n" + b",\n".join(lines) + b"\n]\n"


BOMBS: dict[str, Callable[[], dict[str, bytes]]] = {
    "five million rows in one line": lambda: {"audit.json": b"[" + b",".join([b'{"row":{}}'] * 5_000_000) + b"]"},
    "five million rows, each in a line": lambda: {"audit.json": _listed([b'{"row":{}}'] * 5_000_000)},
    "rows with a place": lambda: {"audit.json": _listed(map(_row, range(100_000)))},
    "rows that are all wrong": lambda: {"audit.json": _listed([_row(5)] * 201_000)},
    "a line without an end": lambda: {"audit.json": b"[\n" + b'{"row":' + b" " * 30_000_000},
    "a line of lists": lambda: {"audit.json": _listed([b'{"row":{"anchor":[' + b"[]," * 300_000 + b"1]}}"])},
    "blank lines": lambda: {"audit.json": b"[\n" + b"\n" * 30_000_000},
    "nesting without an end": lambda: {"audit.json": _listed([b'{"row":' + b"[" * 500_000 + b"]" * 500_000 + b"}"])},
    "an endless number": lambda: {"audit.json": _listed([b'{"row":{"id":' + b"9" * 900_000 + b"}}"])},
    "too much audit": lambda: {"audit.json": b" " * (65 << 20)},
    "twenty thousand parts": lambda: {f"evidence/{number}.json": b"" for number in range(20_000)},
}


@pytest.mark.parametrize("title", BOMBS)
def test_a_small_file_takes_no_memory(tmp_path: Path, title: str) -> None:
    """A small file that decompresses to a large one is read with limited memory, and reported as not whole."""
    found = verified_apart(zipped(tmp_path / "bomb.zip", BOMBS[title]()))
    assert not found["whole"]
    assert (found["peak"] < _PEAK, found["seconds"] < _SECONDS) == (True, True), found  # type: ignore[operator]


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
def test_a_manifest_is_no_bomb(tmp_path: Path, inside: bytes, packing: int) -> None:
    """Its lists, texts and blanks, packed in whatever way."""
    file = tmp_path / "bomb.zip"
    with zipfile.ZipFile(file, "w", packing) as pack:
        pack.writestr("manifest.json", b'{"files": [' + inside * ((23 << 20) // len(inside)) + b"1]}")
    found = verified_apart(file)
    assert not found["whole"]
    assert (found["peak"] < _PEAK, found["seconds"] < _SECONDS) == (True, True), found  # type: ignore[operator]


@pytest.mark.parametrize("part", ["manifest.json", "audit.json"])
def test_a_damaged_part_that_is_packed_in_another_way(tmp_path: Path, part: str) -> None:
    """Not whole, and no error of the program: LZMA has exceptions of its own."""
    parts = {"audit.json": b"[" + b'{"row": {}},' * 200 + b'{"row": {}}]'}
    whole, file = zipped(tmp_path / "whole.zip", parts), tmp_path / "bad.zip"
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


def test_the_sum_of_all_parts_is_bounded(tmp_path: Path) -> None:
    """Fifty parts of 48 MiB each, if they may be believed: none of them is unpacked."""
    file = zipped(tmp_path / "bomb.zip", {f"documents/{number}.pdf": b"x" * 777 for number in range(50)})
    file.write_bytes(file.read_bytes().replace((777).to_bytes(4, "little"), (48 << 20).to_bytes(4, "little")))
    assert ("manifest.json", "too_large") in whys(verify_pack(file))


def test_parts_that_lie_about_their_length(tmp_path: Path) -> None:
    """The ZIP's own list says a few bytes, what is packed there is more: no more than was said is unpacked."""
    file = zipped(tmp_path / "bomb.zip", {"audit.json": b"[\n]\n", "record.json": bytes(40 << 20)})
    raw = file.read_bytes()
    said = (40 << 20).to_bytes(4, "little")
    assert raw.count(said) >= 1
    file.write_bytes(raw.replace(said, (9).to_bytes(4, "little")))
    found = verified_apart(file)
    assert not found["whole"]
    assert found["peak"] < _PEAK  # type: ignore[operator]


HOSTILE = "../../../etc/passwd\r\n=cmd|' /C calc'!A0\x1b[2J\u202e\x00@SUM(A1)"


def test_hostile_texts_stay_texts(bench: Bench) -> None:
    """A text of a provider or a person names no file, starts no line, and reaches no program unescaped."""
    bench.sql(
        "INSERT INTO evidence (subject_kind, subject_id, at, source, who, sha256, summary, body)"
        " VALUES ('credit-check', :of, '2026-11-20 03:00:00.000000', :evil, :evil, :evil, :evil, :evil)",
        of=bench.record.id,
        evil=HOSTILE.replace("\x00", ""),
    )
    bench.sql("UPDATE hansha_alarmbox_credit_checks SET company_name = :evil", evil=HOSTILE.replace("\x00", "")[:200])
    path = Path(bench.pack().file)
    verdict = verify_pack(path)
    assert verdict.is_intact, verdict.problems
    for name, content in parts(path).items():
        assert all(part not in ("", "..") for part in name.split("/"))
        assert name.isascii()
        if name.endswith((".json", ".txt")):
            lines = content.decode().splitlines()
            assert not [line for line in lines if line[:1] in "=+-@\t" and line]
            assert all(one.isprintable() for line in lines for one in line), name


def test_a_document_that_is_gone_or_too_large_is_said_to_be_left_out(bench: Bench) -> None:
    """The pack is written, and its manifest names what is not in it, with its hash and why."""
    small = EvidencePackWriter(
        bench.console._context,
        lambda: timelines,
        bench.console._complete_records,
        write_pdf_document,
        max_bytes=2_500,
    )
    with bench.console.acting_as("aud-e"):
        written = small.write("credit-check", bench.record.id, bench.folder / "small.zip")
    manifest = json.loads(parts(Path(written.file))["manifest.json"])
    (left_out,) = [one for one in manifest["left_out"] if one["name"].startswith("documents/")]
    assert left_out["reason"] == "too_large"
    assert left_out["name"] in written.left_out
    assert verify_pack(Path(written.file)).is_intact
    for file in (bench.console.settings.home / "documents").rglob("*.pdf"):
        file.unlink()
    gone = json.loads(parts(Path(bench.pack("gone.zip").file))["manifest.json"])["left_out"]
    assert [one["reason"] for one in gone] == ["missing"]


def test_the_largest_pack_that_is_written_can_be_read(bench: Bench) -> None:
    """Answers and PDFs fill the room to the last byte, and the timeline and the manifest come on top of it."""
    whole = parts(Path(bench.pack().file))
    room = sum(len(whole[name]) for name in whole if name.startswith(("answers/", "audit.json", "documents/")))
    full = EvidencePackWriter(
        bench.console._context,
        lambda: timelines,
        bench.console._complete_records,
        write_pdf_document,
        max_bytes=room,
    )
    with bench.console.acting_as("aud-e"):
        written = full.write("credit-check", bench.record.id, bench.folder / "full.zip")
    assert (written.left_out, sum(map(len, parts(Path(written.file)).values())) > room) == ((), True)
    assert read_journal(Path(written.file), room).calls
    with pytest.raises(ValueError, match="too large"):
        read_journal(Path(written.file), room - len(whole["audit.json"]) - 1)


@pytest.mark.parametrize("hash", ["", "F" * 64, "../../" + "e" * 58])
def test_a_document_whose_hash_is_none_is_said_to_be_left_out(bench: Bench, hash: str) -> None:
    """It can't give its file a name; its text gets into neither the pack nor the message."""
    bench.sql("UPDATE documents SET sha256 = :hash", hash=hash)
    written = bench.pack()
    contents = parts(Path(written.file))
    assert not [name for name in contents if name.startswith("documents/")]
    (left_out,) = json.loads(contents["manifest.json"])["left_out"]
    assert (left_out["name"], left_out["reason"]) == ("documents/unnamed-1.pdf", "bad_hash")
    assert written.left_out == ("documents/unnamed-1.pdf",)
    assert verify_pack(Path(written.file)).is_intact


def test_nothing_is_ever_replaced(bench: Bench) -> None:
    """A file of that name stays as it is; also a link that leads nowhere."""
    (bench.folder / "case.zip").write_bytes(b"mine")
    (bench.folder / "link.zip").symlink_to(bench.folder / "nowhere")
    for name in ("case.zip", "link.zip"):
        with pytest.raises(ConsoleError) as caught:
            bench.pack(name)
        assert (caught.value.code, caught.value.detail["problem"]) == ("usage", "file_exists")
    assert (bench.folder / "case.zip").read_bytes() == b"mine"
    assert bench.audited() == []


def test_no_room_or_no_folder(bench: Bench) -> None:
    """Told as such; nothing is left behind."""
    with pytest.raises(ConsoleError) as caught:
        bench.pack("none/case.zip")
    assert caught.value.code == "storage_full"
    with pytest.raises(ConsoleError) as caught:
        bench.pack("no\0name.zip")
    assert caught.value.code == "storage_full"
    assert list(bench.folder.iterdir()) == []


def test_ctrl_c_while_a_pack_is_written(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file remains, and nothing is printed about a ZIP that was not closed."""
    lost: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lost.append)

    def press(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pack_text, "encode_pack_verification_text", press)
    with pytest.raises(KeyboardInterrupt):
        bench.pack("case.zip")
    gc.collect()
    assert (lost, list(bench.folder.iterdir())) == ([], [])


@pytest.mark.parametrize("unnamed", [True, False])
def test_two_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch, unnamed: bool) -> None:
    """Onto one name: one of them gets it, whole; the other is told. Nothing else is left in the folder."""
    if not unnamed:
        monkeypatch.setattr("console.settings.unfinished_files._UNNAMED_FILE_FLAG", 0)
    start, endings = Barrier(4), []

    def export() -> None:
        start.wait()
        try:
            bench.pack()
            endings.append("done")
        except ConsoleError as refusal:
            endings.append(refusal.code)

    threads = [Thread(target=export) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(endings) == ["done", "usage", "usage", "usage"]
    assert [file.name for file in bench.folder.iterdir()] == ["case.zip"]
    assert verify_pack(bench.folder / "case.zip").is_intact


def test_where_files_without_a_name_and_hard_links_are_unknown(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """On such file systems too: whole, never replacing, nothing left behind."""
    monkeypatch.setattr("console.settings.unfinished_files._UNNAMED_FILE_FLAG", 0)

    def no_links(self: Path, target: Path) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    assert verify_pack(Path(bench.pack().file)).is_intact
    with pytest.raises(ConsoleError):
        bench.pack()
    assert [file.name for file in bench.folder.iterdir()] == ["case.zip"]


def export_and_die(pipe: Connection, home: Path, folder: Path, record_id: int, point: str) -> None:
    settings = Settings.load(environment(home, NOWHERE, OPERATOR="aud-e", FAILPOINT=f"{point}:1:kill"))
    with open_console(settings, None, LedgerVendor()) as console:
        console.recovery.write_evidence_pack("credit-check", record_id, folder / "case.zip")
    pipe.send("not killed")


@pytest.mark.parametrize("point", ["after_pack_written", "before_pack_named"])
def test_killed_while_writing_leaves_no_half_file(bench: Bench, point: str) -> None:
    """No file, or a whole one; and the next export goes through."""
    home = bench.console.settings.home
    child = Child(export_and_die, home, bench.folder, bench.record.id, point)
    assert child.ended() == -9
    assert list(bench.folder.iterdir()) == []
    assert len(bench.audited()) == (1 if point == "before_pack_named" else 0)
    assert verify_pack(Path(bench.pack().file)).is_intact


def test_a_refunds_pack_on_every_engine(scene: Scene) -> None:
    """The evidence pack of a refund has its order, payment and notices, nothing of another order, and masked
    payers."""
    mine, theirs = (_refunded(scene, number) for number in ("ORD-MINE", "ORD-THEIRS"))
    scene.place.unguard("payments")
    scene.place.unguard("payment_events")
    scene.place.sql(
        f"UPDATE payments SET payer_ref = '{PAYER}'",
        f'UPDATE payment_events SET body = \'{{"payer":"{PAYER}"}}\' WHERE payment_id IS NOT NULL',
    )
    with _folder() as folder:
        written = scene.console.recovery.write_evidence_pack("refund", mine, folder / "case.zip")
        verdict = verify_pack(Path(written.file), written.sha256)
        contents = parts(Path(written.file))
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


def test_accounts_have_the_rights_for_it(sql_server: SqlServer) -> None:
    """The rights of auditors in the database are enough for every row of the trail, to operators for their own; the
    worker's account and the administrator's are refused.
    """
    whose: dict[str, object] = {}
    with team(sql_server) as people, _folder() as folder:
        shared = (folder / "documents").as_uri()

        def at_desk(who: str) -> Console:
            url = people.urls[who]
            return quick_desk(folder / who, LedgerVendor(), DATABASE_URL=url, DOCUMENTS_URL=shared, OPERATOR="")

        with at_desk("op-a") as desk:
            record = desk.credit_checks.purchase(PurchaseRequest(NUMBERS[0], "1"))
        for who in ("aud-e", "lead-b", "worker", "adm-f"):
            with at_desk(who) as desk:
                file = folder / f"{who}.zip"
                try:
                    desk.recovery.write_evidence_pack("credit-check", record.id, file)
                    assert desk.recovery.read_timeline("credit-check", record.id).events
                    audit: Any = verify_pack(file).about["audit"]
                    whose[who] = (verify_pack(file).is_intact, audit["rows"] > 0, audit["withheld"] > 0)
                except ConsoleError as refusal:
                    whose[who] = refusal.code
    refused = "not_allowed"
    assert whose == {
        "aud-e": (True, True, False),
        "lead-b": (True, False, True),
        "worker": refused,
        "adm-f": refused,
    }


def test_no_secret_is_in_a_pack(scene: Scene) -> None:
    """None of what the desk keeps to itself: keys, passwords, tokens."""
    refund = _refunded(scene, "ORD-1")
    with _folder() as folder:
        written = scene.console.recovery.write_evidence_pack("refund", refund, folder / "case.zip")
        whole = b"".join(parts(Path(written.file)).values())
    environment = scene.console.settings
    for name in ("PAYPAY_API_KEY", "PAYPAY_API_SECRET", "STORE_KEY", "ALARMBOX_CLIENT_SECRET"):
        secret = environment.read_secret(name) if name != "STORE_KEY" else environment.read_store_key()
        assert secret, name
        assert secret.encode() not in whole, name


def test_many_answers_are_written_in_flat_memory(bench: Bench) -> None:
    """The pack grows, the process holds a page of it."""
    import tracemalloc

    from console.store.schema.core import evidence

    bench.sql("INSERT INTO orders (id, merch_txn_id, total_amount, currency) VALUES (7, 'ORD-7', 1, 'JPY')")
    row = {"subject_kind": "order", "subject_id": 7, "source": "paypay.payment", "who": "op-a", "sha256": "0" * 64,
           "summary": "s", "at": bench.console._context.now().replace(tzinfo=None)}  # fmt: skip
    with bench.console.database.write_without_retries() as tx:
        tx.conn.execute(evidence.insert(), [{**row, "body": f"{n:05}" * 4_000} for n in range(800)])
    tracemalloc.start()
    with bench.console.acting_as("aud-e"):
        written = bench.console.recovery.write_evidence_pack("order", 7, bench.folder / "case.zip")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert written.files > 800
    assert peak < 10_000_000, f"{peak:,} bytes"


@contextmanager
def _folder() -> Iterator[Path]:
    with quick_folder() as folder:
        yield folder


def _refunded(scene: Scene, number: str) -> int:
    payment = scene.payments.start(scene.order(number, 3_300), "paypay").payment
    scene.money.move_payment("paypay", number, "paid")
    scene.deliver("paypay", number)
    scene.run_due()
    return scene.console.refunds.request(RefundRequest(payment.id, "1000", "sent back")).id


def test_json_text_shows_nothing_unseen() -> None:
    """Direction marks and control characters are escaped; what is there can be read back."""
    made = encode_json({"a": "x\u202ey\x1b\x9b日本"})
    assert made.isascii() is False
    assert json.loads(made) == {"a": "x\u202ey\x1b\x9b日本"}
    assert all(one.isprintable() or one == "\n" for one in made.decode())
