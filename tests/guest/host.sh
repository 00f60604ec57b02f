#!/bin/bash
# host.sh BINARY [SCENARIO...]: the scenarios on this machine's own ZFS, by default all of them. Prints TAP with one
# numbering; ends with 1 if any test failed. run.sh runs it inside a guest.
#
# It needs root. What it makes are two pools named bkdt_* on sparse files below /var/tmp, and perhaps an sshd on
# a free port of the loopback; it takes them away again, however it ends.

set -u -o pipefail
export LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$PATH

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# Of one scenario, in seconds: its tests have limits of their own, so only one that hangs outside of them gets there.
scenario_limit=1800

die() {
    echo "host.sh: $*" >&2
    exit 1
}

[ $# -ge 1 ] || {
    echo "usage: host.sh BINARY [SCENARIO...]" >&2
    exit 2
}
[ "$(id -u)" = 0 ] || die "this needs root: it makes pools"
command -v zpool >/dev/null || die "there is no zpool here: install ZFS, or use run.sh, which brings a machine with it"
[ -e /dev/zfs ] || die "there is no /dev/zfs: load the ZFS module, or use run.sh, which brings a machine with it"
BACKUPD=$(realpath "$1")
export BACKUPD
shift
scenarios=("$@")
[ $# -gt 0 ] || mapfile -t scenarios < <(cd "$here/scenarios" && printf '%s\n' *.sh | sed 's/\.sh$//')
for scenario in "${scenarios[@]}"; do
    [ -e "$here/scenarios/$scenario.sh" ] || die "there is no scenario $scenario"
done

work=$(mktemp -d "${TMPDIR:-/tmp}/scenarios.XXXXXX")
job=

# The scenario cleans up after itself, and is given the time.
clean_up() {
    trap '' INT TERM HUP
    [ -z "$job" ] || kill "$job" 2>/dev/null
    [ -z "$job" ] || wait "$job" 2>/dev/null
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Goes on numbering where the last scenario ended, and makes a failed test of one that broke off. In bash, because some
# awks read ahead, and then nobody could watch.
renumber() {
    local number plan=-1 before line
    before=$(cat "$work/count" 2>/dev/null || echo 0)
    number=$before
    while IFS= read -r line; do
        if [[ $line =~ ^1\.\.([0-9]+)$ ]]; then
            plan=${BASH_REMATCH[1]}
            continue
        fi
        if [[ $line =~ ^((not )?ok)\ [0-9]+\ (.*)$ ]]; then
            number=$((number + 1))
            line="${BASH_REMATCH[1]} $number ${BASH_REMATCH[3]}"
            [ -z "${BASH_REMATCH[2]}" ] || : >"$work/failed"
        fi
        printf '%s\n' "$line"
    done
    if [ $((number - before)) != "$plan" ]; then
        number=$((number + 1))
        echo "not ok $number - $1 runs to its end"
        : >"$work/failed"
    fi
    echo "$number" >"$work/count"
}

mkfifo "$work/pipe"
for scenario in "${scenarios[@]}"; do
    echo "# $scenario"
    renumber "$scenario" <"$work/pipe" &
    reader=$!
    # In the background, because bash takes no signal while a child runs before it.
    timeout -k 60 $scenario_limit bash "$here/scenarios/$scenario.sh" >"$work/pipe" 2>&1 </dev/null &
    job=$!
    wait "$job"
    job=
    wait "$reader"
done
echo "1..$(cat "$work/count")"
[ ! -e "$work/failed" ]
