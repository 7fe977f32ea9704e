"""What is photographed of the reports: each picture, and the table behind it."""

from collections.abc import Mapping

from console.views.reports.page import ReportsPage
from console.views.runtime.routes import ReportsRoute
from tests.shots.scenes import Scene
from tests.shots.stage import Stage


def reports(stage: Stage) -> None:
    stage.go(ReportsRoute())
    page = stage.find(ReportsPage)
    for section in page.sections:
        stage.go(ReportsRoute(section.name))
        stage.shoot(f"report-{section.name}")
    page.section.switch_view()  # type: ignore[attr-defined]  # every section so far has a picture
    stage.shoot("report-table")


REPORTS: Mapping[str, Scene] = {"reports": reports}
