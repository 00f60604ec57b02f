#!/bin/bash
# power-guest.sh until CASE | after CASE: the part of power.sh that runs in the guest. `until` prepares two pools on
# which everything has arrived, runs a cycle, and returns when that cycle stands still where the power is to be cut.
# `after`, at the next boot, says with status 1 and a reason what is not as it should be.

set -eu -o pipefail
export LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

dir=/var/tmp/power
here=/root/tests
marker=/run/power/here
export RUNTIME_DIRECTORY=/run/power

fail() {
    echo "$*"
    exit 1
}

prepare() {
    local pool
    mkdir -p $dir
    for pool in pw_src pw_dst; do
        truncate -s 1G $dir/$pool.img
        zpool create -f -O atime=off -O compression=off -O mountpoint=$dir/$pool $pool $dir/$pool.img
    done
    zfs create pw_src/data
    cat >$dir/backupd.toml <<END
[local]
root = "pw_src/data"
[local.policy]
daily = 3
[remote]
root = "pw_dst/copy"
ssh_host = ""
[remote.policy]
daily = 3
[history]
path = ""
END
}

# A zfs that touches the marker and stands still where its words match PATTERN, before or after it does its work. A
# send stands still amid its stream, once the pool has on disk what came before.
stand_still() {
    mkdir -p $dir/bin
    rm -f $marker
    cat >$dir/bin/zfs <<END
#!/bin/bash
PATH=$PATH
case "\$*" in
$1) ;;
*) exec zfs "\$@" ;;
esac
case $2 in
after) zfs "\$@" ;;
amid)
    rm -f $dir/stream
    mkfifo $dir/stream
    zfs "\$@" >$dir/stream &
    exec <$dir/stream
    head -c $((8 << 20))
    # Pipes hold less than 1 MiB.
    until [ "\$(sed -n 's/^rchar: //p' /proc/\$(pgrep -f '^zfs receive')/io)" -ge $((7 << 20)) ]; do sleep 0.2; done
    zpool sync pw_dst
    ;;
esac
touch $marker
exec sleep 1000
END
    chmod +x $dir/bin/zfs
}

# daily N...: snapshots, each in a second of its own.
daily() {
    local n
    for n; do
        sleep 1.1
        zfs snapshot pw_src/data@daily-"$n"
    done
}

add_data() { dd if=/dev/zero of=$dir/pw_src/data/"$1" bs=1M count=12 status=none; }

run_until_it_stands_still() {
    local tries
    # What the test begins with survives the cut; what comes from here on may not.
    zpool sync
    sync
    PATH=$dir/bin:$PATH setsid $here/backupd -config $dir/backupd.toml -once >/run/power/log 2>&1 </dev/null &
    for tries in {1..1200}; do
        [ ! -e $marker ] || return 0
        sleep 0.2
    done
    fail "after $tries looks the cycle is not where the power is to be cut: $(cat /run/power/log)"
}

cycle() {
    $here/backupd -config $dir/backupd.toml -once >/run/power/log 2>&1 || fail "a cycle failed: $(cat /run/power/log)"
    cat /run/power/log >>/run/power/all
}

snapshots() { zfs list -H -d 1 -t snapshot -s createtxg -o name "$1" 2>/dev/null | sed 's/.*@daily-//' | tr '\n' ' '; }

guids() { zfs list -H -d 1 -t snapshot,bookmark -o guid "$1" 2>/dev/null | sort -u; }

# I3
assert_base() {
    [ -n "$(comm -12 <(guids pw_src/data) <(zfs list -H -d 1 -t snapshot -o guid pw_dst/copy | sort -u))" ] ||
        fail "$1: there is no base any more"
}

# assert_kept WHEN SIDE NUMBER...: they are there, whatever else is.
assert_kept() {
    local when=$1 dataset=$2 found n
    shift 2
    found=" $(snapshots "$dataset")"
    for n; do
        case $found in
        *" $n "*) ;;
        *) fail "$when: daily-$n of $dataset is lost; there are:$found" ;;
        esac
    done
}

