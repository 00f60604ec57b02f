#!/bin/bash
# run.sh sim|guest [--judge] [BINARY [SUBJECT...]]: the dashboard in a real browser, Debian's Chromium, against a
# running daemon: on the simulation, or on OpenZFS 2.3 in a guest. Prints TAP; ends with 1 if a test failed. Pictures
# of every page go to build/screenshots/.
#
#   BINARY     build/backupd
#   SUBJECT    only these: see the map in README.md
#   --judge    figures that depend on how fast this machine is decide, too
#
#   run.sh --packages    the Debian packages that are needed
#
# However this ends, daemons, browsers and guests end with it.

set -u -o pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${BACKUPD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/backupd}
scratch=
tests=
longest=1500 # seconds for all of the pages; fetching what they need has less

die() {
    echo "run.sh: $*" >&2
    exit 1
}

# Whoever has node and npm from elsewhere keeps them.
packages() {
    printf 'chromium\nfonts-dejavu-core\n'
    command -v node >/dev/null || echo nodejs
    command -v npm >/dev/null || echo npm
}

# Playwright and axe, in the versions of package.json, outside the tree.
fetch_modules() {
    modules=$cache/browser-$(sha256sum "$here/package.json" | cut -c 1-16)
    [ ! -e "$modules/complete" ] || return 0
    mkdir -p "$modules" && cp "$here/package.json" "$modules/" || return 1
    timeout 300 npm install --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error \
        --prefix "$modules" >"$modules/npm.log" 2>&1 || {
        tail -n 20 "$modules/npm.log" >&2
        return 1
    }
    touch "$modules/complete"
}

# In the background and waited for, because bash takes no signal while a child runs before it.
attend() {
    "$@" </dev/null &
    wait $!
}

clean_up() {
    trap '' INT TERM HUP
    if [ -n "$tests" ]; then
        kill "$tests" 2>/dev/null
        wait "$tests"
    fi
    [ -z "$scratch" ] || [ ! -e "$scratch/guest" ] || "$here/../guest/vm.sh" kill "$scratch/guest" 2>/dev/null
    [ -z "$scratch" ] || rm -rf "$scratch"
}

[ "${1-}" != --packages ] || {
    packages
    exit 0
}
case ${1-} in
sim | guest) mode=$1 ;;
*)
    sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
shift
judge=
[ "${1-}" != --judge ] || {
    judge=1
    shift
}
binary=$(realpath "${1:-$root/build/backupd}")
[ -x "$binary" ] || die "cannot run $binary"
[ $# = 0 ] || shift
for program in node npm chromium; do
    command -v $program >/dev/null || die "there is no $program; the packages are: $(packages | paste -sd' ')"
done
fetch_modules || die 'could not install what package.json names'

# A guest that runs the daemon, and a port here that leads to its web side.
start_guest() {
    export BROWSER_GUEST=$scratch/guest
    attend "$here/../guest/vm.sh" start "$BROWSER_GUEST" 2.3 --owner $$ --forward 8888 >"$scratch/port" ||
        return 1
    BROWSER_PORT=$(cat "$scratch/port")
    export BROWSER_PORT
    attend "$here/../guest/vm.sh" put "$BROWSER_GUEST" "$binary" /root/backupd &&
        attend "$here/../guest/vm.sh" put "$BROWSER_GUEST" "$here/in-guest.sh" /root/
}

trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
scratch=$(mktemp -d "${TMPDIR:-/tmp}/browser.XXXXXX") || exit 1
# The web role is nobody, and has its folder in there.
chmod 711 "$scratch"
pictures=$root/build/screenshots
mkdir -p "$pictures"
cd "$here" || exit 1
export BROWSER_MODULES=$modules BROWSER_SCRATCH=$scratch BROWSER_PICTURES=$pictures BROWSER_JUDGE=$judge
[ "$mode" = sim ] || start_guest || die "the guest did not start"
timeout -k 20 $longest node "$mode.mjs" "$binary" "$@" </dev/null &
tests=$!
status=0
wait $tests || status=$?
tests=
[ $status != 124 ] || echo "not ok 999 - the pages are looked at within $longest s"
exit $status
