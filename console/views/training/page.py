"""The page of the training: the invented exercises with their states, the description of the current exercise, and
the score of the person."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from console.domain.training.results import INVENTED_APPROVER_NAME, TrainingExercise, TrainingOverview, TrainingState
from console.views.pages.base import KeyHint, Page, set_tab_order
from console.views.pages.static_table import StaticTable, TableOrEmptyState
from console.views.presenters.columns import measure_column_width
from console.views.runtime.context import WindowContext
from console.views.runtime.tasks import Failure
from console.views.tables.columns import Column, StateCell
from console.views.theme.design_tokens import Tone
from console.views.widgets.base import Surface, TextLabel, make_column
from console.views.widgets.controls.buttons import KeyButton, ReasonLabel
from console.views.widgets.display.placeholders import EmptyState
from console.views.widgets.layout.flow_layout import make_flow_widget
from console.wording import training as words

if TYPE_CHECKING:
    from console.app import Console
    from console.services.training.service import TrainingService

_ICON_AND_TONE_BY_TRAINING_STATE: Mapping[TrainingState, tuple[str, Tone]] = {
    TrainingState.NOT_BEGUN: ("ring", "muted"),
    TrainingState.OPEN: ("half_disc", "care"),
    TrainingState.RIGHT: ("ring_check", "good"),
    TrainingState.WRONG: ("cross", "bad"),
}
_TRAINING_CALL_KEY = "training"
"""Key of the page's calls in the task runner, which runs calls with the same key one after another."""
_BUTTON_WORDING_KEY_BY_SHORTCUT = {"S": "training.begin", "C": "training.check", "N": "training.next"}


