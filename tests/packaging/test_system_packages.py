"""Tests of the script that names missing system packages: its list contains every system library that the window
needs.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS_FOLDER = Path(__file__).resolve().parents[2] / "scripts"
SYSTEM_PACKAGES_SCRIPT = SCRIPTS_FOLDER / "system_packages.sh"

# Every Linux with Python has these.
PREINSTALLED_LIBRARY_PATTERN = re.compile(r"ld-linux.*|lib(c|m|dl|pthread|rt|resolv|gcc_s|stdc\+\+|z)\.so\.\d+")
QT_MODULES = ("QtCore", "QtGui", "QtWidgets", "QtNetwork", "QtSvg", "QtDBus")
QT_PLATFORMS = ("xcb", "offscreen", "vnc", "wayland")
QT_PLUGIN_PATTERNS = (
    *(f"platforms/libq{name}.so" for name in QT_PLATFORMS),
    *("xcbglintegrations/*.so", "wayland-*-client/*.so", "wayland-shell-integration/*.so"),
    *("imageformats/*svg.so", "tls/*.so", "platforminputcontexts/lib[ci]*.so"),
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux leaves libraries to the system")


def list_needed_libraries(file: Path) -> set[str]:
    listing = subprocess.run(["objdump", "-p", str(file)], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"NEEDED\s+(\S+)", listing))


def list_missing_libraries(start: list[Path], shipped_files: dict[str, Path]) -> set[str]:
    """Return the libraries that these files of a wheel need, directly or through other libraries of the wheel, and
    that the wheel doesn't contain.
    """
    waiting, visited, outside = list(start), set(start), set[str]()
    while waiting:
        for name in list_needed_libraries(waiting.pop()):
            inside = shipped_files.get(name)
            if inside is None:
                outside.add(name)
            elif inside not in visited:
                visited.add(inside)
                waiting.append(inside)
    return outside


def test_every_library_of_the_window_has_a_package() -> None:
    """The list of packages in the script that installs them has one for each system library that is needed by Qt's
    modules and by its X11, Wayland, VNC and offscreen platforms.
    """
    import PySide6
    import shiboken6

    qt = Path(PySide6.__file__).parent
    wheels = (qt, Path(shiboken6.__file__).parent)
    shipped = {file.name: file for wheel in wheels for file in wheel.rglob("*.so*")}
    start = [qt / f"{module}.abi3.so" for module in QT_MODULES]
    start += [file for pattern in QT_PLUGIN_PATTERNS for file in (qt / "Qt/plugins").glob(pattern)]
    outside = {
        name for name in list_missing_libraries(start, shipped) if not PREINSTALLED_LIBRARY_PATTERN.fullmatch(name)
    }
    assert outside, "nothing found: the test looks at the wrong files"
    listed = set(re.findall(r"^(lib\S+)\s+lib\S+$", SYSTEM_PACKAGES_SCRIPT.read_text(), flags=re.MULTILINE))
    assert outside <= listed


def make_tool_environment(folder: Path, **scripts: str) -> dict[str, str]:
    """Return an environment in which each named shell command is replaced by a script with the given text."""
    for name, text in scripts.items():
        tool = folder / name.replace("_", "-")
        tool.write_text(f"#!/bin/sh\n{text}\n")
        tool.chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHON": sys.executable}


def run_script(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [str(SYSTEM_PACKAGES_SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=env, check=False)


def test_a_user_without_root_rights_gets_the_install_command(tmp_path: Path) -> None:
    """Without the rights of root, the script prints the names of the missing packages and the command that installs
    them, and exits with 1.
    """
    env = make_tool_environment(tmp_path, ldconfig="true", id="echo 1000", apt_get="echo must not run; exit 9")
    done = run_script("window", env=env)
    assert done.returncode == 1
    assert "Missing system packages for the window: libbrotli1 " in done.stdout
    assert "libxcb-cursor0" in done.stdout
    assert "must not run" not in done.stdout
    assert "SYSTEM_PACKAGES=skip" in done.stdout


def test_installation_continues_without_the_system_packages(tmp_path: Path) -> None:
    """If system packages are missing, the installation of the program can continue, because the terminal commands
    need no system package.
    """
    env = {**make_tool_environment(tmp_path, ldconfig="true"), "SYSTEM_PACKAGES": "skip"}
    assert run_script("window", env=env).returncode == 0


def test_the_script_prints_nothing_if_no_package_is_missing() -> None:
    """If the machine has each package, the script prints nothing."""
    done = run_script("window", env={**os.environ, "PYTHON": sys.executable})
    assert (done.returncode, done.stdout) == (0, "")


def test_servers_are_installed_without_starting_them(tmp_path: Path) -> None:
    """As root on Debian, the script installs the database servers without starting a service. Afterwards it restores
    the machine's own rule about starting services.
    """
    policy, log = tmp_path / "policy-rc.d", tmp_path / "seen"
    policy.write_text("its own rule")
    apt = f'[ $1 = update ] || {{ echo "$@" >{log}; sh {policy}; echo $? >>{log}; }}'
    env = make_tool_environment(tmp_path, id="echo 0", grep="exit 0", apt_get=apt)
    done = run_script("servers", env={**env, "POLICY_RC_D": str(policy), "GALERA": str(tmp_path / "none")})
    assert done.returncode == 0, done.stdout
    assert "Missing system packages for the database servers of the tests: galera-4" in done.stdout
    arguments, verdict = log.read_text().splitlines()
    assert "galera-4" in arguments
    assert verdict == "101"
    assert policy.read_text() == "its own rule"


def test_the_temporary_policy_about_services_is_removed(tmp_path: Path) -> None:
    """On a machine without a rule about starting services, the script removes its own temporary rule at its end, even
    if the installation fails.
    """
    policy = tmp_path / "policy-rc.d"
    env = make_tool_environment(tmp_path, id="echo 0", grep="exit 0", apt_get="exit 9")
    done = run_script("servers", env={**env, "POLICY_RC_D": str(policy), "GALERA": str(tmp_path / "none")})
    assert done.returncode == 1
    assert not policy.exists()


def test_a_user_without_rights_gets_the_names_of_the_servers(tmp_path: Path) -> None:
    """Without the rights of root, the script prints the names of the missing servers and says that the tests that
    need a server are skipped.
    """
    env = make_tool_environment(tmp_path, id="echo 1000", apt_get="exit 9")
    done = run_script("servers", env={**env, "GALERA": str(tmp_path / "none")})
    assert done.returncode == 1
    assert "galera-4" in done.stdout
    assert "the tests that need a server are skipped" in done.stdout


@pytest.mark.parametrize("variable", ["DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"])
def test_a_display_or_a_qt_platform_permits_the_window(variable: str) -> None:
    """If DISPLAY, WAYLAND_DISPLAY or QT_QPA_PLATFORM is set, the script that checks for a display exits with status
    0.
    """
    env = {"PATH": os.environ["PATH"], variable: "x"}
    assert subprocess.run([str(SCRIPTS_FOLDER / "display.sh")], env=env, check=False).returncode == 0


def test_the_display_check_without_a_display_prints_other_ways() -> None:
    """Where there is neither a display nor a terminal, the script that checks for a display exits with status 1. It
    prints the alternatives: the terminal commands, VNC and a virtual screen.
    """
    env, nobody = {"PATH": os.environ["PATH"]}, subprocess.DEVNULL
    command = [str(SCRIPTS_FOLDER / "display.sh")]
    done = subprocess.run(command, env=env, stdin=nobody, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    for way_out in ("support-console doctor", "QT_QPA_PLATFORM=vnc make run", "xvfb-run"):
        assert way_out in done.stdout


def test_packages_of_several_groups_are_installed_at_once(tmp_path: Path) -> None:
    """With several groups, the script reads the lists of packages once and installs all missing packages together."""
    log = tmp_path / "seen"
    grep = 'case "$*" in *debian*) exit 0 ;; esac; exit 1'
    env = make_tool_environment(tmp_path, id="echo 0", grep=grep, ldconfig="true", apt_get=f'echo "$@" >>{log}')
    changed = {"GALERA": str(tmp_path / "none"), "POLICY_RC_D": str(tmp_path / "policy-rc.d")}
    done = run_script("window", "build", "servers", env={**env, **changed})
    assert done.returncode == 0, done.stdout
    assert "Missing system packages for the window, " in done.stdout
    update, install = log.read_text().splitlines()
    assert update == "update -qq"
    assert {"galera-4", "libxcb-cursor0"} <= set(install.split())


def test_several_groups_are_not_reported_where_they_cannot_be_installed(tmp_path: Path) -> None:
    """Without the rights of root, a call with several groups prints nothing and succeeds: the calls with one group,
    which follow, decide whether the work can continue.
    """
    env = make_tool_environment(tmp_path, ldconfig="true", id="echo 1000", apt_get="exit 9")
    done = run_script("window", "servers", env={**env, "GALERA": str(tmp_path / "none")})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
