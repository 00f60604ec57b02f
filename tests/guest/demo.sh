#!/bin/bash
# demo.sh BINARY [PORT]: backupd at work on real ZFS, to watch. On a machine with ZFS it makes two pools on scratch files;
# elsewhere it boots an emulated one. Ctrl-C, SIGTERM or a closed terminal ends it, and nothing is left behind.

set -u -o pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=
tank=bkdemo_tank
copy=bkdemo_copy
daemon=
writer=
pools=()

die() {
    echo "demo: $*" >&2
    exit 1
}

# In the background and waited for, because bash takes no signal while a child runs before it.
attend() {
    "$@" </dev/null &
    wait $!
}

# 8888, or the next port on which nobody answers.
free_port() {
    local port=8888
    while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
    echo $port
}

# --- an emulated machine ---

leave_guest() {
    trap '' INT TERM HUP
    exec >/dev/null 2>&1
    "$here/vm.sh" kill "$scratch"
    rm -rf "$scratch"
}

demo_in_guest() {
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/demo.XXXXXX")
    trap leave_guest EXIT
    echo "There is no ZFS here, so a small machine with OpenZFS 2.3 is emulated: half a minute to boot it, and some"
    echo "minutes to make its disk the first time."
    attend "$here/vm.sh" start "$scratch" 2.3 --owner $$ || die "the machine did not start"
    attend "$here/vm.sh" put "$scratch" "$1" /root/backupd || die "cannot copy $1 into it"
    attend "$here/vm.sh" put "$scratch" "${BASH_SOURCE[0]}" /root/demo.sh || die "cannot copy the demo into it"
    page=$(free_port)
    attend "$here/vm.sh" forward "$scratch" "$page" 8888 || die "cannot reach the machine's port"
    attend "$here/vm.sh" ssh "$scratch" -n bash /root/demo.sh /root/backupd "$page"
}

# --- this machine ---

leave() {
    local pool tries
    trap '' INT TERM HUP
    # The terminal may be gone.
    exec >/dev/null 2>&1
    [ -z "$writer" ] || kill "$writer"
    [ -z "$daemon" ] || kill "$daemon"
    wait
    for pool in ${pools[@]+"${pools[@]}"}; do
        for tries in {1..40}; do
            zpool destroy -f "$pool" && break
            sleep 0.5
        done
        : "$tries"
    done
    rm -rf --one-file-system "$scratch"
}

make_pools() {
    local pool
    for pool in $tank $copy; do
        ! zpool list -H "$pool" >/dev/null 2>&1 ||
            die "a pool $pool is here already; if it is left from a demo: zpool destroy $pool"
    done
    for pool in $tank $copy; do
        truncate -s 2G "$scratch/$pool.img"
        zpool create -f -o cachefile=none -O atime=off -O "mountpoint=$scratch/mnt/$pool" "$pool" \
            "$scratch/$pool.img" || die "cannot make the pool $pool"
        pools+=("$pool")
    done
}

make_tree() {
    head -c 32 /dev/urandom >"$scratch/key"
    if ! {
        zfs create $tank/data &&
            zfs create $tank/data/home &&
            zfs create $tank/data/home/ann &&
            zfs create "$tank/data/music and films" &&
            zfs create -V 64M $tank/data/disk &&
            zfs create -o encryption=on -o keyformat=raw -o "keylocation=file://$scratch/key" $tank/data/secret
    }; then
        die "cannot make the datasets"
    fi
    write_files
    take_snapshot daily
    take_snapshot hourly
}

write_config() {
    local host='' options='[]'
    if command -v test-sshd >/dev/null; then
        host=root@127.0.0.1
        options='["-p", "2222"]'
    fi
    cat >"$scratch/backupd.toml" <<END
[local]
root = "$tank/data"
[local.policy]
hourly = 4
daily = 2

[remote]
root = "$copy/data"
ssh_host = "$host"
ssh_options = $options
[remote.policy]
hourly = 2
daily = 6

[sync]
interval = "20s"

[history]
path = "$scratch/history.sqlite"
END
}

