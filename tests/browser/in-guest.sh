#!/bin/bash
# in-guest.sh COMMAND...: the guest's end of guest.mjs. It runs as root in the emulated machine.
#
#   make TOKEN          two pools with a small tree, and a daemon at work on them, on port 8888
#   write NAME MIB      so much more data in that dataset
#   diverge NAME        a snapshot in the copy that this side does not know
#   mend NAME           it goes away

set -eu -o pipefail
export LC_ALL=C

dir=/var/tmp/browser
src=bkb_src/data
dst=bkb_dst/copy

make_pools() {
    local pool
    mkdir -p $dir/mnt
    mkdir -m 700 $dir/run
    for pool in bkb_src bkb_dst; do
        truncate -s 1G $dir/$pool.img
        zpool create -f -o cachefile=none -O atime=off -O mountpoint=$dir/mnt/$pool $pool $dir/$pool.img
    done
}

make_tree() {
    zfs create $src
    zfs create $src/home
    zfs create $src/home/ann
    zfs create "$src/music and films"
    zfs create -V 64M $src/disk
    zfs snapshot -r "$src@weekly-1"
    zfs snapshot -r "$src@daily-1"
    sleep 1
    zfs snapshot -r "$src@hourly-1"
}

write_config() {
    cat >$dir/backupd.toml <<END
[local]
root = "$src"
[local.policy]
hourly = 8
daily = 4
weekly = 2

[remote]
root = "$dst"
ssh_host = "root@127.0.0.1"
ssh_options = ["-p", "2222"]
[remote.policy]
hourly = 12
daily = 8
weekly = 4

[sync]
interval = "1h"

[web]
token = "$1"

[history]
path = ""
END
}

case $1 in
make)
    make_pools
    make_tree
    write_config "$2"
    RUNTIME_DIRECTORY=$dir/run setsid /root/backupd -config $dir/backupd.toml -addr 0.0.0.0:8888 \
        </dev/null >$dir/log 2>&1 &
    ;;
write) head -c "$3M" /dev/urandom >"$dir/mnt/$src$2/data-$RANDOM" ;;
diverge) zfs snapshot "$dst$2@daily-foreign" ;;
mend) zfs destroy "$dst$2@daily-foreign" ;;
*) exit 2 ;;
esac
