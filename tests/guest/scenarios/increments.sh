#!/bin/bash
# increments.sh: the life after the first run: new snapshots go over one by one, old ones go away.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# A zfs that notes what it is asked.
make_noting_zfs() {
    mkdir -p "$SCENARIO_DIR/noting"
    cat >"$SCENARIO_DIR/noting/zfs" <<END
#!/bin/sh
PATH=${PATH@Q}
echo "\$*" >>"$SCENARIO_DIR/noting/asked"
exec zfs "\$@"
END
    chmod +x "$SCENARIO_DIR/noting/zfs"
}

# noted_cycle N: one more cycle, and what it asked zfs for snapshots of the remote root, all and by name.
noted_cycle() {
    : >"$SCENARIO_DIR/noting/asked"
    kill -USR1 "$DAEMON_PID"
    wait_for_log 60 "cycle $1: 4 datasets, 0 failed"
    ASKED_ALL=$(grep -cE -- "-t snapshot,bookmark .*-r $DST\$" "$SCENARIO_DIR/noting/asked" || :)
    ASKED_NAMES=$(grep -cE -- "-t snapshot,bookmark .*-d 1 $DST" "$SCENARIO_DIR/noting/asked" || :)
}

# sends DATASET-NAME: what the last run sent of it, in the order in which it began.
sends() { grep -v ' done: ' <<<"$STDOUT" | sed -n "s|^$1: send ||p"; }

test_a_new_snapshot_goes_over_as_an_increment() {
    write_config local.policy 'hourly = 10' remote.policy 'hourly = 10; daily = 10'
    zfs create $SRC/a
    fill $SRC/a large 4096
    snap $SRC/a hourly-1
    once
    assert_equal "hourly-1 (all of it)" "$(sends /a)"
    fill $SRC/a small 64
    snap $SRC/a hourly-2
    once
    assert_equal "hourly-1 to hourly-2" "$(sends /a)"
    assert_snapshots remote /a hourly-1 hourly-2
    assert_same_guids /a
    assert [ "$(property $DST/a@hourly-2 written)" -lt 1000000 ]
}

test_snapshots_that_are_due_together_go_in_one_cycle_in_order_each_from_the_one_before() {
    local name
    for name in hourly-3 daily-1 manual-1 hourly-4; do
        fill $SRC/a $name
        snap $SRC/a $name
    done
    once
    assert_equal "hourly-2 to hourly-3
hourly-3 to daily-1
daily-1 to hourly-4" "$(sends /a)"
    assert_snapshots remote /a hourly-1 hourly-2 hourly-3 daily-1 hourly-4
    assert_same_guids /a hourly-1 hourly-2 hourly-3 daily-1 hourly-4
    # Each arrived before the next one began.
    assert_equal "hourly-3 daily-1 hourly-4" "$(zpool history -i $DST_POOL | grep 'finish receiving' |
        grep -oE 'snap=[^ ]+' | tail -n 3 | cut -d= -f2 | xargs)"
}

test_each_side_keeps_as_many_as_its_policy_says() {
    write_config local.policy 'hourly = 2' remote.policy 'hourly = 3; daily = 1'
    snap $SRC/a daily-2 hourly-5
    once
    # The oldest stays, and until the run after what was sent now and what was then the newest that both had. Those of
    # type daily are managed here too, for the remote's policy names it.
    assert_snapshots local /a hourly-1 manual-1 hourly-4 daily-2 hourly-5
    assert_snapshots remote /a hourly-1 hourly-3 hourly-4 daily-2 hourly-5
    assert_same_guids /a hourly-1 hourly-4 hourly-5
    snap $SRC/a hourly-6
    once
    once
    assert_snapshots local /a hourly-1 manual-1 hourly-5 hourly-6
    assert_snapshots remote /a hourly-1 hourly-4 daily-2 hourly-5 hourly-6
}

