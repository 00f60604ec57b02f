#!/bin/bash
# What goes wrong in the middle: a snapshot that somebody destroys, a clock that steps back, a dataset with another
# name, a token of something else, a transfer that crawls or stands still, an sshd that dies, a pool that stops.

# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# write_local_config DAILY [SECTION LINES]...: both sides in this machine, and so many kept of each.
write_local_config() {
    local daily=$1
    shift
    write_config remote 'ssh_host = ""' local.policy "daily = $daily" remote.policy "daily = $daily" "$@"
}

# Zeros are quickly made, and without compression they are data like any other.
add_data() { dd if=/dev/zero of="$(property "$SRC$1" mountpoint)/$2" bs=1M "count=$3" status=none; }

# A zfs whose `send` of /a hands on 6 MiB, and then does what REST says with the remainder of the stream.
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
head -c $((6 << 20))
$1
END
    chmod +x "$SCENARIO_DIR/slow/zfs"
}

with_slow_zfs() { PATH=$SCENARIO_DIR/slow:$PATH "$@"; }

# I6: the next run sends nothing, the one after it does nothing at all.
assert_settles() {
    local before
    once
    assert_output_lacks 'send '
    before=$(fingerprint)
    once
    assert_output_lacks 'send ' 'destroy '
    assert_equal "$before" "$(fingerprint)" 'what a run with nothing to do changed'
}

test_a_snapshot_that_is_destroyed_between_listing_and_transfer_is_planned_without_in_the_same_cycle() {
    write_local_config 4
    zfs create -o compression=off $SRC/a
    zfs create $SRC/b
    snap -r $SRC daily-1
    once
    snap -r $SRC daily-2 daily-3
    with_zfs 'send*/a@daily-2' "zfs destroy $SRC/a@daily-2" backupd -once
    assert_status 0
    assert_output_has '/a: looking again after this: ' 'daily-2' '/a: send daily-1 to daily-3' 'ok      /b '
    assert_same_guids /b daily-1 daily-2 daily-3
    assert_snapshots remote /a daily-1 daily-3
    assert_snapshots local /a daily-1 daily-3
    assert_same_guids /a daily-1 daily-3
}

step_clock() { date -s "@$(($(date +%s) + $1))"; }

# Snapshots as `snap` makes them, of the present second whatever it is.
snap_now() {
    sleep 1.1
    zfs snapshot -r "$1"
}

test_a_clock_that_steps_back_a_day_between_snapshots_stops_nothing_and_costs_nothing() {
    in_guest || skip 'the clock is not ours to set'
    step_clock -86400
    # Whatever happens in between.
    trap 'step_clock 86400' EXIT
    snap_now $SRC@daily-4
    snap_now $SRC@daily-5
    [ "$(property $SRC/a@daily-5 creation)" -lt "$(property $SRC/a@daily-3 creation)" ] || fail 'the clock did not step'
    write_local_config 5
    once
    assert_output_has '/a: send daily-3 to daily-4' '/a: send daily-4 to daily-5'
    assert_snapshots local /a daily-1 daily-3 daily-4 daily-5
    assert_snapshots remote /a daily-1 daily-3 daily-4 daily-5
    assert_same_guids /a daily-1 daily-3 daily-4 daily-5
    assert_equal "backupd-$(property $SRC/a@daily-5 guid)" "$(bookmarks $SRC/a)" 'the bookmark'
    assert_settles
}

test_when_the_clock_is_right_again_the_newest_by_creation_stay_and_the_base_carries_the_next_increment() {
    in_guest || skip 'the clock is not ours to set'
    snap -r $SRC daily-6
    # By creation these are 6, 3 and 1; 5 is the base, and goes once 6 has arrived.
    write_local_config 3
    once
    assert_output_has '/a: send daily-5 to daily-6'
    assert_same_guids /a daily-6
    assert_settles
    assert_snapshots local /a daily-1 daily-3 daily-6
    assert_snapshots remote /a daily-1 daily-3 daily-6
    assert_same_guids /a daily-1 daily-3 daily-6
    assert_same_guids /b daily-6
}

