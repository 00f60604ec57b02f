#!/bin/bash
# Transfers that were cut short: they go on from where they were, or are given up for a reason that is told.

# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# Enough that a receive can be killed in its middle.
SIZE_MIB=24
CUT_MIB=6

# Both sides in this machine, one dataset at a time.
write_local_config() { write_config local.policy 'daily = 4' remote.policy 'daily = 4' remote 'ssh_host = ""' "$@"; }

write_ssh_config() {
    [ "$REMOTE_KIND" != none ] || skip "there is no sshd"
    write_config local.policy 'daily = 4' remote.policy 'daily = 4' "$@"
}

# start_again [ZFS CREATE OPTION...]: $SRC/a alone, and no copy.
start_again() {
    for root in $DST $SRC; do
        # A receive that was killed may not have ended yet.
        wait_until 20 destroy_tree $root
    done
    zfs create $SRC
    zfs create "$@" $SRC/a
}

destroy_tree() { ! exists "$1" || zfs destroy -R "$1"; }

# Zeros are quickly made, and without compression they are data like any other.
add_data() { dd if=/dev/zero of="$(property $SRC/a mountpoint)/$1" bs=1M "count=${2:-$SIZE_MIB}" status=none; }

taken_in() { sed -n 's/^rchar: //p' "/proc/$1/io" 2>/dev/null || :; }

descendants() {
    local child
    for child in $(pgrep -P "$1"); do
        descendants "$child"
        echo "$child"
    done
}

# kill_amid_transfer alone|tree: runs a cycle and kills backupd, or all of its processes, once the receiving zfs has
# taken in some MiB.
kill_amid_transfer() {
    local pid receiver='' taken victims
    "$BACKUPD" -config "$CONFIG" -once >"$SCENARIO_DIR/last" 2>&1 </dev/null 9>&- &
    pid=$!
    { set +x; } 2>/dev/null
    while kill -0 $pid 2>/dev/null; do
        if [ -z "$receiver" ]; then
            receiver=$(pgrep -f '^zfs receive .*/a$' || :)
            continue
        fi
        taken=$(taken_in "$receiver")
        [ "${taken:-0}" -lt $((CUT_MIB << 20)) ] || break
    done
    victims=$pid
    [ "$1" = alone ] || victims+=" $(descendants $pid | tr '\n' ' ')"
    # shellcheck disable=SC2086 # several
    kill -KILL $victims 2>/dev/null || fail "the cycle ended before it could be killed"
    set -x
    wait $pid 2>/dev/null || :
    # What it had started dies with it, whoever was killed.
    wait_until 3 no_backupd
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
    # Where it was killed it had taken in more than CUT_MIB, but not all of that may have reached the disk.
    [ "$kib" -lt $(((SIZE_MIB - CUT_MIB / 2) * 1024)) ] || fail "$kib KiB were sent, which is not clearly less than all"
    assert_same_guids /a
    assert_property $DST/a receive_resume_token -
}

# cut_by_hand MIB ZFS_SEND_WORD...: what a receive leaves that somebody's hand started and cut.
cut_by_hand() {
    local mib=$1
    shift
    zfs send "$@" 2>/dev/null | head -c $((mib << 20)) | zfs receive -s -u $DST/a 2>/dev/null || :
    [ "$(property $DST/a receive_resume_token)" != - ] || fail "no token is left"
}

test_an_initial_transfer_over_ssh_resumes_after_all_processes_were_killed() {
    write_ssh_config
    start_again -o compression=off
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

test_a_receive_that_has_not_ended_yet_is_waited_for_and_then_resumed() {
    local holder
    write_local_config
    start_again -o compression=off
    add_data f
    snap -r $SRC daily-1
    zfs create $DST
    zfs set backupd:placeholder=on $DST
    # Half of a stream, whose pipe stays open for a while.
    { zfs send -w $SRC/a@daily-1 | head -c $((SIZE_MIB << 19)); sleep 12; } 2>/dev/null | zfs receive -s -u -o readonly=on $DST/a 2>/dev/null &
    holder=$!
    wait_until 10 exists $DST/a
    assert_resumed
    wait $holder || :
}

test_a_token_of_a_snapshot_that_was_destroyed_meanwhile_is_discarded() {
    write_local_config
    start_again -o compression=off
    snap -r $SRC daily-1
    once
    add_data f 4
    snap $SRC/a daily-2
    cut_by_hand 2 -w -i @daily-1 $SRC/a@daily-2
    zfs destroy $SRC/a@daily-2
    snap $SRC/a daily-3
    once
    assert_output_has '/a: discarding the interrupted receive: ' 'no longer exists'
    assert_snapshots remote /a daily-1 daily-3
    assert_same_guids /a daily-1 daily-3
    assert_property $DST/a receive_resume_token -
}

test_a_token_of_an_initial_transfer_whose_snapshot_was_destroyed_is_discarded() {
    write_local_config
    start_again -o compression=off
    add_data f 4
    snap -r $SRC daily-1
    zfs create $DST
    zfs set backupd:placeholder=on $DST
    cut_by_hand 2 -w $SRC/a@daily-1
    zfs destroy $SRC/a@daily-1
    snap -r $SRC daily-2
    once
    assert_output_has '/a: discarding the interrupted receive: ' 'no longer exists'
    assert_snapshots remote /a daily-2
    assert_same_guids /a daily-2
}

test_a_token_of_a_snapshot_that_no_policy_wants_any_more_is_discarded() {
    write_local_config
    start_again -o compression=off
    snap -r $SRC daily-1
    once
    add_data f 4
    snap $SRC/a hourly-1
    cut_by_hand 2 -w -i @daily-1 $SRC/a@hourly-1
    once
    assert_output_has '/a: discarding the interrupted receive: nothing is to be sent any more'
    assert_snapshots remote /a daily-1
    assert_property $DST/a receive_resume_token -
}

test_a_token_of_another_snapshot_than_the_next_one_is_discarded() {
    write_local_config
    snap $SRC/a daily-2
    cut_by_hand 2 -w -i @daily-1 $SRC/a@hourly-1
    once
    assert_output_has '/a: discarding the interrupted receive: it is of another snapshot than the one to be sent next'
    assert_snapshots remote /a daily-1 daily-2
    assert_same_guids /a daily-1 daily-2
}

test_a_token_of_a_stream_that_needed_the_key_is_discarded() {
    write_local_config
    start_again -o compression=off -o encryption=on -o keyformat=passphrase -o "keylocation=file://$SCENARIO_DIR/key" \
        -o pbkdf2iters=100000
    add_data f 4
    snap -r $SRC daily-1
    zfs create $DST
    zfs set backupd:placeholder=on $DST
    cut_by_hand 2 $SRC/a@daily-1
    once
    assert_output_has '/a: discarding the interrupted receive: it is not of a raw stream'
    assert_property $DST/a encryptionroot $DST/a
    assert_same_guids /a daily-1
}

test_a_dry_run_says_what_it_would_do_with_a_token_and_leaves_it() {
    local token
    write_local_config
    start_again -o compression=off
    snap -r $SRC daily-1
    once
    add_data f 4
    snap $SRC/a daily-2
    cut_by_hand 2 -w -i @daily-1 $SRC/a@daily-2
    token=$(property $DST/a receive_resume_token)
    once -dryrun
    assert_output_has '/a: would resume the interrupted receive'
    assert_property $DST/a receive_resume_token "$token"
    once
    assert_output_has '/a: resume: send daily-1 to daily-2'
    assert_same_guids /a daily-1 daily-2
}

scenario_begin
run_tests "$@"
