#!/bin/bash
# The remote fails in every way that it has: each is one clear error, nothing is destroyed for it, nothing is tried in
# a hot loop, and once the cause is gone everything goes on by itself.

# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

known_hosts() { printf '%s\n' "$SCENARIO_DIR/known_hosts"; }

# write_remote_config [SSH OPTION...]: interval and keep-alives are the shortest, the known hosts are our own.
write_remote_config() {
    local list='"-p", "2222"' option
    for option in "-oUserKnownHostsFile=$(known_hosts)" "$@"; do
        list+=", \"$option\""
    done
    write_config remote "ssh_options = [$list]" sync 'interval = "10s"' ${key_line:+remote "$key_line"} \
        local.policy 'daily = 2;hourly = 1' remote.policy 'daily = 4'
}

needs_guest() { [ "$REMOTE_KIND" = guest ] || skip "the sshd is not ours to break"; }

# The one error of a cycle in which the remote as a whole was the trouble.
assert_one_error() {
    assert_status 1
    assert_equal 1 "$(grep -c . <<<"$STDOUT")" "lines of output"
    assert_output_has "failed: the remote side ($REMOTE_HOST:$DST): " "$@"
    assert_nothing_was_destroyed
}

cycles_started() { grep -c ': started$' "$DAEMON_LOG" || :; }

cycles_failed() { grep -c 'cycle [0-9]*: failed: ' "$DAEMON_LOG" || :; }

# The last cycle that ended was one without any failure, and is later than number $1.
recovered_after() {
    local line number
    line=$(grep -E 'cycle [0-9]+: .*(failed|took)' "$DAEMON_LOG" | tail -n 1)
    number=$(sed 's/.*cycle \([0-9]*\): .*/\1/' <<<"$line")
    [ "$number" -gt "$1" ] && [[ $line == *', 0 failed, took '* ]]
}

# Each cycle that failed is one error of the kinds that PATTERN names, in what the log has now.
assert_one_error_a_cycle() {
    cp "$DAEMON_LOG" "$SCENARIO_DIR/log.now"
    assert_equal "$(grep -c 'cycle [0-9]*: failed: ' "$SCENARIO_DIR/log.now")" \
        "$(grep -cE "$1" "$SCENARIO_DIR/log.now")" 'errors for each failed cycle'
}

failed_more_often_than() { [ "$(cycles_failed)" -gt "$1" ]; }

test_everything_works_before_the_first_outage() {
    needs_guest
    cp /root/.ssh/known_hosts "$(known_hosts)"
    write_remote_config
    zfs create -o compression=off $SRC/a
    zfs create $SRC/b
    snap -r $SRC daily-1
    once
    # Something to send and something to destroy, for every cycle that comes through.
    snap -r $SRC daily-2 daily-3 hourly-1 hourly-2
    note_snapshots
}

test_an_sshd_that_does_not_run_is_one_error() {
    needs_guest
    write_remote_config
    test-sshd stop
    backupd -once
    test-sshd start
    assert_one_error 'Connection refused' '[ssh-refused]' 'see whether sshd runs there'
}

test_a_changed_host_key_is_one_error_that_says_how_to_look_into_it() {
    needs_guest
    write_remote_config
    ssh-keygen -q -t ed25519 -N '' -f "$SCENARIO_DIR/other"
    echo "[127.0.0.1]:2222 $(cat "$SCENARIO_DIR/other.pub")" >"$(known_hosts)"
    backupd -once
    assert_one_error 'the host key of [127.0.0.1]:2222 has changed' "ssh-keygen -R '[127.0.0.1]:2222'" \
        '[ssh-hostkey-changed]'
}

test_an_unknown_host_key_is_one_error_that_says_what_to_do() {
    needs_guest
    write_remote_config
    : >"$(known_hosts)"
    backupd -once
    cp /root/.ssh/known_hosts "$(known_hosts)"
    assert_one_error 'is not known here: log in once by hand' "ssh -p 2222 $REMOTE_HOST" '[ssh-hostkey-unknown]'
}

test_a_key_that_is_refused_is_one_error_that_says_where_to_look() {
    needs_guest
    key_line="ssh_key = \"$SCENARIO_DIR/other\"" write_remote_config
    backupd -once
    assert_one_error 'Permission denied (publickey)' '[ssh-auth]' 'see remote.ssh_key'
}

test_a_remote_without_zfs_is_one_error() {
    needs_guest
    write_remote_config
    cp /etc/ssh/sshd_test_config "$SCENARIO_DIR"
    echo 'SetEnv PATH=/nowhere' >>/etc/ssh/sshd_test_config
    test-sshd start
    backupd -once
    cp "$SCENARIO_DIR/sshd_test_config" /etc/ssh/
    test-sshd start
    assert_one_error 'zfs: command not found' '[zfs-missing]' 'install OpenZFS on that machine'
}

test_an_exported_remote_pool_is_one_error_and_does_not_look_like_an_empty_one() {
    needs_guest
    write_remote_config
    zpool export $DST_POOL
    backupd -once
    zpool import -d "$SCENARIO_DIR" $DST_POOL
    assert_one_error "pool $DST_POOL is not imported" '[pool-missing]' 'zpool import'
}

