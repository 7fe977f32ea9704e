"""Tests the twelve training exercises: each is settled wrongly and then correctly with ordinary actions, and is
judged by the ledger and the records.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from console.app import Console
from console.cli.servers.training import build_training_json
from console.demo.training.corporations import MERGED_PAIR_COUNT
from console.demo.training.session import open_training, read_stored_overview
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.records import RefundRequest
from console.domain.payments.states import RefundState
from console.domain.records import PurchaseRequest
from console.domain.training.results import TrainingExercise, TrainingScore, TrainingState, TrainingVerdict
from console.services.training.exercises import EXERCISE_DECLARATIONS
from console.services.training.score_file import ScoreFile
from console.services.training.service import TrainingService, require_training_profile
from console.settings.settings import Settings
from console.store.payments import payments

APPROVER_PAUSE_SECONDS = 3_600.0
ExerciseFacts = Mapping[str, str]


@pytest.fixture
def desk_settings(tmp_path: Path) -> Settings:
    """Return the settings of the person's own desk, whose home folder stores the score of the training."""
    return Settings.load({"CONSOLE_HOME": str(tmp_path / "desk"), "CONSOLE_OPERATOR": "sato"})


@pytest.fixture
def console(desk_settings: Settings) -> Iterator[Console]:
    with open_training(desk_settings, approver_pause_seconds=APPROVER_PAUSE_SECONDS) as opened:
        yield opened


def get_training(console: Console) -> TrainingService:
    """Return the training service."""
    assert console.training is not None
    return console.training


def get_exercise(console: Console, key: str) -> TrainingExercise:
    """Return the exercise with this key."""
    return next(each for each in get_training(console).read_overview().exercises if each.key == key)


# -- what a person does


def find_payment_id(console: Console, order: str) -> int:
    """Return the id of the PayPay payment of this order."""
    with console._context.database.read() as conn:
        payment = payments.find_by_payment_number(conn, "paypay", order)
    assert payment is not None
    return payment.id


def request_refund_of_order(
    console: Console, order: str, amount: int, reason: str = "the customer asked", is_repetition: bool = False
) -> int:
    """Request a refund of `amount` yen of the payment of the order with the number `order`, with the maker's
    reason `reason`; `is_repetition` marks it as an intended repetition. Let the simulated approver decide, and
    return the refund's id.
    """
    request = RefundRequest(find_payment_id(console, order), str(amount), reason, intended_repeat=is_repetition)
    made = console.refunds.request(request)
    get_training(console).make_approver_decide()
    return made.id


def reconcile_day(console: Console, facts: ExerciseFacts) -> object:
    """Run a reconciliation with PayPay for the day of the exercise, and return its report."""
    day = date.fromisoformat(facts["day"])
    return console.reconciliation.run("paypay", day, day)


def acknowledge_notice(console: Console, facts: ExerciseFacts) -> object:
    """Acknowledge the unmatched notice of the exercise's order; return the result of the acknowledgement."""
    item = next(item for item in console.notices.read_page().items if item.notice.order_no == facts["order"])
    return console.alerts.acknowledge_alerts([case.id for case in item.cases], "done")


def buy_check(console: Console, number: str, client: str = "1") -> None:
    console.credit_checks.purchase(PurchaseRequest(number, client))


def settle_as_not_bought_and_buy(console: Console, facts: ExerciseFacts) -> None:
    """Decide that the exercise's purchase wasn't made, let the simulated approver confirm the decision, and buy a
    check of the same corporation number.
    """
    console.recovery.resolve("credit-check", int(facts["record"]), "error", "nothing on the provider's screen")
    get_training(console).make_approver_decide()
    buy_check(console, facts["number"])


def refund_payment_twice(console: Console, facts: ExerciseFacts) -> None:
    """Probe the exercise's refund, and request another refund of the same amount, marked as an intended
    repetition.
    """
    console.refunds.probe(int(facts["refund"]))
    request_refund_of_order(console, facts["order"], int(facts["amount"]), is_repetition=True)


