"""What is photographed of the training: its page before, during and after incidents."""

from collections.abc import Mapping
from dataclasses import replace

from console.demo.training.session import open_training
from console.settings.settings import Settings
from console.views.runtime.routes import TrainingRoute
from console.views.training.page import TrainingPage
from tests.shots.scenes import Scene
from tests.shots.stage import Stage


def training(stage: Stage) -> None:
    """A training of its own beside the desk: not begun, one heard, and some right, wrong and open ones."""
    home = stage.desk.console.settings.home / "training-desk"
    desk = Settings.load({"CONSOLE_HOME": str(home), "CONSOLE_LANGUAGE": stage.sight.language})
    with open_training(desk) as console:
        service = console.training
        assert service is not None
        inner = Stage(replace(stage.desk, console=console), stage.sight, stage.folder)
        try:
            inner.go(TrainingRoute())
            page = inner.find(TrainingPage)
            inner.until(lambda: page.current_incident is not None)
            inner.shoot("training")
            for key in ("missing_pdf", "wrong_amount", "double_payment", "due_approval"):
                service.begin(key)
            facts = {each.key: each.facts for each in service.read_view().incidents}
            console.credit_checks.refetch(int(facts["missing_pdf"]["record"]))
            console.refunds.approve(int(facts["due_approval"]["refund"]))
            service.check()
            page.refresh("asked")
            inner.settle()
            for place, name in ((11, "training-wrong"), (5, "training-open")):
                page.table.go_to(place)
                inner.shoot(name)
        finally:
            inner.close()


TRAINING: Mapping[str, Scene] = {"training": training}
