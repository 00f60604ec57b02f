#!/bin/bash
# run.sh VERSION BINARY [SCENARIO...]: the scenarios on the real OpenZFS 2.1 or 2.3, in a guest; by default all of
# them. Prints TAP with one numbering; ends with 1 if any test failed. The logs of a failure are fetched to
# build/guest-VERSION/. However this ends, the guest ends with it.

set -u -o pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
vm=$here/vm.sh
# Of one scenario, in seconds: the tests have limits of their own, so only a guest that hangs gets there.
scenario_limit=900

[ $# -ge 2 ] || {
    echo "usage: run.sh 2.1|2.3 BINARY [SCENARIO...]" >&2
    exit 2
}
version=$1
binary=$(realpath "$2")
shift 2
scenarios=("$@")
[ $# -gt 0 ] || mapfile -t scenarios < <(cd "$here/scenarios" && printf '%s\n' *.sh | sed 's/\.sh$//')
kept=$here/../../build/guest-$version

guest=
job=

clean_up() {
    trap '' INT TERM HUP
    [ -z "$job" ] || kill "$job" 2>/dev/null
    [ -z "$guest" ] || "$vm" kill "$guest" 2>/dev/null
    [ -z "$guest" ] || rm -rf "$guest"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# A child is waited for, because bash takes no signal while one runs before it.
attend() {
    local status=0
    "$@" &
    job=$!
    wait "$job" || status=$?
    job=
    return $status
}

die() {
    echo "run.sh: $*" >&2
    exit 1
}

# Goes on numbering where the last scenario ended, and makes a failed test of one that broke off.
renumber() {
    awk -v name="$1" -v count="$guest/count" '
        BEGIN { getline number < count; close(count); plan = -1; number += 0; here = 0 }
        /^1\.\.[0-9]+$/ { plan = substr($0, 4) + 0; next }
        /^(not )?ok [0-9]+ / { here++; number++; sub(/ok [0-9]+ /, "ok " number " ") }
        { print; fflush() }
        END {
            if (here != plan) print "not ok " ++number " - " name " runs to its end"
            print number > count
        }'
}

run_scenario() {
    echo "# $1"
    timeout -k 5 $scenario_limit "$vm" ssh "$guest" -n \
        "BACKUPD=/root/tests/backupd BACKUPD_TEST_LOGS=/root/tests/logs bash /root/tests/scenarios/$1.sh" 2>&1 |
        renumber "$1"
}

fetch_logs() {
    rm -rf "$kept"
    mkdir -p "$kept"
    timeout 60 "$vm" ssh "$guest" -n 'dmesg >/root/tests/logs/dmesg' >/dev/null 2>&1
    timeout 60 "$vm" get "$guest" /root/tests/logs "$kept/" >/dev/null 2>&1
    cp "$guest/serial.log" "$kept/"
    cp "$output" "$kept/output.tap"
    echo "# logs: $(realpath "$kept")"
}

for scenario in "${scenarios[@]}"; do
    [ -e "$here/scenarios/$scenario.sh" ] || die "there is no scenario $scenario"
done
guest=$(mktemp -d "${TMPDIR:-/tmp}/guest.XXXXXX")
echo 0 >"$guest/count"
output=$guest/output.tap
attend "$vm" start "$guest" "$version" --owner $$ || die "the guest did not start"
attend "$vm" ssh "$guest" -n mkdir -p /root/tests/logs || die "cannot reach the guest"
attend "$vm" put "$guest" "$here/lib.sh" "$here/scenarios" "$here/../unit/data/config" /root/tests/ ||
    die "cannot copy the scenarios in"
attend "$vm" put "$guest" "$binary" /root/tests/backupd || die "cannot copy $binary in"
for scenario in "${scenarios[@]}"; do
    attend run_scenario "$scenario" > >(tee -a "$output")
done
# tee runs beside us, and may have a last line to write.
sleep 0.2
echo "1..$(cat "$guest/count")" | tee -a "$output"
if grep -q '^not ok ' "$output"; then
    fetch_logs
    exit 1
fi