def request_again_with_other_reason(console: Console, facts: ExerciseFacts) -> None:
    """Request a refund three times: with a reason that the simulated approver rejects, with the same reason again,
    and with a reason that the approver accepts.
    """
    for reason, state in (
        ("money back", RefundState.REJECTED),
        ("money back", RefundState.REJECTED),
        (f"order {facts['order']}: the customer keeps nothing of it", RefundState.SUBMITTED),
    ):
        made = request_refund_of_order(console, facts["order"], int(facts["amount"]), reason)
        assert console.refunds.read_refund(made).record.state == state


ExerciseAction = Callable[[Console, ExerciseFacts], object]
WRONG_ACTION_BY_EXERCISE: Mapping[str, tuple[TrainingVerdict, ExerciseAction]] = {
    "lost_answer": (TrainingVerdict.BOUGHT_TWICE, settle_as_not_bought_and_buy),
    "missing_pdf": (TrainingVerdict.BOUGHT_TWICE, lambda desk, facts: buy_check(desk, facts["number"], "2")),
    "merged_company": (TrainingVerdict.BOUGHT_OLD_COMPANY, lambda desk, facts: buy_check(desk, facts["number"])),
    "late_payment": (
        TrainingVerdict.REFUNDED_WRONG_AMOUNT,
        lambda desk, facts: [
            request_refund_of_order(desk, facts["order"], 1_000, reason) for reason in ("some", "order, in words")
        ],
    ),
    "wrong_amount": (
        TrainingVerdict.REFUNDED_WRONG_AMOUNT,
        lambda desk, facts: request_refund_of_order(desk, facts["order"], 5_500),
    ),
    "double_payment": (
        TrainingVerdict.REFUNDED_WRONG_PAYMENT,
        lambda desk, facts: request_refund_of_order(desk, facts["first"], int(facts["amount"])),
    ),
    "provider_only": (
        TrainingVerdict.REFUNDED_WITHOUT_CAUSE,
        lambda desk, facts: (
            reconcile_day(desk, facts),
            request_refund_of_order(desk, facts["order"], int(facts["amount"])),
        ),
    ),
    "notice_without_payment": (TrainingVerdict.ENDED_UNBOOKED, acknowledge_notice),
    "forged_notice": (TrainingVerdict.ENDED_UNCHECKED, acknowledge_notice),
    "refund_unknown": (TrainingVerdict.REFUNDED_TWICE, refund_payment_twice),
    "refund_refused": (
        TrainingVerdict.REFUNDED_WRONG_AMOUNT,
        lambda desk, facts: request_refund_of_order(desk, facts["order"], 5_500),
    ),
    "due_approval": (TrainingVerdict.REFUNDED_TWICE, lambda desk, facts: desk.refunds.approve(int(facts["refund"]))),
}
RIGHT_ACTION_BY_EXERCISE: Mapping[str, ExerciseAction] = {
    "lost_answer": lambda desk, facts: desk.recovery.resolve(
        "credit-check", int(facts["record"]), "success", "the provider's screen", int(facts["provider_id"])
    ),
    "missing_pdf": lambda desk, facts: desk.credit_checks.refetch(int(facts["record"])),
    "merged_company": lambda desk, facts: buy_check(desk, facts["successor"]),
    "late_payment": request_again_with_other_reason,
    "wrong_amount": lambda desk, facts: request_refund_of_order(desk, facts["order"], int(facts["amount"])),
    "double_payment": request_again_with_other_reason,
    "provider_only": reconcile_day,
    "notice_without_payment": reconcile_day,
    "forged_notice": lambda desk, facts: (reconcile_day(desk, facts), acknowledge_notice(desk, facts)),
    "refund_unknown": lambda desk, facts: desk.refunds.probe(int(facts["refund"])),
    "refund_refused": lambda desk, facts: request_refund_of_order(desk, facts["order"], int(facts["amount"])),
    "due_approval": lambda desk, facts: desk.refunds.reject(int(facts["refund"]), "refunded already"),
}


