#!/bin/bash
# The web role on real ZFS: what the page and the interface say of it, what they may do, and what the role may not.

# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

ADDR=127.0.0.1:18888
URL=http://$ADDR

write_web_config() {
    write_config local.policy 'daily = 3; hourly = 3' remote.policy 'daily = 9; hourly = 9' \
        history "path = \"$SCENARIO_DIR/history.sqlite\""
}

start() {
    daemon_start -addr "$ADDR" "$@"
    wait_until 30 curl -fsS -o /dev/null "$URL/api/v1/state"
}

get() { curl -fsS --max-time 20 "$URL$1"; }

# state FILTER: of the state, by jq.
state() { get /api/v1/state | jq -r "$1"; }

has_state() { [ "$(state "$1")" = "$2" ]; }

web_pid() { pgrep -P "$DAEMON_PID" -f ' web-role '; }

post() { curl -sS --max-time 60 -o "$SCENARIO_DIR/answer" -w '%{http_code}' -X POST "$URL$1"; }

# --- one at a time ---

test_the_specifications_own_curl_line_takes_a_snapshot_of_everything_and_sends_it() {
    write_web_config
    zfs create $SRC/a
    zfs create $SRC/a/b
    fill $SRC/a one
    start
    wait_for_log 60 'cycle 1: 3 datasets, 0 failed'
    assert_equal 200 "$(post '/snapshot?periodicity=daily')"
    local full name
    full=$(cat "$SCENARIO_DIR/answer")
    name=${full#*@}
    [[ $name == daily-20??-??-??-?????? ]] || fail "the answer was $full"
    assert_exists "$SRC@$name" "$SRC/a@$name" "$SRC/a/b@$name"
    wait_until 90 exists "$DST/a/b@$name"
    wait_until 30 has_state .verdict.level safe
    daemon_stop
}

test_a_snapshot_that_cannot_be_taken_is_answered_with_the_reason() {
    write_web_config
    start
    wait_for_log 60 ': 3 datasets, 0 failed'
    assert_equal 400 "$(post '/snapshot')"
    assert_equal 400 "$(post '/snapshot?periodicity=a%40b')"
    assert_equal 400 "$(post "/snapshot?periodicity=$(printf 'x%.0s' {1..250})")"
    assert_equal 405 "$(curl -sS -o /dev/null -w '%{http_code}' "$URL/snapshot?periodicity=daily")"
    # Its name has the second of the request.
    local i codes same=()
    for i in {1..8}; do same+=(-o /dev/null "$URL/snapshot?periodicity=hourly"); done
    : "$i"
    codes=$(curl -sS --max-time 120 --parallel --parallel-immediate -w '%{http_code} ' -X POST "${same[@]}")
    [[ $codes == *409* ]] || fail "eight at once were answered $codes"
    wait_until 60 has_state .cycle.running false
    zpool export $SRC_POOL
    assert_equal 500 "$(post '/snapshot?periodicity=daily')"
    grep -q "$SRC_POOL" "$SCENARIO_DIR/answer" || fail "the words were: $(cat "$SCENARIO_DIR/answer")"
    zpool import -d "$SCENARIO_DIR" $SRC_POOL
    daemon_stop
}

test_status_and_snapshot_go_through_the_socket_and_say_how_it_stands() {
    write_web_config
    backupd status
    assert_status 3
    start
    wait_for_log 60 ': 3 datasets, 0 failed'
    backupd status
    assert_status 0
    assert_output_has 'All 3 datasets are safe'
    backupd snapshot weekly
    assert_status 0
    assert_exists "$(tr -d '\n' <"$SCENARIO_DIR/stdout")"
    assert_equal 600 "$(stat -c %a "$RUNTIME_DIRECTORY"/*.sock)"
    wait_until 60 has_state .cycle.running false
    # The remote is written to: that dataset fails, and only that.
    snap $DST/a foreign-1
    snap -r $SRC daily-new
    assert_equal 202 "$(post /api/v1/sync)"
    wait_until 60 has_state .verdict.level failed
    backupd status
    assert_status 1
    assert_output_has /a foreign-1
    backupd status -json
    assert_equal diverged "$(jq -r '.datasets[] | select(.name == "/a").code' "$SCENARIO_DIR/stdout")"
    assert_equal 503 "$(curl -sS -o /dev/null -w '%{http_code}' "$URL/healthz")"
    zfs destroy $DST/a@foreign-1
    assert_equal 202 "$(post /api/v1/sync)"
    wait_until 60 has_state .verdict.level safe
    daemon_stop
}

test_what_is_shown_of_a_dataset_is_what_zfs_says() {
    write_web_config
    fill $SRC/a two 2048
    snap -r $SRC daily-big
    zfs hold keep $SRC/a@daily-big
    start
    wait_until 90 exists $DST/a@daily-big
    wait_until 60 has_state .cycle.running false
    get /api/v1/datasets/a >"$SCENARIO_DIR/a"
    assert_equal "$(snapshots local /a | wc -l)" "$(jq .local.snapshots "$SCENARIO_DIR/a")"
    assert_equal "$(property $SRC/a@daily-big guid)" \
        "$(jq -r '.snapshots[] | select(.name == "daily-big").guid' "$SCENARIO_DIR/a")"
    [ "$(jq '.snapshots[] | select(.name == "daily-big").size' "$SCENARIO_DIR/a")" -gt 2000000 ] ||
        fail 'the size is too small'
    assert_equal present "$(jq -r '.snapshots[] | select(.name == "daily-big").remote' "$SCENARIO_DIR/a")"
    assert_equal \
        $(($(zfs get -Hpo value usedbydataset $SRC/a) + $(zfs get -Hpo value usedbysnapshots $SRC/a))) \
        "$(jq .local.space "$SCENARIO_DIR/a")"
    zfs release keep $SRC/a@daily-big
    get /a | grep -F 'daily-big' >/dev/null || fail 'the page without script lacks it'
    get /metrics | grep -F 'backupd_dataset_snapshots{dataset="/a",side="local"}' >/dev/null || fail 'no metrics of /a'
    daemon_stop
}

test_the_web_role_has_no_rights_and_no_files() {
    write_web_config
    start
    local status
    status=/proc/$(web_pid)/status
    assert_equal "$(id -u nobody)" "$(awk '/^Uid/ { print $2 }' "$status")"
    assert_equal 0000000000000000 "$(awk '/^CapEff/ { print $2 }' "$status")"
    assert_equal 1 "$(awk '/^NoNewPrivs/ { print $2 }' "$status")"
    assert_equal 2 "$(awk '/^Seccomp:/ { print $2 }' "$status")"
    assert_equal '' "$(ls -A "/proc/$(web_pid)/root/")"
    daemon_stop
}

test_a_transfer_goes_on_when_the_web_role_is_killed_and_the_role_comes_back() {
    local before
    write_web_config
    fill $SRC/a three 24576
    snap -r $SRC daily-three
    start
    wait_for_log 60 '/a: send daily-big to daily-three'
    before=$(web_pid)
    kill -KILL "$before"
    wait_for_log 10 'the web role is started again'
    wait_until 90 exists $DST/a@daily-three
    wait_until 30 curl -fsS -o /dev/null "$URL/api/v1/state"
    [ "$(web_pid)" != "$before" ] || fail 'it is the same process'
    wait_for_log 60 ': 3 datasets, 0 failed'
    refute grep -q -e ' resume' -e ' error ' "$DAEMON_LOG"
    daemon_stop
}

test_events_arrive_as_they_happen_and_go_on_where_they_were_cut() {
    local id
    write_web_config
    start
    wait_until 60 has_state .cycle.running false
    curl -sN --max-time 60 "$URL/api/v1/events" >"$SCENARIO_DIR/events" &
    wait_until 10 grep -q retry "$SCENARIO_DIR/events"
    assert_equal 202 "$(post /api/v1/sync)"
    wait_until 60 grep -q '"kind":"cycle_finished"' "$SCENARIO_DIR/events"
    id=$(awk '/^id: / { print $2; exit }' "$SCENARIO_DIR/events")
    curl -sN --max-time 60 -H "Last-Event-ID: $id" "$URL/api/v1/events" >"$SCENARIO_DIR/again" &
    wait_until 20 grep -q '^id: ' "$SCENARIO_DIR/again"
    assert_equal "$(grep '^id: ' "$SCENARIO_DIR/events" | sed -n 2p)" "$(grep -m 1 '^id: ' "$SCENARIO_DIR/again")"
    refute grep -q '^event: reset' "$SCENARIO_DIR/again"
    curl -sN --max-time 60 -H "Last-Event-ID: 00000000-1" "$URL/api/v1/events" >"$SCENARIO_DIR/old" &
    wait_until 20 grep -q '^event: reset' "$SCENARIO_DIR/old"
    daemon_stop
}

test_what_happened_outlives_a_restart() {
    local before
    write_web_config
    start
    wait_until 60 has_state .cycle.running false
    before=$(get /api/v1/activity | jq '[.transfers[] | .end] | length')
    [ "$before" -gt 0 ] || fail 'no transfer is on record'
    daemon_stop
    [ "$(sqlite3 "$SCENARIO_DIR/history.sqlite" 'select count(*) from transfers')" -ge "$before" ] ||
        fail 'the database has fewer transfers than the page'
    # A file that is damaged is set aside, and nothing is kept from being backed up.
    start
    wait_until 60 has_state .cycle.running false
    assert_equal "$before" "$(get /api/v1/activity | jq '[.transfers[] | .end] | length')"
    daemon_stop
    head -c 20000 /dev/urandom >"$SCENARIO_DIR/history.sqlite"
    start
    wait_until 60 has_state .verdict.level safe
    ls "$SCENARIO_DIR"/history.sqlite.damaged-* >/dev/null || fail 'it was not set aside'
    grep -q 'history.sqlite' "$DAEMON_LOG" || fail 'the log says nothing of it'
    daemon_stop
}

test_a_dry_run_says_so_and_takes_no_snapshot() {
    write_web_config
    start -dryrun
    wait_until 60 has_state .dry_run true
    assert_equal 503 "$(post '/snapshot?periodicity=daily')"
    get /global | grep -i 'dry run' >/dev/null || fail 'the page does not say so'
    daemon_stop
}

scenario_begin
run_tests "$@"
