#!/usr/bin/env bash
# Names the system packages that are missing; installs them where this is root on Debian or Ubuntu.
#
#   scripts/system_packages.sh python   what the environment of Python needs
#   scripts/system_packages.sh window   what PySide6's window needs (found by ldd over its libraries and plugins)
#   scripts/system_packages.sh build    what PyInstaller needs to build the application
#   scripts/system_packages.sh servers  the database servers that the tests start for themselves; none starts by itself
#
# With several groups their packages are installed in one run of apt-get, which reads the lists of packages once. Where
# the script may not install, it then says nothing: a call with one group names what is missing there.
#
# SYSTEM_PACKAGES=skip goes on without looking: the terminal commands need none of them.
# Exit status: 0 nothing is missing (any more), 1 something is, and the message says what to do.
set -euo pipefail

groups=("${@:-window}")
python=${PYTHON:-python3}

[ "${SYSTEM_PACKAGES:-}" = skip ] && exit 0
[ "$(uname -s)" = Linux ] || exit 0   # the wheels for Windows and macOS bring everything

# library, and the Debian package that has it (newer releases keep the old names as provided names)
window_libraries='
libEGL.so.1               libegl1
libGL.so.1                libgl1
libX11.so.6               libx11-6
libX11-xcb.so.1           libx11-xcb1
libbrotlicommon.so.1      libbrotli1
libbrotlidec.so.1         libbrotli1
libdbus-1.so.3            libdbus-1-3
libfontconfig.so.1        libfontconfig1
libfreetype.so.6          libfreetype6
libglib-2.0.so.0          libglib2.0-0
libgthread-2.0.so.0       libglib2.0-0
libgssapi_krb5.so.2       libgssapi-krb5-2
libwayland-client.so.0    libwayland-client0
libwayland-cursor.so.0    libwayland-cursor0
libwayland-egl.so.1       libwayland-egl1
libxcb-cursor.so.0        libxcb-cursor0
libxcb-glx.so.0           libxcb-glx0
libxcb-icccm.so.4         libxcb-icccm4
libxcb-image.so.0         libxcb-image0
libxcb-keysyms.so.1       libxcb-keysyms1
libxcb-randr.so.0         libxcb-randr0
libxcb-render-util.so.0   libxcb-render-util0
libxcb-render.so.0        libxcb-render0
libxcb-shape.so.0         libxcb-shape0
libxcb-shm.so.0           libxcb-shm0
libxcb-sync.so.1          libxcb-sync1
libxcb-util.so.1          libxcb-util1
libxcb-xfixes.so.0        libxcb-xfixes0
libxcb-xkb.so.1           libxcb-xkb1
libxcb.so.1               libxcb1
libxkbcommon-x11.so.0     libxkbcommon-x11-0
libxkbcommon.so.0         libxkbcommon0
libzstd.so.1              libzstd1
'

known_libraries() { PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null | awk '{print $1}'; }

missing_for_window() {
  local known library package
  known=$(known_libraries)
  while read -r library package; do
    [ -z "$library" ] || grep -qxF -- "$library" <<<"$known" || echo "$package"
  done <<<"$window_libraries"
}

missing_for_python() { "$python" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv; }

# PyInstaller reads libraries with objdump and ships the interpreter's own shared library.
missing_for_build() {
  command -v objdump >/dev/null || echo binutils
  local version library folder
  read -r version library folder < <("$python" -c 'import sys, sysconfig
v = sysconfig.get_config_vars()
print(f"{sys.version_info[0]}.{sys.version_info[1]}", v["INSTSONAME"], v["LIBDIR"])')
  case $library in
    *.so*) [ -e "$folder/$library" ] || known_libraries | grep -qxF -- "$library" || echo "libpython$version" ;;
    *) known_libraries | grep -q "^libpython$version\.so" || echo "libpython$version" ;;
  esac
}

# MariaDB, Galera's library, and what its nodes copy data with; a screen and a bus for what a screen reader hears; what
# evaluates the alert rules and the queries of the dashboard.
missing_for_servers() {
  local program package
  while read -r program package; do
    PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin command -v "$program" >/dev/null || echo "$package"
  done <<<'mariadbd           mariadb-server
mariadb-install-db mariadb-server
redis-server       redis-server
rsync              rsync
lsof               lsof
ss                 iproute2
Xvfb               xvfb
dbus-daemon        dbus-daemon
promtool           prometheus'
  [ -e /usr/libexec/at-spi-bus-launcher ] || [ -e /usr/lib/at-spi2-core/at-spi-bus-launcher ] || echo at-spi2-core
  [ -e "${GALERA:-/usr/lib/galera/libgalera_smm.so}" ] || echo galera-4
}

# Debian starts a server as soon as it is installed, unless this file says no. What was there comes back.
policy=${POLICY_RC_D:-/usr/sbin/policy-rc.d}

services_stay_off() {
  trap services_as_before EXIT
  [ ! -e "$policy" ] || mv "$policy" "$policy.before"
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
}

services_as_before() {
  rm -f "$policy"
  [ ! -e "$policy.before" ] || mv "$policy.before" "$policy"
}

missing=
purposes=
without="the terminal commands work, the window may not"
for group in "${groups[@]}"; do
  case $group in
    python) purpose="Python's environment"; added=$(missing_for_python) ;;
    window) purpose="the window"; added=$(missing_for_window) ;;
    build) purpose="building the application"; added=$(missing_for_build) ;;
    servers)
      purpose="the database servers of the tests"; added=$(missing_for_servers)
      without="the tests that need a server are skipped; where CI=true they fail" ;;
    *) echo "usage: $0 python|window|build|servers …" >&2; exit 1 ;;
  esac
  [ -n "$added" ] || continue
  purposes="${purposes:+$purposes, }$purpose"
  missing+="$added"$'\n'
done
missing=$(sort -u <<<"$missing" | xargs)
[ -n "$missing" ] || exit 0

debian=no
grep -qE '^ID(_LIKE)?=.*(debian|ubuntu)' /etc/os-release 2>/dev/null && command -v apt-get >/dev/null && debian=yes
may_install=no
[ $debian = yes ] && [ "$(id -u)" = 0 ] && may_install=yes
[ $may_install = yes ] || [ ${#groups[@]} = 1 ] || exit 0

echo "Missing system packages for $purposes: $missing"
if [ $may_install = yes ]; then
  echo "Installing them with apt-get (this is root on Debian or Ubuntu) …"
  export DEBIAN_FRONTEND=noninteractive
  services_stay_off
  # shellcheck disable=SC2086  # a list of names
  if log=$( (apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing) 2>&1); then
    echo "Installed."
    exit 0
  fi
  echo "$log"
  echo "apt-get could not install them; its words are above."
  exit 1
fi

if [ $debian = yes ]; then
  echo "Please install them, then repeat:"
  echo "    sudo apt-get install -y --no-install-recommends $missing"
else
  echo "These are Debian's names; please install what your system calls them, then repeat."
fi
echo "To go on without them ($without): SYSTEM_PACKAGES=skip make …"
exit 1
