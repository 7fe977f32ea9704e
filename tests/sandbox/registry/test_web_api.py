"""Tests of the simulated Web-API of the corporation registry over real HTTP: forms of the answer, parts, history,
errors and faults."""

import csv
import io
from collections.abc import Iterator
from datetime import date
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest

from console.sandbox import Sandbox, start_sandbox
from console.sandbox.environment.credentials import REGISTRY_APPLICATION_ID
from console.sandbox.registry import (
    InventedRegistry,
    RegistryRow,
    close_company,
    delete_company,
    make_company_row,
    rename_company,
)
from console.sandbox.registry.published_registry import FIRST_WHOLE_FILE_DAY, FIRST_WHOLE_FILE_ROW_COUNT
from console.sandbox.registry.rows import WEB_API_FIELD_NAMES, add_check_digit
from tests.sandbox.caller import Answer, Caller

DIFFERENCE_DAY = date(2026, 11, 2)
COMPANY_ROW = make_company_row("1180301018771", "架空＆商事株式会社", furigana="カクウショウジ")


@pytest.fixture(scope="module")
def sandbox_with_difference() -> Iterator[Sandbox]:
    """Yield a sandbox with one difference: 2,600 invented rows, and a company that is founded, renamed and closed."""
    with start_sandbox() as running:
        running.control.publish_registry(4_000, 1, FIRST_WHOLE_FILE_DAY)
        running.control.publish_difference(DIFFERENCE_DAY, 2_600, [COMPANY_ROW])
        running.control.publish_difference(
            date(2026, 11, 4), 0, [rename_company(COMPANY_ROW, "架空物産株式会社", date(2026, 11, 4))]
        )
        running.control.publish_difference(date(2026, 11, 5), 0, [close_company(COMPANY_ROW, date(2026, 11, 5))])
        yield running


def call_api(sandbox: Sandbox, call: str, **query: str) -> Answer:
    """Call the Web-API with the right application id, and return its answer. The argument `from_` is sent as the
    parameter `from`."""
    parameters = {"id": REGISTRY_APPLICATION_ID, "type": "02"} | {
        name.rstrip("_"): text for name, text in query.items()
    }
    return Caller(sandbox).send_request("GET", f"/4/{call}?{urlencode(parameters)}")


def read_csv(answer: Answer, codec: str = "utf-8") -> tuple[list[str], list[RegistryRow]]:
    """Return the fields of the first line of an answer in CSV, and its rows."""
    assert answer.status == 200
    head, *rows = csv.reader(io.StringIO(answer.body.decode(codec), newline=""))
    return head, [RegistryRow(*row) for row in rows]


def read_xml(answer: Answer) -> tuple[list[str], list[RegistryRow]]:
    """Return the texts at the head of an answer in XML, and its rows."""
    assert answer.status == 200
    head, rows = [], []
    for element in ElementTree.fromstring(answer.body):
        if element.tag == "corporation":
            assert tuple(field.tag for field in element) == WEB_API_FIELD_NAMES
            rows.append(RegistryRow(*(field.text or "" for field in element)))
        else:
            head.append(element.text or "")
    return head, rows


def test_a_corporation_is_returned_with_or_without_its_history(sandbox_with_difference: Sandbox) -> None:
    """The Web-API returns a corporation in its present state, or with its history if the request has that option."""
    number = InventedRegistry(4_000, 1, FIRST_WHOLE_FILE_DAY).make_number_at(5)
    head, rows = read_csv(call_api(sandbox_with_difference, "num", number=f"{COMPANY_ROW.corporate_number},{number}"))
    assert head == ["2026-11-05", "2", "1", "1"]
    assert (rows[0].corporate_number, rows[0].process) == (COMPANY_ROW.corporate_number, "21")
    assert rows[1].corporate_number == number
    _, history_rows = read_csv(
        call_api(sandbox_with_difference, "num", number=COMPANY_ROW.corporate_number, history="1")
    )
    assert [row.process for row in history_rows] == ["01", "11", "21"]
    assert [row.name for row in history_rows][:2] == ["架空＆商事株式会社", "架空物産株式会社"]


def test_every_form_has_the_same_rows(sandbox_with_difference: Sandbox) -> None:
    """The Web-API returns the same rows in each form of its answer (CSV, XML)."""
    parameters = {"number": COMPANY_ROW.corporate_number, "history": "1"}
    as_csv, as_xml = (
        call_api(sandbox_with_difference, "num", **parameters),
        call_api(sandbox_with_difference, "num", type="12", **parameters),
    )
    assert (
        read_csv(as_csv)
        == read_xml(as_xml)
        == read_csv(call_api(sandbox_with_difference, "num", type="01", **parameters), "cp932")
    )
    assert b"<name>" in as_xml.body


def test_an_unknown_number_has_no_rows(sandbox_with_difference: Sandbox) -> None:
    """The Web-API's answer for an unknown corporation number has no rows."""
    head, rows = read_csv(call_api(sandbox_with_difference, "num", number=add_check_digit("180301018770")))
    assert (head[1:], rows) == (["0", "1", "0"], [])


