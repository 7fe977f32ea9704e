"""The scenes of the training: its page before, during and after exercises."""

from collections.abc import Mapping

from console.demo.training.session import open_training
from console.settings.settings import Settings
from console.views.runtime.routes import HomeRoute, TrainingRoute
from console.views.training.page import TrainingPage
from tests.shots.scenes import SceneFunction
from tests.shots.stage import WindowStage

_LONG_PAUSE_SECONDS = 3_600.0
_ROW_OF_WRONG_EXERCISE, _ROW_OF_OPEN_EXERCISE = 11, 5


def show_training(stage: WindowStage) -> None:
    """Take pictures of the training in the desk's window: before its start, and with right, wrong and open
    exercises.
    """
    desk = stage.desk.console
    home = desk.settings.home / "training-desk"
    own = Settings.load({"CONSOLE_HOME": str(home), "CONSOLE_LANGUAGE": stage.sight.language})
    with open_training(own, approver_pause_seconds=_LONG_PAUSE_SECONDS) as console:
        service = desk.training = console.training
        assert service is not None
        stage.frame.rebuild_bars_and_page()
        stage.show_route(TrainingRoute())
        page = stage.find(TrainingPage)
        stage.wait_until(lambda: page.current_exercise is not None)
        stage.take_picture("training")
        for key in ("missing_pdf", "wrong_amount", "double_payment", "due_approval"):
            service.begin_exercise(key)
        facts = {each.key: each.facts for each in service.read_overview().exercises}
        console.credit_checks.refetch(int(facts["missing_pdf"]["record"]))
        console.refunds.approve(int(facts["due_approval"]["refund"]))
        service.check_exercises()
        page.refresh("asked")
        stage.wait_until_idle()
        for row, name in ((_ROW_OF_WRONG_EXERCISE, "training-wrong"), (_ROW_OF_OPEN_EXERCISE, "training-open")):
            page.table.go_to_row(row)
            stage.take_picture(name)
        stage.show_route(HomeRoute())
        desk.training = None
        stage.frame.rebuild_bars_and_page()


TRAINING_SCENES: Mapping[str, SceneFunction] = {"training": show_training}
