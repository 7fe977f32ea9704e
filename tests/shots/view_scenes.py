"""The scenes of a queue's options: saved views, groups by cause, columns, many conditions."""

from collections.abc import Mapping

from console.domain.queues.saved_views import ViewContent
from console.views.home.page import HomePage
from console.views.pages.scroll_container import PageScrollArea
from console.views.queues.column_choice import ColumnsDialog
from console.views.queues.page import QueuesPage
from console.views.queues.view_dialogs import RenameViewDialog, SaveViewDialog
from console.views.runtime.routes import HomeRoute, QueuesRoute
from tests.shots.scenes import SceneFunction
from tests.shots.stage import WindowStage

_FILTER_TEXT = (
    "provider:alarmbox,paypay kind:credit-check,payment,refund status:pending,submitting,error,failed,success"
    " certainty:known,unknown work:needs_review,scheduled cause:timeout,lapsed,poll amount:>=1JPY age:>1m owner:-"
)


_VIEW_NAMES_BY_LANGUAGE = {
    "ja": ("AlarmBox 1日超", "返金 未完了", "新しい条件"),
    "en": ("AlarmBox > 1 day", "Open refunds", "New condition"),
}


def show_queue_options(stage: WindowStage) -> None:
    """Take pictures of the saved views in the sidebar and on Home, and of a queue's page with each of its options."""
    views = stage.desk.console.saved_views
    own_name, team_name, unknown_name = _VIEW_NAMES_BY_LANGUAGE[stage.sight.language]
    shown = views.save_view(own_name, False, ViewContent("unknown", "provider:alarmbox age:>1d", "", "-age"))
    views.save_view(team_name, True, ViewContent("refunds"))
    views.save_view(unknown_name, True, ViewContent("review", "flavour:sweet"))
    stage.frame.context.saved_views_outdated.emit()
    stage.wait_until(lambda: len(stage.frame.context.saved_views) >= 3)
    stage.show_route(HomeRoute())
    panel = stage.find(HomePage).views_panel
    next(area for area in stage.window.findChildren(PageScrollArea) if area.isAncestorOf(panel)).ensureWidgetVisible(
        panel
    )
    stage.take_picture("home-views")
    stage.show_route(QueuesRoute(view_id=shown.id))
    page = stage.find(QueuesPage)
    stage.wait_until(lambda: page.shown_saved_view.view is not None and page.table.current_item is not None)
    stage.take_picture("queue-view")
    page.shown_saved_view.open_save_dialog()
    dialog = stage.find(SaveViewDialog)
    stage.wait_until(dialog.main_button.isEnabled)
    stage.take_picture("view-save")
    dialog.reject()
    page.shown_saved_view.open_rename_dialog()
    renaming = stage.find(RenameViewDialog)
    stage.wait_until(renaming.main_button.isEnabled)
    stage.take_picture("view-rename")
    renaming.reject()
    page.columns.open_dialog()
    columns = stage.find(ColumnsDialog)
    stage.wait_until(columns.main_button.isEnabled)
    stage.take_picture("queue-columns")
    columns.reject()
    page.filter.show_filter(_FILTER_TEXT)
    page.filter.changed.emit()
    stage.wait_until(lambda: page.row_model.has_read_last_page)
    stage.take_picture("queue-conditions")
    page.filter.clear_filter()
    page.toggle_grouping()
    stage.wait_until(lambda: page.row_model.has_read_last_page and page.table.current_item is not None)
    page.open_current_record()
    stage.wait_until(lambda: page.row_model.has_read_last_page)
    stage.take_picture("queue-causes")
    page.toggle_grouping()
    stage.show_route(QueuesRoute("unknown"))


VIEW_SCENES: Mapping[str, SceneFunction] = {"workbench": show_queue_options}