# assert_arrived NUMBER...: after two cycles these are on both sides, and nothing is left of what was cut.
assert_arrived() {
    local side newest=${*: -1} guid
    for side in pw_src/data pw_dst/copy; do
        [ "$(snapshots $side)" = "$* " ] || fail "$side has daily $(snapshots $side)where $* are right"
    done
    guid=$(zfs get -Hp -o value guid "pw_src/data@daily-$newest")
    [ "$guid" = "$(zfs get -Hp -o value guid "pw_dst/copy@daily-$newest")" ] || fail "the newest are not the same"
    [ "$(zfs list -H -d 1 -t bookmark -o name pw_src/data)" = "pw_src/data#backupd-$guid" ] ||
        fail "not one bookmark, and that of daily-$newest: $(zfs list -H -d 1 -t bookmark -o name pw_src/data)"
    [ "$(zfs get -H -o value receive_resume_token pw_dst/copy)" = - ] || fail "a token is left"
    ! grep -q 'send ' /run/power/log || fail "the second cycle sent something: $(cat /run/power/log)"
}

token() { zfs get -H -o value receive_resume_token pw_dst/copy 2>/dev/null || echo none; }

# assert_resumed TOKEN
assert_resumed() {
    case $1 in
    1-*) grep -q 'resume: send' /run/power/all || fail "the token that ZFS kept was not used: $(cat /run/power/all)" ;;
    *) fail "ZFS kept no token ($1), though the pool was synced" ;;
    esac
}

# What is kept on the local and the remote side whenever one looks, and what both have in the end.
case "$2" in
initial) local_keeps=(1) remote_keeps=() arrived=(1) ;;
increment) local_keeps=(1 2) remote_keeps=(1) arrived=(1 2) ;;
deletions) local_keeps=(1 4 5 6 7) remote_keeps=(1 4) arrived=(1 5 6 7) ;;
bookmark) local_keeps=(1 6 7 8) remote_keeps=(1 6 7 8) arrived=(1 6 7 8) ;;
old_bookmark) local_keeps=(1 7 8 9) remote_keeps=(1 7 8 9) arrived=(1 7 8 9) ;;
*) fail "there is no case $2" ;;
esac

mkdir -p /run/power
chmod 700 /run/power
case "$1 $2" in
'until initial')
    prepare
    add_data f
    daily 1
    stand_still '"send -w "*@*' amid
    ;;
'until increment')
    add_data g
    daily 2
    stand_still '"send -w "*@*' amid
    ;;
'until deletions')
    daily 3 4
    cycle
    # 2 and 3 go on either side, by a command each.
    daily 5 6 7
    stand_still '"destroy "*@*' after
    ;;
'until bookmark')
    daily 8
    stand_still '"bookmark "*' before
    ;;
'until old_bookmark')
    daily 9
    stand_still '"destroy "*"#"*' before
    ;;
'after '*)
    rm -f /run/power/all
    assert_kept 'after the cut' pw_src/data "${local_keeps[@]}"
    assert_kept 'after the cut' pw_dst/copy ${remote_keeps[@]+"${remote_keeps[@]}"}
    [ "$2" = initial ] || assert_base 'after the cut'
    kept_token=$(token)
    cycle
    assert_base 'after the first cycle'
    case $2 in
    bookmark | old_bookmark)
        ! grep 'send ' /run/power/log || fail 'what had arrived was sent again'
        ;;
    esac
    cycle
    assert_base 'after the second cycle'
    assert_arrived "${arrived[@]}"
    case $2 in
    initial | increment) assert_resumed "$kept_token" ;;
    esac
    exit 0
    ;;
*) fail "usage: power-guest.sh until|after CASE" ;;
esac
run_until_it_stands_still
