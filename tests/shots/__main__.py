"""Takes pictures of every screen and dialog, light and dark, in Japanese and English, into `shots/`.

python -m tests.shots [--only SCENE …] [--into FOLDER] [--quick]
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from PySide6.QtCore import QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from console.views.app.garbage_collection import GarbageCollectionTimer
from tests.shots.bulk_scenes import BULK_SCENES
from tests.shots.further_scenes import FURTHER_SCENES
from tests.shots.money_scenes import MONEY_SCENES
from tests.shots.reconcile_scenes import RECONCILE_SCENES
from tests.shots.registry_scenes import REGISTRY_SCENES
from tests.shots.report_scenes import REPORT_SCENES
from tests.shots.scenes import MAIN_SCENES, OTHER_SCENES
from tests.shots.stage import WindowLook, open_stage
from tests.shots.state_scenes import STATE_SCENES
from tests.shots.training_scenes import TRAINING_SCENES
from tests.shots.view_scenes import VIEW_SCENES

WINDOW_LOOKS = (
    WindowLook("ja", "light", 1280, 800),
    WindowLook("en", "dark", 1280, 800),
    WindowLook("ja", "dark", 1280, 800, "compact"),
    WindowLook("en", "light", 1440, 900),
    WindowLook("ja", "light", 1920, 1080),
    WindowLook("en", "dark", 1920, 1080),
    WindowLook("ja", "high_contrast", 1280, 800, "compact"),
    WindowLook("en", "light", 1280, 800, scale=2.0),
)


def main() -> int:
    """Take the pictures that the command line chooses. Return the exit status 0."""
    options = argparse.ArgumentParser(prog="python -m tests.shots")
    options.add_argument("--only", nargs="*", default=[])
    options.add_argument("--into", type=Path, default=Path("shots"))
    options.add_argument("--quick", action="store_true", help="one language and theme")
    arguments = options.parse_args()
    qInstallMessageHandler(_print_qt_message)
    app = QApplication(sys.argv[:1])
    collector = GarbageCollectionTimer(app)
    for sight in WINDOW_LOOKS[:1] if arguments.quick else WINDOW_LOOKS:
        take_pictures(sight, arguments.into, arguments.only)
    collector.stop()
    del app
    return 0


def take_pictures(window_look: WindowLook, folder: Path, picture_names: list[str]) -> None:
    """Take the pictures of the scenes named in `picture_names` (empty: all scenes) with the window look
    `window_look`. A window wider than 1600 px leaves out `OTHER_SCENES`, `BULK_SCENES`, `VIEW_SCENES`,
    `FURTHER_SCENES` and `STATE_SCENES`.
    """
    always = {
        **MAIN_SCENES,
        **MONEY_SCENES,
        **RECONCILE_SCENES,
        **REGISTRY_SCENES,
        **REPORT_SCENES,
        **TRAINING_SCENES,
    }
    scenes = (
        always
        if window_look.width > 1600
        else {**always, **OTHER_SCENES, **BULK_SCENES, **VIEW_SCENES, **FURTHER_SCENES, **STATE_SCENES}
    )
    chosen = {name: scene for name, scene in scenes.items() if not picture_names or name in picture_names}
    with (
        tempfile.TemporaryDirectory(prefix="console-shots-") as home,
        open_stage(Path(home, "desk"), window_look, folder) as stage,
    ):
        for name, scene in chosen.items():
            print(f"{window_look.name}: {name}", flush=True)
            stage.remove_toasts()
            scene(stage)


def _print_qt_message(kind: QtMsgType, _where: object, text: str) -> None:
    """Print Qt's messages to stderr, without those about size hints of windows."""
    if "propagateSizeHints" not in text:
        sys.stderr.write(f"{kind.name}: {text}\n")


if __name__ == "__main__":
    sys.exit(main())
