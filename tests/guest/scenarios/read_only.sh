#!/bin/bash
# read_only.sh: looking changes nothing, and what a look announces is what a run then does.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

rules() { write_config local.policy 'hourly = 2' remote.policy 'hourly = 2' "$@"; }

# The same without ssh, of which an emulated machine can only do a few in a minute: plan starts several for a dataset.
rules_here() { rules remote 'ssh_host = ""; ssh_options = []'; }

# Two pools with work of every kind ahead: a first copy, increments, deletions on both sides.
prepare() {
    [ ! -e "$SCENARIO_DIR/before" ] || return 0
    zfs create $SRC/a
    zfs create "$SRC/b c"
    fill $SRC/a file
    snap -r $SRC hourly-1 hourly-2 hourly-3 hourly-4
    # A copy that somebody made by hand is as good as one of ours, and sooner made.
    zfs send -wR $SRC@hourly-4 | zfs receive -u $DST
    rules
    snap $SRC/a hourly-5 hourly-6
    zfs create $SRC/new
    snap $SRC/new hourly-5
    fingerprint >"$SCENARIO_DIR/before"
}

assert_nothing_changed() { assert_equal "$(cat "$SCENARIO_DIR/before")" "$(fingerprint)"; }

test_a_dry_run_says_what_it_would_do_and_changes_nothing() {
    prepare
    backupd -once -dryrun
    assert_status 0
    assert_output_has "dry run: nothing is changed" "would " "send hourly-4 to hourly-5" "send hourly-5 to hourly-6" \
        "send hourly-5 (all of it)" "destroy local hourly-2 to hourly-3"
    assert_nothing_changed
}

test_debug_prints_the_snapshots_and_the_plan_of_a_dataset_and_changes_nothing() {
    local name
    prepare
    rules
    for name in /a $SRC/a $DST/a; do
        backupd -debug "$name"
        assert_status 0
        assert_output_has "local: 6 snapshots" "remote: 4 snapshots" "stays: " "send hourly-5 to hourly-6"
    done
    rules_here
    backupd -debug "$SRC/b c" -json
    assert_status 0
    assert_output_has '"name":"/b c"' '"op":"SnapshotDeletion","side":"local","snapshot":"hourly-2"'
    backupd -debug '<root>'
    assert_status 0
    assert_output_has "local: 4 snapshots"
    backupd -debug /nowhere
    assert_status 1
    assert_output_has "$SRC/nowhere exists on neither side"
    assert_nothing_changed
}

test_plan_and_check_change_nothing() {
    prepare
    rules
    backupd check
    assert_status 0
    assert_output_has "$SRC: 4 datasets" "$DST: 3 datasets"
    rules_here
    backupd plan
    assert_status 0
    assert_output_has "<root>" "/a" "  send hourly-4 to hourly-5" "/b c" "  send hourly-5 (all of it)"
    backupd plan -json
    assert_status 0
    assert_output_has '{"datasets":[' '"target":{"local":["hourly-1","hourly-4","hourly-5","hourly-6"]'
    assert_nothing_changed
}

test_a_plan_from_listings_is_that_from_the_pools() {
    local plan json
    prepare
    rules_here
    zfs list -Hp -t snapshot -o name,guid,createtxg,creation -r $SRC >"$SCENARIO_DIR/local"
    zfs list -Hp -t snapshot -o name,guid,createtxg,creation -r $DST >"$SCENARIO_DIR/remote"
    backupd plan
    plan=$STDOUT
    backupd plan -json
    json=$STDOUT
    # No pool of these names: only the listings are read.
    sed "s|$SRC_POOL/|bkdt_no/|" "$SCENARIO_DIR/local" >"$SCENARIO_DIR/elsewhere"
    rules local "root = \"bkdt_no/data\""
    backupd plan -local "$SCENARIO_DIR/elsewhere" -remote "$SCENARIO_DIR/remote"
    assert_status 0
    assert_equal "$plan" "$STDOUT"
    backupd plan -local "$SCENARIO_DIR/elsewhere" -remote "$SCENARIO_DIR/remote" -json
    assert_status 0
    assert_equal "$json" "$STDOUT"
    rules
    assert_equal "$json" "$("$BACKUPD" -config "$CONFIG" plan -json -local - -remote "$SCENARIO_DIR/remote" \
        <"$SCENARIO_DIR/local")" "the plan from standard input"
    assert_nothing_changed
}

test_a_listing_that_is_none_is_refused_with_its_line() {
    prepare
    printf '%s\t1\t2\t3\nnonsense\n' "$SRC/a@hourly-1" >"$SCENARIO_DIR/wrong"
    backupd plan -local "$SCENARIO_DIR/wrong" -remote /dev/null
    assert_status 1
    assert_output_has "$SCENARIO_DIR/wrong" nonsense
    backupd plan -local "$SCENARIO_DIR/wrong"
    assert_status 2
    assert_output_has "-remote"
}

test_a_run_then_does_what_the_plan_said() {
    local announced happened
    prepare
    rules_here
    backupd plan
    announced=$(awk '/^[^ ]/ { name = $0 } /^  (send|destroy) / { sub(/ \([0-9]+ snapshots\)$/, ""); print name ":" substr($0, 2) }' \
        <<<"$STDOUT" | sort)
    rules
    once
    happened=$(grep -E '^[^ ]+( c)?: (send|destroy) ' <<<"$STDOUT" | sort)
    assert_equal "$announced" "$happened"
    # hourly-4 was the newest that both had when it was planned.
    assert_snapshots local /a hourly-1 hourly-4 hourly-5 hourly-6
    assert_snapshots remote '/b c' hourly-1 hourly-3 hourly-4
    assert_snapshots remote /new hourly-5
}

scenario_begin
run_tests "$@"
