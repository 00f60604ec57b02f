#!/bin/bash
# gather-errors.sh DIR: brings about every failure that backupd has to tell apart, and writes what zfs and ssh say.
# Runs inside a guest, as root. What it finds is kept in tests/unit/data, so that the parsers are tested against
# the words of the real programs.
#
#   DIR/errors/NAME    exit STATUS, then "# COMMAND", then the standard error
#   DIR/outputs/NAME   "# COMMAND", then the output
#
# gather-errors.sh DIR SECTION...: only these of the functions below, in a guest where all of them have run.
#
# A situation that could not be brought about leaves "exit 0" or no file: look before believing.

set -u
export LC_ALL=C
out=${1:?usage: gather-errors.sh DIR}
errors=$out/errors
outputs=$out/outputs
disks=/var/tmp/gather
mkdir -p "$errors" "$outputs" "$disks"

# err NAME COMMAND: the status is that of the first command of a pipeline that fails.
err() {
    local status=0
    echo "gather: $1" >&2
    timeout -k 1 60 bash -o pipefail -c "$2" >/dev/null 2>"$errors/.stderr" </dev/null || status=$?
    { echo "exit $status"; echo "# $2"; cat "$errors/.stderr"; } >"$errors/$1"
    rm -f "$errors/.stderr"
}

# out NAME COMMAND: standard output and error as they come.
out() {
    echo "gather: $1" >&2
    { echo "# $2"; timeout -k 1 120 bash -o pipefail -c "$2" 2>&1 </dev/null; } >"$outputs/$1"
}

# Reads its input at 8 MiB a second, so that progress has time to be reported.
cat >/usr/local/bin/slowly <<'END'
#!/usr/bin/python3
import os, sys, time
while True:
    left = 8 << 20
    while left > 0:
        data = sys.stdin.buffer.read1(min(left, 1 << 20))
        if not data:
            sys.exit()
        if len(sys.argv) > 1:
            os.write(1, data)
        left -= len(data)
    time.sleep(1)
END
chmod 755 /usr/local/bin/slowly

# pool FILE SIZE
pool() {
    zpool destroy -f "$(basename "$1")" 2>/dev/null
    rm -f "$disks/$1"
    truncate -s "$2" "$disks/$1"
    zpool create -f "$(basename "$1")" "$disks/$1"
}

# fill DATASET NAME MIB: incompressible
fill() {
    dd if=/dev/urandom of="/$1/$2" bs=1M count="$3" status=none
}

# Starts COMMAND, lets it get under way, and remembers its pid in $background.
during() {
    setsid bash -c "$1" >/dev/null 2>&1 </dev/null &
    background=$!
    sleep 3
}

end_during() {
    kill -KILL -- "-$background" 2>/dev/null
    wait "$background" 2>/dev/null
    sleep 2
}

# partial SNAPSHOT TARGET: an interrupted receive that leaves a token
partial() {
    zfs send -w "$1" | head -c 20000000 | zfs receive -s -u "$2" 2>/dev/null
}

token() {
    zfs get -Hp -o value receive_resume_token "$1"
}

set_up() {
    pool tank 3G
    pool backup 3G
    pool small 80M
    zfs create tank/data
    zfs create tank/data/home
    zfs create "tank/data/with space"
    for snapshot in a b c d; do
        fill tank/data/home "$snapshot" 4
        zfs snapshot "tank/data/home@$snapshot"
    done
    zfs clone tank/data/home@b tank/clone
    zfs hold keep tank/data/home@c
    zfs bookmark tank/data/home@a tank/data/home#a
    zfs create tank/data/big
    fill tank/data/big first 64
    zfs snapshot tank/data/big@one
    fill tank/data/big second 48
    zfs snapshot tank/data/big@two
    zfs create -V 64M tank/data/volume
    sleep 1
    dd if=/dev/urandom of=/dev/zd0 bs=1M count=40 status=none
    zfs snapshot tank/data/volume@one
    dd if=/dev/urandom of=/dev/zd0 bs=1M count=24 status=none
    zfs snapshot tank/data/volume@two
    echo 12345678 | zfs create -o encryption=on -o keyformat=passphrase tank/data/secret
    fill tank/data/secret first 40
    zfs snapshot tank/data/secret@one
    fill tank/data/secret second 24
    zfs snapshot tank/data/secret@two
    zfs create -o canmount=off -o backupd:placeholder=on backup/data
}

