#!/bin/bash
# test.sh [--part I/N] [BACKUPD [SIM]]: whole cycles of the real backupd on a simulated zfs and ssh. Prints TAP; 1 if a
# test failed. With --part only every N-th test from the I-th on: parts can be run side by side.
# BACKUPD is build/backupd and SIM the newest built tests/sim/sim, if they are not given. SIM_TEST_KEEP=1 keeps the
# folders of the tests that failed, and says where they are.
#
# A test's name is the sentence that it proves; each has a world of its own.

set -u -o pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
part=1 parts=1
if [ "${1:-}" = --part ]; then
    part=${2%/*} parts=${2#*/}
    shift 2
fi
backupd=$(realpath "${1:-$here/../../build/backupd}")
program=${2:-}
top=$(mktemp -d "${TMPDIR:-/tmp}/sim.XXXXXX")
base_path=$PATH

SRC=tank/data
DST=vault/copy

# --- a world ---

# world: a fresh one, with the tree that all tests begin with: six datasets, three snapshots each.
world() {
    DIR=$top/$1
    mkdir -p "$DIR"
    # shellcheck disable=SC2086 # none or one
    "$here/sim.sh" make "$DIR" ${program:+"$program"} || return 1
    PATH=$DIR/bin:$base_path
    export RUNTIME_DIRECTORY=$DIR/run
    mkdir -m 700 "$RUNTIME_DIRECTORY"
    sim pool tank
    zfs create $SRC
    zfs create $SRC/a
    zfs create $SRC/a/b
    zfs create -V 64M $SRC/volume
    zfs create -o encryption=on -o keyformat=passphrase $SRC/secret
    zfs create "$SRC/with space"
    sim on remote pool vault
    sim pool vault
    sim clock 1700000000
    days 3
}

each_dataset() { printf '%s\n' "" /a /a/b /secret /volume "/with space"; }

# days N: N more days pass, and each leaves a snapshot everywhere, with 300000 bytes in /a.
day=0
days() {
    local i
    for ((i = 0; i < $1; i++)); do
        day=$((day + 1))
        sim clock +86400
        sim write $SRC/a 300000
        sim write "$SRC/with space" 70000
        zfs snapshot -r "$SRC@daily-$day"
    done
}

# config ssh|local [LINE...]: three daily snapshots here and five there, unless lines say otherwise.
config() {
    local host=root@nas kind=$1
    shift
    [ "$kind" = ssh ] || host=
    {
        printf '[local]\nroot = "%s"\n[local.policy]\ndaily = %s\n' $SRC "${KEEP_LOCAL:-3}"
        printf '[remote]\nroot = "%s"\nssh_host = "%s"\n' $DST "$host"
        printf '%s\n' "$@"
        printf '[remote.policy]\ndaily = %s\n' "${KEEP_REMOTE:-5}"
        printf '[history]\npath = ""\n'
        printf '[sync]\ninterval = "1h"\nstall_timeout = "%s"\n' "${STALL:-20s}"
    } >"$DIR/backupd.toml"
    side=local
    [ "$kind" = local ] || side=remote
}

# once: STATUS and the file $DIR/out.
once() {
    STATUS=0
    timeout 60 "$backupd" -config "$DIR/backupd.toml" -once >"$DIR/out" 2>&1 </dev/null || STATUS=$?
}

# daemon_start: its process id is $daemon. It ends with the test at the latest.
daemon_start() {
    "$backupd" -config "$DIR/backupd.toml" -addr 127.0.0.1:0 -logfile "$DIR/log" >"$DIR/out" 2>&1 </dev/null &
    daemon=$!
    trap 'kill $daemon 2>/dev/null; wait $daemon' EXIT
}

remote() { sim on $side "$@"; }

# guids here|there NAME: "snapshot guid" lines.
guids() {
    case $1 in
    here) sim on local zfs list -Hp -t snapshot -o name,guid "$SRC$2" ;;
    there) remote zfs list -Hp -t snapshot -o name,guid "$DST$2" ;;
    esac | sed 's/^[^@]*@//'
}

snapshots() { guids "$@" | cut -f1 | paste -sd' ' -; }

token() { remote zfs get -Hp -o value receive_resume_token "$DST$1"; }

# --- claims: each says what is wrong and ends the test ---

fail() {
    printf '%s\n' "$*"
    sed 's/^/    /' "$DIR/out" 2>/dev/null | tail -n 30
    exit 1
}

# skip WHY: this machine lacks what the test needs.
skip() {
    printf '%s\n' "$*"
    exit 77
}

assert_status() { [ "$STATUS" = "$1" ] || fail "the status is $STATUS, not $1"; }
assert_equal() { [ "$1" = "$2" ] || fail "expected <$1>, found <$2>"; }
assert_said() { grep -qF -- "$1" "$DIR/out" || fail "it did not say: $1"; }
assert_not_said() { ! grep -qF -- "$1" "$DIR/out" || fail "it said: $1"; }
assert_called() { [ "$(calls "$1")" != 0 ] || fail "there was no call $1"; }
assert_not_called() { [ "$(calls "$1")" = 0 ] || fail "there was a call $1: $(sim calls | cut -f2- | grep -E -- "$1")"; }
calls() { sim calls | cut -f2- | grep -cE -- "$1"; }

# await_call PATTERN: until there was one.
await_call() {
    for _ in {1..1200}; do
        [ "$(calls "$1")" = 0 ] || return 0
        sleep 0.05
    done
    fail "no call was: $1"
}

# await_log PATTERN: until the daemon has said so.
await_log() {
    for _ in {1..1200}; do
        ! grep -qE "$1" "$DIR/log" 2>/dev/null || return 0
        sleep 0.05
    done
    fail "the log has no line: $1"
}

# Everywhere the same snapshots with the same guids.
assert_alike() {
    local name
    while read -r name; do
        [ -n "$(guids here "$name")" ] || fail "<$name> has no snapshot"
        assert_equal "$(guids here "$name")" "$(guids there "$name")"
    done < <(each_dataset)
}

sync_ok() {
    once
    assert_status 0
}

# What was kept as a base until the transfers were done goes in the next run.
sync_twice() {
    sync_ok
    sync_ok
}

# --- the tests ---

first_run() {
    config "$1"
    sync_ok
    assert_alike
    assert_equal on "$(remote zfs get -Hp -o value readonly "$DST/a")"
    assert_equal noauto "$(remote zfs get -Hp -o value canmount "$DST/a")"
    assert_equal volume "$(remote zfs get -Hp -o value type "$DST/volume")"
    assert_equal aes-256-gcm "$(remote zfs get -Hp -o value encryption "$DST/secret")"
    assert_equal 'daily-3' "$(sim on local zfs list -Hp -t snapshot,bookmark -o name,guid $SRC/a |
        awk -F'\t' '/#backupd-/ { b = $2 } /@/ { n[$2] = $1 } END { print n[b] }' | sed 's/.*@//')"
}

test_with_parallel_auto_every_dataset_is_copied() {
    config ssh
    printf 'parallel = "auto"\n' >>"$DIR/backupd.toml"
    sync_ok
    assert_alike
}

test_a_first_run_over_ssh_copies_every_dataset() { first_run ssh; }
test_a_first_run_to_a_pool_of_this_machine_copies_every_dataset() { first_run local; }

second_run() {
    config "$1"
    sync_ok
    sim calls clear
    sync_ok
    assert_not_called 'zfs (send|receive|destroy|create|set|bookmark)'
}

test_a_second_run_over_ssh_changes_nothing() { second_run ssh; }
test_a_second_run_on_this_machine_changes_nothing() { second_run local; }

increments() {
    KEEP_LOCAL=9 KEEP_REMOTE=9 config "$1"
    sync_ok
    days 2
    sim calls clear
    sync_ok
    assert_alike
    assert_called "^local.zfs send -w -P -v -i $SRC/a@daily-3 $SRC/a@daily-4$"
    assert_equal "$(each_dataset | wc -l)" "$(calls 'zfs send .*@daily-5$')"
}

test_increments_over_ssh_follow() { increments ssh; }
test_increments_on_this_machine_follow() { increments local; }

# list_calls NAME: how often the snapshots of the dataset alone were listed, on both sides.
list_calls() { calls "zfs list .*-d 1 ($SRC|$DST)$1$"; }

# A send, a receive, a new bookmark, and the old one goes: nothing else for each dataset.
test_a_fresh_listing_is_not_made_again_for_a_transfer() {
    local n
    KEEP_LOCAL=9 KEEP_REMOTE=9 config ssh
    sync_ok
    days 1
    sim calls clear
    sync_ok
    assert_alike
    n=$(each_dataset | wc -l)
    assert_equal "$n" "$(calls 'local.zfs send')"
    assert_equal "$n" "$(calls 'remote.zfs receive')"
    assert_equal "$n" "$(calls 'local.zfs bookmark')"
    assert_equal "$n" "$(calls 'local.zfs destroy .*#')"
    # The cycle itself: two listings a side, and when the new ones were made.
    assert_equal 4 "$(calls 'zfs list .*-r ')"
    assert_equal 1 "$(calls "zfs list .*-o $facts")"
    assert_equal $((4 * n + 5)) "$(calls '^(local|remote).zfs')"
}

test_a_plan_that_destroys_lists_again() {
    KEEP_LOCAL=2 KEEP_REMOTE=9 config ssh
    sync_ok
    days 3
    sync_ok
    sim calls clear
    sync_ok
    assert_equal 'daily-1 daily-5 daily-6' "$(snapshots here /a)"
    assert_equal 2 "$(list_calls /a)"
    assert_called "local.zfs list .*name,guid,userrefs,clones .*$SRC/a@"
}

# meanwhile 'PATTERN' COMMAND: before the first zfs of this machine whose words match PATTERN, COMMAND is run: what
# somebody else does after the listing.
meanwhile() {
    printf '%s\n' "$2" >"$DIR/meanwhile"
    mkdir -p "$DIR/real"
    mv "$DIR/bin/zfs" "$DIR/real/zfs"
    cat >"$DIR/bin/zfs" <<EOF
#!/bin/bash
if [[ "\$*" == $1 ]] && mv "$DIR/meanwhile" "$DIR/done" 2>/dev/null; then
    PATH=$DIR/real:$DIR/bin:$base_path bash -eu -o pipefail "$DIR/done" >/dev/null 2>"$DIR/done.err" </dev/null
fi
exec "$DIR/real/zfs" "\$@"
EOF
    chmod +x "$DIR/bin/zfs"
}

# with_news: a world whose copy lacks two snapshots.
with_news() {
    KEEP_LOCAL=9 KEEP_REMOTE=9 config ssh "$@"
    sync_ok
    days 2
    sim calls clear
}

# it_happened [TIMES]: and /a was listed again on both sides, once or so often, and no other dataset was.
it_happened() {
    [ -e "$DIR/done" ] || fail 'nothing happened meanwhile'
    [ ! -s "$DIR/done.err" ] || fail "$(cat "$DIR/done.err")"
    assert_equal $((2 * ${1:-1})) "$(list_calls /a)"
    assert_equal 0 "$(list_calls /a/b)"
}

test_a_snapshot_that_is_destroyed_between_listing_and_transfer_costs_one_replan_and_no_error() {
    with_news
    meanwhile "send*$SRC/a@daily-4" "zfs destroy $SRC/a@daily-4"
    sync_ok
    it_happened
    assert_equal 'daily-1 daily-2 daily-3 daily-5' "$(snapshots there /a)"
    assert_equal "$(guids here /a)" "$(guids there /a)"
}

# Its data is still there, so it is as if it had been written to.
test_a_base_that_is_destroyed_there_between_listing_and_transfer_is_sent_again_where_it_may_be_rolled_back() {
    with_news 'rollback = true'
    meanwhile "send*$SRC/a@daily-4" "sim on remote zfs destroy $DST/a@daily-3"
    sync_ok
    it_happened 2
    assert_equal 'daily-1 daily-2 daily-3 daily-4 daily-5' "$(snapshots there /a)"
    assert_equal "$(guids here /a)" "$(guids there /a)"
}

test_a_base_that_is_destroyed_here_between_listing_and_transfer_is_replaced_by_its_bookmark() {
    with_news
    meanwhile "send*$SRC/a@daily-4" "zfs destroy $SRC/a@daily-3"
    sync_ok
    it_happened
    assert_called "zfs send -w -P -v -i $SRC/a#backupd-[0-9]+ $SRC/a@daily-4"
    assert_equal 'daily-1 daily-2 daily-3 daily-4 daily-5' "$(snapshots there /a)"
}

test_a_snapshot_that_somebody_else_sends_between_listing_and_transfer_costs_one_replan_and_no_error() {
    with_news
    meanwhile "send*$SRC/a@daily-4" \
        "sim on local zfs send -w -i @daily-3 $SRC/a@daily-5 | sim on remote zfs receive $DST/a"
    sync_ok
    it_happened
    assert_equal 'daily-1 daily-2 daily-3 daily-5' "$(snapshots there /a)"
}