test_adjacent_snapshots_are_destroyed_by_one_command_that_names_each() {
    local before
    zfs create $SRC/b
    snap $SRC/b hourly-1 hourly-2 hourly-3 hourly-4 hourly-5
    zfs send -wR $SRC/b@hourly-5 | zfs receive -u $DST/b
    write_config local.policy 'hourly = 1' remote.policy 'hourly = 1'
    before=$(zpool history $SRC_POOL | grep -c 'zfs destroy')
    once
    assert_output_has "/b: destroy local hourly-2 to hourly-4" "/b: destroy remote hourly-2 to hourly-4"
    assert_snapshots local /b hourly-1 hourly-5
    assert_snapshots remote /b hourly-1 hourly-5
    zpool history $SRC_POOL | grep -F "zfs destroy $SRC/b@hourly-2,hourly-3,hourly-4" >/dev/null ||
        fail "the local snapshots went otherwise"
    zpool history $DST_POOL | grep -F "zfs destroy $DST/b@hourly-2,hourly-3,hourly-4" >/dev/null ||
        fail "the remote snapshots went otherwise"
    # That of /b, and that of /a, whose rules are narrower now too.
    assert [ "$(($(zpool history $SRC_POOL | grep -c 'zfs destroy') - before))" -le 2 ]
}

test_unmanaged_snapshots_stay_on_both_sides_until_the_configuration_says_destroy() {
    zfs create $SRC/c
    write_config local.policy 'hourly = 1' remote.policy 'hourly = 1'
    snap $SRC/c hourly-1 manual-1 other manual-held
    zfs hold keep $SRC/c@manual-held
    # By hand, since backupd sends none of a type that it was not told about.
    zfs send -wR $SRC/c@manual-held | zfs receive -u $DST/c
    snap $SRC/c hourly-2
    once
    assert_output_lacks "destroy "
    assert_snapshots local /c hourly-1 manual-1 other manual-held hourly-2
    assert_snapshots remote /c hourly-1 manual-1 other manual-held hourly-2
    write_config local 'unmanaged = "destroy"' local.policy 'hourly = 1' remote.policy 'hourly = 1'
    once
    assert_snapshots local /c hourly-1 manual-held hourly-2
    assert_snapshots remote /c hourly-1 manual-1 other manual-held hourly-2
    write_config remote 'unmanaged = "destroy"' local.policy 'hourly = 1' remote.policy 'hourly = 1'
    once
    assert_snapshots remote /c hourly-1 hourly-2
    zfs release keep $SRC/c@manual-held
}

test_snapshots_are_not_asked_for_where_zfs_says_that_they_did_not_change() {
    local all=0 asked
    case $(zfs version) in zfs-2.1.*) all=1 ;; esac
    write_config remote 'ssh_host = ""' local.policy 'hourly = 9' remote.policy 'hourly = 9'
    # Of a dataset that never had a snapshot zfs says nothing.
    snap -r $SRC hourly-7
    once
    once
    make_noting_zfs
    PATH=$SCENARIO_DIR/noting:$PATH daemon_start
    wait_for_log 60 'cycle 1: 4 datasets, 0 failed'
    noted_cycle 2
    sleep 2
    noted_cycle 3
    noted_cycle 4
    assert_equal $all "$ASKED_ALL" 'listings of all'
    assert_equal 0 "$ASKED_NAMES" 'listings by name'
    assert_equal $all "$(grep -cE -- "-t snapshot,bookmark .*-(r|d 1) $SRC" "$SCENARIO_DIR/noting/asked" || :)" 'listings here'
    # What somebody does there is noticed.
    zfs destroy $DST/b@hourly-1
    noted_cycle 5
    assert_equal 1 "$((ASKED_ALL + ASKED_NAMES))" 'listings after a deletion by hand'
    # And so is news, for which the remote need not be listed.
    snap $SRC/a hourly-8
    noted_cycle 6
    assert_same_guids /a hourly-8
    assert_equal $all "$ASKED_ALL" 'listings of all with news'
    assert_equal 0 "$(grep -cE -- "-t snapshot,bookmark .*$DST/a" "$SCENARIO_DIR/noting/asked" || :)" 'listings of the copy'
    # The look after that cycle says what it left there.
    for _ in {1..60}; do
        asked=$(grep -cE -- "snapshots_changed .*$DST\$" "$SCENARIO_DIR/noting/asked" || :)
        [ "$asked" != $((2 - 2 * all)) ] || break
        sleep 1
    done
    assert_equal $((2 - 2 * all)) "$asked" 'times that the other side was asked what changed'
    sleep 2 # what it says is read
    snap $SRC/a hourly-9
    noted_cycle 7
    assert_same_guids /a hourly-8 hourly-9
    assert_equal $all "$ASKED_ALL" 'listings of all with news after news'
    assert_equal 0 "$(grep -cE -- "-t snapshot,bookmark .*$DST/a" "$SCENARIO_DIR/noting/asked" || :)" 'listings of the copy'
    daemon_stop
}

