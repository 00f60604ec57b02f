#!/bin/bash
# remotes.sh: the ways to have a remote, or none; rules for a part of the tree; a remote root that was made by hand.
# Every test has roots of its own.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# roots NAME: a local root of this name, and the name of a remote one
roots() {
    SRC=$SRC_POOL/$1
    DST=$DST_POOL/$1
    zfs create "$SRC"
}

test_the_remote_may_be_a_pool_of_this_machine() {
    roots here
    write_config remote 'ssh_host = ""; ssh_options = []' remote.policy 'hourly = 2'
    zfs create "$SRC/a b"
    fill "$SRC/a b" file
    snap -r "$SRC" hourly-1 hourly-2
    once
    assert_snapshots remote "/a b" hourly-1 hourly-2
    assert_same_guids "/a b"
    assert_same_guids ""
    assert_property "$DST/a b" readonly on local
    assert_property "$DST/a b" mounted no
    once
    assert_output_lacks "send " "destroy "
}

test_without_a_remote_the_local_policy_alone_is_kept() {
    local before
    roots alone
    before=$(zfs list -H -o name -r $DST_POOL; received)
    write_config remote 'root = ""; ssh_host = ""; ssh_options = []' local.policy 'hourly = 2' remote.policy ''
    zfs create "$SRC/a"
    snap -r "$SRC" hourly-1 hourly-2 manual-1 hourly-3 hourly-4
    once
    assert_snapshots local /a hourly-1 manual-1 hourly-3 hourly-4
    assert_snapshots local "" hourly-1 manual-1 hourly-3 hourly-4
    assert_equal '' "$(bookmarks "$SRC/a")" "bookmarks"
    assert_equal "$before" "$(zfs list -H -o name -r $DST_POOL; received)"
    once
    assert_output_lacks "destroy "
    backupd check
    assert_status 0
    assert_output_has "none configured: retention only"
}

test_the_login_shell_of_the_remote_may_be_csh() {
    [ "$REMOTE_KIND" = guest ] || skip "no user with csh here"
    roots csh
    write_config remote 'ssh_host = "toor@127.0.0.1"' local.policy 'hourly = 2' remote.policy 'hourly = 2'
    zfs create "$SRC/a b"
    zfs create "$SRC/a b/c: d"
    fill "$SRC/a b" file
    # No snapshot of the root, so that its copy is a placeholder; and a blank in the name of a snapshot too.
    snap -r "$SRC/a b" hourly-1 "hourly-2 or so"
    once
    assert_property "$DST" backupd:placeholder on local
    assert_snapshots remote "/a b" hourly-1 "hourly-2 or so"
    assert_snapshots remote "/a b/c: d" hourly-1 "hourly-2 or so"
    # Next come a full stream over the placeholder, increments and deletions.
    snap "$SRC" hourly-3
    snap "$SRC/a b/c: d" hourly-3 hourly-4
    once
    once
    assert_same_guids "" hourly-3
    assert_snapshots remote "/a b/c: d" hourly-1 hourly-3 hourly-4
    assert_same_guids "/a b/c: d" hourly-1 hourly-3 hourly-4
    assert_property "$DST" backupd:placeholder - -
}

# compress_through HOST NAME: streams of uncompressed data go through zstd and arrive, whole or resumed after a cut.
compress_through() {
    [ "$REMOTE_KIND" != none ] || skip "there is no sshd here"
    command -v zstd >/dev/null || skip "there is no zstd here"
    roots "$2"
    write_config remote "ssh_host = \"$1\"" sync 'compress = true' local.policy 'hourly = 9' remote.policy 'hourly = 9'
    zfs create -o compression=off "$SRC/a b"
    # Zeros are quickly made, and without compression they are data like any other.
    dd if=/dev/zero of="$(property "$SRC/a b" mountpoint)/f" bs=1M count=70 status=none
    snap -r "$SRC" hourly-1
    once
    assert_output_has "/a b: zstd compresses the stream on the wire"
    assert_output_lacks "no transfer is compressed"
    assert_same_guids "/a b" hourly-1
    # It is cut within what zstd cannot make smaller, and what is left is still worth it.
    dd if=/dev/urandom of="$(property "$SRC/a b" mountpoint)/g" bs=1M count=24 status=none
    dd if=/dev/zero bs=1M count=70 status=none >>"$(property "$SRC/a b" mountpoint)/g"
    snap "$SRC/a b" hourly-2
    mkdir -p "$SCENARIO_DIR/cut"
    printf '#!/bin/bash\n%s "$@" | head -c 10000000\nkill -KILL $$\n' "$(command -v zstd)" >"$SCENARIO_DIR/cut/zstd"
    sed -i '2i [ "$*" != --version ] || exit 0' "$SCENARIO_DIR/cut/zstd"
    chmod +x "$SCENARIO_DIR/cut/zstd"
    PATH=$SCENARIO_DIR/cut:$PATH backupd -once
    assert_status 1
    assert_output_has "compress: was ended by signal 9"
    assert_snapshots remote "/a b" hourly-1
    [ "$(property "$DST/a b" receive_resume_token)" != - ] || fail "there is no token"
    once
    assert_output_has "/a b: resume: send" "/a b: zstd compresses the stream on the wire"
    assert_same_guids "/a b" hourly-1 hourly-2
    assert_property "$DST/a b" receive_resume_token -
    # What arrived is what was there.
    zfs set canmount=on "$DST/a b"
    zfs mount "$DST/a b"
    assert cmp "$(property "$SRC/a b" mountpoint)/f" "$(property "$DST/a b" mountpoint)/f"
    assert cmp "$(property "$SRC/a b" mountpoint)/g" "$(property "$DST/a b" mountpoint)/g"
    zfs destroy -r "$SRC"
    zfs destroy -r "$DST"
}

