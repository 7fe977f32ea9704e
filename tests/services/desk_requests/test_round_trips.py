"""Tests that count the packets which a worker sends to the database for a purchase that a desk has requested; each
packet costs one round trip.
"""

import json
from typing import Any

import pytest

from console.domain.desk_requests.records import NewDeskRequest, make_request_id
from console.domain.records import PurchaseRequest
from console.services.guarded.answer_serialization import serialize_value
from console.store.desk_requests import requests
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.invented import invent_numbers
from tests.support.places import Place
from tests.support.sent_statements import record_packets
from tests.support.team_mode import start_team_mode

MAX_PACKET_COUNT_BEFORE_CALL = 11
"""Largest number of packets that the worker sends to the database before the call to the provider; five belong to the
purchase itself. A further packet makes each request slower and needs a decision, as in `docs/decisions/0056-round-
trips-of-a-purchase.md`.
"""
MAX_PACKET_COUNT_AFTER_CALL = 8
"""Largest number of packets that the worker sends to the database after the call to the provider; four belong to the
purchase itself.
"""
_PROVIDER_CALL = [b"the call to the provider"]


def test_a_worker_sends_few_packets(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """From taking the request to storing its answer, a worker sends only a limited number of packets. The later read
    of the detail and the PDF is not counted.
    """
    if place.engine == "mysql":
        pytest.skip("a MySQL gets each statement by itself")
    start_team_mode(place, "op-a")
    alarmbox = InMemoryAlarmBox()
    buy = alarmbox.buy_check
    with place.desk(alarmbox, desk=0) as desk, place.desk(alarmbox, person="worker", desk=1) as worker:
        worker._action_builders.credit_checks.refetch_service.fetch_parts_after_purchase = lambda *_: None  # type: ignore[method-assign]  # just here
        worker.desk_request_executor.announce_presence()
        for number in invent_numbers(3, seed=117):  # the first ones connect
            arguments = json.dumps([serialize_value(PurchaseRequest(number, "1"))])
            request = NewDeskRequest(make_request_id(), "purchase", arguments, "company", number)
            desk._context.write(lambda tx: requests.insert_request(tx, request, "desk"))  # noqa: B023  # called at once
            with record_packets() as packets:

                def record_call_and_buy(given: PurchaseRequest) -> Any:
                    packets.append(_PROVIDER_CALL)  # called at once
                    return buy(given)

                monkeypatch.setattr(alarmbox, "buy_check", record_call_and_buy)
                assert worker.desk_request_executor.execute_next()
    call = packets.index(_PROVIDER_CALL)
    sent = "\n".join(repr(packet)[:120] for packet in packets)
    assert call <= MAX_PACKET_COUNT_BEFORE_CALL, sent
    assert len(packets) - call - 1 <= MAX_PACKET_COUNT_AFTER_CALL, sent
    for packet in packets:
        assert b"COMMIT" not in packet or len(packet) == 1, "before COMMIT, the answers are read"
