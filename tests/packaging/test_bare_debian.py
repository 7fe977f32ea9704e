"""Installs the real packages on a bare Debian with their dependencies, starts the program, upgrades and removes it.

Needs root. CONSOLE_TEST_BARE_DEBIAN names the folder of an unpacked Debian (debootstrap, variant minbase) that can
download packages; CONSOLE_TEST_APPLICATION names a built folder (default: dist/support-console); APPIMAGE_RUNTIME
adds the test of the AppImage.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import console
from scripts.bundle import appimage, debian
from tests.packaging.test_wheel import find_file_check
from tests.support.containerfile import CONTAINERFILE, read_instructions
from tests.support.vnc_screen import wait_for_colours
from tests.support.waiting import MAX_WAIT_SECONDS, wait_until

BARE_SYSTEM_FOLDER = os.environ.get("CONSOLE_TEST_BARE_DEBIAN", "")
ROOT = Path(__file__).resolve().parents[2]
APPLICATION_FOLDER = Path(os.environ.get("CONSOLE_TEST_APPLICATION", ROOT / "dist" / "support-console"))
_SYSTEM_FOLDERS = "proc", "dev", "tmp", "var", "root", "etc"
_FIND_FILES_COMMAND = (
    f"find / -xdev \\( {' -o '.join(f'-path /{name}' for name in _SYSTEM_FOLDERS)} \\) -prune -o -print"
)
"""Command that lists all files of the system, except those in folders in which dpkg, apt and the tests store files.
"""

pytestmark = [
    pytest.mark.soak,
    pytest.mark.timeout(1_800),
    pytest.mark.skipif(
        not BARE_SYSTEM_FOLDER or os.geteuid() != 0, reason="CONSOLE_TEST_BARE_DEBIAN and root are needed"
    ),
    pytest.mark.skipif(not APPLICATION_FOLDER.is_dir(), reason="no built application: make build"),
]


class DebianCopy:
    """A copy of the bare Debian system. Commands in it share the network of this machine, but no files."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def make_command(self, *words: str, **variables: str) -> list[str]:
        """Return the command line that runs `words` in the copy, with an empty environment and home folder."""
        settings = {
            "PATH": os.defpath + ":/usr/sbin:/sbin",
            "HOME": "/tmp/home",
            "CONSOLE_OPERATOR": "op-a",
            **variables,
        }
        return [
            "chroot",
            str(self.root),
            "env",
            "-i",
            *(f"{name}={value}" for name, value in settings.items()),
            *words,
        ]

    def run(self, *words: str, **variables: str) -> str:
        """Run a command that must succeed, and return its output."""
        done = subprocess.run(self.make_command(*words, **variables), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
        return done.stdout

    def run_apt(self, *words: str) -> str:
        return self.run("apt-get", "-y", "-qq", "--no-install-recommends", *words, DEBIAN_FRONTEND="noninteractive")

    def list_files(self) -> set[str]:
        return set(self.run("sh", "-c", _FIND_FILES_COMMAND).splitlines())


@pytest.fixture
def debian_copy(tmp_path: Path) -> Iterator[DebianCopy]:
    root = tmp_path / "debian"
    subprocess.run(["cp", "-a", "--reflink=auto", BARE_SYSTEM_FOLDER, str(root)], check=True)
    for name in ("/etc/resolv.conf", "/etc/hosts"):
        shutil.copy(name, root / name[1:])
    (root / "tmp" / "home").mkdir()
    mounts = [("proc", "-t", "proc"), ("/dev", "--rbind")]
    for source, *options in mounts:
        place = root / ("proc" if source == "proc" else "dev")
        subprocess.run(["mount", *options, source, str(place)], check=True)
    subprocess.run(["mount", "--make-rslave", str(root / "dev")], check=True)
    yield DebianCopy(root)
    for name in ("dev", "proc"):
        subprocess.run(["umount", "--lazy", str(root / name)], check=True)
    shutil.rmtree(root)


def check_window(system: DebianCopy, *words: str) -> bool:
    """Start the program's window in the copy, check over VNC that it is painted, and end it by a signal. Return True
    if the exit status is 0.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = system.make_command(*words, QT_QPA_PLATFORM=f"vnc:port={port}", CONSOLE_LANGUAGE="ja")
    log = system.root / "tmp" / "window.log"
    with (
        log.open("wb") as log_file,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log_file, start_new_session=True) as window,
    ):
        try:
            painted = wait_for_colours(port, max_wait_seconds=120) > 50
        finally:
            # An AppImage's runtime waits for the program and does not tell it. The signal ends the runtime at once,
            # while the program still writes its files.
            os.killpg(window.pid, signal.SIGTERM)
            status = window.wait(timeout=MAX_WAIT_SECONDS)
            wait_until(lambda: not _has_processes(window.pid), "the end of the program")
    assert "Traceback" not in log.read_text(encoding="utf-8"), log.read_text(encoding="utf-8")
    return painted and status in (0, 143, -signal.SIGTERM)


def _has_processes(process_group_id: int) -> bool:
    """Return True if a process of this group runs."""
    try:
        os.killpg(process_group_id, 0)
    except ProcessLookupError:
        return False
    return True


def check_lookup(system: DebianCopy, *program: str) -> bool:
    """Return True if a lookup succeeds, for which the program creates its database, and if every file of the program
    is as it was built."""
    answer = json.loads(system.run(*program, "--json", "lookup", "1180301018771"))
    return bool(answer["ok"] and find_file_check(system.run(*program, "--json", "doctor"))["ok"])


def test_a_package_is_installed_and_removed_with_its_dependencies(debian_copy: DebianCopy, tmp_path: Path) -> None:
    """The .deb installs its dependencies: every library is found, and the command and the window start. An upgrade
    deletes the files that the newer version lacks. The removal leaves no file with the program's name and no new
    command in /usr/bin."""
    former = tmp_path / "former"
    subprocess.run(["cp", "-a", "--reflink=auto", str(APPLICATION_FOLDER), str(former)], check=True)
    (former / "_internal" / "former").write_text("only in this version")
    target = debian_copy.root / "tmp"
    packages = debian.make_package(former, target, "0.0.1"), debian.make_package(APPLICATION_FOLDER, target)
    before = debian_copy.list_files()
    debian_copy.run_apt("update")
    debian_copy.run_apt("install", f"/tmp/{packages[0].name}")
    assert "/usr/lib/support-console/_internal/former" in debian_copy.list_files()
    libraries = "find /usr/lib/support-console -name '*.so*' -type f -exec ldd {} + | grep 'not found' || true"
    assert debian_copy.run("sh", "-c", libraries, LD_LIBRARY_PATH="/usr/lib/support-console/_internal") == ""
    debian_copy.run_apt("install", f"/tmp/{packages[1].name}")
    assert "/usr/lib/support-console/_internal/former" not in debian_copy.list_files()
    assert debian_copy.run("support-console", "--version") == f"support-console {console.__version__}\n"
    assert check_lookup(debian_copy, "support-console")
    assert check_window(debian_copy, "support-console")
    debian_copy.run_apt("purge", "--autoremove", "support-console")
    remaining_files = {
        path for path in debian_copy.list_files() - before if "support-console" in path or path.startswith("/usr/bin")
    }
    assert remaining_files == set()


@pytest.mark.skipif(shutil.which("mksquashfs") is None, reason="mksquashfs is missing (package squashfs-tools)")
def test_the_appimages_files_start(debian_copy: DebianCopy, tmp_path: Path) -> None:
    """The program in the AppImage starts on a system without installed packages of ours, after the contents were
    unpacked as the AppImage's runtime does. The downloaded runtime itself isn't tested.
    """
    runtime = tmp_path / "runtime"
    runtime.write_bytes(b"\x7fELF no runtime")
    image = _make_image(debian_copy, tmp_path, runtime)
    unpacked = debian_copy.root / "tmp" / "squashfs-root"
    offset = str(runtime.stat().st_size)
    command = ["unsquashfs", "-quiet", "-no-progress", "-offset", offset, "-d", str(unpacked), str(image)]
    subprocess.run(command, check=True)
    assert check_lookup(debian_copy, "/tmp/squashfs-root/AppRun")
    bought = debian_copy.run(
        "sh", "-c", 'echo "--json purchase 9980000000001 --client 1" | /tmp/squashfs-root/AppRun demo'
    )
    assert json.loads(bought.splitlines()[-1])["data"]["state"] == "success"


@pytest.mark.skipif(
    not os.environ.get("APPIMAGE_RUNTIME"),
    reason="APPIMAGE_RUNTIME names no file: the AppImage's runtime must be downloaded (docs/packages.md)",
)
def test_the_appimage_starts(debian_copy: DebianCopy, tmp_path: Path) -> None:
    """The AppImage starts as one file on a system without FUSE. Its window needs the libraries that the .deb names as
    dependencies.
    """
    image = _make_image(debian_copy, tmp_path, Path(os.environ["APPIMAGE_RUNTIME"]))
    package = debian.make_package(APPLICATION_FOLDER, debian_copy.root / "tmp")
    debian_copy.run_apt("update")
    debian_copy.run_apt("install", f"/tmp/{package.name}")
    program = (f"/tmp/{image.name}", "--appimage-extract-and-run")
    assert check_lookup(debian_copy, *program)
    assert check_window(debian_copy, *program)


def test_the_steps_of_the_workers_container_run(debian_copy: DebianCopy) -> None:
    """The steps of the Containerfile run on a bare Debian with Python, in place of the image that it names, in one
    system for both stages. Then the program prints its version as the container's user, with the container's
    environment, and `doctor` finds none of its files altered.
    """
    debian_copy.run_apt("update")
    debian_copy.run_apt("install", "python3", "python3-venv")
    debian_copy.run("ln", "-s", "python3", "/usr/bin/python")
    variables = dict[str, str]()
    certificates = Path("/etc/ssl/certs/ca-certificates.crt")
    if certificates.is_file():
        shutil.copy(certificates, debian_copy.root / "tmp" / "certificates.crt")
        variables["PIP_CERT"] = "/tmp/certificates.crt"
    folder, user, environment = "/", "root", ""
    entry = list[str]()
    for one in read_instructions(CONTAINERFILE.read_text(encoding="utf-8")):
        match one.name:
            case "WORKDIR":
                folder = one.arguments
                debian_copy.run("mkdir", "-p", folder)
            case "COPY" if not one.arguments.startswith("--from="):
                *sources, target = one.arguments.split()
                place = debian_copy.root / folder[1:] / target
                for source in sources:
                    subprocess.run(["cp", "-a", str(ROOT / source), str(place)], check=True)
            case "RUN":
                debian_copy.run("sh", "-c", f"cd {folder} && {one.arguments}", **variables)
            case "USER":
                user = one.arguments
            case "ENV":
                environment = one.arguments
            case "ENTRYPOINT":
                entry = json.loads(one.arguments)
    for words, expected in ((["--version"], f"support-console {console.__version__}\n"), (["--json", "doctor"], "")):
        command = f"export {environment}; cd /; exec {' '.join([*entry, *words])}"
        printed = debian_copy.run("setpriv", f"--reuid={user}", "--clear-groups", "sh", "-c", command)
        assert expected in printed
    assert find_file_check(printed)["ok"]


def _make_image(system: DebianCopy, tmp_path: Path, runtime: Path) -> Path:
    """Make the AppImage of the application, in the folder `tmp` of the system. Return the path of the AppImage."""
    return appimage.make_appimage(
        appimage.make_appdir(APPLICATION_FOLDER, tmp_path / "AppDir"), runtime, system.root / "tmp"
    )