# go_together HOST NAME: one small increment in each of five datasets, which go over one command of a login shell.
go_together() {
    local name
    [ "$REMOTE_KIND" != none ] || skip "there is no sshd here"
    SRC=$SRC_POOL/$2 DST=$DST_POOL/$2
    write_config remote "ssh_host = \"$1\"" sync 'parallel = 1' local.policy 'hourly = 9' remote.policy 'hourly = 9'
    zfs create "$SRC"
    zfs create "$SRC/a b"
    zfs create "$SRC/a b/c"
    zfs create -V 16M "$SRC/volume"
    head -c 32 /dev/urandom >"$SCENARIO_DIR/key"
    zfs create -o encryption=on -o keyformat=raw -o "keylocation=file://$SCENARIO_DIR/key" "$SRC/secret"
    snap -r "$SRC" hourly-1
    once
    fill "$SRC/a b" file 300
    fill "$SRC/secret" file 300
    snap -r "$SRC" hourly-2
    note_ssh
    PATH=$SCENARIO_DIR/noting-ssh:$PATH once
    assert_equal 1 "$(grep -c "zfs 'receive'" "$SCENARIO_DIR/noting-ssh/asked")" 'commands that receive'
    assert_output_lacks 'on its own'
    each_arrived hourly-1 hourly-2
    # What arrived is what was there.
    zfs set canmount=on "$DST/a b"
    zfs mount "$DST/a b"
    assert cmp "$(property "$SRC/a b" mountpoint)/file" "$(property "$DST/a b" mountpoint)/file"
    zfs unmount "$DST/a b"
}

# Puts an ssh into $SCENARIO_DIR/noting-ssh that notes what it is asked.
note_ssh() {
    mkdir -p "$SCENARIO_DIR/noting-ssh"
    printf '#!/bin/sh\necho "$*" >>%q\nPATH=%q exec ssh "$@"\n' "$SCENARIO_DIR/noting-ssh/asked" "$PATH" >"$SCENARIO_DIR/noting-ssh/ssh"
    chmod +x "$SCENARIO_DIR/noting-ssh/ssh"
    : >"$SCENARIO_DIR/noting-ssh/asked"
}

# each_arrived SNAPSHOT...: with one bookmark each, of the newest.
each_arrived() {
    local name
    for name in "" "/a b" "/a b/c" /volume /secret; do
        assert_same_guids "$name" "$@"
        assert_equal "backupd-$(property "$SRC$name@${!#}" guid)" "$(bookmarks "$SRC$name")" "bookmarks of $name"
        assert_property "$DST$name" receive_resume_token -
    done
}

test_small_increments_of_several_datasets_go_over_one_command_through_sh() { go_together "$REMOTE_HOST" together_sh; }

# After the test before.
test_one_of_several_datasets_that_is_refused_fails_alone_in_the_same_cycle() {
    local name
    [ "$REMOTE_KIND" != none ] || skip "there is no sshd here"
    SRC=$SRC_POOL/together_sh DST=$DST_POOL/together_sh
    write_config sync 'parallel = 1' local.policy 'hourly = 9' remote.policy 'hourly = 9'
    zfs set readonly=off "$DST/a b"
    zfs mount "$DST/a b"
    touch "$(property "$DST/a b" mountpoint)/written"
    zfs unmount "$DST/a b"
    snap -r "$SRC" hourly-3
    PATH=$SCENARIO_DIR/noting-ssh:$PATH backupd -once
    assert_status 1
    assert_output_has '/a b: what was sent together over one command broke off; on its own now'
    assert_snapshots remote "/a b" hourly-1 hourly-2
    for name in "" "/a b/c" /volume /secret; do
        assert_same_guids "$name" hourly-1 hourly-2 hourly-3
    done
    zfs rollback "$DST/a b@hourly-2"
    once
    each_arrived hourly-1 hourly-2 hourly-3
}

test_small_increments_of_several_datasets_go_over_one_command_through_csh() {
    [ "$REMOTE_KIND" = guest ] || skip "no user with csh here"
    go_together toor@127.0.0.1 together_csh
}

scenario_begin
run_tests "$@"
