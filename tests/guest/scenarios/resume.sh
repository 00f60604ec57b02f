#!/bin/bash
# Transfers that were cut short: they go on from where they were, or are given up for a reason that is told.

# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# What is sent, and where it is cut.
SIZE_MIB=16
CUT_MIB=8

# Both sides in this machine, one dataset at a time.
write_local_config() { write_config local.policy 'daily = 4' remote.policy 'daily = 4' remote 'ssh_host = ""'; }

write_ssh_config() {
    [ "$REMOTE_KIND" != none ] || skip "there is no sshd"
    write_config local.policy 'daily = 4' remote.policy 'daily = 4'
}

# start_again [ZFS CREATE OPTION...]: $SRC/a alone, and no copy.
start_again() {
    local root
    for root in $DST $SRC; do
        # A receive that was killed may not have ended yet.
        wait_until 20 destroy_tree "$root"
    done
    zfs create $SRC
    zfs create "$@" $SRC/a
}

destroy_tree() { ! exists "$1" || zfs destroy -R "$1"; }

# Zeros are quickly made, and without compression they are data like any other.
add_data() { dd if=/dev/zero of="$(property $SRC/a mountpoint)/$1" bs=1M "count=${2:-$SIZE_MIB}" status=none; }

# A zfs whose `send` goes silent after CUT_MIB, however fast the machine is. What backupd started is the sleep, then.
make_slow_zfs() {
    mkdir -p "$SCENARIO_DIR/slow"
    cat >"$SCENARIO_DIR/slow/zfs" <<END
#!/bin/sh
PATH=${PATH@Q}
case "\$*" in
"send -w "*/a@*) ;;
*) exec zfs "\$@" ;;
esac
rm -f "$SCENARIO_DIR/slow/stream"
mkfifo "$SCENARIO_DIR/slow/stream"
zfs "\$@" >"$SCENARIO_DIR/slow/stream" &
exec <"$SCENARIO_DIR/slow/stream"
head -c $((CUT_MIB << 20))
exec sleep 100
END
    chmod +x "$SCENARIO_DIR/slow/zfs"
}

descendants() {
    local child
    for child in $(pgrep -P "$1" || :); do
        descendants "$child"
        echo "$child"
    done
}

# kill_amid_transfer alone|tree: runs a cycle and kills backupd, or all of its processes, once the receiving zfs has
# taken in most of what comes before the cut: what ssh and pipes hold is less than 2 MiB.
kill_amid_transfer() {
    local pid victims
    make_slow_zfs
    PATH=$SCENARIO_DIR/slow:$PATH "$BACKUPD" -config "$CONFIG" -once >"$SCENARIO_DIR/last" 2>&1 </dev/null 9>&- &
    pid=$!
    wait_until 240 receiver_has_mib $((CUT_MIB - 2))
    victims=$pid
    [ "$1" = alone ] || victims+=" $(descendants $pid | tr '\n' ' ')"
    # shellcheck disable=SC2086 # several
    kill -KILL $victims || fail "the cycle ended before it could be killed"
    wait $pid 2>/dev/null || :
    # What it had started dies with it, whoever was killed.
    wait_until 5 no_backupd
}

no_backupd() { ! pgrep -x backupd && ! pgrep -f '^ssh .*ControlPath' && ! pgrep -f '^zfs send'; }

# How many KiB the only transfer of /a took, from its line in the output.
sent_kib() {
    local number unit
    read -r number unit <<<"$(sed -n 's|^/a: done: send .*, \([0-9.]* [KMG]*i*B\) in .*|\1|p' <<<"$OUTPUT")"
    case $unit in
    MiB) echo $((${number%.*} * 1024)) ;;
    KiB) echo "${number%.*}" ;;
    B) echo 1 ;;
    *) fail "no size of the transfer in the output" ;;
    esac
}