test_a_dataset_that_is_renamed_between_listing_and_transfer_costs_no_error() {
    with_news
    meanwhile "send*$SRC/a/b@daily-4" "zfs rename $SRC/a/b $SRC/moved"
    sync_ok
    [ ! -s "$DIR/done.err" ] || fail "$(cat "$DIR/done.err")"
    assert_equal 'daily-1 daily-2 daily-3' "$(snapshots there /a/b)"
    sync_ok
    assert_equal 'daily-1 daily-2 daily-3 daily-4 daily-5' "$(snapshots there /moved)"
}

test_a_remote_that_diverges_between_listing_and_transfer_is_refused_and_left_alone() {
    with_news
    meanwhile "send*$SRC/a@daily-4" "sim clock 1700300000; sim on remote zfs snapshot $DST/a@foreign"
    once
    assert_status 1
    it_happened
    assert_said 'newest snapshot foreign has no counterpart here'
    assert_equal 'daily-1 daily-2 daily-3 foreign' "$(snapshots there /a)"
}

# The first listing is too old for it, and after it there is another.
test_a_remote_that_was_written_to_is_not_rolled_back_by_an_old_listing() {
    with_news 'rollback = true'
    meanwhile "send*$SRC/a@daily-4" "sim on remote write $DST/a 5000"
    sync_ok
    it_happened 2
    assert_called 'remote.zfs rollback'
    assert_alike
}

test_a_receive_that_is_interrupted_between_listing_and_transfer_is_resumed_in_the_same_cycle() {
    with_news
    sim write $SRC/a 4000000
    zfs snapshot $SRC/a@daily-6
    zfs destroy $SRC/a@daily-4,daily-5
    meanwhile "send*$SRC/a@daily-6" \
        "sim on local zfs send -w -i @daily-3 $SRC/a@daily-6 | head -c 1500000 | sim on remote zfs receive -s -u $DST/a || true"
    sync_ok
    assert_called 'local.zfs send -P -v -t'
    assert_equal "$(guids here /a)" "$(guids there /a)"
}

test_the_policies_delete_on_both_sides() {
    KEEP_LOCAL=2 KEEP_REMOTE=3 config ssh
    sync_ok
    days 3
    sync_twice
    # The oldest and the earliest and latest shared stay, whatever the policy says.
    assert_equal 'daily-1 daily-5 daily-6' "$(snapshots here /a)"
    assert_equal 'daily-1 daily-4 daily-5 daily-6' "$(snapshots there /a)"
    days 1
    sync_twice
    assert_equal 'daily-1 daily-6 daily-7' "$(snapshots here /a)"
}

# prune: a tree of which every second snapshot goes, on both sides, so that no two of them are adjacent.
prune() {
    local i
    KEEP_LOCAL=99 KEEP_REMOTE=99 config ssh
    for i in 4 5 6 7 8 9; do
        days 1
        [ $((i % 2)) = 0 ] || zfs rename -r "$SRC@daily-$day" "own-$day"
    done
    sync_ok
    # own-5, own-7 and own-9 are not managed: they stay between daily-4, daily-6 and daily-8.
    days 2
    sync_ok
    sim calls clear
    KEEP_LOCAL=2 KEEP_REMOTE=2 config ssh
}

test_deletions_of_a_dataset_and_a_side_go_in_one_command() {
    prune
    sync_ok
    assert_equal 'daily-1 own-5 own-7 own-9 daily-10 daily-11' "$(snapshots here /a)"
    assert_equal 'daily-1 daily-10 daily-11' "$(snapshots there /a)"
    assert_equal 1 "$(calls "local.zfs destroy $SRC/a@")"
    assert_equal 1 "$(calls "remote.zfs destroy $DST/a@")"
    assert_called "local.zfs destroy $SRC/a@daily-2,daily-3,daily-4,daily-6,daily-8$"
    # Each step is told all the same.
    assert_said '/a: done: destroy local daily-2 to daily-4 (3 snapshots)'
    assert_said '/a: done: destroy local daily-6 (1 snapshot)'
    assert_said '/a: done: destroy local daily-8 (1 snapshot)'
}

# The failure of one would be that of all: zfs destroys all of a list or none.
test_where_deletions_fail_together_each_is_tried_alone_after_a_new_listing() {
    prune
    sim fault "match 'local zfs destroy $SRC/a@*daily-6*' fail 1 'cannot destroy snapshot $SRC/a@daily-6: no'"
    days 1
    once
    assert_status 1
    assert_said 'cannot destroy local daily-6'
    assert_equal 'daily-1 own-5 daily-6 own-7 own-9 daily-11 daily-12' "$(snapshots here /a)"
    # What follows the deletions was not kept from happening.
    assert_equal 'daily-1 daily-11 daily-12' "$(snapshots there /a)"
    assert_equal 'daily-1 own-5 own-7 own-9 daily-11 daily-12' "$(snapshots here /a/b)"
}

# Nobody knows how far it came.
test_deletions_whose_answer_is_lost_are_looked_at_again_in_the_same_cycle() {
    prune
    sim fault "once 'local zfs destroy $SRC/a@*' late 1 'cannot destroy: no'"
    sync_ok
    assert_equal 'daily-1 own-5 own-7 own-9 daily-10 daily-11' "$(snapshots here /a)"
    assert_equal 1 "$(calls "local.zfs destroy $SRC/a@")"
    assert_said 'looking again after this: cannot destroy local'
}

test_held_and_cloned_snapshots_stay() {
    KEEP_LOCAL=1 KEEP_REMOTE=1 config ssh
    sync_ok
    days 3
    zfs hold keep $SRC/a@daily-4
    zfs clone $SRC/a@daily-5 tank/clone
    sync_twice
    assert_equal 'daily-1 daily-3 daily-4 daily-5 daily-6' "$(snapshots here /a)"
    assert_equal 'daily-1 daily-3 daily-6' "$(snapshots here /a/b)"
}

test_replication_goes_on_from_the_bookmark_alone() {
    KEEP_LOCAL=9 KEEP_REMOTE=9 config ssh
    sync_ok
    zfs destroy "$SRC/a@%"
    days 1
    sync_ok
    assert_called "zfs send -w -P -v -i $SRC/a#backupd-[0-9]+ $SRC/a@daily-4"
    assert_equal 'daily-1 daily-2 daily-3 daily-4' "$(snapshots there /a)"
}

# cut_and_resume BYTES: the first large transfer is cut on its way, the next run goes on.
cut_and_resume() {
    local before
    config "$1"
    sync_ok
    sim write $SRC/a 8000000
    zfs snapshot $SRC/a@daily-4
    sim fault "once '*zfs send*a@daily-4' cut 5000000"
    once
    assert_status 1
    before=$(token /a)
    [ "$before" != - ] || fail "there is no token"
    sim calls clear
    sync_ok
    assert_said 'resume'
    assert_called "zfs send -P -v -t $before"
    assert_equal - "$(token /a)"
    assert_equal "$(guids here /a | tail -n 1)" "$(guids there /a | tail -n 1)"
}

test_a_cut_increment_over_ssh_is_resumed() { cut_and_resume ssh; }
test_a_cut_increment_on_this_machine_is_resumed() { cut_and_resume local; }

test_a_cut_first_transfer_is_resumed() {
    config ssh
    sim write $SRC/secret 4000000
    zfs snapshot $SRC/secret@daily-4
    zfs destroy $SRC/secret@daily-1,daily-2,daily-3
    sim fault "once 'zfs receive*/secret' cut 3000000"
    once
    assert_status 1
    assert_equal 1 "$(remote zfs get -Hp -o value inconsistent $DST/secret)"
    sync_ok
    assert_said 'resume'
    assert_equal 0 "$(remote zfs get -Hp -o value inconsistent $DST/secret)"
    assert_equal "$(guids here /secret)" "$(guids there /secret)"
}

test_a_receiver_that_was_killed_leaves_a_transfer_to_resume() {
    config ssh
    sim write $SRC/a/b 4000000
    zfs snapshot $SRC/a/b@daily-4
    sim fault "nth 4 'zfs receive*/a/b' kill 2000000"
    once
    assert_status 1
    sync_ok
    assert_said 'resume'
    assert_equal "$(guids here /a/b)" "$(guids there /a/b)"
}

test_a_token_whose_snapshot_is_gone_is_discarded() {
    config ssh
    sync_ok
    sim write $SRC/a 4000000
    zfs snapshot $SRC/a@daily-4
    sim fault "once 'zfs send*/a@daily-4' cut 3000000"
    once
    zfs destroy $SRC/a@daily-4
    days 1
    sync_ok
    assert_said 'discarding the interrupted receive'
    assert_called 'remote.zfs receive -A'
    assert_equal "$(guids here /a | tail -n 1)" "$(guids there /a | tail -n 1)"
}

# interrupt NAME SEND-WORD...: what somebody's own `zfs send SEND-WORD...` leaves of $DST/NAME when it breaks off.
interrupt() {
    local name=$1
    shift
    sim on local zfs send "$@" | head -c 1500000 | remote zfs receive -s -u "$DST$name" >/dev/null 2>&1
    [ "$(token "$name")" != - ] || fail "there is no token of $name"
}

test_a_token_of_a_send_with_other_flags_is_discarded_and_the_same_cycle_sends_anew() {
    config ssh
    sync_ok
    sim write $SRC/a 4000000
    sim write $SRC/a/b 4000000
    zfs snapshot -r $SRC@daily-4
    interrupt /a -i @daily-3 $SRC/a@daily-4
    interrupt /a/b -c -i @daily-3 $SRC/a/b@daily-4
    sim calls clear
    sync_ok
    assert_said 'discarding the interrupted receive: it is of a send with other flags'
    assert_called "remote.zfs receive -A $DST/a$"
    assert_called "local.zfs send -w -P -v -i $SRC/a@daily-3 $SRC/a@daily-4$"
    # With -c the stream is what ours would be.
    assert_not_called "receive -A $DST/a/b$"
    assert_called 'local.zfs send -P -v -t'
    assert_equal "$(guids here /a | tail -n 1)" "$(guids there /a | tail -n 1)"
    assert_equal "$(guids here /a/b | tail -n 1)" "$(guids there /a/b | tail -n 1)"
}

# Two datasets can have a snapshot of the same guid, where one was received from the other.
test_a_token_of_another_dataset_with_the_same_guids_is_discarded_and_the_same_cycle_sends_anew() {
    config ssh
    sync_ok
    sim write $SRC/a 4000000
    zfs snapshot $SRC/a@daily-4
    sim on local zfs send -w $SRC/a@daily-3 | sim on local zfs receive tank/other || fail 'no first'
    sim on local zfs send -w -i @daily-3 $SRC/a@daily-4 | sim on local zfs receive tank/other || fail 'no second'
    interrupt /a -w -i @daily-3 tank/other@daily-4
    sim calls clear
    sync_ok
    assert_said "discarding the interrupted receive: it is of tank/other@daily-4, which is no snapshot of $SRC/a"
    assert_called "remote.zfs receive -A $DST/a$"
    assert_equal "$(guids here /a | tail -n 1)" "$(guids there /a | tail -n 1)"
}

test_a_remote_that_diverged_is_refused_and_left_alone() {
    config ssh
    sync_ok
    remote write $DST/a 5000
    remote zfs snapshot $DST/a@foreign
    days 1
    before=$(guids there /a)
    once
    assert_status 1
    assert_said 'newest snapshot foreign has no counterpart here'
    assert_equal "$before" "$(guids there /a)"
    # The others went on.
    assert_equal "$(guids here /secret | tail -n 1)" "$(guids there /secret | tail -n 1)"
}

test_a_remote_that_was_written_to_is_refused() {
    config ssh
    sync_ok
    remote write $DST/a 5000
    days 1
    once
    assert_status 1
    assert_said 'has been modified'
    assert_not_called 'zfs rollback'
}

test_a_remote_that_was_written_to_is_rolled_back_where_configured() {
    config ssh 'rollback = true'
    sync_ok
    remote write $DST/a 5000
    days 1
    sync_ok
    assert_called 'remote.zfs rollback'
    assert_equal "$(guids here /a | tail -n 1)" "$(guids there /a | tail -n 1)"
}

test_a_full_remote_pool_is_told_and_the_copy_goes_on_with_room() {
    config ssh
    sync_ok
    remote pool vault 4000000
    sim write $SRC/a 9000000
    zfs snapshot $SRC/a@daily-4
    once
    assert_status 1
    assert_said 'out of space'
    remote pool vault
    sync_ok
    assert_equal "$(guids here /a | tail -n 1)" "$(guids there /a | tail -n 1)"
}

test_a_remote_pool_that_is_not_imported_is_no_empty_one() {
    config ssh
    sync_ok
    remote zpool export vault
    sim calls clear
    once
    assert_status 1
    assert_said 'vault is not imported'
    assert_not_called 'zfs (create|receive)'
    remote zpool import vault
    sync_ok
}

test_a_machine_that_cannot_be_reached_is_told() {
    config ssh
    sync_ok
    days 1
    sim down 'ssh: connect to host nas port 22: Connection refused'
    once
    assert_status 1
    assert_said 'Connection refused'
    sim up
    sync_ok
}

