"""The scenes of the reports: each section, and the table of the figures behind a chart."""

from collections.abc import Mapping

from console.views.reports.page import ReportsPage
from console.views.reports.section import ChartSection
from console.views.runtime.routes import ReportsRoute
from tests.shots.scenes import Scene
from tests.shots.stage import Stage


def reports(stage: Stage) -> None:
    stage.go(ReportsRoute())
    page = stage.find(ReportsPage)
    for section in page.sections:
        stage.go(ReportsRoute(section.name))
        stage.shoot(f"report-{section.name}")
    with_picture = next(section for section in page.sections if isinstance(section, ChartSection))
    stage.go(ReportsRoute(with_picture.name))
    with_picture.toggle_chart_and_table()
    stage.shoot("report-table")
    with_picture.toggle_chart_and_table()


REPORT_SCENES: Mapping[str, Scene] = {"reports": reports}
