#!/bin/bash
# run-daemon.sh DIR [BACKUPD ARGUMENT...]: a simulated tree in DIR, a configuration for it, and backupd at work there,
# in the foreground. Its log is on standard error. In another shell, PATH=DIR/bin:$PATH gives the simulated zfs and
# ssh, and `sim` that writes, sets the clock and makes things fail.
#
#   DATASETS=20 SNAPSHOTS=30 SHARED=5    how large the tree is, and how many snapshots the remote has already
#   BYTES=1000000 RATE=2000000           of each snapshot; bytes a second of every transfer (0: as fast as it goes)
#   REMOTE=ssh                           or local: the remote root is a pool of this machine
#   BACKUPD=build/backupd                which one
#
# What DIR holds already stays as it is: a second start goes on where the first was ended.

set -eu -o pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 1 ] || {
    sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&2
    exit 2
}
mkdir -p "$1"
dir=$(cd "$1" && pwd)
shift
backupd=$(realpath "${BACKUPD:-$here/../../build/backupd}")
rate=${RATE:-2000000}
host=root@nas
copy_on=remote
if [ "${REMOTE:-ssh}" = local ]; then
    host=
    copy_on=local
fi

"$here/sim.sh" make "$dir"
export PATH=$dir/bin:$PATH
export RUNTIME_DIRECTORY=$dir/run
[ -d "$RUNTIME_DIRECTORY" ] || mkdir -m 700 "$RUNTIME_DIRECTORY"

if ! sim on local zfs list tank/data >/dev/null 2>&1; then
    sim make-tree -l tank/data -r vault/copy -k "${SHARED:-5}" -b "${BYTES:-1000000}" \
        "${DATASETS:-20}" "${SNAPSHOTS:-30}"
    if [ $copy_on = local ]; then
        mv "$dir/state/remote/vault" "$dir/state/local/vault"
    fi
    [ "$rate" = 0 ] || sim fault "match 'zfs send*' rate $rate"
fi
[ -e "$dir/backupd.toml" ] || cat >"$dir/backupd.toml" <<END
[local]
root = "tank/data"
[local.policy]
hourly = 24
[remote]
root = "vault/copy"
ssh_host = "$host"
[remote.policy]
hourly = 48
[sync]
interval = "1m"
[history]
path = "$dir/history.sqlite"
END
exec "$backupd" -config "$dir/backupd.toml" "$@"