assert_resumed() {
    local kib
    once
    assert_output_has '/a: resume: send'
    assert_output_lacks 'discarding'
    kib=$(sent_kib)
    # Not all that it had taken in may have reached the disk.
    [ "$kib" -lt $(((SIZE_MIB - CUT_MIB / 2) * 1024)) ] || fail "$kib KiB were sent, which is not clearly less than all"
    assert_same_guids /a
    assert_property $DST/a receive_resume_token -
}

test_an_initial_transfer_over_ssh_resumes_after_all_processes_were_killed() {
    write_ssh_config
    start_again -o compression=off
    # As large as this it has a connection of its own.
    SIZE_MIB=66
    CUT_MIB=56
    add_data f
    snap -r $SRC daily-1
    kill_amid_transfer tree
    assert_resumed
}

test_an_increment_over_ssh_resumes_after_all_processes_were_killed() {
    write_ssh_config
    add_data g
    snap $SRC/a daily-2
    kill_amid_transfer tree
    assert_resumed
    assert_snapshots remote /a daily-1 daily-2
}

test_an_initial_transfer_of_an_encrypted_dataset_resumes_without_its_key() {
    write_local_config
    echo 'some passphrase' >"$SCENARIO_DIR/key"
    start_again -o compression=off -o encryption=on -o keyformat=passphrase -o "keylocation=file://$SCENARIO_DIR/key" \
        -o pbkdf2iters=100000
    add_data f
    snap -r $SRC daily-1
    zfs unmount $SRC/a
    zfs unload-key $SRC/a
    kill_amid_transfer alone
    assert_resumed
    assert_property $DST/a encryptionroot $DST/a
    assert_property $DST/a keystatus unavailable
}

test_an_increment_of_an_encrypted_dataset_resumes() {
    write_local_config
    zfs load-key $SRC/a
    zfs mount $SRC/a
    add_data g
    snap $SRC/a daily-2
    kill_amid_transfer alone
    assert_resumed
}

test_an_initial_transfer_of_a_volume_resumes() {
    local device
    write_local_config
    start_again
    zfs destroy $SRC/a
    zfs create -s -V 64M -o compression=off -o volblocksize=16K $SRC/a
    device=$(volume_device $SRC/a)
    dd if=/dev/zero of="$device" bs=1M count=$SIZE_MIB status=none
    sync "$device"
    snap -r $SRC daily-1
    kill_amid_transfer tree
    assert_resumed
    assert_property $DST/a type volume
    # I6: nothing is left to be done.
    once
    assert_output_has 'ok      /a                             nothing to do'
}

# A token is as new as the last transaction group, and there is one every five seconds.
token_stands() {
    local token
    token=$(property $DST/a receive_resume_token)
    sleep 7
    [ "$token" != - ] && [ "$token" = "$(property $DST/a receive_resume_token)" ]
}

test_a_receive_that_has_not_ended_yet_is_waited_for_and_then_resumed() {
    local holder
    write_local_config
    start_again -o compression=off
    add_data f
    snap -r $SRC daily-1
    zfs create $DST
    zfs set backupd:placeholder=on $DST
    # Half of a stream, whose pipe stays open for a while.
    { zfs send -w $SRC/a@daily-1 | head -c $((SIZE_MIB << 19)) || :; sleep 35; } 2>/dev/null | zfs receive -s -u -o readonly=on $DST/a 2>/dev/null &
    holder=$!
    wait_until 60 exists $DST/a
    # Else its token moves on while we resume.
    wait_until 240 receiver_has_mib $((SIZE_MIB / 2 - 1))
    wait_until 60 token_stands
    assert_resumed
    wait $holder || :
}

# cut_by_hand NAME ZFS_SEND_WORD...: what a receive leaves that somebody's hand started and cut.
cut_by_hand() {
    local name=$1
    shift
    zfs send "$@" 2>/dev/null | head -c $((1 << 20)) | zfs receive -s -u "$DST$name" 2>/dev/null || :
    [ "$(property "$DST$name" receive_resume_token)" != - ] || fail "no token is left of $name"
}

tokens() { zfs list -H -o name,receive_resume_token -r $DST; }

