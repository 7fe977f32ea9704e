#!/usr/bin/env bash
# Exit status 0 when a window can be shown here; otherwise 1, after saying what works instead.
set -euo pipefail

[ "$(uname -s)" = Linux ] || exit 0
[ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}${QT_QPA_PLATFORM:-}" ] || exit 0

cat <<'END'
There is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set), so no window was opened.
Everything is installed; nothing was started, nothing was written. What works from here:

  in this terminal     .venv/bin/support-console doctor
                       .venv/bin/support-console lookup 1180301018771
                       .venv/bin/support-console --help
  over VNC             QT_QPA_PLATFORM=vnc make run     (then point a VNC viewer at this machine, port 5900)
  on a virtual screen  xvfb-run -a make run             (package xvfb)
END
exit 1