class TrainingPage(Page):
    """The page of the training. The S key starts the current exercise, or starts it again. The C key checks all open
    exercises. The N key goes to the next exercise that the trainee hasn't solved correctly. The person solves an
    exercise on the ordinary pages, not on this page.
    """

    sidebar_key = "training"
    help_key = "help.training"
    key_hints = (
        (("↓", "↑"), "key.move"),
        (("S",), "key.training_begin"),
        (("C",), "key.training_check"),
        (("N",), "key.training_next"),
        (("Esc",), "key.back"),
    )

    def __init__(self, context: WindowContext) -> None:
        super().__init__(context)
        self._acting_button: KeyButton | None = None
        translate = context.translate
        self.head = self.make_page_head(translate("screen.training"), translate("training.sentence"))
        self.table = StaticTable(
            context, _make_exercise_columns(context), lambda row: row.key, translate("screen.training")
        )
        self.exercise_list = TableOrEmptyState(self.table, EmptyState(translate("training.not_running")))
        self.add_content(self.head)
        self.add_content(self.exercise_list, 1)
        self.add_content(self._make_footer())
        self.add_key_hints(self.table)
        self.table.current_changed.connect(self._show_exercise)
        self.table.rows.page_applied.connect(self._select_first_exercise)
        for button, act in self._button_actions:
            button.clicked.connect(act)
            self.add_button_shortcut(button)
        set_tab_order(*self.head.focus_stops, self.table, *(button for button, _ in self._button_actions))

    def _make_footer(self) -> Surface:
        translate = self.context.translate
        self.situation = TextLabel("", "body", wraps_lines=True, is_selectable=True)
        self.verdict = TextLabel("", "body", is_bold=True, wraps_lines=True, is_selectable=True)
        self.approver = TextLabel(
            translate("training.approver", approver=INVENTED_APPROVER_NAME), "small", "muted", wraps_lines=True
        )
        self.score = TextLabel("", "body", is_selectable=True)
        self.begin_button = KeyButton(
            translate(_BUTTON_WORDING_KEY_BY_SHORTCUT["S"]), "S", "primary", binds_key=False
        )
        self.check_button = KeyButton(translate(_BUTTON_WORDING_KEY_BY_SHORTCUT["C"]), "C", binds_key=False)
        self.next_button = KeyButton(translate(_BUTTON_WORDING_KEY_BY_SHORTCUT["N"]), "N", binds_key=False)
        self._button_actions: Sequence[tuple[KeyButton, Callable[[], None]]] = (
            (self.begin_button, self._begin_exercise),
            (self.check_button, self._check_exercises),
            (self.next_button, self._select_next_unsolved_exercise),
        )
        buttons = make_flow_widget(
            self.begin_button,
            self.check_button,
            ReasonLabel(self.check_button),
            self.next_button,
            self.score,
        )
        footer = self.footer = Surface(is_raised=True, edge="top")
        footer.setLayout(
            make_column(self.situation, self.verdict, buttons, self.approver, gap_px=8, margins=(24, 12, 24, 12))
        )
        footer.setVisible(False)
        return footer

    # -- reading

    def show_route(self, route: object) -> None:
        self.refresh("entered")

    def list_focus_targets(self) -> Sequence[QWidget | None]:
        return (self.table,)

    def is_affected_by(self, changes: frozenset[tuple[str, int]]) -> bool:
        return False

    def read_data(self, reason: str) -> None:
        self.context.run_read(
            lambda services: services.training.read_overview() if services.training else None,
            self._show_overview,
            self.show_reading_failure,
            caller=self,
            key=_TRAINING_CALL_KEY,
        )

    def _show_overview(self, overview: TrainingOverview | None) -> None:
        self.mark_data_read()
        self.exercise_list.show_rows(overview.exercises if overview else ())
        if self._acting_button is self.check_button:
            pass  # it is enabled or disabled when its own answer comes
        elif overview is not None and any(exercise.state is TrainingState.OPEN for exercise in overview.exercises):
            self.check_button.enable_button()
        else:
            self.check_button.disable_with_reason(self.context.translate("training.none_open"))
        self.footer.setVisible(overview is not None)
        if overview is not None:
            self.score.show_text(words.format_training_score(overview.score, self.context.language))
        self._show_exercise(self.table.current_item)

    # -- current exercise

    @property
    def hinted_shortcuts(self) -> Sequence[KeyHint]:
        """The page's shortcuts. The hint of the key S has the text of the button that the key presses: start the
        exercise, or start it again."""
        names = {"key.training_begin": "training.start_again"} if self._starts_again else {}
        return [(keys, names.get(wording_key, wording_key)) for keys, wording_key in self.key_hints]

    @property
    def _starts_again(self) -> bool:
        """True if the key S starts the current exercise again; False if it begins it."""
        return self.current_exercise is not None and self.current_exercise.state is not TrainingState.NOT_BEGUN

    @property
    def current_exercise(self) -> TrainingExercise | None:
        row = self.table.current_item
        return row if isinstance(row, TrainingExercise) else None

    @Slot()
    def _select_first_exercise(self) -> None:
        if self.table.current_item is None:
            self.table.go_to_first_row()
        self._show_exercise(self.table.current_item)
        self.restore_focus()  # at the start of the window, the page has taken the focus without any row

    @Slot(object)
    def _show_exercise(self, exercise: object) -> None:
        """Show the description of an exercise, and the reason for its state. Unless the exercise is judged, also show
        who decides about the trainee's requests. The state decides the primary button. For an open exercise, this is
        the button that checks the exercise, because a new start would discard the trainee's work. For a correctly
        solved exercise, it is the button that goes to the next exercise. Otherwise it is the button that starts the
        exercise.
        """
        if not isinstance(exercise, TrainingExercise):
            return
        language = self.context.language
        self.situation.show_text(words.format_training_situation(exercise, language))
        verdict = words.format_training_verdict(exercise, language)
        self.verdict.show_text(verdict)
        self.verdict.setVisible(bool(verdict))
        self.approver.setVisible(exercise.state in (TrainingState.NOT_BEGUN, TrainingState.OPEN))
        if self._acting_button is not None:
            return  # the buttons change when the answer to the action comes
        begin_wording_key = "training.start_again" if self._starts_again else "training.begin"
        self.begin_button.show_text(self.context.translate(begin_wording_key))
        primary_button = {TrainingState.OPEN: self.check_button, TrainingState.RIGHT: self.next_button}.get(
            exercise.state, self.begin_button
        )
        for button, _ in self._button_actions:
            button.set_kind("primary" if button is primary_button else "default")
        self._update_key_hints()

    # -- acts

    @Slot()
    def _begin_exercise(self) -> None:
        exercise = self.current_exercise
        if exercise is not None:
            self._run_action(self.begin_button, lambda training: training.begin_exercise(exercise.key))

    @Slot()
    def _check_exercises(self) -> None:
        """Let the training judge the exercises that the trainee has begun, and show the verdicts."""
        self._run_action(self.check_button, lambda training: training.check_exercises())

    def _run_action(self, button: KeyButton, call_training: "Callable[[TrainingService], TrainingOverview]") -> None:
        """Run `call_training` with the training service in a background thread. `button` shows that the call is
        running. The call has no request id, because a further press of the button may start the exercise again."""

        def call_training_service(services: "Console") -> TrainingOverview | None:
            return call_training(services.training) if services.training else None

        if self._acting_button is not None:
            self.show_key_refusal(self.context.translate("dialog.busy"))
            return
        self._acting_button = button
        button.set_busy(self.context.translate("dialog.busy"))
        self.context.runner.run(
            self.context.bind_services(call_training_service), self._show_action_result, self._show_failure,
            caller=self, label=button.text(), key=_TRAINING_CALL_KEY, pool_name="slow",
        )  # fmt: skip

    def _show_action_result(self, overview: TrainingOverview | None) -> None:
        """Enable the pressed button again, and show `overview`, the overview that the training service has returned
        for the action. If `overview` is None, because the window doesn't belong to a training, show an empty list."""
        self._end_action()
        self._show_overview(overview)

    def _show_failure(self, failure: Failure) -> None:
        self._end_action()
        self._show_exercise(self.table.current_item)
        self.show_key_refusal(self.context.format_failure(failure))

    def _end_action(self) -> None:
        button, self._acting_button = self._acting_button, None
        if button is not None:
            button.show_text(self.context.translate(_BUTTON_WORDING_KEY_BY_SHORTCUT[button.key]))
            button.setEnabled(True)

    @Slot()
    def _select_next_unsolved_exercise(self) -> None:
        """Select the next exercise in the list that the trainee has not solved correctly. After the last exercise,
        the search continues with the first. Do nothing if the trainee has solved all exercises."""
        rows = [row for row in self.table.all_rows if isinstance(row, TrainingExercise)]
        current_position = next((position for position, row in enumerate(rows) if row is self.current_exercise), -1)
        for position in (*range(current_position + 1, len(rows)), *range(current_position + 1)):
            if rows[position].state is not TrainingState.RIGHT:
                self.table.go_to_row(position)
                return


def _make_exercise_columns(context: WindowContext) -> list[Column]:
    translate = context.translate

    def make_state_cell(exercise: TrainingExercise) -> StateCell:
        icon_name, tone = _ICON_AND_TONE_BY_TRAINING_STATE[exercise.state]
        return StateCell(translate(f"training.state.{exercise.state}"), icon_name, tone)

    longest_state = max((translate(f"training.state.{state}") for state in TrainingState), key=len)
    return [
        Column("state", translate("column.state"), measure_column_width(longest_state, 56), make_state_cell, "state"),
        Column("incident", translate("training.column.incident"), 290,
               partial(words.format_training_exercise_title, language=context.language)),
        Column("attempts", translate("training.column.attempts"), 90,
               lambda exercise: str(exercise.attempt_count), "amount"),
        Column("why", translate("training.column.why"), 320,
               partial(words.format_training_verdict, language=context.language), is_stretched=True),
    ]  # fmt: skip
