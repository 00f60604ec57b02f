#!/bin/bash
# run.sh VERSION BINARY [SCENARIO...]: the scenarios on the real OpenZFS 2.1 or 2.3, in a guest; by default all of
# them. Prints TAP with one numbering; ends with 1 if any test failed. The logs of a failure are fetched to
# build/guest-VERSION/. However this ends, the guest ends with it.

set -u -o pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
vm=$here/vm.sh

die() {
    echo "run.sh: $*" >&2
    exit 1
}

[ $# -ge 2 ] || {
    echo "usage: run.sh 2.1|2.3 BINARY [SCENARIO...]" >&2
    exit 2
}
version=$1
binary=$(realpath "$2")
shift 2
kept=$here/../../build/guest-$version
guest=$(mktemp -d "${TMPDIR:-/tmp}/guest.XXXXXX")
output=$guest/output.tap
longest=3000 # seconds for all of the scenarios

# With the guest ends whatever waits for it.
clean_up() {
    trap '' INT TERM HUP
    "$vm" kill "$guest" 2>/dev/null
    rm -rf "$guest"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# A child is waited for, because bash takes no signal while one runs before it.
attend() {
    "$@" </dev/null &
    wait $!
}

run_scenarios() {
    timeout $longest "$vm" ssh "$guest" -n BACKUPD_TEST_LOGS=/root/tests/logs bash /root/tests/host.sh /root/tests/backupd "$*" 2>&1 |
        tee "$output"
}

fetch_logs() {
    rm -rf "$kept"
    mkdir -p "$kept"
    timeout 60 "$vm" ssh "$guest" -n 'dmesg >/root/tests/logs/dmesg' >/dev/null 2>&1
    timeout 60 "$vm" get "$guest" /root/tests/logs "$kept/" >/dev/null 2>&1
    cp "$guest/serial.log" "$output" "$kept/"
    echo "# logs: $(realpath "$kept")"
}

attend "$vm" start "$guest" "$version" --cpus 1 --owner $$ || die "the guest did not start"
attend "$vm" ssh "$guest" -n mkdir -p /root/tests/logs || die "cannot reach the guest"
attend "$vm" put "$guest" "$here/host.sh" "$here/lib.sh" "$here/scenarios" "$here/../unit/data/config" /root/tests/ ||
    die "cannot copy the scenarios in"
attend "$vm" put "$guest" "$binary" /root/tests/backupd || die "cannot copy $binary in"
status=0
attend run_scenarios "$@" || status=$?
if ! grep -q '^1\.\.' "$output"; then
    echo "not ok $(($(grep -cE '^(not )?ok ' "$output") + 1)) - the guest lives to the end of the scenarios, within $longest s"
fi
if [ $status != 0 ]; then
    fetch_logs
    exit 1
fi