test_a_transfer_whose_connection_breaks_is_resumed() {
    local pid
    config ssh
    sync_ok
    sim write $SRC/a 6000000
    zfs snapshot $SRC/a@daily-4
    sim fault "once 'zfs send*/a@daily-4' rate 3000000"
    once &
    pid=$!
    for _ in {1..100}; do
        [ "$(token /a)" = - ] || break
        sleep 0.05
    done
    sim down
    wait $pid
    [ "$(token /a)" != - ] || fail "there is no token"
    sim up
    sync_ok
    assert_said 'resume'
    assert_equal "$(guids here /a | tail -n 1)" "$(guids there /a | tail -n 1)"
}

test_a_daemon_ends_when_it_is_told_to_and_takes_all_its_children_along() {
    config ssh
    sim fault "match 'zfs send*' rate 100000"
    daemon_start
    await_call 'zfs receive'
    kill $daemon
    wait $daemon
    assert_equal '' "$(pgrep -f -- "$RUNTIME_DIRECTORY")"
    sim faults clear
    sync_ok
    assert_alike
}

test_an_answer_that_is_lost_destroys_nothing_else() {
    KEEP_LOCAL=9 KEEP_REMOTE=2 config ssh
    sync_ok
    days 4
    sync_ok
    sim fault "once 'remote zfs destroy*/a@*' late 255"
    once
    assert_status 1
    sync_ok
    assert_equal 'daily-2 daily-6 daily-7' "$(snapshots there /a)"
}

test_a_garbled_listing_changes_nothing() {
    config ssh
    sync_ok
    days 1
    sim calls clear
    sim fault "match 'remote zfs list*-r*' garble 30 60"
    once
    assert_status 1
    assert_not_called 'zfs (destroy|send|receive|create)'
}

test_a_listing_that_breaks_off_with_a_failure_changes_nothing() {
    KEEP_LOCAL=1 KEEP_REMOTE=1 config ssh
    sync_ok
    days 2
    sim calls clear
    sim fault "match 'local zfs list*snapshot*-r*' cut 200 1"
    once
    assert_status 1
    assert_not_called 'zfs (destroy|send|receive|create)'
}

test_a_send_and_a_listing_that_go_silent_are_ended_and_a_slow_transfer_is_not() {
    STALL=10s config ssh
    sync_ok
    sim write $SRC/a 5000000
    sim write $SRC/a/b 5000000
    zfs snapshot -r $SRC@daily-4
    zfs destroy "$(zfs list -H -o name -t bookmark $SRC/secret)" # so that it is listed once more
    sim fault "once 'zfs send*/a@daily-4' hang 2000000"
    sim fault "once 'remote zfs list*-d 1*/secret' hang"
    sim fault "once 'zfs send*/a/b@daily-4' rate 380000"
    once
    assert_status 1
    assert_said 'not one byte more in 10 s'
    assert_said 'no output for 10 s'
    grep -qE '^/a/b: done: send daily-3 to daily-4, .* in 1[1-9] s$' "$DIR/out" || fail '/a/b took no time'
    sync_ok
    assert_said 'resume'
    assert_equal "$(guids here /secret)" "$(guids there /secret)"
}

# The hang holds /a; /a/b is below it, has its copy, and is not to wait.
test_a_transfer_that_stands_still_does_not_delay_the_retention_below_it() {
    local pid
    KEEP_LOCAL=1 KEEP_REMOTE=9 STALL=10s config ssh
    sync_ok
    days 3
    sim fault "match 'zfs send*/a@daily-*' hang 1000"
    once &
    pid=$!
    for _ in {1..100}; do
        [ "$(snapshots there /a/b)" != 'daily-1 daily-2 daily-3 daily-4 daily-5 daily-6' ] || break
        sleep 0.05
    done
    kill -0 $pid || fail 'the run ended first'
    assert_equal 'daily-1 daily-2 daily-3 daily-4 daily-5 daily-6' "$(snapshots there /a/b)"
    assert_equal 'daily-1 daily-3 daily-4 daily-5 daily-6' "$(snapshots here /a/b)"
    wait $pid
    assert_equal 'daily-1 daily-3 daily-4 daily-5 daily-6' "$(snapshots here /a)"
}

# What has begun without waiting is a fifth of a second's, and what is in the pipes when the clock stops is sent.
test_with_a_rate_limit_all_transfers_together_take_as_long_as_it_says() {
    local began
    KEEP_LOCAL=9 KEEP_REMOTE=9 config ssh
    printf 'rate_limit = "1500 kB"\n' >>"$DIR/backupd.toml"
    sync_ok
    sim write $SRC/a 6000000
    sim write $SRC/secret 6000000
    zfs snapshot -r $SRC@daily-4
    began=$(date +%s%N)
    sync_ok
    [ $((($(date +%s%N) - began) / 1000000)) -ge 7500 ] || fail 'it was faster'
    assert_alike
}

# At the first limit it would take three minutes.
test_a_rate_limit_is_lifted_while_a_transfer_is_under_way() {
    config ssh
    sim write $SRC/a 12000000
    zfs snapshot $SRC/a@daily-4
    cp "$DIR/backupd.toml" "$DIR/unlimited"
    printf 'rate_limit = 65536\n' >>"$DIR/backupd.toml"
    daemon_start
    await_call "zfs receive .*$DST/a$"
    cp "$DIR/unlimited" "$DIR/backupd.toml"
    kill -HUP $daemon
    for _ in {1..5}; do (await_cycle 1) >/dev/null && break; done
    await_cycle 1
    grep -q 'from the next cycle on, its rate_limit now' "$DIR/log" || fail 'it did not say so'
    kill $daemon
    wait $daemon
    assert_equal "$(guids here /a)" "$(guids there /a)"
}

# What zfs says of a stream for a token that has moved on since, as that of a receive that was still ending does.
refused="fail 1 'cannot receive resume stream: kernel modules must be upgraded to receive this stream.'"

test_a_resumption_that_is_refused_is_made_once_more_from_a_new_listing() {
    config ssh
    sim write $SRC/a 5000000
    zfs snapshot $SRC/a@daily-4
    sim fault "once 'zfs send*/a@daily-4' cut 2000000"
    once
    assert_status 1
    [ "$(token /a)" != - ] || fail 'there is no token'
    sim fault "once 'remote zfs receive*/a' $refused"
    sync_ok
    assert_said 'looking again after this'
    assert_equal "$(guids here /a)" "$(guids there /a)"
}

test_a_resumption_that_is_refused_twice_is_an_error() {
    config ssh
    sim write $SRC/a 5000000
    zfs snapshot $SRC/a@daily-4
    sim fault "once 'zfs send*/a@daily-4' cut 2000000"
    once
    assert_status 1
    sim fault "match 'remote zfs receive*/a' $refused"
    once
    assert_status 1
    assert_equal 2 "$(grep -c '^/a: resume: ' "$DIR/out")"
    sim faults clear
    sync_ok
    assert_equal "$(guids here /a)" "$(guids there /a)"
}

# three_big_increments: with what is kept on both sides.
three_big_increments() {
    KEEP_LOCAL=9 KEEP_REMOTE=9 config ssh
    sync_ok
    for day in 4 5 6; do
        sim clock +86400
        sim write $SRC/a 70000000
        zfs snapshot $SRC/a@daily-$day
    done
    sim calls clear
    log_ssh
}

# --- convoys: small increments of several datasets over one command ---

# with_small_news [LINE...]: a copy, and one new snapshot in each of the six datasets, for $PARALLEL workers (1).
with_small_news() {
    KEEP_LOCAL=9 KEEP_REMOTE=9 config ssh
    printf '%s\n' "parallel = ${PARALLEL:-1}" "$@" >>"$DIR/backupd.toml"
    sync_ok
    days 1
    sim calls clear
    log_ssh
}

chain="zfs 'receive' .*&& echo 'backupd-received-1'"

# bookmarked: of each dataset the newest snapshot has a bookmark of ours, and no other has.
assert_bookmarked() {
    local name newest
    while read -r name; do
        newest=$(guids here "$name" | tail -n 1 | cut -f2)
        assert_equal "$SRC$name#backupd-$newest" "$(zfs list -H -o name -t bookmark "$SRC$name")"
    done < <(each_dataset)
}

test_small_increments_of_all_datasets_go_over_one_command() {
    with_small_news
    sync_ok
    logged 1 "zfs 'receive'"
    logged 1 "$chain.*&& echo 'backupd-received-6'$"
    assert_equal 6 "$(calls 'local.zfs send')"
    assert_equal 6 "$(calls 'remote.zfs receive -s -u ')"
    assert_alike
    assert_bookmarked
    assert_not_said 'on its own'
    assert_equal 6 "$(grep -cE 'done: send daily-3 to daily-4' "$DIR/out")"
}

test_workers_share_small_increments_out() {
    PARALLEL=3 with_small_news
    sync_ok
    logged 3 "$chain.*&& echo 'backupd-received-2'$"
    logged 3 "zfs 'receive'"
    assert_alike
    assert_bookmarked
}

# 6 x 11 increments: 32 is the most, and those of a dataset stay together.
test_many_increments_of_a_dataset_go_over_one_command_in_their_order() {
    KEEP_LOCAL=20 KEEP_REMOTE=20 config ssh
    printf 'parallel = 1\n' >>"$DIR/backupd.toml"
    sync_ok
    days 11
    log_ssh
    sync_ok
    logged 3 "$chain.*&& echo 'backupd-received-22'$"
    logged 3 "zfs 'receive'"
    assert_alike
    assert_bookmarked
}

test_a_large_increment_is_not_put_before_small_ones_over_one_command() {
    with_small_news
    sim write $SRC/a 8000000
    zfs snapshot $SRC/a@daily-5
    sync_ok
    logged 1 "$chain.*&& echo 'backupd-received-5'$"
    logged 1 "$chain.*'$DST/secret'"
    logged 0 "$chain.*'$DST/a' "
    assert_alike
}

test_with_a_rate_limit_each_increment_has_its_own_command() {
    with_small_news 'rate_limit = "100 MB"'
    sync_ok
    logged 6 "zfs 'receive'"
    logged 0 '&&'
    assert_alike
}

test_on_this_machine_each_increment_has_its_own_command() {
    KEEP_LOCAL=9 KEEP_REMOTE=9 config local
    printf 'parallel = 1\n' >>"$DIR/backupd.toml"
    sync_ok
    days 1
    sim calls clear
    sync_ok
    assert_not_called echo
    assert_alike
}

# breaks FAULT: once, in the middle of a convoy; the same cycle sees to it, and no worker fails.
breaks() {
    with_small_news
    sim fault "$1"
    sync_ok
    assert_said 'what was sent together over one command broke off; on its own now'
    logged 1 "$chain"
    assert_alike
    assert_bookmarked
    assert_equal - "$(token "/with space")"
}

no="fail 1 'cannot receive incremental stream: no'"
test_a_receive_that_fails_among_others_is_made_good_in_the_same_cycle() { breaks "once 'remote zfs receive*/secret' $no"; }
test_the_first_receive_of_many_that_fails_is_made_good_in_the_same_cycle() { breaks "nth 1 'remote zfs receive*' $no"; }
test_the_last_receive_of_many_that_fails_is_made_good_in_the_same_cycle() { breaks "nth 6 'remote zfs receive*' $no"; }
test_a_receive_that_is_killed_among_others_is_made_good_in_the_same_cycle() { breaks "once 'remote zfs receive*/with space' kill 30000"; }
test_a_receive_that_succeeds_and_says_no_among_others_is_made_good_in_the_same_cycle() {
    breaks "once 'remote zfs receive*/secret' late 1 'cannot receive: no'"
}
test_a_send_that_fails_among_others_is_made_good_in_the_same_cycle() {
    breaks "once 'local zfs send*/secret@*' fail 1 'cannot send: I/O error'"
}
test_a_send_that_is_cut_among_others_is_made_good_in_the_same_cycle() { breaks "once 'local zfs send*/with space@daily-4' cut 30000"; }
test_a_send_that_is_garbled_among_others_is_made_good_in_the_same_cycle() { breaks "once 'local zfs send*/with space@daily-4' garble 30000"; }
test_a_send_that_is_killed_among_others_is_made_good_in_the_same_cycle() { breaks "once 'local zfs send*/with space@daily-4' kill 30000"; }
test_a_mark_that_does_not_come_is_made_good_in_the_same_cycle() { breaks "once 'remote echo backupd-received-3' fail 1 'no'"; }
test_a_receive_that_hangs_among_others_is_made_good_in_the_same_cycle() { STALL=10s breaks "once 'remote zfs receive*/a/b' hang"; }
test_a_send_that_hangs_among_others_is_made_good_in_the_same_cycle() { STALL=10s breaks "once 'local zfs send*/with space@daily-4' hang 30000"; }
test_a_mark_that_is_garbled_is_made_good_in_the_same_cycle() { breaks "once 'remote echo backupd-received-3' garble 3 4"; }