zfs_lists_and_destroys() {
    err list-missing-dataset "zfs list -Hp -t snapshot -r tank/nope"
    err list-missing-pool "zfs list -Hp -r nope/data"
    err list-invalid-name "zfs list -Hp 'tank/da*ta'"
    err list-missing-property "zfs list -Hp -o name,nope tank"
    err destroy-missing-snapshot "zfs destroy tank/data/home@nope"
    err destroy-missing-dataset "zfs destroy tank/nope@a"
    err destroy-missing-in-list "zfs destroy tank/data/home@nope,nada"
    err destroy-missing-range "zfs destroy tank/data/home@nope%nada"
    err destroy-held "zfs destroy tank/data/home@c"
    err destroy-cloned "zfs destroy tank/data/home@b"
    err destroy-range-held "zfs destroy tank/data/home@c%d"
    err destroy-range-cloned "zfs destroy tank/data/home@a%b"
    err destroy-range-held-and-cloned "zfs destroy tank/data/home@a%d"
    err destroy-range-reversed "zfs destroy tank/data/home@d%c"
    err destroy-has-children "zfs destroy tank/data"
    err destroy-has-snapshots "zfs destroy tank/data/big"
    err destroy-missing-bookmark "zfs destroy 'tank/data/home#nope'"
    err snapshot-exists "zfs snapshot tank/data/home@a"
    err snapshot-recursive-exists "zfs snapshot -r tank/data@a"
    err snapshot-missing-dataset "zfs snapshot tank/nope@a"
    err snapshot-invalid-name "zfs snapshot 'tank/data@a b*c'"
    err bookmark-exists "zfs bookmark tank/data/home@b 'tank/data/home#a'"
    err bookmark-missing-snapshot "zfs bookmark tank/data/home@nope 'tank/data/home#b'"
    err bookmark-invalid-name "zfs bookmark tank/data/home@a 'tank/data/home#a*b'"
    err hold-exists "zfs hold keep tank/data/home@c"
    err hold-missing-snapshot "zfs hold keep tank/data/home@nope"
    err release-missing-tag "zfs release nope tank/data/home@c"
    err rollback-newer-snapshots "zfs rollback tank/data/home@c"
    err create-exists "zfs create tank/data"
    err create-missing-parent "zfs create tank/nope/child"
    err inherit-missing-dataset "zfs inherit backupd:placeholder tank/nope"
    err name-too-long "zfs list tank/$(printf 'x%.0s' {1..300})"
}

zfs_sends() {
    err send-missing-snapshot "zfs send -w tank/data/home@nope | cat"
    err send-missing-dataset "zfs send -w tank/nope@a | cat"
    err send-missing-base "zfs send -w -i @nope tank/data/home@c | cat"
    err send-missing-bookmark "zfs send -w -i '#nope' tank/data/home@c | cat"
    err send-missing-bookmark-verbose "zfs send -wPv -i '#nope' tank/data/home@c | cat"
    err send-base-not-earlier "zfs send -w -i @d tank/data/home@c | cat"
    err send-bookmark-not-earlier "zfs send -w -i '#a' tank/data/home@a | cat"
    err send-bookmark-not-earlier-verbose "zfs send -wPv -i '#a' tank/data/home@a | cat"
    err send-range-from-bookmark "zfs send -w -I '#a' tank/data/home@c | cat"
    err send-broken-pipe "zfs send -w tank/data/big@one | head -c 1"
    err send-to-terminal "script -qec 'zfs send -w tank/data/home@a' /dev/null >&2"
    err send-token-garbage "zfs send -w -t nonsense | cat"
    err send-token-corrupt "zfs send -w -t 1-c740b4779-b8-789c636064000310a500c4ec50360710 | cat"

    zfs snapshot tank/data/big@stale
    partial tank/data/big@stale backup/stale
    stale=$(token backup/stale)
    err send-token-missing-dataset "zfs send -w -t $(stale_dataset_token) | cat"
    zfs destroy tank/data/big@stale
    err send-token-stale "zfs send -w -t $stale | cat"
    err send-token-stale-verbose "zfs send -wPv -t $stale | cat"
    err send-token-stale-dry-run "zfs send -nvt $stale"
    zfs snapshot tank/data/big@stale
    err send-token-stale-same-name "zfs send -w -t $stale | cat"
    zfs destroy tank/data/big@stale
    err receive-abort "zfs receive -A backup/stale"
    zfs list backup/stale >/dev/null 2>&1 && zfs destroy -r backup/stale

    during "zfs send -w tank/data/big@one | (head -c 1000000; sleep 60)"
    err destroy-while-sending "zfs destroy tank/data/big@one"
    err destroy-dataset-while-sending "zfs destroy -r tank/data/big"
    end_during
}