test_a_dataset_that_was_renamed_is_copied_as_a_new_one_and_the_old_copy_stays_exactly_as_it_is() {
    local before
    write_local_config 4
    before=$(guids remote /b)
    zfs rename $SRC/b $SRC/renamed
    snap $SRC/renamed daily-7
    once
    assert_output_has 'kept    /b ' 'only the remote has it: left as it is'
    assert_same_guids /renamed daily-6 daily-7
    assert_equal "$before" "$(guids remote /b)" 'the old copy'
    assert_property $DST/b readonly on local
    assert_equal "backupd-$(property $SRC/renamed@daily-7 guid)" "$(bookmarks $SRC/renamed)" 'the bookmark'
    assert_settles
    assert_equal "$before" "$(guids remote /b)" 'the old copy'
}

# cut_by_hand NAME ZFS_SEND_WORD...: what a receive leaves that somebody's hand started and cut.
cut_by_hand() {
    local name=$1
    shift
    zfs send "$@" 2>/dev/null | head -c $((1 << 20)) | zfs receive -s -u "$DST$name" 2>/dev/null || :
    [ "$(property "$DST$name" receive_resume_token)" != - ] || fail "no token is left of $name"
}

test_tokens_of_another_dataset_and_of_a_send_with_other_flags_are_discarded_in_words() {
    local name
    write_local_config 4
    for name in mixed plain; do zfs create -o compression=off $SRC/$name; done
    add_data /mixed f 2
    add_data /a f 2
    snap $SRC/plain daily-1
    zfs send -w $SRC/plain@daily-1 | zfs receive -u $DST/plain
    add_data /plain f 2
    for name in mixed plain a; do snap $SRC/$name daily-8; done
    # A full stream of /a where the copy of /mixed is to be.
    cut_by_hand /mixed -w $SRC/a@daily-8
    cut_by_hand /plain -i @daily-1 $SRC/plain@daily-8
    once
    assert_output_has '/plain: discarding the interrupted receive: it is of a send with other flags' \
        "/mixed: discarding the interrupted receive: it is of $SRC/a@daily-8, which is no snapshot of $SRC/mixed"
    for name in mixed plain a; do
        assert_same_guids /$name daily-8
        assert_property $DST/$name receive_resume_token -
    done
    zfs mount $DST/mixed
    assert cmp "$(property $SRC/mixed mountpoint)/f" "$(property $DST/mixed mountpoint)/f"
    zfs unmount $DST/mixed
    for name in mixed plain renamed; do zfs destroy -r $SRC/$name; done
}

test_a_transfer_that_crawls_for_longer_than_the_stall_timeout_is_not_ended() {
    write_local_config 4 sync 'stall_timeout = "10s"'
    make_slow_zfs "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do head -c 262144; sleep 1; done; exec cat"
    add_data /a f 12
    snap $SRC/a daily-9
    with_slow_zfs once
    [ "$TOOK" -ge 14 ] || fail "it took $TOOK s, which is not slow"
    assert_output_has '/a: done: send daily-8 to daily-9'
    assert_output_lacks 'stalled' 'resume'
    assert_same_guids /a daily-9
}

nothing_of_a_transfer_runs() { ! pgrep -f '^sleep 4242' && ! pgrep -f '^zfs (send|receive) '; }

test_a_transfer_that_stands_still_is_ended_with_all_its_processes_and_resumed_by_the_next_cycle() {
    # More than there are: nothing is to be destroyed.
    write_local_config 20 sync 'stall_timeout = "10s"'
    # Two, one of which is no child of ours.
    make_slow_zfs 'sleep 4242 & exec sleep 4242'
    add_data /a f 12
    snap $SRC/a daily-10
    note_snapshots
    with_slow_zfs backupd -once
    assert_status 1
    assert wait_until 5 nothing_of_a_transfer_runs
    assert_equal 1 "$(grep -c '^FAILED ' <<<"$OUTPUT")" 'datasets that failed'
    assert_output_has 'FAILED  /a ' 'not one byte more in 10 s, so it was ended' '[stalled]'
    assert_nothing_was_destroyed
    once
    assert_output_has '/a: resume: send '
    assert_same_guids /a daily-10
}