def test_a_difference_is_returned_in_parts(sandbox_with_difference: Sandbox) -> None:
    """The Web-API returns the changes of a period in several numbered parts, and only those of the requested place
    and kind of corporation."""
    period = {"from_": DIFFERENCE_DAY.isoformat(), "to": DIFFERENCE_DAY.isoformat()}
    head, first = read_csv(call_api(sandbox_with_difference, "diff", **period))
    assert head == ["2026-11-05", "2601", "1", "2"]
    head, second = read_csv(call_api(sandbox_with_difference, "diff", divide="2", **period))
    assert head == ["2026-11-05", "2601", "2", "2"]
    assert [row.sequence_number for row in (*first, *second)] == [str(n) for n in range(1, 2_602)]
    assert [row for row in (*first, *second) if row.corporate_number == COMPANY_ROW.corporate_number]
    head, rows = read_csv(
        call_api(sandbox_with_difference, "diff", from_="2026-11-03", to="2026-11-05", address="13101", kind="03")
    )
    assert [row.process for row in rows] == ["11", "21"]
    assert read_csv(call_api(sandbox_with_difference, "diff", from_="2026-11-03", to="2026-11-03"))[1] == []


def test_names_are_searched_as_the_publisher_does(sandbox_with_difference: Sandbox) -> None:
    """The simulated search by name follows the publisher's modes and filters: for example it ignores the kana
    spelling, finds a part of a name in mode 2, and leaves out hidden corporations and, with `close=0`, closed ones.
    """
    answer = call_api(sandbox_with_difference, "name", name="架空", mode="1")
    assert [row.corporate_number for row in read_csv(answer)[1]] == [COMPANY_ROW.corporate_number]
    assert read_csv(call_api(sandbox_with_difference, "name", name="かくう・しょうじ", mode="2"))[1]
    assert read_csv(call_api(sandbox_with_difference, "name", name="架空", close="0"))[1] == []
    everything = read_csv(call_api(sandbox_with_difference, "name", name="株式会社", mode="2"))[1]
    assert everything
    assert all(row.hihyoji == "0" and "株式会社" in row.name for row in everything)
    assert read_csv(call_api(sandbox_with_difference, "name", name="co., ltd", mode="2", target="3"))[1]


@pytest.mark.parametrize(
    ("call", "query", "status", "code"),
    [
        ("num", {"id": "", "number": "1180301018771"}, 404, b""),
        ("num", {"number": "1180301018771", "type": "03"}, 400, b"004,"),
        ("num", {"number": "2180301018771"}, 400, b"010,"),
        ("num", {}, 400, b"010,"),
        ("num", {"number": ",".join(["1180301018771"] * 11)}, 400, b"011,"),
        ("diff", {"from_": "2015-11-30", "to": "2015-12-01"}, 400, b"013,"),
        ("diff", {"from_": "2026-11-02", "to": "2026-11-01"}, 400, b"030,"),
        ("diff", {"from_": "2026-01-01", "to": "2026-11-01"}, 400, b"031,"),
        ("diff", {"from_": "20261101", "to": "2026-11-02"}, 400, b"012,"),
        ("diff", {"from_": "2026-11-01", "to": "2026-11-02", "divide": "0"}, 400, b"017,"),
        ("diff", {"from_": "2026-11-01", "to": "2026-11-02", "divide": "9"}, 400, b"018,"),
        ("diff", {"from_": "2026-11-01", "to": "2026-11-02", "kind": "99"}, 400, b"016,"),
        ("name", {}, 400, b"020,"),
        ("name", {"name": "x", "mode": "3"}, 400, b"021,"),
    ],
)
def test_a_wrong_request_gets_the_publishers_error(
    sandbox_with_difference: Sandbox, call: str, query: dict[str, str], status: int, code: bytes
) -> None:
    """A wrong request to the simulated Web-API gets the same status and error code as at the publisher."""
    answer = call_api(sandbox_with_difference, call, **query)
    assert (answer.status, answer.body[: len(code) or None]) == (status, code)


def test_a_deleted_corporation_is_not_found_by_name(sandbox: Sandbox) -> None:
    """A deleted corporation isn't found by its name, but its number still returns it with the process code 99. A
    reset restores the first whole file.
    """
    sandbox.registry.publish_whole(10, 1, FIRST_WHOLE_FILE_DAY, [COMPANY_ROW])
    assert len(read_csv(call_api(sandbox, "name", name="架空"))[1]) == 1
    sandbox.registry.publish_difference(DIFFERENCE_DAY, 0, [delete_company(COMPANY_ROW, DIFFERENCE_DAY)])
    assert read_csv(call_api(sandbox, "name", name="架空"))[1] == []
    assert [row.process for row in read_csv(call_api(sandbox, "num", number=COMPANY_ROW.corporate_number))[1]] == [
        "99"
    ]
    sandbox.control.reset()
    assert sandbox.registry.last_day == FIRST_WHOLE_FILE_DAY
    assert len(list(sandbox.registry.iterate_newest_rows())) == FIRST_WHOLE_FILE_ROW_COUNT


def test_faults_apply_to_calls_of_the_web_api(sandbox: Sandbox) -> None:
    """A test can order faults of the sandbox for calls of the registry's Web-API too. A call too soon after the last
    one gets status 403."""
    sandbox.control.add_fault("status:503", call="registry_diff")
    assert call_api(sandbox, "diff", from_="2026-11-01", to="2026-11-02").status == 503
    sandbox.control.change_settings(spacing_seconds=3_600)
    assert [call_api(sandbox, "num", number=COMPANY_ROW.corporate_number).status for _ in range(2)] == [200, 403]
