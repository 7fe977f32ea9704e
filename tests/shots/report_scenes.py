"""The scenes of the reports: each section of the page, and the table with the figures of a chart."""

from collections.abc import Mapping

from console.views.reports.page import ReportsPage
from console.views.reports.section import ChartSection
from console.views.runtime.routes import ReportsRoute
from tests.shots.scenes import SceneFunction
from tests.shots.stage import WindowStage


def show_reports(stage: WindowStage) -> None:
    stage.show_route(ReportsRoute())
    page = stage.find(ReportsPage)
    for section in page.sections:
        stage.show_route(ReportsRoute(section.name))
        stage.take_picture(f"report-{section.name}")
    with_picture = next(section for section in page.sections if isinstance(section, ChartSection))
    stage.show_route(ReportsRoute(with_picture.name))
    with_picture.toggle_chart_and_table()
    stage.take_picture("report-table")
    with_picture.toggle_chart_and_table()


REPORT_SCENES: Mapping[str, SceneFunction] = {"reports": show_reports}