# A token that names a dataset that is gone.
stale_dataset_token() {
    zfs create tank/gone
    fill tank/gone file 40
    zfs snapshot tank/gone@a
    partial tank/gone@a backup/gone
    token backup/gone
    zfs destroy -r tank/gone
    zfs receive -A backup/gone
}

zfs_receives() {
    local t
    zfs send -w tank/data/home@a | zfs receive -u backup/home
    zfs send -w -i @a tank/data/home@b | zfs receive -u backup/home
    err receive-exists "zfs send -w tank/data/home@a | zfs receive -s -u backup/home"
    err receive-exists-force "zfs send -w tank/data/home@a | zfs receive -s -u -F backup/home"
    err receive-exists-without-snapshots "zfs send -w tank/data/home@a | zfs receive -s -u backup/data"
    err receive-base-missing "zfs send -w -i @c tank/data/home@d | zfs receive -s -u backup/home"
    err receive-snapshot-exists "zfs send -w -i @a tank/data/home@b | zfs receive -s -u backup/home"
    err receive-increment-missing-dataset "zfs send -w -i @a tank/data/home@b | zfs receive -s -u backup/nope"
    err receive-increment-missing-parent "zfs send -w -i @a tank/data/home@b | zfs receive -s -u backup/nope/child"
    err receive-missing-parent "zfs send -w tank/data/home@a | zfs receive -s -u backup/nope/child"
    err receive-missing-pool "zfs send -w tank/data/home@a | zfs receive -s -u nope/child"
    err receive-invalid-name "zfs send -w tank/data/home@a | zfs receive -s -u 'backup/a*b'"
    err receive-garbage "head -c 1000000 /dev/urandom | zfs receive -s -u backup/garbage"
    err receive-nothing "zfs receive -s -u backup/garbage </dev/null"
    err receive-zeros "head -c 1000000 /dev/zero | zfs receive -s -u backup/garbage"
    err receive-corrupt-middle "zfs send -w tank/data/big@one | { head -c 10000000; head -c 500 /dev/urandom; cat; } \
| zfs receive -s -u backup/corrupt"
    zfs destroy -r backup/corrupt 2>/dev/null
    err receive-after-failed-send "zfs send -w tank/data/home@nope | zfs receive -s -u backup/nothing"
    err receive-truncated "zfs send -w tank/data/big@one | head -c 20000000 | zfs receive -u backup/cut"
    err receive-truncated-resumable "zfs send -w tank/data/big@one | head -c 20000000 | zfs receive -s -u backup/cut"
    err receive-truncated-early "zfs send -w tank/data/big@one | head -c 100 | zfs receive -s -u backup/cut-early"
    err receive-into-partial "zfs send -w tank/data/big@one | zfs receive -s -u backup/cut"
    err receive-into-partial-force "zfs send -w tank/data/big@one | zfs receive -s -u -F backup/cut"
    err destroy-snapshot-of-partial "zfs destroy backup/cut@one"
    t=$(token backup/cut)
    err receive-resume-wrong-dataset "zfs send -w -t $t | zfs receive -s -u backup/home"
    err receive-resume-missing-dataset "zfs send -w -t $t | zfs receive -s -u backup/nope"
    zfs send -w -t "$t" | head -c 10000000 | zfs receive -s -u backup/cut 2>/dev/null
    err receive-resume-old-token "zfs send -w -t $t | zfs receive -s -u backup/cut"
    t=$(token backup/cut)
    zfs send -w -t "$t" | zfs receive -s -u backup/cut
    err receive-resume-twice "zfs send -w -t $t | zfs receive -s -u backup/cut"
    partial_increment
    err receive-increment-into-partial "zfs send -w -i @one tank/data/big@two | zfs receive -s -u backup/cut"
    zfs receive -A backup/cut
    err receive-abort-without-token "zfs receive -A backup/cut"
    err receive-abort-missing-dataset "zfs receive -A backup/nope"

    zfs set mountpoint=/backup/home backup/home
    zfs mount backup/home 2>/dev/null
    echo changed >/backup/home/changed
    sync
    err receive-modified "zfs send -w -i @b tank/data/home@c | zfs receive -s -u backup/home"
    zfs snapshot backup/home@own
    err receive-diverged "zfs send -w -i @b tank/data/home@c | zfs receive -s -u backup/home"
    zfs destroy backup/home@own
    err rollback-missing-snapshot "zfs rollback backup/home@nope"
    zfs rollback backup/home@b

    err receive-volume-canmount "zfs send -w tank/data/volume@one | zfs receive -s -u -o canmount=noauto backup/volume"
    err receive-volume-mountpoint "zfs send -w tank/data/volume@one | zfs receive -s -u -o mountpoint=none backup/volume"
    err receive-invalid-property "zfs send -w tank/data/home@a | zfs receive -s -u -o nope=1 backup/property"
    err receive-invalid-value "zfs send -w tank/data/home@a | zfs receive -s -u -o readonly=perhaps backup/property"
    zfs destroy -r backup/property 2>/dev/null
    err receive-encrypted-over-placeholder "zfs send -w tank/data/secret@one | zfs receive -s -u -F backup/data"
    err receive-over-placeholder "zfs send -w tank/data/home@a | zfs receive -s -u -F backup/data"
    zfs create -o canmount=off -o backupd:placeholder=on backup/other
    err receive-volume-over-placeholder "zfs send -w tank/data/volume@one | zfs receive -s -u -F backup/other"
    zfs send -w tank/data/secret@one | zfs receive -u backup/secret
    err receive-not-raw-onto-raw "zfs send -i @one tank/data/secret@two | zfs receive -s -u backup/secret"

    during "zfs send -w tank/data/big@one | (head -c 20000000; sleep 60) | zfs receive -s -u backup/busy"
    err receive-while-receiving "zfs send -w tank/data/big@one | zfs receive -s -u backup/busy"
    err destroy-while-receiving "zfs destroy -r backup/busy"
    err receive-abort-while-receiving "zfs receive -A backup/busy"
    end_during
    during "zfs send -w -t $(token backup/busy) | (head -c 10000000; sleep 60) | zfs receive -s -u backup/busy"
    err receive-while-resuming "zfs send -w -t $(token backup/busy) | zfs receive -s -u backup/busy"
    err destroy-while-resuming "zfs destroy -r backup/busy"
    end_during
    zfs destroy -r backup/busy
    during "zfs send -w -i @b tank/data/home@c | (head -c 1000000; sleep 60) | zfs receive -s -u backup/home"
    err receive-increment-while-receiving "zfs send -w -i @b tank/data/home@c | zfs receive -s -u backup/home"
    err destroy-base-while-receiving "zfs destroy backup/home@b"
    err rollback-while-receiving "zfs rollback backup/home@b"
    end_during
    zfs receive -A backup/home 2>/dev/null
}