def test_twelve_exercises_are_judged_by_ledger_and_records(console: Console, desk_settings: Settings) -> None:
    """Each exercise is judged as open after its start, and as wrong after a wrong action that the ledger shows.
    Started again and settled correctly, the exercise is judged as right. The score is stored for the person.
    """
    training = get_training(console)
    assert (
        {each.key for each in EXERCISE_DECLARATIONS} == set(WRONG_ACTION_BY_EXERCISE) == set(RIGHT_ACTION_BY_EXERCISE)
    )
    assert [each.state for each in training.check_exercises().exercises] == [TrainingState.NOT_BEGUN] * 12
    for key, (verdict, act) in WRONG_ACTION_BY_EXERCISE.items():
        training.begin_exercise(key)
        training.check_exercises()
        assert (get_exercise(console, key).state, get_exercise(console, key).verdict) == ("open", "left_open"), key
        act(console, get_exercise(console, key).facts)
        training.check_exercises()
        assert (get_exercise(console, key).state, get_exercise(console, key).verdict) == ("wrong", verdict), key
    assert (training.read_overview().score.solved_count, training.read_overview().score.attempt_count) == (0, 12)
    assert all(each.state == "wrong" for each in training.check_exercises().exercises)
    for key, act in RIGHT_ACTION_BY_EXERCISE.items():
        training.begin_exercise(key)
        act(console, get_exercise(console, key).facts)
        training.check_exercises()
        assert (get_exercise(console, key).state, get_exercise(console, key).verdict) == ("right", "right"), key
    assert training.read_overview().score == TrainingScore(
        "sato", solved_count=12, solved_at_first_attempt_count=0, attempt_count=24, exercise_count=12
    )
    # another process reads and judges the same
    assert read_stored_overview(desk_settings, must_check=True) == training.read_overview()
    overview = build_training_json(training.read_overview(), "en")
    assert json.loads(json.dumps(overview))["score"]["solved"] == 12
    assert console.audit.verify_chains() > 0


def test_a_later_refund_makes_a_right_exercise_wrong(console: Console) -> None:
    """An exercise that was judged as right is judged as wrong after a later refund of its payment."""
    training = get_training(console)
    training.begin_exercise("wrong_amount")
    facts = get_exercise(console, "wrong_amount").facts
    request_refund_of_order(console, facts["order"], 1_100)
    assert get_exercise(console, "wrong_amount").state == "open"  # nothing is judged before somebody asks
    training.check_exercises()
    assert get_exercise(console, "wrong_amount").state == "right"
    request_refund_of_order(console, facts["order"], 1_100, "once more", is_repetition=True)
    training.check_exercises()
    assert get_exercise(console, "wrong_amount").verdict == TrainingVerdict.REFUNDED_TWICE
    assert get_exercise(console, "wrong_amount").is_solved


@pytest.mark.expects_log("the attempt with the edited facts isn't judged")
def test_an_edited_fact_prevents_neither_other_verdicts_nor_a_new_attempt(
    console: Console, desk_settings: Settings
) -> None:
    """A person edits the facts of a running exercise in the score file. The other exercises are judged, the edited
    one stays open, and it can be begun again.
    """
    training, key = get_training(console), "forged_notice"
    for begun_key in (key, "lost_answer"):
        training.begin_exercise(begun_key)
    scores, original = ScoreFile(desk_settings.home, "sato"), get_exercise(console, key).facts
    for edited in ({**original, "day": "yesterday"}, {"day": original["day"]}):
        scores.write_attempt(key, replace(scores.read_attempt(key), facts=edited))
        training.check_exercises()
        assert (get_exercise(console, key).state, get_exercise(console, key).verdict) == ("open", None)
        assert get_exercise(console, "lost_answer").verdict == "left_open"
    record_fact = {**get_exercise(console, "lost_answer").facts, "record": "999"}
    scores.write_attempt("lost_answer", replace(scores.read_attempt("lost_answer"), facts=record_fact))
    training.begin_exercise(key)
    training.check_exercises()
    assert get_exercise(console, key).verdict == "left_open"


