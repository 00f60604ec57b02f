#!/bin/bash
# The daemon: one for a configuration, what it does on each signal, what it tells the snitch, and what it leaves behind.

# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

write_local_config() { write_config remote 'ssh_host = ""' local.policy 'daily = 3' remote.policy 'daily = 9' "$@"; }

# Nothing of backupd's, on either side.
nothing_runs() { ! pgrep -x backupd && ! pgrep -f '^zfs (send|receive|list|destroy) ' && ! pgrep -f '^ssh .*ControlPath'; }

cycles_ended() { grep -cE 'cycle [0-9]+: (failed|[0-9]+ datasets)' "$DAEMON_LOG" || :; }

more_cycles_than() { [ "$(cycles_ended)" -gt "$1" ]; }

# A zfs whose `send` of /a goes silent after 4 MiB. Everything of it dies with its process group.
make_slow_zfs() {
    mkdir -p "$SCENARIO_DIR/slow"
    cat >"$SCENARIO_DIR/slow/zfs" <<END
#!/bin/sh
PATH=${PATH@Q}
case "\$*" in
"send -w "*/a@*) zfs "\$@" | { head -c $((4 << 20)) && sleep 100; } ;;
*) exec zfs "\$@" ;;
esac
END
    chmod +x "$SCENARIO_DIR/slow/zfs"
}

# --- one at a time ---

test_a_second_daemon_is_refused_and_told_who_holds_the_lock() {
    write_local_config
    zfs create $SRC/a
    snap -r $SRC daily-1
    daemon_start
    wait_for_log 60 'cycle 1: 2 datasets, 0 failed'
    backupd -once
    assert_status 1
    assert_output_has "process $DAEMON_PID holds $RUNTIME_DIRECTORY/" 'stop the other backupd first'
    # By another name it is the same configuration.
    ln -s "$CONFIG" "$SCENARIO_DIR/other.toml"
    backupd_bare -config "$SCENARIO_DIR/other.toml"
    assert_status 1
    assert_output_has "process $DAEMON_PID holds"
    kill -KILL "$DAEMON_PID"
    wait "$DAEMON_PID" 2>/dev/null || :
    once
}

# --- signals ---

# stops_amid_transfer SIGNAL
stops_amid_transfer() {
    wait_until 240 receiver_has_mib 2
    daemon_stop "$1"
    assert_status 0
    assert_output_has "stopping (SIG$1)"
    assert wait_until 30 nothing_runs
    [ "$(property $DST/a receive_resume_token)" != - ] || fail 'nothing is left to be resumed'
}

test_sigterm_stops_it_amid_a_transfer_which_can_be_resumed() {
    write_local_config
    fill $SRC/a f 8192
    snap $SRC/a daily-2
    make_slow_zfs
    PATH=$SCENARIO_DIR/slow:$PATH daemon_start
    stops_amid_transfer TERM
}

test_sigint_stops_it_amid_a_transfer_over_ssh_which_can_be_resumed() {
    [ "$REMOTE_KIND" != none ] || skip 'there is no sshd'
    write_config local.policy 'daily = 3' remote.policy 'daily = 9'
    zfs receive -A $DST/a
    PATH=$SCENARIO_DIR/slow:$PATH daemon_start
    stops_amid_transfer INT
    once
    assert_output_has '/a: resume: send daily-1 to daily-2'
    assert_same_guids /a daily-1 daily-2
}

test_sigterm_stops_it_between_cycles() {
    write_local_config
    daemon_start
    wait_for_log 30 'cycle 1: 2 datasets, 0 failed'
    daemon_stop TERM
    assert_status 0
    assert wait_until 30 nothing_runs
}

test_sighup_rereads_the_configuration_and_keeps_the_old_one_if_the_new_one_is_wrong() {
    write_local_config
    daemon_start
    wait_for_log 30 'cycle 1: 2 datasets, 0 failed'
    printf '[remote]\nrot = "x"\n[sync]\nparallel = 0\n' >"$CONFIG"
    kill -HUP "$DAEMON_PID"
    wait_for_log 10 'the configuration is wrong: the old one stays in use'
    wait_for_log 1 "$CONFIG:2:1: "
    wait_for_log 1 "$CONFIG:4:"
    snap -r $SRC daily-3
    kill -USR1 "$DAEMON_PID"
    wait_for_log 30 'cycle 2: 2 datasets, 0 failed'
    assert_exists $DST/a@daily-3

    write_local_config remote "root = \"$DST_POOL/another\""
    kill -HUP "$DAEMON_PID"
    wait_for_log 10 'the new configuration is in use'
    kill -USR1 "$DAEMON_PID"
    wait_for_log 60 'cycle 3: 2 datasets, 0 failed'
    assert_exists $DST_POOL/another/a@daily-3
    daemon_stop
    zfs destroy -r $DST_POOL/another
}