# I10: in the next cycle it comes last, and on its own.
test_a_dataset_that_cannot_be_received_fails_alone_and_the_others_arrive_in_the_same_cycle() {
    local name
    with_small_news
    sim fault "match 'remote zfs receive*/secret' $no"
    once
    assert_status 1
    assert_said '1 failed'
    grep -qE '^FAILED  /secret +cannot send daily-3 to daily-4: receive: ' "$DIR/out" || fail 'it did not say why'
    while read -r name; do
        [ "$name" = /secret ] || assert_equal "$(guids here "$name")" "$(guids there "$name")"
    done < <(each_dataset)
    sim faults clear
    sync_ok
    assert_alike
    assert_bookmarked
}

# The facts of a snapshot are those of when it was seen first; what was destroyed since is in the next one.
test_an_increment_that_is_larger_than_was_known_is_sent_on_its_own() {
    with_small_news
    sim write "$SRC/with space" 40000000
    zfs snapshot "$SRC/with space@manual-1"
    zfs snapshot "$SRC/with space@daily-5"
    sim fault "match 'remote zfs receive*' fail 1 'no'"
    once
    assert_status 1
    zfs destroy "$SRC/with space@manual-1"
    sim faults clear
    days 1
    : >"$DIR/ssh-log"
    sync_ok
    assert_said '/with space: what was sent together over one command broke off; on its own now: send: 38.'
    assert_alike
    assert_bookmarked
}

test_a_daemon_that_stops_in_a_convoy_ends_what_had_begun_and_the_next_goes_on() {
    with_small_news
    sim fault "once 'remote zfs receive*/a/b' hang"
    daemon_start
    await_call 'zfs receive .*/a/b$'
    await_log ' /a/b: send daily-3 to daily-4$' # the engine learns of it a moment later
    kill $daemon
    timeout 60 tail --pid=$daemon -f /dev/null || fail 'it did not end'
    wait $daemon
    grep -q ' /a/b: failed: ended because backupd is stopping' "$DIR/log" || fail '/a/b has no end'
    assert_equal "$(grep -cE ': send daily-3 to daily-4$' "$DIR/log")" "$(grep -cE ': (done: send|failed: ended) ' "$DIR/log")"
    sim faults clear
    sync_ok
    assert_alike
    assert_bookmarked
}

test_where_the_connection_breaks_in_a_convoy_the_rest_arrives_in_the_same_cycle() {
    with_small_news
    sim fault "once 'remote zfs receive*/a/b' hang"
    daemon_start
    await_call 'zfs receive .*/a/b$'
    pkill -TERM -f -- "ControlMaster=yes .*$DIR/run"
    await_cycle 1
    kill $daemon
    wait $daemon
    grep -q '/a/b: what was sent together over one command broke off; on its own now' "$DIR/log" || fail 'it did not break'
    grep -q 'cycle 1: 6 datasets, 0 failed' "$DIR/log" || fail 'one failed'
    assert_alike
    assert_bookmarked
}

# From here on the command lines of ssh are in $DIR/ssh-log.
log_ssh() {
    mkdir "$DIR/logging"
    printf '#!/bin/sh\nprintf "%%s\\n" "$*" >>"%s"\nexec "%s" "$@"\n' "$DIR/ssh-log" "$DIR/bin/ssh" >"$DIR/logging/ssh"
    chmod +x "$DIR/logging/ssh"
    PATH=$DIR/logging:$PATH
}

# logged N PATTERN: so many lines of it have the pattern.
logged() { assert_equal "$1 x $2" "$(grep -cE -- "$2" "$DIR/ssh-log") x $2"; }

own='ControlPath=[^ ]*\.[0-9]+\.[0-9]+ '

test_big_increments_of_one_dataset_go_one_after_the_other_over_one_connection_of_their_own() {
    three_big_increments
    sync_ok
    logged 1 "ControlMaster=yes .*$own"
    logged 3 "ControlMaster=no .*$own.*zfs 'receive'"
    logged 0 'ControlPath=none '
    assert_equal "$(guids here /a)" "$(guids there /a)"
    assert_equal '' "$(find "$DIR/run" -type s)"
}

test_a_single_big_transfer_has_a_connection_for_itself() {
    KEEP_LOCAL=9 KEEP_REMOTE=9 config ssh
    sync_ok
    sim write $SRC/a 70000000
    zfs snapshot $SRC/a@daily-4
    log_ssh
    sync_ok
    logged 0 "$own"
    logged 1 "ControlPath=none .*zfs 'receive'"
    assert_equal "$(guids here /a)" "$(guids there /a)"
}

test_big_increments_arrive_where_their_own_connection_cannot_be_made() {
    three_big_increments
    sim fault "nth 2 'ssh *ControlMaster=yes*' fail 255 'Connection refused'"
    sync_ok
    logged 1 "ControlPath=none .*zfs 'receive'"
    logged 2 "ControlMaster=no .*$own.*zfs 'receive'"
    assert_equal "$(guids here /a)" "$(guids there /a)"
}

test_a_worker_that_is_killed_leaves_neither_its_own_connection_nor_its_socket() {
    three_big_increments
    sim fault "match 'zfs send*/a@daily-5' rate 1000000"
    daemon_start
    await_call "zfs send .*/a@daily-5"
    worker=$(pgrep -P "$daemon" -f -- "-config $DIR/backupd.toml" | while read -r pid; do
        [ ! -S "$(echo "$DIR"/run/*."$pid")" ] || echo "$pid"
    done)
    [ -n "$worker" ] || fail "no worker has a socket: $(find "$DIR/run" -type s)"
    kill -KILL "$worker"
    sim faults clear
    await_cycle 1
    for _ in {1..200}; do
        [ -n "$(pgrep -f -- "ControlPath=$DIR/run/[^ ]*\.$worker ")" ] || break
        sleep 0.05
    done
    assert_equal '' "$(pgrep -fa -- "ControlPath=$DIR/run/[^ ]*\.$worker ")"
    assert_equal '' "$(find "$DIR/run" -name "*.$worker")"
    kill $daemon
    wait $daemon
    sync_ok
    assert_equal "$(guids here /a)" "$(guids there /a)"
}

test_a_daemon_that_is_killed_leaves_no_socket_behind_that_the_next_one_does_not_remove() {
    three_big_increments
    sim fault "match 'zfs send*/a@daily-5' rate 1000000"
    daemon_start
    await_call "zfs send .*/a@daily-5"
    [ -n "$(find "$DIR/run" -type s -name '*.*.*')" ] || fail 'no worker has a connection of its own'
    kill -KILL $daemon
    wait $daemon
    sim faults clear
    sync_ok
    # The one for HTTP is replaced by the next daemon that serves it.
    assert_equal '' "$(find "$DIR/run" -type s ! -name '*.sock')"
    assert_equal "$(guids here /a)" "$(guids there /a)"
}

test_a_daemon_that_is_killed_leaves_no_relay_behind() {
    config ssh
    sim write $SRC/a 12000000
    zfs snapshot $SRC/a@daily-4
    printf 'rate_limit = "64 KiB"\n' >>"$DIR/backupd.toml"
    daemon_start
    await_call "zfs receive .*$DST/a$"
    # The engine, its worker and the worker's relay, at least.
    [ "$(pgrep -fc -- "-config $DIR/backupd.toml")" -ge 3 ] || fail 'there is no relay'
    kill -KILL $daemon
    wait $daemon
    for _ in {1..200}; do
        pgrep -f -- "-config $DIR/backupd.toml" >/dev/null || break
        sleep 0.05
    done
    assert_equal '' "$(pgrep -fa -- "-config $DIR/backupd.toml")"
    sed -i '/^rate_limit/d' "$DIR/backupd.toml"
    sync_ok
    assert_equal "$(guids here /a)" "$(guids there /a)"
}

# large NAME SNAPSHOT: one with enough new data that compressing it pays, and so does compressing what is left of it
# after the first megabytes.
large() {
    sim write "$SRC$1" 75000000
    zfs snapshot "$SRC$1@$2"
}

# compressing [LINE...]: there is something to compress: a first transfer of /a, which zfs does not compress.
compressing() {
    command -v zstd >/dev/null || skip 'there is no zstd'
    KEEP_LOCAL=9 KEEP_REMOTE=9 config ssh
    printf '%s\n' 'compress = true' "$@" >>"$DIR/backupd.toml"
    zfs set compression=off $SRC/a
    large /a daily-4
}

# zstd_is here|there SCRIPT: in place of the zstd of a machine, but for --version. $zstd is the real one.
zstd_is() {
    cat >"$DIR/bin/zstd" <<EOF
#!/bin/bash
zstd=$(PATH=$base_path command -v zstd)
here=\${SIM_MACHINE:+there}
if [ "\$*" = --version ] || [ "\${here:-here}" != $1 ]; then exec \$zstd "\$@"; fi
$2
EOF
    chmod +x "$DIR/bin/zstd"
}

# compressed [TIMES]: so many streams, or one, came out of the other machine's zstd.
compressed() { assert_equal "${1:-1}" "$(calls '^remote.zstd -q -d -c$')"; }

assert_arrived() { assert_equal "$(guids here "$1")" "$(guids there "$1")"; }

test_a_large_uncompressed_stream_is_compressed_on_the_wire() {
    compressing
    sync_ok
    assert_alike
    compressed
    assert_said '/a: zstd compresses the stream on the wire'
    assert_equal 1 "$(calls '^remote.zstd --version$')"
    assert_equal 1 "$(calls '^local.zfs get .*compression')"
    large /a daily-5
    sync_ok
    assert_alike
    compressed 2
}

test_what_is_off_small_encrypted_or_compressed_already_is_not_compressed_on_the_wire() {
    local name
    compressing
    zfs destroy $SRC/a@daily-1%daily-3
    zfs set sim:ratio=1.80 $SRC/a # of a time when it was compressed
    zfs set compression=off $SRC/a/b
    zfs set compression=off $SRC/secret
    zfs set compression=lz4 "$SRC/with space"
    for name in /secret "/with space"; do large "$name" daily-4; done
    sim write $SRC/a/b 60000000
    zfs snapshot $SRC/a/b@daily-4
    sync_ok
    assert_alike
    assert_not_called 'remote.zstd'
    assert_equal 2 "$(calls '^local.zfs get .*compression')"
    # What is new of /a was not compressed, whatever is old.
    large /a daily-5
    sync_ok
    assert_alike
    compressed
}

test_without_compress_nobody_asks_for_zstd_or_compression() {
    compressing
    sed -i '/^compress/d' "$DIR/backupd.toml"
    sync_ok
    assert_alike
    assert_not_called 'zstd|zfs get .*compression'
}

test_to_a_pool_of_this_machine_nothing_is_compressed() {
    compressing
    config local
    printf 'compress = true\n' >>"$DIR/backupd.toml"
    sync_ok
    assert_alike
    assert_not_called 'zstd|zfs get .*compression'
}

test_a_daemon_asks_for_zstd_once() {
    compressing
    zfs set compression=off "$SRC/with space"
    daemon_start
    (await_cycle 1) || exit 1
    large /a daily-5
    large "/with space" daily-5
    kill -USR1 $daemon
    await_cycle 2
    compressed 3
    assert_equal 1 "$(calls '^remote.zstd --version$')"
    assert_alike
}

# zstd_lacks WHERE: transfers go uncompressed, which a daemon says once, and once more after a reload.
zstd_lacks() {
    local line="because zstd does not run on $1"
    zfs set compression=off "$SRC/with space"
    large "/with space" daily-4
    daemon_start
    (await_cycle 1) || exit 1
    large /a daily-5
    kill -USR1 $daemon
    (await_cycle 2) || exit 1
    assert_alike
    assert_equal 1 "$(grep -c "$line" "$DIR/log")"
    kill -HUP $daemon
    large /a daily-6
    kill -USR1 $daemon
    (await_cycle 3) || exit 1
    assert_alike
    assert_equal 2 "$(grep -c "$line" "$DIR/log")"
    compressed 0
}

test_without_zstd_there_transfers_go_uncompressed_and_it_is_said_once() {
    compressing 'parallel = 1'
    sim fault "match 'remote zstd*' fail 127 'bash: line 1: zstd: command not found'"
    zstd_lacks 'the remote: root@nas: bash: line 1: zstd: command not found; reload'
    assert_equal 2 "$(calls '^remote.zstd')"
}

test_without_a_zstd_that_runs_here_transfers_go_uncompressed_and_it_is_said_once() {
    compressing
    printf '#!/bin/sh\necho "zstd: no such library" >&2\nexit 127\n' >"$DIR/bin/zstd"
    chmod +x "$DIR/bin/zstd"
    zstd_lacks 'this machine: zstd: no such library; reload'
    assert_not_called 'remote.zstd'
}

