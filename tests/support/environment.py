"""The environment of every test process, without the settings, keyring and display of the person who runs the
tests.
"""

import os
import signal
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

# Of all CONSOLE_… variables the suite itself reads only those about real servers and systems to test against.
ALLOWED_VARIABLES = {
    *("CONSOLE_TEST_MYSQL_URL", "CONSOLE_TEST_REQUIRE_SERVERS"),
    *("CONSOLE_TEST_APPLICATION", "CONSOLE_TEST_BARE_DEBIAN"),
}

DROPPED_VARIABLES = {
    *("DBUS_SESSION_BUS_ADDRESS", "QT_SCALE_FACTOR", "QT_STYLE_OVERRIDE"),
    *("LC_ALL", "LC_MESSAGES", "LANGUAGE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"),
}


def isolate_environment(environ: MutableMapping[str, str] = os.environ) -> tempfile.TemporaryDirectory[str]:
    """Remove from `environ` all settings of the person who runs the tests, and set an empty home folder, which exists
    as long as the returned object. Also let this process react to Ctrl+C again, because a shell makes background
    processes ignore it.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    dropped = (
        DROPPED_VARIABLES if "QT_QPA_PLATFORM" in environ else DROPPED_VARIABLES | {"DISPLAY", "WAYLAND_DISPLAY"}
    )
    for name in list(environ):
        if name in dropped or (name.startswith("CONSOLE_") and name not in ALLOWED_VARIABLES):
            del environ[name]
    home = tempfile.TemporaryDirectory(prefix="console-tests-")
    for name in ("config", "data", "state", "cache", "runtime"):
        folder = Path(home.name, name)
        folder.mkdir(mode=0o700)
        variable = "XDG_RUNTIME_DIR" if name == "runtime" else f"XDG_{name.upper()}_HOME"
        environ[variable] = str(folder)
    environ.update(
        HOME=home.name,
        LANG="C.UTF-8",
        TZ="UTC",
        PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring",
    )
    environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    return home
