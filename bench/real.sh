#!/bin/bash
# real.sh 2.1|2.3 BINARY [OPTION...]: cycles and transfers on the real OpenZFS in a guest, beside syncoid and the bare pipe
# of the same run; what is measured, and the options, stand in real/in_guest.py. Exit status 1: a bar was missed.
# However this ends, the guest ends with it.

set -u -o pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
vm=$here/../tests/guest/vm.sh

die() {
    echo "real.sh: $*" >&2
    exit 1
}

[ $# -ge 2 ] || {
    echo "usage: real.sh 2.1|2.3 BINARY [OPTION...]" >&2
    exit 2
}
version=$1
binary=$(realpath "$2")
shift 2
guest=$(mktemp -d "${TMPDIR:-/tmp}/real.XXXXXX")

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

# The guest reaches no mirror: what it lacks of syncoid is fetched here, by its own list of what it has.
fetch_syncoid() {
    mkdir -p "$guest/packages/partial"
    "$vm" get "$guest" /var/lib/dpkg/status "$guest" || return 1
    if ! apt-get -qq -y --no-install-recommends --download-only -o Debug::NoLocking=1 \
        -o Dir::State::status="$guest/status" -o Dir::Cache::archives="$guest/packages/" \
        -o APT::Sandbox::User=root install sanoid mbuffer lzop >"$guest/apt.log" 2>&1; then
        tail -n 5 "$guest/apt.log" >&2
        return 1
    fi
    rm -rf "$guest/packages/partial" "$guest/packages/lock"
}

attend "$vm" start "$guest" "$version" --owner $$ || die "the guest did not start"
fetch_syncoid || die "could not fetch syncoid"
attend "$vm" put "$guest" "$guest/packages" "$here/real/in_guest.py" /root/ || die "cannot copy into the guest"
attend "$vm" put "$guest" "$binary" /usr/local/sbin/backupd || die "cannot copy $binary in"
attend "$vm" ssh "$guest" -n 'dpkg -i /root/packages/*.deb >/root/dpkg.log 2>&1 || { tail -n 5 /root/dpkg.log; exit 1; }
    test-sshd start && echo "KexAlgorithms curve25519-sha256" >>/root/.ssh/config' ||
    die "the guest could not be prepared"
echo "OpenZFS $version in an emulated machine of two processors"
attend "$vm" ssh "$guest" -n python3 /root/in_guest.py "$@"
