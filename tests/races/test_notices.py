"""Tests of many notices of three kinds that eight threads deliver several times: the program books each notice
once.
"""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from console.domain.errors import ConsoleError
from console.domain.payments.records import PaymentImport
from console.sandbox.server import Sandbox
from tests.support.desks import MovedClock
from tests.support.notice_deliveries import (
    check_all_notices_booked,
    deliver_notices,
    prepare_notices,
    run_tasks_while_work_is_scheduled,
)
from tests.support.payment_desks import open_payment_desk
from tests.support.places import Place


@pytest.mark.expects_log("on a busy machine a write may lose the race for its desk's chain for 4 s; it is done later")
def test_each_of_many_notices_is_booked_once(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """Threads deliver many different notices in random order, each one to five times, and the program books each
    notice once. Over both database engines there are about a thousand notices (100,000 in the soak test)."""
    banks, paypays, atoms = (500, 75, 25) if not place.is_server else (300, 35, 15)
    with Sandbox() as sandbox, open_payment_desk(place, sandbox, MovedClock()) as scene:
        posts = prepare_notices(scene, banks, paypays, atoms)
        result = deliver_notices(scene, posts, seed=14)
        run_tasks_while_work_is_scheduled(scene)
        check_all_notices_booked(scene, posts)
    with capsys.disabled():
        print(f"\n{place.engine}: {result.format_figures()}; {dict(result.count_by_result)}")


def test_simultaneous_reports_of_a_payment_book_it_once(place: Place) -> None:
    """Notices, probes, polls and imports report the same payments at the same time, while the provider has faults.
    The program books each payment once."""
    with Sandbox() as sandbox, open_payment_desk(place, sandbox, MovedClock()) as scene:
        posts = prepare_notices(scene, 0, 6, 2)
        ids = [int(row[0]) for row in scene.place.sql("SELECT id FROM payments")]
        scene.control.add_random_faults("status:503", "reset_after_charge", "malformed", seed=5, rate=0.3)
        acts = [
            *(lambda post=post: scene.payments.receive_notice(post) for post in posts),
            *(lambda number=number: scene.payments.probe(number) for number in ids),
            *(
                lambda turn=turn: scene.payments.import_payment(PaymentImport("paypay", f"P-{turn}"))
                for turn in range(6)
            ),
            scene.run_due_tasks,
        ] * 3
        random.Random(5).shuffle(acts)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(call_ignoring_refusals, acts))
        scene.control.clear_faults()
        run_tasks_while_work_is_scheduled(scene)
        for number in ids:
            scene.payments.probe(number)
        check_all_notices_booked(scene, posts)


def call_ignoring_refusals(act: Callable[[], object]) -> None:
    """Call the function `act`, and ignore a ConsoleError. Any other exception fails the test."""
    with suppress(ConsoleError):
        act()