test_a_full_remote_pool_fails_what_does_not_fit_and_goes_on_when_there_is_room() {
    needs_guest
    local free
    write_remote_config
    # The largest begins first, and so all others meet a full pool: they have nothing to send.
    once
    snap -r $SRC hourly-2-later
    fill $SRC/b f 12288
    snap $SRC/b daily-4
    free=$(property $DST_POOL available)
    zfs create -o refreservation=$((free - (6 << 20))) $DST_POOL/ballast
    trap '! exists $DST_POOL/ballast || zfs destroy $DST_POOL/ballast' EXIT
    backupd -once
    assert_status 1
    assert_output_has 'FAILED  /b ' '[no-space]' 'ok      /a ' ' 1 failed, took '
    # I3: what was sent before is there, and nothing went for want of room.
    assert_exists $SRC/b@daily-1 $SRC/b@daily-3 $SRC/b@daily-4
    assert_missing $SRC/a@hourly-2
    assert_same_guids /a daily-1 daily-2 daily-3
    zfs destroy $DST_POOL/ballast
    once
    assert_same_guids /b daily-3 daily-4
    assert_missing $SRC/b@hourly-1 $SRC/a@hourly-1
}

# For a test that ends early: what it broke is not to be in the way of those after it.
mend() {
    test-sshd start
    exists $DST_POOL || zpool import -d "$SCENARIO_DIR" $DST_POOL
    ! tc qdisc show dev lo | grep -q tbf || tc qdisc del dev lo root
    ! nft list table inet outage >/dev/null 2>&1 || mend_network
}

test_a_daemon_whose_remote_goes_away_tries_once_an_interval_and_recovers_by_itself() {
    needs_guest
    local begin before
    write_remote_config
    daemon_start
    wait_for_log 60 'cycle 1: 3 datasets, 0 failed'
    before=$(cycles_failed)
    trap mend EXIT
    test-sshd cut
    kill -USR1 "$DAEMON_PID"
    wait_until 30 failed_more_often_than "$before"
    begin=$SECONDS
    before=$(cycles_started)
    sleep 12
    # One an interval of 10 s, and one that was about to begin.
    [ $(($(cycles_started) - before)) -le $(((SECONDS - begin) / 10 + 1)) ] ||
        fail "$(($(cycles_started) - before)) attempts in $((SECONDS - begin)) s"
    assert_one_error_a_cycle '\[ssh-'
    before=$(cycles_started)
    snap -r $SRC daily-5
    test-sshd start
    wait_until 240 recovered_after "$before"
    assert_same_guids /b daily-5

    # The same daemon, whose remote pool goes.
    zpool export $DST_POOL
    snap -r $SRC daily-6 hourly-3
    note_snapshots
    before=$(cycles_failed)
    kill -USR1 "$DAEMON_PID"
    wait_until 30 failed_more_often_than "$before"
    assert_nothing_was_destroyed
    wait_for_log 1 '[pool-missing]'
    assert_one_error_a_cycle '\[(ssh-.*|pool-missing)\]'
    before=$(cycles_started)
    zpool import -d "$SCENARIO_DIR" $DST_POOL
    wait_until 240 recovered_after "$before"
    daemon_stop
    assert_status 0
    assert_same_guids /b daily-6
    assert_missing $SRC/b@hourly-2
}

cut_network() {
    nft add table inet outage
    nft add chain inet outage input '{ type filter hook input priority 0; }'
    nft add rule inet outage input iif lo tcp dport 2222 drop
    nft add rule inet outage input iif lo tcp sport 2222 drop
}

# So that a transfer has a middle.
slow_network() { tc qdisc add dev lo root tbf rate 24mbit burst 128k latency 300ms; }

mend_network() { nft delete table inet outage; }

test_a_transfer_that_loses_its_network_is_one_error_and_resumes_when_it_is_back() {
    needs_guest
    local name before
    # Named here they come before ours, and are the ones that ssh takes.
    write_remote_config -oServerAliveInterval=2 -oServerAliveCountMax=2 -oConnectTimeout=5
    # /a is in transfer, and those after it wait for their turn.
    write_config_for_one_worker
    zfs create $SRC/c
    dd if=/dev/zero of="$(property $SRC/a mountpoint)/g" bs=1M count=20 status=none
    snap -r $SRC daily-7
    trap mend EXIT
    slow_network
    daemon_start
    wait_until 240 receiver_has_mib 4
    cut_network
    wait_until 60 failed_more_often_than 0
    before=$(cycles_started)
    mend_network
    tc qdisc del dev lo root
    # One of the dataset that was in transfer, and one of the remote; none of those that had not begun.
    assert_equal 1 "$(grep -c ': failed: .*\[ssh-lost\]' <(grep ' /[a-z]*: failed: ' "$DAEMON_LOG"))" 'failed datasets'
    wait_until 240 recovered_after "$before"
    wait_until 1 grep -q '/a: resume: send' "$DAEMON_LOG"
    daemon_stop
    for name in /a /b /c; do assert_same_guids $name daily-7; done
}

write_config_for_one_worker() { sed -i 's/^parallel = .*/parallel = 1/' "$CONFIG"; }

scenario_begin
run_tests "$@"
