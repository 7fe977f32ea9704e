"""Runs the scenes of the pictures (see tests/shots), and checks the window wherever a picture would be taken: nothing
is cut off, screen readers can name everything, and Enter closes no dialog.

python -m tests.legible.tour [--languages en] [--scales 1 2] [--only SCENE …]
"""

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path

from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication, QWidget

from console.views.theme.theme import current_appearance
from console.views.widgets.window.dialog import DialogFrame
from tests.legible.enter import find_enter_faults
from tests.legible.faults import find_faults
from tests.legible.ink import record_drawn_texts
from tests.shots.bulk_scenes import BULK_SCENES
from tests.shots.further_scenes import FURTHER_SCENES
from tests.shots.money_scenes import MONEY_SCENES
from tests.shots.reconcile_scenes import RECONCILE_SCENES
from tests.shots.registry_scenes import REGISTRY_SCENES
from tests.shots.report_scenes import REPORT_SCENES
from tests.shots.scenes import MAIN_SCENES, OTHER_SCENES
from tests.shots.stage import UnpaintedStage, WindowLook
from tests.shots.state_scenes import STATE_SCENES
from tests.shots.training_scenes import TRAINING_SCENES
from tests.shots.view_scenes import VIEW_SCENES
from tests.support.accessible_tree import find_tree_problems, find_unspoken_texts, list_visible_nodes
from tests.support.sample_desk import SampleDesk, open_sample_desk