test_a_zstd_that_vanishes_there_is_asked_for_again() {
    compressing 'parallel = 1'
    zfs set compression=off "$SRC/with space"
    large "/with space" daily-4
    sim fault "once 'remote zstd -q -d*' fail 127 'bash: line 1: zstd: command not found'"
    sim fault "from 2 'remote zstd --version' fail 127 'bash: line 1: zstd: command not found'"
    once
    assert_status 1
    assert_said 'no transfer is compressed'
    assert_equal 2 "$(calls '^remote.zstd --version$')"
    compressed 1
    sync_ok
    assert_alike
}

# cut_by WORDS: of the only stream of /a, which is compressed, a part is lost, and the error has WORDS. Nothing looks
# complete, and the rest is sent and compressed by the next run.
cut_by() {
    once
    assert_status 1
    assert_said "$1"
    compressed
    assert_equal '' "$(snapshots there /a)"
    [ "$(token /a)" != - ] || fail 'there is no token'
    rm -f "$DIR/bin/zstd"
    sync_ok
    assert_said 'resume'
    assert_arrived /a
    compressed 2
}

# compressing_one: a single stream is to be compressed.
compressing_one() {
    compressing "$@"
    zfs destroy $SRC/a@daily-1%daily-3
}

# Both zstds have done well then.
test_a_compressed_stream_whose_sender_stops_short_is_no_success_and_is_resumed() {
    compressing_one
    sim fault "once 'zfs send*/a@daily-4' cut 5000000"
    cut_by 'receive: root@nas: '
}

test_a_zstd_here_that_is_killed_cuts_the_stream_which_is_resumed() {
    compressing_one
    zstd_is here '$zstd "$@" | head -c 5000000; kill -KILL $$'
    cut_by 'compress: was ended by signal 9'
}

# It says that all is well, and is not to be believed.
test_a_zstd_here_that_stops_short_cuts_the_stream_which_is_resumed() {
    compressing_one
    zstd_is here '$zstd "$@" | { head -c 5000000; cat >/dev/null; }; exit 0'
    cut_by 'receive: root@nas: '
}

test_a_zstd_there_that_is_killed_cuts_the_stream_which_is_resumed() {
    compressing_one
    zstd_is there '$zstd "$@" | head -c 5000000; kill -KILL $$'
    cut_by 'receive: root@nas: '
}

test_a_compressed_stream_that_is_garbled_on_the_wire_is_refused_and_resumed() {
    compressing_one
    zstd_is here '$zstd "$@" | { head -c 5000000; printf garbage; cat; }; kill -PIPE $$'
    cut_by 'receive: root@nas: '
}

test_a_compressed_transfer_whose_connection_breaks_is_resumed() {
    compressing_one
    sim fault "once 'remote zfs receive*/a' kill 5000000"
    cut_by 'receive: '
}

test_a_zstd_here_that_fails_at_the_very_end_is_an_error_and_the_next_run_finds_the_snapshot() {
    compressing
    zstd_is here '$zstd "$@"; echo "zstd: no" >&2; exit 1'
    once
    assert_status 1
    assert_said 'compress: zstd: no'
    assert_equal daily-4 "$(snapshots there /a | sed 's/.* //')"
    sim calls clear
    sync_ok
    assert_not_called 'zfs send'
    assert_alike
}

test_a_receive_that_refuses_a_compressed_stream_is_what_is_told() {
    compressing_one
    sim fault "match 'remote zfs receive*/a' fail 1 'cannot receive: permission denied'"
    once
    assert_status 1
    compressed
    assert_said 'receive: root@nas: cannot receive: permission denied'
    assert_not_said 'compress: '
    sim faults clear
    sync_ok
    assert_arrived /a
}

# It neither reads nor ends by itself.
stuck='echo $$ >"${0%/*}/../pid"; exec sleep 1000'

# lives PID: it is a process, and no zombie.
lives() { [ -n "$(tr -d '\0' 2>/dev/null <"/proc/$1/cmdline")" ]; }

test_a_daemon_that_is_killed_leaves_no_zstd_behind() {
    local pid
    compressing_one
    zstd_is here "$stuck"
    daemon_start
    await_call '^remote.zstd -q -d'
    pid=$(cat "$DIR/pid")
    lives "$pid" || fail 'there is no zstd'
    kill -KILL $daemon
    wait $daemon
    for _ in {1..200}; do
        lives "$pid" || break
        sleep 0.05
    done
    ! lives "$pid" || fail 'it lives'
    rm "$DIR/bin/zstd"
    sync_ok
    assert_arrived /a
}

test_a_zstd_that_stands_still_is_ended_with_its_transfer() {
    STALL=10s compressing_one
    zstd_is here "$stuck"
    once
    assert_status 1
    assert_said 'not one byte more in 10 s'
    ! lives "$(cat "$DIR/pid")" || fail 'it lives'
    rm "$DIR/bin/zstd"
    sync_ok
    assert_arrived /a
    compressed 2
}

# All that goes over the wire is a word; of the stream itself the limit lets through a megabyte in the time.
test_a_rate_limit_counts_what_the_compressed_stream_has_on_the_wire() {
    compressing_one 'rate_limit = "64 KiB"'
    zfs destroy -r "$SRC/with space" # which would have to wait its turn
    cat >"$DIR/bin/zstd" <<EOF
#!/bin/bash
if [ "\$*" = --version ]; then exit 0; fi
if [ -n "\${SIM_MACHINE:-}" ]; then read -r _; exec cat "$DIR/wire"; fi
cat >"$DIR/wire"
echo all
EOF
    chmod +x "$DIR/bin/zstd"
    sync_ok
    assert_arrived /a
    compressed
}

# order TEXT: the datasets that the daemon said TEXT of, since the log had LINES lines.
order() { tail -n +$((LINES_BEFORE + 1)) "$DIR/log" | sed -nE "s|.* (/[^:]*): $1.*|\\1|p" | paste -sd' ' -; }

await_cycle() {
    for _ in {1..2400}; do
        ! grep -qE " cycle $1: (failed|.*took)" "$DIR/log" 2>/dev/null || return 0
        sleep 0.05
    done
    fail "cycle $1 did not end"
}

# cycle N: the daemon begins one, and it ended.
cycle() {
    kill -USR1 $daemon
    (await_cycle "$1") || exit 1
}

# quiet KIND [LINE...]: a daemon that has seen twice, two seconds apart, that there is nothing to do. Four cycles.
quiet() {
    KEEP_LOCAL=${KEEP_LOCAL:-9} KEEP_REMOTE=${KEEP_REMOTE:-9} config "$@"
    [ -z "${PARALLEL:-}" ] || printf 'parallel = %s\n' "$PARALLEL" >>"$DIR/backupd.toml"
    sync_twice
    daemon_start
    (await_cycle 1) || exit 1
    cycle 2
    sleep 2.1
    cycle 3
    sim calls clear
    cycle 4
}

# There were listings of the snapshots of a side: so many of all, and so many by name.
assert_listed() {
    assert_equal "$3" "$(calls "^$1.zfs list .*-t snapshot,bookmark .*-r $2$")"
    assert_equal "$4" "$(calls "^$1.zfs list .*-o name,guid,createtxg -d 1 '*$2")"
}

assert_listed_there() { assert_listed "$side" "$DST" "$@"; }
assert_listed_here() { assert_listed local "$SRC" "$@"; }

# shown NAME: how many snapshots `status` says the other side has.
shown() {
    "$backupd" status -config "$DIR/backupd.toml" -json |
        python3 -c 'import json, sys
print(next(d["remote"]["snapshots"] for d in json.load(sys.stdin)["datasets"] if d["name"] == sys.argv[1]))' "$1"
}

quiet_lists_nothing_there() {
    quiet "$1"
    assert_listed_there 0 0
    assert_listed_here 0 0
    assert_equal 3 "$(shown /a)"
    grep -q ' cycle 4: 6 datasets, 0 failed' "$DIR/log" || fail 'it does not count them'
}

test_a_cycle_without_news_lists_no_snapshots_of_pools_that_say_when_they_changed() { quiet_lists_nothing_there ssh; }
test_a_cycle_without_news_lists_no_snapshots_of_another_pool_here() { quiet_lists_nothing_there local; }

