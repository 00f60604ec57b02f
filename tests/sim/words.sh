#!/bin/bash
# words.sh [SIM]: has the simulation run the commands that are recorded in tests/unit/data/errors/2.3, in a world like
# the one they were recorded in (tests/guest/gather-errors.sh), and holds exit status and words against what the real
# zfs said. Usage texts and tokens may differ, and the order of lists. Prints TAP; 1 if a test failed.

set -u -o pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
data=$here/../unit/data/errors/2.3
dir=$(mktemp -d "${TMPDIR:-/tmp}/words.XXXXXX")
trap 'rm -rf "$dir"' EXIT
number=0 failed=0

"$here/sim.sh" make "$dir" ${1:+"$1"} || exit 1
export PATH=$dir/bin:$PATH

# What counts of a record: not the command, the usage, the tokens and the order of what follows the first two lines.
plain() {
    sed -e '/^# /d' -e '/^usage:/,$d' -e 's/zfs send -t [0-9a-f-]*/zfs send -t TOKEN/' "$1" |
        awk 'NR <= 2 { print; next } { print | "sort" }'
}

# same NAME...: runs what is recorded under each name.
same() {
    local name command status
    for name; do
        number=$((number + 1))
        command=$(sed -n '2s/^# //p' "$data/$name")
        status=0
        timeout 20 bash -o pipefail -c "$command" >/dev/null 2>"$dir/stderr" </dev/null || status=$?
        { echo "exit $status"; cat "$dir/stderr"; } >"$dir/found"
        if [ "$(plain "$dir/found")" = "$(plain "$data/$name")" ]; then
            echo "ok $number - $name: $command"
        else
            failed=1
            echo "not ok $number - $name: $command"
            diff <(plain "$data/$name") <(plain "$dir/found") | sed 's/^/# /'
        fi
    done
}

fill() { sim write "$1" $(($2 * 1048576)); }

set_up() {
    local snapshot
    sim pool tank
    sim pool backup
    sim pool small 30000000
    zfs create tank/data
    zfs create tank/data/home
    zfs create "tank/data/with space"
    for snapshot in a b c d; do
        fill tank/data/home 4
        zfs snapshot "tank/data/home@$snapshot"
    done
    zfs clone tank/data/home@b tank/clone
    zfs hold keep tank/data/home@c
    zfs bookmark tank/data/home@a 'tank/data/home#a'
    zfs create tank/data/big
    fill tank/data/big 64
    zfs snapshot tank/data/big@one
    fill tank/data/big 48
    zfs snapshot tank/data/big@two
    zfs create -V 64M tank/data/volume
    fill tank/data/volume 40
    zfs snapshot tank/data/volume@one
    fill tank/data/volume 24
    zfs snapshot tank/data/volume@two
    zfs create -o encryption=on -o keyformat=passphrase tank/data/secret
    fill tank/data/secret 40
    zfs snapshot tank/data/secret@one
    fill tank/data/secret 24
    zfs snapshot tank/data/secret@two
    zfs create -o canmount=off -o backupd:placeholder=on backup/data
}

lists_and_destroys() {
    same list-missing-dataset list-missing-pool list-invalid-name list-missing-property name-too-long \
        destroy-missing-snapshot destroy-missing-dataset destroy-missing-in-list destroy-missing-range destroy-held \
        destroy-cloned destroy-range-held destroy-range-cloned destroy-range-held-and-cloned destroy-range-reversed \
        destroy-has-children destroy-has-snapshots destroy-missing-bookmark snapshot-exists snapshot-recursive-exists \
        snapshot-missing-dataset snapshot-invalid-name bookmark-exists bookmark-missing-snapshot bookmark-invalid-name \
        hold-exists hold-missing-snapshot release-missing-tag rollback-newer-snapshots create-exists \
        create-missing-parent inherit-missing-dataset
}

sends() {
    same send-missing-snapshot send-missing-dataset send-missing-base send-missing-bookmark \
        send-missing-bookmark-verbose send-base-not-earlier send-bookmark-not-earlier \
        send-bookmark-not-earlier-verbose send-range-from-bookmark send-broken-pipe send-token-garbage \
        send-token-corrupt
    zfs send -w tank/data/big@one 2>/dev/null | { head -c 1000000 >/dev/null; sleep 5; } &
    sleep 0.3
    same destroy-while-sending
    kill %1
    wait
}

receives() {
    zfs send -w tank/data/home@a | zfs receive -u backup/home
    zfs send -w -i @a tank/data/home@b | zfs receive -u backup/home
    same receive-exists receive-exists-force receive-exists-without-snapshots receive-base-missing \
        receive-snapshot-exists receive-increment-missing-dataset receive-increment-missing-parent \
        receive-missing-parent receive-missing-pool receive-invalid-name receive-garbage receive-nothing receive-zeros \
        receive-corrupt-middle
    zfs destroy -r backup/corrupt
    same receive-after-failed-send receive-truncated receive-truncated-resumable receive-truncated-early \
        receive-into-partial receive-into-partial-force destroy-snapshot-of-partial
    zfs send -w -t "$(zfs get -Hp -o value receive_resume_token backup/cut)" | zfs receive -s -u backup/cut
    zfs send -w -i @one tank/data/big@two | head -c 10000000 | zfs receive -s -u backup/cut 2>/dev/null
    same receive-increment-into-partial
    zfs receive -A backup/cut
    same receive-abort-without-token receive-abort-missing-dataset
    sim write backup/home 1000
    same receive-modified
    zfs snapshot backup/home@own
    same receive-diverged
    zfs destroy backup/home@own
    same rollback-missing-snapshot
    zfs rollback backup/home@b
    same receive-volume-canmount receive-volume-mountpoint receive-invalid-property receive-invalid-value \
        receive-encrypted-over-placeholder receive-over-placeholder
    zfs create -o canmount=off -o backupd:placeholder=on backup/other
    same receive-volume-over-placeholder
    zfs send -w tank/data/secret@one | zfs receive -u backup/secret
    same receive-not-raw-onto-raw
}

while_receiving() {
    { zfs send -w tank/data/big@one | { head -c 20000000; sleep 5; } | zfs receive -s -u backup/busy; } 2>/dev/null &
    sleep 0.5
    same receive-while-receiving destroy-while-receiving receive-abort-while-receiving
    { zfs send -w -i @b tank/data/home@c | { head -c 1000000; sleep 5; } | zfs receive -s -u backup/home; } 2>/dev/null &
    sleep 0.5
    same receive-increment-while-receiving destroy-base-while-receiving
    wait
}

space_and_pools() {
    same receive-out-of-space
    zfs destroy -r small/big
    same receive-out-of-space-not-resumable
    sim pool small 1
    same snapshot-out-of-space create-out-of-space
    zpool export small
    same list-exported-pool receive-exported-pool
    sim pool sick
    zfs snapshot sick@a
    sim suspend sick
    same suspended-list suspended-destroy suspended-send suspended-snapshot suspended-receive
    ssh root@127.0.0.1 'zfs' 'list' 2>/dev/null
    sim on remote pool tank
    same remote-zfs-failure
}

set_up
lists_and_destroys
sends
receives
while_receiving
space_and_pools
echo "1..$number"
exit $failed
