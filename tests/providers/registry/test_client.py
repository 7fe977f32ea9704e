"""Tests of the client of the corporation registry's Web-API: its requests, the answers that it reads, and the answers
that it refuses.
"""

from collections.abc import Iterator
from datetime import date

import pytest

from console.domain.clock import SystemClock, TimeScale
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.registry.corporations import CloseCause, Closure, CorporationEvent
from console.providers.registry.client import RegistryApi, RegistryConfig
from console.providers.registry.responses import read_difference_part
from console.sandbox import Sandbox, start_sandbox
from console.sandbox.environment.credentials import REGISTRY_APPLICATION_ID
from console.sandbox.registry import InventedRegistry, close_company, delete_company, make_company_row, merge_company
from console.sandbox.registry.published_registry import FIRST_WHOLE_FILE_DAY
from console.sandbox.registry.rows import format_csv_line
from tests.providers.parts import CountingRateLimiter
from tests.providers.raw_server import (
    Script,
    find_closed_port,
    make_answer_script,
    make_hang_script,
    make_http_answer,
    make_large_answer_script,
    make_reset_script,
    make_slow_script,
    serve_scripts,
)

CORPORATION_NUMBER = "1180301018771"
OTHER_CORPORATION_NUMBER = "7000012050002"
DIFFERENCE_DAY = date(2026, 11, 2)
COMPANY_ROW = make_company_row(CORPORATION_NUMBER, "架空,商事株式会社", furigana="カクウショウジ")._replace(
    update_date=DIFFERENCE_DAY.isoformat()
)
COMPANY_CSV_LINE = format_csv_line(COMPANY_ROW)


@pytest.fixture(scope="module")
def sandbox_with_difference() -> Iterator[Sandbox]:
    with start_sandbox() as sandbox:
        sandbox.control.publish_difference(
            DIFFERENCE_DAY, 4_500, [merge_company(COMPANY_ROW, OTHER_CORPORATION_NUMBER, DIFFERENCE_DAY)]
        )
        sandbox.control.publish_difference(
            date(2026, 11, 4),
            0,
            [delete_company(make_company_row(OTHER_CORPORATION_NUMBER, "消えた会社"), DIFFERENCE_DAY)],
        )
        yield sandbox


def make_api(url: str, application_id: str = REGISTRY_APPLICATION_ID, speed: float = 1.0) -> RegistryApi:
    config = RegistryConfig(url, application_id)
    return RegistryApi(config, rate_limiter=CountingRateLimiter(), clock=SystemClock(), scale=TimeScale(speed))


def test_the_parts_of_a_difference_have_all_rows_of_the_day(sandbox_with_difference: Sandbox) -> None:
    """The Web-API sends the difference of a day in several parts; together they contain all rows of the day."""
    api = make_api(sandbox_with_difference.url)
    parts = [api.read_difference(DIFFERENCE_DAY, divide).content for divide in (1, 2, 3)]
    assert all(part is not None and (part.row_count, part.part_count) == (4_501, 3) for part in parts)
    assert [len(part.lines) for part in parts if part] == [2_000, 2_000, 501]
    assert sum(CORPORATION_NUMBER in line for part in parts if part for line in part.lines) == 1
    empty = api.read_difference(date(2026, 11, 3)).content
    assert empty is not None
    assert (empty.row_count, empty.part_count, empty.lines, empty.updated_on) == (0, 0, (), date(2026, 11, 4))


@pytest.mark.parametrize("part_count", [0, 1])
def test_a_day_without_changes_has_no_part_or_one_empty_part(part_count: int) -> None:
    answer = f"{DIFFERENCE_DAY.isoformat()},0,1,{part_count}\r\n".encode()
    part = read_difference_part(answer, DIFFERENCE_DAY, DIFFERENCE_DAY, 1)
    assert (part.row_count, part.lines, part.updated_on) == (0, (), DIFFERENCE_DAY)


