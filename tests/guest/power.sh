#!/bin/bash
# power.sh 2.1|2.3 BINARY: cuts the power of a guest in the middle of a cycle, boots it from the same disk, and sees
# that two cycles later all is as if nothing had been. Prints TAP; ends with 1 if any test failed. However this ends,
# the guest ends with it.

set -u -o pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
vm=$here/vm.sh

[ $# = 2 ] || {
    echo "usage: power.sh 2.1|2.3 BINARY" >&2
    exit 2
}
version=$1
binary=$(realpath "$2")
guest=$(mktemp -d "${TMPDIR:-/tmp}/power.XXXXXX")
number=0
failed=0

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

boot() { attend "$vm" start "$guest" "$version" --cpus 1 --owner $$ --disk "$guest/disk.img" 2>>"$guest/boots"; }

in_guest() { attend timeout 300 "$vm" ssh "$guest" -n bash /root/tests/power-guest.sh "$@" >"$guest/said" 2>&1; }

# cut CASE SENTENCE: the guest runs before and after.
cut() {
    local verdict='not ok'
    number=$((number + 1))
    if ! in_guest until "$1"; then
        :
    elif ! { "$vm" kill "$guest" && boot; }; then
        cp "$guest/boots" "$guest/said"
    elif in_guest after "$1"; then
        verdict=ok
    fi
    echo "$verdict $number - $2"
    [ "$verdict" = ok ] || failed=1
    [ "$verdict" = ok ] || tail -n 30 "$guest/said" | sed 's/^/# /'
}

echo 1..5
if ! { boot && attend "$vm" ssh "$guest" -n mkdir -p /root/tests &&
    attend "$vm" put "$guest" "$here/power-guest.sh" /root/tests/ &&
    attend "$vm" put "$guest" "$binary" /root/tests/backupd; }; then
    sed 's/^/# /' "$guest/boots"
    echo "Bail out! the guest did not start"
    exit 1
fi
cut initial 'an initial transfer whose power is cut goes on from where it was and arrives'
cut increment 'an increment whose power is cut goes on from where it was and arrives'
cut deletions 'deletions that a power cut breaks off are finished and nothing that is kept is lost'
cut bookmark 'a power cut between a transfer and its bookmark costs neither the base nor another transfer'
cut old_bookmark 'a power cut between the new bookmark and the removal of the old one leaves exactly one'
exit $failed
