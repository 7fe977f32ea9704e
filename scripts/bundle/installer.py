"""Makes the installer for the operating system on which this module runs: `python -m scripts.bundle.installer`.

Linux: the .deb. Windows: a setup program by Inno Setup. macOS: a disk image of the application by hdiutil.
"""

import subprocess
import sys
from pathlib import Path

from build_spec import PLATFORM, PROGRAM_NAME, make_macos_information
from console import __version__
from scripts.bundle import debian
from scripts.bundle.failures import run_or_report_failure

ROOT = Path(__file__).resolve().parents[2]
DIST_FOLDER = ROOT / "dist"


def make_installer_command(platform: str) -> list[str]:
    """Return the command that makes the installer on Windows ("win32") or macOS ("darwin")."""
    if platform == "win32":
        return ["iscc", f"/DVersion={__version__}", str(ROOT / "installers" / "windows" / f"{PROGRAM_NAME}.iss")]
    name = make_macos_information()["CFBundleName"]
    image = DIST_FOLDER / f"{PROGRAM_NAME}-{__version__}.dmg"
    return ["hdiutil", "create", "-ov", "-volname", name, "-srcfolder", str(DIST_FOLDER / f"{name}.app"), str(image)]


def main() -> int:
    """Make the installer in dist/. Return the exit status of the tool that makes it."""
    if PLATFORM == "linux":
        return debian.main([])
    return subprocess.run(make_installer_command(PLATFORM), check=False).returncode


if __name__ == "__main__":
    sys.exit(run_or_report_failure(main))