def test_a_read_of_numbers_returns_all_facts(sandbox_with_difference: Sandbox) -> None:
    """A request for some corporation numbers returns all facts of these corporations."""
    row = InventedRegistry(1_000, 1, FIRST_WHOLE_FILE_DAY).make_row_at(2)
    outcome = make_api(sandbox_with_difference.url).read_corporations(
        [CORPORATION_NUMBER, OTHER_CORPORATION_NUMBER, row.corporate_number]
    )
    assert outcome.content is not None
    changed, unchanged = outcome.content  # the other one is deleted
    assert (changed.number, changed.name, changed.successor) == (
        CORPORATION_NUMBER,
        "架空,商事株式会社",
        OTHER_CORPORATION_NUMBER,
    )
    assert (changed.process, changed.closure) == (CorporationEvent.MERGED, Closure(DIFFERENCE_DAY, CloseCause.MERGER))
    assert changed.address == "東京都千代田区霞が関３丁目１－１"
    assert (unchanged.number, unchanged.name) == (row.corporate_number, row.name)


def test_the_application_id_is_sent_and_not_shown(sandbox_with_difference: Sandbox) -> None:
    """The client sends the application id to the Web-API; the text forms of its objects don't contain it."""
    refused = make_api(sandbox_with_difference.url, "KwrongAppId00").read_corporations([CORPORATION_NUMBER])
    assert (refused.kind, refused.reason) == (OutcomeClass.AUTH, "http_404")
    assert "KwrongAppId00" not in repr(RegistryConfig(None, "KwrongAppId00"))
    assert "KwrongAppId00" not in repr(refused)


def make_answer(
    *rows: str, day: str = "2026-11-04", count: int | None = None, number: int = 1, part_count: int = 1
) -> bytes:
    head = f"{day},{len(rows) if count is None else count},{number},{part_count}"
    return "\r\n".join((head, *rows, "")).encode()


XML_ENTITY_BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><corporations>&b;</corporations>'
)
UNUSABLE_ANSWERS = {
    "an entity bomb": make_answer_script(200, XML_ENTITY_BOMB),
    "XML": make_answer_script(200, b"<corporations/>"),
    "nothing": make_answer_script(200, b""),
    "JSON": make_answer_script(200, b'{"count": 1}'),
    "a page": make_answer_script(200, b"<html>maintenance</html>"),
    "no UTF-8": make_answer_script(200, make_answer(COMPANY_CSV_LINE).decode().encode("cp932")),
    "more rows than told": make_answer_script(200, make_answer(COMPANY_CSV_LINE, COMPANY_CSV_LINE, count=1)),
    "no rows, though told": make_answer_script(200, make_answer(count=3)),
    "another part": make_answer_script(200, make_answer(COMPANY_CSV_LINE, number=2, part_count=2)),
    "too many parts": make_answer_script(200, make_answer(COMPANY_CSV_LINE, count=2_000_000, part_count=1_000)),
    "29 fields": make_answer_script(200, make_answer(COMPANY_CSV_LINE.rsplit(",", 1)[0])),
    "31 fields": make_answer_script(200, make_answer(COMPANY_CSV_LINE + ",0")),
    "an open quotation": make_answer_script(200, make_answer(COMPANY_CSV_LINE.replace('株式会社"', "株式会社"))),
    "a number in letters": make_answer_script(
        200, make_answer(COMPANY_CSV_LINE.replace(CORPORATION_NUMBER, "118030101877x"))
    ),
    "a field without end": make_answer_script(200, make_answer(COMPANY_CSV_LINE.replace("架空", "架空" * 600))),
    "no day": make_answer_script(200, make_answer(COMPANY_CSV_LINE, day="2026-13-01")),
    "a negative count": make_answer_script(200, b"2026-11-04,-1,1,1\r\n"),
    "a huge count": make_answer_script(200, b"2026-11-04,99999999999999999999,1,1\r\n" + COMPANY_CSV_LINE.encode()),
    "full-width digits": make_answer_script(200, "2026-11-04,１,1,1\r\n".encode() + COMPANY_CSV_LINE.encode()),
    "rows of another day": make_answer_script(
        200, make_answer(COMPANY_CSV_LINE.replace(COMPANY_ROW.update_date, "2026-10-30"))
    ),
    "another place": make_answer_script(302, b"", {"Location": "http://127.0.0.1:1/4/diff"}),
    "half an answer": make_reset_script(make_http_answer(200, make_answer(COMPANY_CSV_LINE))[:-40]),
    "too large": make_large_answer_script(b"HTTP/1.1 200 OK\r\n\r\n", 17 << 20),
}