# --- what happens to the data ---

# The same few files again and again, so that the demo can run for a day.
write_files() {
    local name device
    for name in "" /home /home/ann "/music and films" /secret; do
        head -c $((RANDOM * 16)) /dev/urandom >"$scratch/mnt/$tank/data$name/file-$((RANDOM % 8))"
    done
    device=/dev/zvol/$tank/data/disk
    [ -e "$device" ] || ! command -v test-sshd >/dev/null || device=/dev/zd0 # there is no udev in our own machine
    [ ! -b "$device" ] || dd if=/dev/urandom of="$device" bs=64K count=4 seek=$((RANDOM % 64)) conv=fsync status=none
}

take_snapshot() {
    local name
    name=$1-$(date -u +%Y-%m-%dT%H:%M:%SZ)
    zfs snapshot -r "$tank/data@$name" && echo "         demo: new snapshot $name of every dataset"
}

count_snapshots() {
    zfs list -H -d 1 -t snapshot -o name "$1" 2>/dev/null | grep -c "@$2-"
}

live() {
    local round nap
    trap 'kill "$nap" 2>/dev/null; exit' TERM
    for ((round = 1; ; round++)); do
        sleep 4 &
        nap=$!
        wait "$nap"
        write_files
        case $((round % 8)) in
        0) take_snapshot daily ;;
        2 | 4 | 6) take_snapshot hourly ;;
        1)
            echo "         demo: /home/ann has $(count_snapshots $tank/data/home/ann hourly) hourly and" \
                "$(count_snapshots $tank/data/home/ann daily) daily snapshots here," \
                "$(count_snapshots $copy/data/home/ann hourly) and" \
                "$(count_snapshots $copy/data/home/ann daily) in the copy"
            ;;
        esac
    done
}

explain() {
    cat <<END

backupd runs below and keeps a copy of $tank/data in $copy/data, two pools that this demo made on files.
In $tank/data are filesystems, a volume (/disk) and an encrypted dataset (/secret), whose key the copy never sees.
Files are written and snapshots named hourly-... and daily-... are taken all the time, as a cron job would.

    The dashboard: http://127.0.0.1:$page/

$(sed '/^\[history\]/,$d; s/^./    &/' "$scratch/backupd.toml")

Every 20 seconds, or when the one before is over, a cycle: it looks at both sides, plans, destroys what no policy keeps, and
sends what the copy lacks. In an emulated machine one takes longer than that.
The lines with a time are backupd's log; those that begin with "demo" say what was done to the data meanwhile.
The page shows all of it, and has buttons to take a snapshot and to start a cycle. Ctrl-C ends it all and removes the pools.

END
}

demo_here() {
    local binary=$1
    scratch=$(mktemp -d /var/tmp/bkdemo.XXXXXX)
    trap leave EXIT
    local port=8888
    [ -n "$page" ] || port=$(free_port)
    page=${page:-$port}
    make_pools
    make_tree
    write_config
    explain
    live &
    writer=$!
    # Its lock and socket belong to the demo, not to a daemon that this machine may have.
    mkdir -m 700 "$scratch/run"
    RUNTIME_DIRECTORY=$scratch/run "$binary" -config "$scratch/backupd.toml" -addr "127.0.0.1:$port" </dev/null &
    daemon=$!
    wait "$daemon"
    daemon=
    die "backupd ended"
}

[ $# = 1 ] || [ $# = 2 ] || {
    echo "usage: demo.sh BINARY [PORT]" >&2
    exit 2
}
binary=$(realpath "$1")
# In the emulated machine: the port by which its 8888 is reached from outside.
page=${2-}
[ -x "$binary" ] || die "cannot run $binary"
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "this needs root: it makes pools, or a machine with them"
    exec sudo BACKUPD_CACHE="${BACKUPD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/backupd}" "$0" "$binary"
fi
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$PATH
trap 'exit 130' INT
trap 'exit 143' TERM HUP
if [ -e /dev/zfs ] && command -v zpool >/dev/null; then
    demo_here "$binary"
else
    demo_in_guest "$binary"
fi