# news [NAME...]: a day later, a snapshot of each on the local side, or of all.
news() {
    if [ $# = 0 ]; then
        days 1
        return
    fi
    sim clock +86400
    for name; do
        sim write "$SRC$name" 300000
        zfs snapshot "$SRC$name@daily-4"
    done
}

test_after_one_new_snapshot_nothing_is_listed_there() {
    quiet ssh
    news /a
    cycle 5
    assert_listed_here 0 1
    assert_called "^local.zfs list .*-o name,guid,createtxg -d 1 $SRC/a$"
    assert_listed_there 0 0
    assert_alike
    assert_equal 4 "$(shown /a)"
}

test_after_new_snapshots_everywhere_nothing_is_listed_there() {
    quiet ssh
    news
    cycle 5
    assert_listed_here 1 0
    assert_listed_there 0 0
    assert_alike
    grep -q ' cycle 5: 6 datasets, 0 failed' "$DIR/log" || fail 'it failed'
}

test_what_was_sent_is_listed_there_before_it_is_known_again() {
    quiet ssh
    news /a
    cycle 5
    cycle 6
    assert_listed_there 0 1
    assert_called "^remote.zfs list .*-o name,guid,createtxg -d 1 $DST/a$"
    sleep 2.1
    sim calls clear
    cycle 7
    cycle 8
    assert_listed_there 0 1
}

# looked N: after the end of a cycle, the other side was asked what changed for the Nth time since the calls were cleared.
looked() {
    for _ in {1..1200}; do
        [ "$(calls "^${side:-remote}.zfs list .*snapshots_changed.* $DST\$")" -lt "$1" ] || break
        sleep 0.05
    done
    assert_equal "$1" "$(calls "^${side:-remote}.zfs list .*snapshots_changed.* $DST\$")"
    sleep 1 # what it says is read
}

# The second time that the other side is asked what changed is that of the look.
look="nth 2 'remote zfs list*snapshots_changed*'"

# sends_and_looks KIND [FAULT]: a cycle that sends something, and the look after it; no call is remembered.
sends_and_looks() {
    quiet "$1"
    sim calls clear
    [ $# = 1 ] || sim fault "$2"
    news
    cycle 5
    looked 2
    sim calls clear
}

is_not_listed_there_after_it_sent() {
    sends_and_looks "$1"
    news
    cycle 6
    assert_listed_there 0 0
    assert_listed_here 1 0
    assert_alike
    # and where there is no news then, it is quiet again
    looked 2
    cycle 7
    sleep 2.1
    cycle 8
    assert_listed_there 0 0
    sim calls clear
    cycle 9
    assert_listed_there 0 0
    assert_listed_here 0 0
    assert_equal 5 "$(shown /a)"
    grep -q ' cycle 9: 6 datasets, 0 failed' "$DIR/log" || fail 'it does not count them'
}

test_after_a_cycle_that_sent_something_nothing_is_listed_there() { is_not_listed_there_after_it_sent ssh; }
test_after_a_cycle_that_sent_something_nothing_is_listed_on_another_pool_here() { is_not_listed_there_after_it_sent local; }

# Of whom something is destroyed its worker lists, by I8; nobody lists all.
test_after_a_cycle_that_sent_and_destroyed_nothing_is_listed_there() {
    KEEP_LOCAL=2 KEEP_REMOTE=2 sends_and_looks ssh
    assert_equal 'daily-2 daily-3 daily-4' "$(snapshots there /a)"
    news
    cycle 6
    assert_listed_there 0 0 # but by the workers, with other columns
    assert_equal 'daily-2 daily-4 daily-5' "$(snapshots there /a)"
}

test_a_first_copy_is_known_after_the_cycle_that_made_it() {
    quiet ssh
    sim calls clear
    zfs create $SRC/new
    sim clock +5
    zfs snapshot $SRC/new@daily-9
    cycle 5
    looked 2
    sim calls clear
    sim clock +86400
    zfs snapshot $SRC/new@daily-10
    cycle 6
    assert_listed_there 0 0
    assert_equal 'daily-9 daily-10' "$(snapshots there /new)"
}

test_what_somebody_destroys_there_after_the_look_is_listed() {
    sends_and_looks ssh
    sim clock +5
    remote zfs destroy $DST/a@daily-2
    cycle 6
    assert_listed_there 0 1
    assert_equal 'daily-1 daily-3 daily-4' "$(snapshots there /a)"
    assert_equal 3 "$(shown /a)"
}

# The newest one here is not the newest there any more.
test_a_snapshot_that_came_there_before_the_look_costs_a_replan() {
    quiet ssh
    sim calls clear
    news /a
    cycle 5
    remote zfs snapshot $DST/a@by-hand # in the same second, by its clock
    looked 2
    sim clock +86400
    sim write "$SRC/a" 300000
    zfs snapshot $SRC/a@daily-5
    sim calls clear
    cycle 6
    assert_equal 0 "$(calls "^remote.zfs list .*-t snapshot,bookmark .*-r $DST$")"
    assert_equal 'daily-1 daily-2 daily-3 daily-4 by-hand' "$(snapshots there /a)"
    assert_equal $'send\nlist' "$(sim calls | cut -f2- | grep -E "^(local.zfs send .*$SRC/a@daily-5|remote.zfs list .*-t snapshot,bookmark .*$DST/a$)" | sed 's/.*zfs \([a-z]*\) .*/\1/' | uniq)"
    grep -q '/a: failed: ' "$DIR/log" || fail 'it does not say that the remote has another newest'
}

test_what_failed_is_listed_there_after_the_look() {
    sends_and_looks ssh "match 'local zfs send*/a@*' fail 1 'cannot open'"
    sim faults clear
    cycle 6
    assert_listed_there 0 1
    assert_called "^remote.zfs list .*-o name,guid,createtxg -d 1 $DST/a$"
    assert_alike
}

test_where_the_look_fails_all_is_listed_there() {
    sends_and_looks ssh "$look fail 1 'out of memory'"
    news
    cycle 6
    assert_listed_there 1 0
    assert_alike
    ! grep -q 'out of memory' "$DIR/log" || fail 'it says so, and nothing is wrong'
}

test_a_cycle_does_not_wait_for_a_look_that_hangs() {
    sends_and_looks ssh "$look hang"
    news
    cycle 6
    assert_listed_there 1 0
    assert_alike
}

test_a_daemon_that_stops_ends_a_look_that_hangs() {
    sends_and_looks ssh "$look hang"
    kill $daemon
    timeout 60 tail --pid=$daemon -f /dev/null || fail 'it did not end'
    wait $daemon
    assert_equal '' "$(pgrep -f -- "$RUNTIME_DIRECTORY")"
}

# The order of a table is that of what there is, also where two were made in the same second.
test_of_two_snapshots_of_one_second_the_newest_there_is_the_one_that_came_last() {
    quiet ssh
    sim calls clear
    news /a
    cycle 5
    looked 2
    zfs destroy $SRC/a@daily-4 # its bookmark stays
    sim write $SRC/a 1000
    zfs snapshot $SRC/a@daily-5
    cycle 6
    looked 4
    sim clock +86400
    sim write $SRC/a 1000
    zfs snapshot $SRC/a@daily-6
    sim calls clear
    cycle 7
    assert_listed_there 0 0
    grep -q ' cycle 7: 6 datasets, 0 failed' "$DIR/log" || fail 'it failed'
    assert_equal 'daily-1 daily-2 daily-3 daily-4 daily-5 daily-6' "$(snapshots there /a)"
}

# keeps_more SIGNAL...: a cycle sent something, the policies are to keep more from now on, and the daemon gets these
# signals at once, in the look.
keeps_more() {
    KEEP_LOCAL=2 KEEP_REMOTE=2 quiet ssh
    news
    cycle 5
    sim clock +86400
    zfs snapshot $SRC/a@daily-5
    sed -i 's/^daily = 2/daily = 9/' "$DIR/backupd.toml"
    sim calls clear
    kill -STOP $daemon
    for signal; do kill "-$signal" $daemon; done
    kill -CONT $daemon
    (await_cycle 6) || exit 1
    assert_not_called 'zfs destroy .*@daily'
    assert_equal 'daily-2 daily-3 daily-4 daily-5' "$(snapshots there /a)"
}

test_a_cycle_that_is_wanted_with_a_new_configuration_in_a_look_comes_and_is_by_it() { keeps_more HUP USR1; }
test_a_cycle_that_is_wanted_before_a_new_configuration_in_a_look_comes_and_is_by_it() { keeps_more USR1 HUP; }

test_a_snapshot_that_is_taken_in_a_look_is_sent_by_the_new_configuration() {
    KEEP_LOCAL=2 KEEP_REMOTE=2 quiet ssh
    news
    cycle 5
    sim fault "match 'local zfs snapshot*' delay 1000"
    sim clock +86400
    sim calls clear
    "$backupd" snapshot daily -config "$DIR/backupd.toml" >"$DIR/snapshot" 2>&1 &
    await_call 'local.zfs snapshot'
    sed -i 's/^daily = 2/daily = 9/' "$DIR/backupd.toml"
    kill -HUP $daemon
    wait $!
    (await_cycle 6) || exit 1
    assert_not_called 'zfs destroy .*@daily'
}

test_a_new_configuration_ends_a_look_and_is_used() {
    sends_and_looks ssh "$look hang"
    sed -i 's/^daily = 9/daily = 1/' "$DIR/backupd.toml"
    kill -HUP $daemon
    await_log 'the new configuration is in use'
    cycle 6
    assert_listed_there 1 0
    assert_equal 'daily-1 daily-4' "$(snapshots there /a)"
}

test_after_all_copies_were_changed_all_is_listed_there() {
    quiet ssh
    sim clock +5
    for name in '' /a /a/b '/with space' /secret /volume; do
        remote zfs destroy "$DST$name@daily-2"
    done
    news
    cycle 5
    assert_listed_here 1 0
    assert_listed_there 1 0
    assert_equal "$(snapshots here /a | sed 's/daily-2 //')" "$(snapshots there /a)"
}

# all_but_a COMMAND...: for every dataset but /a.
all_but_a() {
    local name
    for name in '' /a/b '/with space' /secret /volume; do
        "$@" "$DST$name@daily-2"
    done
}

test_a_copy_that_is_known_is_listed_with_many_that_changed() {
    quiet ssh
    sim clock +5
    all_but_a remote zfs destroy
    news /a
    cycle 5
    assert_listed_there 1 0
    grep -q ' cycle 5: 6 datasets, 0 failed' "$DIR/log" || fail 'it failed'
    assert_equal "$(guids here /a)" "$(guids there /a)"
}

test_a_quiet_dataset_is_listed_with_many_that_changed() {
    quiet ssh
    sim clock +5
    all_but_a remote zfs destroy
    cycle 5
    assert_listed_there 1 0
    assert_listed_here 1 0
    grep -q ' cycle 5: 6 datasets, 0 failed' "$DIR/log" || fail 'it failed'
    assert_equal 3 "$(shown /a)"
    assert_not_called 'zfs send'
}

refuses_late() {
    quiet ssh
    sim fault "once '$1 zfs list*snapshots_changed*' fail 2 \"bad property list: invalid property 'snapshots_changed'\""
    news /a
    cycle 5
    assert_listed_here 1 0
    grep -q ' cycle 5: 6 datasets, 0 failed' "$DIR/log" || fail 'it failed'
    assert_alike
}

test_a_remote_that_does_not_say_any_more_what_changed_is_listed() { refuses_late remote; }
test_when_local_does_not_say_any_more_what_changed_it_is_listed() { refuses_late local; }

# A clock that was ahead, and was set back: that second may come again.
test_what_is_said_to_change_in_the_future_is_listed() {
    sim clock +1000000000
    days 1
    quiet ssh
    assert_listed_here 1 0
    assert_listed_there 1 0
}

test_bookmarks_of_others_there_are_no_reason_to_list() {
    KEEP_LOCAL=9 KEEP_REMOTE=9 config ssh
    sync_twice
    remote zfs bookmark $DST/a@daily-3 $DST/a#onward
    quiet ssh
    news /a
    cycle 5
    assert_listed_there 0 0
    assert_alike
}

# I8: what is destroyed is listed first, on both sides, by whoever destroys it.
test_a_new_snapshot_that_pushes_an_old_one_out_has_its_dataset_listed_by_the_worker() {
    KEEP_LOCAL=9 KEEP_REMOTE=9 config ssh
    sync_twice
    KEEP_LOCAL=2 KEEP_REMOTE=2 quiet ssh
    news /a
    cycle 5
    assert_equal "daily-1 daily-3 daily-4" "$(snapshots there /a)"
    order=$(sim calls | cut -f2- | grep -E "^remote.zfs (list .*$DST/a$|destroy $DST/a@daily-2)" | sed 's/.*zfs \([a-z]*\) .*/\1/' | uniq)
    assert_equal $'list\ndestroy' "$order"
}

test_a_snapshot_that_gets_another_name_here_is_listed() {
    quiet ssh
    sim clock +5
    zfs rename $SRC/a@daily-2 $SRC/a@renamed
    cycle 5
    assert_listed_here 0 1
    assert_equal "daily-1 daily-2 daily-3" "$(snapshots there /a)"
}

test_where_local_does_not_say_what_changed_it_is_listed() {
    sim fault "match 'local zfs list*snapshots_changed*' fail 2 \"bad property list: invalid property 'snapshots_changed'\""
    quiet ssh
    assert_listed_here 1 0
    assert_listed_there 0 0
    assert_not_called '^local.*snapshots_changed'
    sim calls clear
    news /a
    cycle 5
    assert_listed_here 1 0
    assert_listed_there 0 0
    assert_alike
}

test_a_new_dataset_is_listed_and_sent() {
    quiet ssh
    sim clock +86400
    zfs create $SRC/new
    zfs snapshot $SRC/new@daily-4
    cycle 5
    assert_listed_here 0 1
    assert_equal "daily-4" "$(snapshots there /new)"
}

test_a_dataset_that_goes_while_it_is_listed_by_name_here_fails_nothing() {
    quiet ssh
    sim clock +86400
    zfs snapshot $SRC/a/b@daily-4
    zfs snapshot $SRC/volume@daily-4
    sim fault "once 'local zfs list*-d 1*' fail 1 \"cannot open '$SRC/a/b': dataset does not exist\""
    cycle 5
    assert_alike
    grep -q ' cycle 5: 6 datasets, 0 failed' "$DIR/log" || fail 'it failed'
}

test_a_snapshot_with_another_name_there_is_listed() {
    KEEP_LOCAL=9 KEEP_REMOTE=9 config ssh
    sync_twice
    remote zfs rename $DST/a@daily-2 $DST/a@renamed
    quiet ssh
    news /a
    cycle 5
    assert_listed_there 0 1
    assert_equal "daily-1 renamed daily-3 daily-4" "$(snapshots there /a)"
}

# The clock there has not moved since: it does not say that anything changed, as one that was set back.
test_a_base_that_went_unnoticed_costs_a_listing_and_nothing_else() {
    quiet ssh 'rollback = true'
    remote zfs destroy $DST/a@daily-3
    news /a
    cycle 5
    assert_listed_there 0 0
    assert_alike
    grep -q ' cycle 5: 6 datasets, 0 failed' "$DIR/log" || fail 'it failed'
}

test_a_snapshot_that_came_unnoticed_is_not_destroyed() {
    quiet ssh
    remote zfs snapshot $DST/a@by-hand
    news /a
    cycle 5
    assert_listed_there 0 0
    assert_equal "daily-1 daily-2 daily-3 by-hand" "$(snapshots there /a)"
    grep -q ' cycle 5: 6 datasets, 1 failed' "$DIR/log" || fail 'it is not told'
}

test_what_somebody_destroys_there_is_noticed() {
    quiet ssh
    sim clock +5
    remote zfs destroy $DST/a@daily-2
    cycle 5
    assert_listed_here 0 1
    assert_listed_there 0 1
    assert_equal 2 "$(shown /a)"
}

test_when_a_snapshot_was_made_that_only_the_remote_has_is_not_asked_again() {
    KEEP_LOCAL=9 KEEP_REMOTE=9 config ssh
    sync_twice
    zfs destroy $SRC/a@daily-2
    quiet ssh
    sim clock +5
    remote zfs snapshot $DST/a@by-hand
    remote zfs destroy $DST/a@by-hand
    cycle 5
    assert_listed_there 0 1
    assert_not_called 'zfs list .*creation'
}

test_what_somebody_adds_there_is_noticed() {
    quiet ssh
    sim clock +5
    remote zfs snapshot $DST/a@by-hand
    cycle 5
    assert_listed_there 0 1
    assert_equal 4 "$(shown /a)"
}

test_a_copy_that_is_gone_is_made_again() {
    quiet ssh
    remote zfs destroy -r "$DST/with space"
    cycle 5
    assert_alike
}

test_a_copy_that_another_took_the_place_of_is_listed() {
    quiet ssh
    remote zfs destroy -r "$DST/with space"
    remote zfs create "$DST/with space"
    remote zfs snapshot "$DST/with space@daily-3"
    cycle 5
    assert_listed_there 0 1
    assert_equal 1 "$(shown "/with space")"
}

test_another_policy_is_looked_at_although_nothing_changed() {
    quiet local
    sed -i 's/^daily = 9/daily = 1/' "$DIR/backupd.toml"
    kill -HUP $daemon
    await_log 'the new configuration is in use'
    cycle 5
    assert_listed_there 1 0
    assert_equal "daily-1 daily-3" "$(snapshots there /a)"
}

test_a_connection_that_was_made_anew_has_all_listed() {
    quiet ssh
    pkill -f -- "-oControlMaster=yes.*$DIR/run/"
    for _ in {1..200}; do
        [ -n "$(find "$DIR/run" -type s ! -name '*.sock')" ] || break
        sleep 0.05
    done
    cycle 5
    assert_listed_there 1 0
}

test_a_connection_that_breaks_within_a_cycle_has_all_listed_in_the_next() {
    PARALLEL=1 quiet ssh # so that the next dataset needs another connection
    sim clock +86400
    zfs snapshot $SRC/a@daily-4
    zfs snapshot $SRC/a/b@daily-4
    sim fault "match 'zfs send*/a@daily-4' delay 1500"
    kill -USR1 $daemon
    await_call 'zfs send .*/a@daily-4'
    pkill -f -- "-oControlMaster=yes.*$DIR/run/"
    (await_cycle 5) || exit 1
    ! grep -q ' cycle 5: failed' "$DIR/log" || fail 'all of it failed'
    sim faults clear
    sim calls clear
    cycle 6
    assert_listed_there 1 0
}

test_a_failed_cycle_has_all_listed_after_it() {
    quiet ssh
    sim fault "once 'remote zfs list*snapshots_changed*' exit255"
    cycle 5
    grep -q ' cycle 5: failed' "$DIR/log" || fail 'it did not fail'
    sim calls clear
    cycle 6
    assert_listed_there 1 0
}

test_a_copy_that_goes_while_it_is_listed_by_name_is_made_again() {
    quiet ssh
    sim clock +86400
    remote zfs snapshot $DST/a/b@by-hand
    remote zfs destroy $DST/a/b@by-hand
    zfs snapshot $SRC/a/b@daily-4
    sim fault "once 'remote zfs list*-d 1*' fail 1 \"cannot open '$DST/a/b': dataset does not exist\""
    cycle 5
    assert_alike
    grep -q ' cycle 5: 6 datasets, 0 failed' "$DIR/log" || fail 'it failed'
}

test_a_remote_that_does_not_say_when_snapshots_changed_is_asked_once_and_listed_always() {
    # All of its usage text: what is wrong stands before it.
    old=$(tail -n +3 "$here/../unit/data/errors/2.1/list-missing-property" | sed 's/nope/snapshots_changed/' | tr -d '"' |
        sed ':a; N; $!ba; s/\n/\\n/g')
    sim fault "match 'remote zfs list*snapshots_changed*' fail 2 \"$old\""
    quiet ssh
    assert_listed_there 1 0
    assert_not_called 'snapshots_changed'
    days 1
    cycle 5
    assert_alike
}

test_a_dataset_that_failed_comes_after_all_others_the_next_time() {
    config ssh
    printf 'parallel = 1\n' >>"$DIR/backupd.toml"
    sync_ok
    days 1
    sim fault "match 'zfs send*/a@daily-*' fail 1 'cannot send: no'"
    daemon_start
    await_cycle 1
    LINES_BEFORE=0
    assert_equal '/a /with space /a/b /secret /volume' "$(order 'send daily-3 to' | tr ' ' '\n' | uniq | paste -sd' ' -)"
    days 1
    LINES_BEFORE=$(wc -l <"$DIR/log")
    kill -USR1 $daemon
    await_cycle 2
    kill $daemon
    wait $daemon
    assert_equal '/with space /a/b /secret /volume /a' "$(order 'send daily-[34] to' | tr ' ' '\n' | uniq | paste -sd' ' -)"
    # Backoff is told.
    grep -q '/a: is tried again in 1 min' "$DIR/log" || fail 'the log does not say when it is tried again'
}

# --- discovery ---

# start_daemon: starts the daemon, and waits until its first cycle is over. It ends with the test.
start_daemon() {
    daemon_start
    cycle_number=1
    await_cycle 1
}

# next_cycle: what it calls is all that is logged.
next_cycle() {
    sim calls clear
    cycle_number=$((cycle_number + 1))
    kill -USR1 $daemon
    await_cycle $cycle_number
}

# assert_failed N: in the newest cycle so many datasets failed.
assert_failed() { grep -qE " cycle $cycle_number: .*, $1 failed," "$DIR/log" || fail "$(grep " cycle $cycle_number: " "$DIR/log")"; }

names='name,guid,createtxg'
facts='name,guid,creation,written'

# A daemon whose copy is complete, so that a cycle has nothing to do.
settled_daemon() {
    KEEP_LOCAL=9 KEEP_REMOTE=9 config ssh
    sync_twice
    rm "$RUNTIME_DIRECTORY"/*.facts # as after the machine was started
    sim calls clear
    start_daemon
}

test_the_first_cycle_lists_everything_in_two_commands_a_side() {
    settled_daemon
    assert_equal 2 "$(calls '^local.zfs ')"
    assert_equal 2 "$(calls '^remote.zfs ')"
    assert_equal 2 "$(calls 'creation,written -r')"
}

test_a_cycle_without_news_lists_names_and_nothing_else() {
    settled_daemon
    next_cycle
    assert_failed 0
    assert_equal 1 "$(calls "^local.zfs list .* $names -r $SRC$")"
    assert_equal 1 "$(calls "^remote.zfs list .* $names -r $DST$")"
    assert_equal 2 "$(calls '^local.zfs ')"
    assert_equal 2 "$(calls '^remote.zfs ')"
    assert_not_called '^ssh' # over the connection that is there
}

test_of_new_snapshots_alone_the_facts_are_fetched_and_those_of_the_copy_are_known_already() {
    settled_daemon
    days 1
    next_cycle
    assert_failed 0
    assert_alike
    assert_equal 1 "$(calls "^local.zfs list .* $facts ")"
    assert_called "^local.zfs list .* $facts $SRC@daily-4 .*$SRC/with space@daily-4$"
    assert_not_called "$facts .*@daily-3"
    next_cycle
    assert_not_called "$facts"
    assert_equal 2 "$(calls '^local.zfs ')"
    assert_equal 2 "$(calls '^remote.zfs ')"
}

test_a_snapshot_that_replaces_another_of_the_same_name_is_seen_by_its_guid() {
    settled_daemon
    zfs destroy $SRC/a@daily-1
    zfs snapshot $SRC/a@daily-1
    next_cycle
    assert_equal 1 "$(calls "^local.zfs list .* $facts $SRC/a@daily-1$")"
}

test_facts_of_very_many_new_snapshots_are_fetched_by_one_listing() {
    local i long
    settled_daemon
    long=$(printf 'l%.0s' {1..180})
    for ((i = 0; i < 230; i++)); do zfs snapshot -r "$SRC@$long-$i"; done
    next_cycle
    assert_equal 1 "$(calls "$facts")"
    assert_called "^local.zfs list .* $facts -r $SRC$"
    assert_failed 0
}

# before_facts COMMAND: once, before the facts are listed, somebody runs COMMAND.
before_facts() {
    mkdir "$DIR/real"
    mv "$DIR/bin/zfs" "$DIR/real/zfs"
    cat >"$DIR/bin/zfs" <<EOF
#!/bin/bash
case "\$*" in
*"$facts "*) [ -e "$DIR/done" ] || { touch "$DIR/done" && $1; } >/dev/null ;;
esac
exec "$DIR/bin/sim" on local zfs "\$@"
EOF
    chmod +x "$DIR/bin/zfs"
}

# moves_before_its_facts_were_read COMMAND [BEFORE]: BEFORE happens before the cycle.
moves_before_its_facts_were_read() {
    settled_daemon
    days 1
    eval "${2:-}"
    before_facts "$1"
    next_cycle
    [ -e "$DIR/done" ] || fail 'nothing happened meanwhile'
    assert_failed 0
    assert_equal "$(guids here /a)" "$(guids there /a)"
    assert_equal "$(guids here /a/b)" "$(guids there /a/b)"
    # A listing of its own, and of no other; what runs here in place of zfs is not counted.
    assert_equal 1 "$(calls "^remote.zfs list .* -d 1 $DST/a$")"
    assert_equal 1 "$(calls "^remote.zfs list .* -d 1 ")"
}

test_a_dataset_of_which_a_snapshot_goes_before_its_facts_were_read_is_listed_anew_and_no_other() {
    moves_before_its_facts_were_read "$DIR/bin/sim on local zfs destroy $SRC/a@daily-4"
}

test_a_dataset_of_which_a_snapshot_is_replaced_before_its_facts_were_read_is_listed_anew_and_no_other() {
    local sim="$DIR/bin/sim on local"
    moves_before_its_facts_were_read "$sim zfs destroy $SRC/a@daily-4 && $sim zfs snapshot $SRC/a@daily-4"
}

test_a_dataset_of_which_a_bookmark_goes_before_its_facts_were_read_is_listed_anew_and_no_other() {
    moves_before_its_facts_were_read "$DIR/bin/sim on local zfs destroy $SRC/a#mark" \
        "zfs snapshot $SRC/a@x; zfs bookmark $SRC/a@x $SRC/a#mark; zfs destroy $SRC/a@x"
}

test_a_start_that_finds_what_the_one_before_knew_lists_names_and_nothing_else() {
    config ssh
    sync_twice
    sim calls clear
    sync_ok
    assert_not_called 'creation'
    assert_equal 2 "$(calls "$names -r")"
}

# Nothing of it is believed.
test_a_file_of_facts_that_is_spoilt_costs_a_long_listing_and_nothing_else() {
    local file spoil
    config ssh
    sync_twice
    file=$(echo "$RUNTIME_DIRECTORY"/*.facts)
    cp "$file" "$DIR/good"
    # shellcheck disable=SC2016 # for eval
    for spoil in 'rm $file' ': >$file' 'truncate -s -1 $file' 'truncate -s -32 $file' 'echo >>$file' 'chmod 666 $file' \
        'printf x | dd of=$file bs=1 seek=60 conv=notrunc status=none' 'head -c 5000 /dev/urandom >$file' \
        'ln -sf $DIR/good $file' 'rm $file; mkfifo $file' 'rm $file; mkdir $file'; do
        rm -rf "$file"
        cp "$DIR/good" "$file"
        eval "$spoil"
        sim calls clear
        sync_ok
        assert_equal 2 "$(calls 'creation,written -r')"
        assert_not_called 'zfs (send|receive|destroy)'
    done
    assert_said 'the next start lists all snapshots at length' # where a folder is in its place
}

# A thousand datasets of a hundred snapshots on either side, with the bookmarks that cycles leave.
config_many() {
    sim make-tree -l tank/many -r vault/many -k 100 1000 100
    # shellcheck disable=SC2016 # awk's
    find "$DIR/state/local/tank/many" -name @ -exec awk -F '\t' -v OFS='\t' '
        function add() { if (file) print "B", "backupd-" guid, rest, 0, 0 >>file; close(file) }
        FNR == 1 { add(); file = FILENAME }
        /^S/ { guid = $3; rest = $3 OFS $4 OFS $5 OFS $6 }
        END { add() }' {} +
    printf '[local]\nroot = "tank/many"\n[remote]\nroot = "vault/many"\nssh_host = "root@nas"\n' >"$DIR/backupd.toml"
    printf '[%s.policy]\nhourly = 1000\n' local remote >>"$DIR/backupd.toml"
    printf '[history]\npath = ""\n' >>"$DIR/backupd.toml"
}

test_an_idle_engine_is_resident_with_less_than_10_mb_for_a_thousand_datasets_of_a_hundred_snapshots_a_side() {
    local kept backupd=$backupd
    [ -r /proc/self/status ] || skip 'there is no /proc'
    # A sanitizer keeps what is freed.
    ! grep -q __asan_init "$backupd" || backupd=$here/../../build/backupd
    { [ -x "$backupd" ] && ! grep -q __asan_init "$backupd"; } || skip 'there is no backupd without a sanitizer'
    config_many
    start_daemon
    next_cycle
    assert_not_called 'zfs (send|bookmark|destroy)' # it is a cycle with nothing to do
    for _ in {1..50}; do
        kept=$(awk '$1 == "VmRSS:" { print $2 }' "/proc/$daemon/status")
        [ "$kept" -ge 10000 ] || return 0
        sleep 0.1
    done
    fail "$kept KiB are resident"
}

# maps PID PATTERN: whether it has such a file mapped.
maps() { grep -qE "$2" "/proc/$1/maps"; }

test_what_only_the_web_process_and_commands_need_is_not_mapped_in_the_engine() {
    local web
    [ -r /proc/self/maps ] || skip 'there is no /proc'
    settled_daemon
    web=$(pgrep -P $daemon -f web-role)
    maps $daemon 'libjansson' || fail 'its libraries are not seen'
    maps "$web" 'libmicrohttpd' || fail 'the web process has another library, so this looks for the wrong one'
    ! maps $daemon 'lib(microhttpd|curl|sqlite3|gnutls|ssl|crypto)' ||
        fail "$(grep -oE 'lib(microhttpd|curl|sqlite3|gnutls|ssl|crypto).*' /proc/$daemon/maps | sort -u)"
}

# without_libraries ARGUMENT...: the program, with STATUS and output as of `once`, where those libraries are broken.
without_libraries() {
    STATUS=0
    LD_LIBRARY_PATH=$DIR/broken "$backupd" "$@" >"$DIR/out" 2>&1 </dev/null || STATUS=$?
}

test_what_lacks_a_library_names_it_and_all_else_goes_on_without() {
    local name user
    config ssh
    user=$(id -un)
    [ "$user" != root ] || user=nobody
    chmod 711 "$top" # the notifier must find them, too
    mkdir "$DIR/broken"
    for name in libcurl.so.4 libmicrohttpd.so.12 libsqlite3.so.0; do echo broken >"$DIR/broken/$name"; done
    without_libraries -config "$DIR/backupd.toml" -once
    assert_status 0
    for name in status 'snapshot daily'; do
        # shellcheck disable=SC2086 # words
        without_libraries -config "$DIR/backupd.toml" $name
        assert_status 1
        assert_said 'backupd: cannot load a library: '
        assert_said 'libcurl.so.4'
    done
    without_libraries notifier-role http://127.0.0.1:9/ "$user"
    assert_status 1
    assert_said 'libcurl.so.4'
    without_libraries web-role "$user" "$DIR" 0
    assert_status 1
    assert_said 'libmicrohttpd.so.12'
    without_libraries history-role "$DIR/history.sqlite" 1000
    assert_status 0
    assert_said 'libsqlite3.so.0'
    assert_said 'backups go on'
}

facts_fail() {
    settled_daemon
    days 1
    sim fault "match 'local zfs list*creation,written*@daily-4*' $1"
    next_cycle
    grep -q " cycle 2: failed" "$DIR/log" || fail "$(grep ' cycle 2: ' "$DIR/log")"
    assert_not_called 'zfs (destroy|send|receive|create)'
    sim faults clear
    next_cycle
    assert_failed 0
    assert_alike
}

test_facts_that_cannot_be_read_fail_the_cycle_and_the_next_one_reads_them() { facts_fail "fail 1 'cannot iterate: I/O error'"; }
test_facts_that_are_garbled_fail_the_cycle_and_the_next_one_reads_them() { facts_fail 'garble 30 60'; }
test_facts_that_break_off_fail_the_cycle_and_the_next_one_reads_them() { facts_fail 'cut 30'; }
test_a_listing_of_facts_that_is_killed_fails_the_cycle_and_the_next_one_reads_them() { facts_fail 'kill 30'; }

# Each run is killed a little later; in the end everything is there.
test_a_daemon_that_is_killed_over_and_over_gets_there() {
    local i
    config ssh
    sim fault "match 'zfs send*' rate 3000000"
    for i in 0.05 0.1 0.2 0.3 0.5; do
        timeout -s KILL $i "$backupd" -config "$DIR/backupd.toml" -once >"$DIR/out" 2>&1 </dev/null
    done
    sim faults clear
    sync_ok
    assert_alike
}

# --- names ---

# with_login_shell SHELL: the other machine's login shell is a real one: what ssh is to run goes through SHELL -c.
with_login_shell() {
    local name
    mkdir "$DIR/real" "$DIR/there"
    mv "$DIR/bin/ssh" "$DIR/real/ssh"
    for name in zfs zpool; do
        printf '#!/bin/sh\n{ for word; do printf "<%%s>" "$word"; done; echo; } >>"%s/heard"\nexec "%s/bin/sim" on remote %s "$@"\n' \
            "$DIR" "$DIR" $name >"$DIR/there/$name"
    done
    cat >"$DIR/bin/ssh" <<EOF
#!/bin/bash
for word; do [ "\$word" != -N ] || exec "$DIR/real/ssh" "\$@"; done
PATH=$DIR/there:$base_path exec $1 -c "\${!#}"
EOF
    chmod +x "$DIR/bin/ssh" "$DIR/there/"*
}

awkward_names() {
    local name names long deep
    command -v "$1" >/dev/null || skip "there is no $1"
    KEEP_LOCAL=9 KEEP_REMOTE=9 config ssh
    with_login_shell "$1"
    # With the longest snapshot's name, which has 25 bytes, the deepest has 254 here and 255 there.
    long=$(printf 'l%.0s' {1..150})
    deep=$(printf 'd%.0s' {1..67})
    names=('/-dash' '/dash-' '/.dot' '/dot.' '/...' '/ blank' '/two  blanks' '/blank ' '/a:b_c.d-e' '/-r' '/--' '/0'
        "/$long" "/$long/$deep")
    for name in "${names[@]}"; do zfs create "$SRC$name" || fail "no $name"; done
    zfs snapshot -r "$SRC@daily" # a type without a hyphen
    zfs snapshot -r "$SRC@daily- a b.c_d:e "
    zfs snapshot -r "$SRC@daily-2026-11-23T12:00:00"
    sync_ok
    for name in "${names[@]}"; do
        assert_equal 3 "$(guids here "$name" | wc -l)"
        assert_equal "$(guids here "$name")" "$(guids there "$name")"
    done
    grep -qF "<$DST/two  blanks>" "$DIR/heard" || fail 'no shell was asked'
    # Destroying names them, too.
    KEEP_LOCAL=1 KEEP_REMOTE=1 config ssh
    days 2
    sync_twice
    assert_equal 'daily daily-5' "$(snapshots there '/two  blanks')"
    grep -qE "<$DST/two  blanks@daily- a b.c_d:e [,%>]" "$DIR/heard" || fail 'none was destroyed by its name'
}

test_awkward_names_arrive_as_themselves_through_a_real_sh() { awkward_names sh; }
test_awkward_names_arrive_as_themselves_through_a_real_csh() { awkward_names csh; }

# What no zfs says, but somebody in its place could, and how the refusal quotes it.
hostile_names() {
    local name
    # shellcheck disable=SC2016 # it is not to be executed
    for name in '$(touch pwned)' '`touch pwned`' 'a;touch pwned' "a'b" 'a"b' 'a\b' 'a%b' '%s%n' 'a,b' 'a@b' '..' \
        '-rf *' "$(printf 'x%.0s' {1..4096})"; do
        printf '%s\t%s\n' "$name" "${name:0:20}"
    done
    printf '%s\t%s\n' $'a\ab' 'a\x07b' $'\033[2J' '\x1b[2J' $'\303\244' '\xc3\xa4'
}

# lies local|remote ROOT /|@ NAME: from now on every listing of that side ends with a line more, whose name is ROOT/NAME
# (then those of datasets) or ROOT@NAME (of snapshots).
lies() {
    local file=zfs
    [ "$1" = local ] || file=ssh
    printf '%s' "$2$3$4" >"$DIR/lie"
    printf '%s' "$3" >"$DIR/mark"
    [ ! -e "$DIR/real/$file" ] || return 0
    mkdir -p "$DIR/real"
    mv "$DIR/bin/$file" "$DIR/real/$file"
    cat >"$DIR/bin/$file" <<EOF
#!/bin/bash
case "\${1-} \${!#}" in
'list '* | *" zfs 'list' "*)
    listed=\$("$DIR/real/$file" "\$@") || { rc=\$?; printf '%s' "\$listed"; exit \$rc; }
    [ -n "\$listed" ] || exit 0
    printf '%s\n' "\$listed"
    mark=/
    [[ \$listed != *@* ]] || mark=@
    [ "\$mark" = "\$(cat "$DIR/mark")" ] || exit 0
    printf '%s\t%s\n' "\$(cat "$DIR/lie")" "\$(tail -n 1 <<<"\$listed" | cut -f2-)"
    exit 0 ;;
esac
exec "$DIR/real/$file" "\$@"
EOF
    chmod +x "$DIR/bin/$file"
}

everything() {
    sim on local zfs list -Hp -t all -o name,guid
    remote zfs list -Hp -t all -o name,guid
}

# refused_whole SIDE ROOT MARK NAME: with such a name in its listings a cycle fails and changes nothing.
refused_whole() {
    sim calls clear
    lies "$@"
    once
    assert_status 1
    assert_not_called 'zfs (destroy|send|receive|create|set|rollback|bookmark|inherit)'
    ! grep -qP '[\x01-\x08\x0b-\x1f\x7f-\xff]' "$DIR/out" || fail "<$4> reached the terminal as it is"
}

# refuses_names SIDE ROOT MARK: nothing is believed of a listing with such a name, so nothing is destroyed or run. By
# turns it is a dataset's and a snapshot's, and the other way round on the other side.
refuses_names() {
    local name quoted before mark=$3
    config ssh
    sync_ok
    days 2
    before=$(everything)
    cd "$DIR" || return 1
    while IFS=$'\t' read -r name quoted; do
        refused_whole "$1" "$2" $mark "$name"
        assert_equal 1 "$(grep -cE 'failed: .*(an illegal|no name of a|a name longer than)' "$DIR/out")"
        grep -E 'failed: ' "$DIR/out" | grep -qF -- "$2$mark$quoted" || fail "<$2$mark$name> is not quoted"
        [ $mark = / ] && mark=@ || mark=/
    done < <(hostile_names)
    [ ! -e pwned ] || fail 'it was executed'
    assert_equal "$before" "$(everything)"
}

test_a_hostile_name_that_the_local_zfs_prints_is_refused_and_quoted_and_changes_nothing() { refuses_names local $SRC /; }
test_a_hostile_name_that_the_remote_zfs_prints_is_refused_and_quoted_and_changes_nothing() { refuses_names remote $DST @; }

# A newline or a tab in a name makes other lines and columns of it.
refuses_separators() {
    local name before
    config ssh
    sync_ok
    days 2
    before=$(everything)
    for name in $'\tx' $'x\t1\t1' $'\nx' $'x\n'"$2" $'x\ny\t1\t1'; do refused_whole "$1" "$2" / "$name"; done
    assert_equal "$before" "$(everything)"
}

test_a_name_with_a_newline_or_a_tab_that_the_local_zfs_prints_changes_nothing() { refuses_separators local $SRC; }
test_a_name_with_a_newline_or_a_tab_that_the_remote_zfs_prints_changes_nothing() { refuses_separators remote $DST; }

# refused_word WORD...: backupd does not take it, and says so in a line.
refused_word() {
    STATUS=0
    "$backupd" -config "$DIR/backupd.toml" "$@" >"$DIR/out" 2>&1 </dev/null || STATUS=$?
    assert_status 2
    [ "$(grep -cv 'see backupd help' "$DIR/out")" = 1 ] || fail 'that is not one line'
}

# shellcheck disable=SC2016 # it is not to be executed
test_a_hostile_word_of_the_command_line_is_refused_and_no_zfs_is_asked() {
    local word long
    long=$(printf 'x%.0s' {1..4096})
    config ssh
    cd "$DIR" || return 1
    sim calls clear
    for word in 'x;y' '$(touch pwned)' '`touch pwned`' 'a|b' "a'b" 'a"b' 'b/c' 'a@b' 'a%b' 'a,b' '..' $'a\nb' $'a\tb' \
        $'\303\244' '' "$long"; do
        refused_word snapshot "$word"
        assert_said 'snapshot name'
    done
    for word in 'tank/$(x)' "$SRC/\$(touch pwned)" "$SRC/a;b" "$SRC/../x" '/a`touch pwned`' '/a@b' '-x' "$SRC/"$'a\tb' \
        "$SRC/$long"; do
        refused_word -debug "$word"
    done
    assert_equal 0 "$(sim calls | wc -l)"
    [ ! -e pwned ] || fail 'it was executed'
}

# Only zfs, zpool, ssh and zstd are executed on this machine.
test_no_shell_is_run_on_this_machine() {
    local kind
    command -v strace >/dev/null || skip 'there is no strace'
    for kind in ssh local compressing; do
        if [ $kind = compressing ]; then compressing; else config $kind; fi
        days 1
        ASAN_OPTIONS=detect_leaks=0 timeout 120 strace -f -qq -e trace=execve,execveat -o "$DIR/trace" \
            "$backupd" -config "$DIR/backupd.toml" -once >"$DIR/out" 2>&1 </dev/null || fail 'it failed'
        grep -q 'execve(".*/zfs", .* = 0' "$DIR/trace" || fail 'nothing was traced'
        assert_equal '' "$(grep -oE 'execve(at)?\([^,]*' "$DIR/trace" | sort -u |
            grep -vE '^execve\("[^"]*/(zfs|zpool|ssh|zstd|backupd)"$')"
    done
}

# --- running them ---

clean_up() {
    rm -rf "$top"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

[ -x "$backupd" ] || {
    echo "test.sh: there is no $backupd" >&2
    exit 1
}
mapfile -t tests < <(grep -oE '^test_[a-z0-9_]+' "$0" | awk -v part="$part" -v parts="$parts" 'NR % parts == part % parts')
echo "1..${#tests[@]}"
number=0 failed=0
for name in "${tests[@]}"; do
    number=$((number + 1))
    sentence=${name#test_}
    why=$(world $number && day=3 && "$name" 2>&1)
    rc=$?
    if [ $rc = 77 ]; then
        echo "ok $number - ${sentence//_/ } # SKIP $why"
        rm -rf "${top:?}/$number"
    elif [ $rc = 0 ]; then
        echo "ok $number - ${sentence//_/ }"
        rm -rf "${top:?}/$number"
    else
        failed=1
        echo "not ok $number - ${sentence//_/ }"
        printf '%s\n' "$why" | sed 's/^/# /'
        [ -z "${SIM_TEST_KEEP:-}" ] || cp -a "$top/$number" "/tmp/sim-kept-$number"
    fi
done
exit $failed