test_a_new_configuration_that_comes_in_a_cycle_is_used_from_the_next_one_on() {
    write_local_config
    snap -r $SRC daily-4
    daemon_start
    wait_for_log 30 'cycle 1: started'
    write_local_config remote 'root = ""'
    kill -HUP "$DAEMON_PID"
    kill -USR1 "$DAEMON_PID"
    wait_for_log 30 'cycle 2: 2 datasets, 0 failed'
    assert_exists $DST/a@daily-4
    assert_equal 1 "$(grep -c 'is used from the next cycle on' "$DAEMON_LOG")"
    daemon_stop
    assert_output_has 'the new configuration is in use' 'a cycle is running: another follows it'
}

test_a_cycle_begins_every_interval_and_on_sigusr1() {
    local begin=$SECONDS
    write_local_config sync 'interval = "10s"'
    daemon_start
    wait_for_log 30 'cycle 1: 2 datasets, 0 failed'
    kill -USR1 "$DAEMON_PID"
    wait_for_log 8 'cycle 2: 2 datasets, 0 failed'
    wait_for_log 20 'cycle 3: started'
    [ $((SECONDS - begin)) -ge 10 ] || fail "three cycles in $((SECONDS - begin)) s"
    daemon_stop
}

test_a_logfile_gets_what_standard_output_does_not() {
    write_local_config
    # The log stays empty, for which daemon_start would wait.
    "$BACKUPD" -config "$CONFIG" -logfile "$SCENARIO_DIR/file.log" >"$DAEMON_LOG" 2>&1 </dev/null 9>&- &
    DAEMON_PID=$!
    wait_until 30 grep -q 'cycle 1: 2 datasets, 0 failed' "$SCENARIO_DIR/file.log"
    daemon_stop
    assert_status 0
    assert_equal '' "$OUTPUT" 'standard output'
    assert grep -q 'stopping (SIGTERM)' "$SCENARIO_DIR/file.log"
}

# --- the snitch ---