def test_a_training_uses_no_real_database_credentials_or_address(tmp_path: Path) -> None:
    """A training uses no server database, no real credentials and no address except that of its own simulated
    providers.
    """
    base = {"CONSOLE_HOME": str(tmp_path), "CONSOLE_LANGUAGE": "en"}
    with pytest.raises(ConsoleError) as caught, open_training(Settings.load(base | {"CONSOLE_OPERATOR": "lead-d"})):
        pytest.fail("it began")
    assert (caught.value.code, caught.value.detail["problem"]) == (ErrorCode.BAD_PROFILE, "bad_operator")
    team = {
        "CONSOLE_DATABASE_URL": "mysql+pymysql://sato:words@127.0.0.1:1/console",
        "CONSOLE_SECRET_PAYPAY_API_KEY": "a-real-key",
        "CONSOLE_PAYPAY_URL": "http://127.0.0.1:1",
    }
    with open_training(Settings.load(base | team), approver_pause_seconds=APPROVER_PAUSE_SECONDS) as console:
        used = console.settings
        assert used.database_path is not None
        assert tmp_path not in used.database_path.parents
        assert used.read_secret("PAYPAY_API_KEY") not in (None, "a-real-key")
        assert "http://127.0.0.1:1" not in used.provider_urls.values()
    url = "http://127.0.0.1:1"
    local = {f"CONSOLE_{name}_URL": url for name in ("ALARMBOX", "PAYPAY", "ATOM", "REGISTRY")}
    (tmp_path / "profile.toml").write_text('environment = "training"\n')
    require_training_profile(Settings.load(base | local), url)
    for changed in ({"CONSOLE_PAYPAY_URL": "http://127.0.0.1:2"}, {"CONSOLE_ATOM_URL": ""}):
        with pytest.raises(ConsoleError):
            require_training_profile(Settings.load(base | local | changed), url)


def test_an_ended_training_keeps_only_its_score(desk_settings: Settings, tmp_path: Path) -> None:
    """A person's next training starts with the score of the earlier one and without its open exercises. Another
    person has no score.
    """
    own = Settings.load({"CONSOLE_HOME": str(tmp_path), "CONSOLE_LANGUAGE": "ja"})
    with open_training(own, approver_pause_seconds=APPROVER_PAUSE_SECONDS) as opened:
        for key in ("missing_pdf", "lost_answer"):
            get_training(opened).begin_exercise(key)
        RIGHT_ACTION_BY_EXERCISE["missing_pdf"](opened, get_exercise(opened, "missing_pdf").facts)
        home = opened.settings.home
        assert read_stored_overview(own, must_check=True).is_running
    assert not home.exists()
    view = read_stored_overview(own, must_check=True)
    states = {each.key: each.state for each in view.exercises if each.state != "not_begun"}
    assert (view.is_running, states, view.score.solved_count) == (False, {"missing_pdf": "right"}, 1)
    other = Settings.load({"CONSOLE_HOME": str(tmp_path), "CONSOLE_OPERATOR": "tanaka"})
    assert read_stored_overview(other, must_check=False).score.attempt_count == 0


def test_no_attempt_gets_the_companies_of_an_earlier_one(console: Console) -> None:
    """Each attempt of the exercise `merged_company` gets other companies, also if there are more attempts than one
    registry file has merged companies. The companies of the first attempt stay in the registry."""
    training, first_number = get_training(console), ""
    for _ in range(MERGED_PAIR_COUNT):
        training.begin_exercise("merged_company")
        first_number = first_number or get_exercise(console, "merged_company").facts["number"]
    buy_check(console, first_number)
    training.begin_exercise("merged_company")
    training.check_exercises()
    assert get_exercise(console, "merged_company").state == "open"
    RIGHT_ACTION_BY_EXERCISE["merged_company"](console, get_exercise(console, "merged_company").facts)
    training.check_exercises()
    assert get_exercise(console, "merged_company").state == "right"
    status = console.registry.read_status()
    assert status is not None
    assert status.rows == 4 * MERGED_PAIR_COUNT