partial_increment() {
    zfs send -w -i @one tank/data/big@two | head -c 10000000 | zfs receive -s -u backup/cut 2>/dev/null
}

zfs_space() {
    err receive-out-of-space "zfs send -w tank/data/big@one | zfs receive -s -u small/big"
    zfs destroy -r small/big 2>/dev/null
    err receive-out-of-space-not-resumable "zfs send -w tank/data/big@one | zfs receive -u small/big"
    zfs destroy -r small/big 2>/dev/null
    zfs create -o quota=20M backup/quota
    err receive-quota "zfs send -w tank/data/big@one | zfs receive -s -u backup/quota/big"
    zfs destroy -r backup/quota
    dd if=/dev/urandom of=/small/fill bs=64k status=none 2>/dev/null
    sync
    err snapshot-out-of-space "zfs snapshot small@full"
    err create-out-of-space "zfs create small/child"
}

zfs_permissions() {
    local user="setpriv --reuid user --regid user --clear-groups"
    err user-destroy "$user zfs destroy tank/data/home@a"
    err user-send "$user zfs send -w tank/data/home@a | cat"
    err user-receive "zfs send -w tank/data/home@a | $user zfs receive -s -u backup/user"
    err user-snapshot "$user zfs snapshot tank/data/home@user"
    err user-bookmark "$user zfs bookmark tank/data/home@a 'tank/data/home#user'"
    err user-create "$user zfs create backup/user"
    err user-receive-abort "$user zfs receive -A backup/home"
    # As it is where no rule opens the device to all.
    chmod 600 /dev/zfs
    err device-not-permitted "$user zfs list"
    chmod 666 /dev/zfs
}