# What answers on 127.0.0.1 notes the request and the user that sent it, then waits, then answers.
start_snitch() {
    cat >"$SCENARIO_DIR/snitch.py" <<'END'
import glob, http.server, os, sys, time
folder, delay = sys.argv[1], float(sys.argv[2])

def owner(port):
    """The user of the socket at our peer's port."""
    for line in open("/proc/net/tcp").readlines()[1:]:
        fields = line.split()
        if int(fields[1].split(":")[1], 16) == port:
            return fields[7]
    return "?"

class Snitch(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open(folder + "/requests", "a") as out:
            print(self.command, self.path, owner(self.client_address[1]), file=out)
        time.sleep(delay)
        self.send_response(200)
        self.end_headers()
    def log_message(self, *args):
        pass

server = http.server.HTTPServer(("127.0.0.1", 0), Snitch)
with open(folder + "/port.new", "w") as out:
    out.write(str(server.server_port))
os.rename(folder + "/port.new", folder + "/port")
server.serve_forever()
END
    command -v python3 >/dev/null || skip 'there is no python3'
    rm -f "$SCENARIO_DIR/port" "$SCENARIO_DIR/requests"
    python3 "$SCENARIO_DIR/snitch.py" "$SCENARIO_DIR" "$1" </dev/null 9>&- &
    SNITCH_PID=$!
    wait_until 30 test -s "$SCENARIO_DIR/port"
    BACKUPD_TEST_SNITCH_URL=http://127.0.0.1:$(cat "$SCENARIO_DIR/port")/
    export BACKUPD_TEST_SNITCH_URL
}

requests() { cat "$SCENARIO_DIR/requests" 2>/dev/null || :; }

test_the_snitch_is_told_by_an_unprivileged_process_after_a_cycle_that_succeeded() {
    local pid
    start_snitch 4
    write_local_config top 'snitch_id = "abc123"'
    daemon_start
    wait_until 60 test -s "$SCENARIO_DIR/requests"
    assert_equal 'GET /abc123' "$(requests | cut -d' ' -f1,2)"
    assert_equal "$(id -u nobody)" "$(requests | cut -d' ' -f3)" 'user of the socket'
    pid=$(pgrep -P "$DAEMON_PID" -f ' notifier-role ') || fail 'there is no notifier'
    assert_equal "$(id -u nobody)" "$(stat -c %u "/proc/$pid")" 'user of the process'
    assert grep -qE '^CapEff:\s0+$' "/proc/$pid/status"
    wait_for_log 20 'told the snitch'
    refute grep -q 'told the snitch' <(sed '/cycle 1: 2 datasets, 0 failed/q' "$DAEMON_LOG")
    daemon_stop
    kill $SNITCH_PID
}

test_the_snitch_is_not_told_after_a_failed_cycle_or_a_dry_run() {
    start_snitch 0
    write_local_config top 'snitch_id = "abc123"'
    once -dryrun
    zfs create $SRC/foreign
    zfs snapshot $SRC/foreign@daily-4
    zfs create $DST/foreign
    backupd -once
    assert_status 1
    zfs destroy -r $SRC/foreign
    zfs destroy -r $DST/foreign
    assert_equal '' "$(requests)" 'requests'
    once
    assert_output_has 'told the snitch'
    assert_equal 1 "$(requests | grep -c .)" 'requests'
    kill $SNITCH_PID
}

test_a_snitch_that_cannot_be_told_is_logged_and_nothing_more() {
    # Nobody listens on the port of a server that has ended.
    start_snitch 0
    kill $SNITCH_PID
    write_local_config top 'snitch_id = "abc123"'
    once
    assert_output_has 'cannot reach the snitch: '
    assert_equal 1 "$(grep -c 'cannot reach the snitch' <<<"$OUTPUT")"
}

# --- workers and the connection ---

test_at_most_parallel_workers_run_and_parents_come_before_children() {
    local name most=0 now
    write_local_config sync 'parallel = 2'
    for name in b b/c b/c/d e f; do zfs create $SRC/$name; done
    snap -r $SRC daily-5
    daemon_start
    # What the engine itself starts has its name for a moment; by now it has listed.
    wait_for_log 30 ': send daily-5'
    { set +x; } 2>/dev/null
    until more_cycles_than 0; do
        # A worker has the command line of its parent; roles, and what it starts, have others.
        now=$(pgrep -c -P "$DAEMON_PID" -f -- ' -config ' || :)
        [ "$now" -le "$most" ] || most=$now
    done
    set -x
    daemon_stop
    assert_output_has 'cycle 1: 7 datasets, 0 failed'
    assert_equal 2 "$most" 'workers at a time'
    assert_equal "/b
/b/c
/b/c/d" "$(sed -n 's|.* \(/b[/a-z]*\): send daily-5 (all of it)$|\1|p' "$DAEMON_LOG")" 'order of a branch'
    zfs destroy -r $SRC/b
    zfs destroy $SRC/e@daily-5
    zfs destroy $SRC/f@daily-5
    zfs destroy $SRC/e
    zfs destroy $SRC/f
}

not_running() { ! pgrep -f "$1"; }

handshakes() { grep -c 'Accepted publickey' "$SCENARIO_DIR/sshd.log" || :; }

descriptors() { find "/proc/$DAEMON_PID/fd" -mindepth 1 | wc -l; }

test_one_connection_serves_all_cycles_and_descriptors_do_not_grow() {
    local before number
    [ "$REMOTE_KIND" = guest ] || skip 'the log of sshd is not ours'
    write_config local.policy 'daily = 3' remote.policy 'daily = 9'
    test-sshd stop
    /usr/sbin/sshd -f /etc/ssh/sshd_test_config -E "$SCENARIO_DIR/sshd.log"
    daemon_start
    wait_until 60 more_cycles_than 0
    assert_equal 1 "$(handshakes)" 'handshakes in the first cycle'
    before=$(descriptors)
    for number in {1..10}; do
        # Now and then there is something to send as well.
        [ $((number % 4)) != 0 ] || snap -r $SRC "daily-1$number"
        kill -USR1 "$DAEMON_PID"
        wait_until 240 more_cycles_than "$number"
    done
    assert_equal 1 "$(handshakes)" 'handshakes in ten cycles'
    assert_equal "$before" "$(descriptors)" 'descriptors after ten cycles'
    assert_same_guids /a daily-18
    refute grep -q 'failed: ' "$DAEMON_LOG"

    # The same daemon, whose connection is killed.
    before=$(cycles_ended)
    pkill -KILL -f '^ssh .*ControlMaster=yes'
    wait_until 10 not_running '^ssh .*ControlMaster=yes'
    sleep 1 # until the daemon has heard of it
    kill -USR1 "$DAEMON_PID"
    wait_until 60 more_cycles_than "$before"
    assert_equal 2 "$(handshakes)" 'handshakes after the connection was killed'
    assert [ "$(tail -n 1 "$DAEMON_LOG" | grep -c ', 0 failed')" = 1 ]
    daemon_stop
    assert_status 0
    assert wait_until 30 nothing_runs
    test-sshd start
}

scenario_begin
run_tests "$@"
