#!/bin/bash
# live.sh [BACKUPD]: the real daemon on a simulated zfs, held against docs/openapi.yaml over its address and its Unix
# socket, and what it tells a service manager. Prints TAP. SIM is the built tests/sim/sim.
set -u -o pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
backupd=$(realpath "${1:-$here/../../build/backupd}")
# A path as short as may be: sockets lie below it.
dir=$(mktemp -d /tmp/api.XXXXXX)
daemon=
listener=

clean_up() {
    trap '' INT TERM HUP
    [ -z "$daemon" ] || kill "$daemon" 2>/dev/null
    [ -z "$listener" ] || kill "$listener" 2>/dev/null
    wait
    rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

die() {
    echo "not ok 1 - $*"
    [ ! -e "$dir/log" ] || sed 's/^/# /' "$dir/log"
    exit 1
}

# What comes for the service manager, a line a message.
listen() {
    python3 -u -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True:
    print(s.recv(65536).decode())
' "$dir/notify" >"$dir/messages" &
    listener=$!
}

# Until the command succeeds, for half a minute.
wait_for() {
    local tries
    for tries in {1..300}; do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.1
    done
    : "$tries"
    return 1
}

# tells SENTENCE TEXT: a test.
number=0
tells() {
    number=$((number + 1))
    if wait_for grep -q "$2" "$dir/messages"; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        sed 's/^/# /' "$dir/messages"
        failed=yes
    fi
}

failed=
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
listen
wait_for test -S "$dir/notify" || die "the listener did not start"
DATASETS=4 SNAPSHOTS=6 SHARED=3 BYTES=200000 RATE=0 BACKUPD=$backupd NOTIFY_SOCKET=$dir/notify WATCHDOG_USEC=1000000 \
    "$here/../sim/run-daemon.sh" "$dir" -addr "127.0.0.1:$port" >"$dir/log" 2>&1 </dev/null &
daemon=$!
wait_for grep -q 'cycle 1: 4 datasets, 0 failed' "$dir/log" || die "the first cycle does not end"
python3 "$here/check.py" --url "http://127.0.0.1:$port" || failed=yes
python3 "$here/check.py" --unix "$(echo "$dir"/run/*.sock)" || failed=yes
tells 'the service manager hears that the daemon is ready' '^READY=1'
tells 'it hears that the daemon lives' '^WATCHDOG=1'
tells 'it hears how the data stands' '^STATUS=All 4 datasets are safe'
number=$((number + 1))
kill -HUP "$daemon"
if wait_for grep -q 'the new configuration is in use' "$dir/log" &&
    wait_for curl -fsS -o /dev/null "http://127.0.0.1:$port/api/v1/state" && ! grep -q 'cannot listen' "$dir/log"; then
    echo "ok $number - after a reload the page is there at once"
else
    echo "not ok $number - after a reload the page is there at once"
    sed 's/^/# /' "$dir/log"
    failed=yes
fi
kill "$daemon"
tells 'it hears that the daemon stops' '^STOPPING=1'
[ -z "$failed" ]