# The next three look at one tree, in which every dataset has a token of another kind.
test_a_dry_run_says_what_it_would_do_with_each_token_and_leaves_them() {
    local name before
    write_local_config
    fresh_pools
    for name in wanted gone unwanted other plain; do
        zfs create -o compression=off $SRC/$name
    done
    snap -r $SRC daily-1
    zfs send -R -w $SRC@daily-1 | zfs receive -u $DST
    echo 'some passphrase' >"$SCENARIO_DIR/key"
    zfs create -o compression=off -o encryption=on -o keyformat=passphrase -o "keylocation=file://$SCENARIO_DIR/key" \
        -o pbkdf2iters=100000 $SRC/keyed
    zfs create -o compression=off $SRC/new
    for name in wanted gone unwanted other plain keyed new; do
        dd if=/dev/zero of="$(property $SRC/$name mountpoint)/f" bs=1M count=2 status=none
    done
    snap $SRC/unwanted hourly-1
    snap $SRC/other hourly-1
    for name in wanted gone other plain keyed new; do snap $SRC/$name daily-2; done
    cut_by_hand /wanted -w -i @daily-1 $SRC/wanted@daily-2
    cut_by_hand /gone -w -i @daily-1 $SRC/gone@daily-2
    cut_by_hand /unwanted -w -i @daily-1 $SRC/unwanted@hourly-1
    cut_by_hand /other -w -i @daily-1 $SRC/other@hourly-1
    cut_by_hand /plain -i @daily-1 $SRC/plain@daily-2
    cut_by_hand /keyed $SRC/keyed@daily-2
    cut_by_hand /new -w $SRC/new@daily-2
    zfs destroy $SRC/gone@daily-2
    snap $SRC/gone daily-3
    zfs destroy $SRC/new@daily-2
    snap $SRC/new daily-3

    before=$(tokens)
    once -dryrun
    assert_output_has '/wanted: would resume the interrupted receive' \
        '/gone: would discard the interrupted receive: ' '/new: would discard the interrupted receive: ' \
        '/unwanted: would discard the interrupted receive: nothing is to be sent any more' \
        '/other: would discard the interrupted receive: it is of another snapshot than the one to be sent next' \
        '/plain: would discard the interrupted receive: it is of a send with other flags' \
        '/keyed: would discard the interrupted receive: it is not of a raw stream'
    assert_equal "$before" "$(tokens)" 'tokens after a dry run'
}

test_a_token_that_cannot_or_need_not_be_resumed_is_discarded_for_its_reason_and_the_same_cycle_succeeds() {
    once
    assert_output_has '/wanted: resume: send daily-1 to daily-2' \
        '/gone: discarding the interrupted receive: ' '/new: discarding the interrupted receive: ' \
        '/unwanted: discarding the interrupted receive: nothing is to be sent any more' \
        '/other: discarding the interrupted receive: it is of another snapshot than the one to be sent next' \
        '/plain: discarding the interrupted receive: it is of a send with other flags' \
        '/keyed: discarding the interrupted receive: it is not of a raw stream'
    assert_equal 2 "$(grep -c 'discarding.*no longer exists' <<<"$OUTPUT")" 'tokens whose snapshot is gone'
    assert_equal '' "$(tokens | grep -v '\-$' || :)" 'tokens that are left'
}

test_after_discarded_tokens_both_sides_have_what_they_should() {
    assert_snapshots remote /wanted daily-1 daily-2
    assert_snapshots remote /gone daily-1 daily-3
    assert_snapshots remote /unwanted daily-1
    assert_snapshots remote /other daily-1 daily-2
    assert_snapshots remote /plain daily-1 daily-2
    assert_snapshots remote /keyed daily-2
    assert_snapshots remote /new daily-3
    for name in wanted gone unwanted other plain keyed new; do assert_same_guids /$name; done
    assert_property $DST/keyed encryptionroot $DST/keyed
}

scenario_begin
run_tests "$@"