@pytest.mark.parametrize("script", UNUSABLE_ANSWERS.values(), ids=UNUSABLE_ANSWERS)
def test_an_invalid_answer_about_a_difference_is_not_used(script: Script) -> None:
    """If an answer to a read of a difference is unreadable, incomplete, too large or contradicts itself, the
    outcome is unknown and the client returns no rows.
    """
    with serve_scripts(script) as server:
        outcome = make_api(server.url).read_difference(DIFFERENCE_DAY)
    assert (outcome.kind, outcome.content) == (OutcomeClass.UNKNOWN, None)
    assert outcome.evidence == ""


@pytest.mark.parametrize(
    "body",
    [
        make_answer(format_csv_line(COMPANY_ROW._replace(corporate_number=OTHER_CORPORATION_NUMBER))),
        make_answer(format_csv_line(COMPANY_ROW._replace(corporate_number="nonsense"))),
        make_answer(COMPANY_CSV_LINE, COMPANY_CSV_LINE),
        make_answer(format_csv_line(COMPANY_ROW._replace(kind="999"))),
        make_answer(format_csv_line(COMPANY_ROW._replace(process="02"))),
        make_answer(format_csv_line(COMPANY_ROW._replace(name=""))),
        make_answer(format_csv_line(close_company(COMPANY_ROW, DIFFERENCE_DAY)._replace(close_cause="99"))),
        make_answer(format_csv_line(COMPANY_ROW._replace(assignment_date=""))),
    ],
    ids=["another number", "no number", "twice", "no kind", "no process", "no name", "no cause", "no day"],
)
def test_an_answer_with_an_invalid_row_is_not_used(body: bytes) -> None:
    """If one row of an answer is invalid, the client uses no row of this answer."""
    with serve_scripts(make_answer_script(200, body)) as server:
        assert make_api(server.url).read_corporations([CORPORATION_NUMBER]).content is None


OUTCOME_BY_REFUSED_STATUS = [
    (400, OutcomeClass.FAILED_DEFINITE),
    (403, OutcomeClass.RATE_LIMITED),
    (404, OutcomeClass.AUTH),
]


@pytest.mark.parametrize(
    ("status", "kind"), [*OUTCOME_BY_REFUSED_STATUS, (500, OutcomeClass.UNKNOWN), (503, OutcomeClass.UNKNOWN)]
)
def test_each_status_of_a_refusal_has_the_listed_outcome_class(status: int, kind: OutcomeClass) -> None:
    """Each HTTP status with which the Web-API refuses a request has its outcome class."""
    with serve_scripts(
        make_answer_script(status, "013,取得期間開始日は2015-12-01以降を指定してください。")
    ) as server:
        outcome = make_api(server.url).read_difference(DIFFERENCE_DAY)
    assert (outcome.kind, outcome.status, outcome.content) == (kind, status, None)


@pytest.mark.parametrize(
    "script",
    [
        make_hang_script(),
        make_slow_script(make_http_answer(200, make_answer(COMPANY_CSV_LINE)), interval_seconds=0.3),
    ],
    ids=["no answer", "a slow answer"],
)
def test_a_read_and_a_call_have_time_limits(script: Script) -> None:
    """A call ends after 30 seconds without a byte, and after two minutes in all; its outcome is then unknown. The
    test runs 100 times as fast."""
    with serve_scripts(script) as server:
        outcome: Outcome[object] = make_api(server.url, speed=100).read_difference(DIFFERENCE_DAY)
    assert (outcome.kind, outcome.content) == (OutcomeClass.UNKNOWN, None)


def test_a_refused_connection_is_unknown_and_states_that_nothing_was_sent() -> None:
    """If no server listens at the address, the outcome is unknown and states that nothing was sent."""
    outcome = make_api(f"http://127.0.0.1:{find_closed_port()}").read_difference(DIFFERENCE_DAY)
    assert (outcome.kind, outcome.sent) == (OutcomeClass.UNKNOWN, SendingCertainty.NO)
