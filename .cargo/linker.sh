#!/bin/sh
# Links with the system's C compiler. A bare Debian or Ubuntu gets one first: without it not even xtask can be built.
if ! command -v cc >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1; then
    echo "no C compiler to link with: installing build-essential" >&2
    admin=""
    [ "$(id -u)" = 0 ] || admin="sudo -n"
    # One at a time: cargo links several programs at once.
    $admin flock /tmp/doppel-install-cc sh -c 'command -v cc || {
        apt-get update -q
        DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends build-essential
    }' >&2
fi
if ! command -v cc >/dev/null 2>&1; then
    echo "no C compiler to link with; install one: apt-get install build-essential, dnf install gcc, pacman -S base-devel" >&2
    exit 1
fi
exec cc "$@"