zfs_pools() {
    zpool export small
    err receive-exported-pool "zfs send -w tank/data/home@a | zfs receive -s -u small/home"
    err list-exported-pool "zfs list -Hp -r small"
    zpool import -d "$disks" small 2>/dev/null
    zpool set readonly=on small 2>/dev/null
    zpool export small
    zpool import -o readonly=on -d "$disks" small
    err receive-readonly-pool "zfs send -w tank/data/home@a | zfs receive -s -u small/home"
    err destroy-readonly-pool "zfs destroy small@full"
    err snapshot-readonly-pool "zfs snapshot small@new"
    zpool export small

    # A pool that has stopped takes its callers with it, so this comes late. Its sparse disk is on a filesystem that
    # cannot hold it: writes fail.
    mkdir -p "$disks/tiny"
    mount -t tmpfs -o size=24M tmpfs "$disks/tiny"
    pool tiny/sick 300M
    zfs snapshot sick@a
    zfs create sick/data
    (dd if=/dev/urandom of=/sick/data/file bs=1M count=100; sync /sick/data/file) >/dev/null 2>&1 &
    sleep 8
    out pool-suspended "zpool list -H -o name,health"
    err suspended-list "timeout 10 zfs list -Hp -r sick"
    err suspended-snapshot "timeout 10 zfs snapshot sick@b"
    err suspended-destroy "timeout 10 zfs destroy sick@a"
    err suspended-send "timeout 10 zfs send -w sick@a | cat"
    err suspended-receive "zfs send -w tank/data/home@a | timeout 10 zfs receive -s -u sick/home"
    mount -o remount,size=1G "$disks/tiny"
    zpool clear sick
    wait
    zpool destroy -f sick
    umount "$disks/tiny"
}

zfs_module() {
    zpool export -a
    mv /dev/zfs /dev/zfs.away
    err device-missing "zfs list"
    mv /dev/zfs.away /dev/zfs
    modprobe -r zfs
    # Out of the tree of modules, where it would be found and loaded.
    local modules
    modules=/lib/modules/$(uname -r)/updates/dkms
    mv "$modules" /var/tmp/modules
    depmod
    err module-missing "zfs list"
    mv /var/tmp/modules "$modules"
    depmod
    modprobe zfs
}

