#!/usr/bin/env bash
# Before `make run`: says so when no window can be shown here, and what works instead.
# Exit status 0: go on, in a window or, where somebody sits at a terminal, at the demo's prompt. 1: nobody is there.
set -euo pipefail

[ "$(uname -s)" = Linux ] || exit 0
[ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}${QT_QPA_PLATFORM:-}" ] || exit 0

echo "There is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set), so no window opens. What works:"
cat <<'END'

  in a terminal        make run    (the demo with a prompt for its commands; it needs somebody to type)
                       .venv/bin/support-console doctor
                       .venv/bin/support-console --help
  over VNC             QT_QPA_PLATFORM=vnc make run    (then point a VNC viewer at this machine, port 5900)
  on a virtual screen  xvfb-run -a make run            (package xvfb)

END
if [ -t 0 ]; then
  echo "Somebody sits at this terminal: the demo starts here."
else
  echo "Nobody sits at a terminal either, so nothing was started. The environment is complete."
  exit 1
fi
