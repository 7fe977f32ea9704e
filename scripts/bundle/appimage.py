"""The AppImage (type 2): the runtime, and after it the application as a squashfs image.

python -m scripts.bundle.appimage [APPLICATION] [TARGET]   # default: dist/support-console, dist

`APPIMAGE_RUNTIME` names the file of the runtime (https://github.com/AppImage/type2-runtime). The runtime isn't a part
of this repository. RUNTIME_SHA256 is the hash of the release with which the AppImage was tested.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import console
from console.services.monitoring.installation import hash_file
from scripts.bundle import linux_tree
from scripts.bundle.failures import run_or_report_failure
from scripts.bundle.icons import PNG_ICONS_FOLDER

ROOT = Path(__file__).resolve().parents[2]
RUNTIME_RELEASE = "20251108"
RUNTIME_SHA256 = "2fca8b443c92510f1483a883f60061ad09b46b978b2631c807cd873a47ec260d"
_NO_RUNTIME_MESSAGE = """\
{folder} is ready. To make the AppImage of it, name the runtime for x86_64, release {release}:
    make appimage APPIMAGE_RUNTIME=/path/to/runtime-x86_64"""


def main(argv: Sequence[str] | None = None) -> int:
    """Make the AppDir and, if the environment names a runtime, the AppImage. Return the exit status: 0 if the
    AppImage was made, 1 without a runtime.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    application = Path(words[0]) if words else ROOT / "dist" / linux_tree.PACKAGE_NAME
    target = Path(words[1]) if len(words) > 1 else ROOT / "dist"
    folder = make_appdir(application, target / "AppDir")
    runtime = os.environ.get("APPIMAGE_RUNTIME")
    if not runtime:
        print(_NO_RUNTIME_MESSAGE.format(folder=folder, release=RUNTIME_RELEASE))
        return 1
    if hash_file(Path(runtime)) != RUNTIME_SHA256:
        print(f"Note: {runtime} is not release {RUNTIME_RELEASE} of the runtime.", file=sys.stderr)
    print(f"Built {make_appimage(folder, Path(runtime), target)}")
    return 0


def make_appdir(application: Path, folder: Path) -> Path:
    """Create the AppDir `folder` and return its path; an existing folder is deleted before. It contains the files of
    an installation and, at its top, the files that a desktop looks for.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    linux_tree.write_installation_tree(folder, application)
    (folder / "AppRun").symlink_to(Path("usr", "bin", linux_tree.PACKAGE_NAME))
    shutil.copy(linux_tree.DESKTOP_ENTRY_FILE, folder)
    picture = shutil.copy(PNG_ICONS_FOLDER / "256.png", folder / f"{linux_tree.PACKAGE_NAME}.png")
    (folder / ".DirIcon").symlink_to(Path(picture).name)
    return folder


def make_appimage(folder: Path, runtime: Path, target: Path) -> Path:
    """Write the AppImage of the AppDir `folder` into the folder `target`, and return its path. `runtime` is the file
    of the AppImage runtime. The AppImage gets its name when it is complete.
    """
    image = target / f"{linux_tree.PACKAGE_NAME}.squashfs"
    image.unlink(missing_ok=True)
    options = ["-root-owned", "-noappend", "-comp", "zstd", "-no-progress", "-quiet"]
    subprocess.run(["mksquashfs", str(folder), str(image), *options], check=True)
    appimage = target / f"{linux_tree.PACKAGE_NAME}-{console.__version__}-x86_64.AppImage"
    unfinished = appimage.with_suffix(".part")
    try:
        with unfinished.open("wb") as whole:
            for part in (runtime, image):
                with part.open("rb") as content:
                    shutil.copyfileobj(content, whole)
        unfinished.chmod(0o755)
        unfinished.replace(appimage)
    finally:
        unfinished.unlink(missing_ok=True)
        image.unlink()
    return appimage


if __name__ == "__main__":
    sys.exit(run_or_report_failure(main))