ssh_failures() {
    local ssh="ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -p 2222"
    local here="root@127.0.0.1" keys=/etc/ssh/test_keys
    err remote-zfs-failure "$ssh $here 'zfs' 'list' 'tank/nope'"
    mv /usr/sbin/zfs /usr/sbin/zfs.away
    err remote-no-zfs "$ssh $here 'zfs' 'list'"
    err remote-no-zfs-csh "$ssh toor@127.0.0.1 'zfs' 'list'"
    mv /usr/sbin/zfs.away /usr/sbin/zfs
    err ssh-user-shell-missing "usermod -s /bin/nope user; install -d -o user -m 700 ~user/.ssh; \
install -o user -m 600 /root/.ssh/authorized_keys ~user/.ssh/; $ssh user@127.0.0.1 'zfs' 'list'"
    usermod -s /bin/bash user
    err ssh-refused "ssh -o BatchMode=yes -p 2299 $here true"
    err ssh-host-key-unknown "$ssh -o UserKnownHostsFile=/dev/null $here true"
    cp -a $keys $keys.away
    test-sshd rekey
    sleep 1
    err ssh-host-key-changed "$ssh $here true"
    rm -rf $keys
    mv $keys.away $keys
    test-sshd stop
    test-sshd start
    rm -f /tmp/stranger
    ssh-keygen -q -t ed25519 -N '' -f /tmp/stranger
    err ssh-permission-denied "$ssh -i /tmp/stranger -o IdentitiesOnly=yes $here true"
    err ssh-key-missing "$ssh -i /root/.ssh/nope -o IdentitiesOnly=yes $here true"
    chmod 644 /root/.ssh/id_ed25519
    err ssh-key-too-open "$ssh $here true"
    chmod 600 /root/.ssh/id_ed25519
    err ssh-unknown-user "$ssh nope@127.0.0.1 true"
    err ssh-bad-option "$ssh -o Nope=yes $here true"
    err ssh-unresolvable-for-now "$ssh root@nope.invalid true"
    cp /etc/nsswitch.conf /tmp/nsswitch.conf
    sed -i 's/^hosts:.*/hosts: files/' /etc/nsswitch.conf
    err ssh-unresolvable "$ssh root@nope.invalid true"
    cp /tmp/nsswitch.conf /etc/nsswitch.conf
    err ssh-network-unreachable "$ssh root@192.0.2.1 true"
    err ssh-no-route "$ssh root@10.0.2.77 true"
    nft add table inet gather
    nft add chain inet gather input '{ type filter hook input priority 0; }'
    nft add rule inet gather input tcp dport 2222 drop
    err ssh-connect-timeout "$ssh -o ConnectTimeout=3 $here true"
    nft flush chain inet gather input
    err ssh-server-alive-timeout "$ssh -o ServerAliveInterval=1 -o ServerAliveCountMax=2 $here \
'nft add rule inet gather input tcp dport 2222 drop; sleep 30'"
    nft flush chain inet gather input
    # Without keep-alives it is the kernel that gives up, much later unless told to hurry.
    local retries
    retries=$(cat /proc/sys/net/ipv4/tcp_retries2)
    echo 3 >/proc/sys/net/ipv4/tcp_retries2
    err ssh-connection-timed-out "(sleep 3; nft add rule inet gather input tcp dport 2222 drop) & \
(sleep 5; echo x; sleep 40) | $ssh $here 'cat'"
    echo "$retries" >/proc/sys/net/ipv4/tcp_retries2
    nft flush chain inet gather input
    err ssh-broken-pipe "(sleep 3; nft add rule inet gather input tcp dport 2222 reject with tcp reset) & \
head -c 2000000000 /dev/zero | $ssh $here 'cat'"
    nft delete table inet gather
    err ssh-closed-by-remote "$ssh $here 'kill -KILL \$PPID; sleep 5'"
    err ssh-closed-while-sending "zfs send -w tank/data/big@one | slowly on | $ssh $here \
'(sleep 3; kill -KILL \$PPID) & zfs receive -s -u backup/reset'"
    zfs receive -A backup/reset 2>/dev/null
    err ssh-remote-command-killed "$ssh $here 'kill -KILL \$\$'"
    err ssh-closed-in-greeting "(nc -l -p 2298 -q 0 </dev/null >/dev/null & sleep 0.5); ssh -o BatchMode=yes -p 2298 $here true"
    err ssh-greeting-is-not-ssh "(yes hello | head -n 2000 | nc -l -p 2297 -q 1 >/dev/null & sleep 0.5); \
ssh -o BatchMode=yes -o ConnectTimeout=5 -p 2297 $here true"
    err ssh-no-greeting "(sleep 20 | nc -l -p 2296 >/dev/null & sleep 0.5); \
ssh -o BatchMode=yes -o ConnectTimeout=3 -p 2296 $here true"
    err ssh-ciphers-disagree "$ssh -c 3des-cbc $here true"

    local socket=/run/gather.ssh
    err ssh-control-missing "ssh -o ControlPath=$socket -O check $here"
    $ssh -M -N -f -o ControlPath=$socket $here
    err ssh-control-exists "$ssh -M -o ControlPath=$socket $here true"
    for _ in {1..10}; do
        $ssh -o ControlPath=$socket $here sleep 20 </dev/null >/dev/null 2>&1 &
    done
    sleep 4
    err ssh-control-sessions-exceeded "$ssh -o ControlPath=$socket $here true"
    err ssh-control-sessions-exceeded-alone "$ssh -o ProxyCommand=false -o ControlPath=$socket $here true"
    wait
    err ssh-control-closed "(sleep 2; ssh -o ControlPath=$socket -O exit $here) & \
$ssh -o ControlPath=$socket $here 'sleep 10'"
    rm -f $socket
    $ssh -M -N -f -o ControlPath=$socket $here
    err ssh-control-killed "(sleep 2; kill -KILL \$(ssh -o ControlPath=$socket -O check $here 2>&1 | tr -dc 0-9)) & \
$ssh -o ControlPath=$socket $here 'sleep 10'"
    err ssh-control-stale "ssh -o ControlPath=$socket -O check $here"
    err ssh-control-stale-command "$ssh -o ControlPath=$socket $here true"
    rm -f $socket
    $ssh -M -N -f -o ControlPath=$socket $here
    err ssh-control-server-died "(sleep 2; test-sshd cut) & $ssh -o ControlPath=$socket $here 'sleep 10'"
    rm -f $socket
    test-sshd start
    err ssh-control-path-too-long "$ssh -M -o ControlPath=/tmp/$(printf 'x%.0s' {1..120}) $here true"
}