datasets_failed() { grep -cE ' /[a-z]*: failed: ' "$DAEMON_LOG" || :; }

a_dataset_failed() { [ "$(datasets_failed)" -gt 0 ]; }

# The last cycle that ended was one without any failure.
recovered() { [[ $(grep -E 'cycle [0-9]+: .*(failed|took)' "$DAEMON_LOG" | tail -n 1) == *', 0 failed, took '* ]]; }

test_an_sshd_that_dies_with_its_sessions_amid_a_transfer_is_one_error_and_the_transfer_resumes() {
    [ "$REMOTE_KIND" = guest ] || skip 'the sshd is not ours to kill'
    write_config local.policy 'daily = 20' remote.policy 'daily = 20' sync 'interval = "10s";parallel = 1'
    make_slow_zfs "for i in \$(seq 100); do head -c 65536 || exit; sleep 1; done"
    add_data /a f 12
    snap $SRC/a daily-11
    note_snapshots
    with_slow_zfs daemon_start
    wait_until 240 receiver_has_mib 4
    test-sshd cut
    wait_until 30 a_dataset_failed
    assert_nothing_was_destroyed
    assert_equal 1 "$(datasets_failed)" 'datasets that failed'
    grep -qE ' /a: failed: .*\[ssh-lost\]' "$DAEMON_LOG" || fail "not a lost connection: $(cat "$DAEMON_LOG")"
    test-sshd start
    wait_until 60 grep -q '/a: resume: send ' "$DAEMON_LOG"
    wait_until 240 recovered
    daemon_stop
    assert_status 0
    assert_same_guids /a daily-11
    assert_property $DST/a receive_resume_token -
}

# The remote pool on a sparse file whose filesystem cannot hold it: writes fail.
make_sick_pool() {
    destroy_pool $DST_POOL
    mkdir -p "$SCENARIO_DIR/tiny"
    mount -t tmpfs -o size=24M tmpfs "$SCENARIO_DIR/tiny"
    truncate -s 300M "$SCENARIO_DIR/tiny/disk"
    zpool create -f -o failmode=wait -O atime=off -O "mountpoint=$SCENARIO_DIR/mnt/$DST_POOL" $DST_POOL \
        "$SCENARIO_DIR/tiny/disk"
}

mend_pool() {
    mount -o remount,size=1G "$SCENARIO_DIR/tiny"
    zpool clear $DST_POOL
}

end_sick_pool() {
    mend_pool
    destroy_pool $DST_POOL
    umount "$SCENARIO_DIR/tiny"
}

remote_pool_is_suspended() { [ "$(zpool list -H -o health $DST_POOL)" = SUSPENDED ]; }

test_a_remote_pool_that_stops_amid_a_transfer_is_told_in_words_and_once_it_is_cleared_everything_arrives() {
    in_guest || skip 'a pool that has stopped is not for a machine that others use'
    write_local_config 4 sync 'interval = "10s";stall_timeout = "10s";parallel = 1'
    # One full stream of each, that of /a too large.
    zfs destroy -r $SRC@%
    [ -z "$(snapshots local /a)" ] || zfs destroy $SRC/a@%
    exists $SRC/b || zfs create $SRC/b
    fill $SRC/a h $((30 << 10))
    snap -r $SRC daily-12
    make_sick_pool
    trap end_sick_pool EXIT
    note_snapshots
    daemon_start
    wait_until 240 remote_pool_is_suspended
    wait_until 60 a_dataset_failed
    assert grep -qE ' /[ab]*: failed: .*\[(stalled|pool-suspended)\]' "$DAEMON_LOG"
    # And the next one, which meets a pool that stands still from the start.
    wait_until 60 grep -qE 'failed: .*\[pool-suspended\]' "$DAEMON_LOG"
    kill -0 "$DAEMON_PID" || fail 'the daemon is gone'
    assert_nothing_was_destroyed
    mend_pool
    wait_until 240 recovered
    daemon_stop
    assert_status 0
    assert_same_guids /a daily-12
    assert_same_guids /b daily-12
    assert_nothing_was_destroyed
}

scenario_begin
run_tests "$@"