SCENES = {
    **MAIN_SCENES,
    **OTHER_SCENES,
    **BULK_SCENES,
    **MONEY_SCENES,
    **RECONCILE_SCENES,
    **REGISTRY_SCENES,
    **REPORT_SCENES,
    **VIEW_SCENES,
    **FURTHER_SCENES,
    **TRAINING_SCENES,
    **STATE_SCENES,
}
SCENES_PER_PART = 6
PART_COUNT = -(-len(SCENES) // SCENES_PER_PART)
"""Number of parts into which the scenes are divided. Each part has its own window, because a window with all pages
is slow.
"""
SCREEN_CLASSES_BY_SCENE: Mapping[str, tuple[str, ...]] = {
    "home": ("HomePage",),
    "queues": ("QueuesPage",),
    "company": ("LookupPage",),
    "records": ("CreditCheckPage",),
    "pdf": ("PdfPage",),
    "compare": ("PdfComparisonPage",),
    "audit": ("AuditPage",),
    "admin": ("AdminPage", "ReadOnlySwitchDialog"),
    "dialogs": ("HelpDialog", "NotificationsDialog", "UnfinishedWorkDialog"),
    "purchase": ("PurchaseDialog",),
    "refetch": ("RefetchDialog",),
    "unmasking": ("UnmaskDialog",),
    "resolve": ("ResolveDialog",),
    "no_right": ("NoRightPage",),
    "planning": ("BulkDialog",),
    "alerts": ("AcknowledgeAlertsDialog", "AlertsPage", "SnoozeIncidentDialog"),
    "payments": ("PaymentPage",),
    "orders": ("OrderPage",),
    "refunds": ("RefundPage",),
    "money_lists": ("SetAsidesPage",),
    "unmatched_notices": ("UnmatchedNoticesPage",),
    "refund_dialog": ("RefundDialog",),
    "approvals": ("ApprovalsPage", "ApproveDialog", "RejectDialog"),
    "resolve_money": ("ResolveMoneyDialog",),
    "outside_refund": ("OutsideRefundDialog",),
    "reconcile": ("ReconcileDialog", "ReconcilePage", "ReconcileRunsPage"),
    "registry": ("ChangedCompaniesPage",),
    "reports": ("ReportsPage",),
    "workbench": ("ColumnsDialog", "RenameViewDialog"),
    "further_pages": ("OperationPage",),
    "notes": ("HandOverDialog", "NoteDialog"),
    "incidents": ("HandOverIncidentDialog", "ReopenIncidentDialog", "ResolveIncidentDialog"),
    "further_dialogs": (
        *("AnnouncementsDialog", "DisablePersonDialog", "EnablePersonDialog", "LeftoverCredentialsDialog"),
        *("LimitDialog", "PasswordDialog", "RunningCallsDialog"),
    ),
    "withdrawal": ("WithdrawDialog",),
    "training": ("TrainingPage",),
}
"""The pages and dialogs that each scene must show, by the names of their types; each is in the list of one scene."""


class LegibleStage(UnpaintedStage):
    """A stage that checks its window instead of taking pictures. `display_problems` has one line for each problem,
    `shown_classes` the classes of all widgets that were visible at a check.
    """

    def __init__(self, desk: SampleDesk, sight: WindowLook, folder: Path) -> None:
        self.display_problems: list[str] = []
        self.shown_classes: set[type[QWidget]] = set()
        super().__init__(desk, sight, folder)

    def take_picture(self, name: str) -> Path:
        """Check the visible windows instead of taking a picture. Return an empty path, because there is no file."""
        self.wait_until_idle()
        self.shown_classes |= {type(part) for part in QApplication.allWidgets() if part.isVisible()}
        faults = [*find_faults(), *find_accessibility_faults(self.window), *find_enter_faults()]
        self.display_problems += (f"{self.sight.name} {name}: {fault}" for fault in faults)
        return Path()

    def take_picture_with_overlay(self, name: str, part: QWidget, left: int, top: int) -> None:
        self.take_picture(name)


def find_accessibility_faults(window: QWidget) -> list[str]:
    """Return one line for each fault of the accessibility tree, which screen readers use. The tree is that of the
    open dialog, or of the window without one.
    """
    dialogs = (dialog for dialog in QApplication.topLevelWidgets() if isinstance(dialog, DialogFrame))
    front = next((dialog for dialog in dialogs if dialog.isVisible()), window)
    nodes = list(list_visible_nodes(QAccessible.queryAccessibleInterface(front)))
    with record_drawn_texts() as drawn:
        front.grab()
    return [*find_tree_problems(nodes), *find_unspoken_texts(nodes, ((one.widget, one.text) for one in drawn))]


@contextmanager
def open_stage(home: Path, window_look: WindowLook) -> Iterator[LegibleStage]:
    """Yield a stage on a desk of its own with the home folder `home`."""
    with open_sample_desk(home, LANGUAGE=window_look.language) as desk:
        stage = LegibleStage(desk, window_look, home / "no-pictures")
        try:
            yield stage
        finally:
            stage.close()
            current_appearance().set_text_scale(1.0)  # after: each widget that still lives is polished anew


def find_display_problems_of_tour(home: Path, window_look: WindowLook, names: Sequence[str]) -> list[str]:
    """Run these scenes in a window. Return one line for each display problem, and for each page or dialog that a
    scene should have shown but didn't.
    """
    missing: list[str] = []
    with open_stage(home, window_look) as stage:
        for name in names:
            stage.shown_classes.clear()
            SCENES[name](stage)
            shown = {kind.__name__ for kind in stage.shown_classes}
            missing += (
                f"{name} did not show {screen}"
                for screen in SCREEN_CLASSES_BY_SCENE.get(name, ())
                if screen not in shown
            )
        return stage.display_problems + missing


def list_scenes_of_part(part: int) -> list[str]:
    """Return the names of the scenes of one part, 0 to PART_COUNT - 1, in their sequence, because some scenes
    continue the work of earlier ones.
    """
    return list(SCENES)[part * SCENES_PER_PART : (part + 1) * SCENES_PER_PART]


def main() -> int:
    """Run the chosen scenes, and print the faults. Return the exit status: 1 if there are faults."""
    options = argparse.ArgumentParser(prog="python -m tests.legible.tour", description=__doc__)
    options.add_argument("--languages", nargs="*", default=["ja", "en"])
    options.add_argument("--scales", nargs="*", type=float, default=[1.0, 1.25, 1.5, 2.0])
    options.add_argument("--only", nargs="*", default=list(SCENES))
    arguments = options.parse_args()
    app = QApplication(sys.argv[:1])
    problems: list[str] = []
    for language, scale in product(arguments.languages, arguments.scales):
        sight = WindowLook(language, "light", 1280, 800, scale=scale)
        with tempfile.TemporaryDirectory() as home:
            problems += find_display_problems_of_tour(Path(home, "desk"), sight, arguments.only)
    for line in problems:
        print(line)
    print(len(problems), "faults:", Counter(line.split(":")[1].strip() for line in problems).most_common(12))
    del app
    return 1 if problems else 0


if __name__ == "__main__":
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    sys.exit(main())