# What lingers for no time resets its connections when it is killed.
ssh_resets() {
    local relay="timeout -s KILL 5 socat TCP-LISTEN:2294,linger=0" ssh="ssh -o BatchMode=yes -p 2294"
    err ssh-connection-reset "($relay TCP:127.0.0.1:2222 & sleep 0.5); \
$ssh -o HostKeyAlias=[127.0.0.1]:2222 root@127.0.0.1 'sleep 20'"
    err ssh-reset-in-greeting "($relay EXEC:'sleep 20' & sleep 0.5); $ssh root@127.0.0.1 true"
}

sample_outputs() {
    local t columns=name,type,guid,createtxg,creation,used,receive_resume_token,encryption,canmount,readonly,origin
    columns+=,written,inconsistent,backupd:placeholder
    out send-initial-progress "zfs send -wPv tank/data/big@one | slowly"
    out send-increment-progress "zfs send -wPv -i @one tank/data/big@two | slowly"
    out send-encrypted-progress "zfs send -wPv tank/data/secret@one | slowly"
    out send-encrypted-increment-progress "zfs send -wPv -i @one tank/data/secret@two | slowly"
    out send-volume-progress "zfs send -wPv tank/data/volume@one | slowly"
    out send-volume-increment-progress "zfs send -wPv -i @one tank/data/volume@two | slowly"
    zfs bookmark tank/data/big@one tank/data/big#backupd-1
    out send-bookmark-progress "zfs send -wPv -i '#backupd-1' tank/data/big@two | slowly"
    out send-not-raw-progress "zfs send -Pv tank/data/big@one | slowly"
    out send-verbose-progress "zfs send -wv tank/data/big@one | slowly"
    out send-dry-run "zfs send -wnPv tank/data/big@one"
    out send-increment-dry-run "zfs send -wnPv -i @one tank/data/big@two"
    out send-progress-in-title "zfs send -wV tank/data/big@one | slowly"
    out send-empty-increment "zfs snapshot tank/data@1; zfs snapshot tank/data@2; \
zfs send -wPv -i @1 tank/data@2 | slowly"
    partial tank/data/big@one backup/partial
    t=$(token backup/partial)
    out token-initial "zfs send -nvt $t"
    out token-initial-parsable "zfs send -nPvt $t"
    out send-resumed-progress "zfs send -wPv -t $t | slowly"
    out list-partial-initial "zfs list -Hp -r -t all -o $columns backup/partial"
    zfs send -w -t "$t" | zfs receive -s -u backup/partial
    zfs send -w -i @one tank/data/big@two | head -c 10000000 | zfs receive -s -u backup/partial 2>/dev/null
    t=$(token backup/partial)
    out token-increment "zfs send -nvt $t"
    out token-increment-parsable "zfs send -nPvt $t"
    out send-resumed-increment-progress "zfs send -wPv -t $t | slowly"
    out list-partial-increment "zfs list -Hp -r -t all -o $columns backup/partial"
    zfs receive -A backup/partial
    zfs send -w -i '#backupd-1' tank/data/big@two | head -c 10000000 | zfs receive -s -u backup/partial 2>/dev/null
    t=$(token backup/partial)
    out token-bookmark "zfs send -nvt $t"
    out token-bookmark-parsable "zfs send -nPvt $t"
    zfs destroy -r backup/partial
    zfs send -w tank/data/secret@one | head -c 10000000 | zfs receive -s -u backup/partial 2>/dev/null
    t=$(token backup/partial)
    out token-encrypted "zfs send -nvt $t"
    out token-encrypted-parsable "zfs send -nPvt $t"
    zfs destroy -r backup/partial
    zfs send -w tank/data/volume@one | head -c 10000000 | zfs receive -s -u backup/partial 2>/dev/null
    t=$(token backup/partial)
    out token-volume "zfs send -nvt $t"
    out token-volume-parsable "zfs send -nPvt $t"
    out list-partial-volume "zfs list -Hp -r -t all -o $columns backup/partial"
    zfs destroy -r backup/partial
    out list-snapshots "zfs list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank"
    out list-snapshots-all-columns "zfs list -Hp -t snapshot,bookmark \
-o name,type,guid,createtxg,creation,used,referenced,written,userrefs,clones,receive_resume_token -r tank"
    out list-snapshots-sorted "zfs list -Hp -t snapshot -s createtxg -o name,guid,createtxg,numclones -r tank"
    out list-snapshots-plain-order "zfs snapshot tank/data@z; zfs snapshot tank/data@m; zfs snapshot tank/data@k; \
zfs list -Hp -t snapshot -o name,guid,createtxg tank/data"
    out list-datasets "zfs list -Hp -t filesystem,volume -o $columns -r tank"
    out list-datasets-remote "zfs list -Hp -t filesystem,volume -o $columns -r backup"
    out list-datasets-changed "zfs list -Hp -t filesystem,volume -o name,snapshots_changed -r tank"
    out get-holds "zfs holds -Hp tank/data/home@c"
    out get-placeholder "zfs get -Hp -o name,value,source -t filesystem,volume -r backupd:placeholder backup"
    out get-clones "zfs get -Hp -o name,property,value userrefs,clones tank/data/home@b tank/data/home@c"
    out destroy-verbose "zfs destroy -nvp tank/data/big@one%two"
    out version "zfs version"
}

sections=(zfs_lists_and_destroys zfs_sends sample_outputs zfs_receives zfs_space zfs_permissions ssh_failures ssh_resets
    zfs_pools zfs_module)
[ $# -eq 1 ] || sections=("${@:2}")
set_up
for section in "${sections[@]}"; do
    $section
done