test_large_uncompressed_streams_are_compressed_on_the_wire_through_sh() { compress_through "$REMOTE_HOST" wire_sh; }

test_large_uncompressed_streams_are_compressed_on_the_wire_through_csh() {
    [ "$REMOTE_KIND" = guest ] || skip "no user with csh here"
    compress_through toor@127.0.0.1 wire_csh
}

test_missing_parents_of_the_remote_root_are_made_as_placeholders() {
    local name
    roots deep
    DST=$DST_POOL/deep/er/"est one"
    write_config
    snap "$SRC" hourly-1
    once
    assert_same_guids "" hourly-1
    assert_property "$DST" canmount noauto local
    for name in $DST_POOL/deep $DST_POOL/deep/er; do
        assert_property "$name" backupd:placeholder on local
        assert_property "$name" canmount off local
        assert_property "$name" mounted no
    done
    snap "$SRC" hourly-2
    once
    assert_same_guids "" hourly-1 hourly-2
}

test_an_override_rules_a_dataset_and_all_below_it() {
    roots some
    zfs create "$SRC/scratch"
    zfs create "$SRC/scratch/below"
    zfs create "$SRC/scratchy"
    write_config local.policy 'hourly = 2' remote.policy 'hourly = 2' \
        'overrides."/scratch"' 'keep_baseline = false' 'overrides."/scratch".local.policy' 'hourly = 1' \
        'overrides."/scratch".remote.policy' ''
    snap -r "$SRC/scratch" hourly-1 hourly-2 hourly-3
    snap "$SRC/scratchy" hourly-1 hourly-2 hourly-3
    once
    once
    assert_snapshots local /scratch hourly-3
    assert_snapshots local /scratch/below hourly-3
    assert_missing "$DST/scratch"
    # hourly-1 was the oldest here when there was nothing over there.
    assert_snapshots local /scratchy hourly-1 hourly-2 hourly-3
    assert_snapshots remote /scratchy hourly-2 hourly-3
}

test_a_remote_dataset_made_by_hand_is_not_overwritten_and_the_error_names_the_way() {
    roots hand
    write_config
    zfs create "$SRC/a"
    fill "$SRC" file
    snap -r "$SRC" hourly-1
    zfs create "$DST"
    backupd -once
    assert_status 1
    assert_output_has "$DST exists on the remote, was not made by backupd and has no snapshot" "backupd adopt '<root>'"
    assert_snapshots remote ""
    # The child does not suffer.
    assert_same_guids /a hourly-1
    zfs destroy -r "$DST/a"
}

test_adopt_refuses_what_is_not_empty() {
    SRC=$SRC_POOL/hand
    DST=$DST_POOL/hand
    local before
    write_config
    zfs snapshot "$DST@mine"
    before=$(property "$DST@mine" guid)
    backupd adopt
    assert_status 1
    assert_output_has "$DST has snapshots" "@mine"
    zfs destroy "$DST@mine"
    touch "$(property "$DST" mountpoint)/a file of somebody"
    backupd adopt '<root>'
    assert_status 1
    assert_output_has "$DST holds files (a file of somebody, for one)"
    rm "$(property "$DST" mountpoint)/a file of somebody"
    # What cannot be seen is not taken to be empty.
    zfs unmount "$DST"
    backupd adopt
    assert_status 1
    assert_output_has "$DST is not mounted"
    zfs mount "$DST"
    zfs create -V 1M "$DST/disk"
    backupd adopt /disk
    assert_status 1
    assert_output_has "$DST/disk is a volume"
    zfs destroy "$DST/disk"
    backupd adopt /nowhere
    assert_status 1
    assert_output_has "there is no $DST/nowhere on the remote"
    assert_equal '' "$(zfs get -Hp -s local -o value backupd:placeholder "$DST")" "the mark"
}

test_adopt_makes_a_placeholder_of_an_empty_dataset_and_the_next_run_fills_it() {
    SRC=$SRC_POOL/hand
    DST=$DST_POOL/hand
    write_config
    backupd adopt
    assert_status 0
    assert_output_has "$DST is empty and now a placeholder"
    assert_property "$DST" backupd:placeholder on local
    backupd adopt
    assert_status 0
    assert_output_has "$DST is a placeholder already"
    once
    assert_snapshots remote "" hourly-1
    assert_same_guids ""
    assert_same_guids /a
    assert_property "$DST" backupd:placeholder - -
    assert_property "$DST" readonly on local
    assert_property "$DST" canmount noauto local
    # It was mounted before.
    assert_property "$DST" mounted no
    snap "$SRC" hourly-2
    once
    assert_same_guids "" hourly-1 hourly-2
}

scenario_begin
run_tests "$@"
