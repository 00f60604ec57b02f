#!/bin/bash
# first_run.sh: from nothing to a complete copy, and what follows from it: a second and a third run, new children,
# placeholders for parents that have no snapshot yet, bookmarks.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

datasets=("" /home /home/ann "/with space" /volume /secret /secret/inner)
filesystems=("" /home /home/ann "/with space" /secret /secret/inner)

rules() { write_config local.policy 'hourly = 2; daily = 1' remote.policy 'hourly = 1; daily = 1'; }

# encrypted DATASET: its key is in $SCENARIO_DIR/key
encrypted() {
    [ -e "$SCENARIO_DIR/key" ] || head -c 32 /dev/urandom >"$SCENARIO_DIR/key"
    zfs create -o encryption=on -o keyformat=raw -o keylocation="file://$SCENARIO_DIR/key" "$1"
}

test_one_run_leaves_on_both_sides_exactly_what_the_policies_say() {
    local device name
    rules
    zfs create $SRC/home
    zfs create $SRC/home/ann
    zfs create "$SRC/with space"
    zfs create -V 8M $SRC/volume
    encrypted $SRC/secret
    zfs create $SRC/secret/inner
    for name in "${filesystems[@]}"; do fill "$SRC$name" file; done
    device=$(volume_device $SRC/volume)
    dd if=/dev/urandom of="$device" bs=64K count=4 conv=fsync status=none
    # Two managed types and one that is none; hourly-1 is in no policy's count.
    snap -r $SRC daily-1
    for name in "${filesystems[@]}"; do fill "$SRC$name" another; done
    snap -r $SRC manual-1 hourly-1 hourly-2 hourly-3
    once
    for name in "${datasets[@]}"; do
        assert_snapshots local "$name" daily-1 manual-1 hourly-2 hourly-3
        assert_snapshots remote "$name" daily-1 hourly-3
        assert_same_guids "$name" daily-1 hourly-3
    done
}

test_the_copies_are_read_only_and_none_of_them_is_mounted() {
    local name
    for name in "${datasets[@]}"; do
        assert_property "$DST$name" readonly on local
        # No dataset is taken for a placeholder.
        assert_property "$DST$name" backupd:placeholder - -
    done
    for name in "${filesystems[@]}"; do
        assert_property "$DST$name" canmount noauto local
        assert_property "$DST$name" mounted no
    done
    refute grep -q " $SCENARIO_DIR/mnt/$DST_POOL/" /proc/mounts
}

test_the_copies_hold_the_same_data() {
    local name
    for name in /home/ann "/with space"; do
        zfs mount "$DST$name"
        assert cmp "$(property "$SRC$name" mountpoint)/file" "$(property "$DST$name" mountpoint)/file"
        assert cmp "$(property "$SRC$name" mountpoint)/another" "$(property "$DST$name" mountpoint)/another"
        refute touch "$(property "$DST$name" mountpoint)/more"
        zfs unmount "$DST$name"
    done
    assert cmp "$(volume_device $SRC/volume)" "$(volume_device $DST/volume)"
}

test_an_encrypted_dataset_is_copied_without_its_key_and_opens_with_it() {
    local name
    for name in /secret /secret/inner; do
        assert_property "$DST$name" keystatus unavailable
        refute zfs mount "$DST$name"
    done
    head -c 32 /dev/urandom >"$SCENARIO_DIR/wrong-key"
    refute zfs load-key -L "file://$SCENARIO_DIR/wrong-key" $DST/secret
    for name in /secret /secret/inner; do
        zfs load-key -L "file://$SCENARIO_DIR/key" "$DST$name"
        zfs mount "$DST$name"
        assert cmp "$(property "$SRC$name" mountpoint)/file" "$(property "$DST$name" mountpoint)/file"
        refute touch "$(property "$DST$name" mountpoint)/more"
    done
    for name in /secret/inner /secret; do
        zfs unmount "$DST$name"
        zfs unload-key "$DST$name"
    done
}

test_the_second_run_sends_nothing_and_the_third_does_nothing() {
    local before name
    before=$(received)
    once
    assert_equal "$before" "$(received)" "streams that the remote took in"
    assert_output_lacks "send "
    before=$(fingerprint)
    once
    assert_output_lacks "send " "destroy "
    assert_output_has "7 datasets, 0 failed"
    assert_equal 7 "$(grep -c 'nothing to do' <<<"$STDOUT")" "datasets with nothing to do"
    assert_equal "$before" "$(fingerprint)"
    for name in "${datasets[@]}"; do
        assert_snapshots local "$name" daily-1 manual-1 hourly-2 hourly-3
        assert_snapshots remote "$name" daily-1 hourly-3
    done
}

test_each_dataset_has_one_bookmark_and_it_is_that_of_the_newest_shared_snapshot() {
    local name
    for name in "${datasets[@]}"; do
        assert_equal "backupd-$(property "$SRC$name@hourly-3" guid)" "$(bookmarks "$SRC$name")"
        assert_equal "$(property "$SRC$name@hourly-3" guid)" \
            "$(property "$SRC$name#$(bookmarks "$SRC$name")" guid)"
    done
}

test_replication_goes_on_from_the_bookmark_when_somebody_destroyed_every_local_snapshot() {
    local name
    for name in /home/ann /secret; do
        zfs destroy "$SRC$name@%"
        fill "$SRC$name" later
        snap "$SRC$name" hourly-4
    done
    once
    assert_output_has "/home/ann: send hourly-3 to hourly-4" "/secret: send hourly-3 to hourly-4"
    for name in /home/ann /secret; do
        # The base stays until a newer snapshot is on both sides.
        assert_snapshots remote "$name" daily-1 hourly-3 hourly-4
        assert_snapshots local "$name" hourly-4
        assert_same_guids "$name" hourly-4
        assert_equal "backupd-$(property "$SRC$name@hourly-4" guid)" "$(bookmarks "$SRC$name")"
    done
    once
    for name in /home/ann /secret; do assert_snapshots remote "$name" daily-1 hourly-4; done
}

test_a_new_child_of_an_existing_dataset_is_copied() {
    zfs create $SRC/home/ann/new
    fill $SRC/home/ann/new file
    snap $SRC/home/ann/new hourly-5
    once
    assert_snapshots remote /home/ann/new hourly-5
    assert_same_guids /home/ann/new
    assert_property $DST/home/ann/new readonly on local
    assert_property $DST/home/ann/new canmount noauto local
    assert_property $DST/home/ann/new mounted no
}

test_a_parent_without_snapshots_becomes_a_placeholder() {
    fresh_pools
    rules
    zfs create $SRC/top
    zfs create $SRC/top/sub
    zfs create $SRC/top/sub/below
    snap $SRC/top/sub hourly-1
    snap $SRC/top/sub/below hourly-1
    once
    assert_snapshots remote /top/sub hourly-1
    assert_snapshots remote /top/sub/below hourly-1
    local name
    for name in "" /top; do
        assert_snapshots remote "$name"
        assert_property "$DST$name" backupd:placeholder on local
        assert_property "$DST$name" canmount off local
        assert_property "$DST$name" mounted no
    done
    # Children inherit the mark, and only a mark of its own makes a placeholder.
    for name in /top/sub /top/sub/below; do
        assert_equal '' "$(zfs get -Hp -s local -o value backupd:placeholder "$DST$name")" "a mark of its own"
        assert_property "$DST$name" canmount noauto local
    done
    once
    assert_output_lacks "send " "destroy "
}

test_real_data_replaces_a_placeholder_and_its_children_survive() {
    local before
    before=$(guids remote /top/sub; guids remote /top/sub/below)
    fill $SRC/top file
    snap $SRC/top hourly-2
    once
    assert_snapshots remote /top hourly-2
    assert_same_guids /top
    assert_equal "$before" "$(guids remote /top/sub; guids remote /top/sub/below)" "the children's snapshots"
    assert_property $DST/top canmount noauto local
    assert_property $DST/top readonly on local
    assert_property $DST/top mounted no
    # Inherited from the root's placeholder, which is one still.
    assert_property $DST/top backupd:placeholder on "inherited from $DST"
    snap $SRC hourly-3
    once
    assert_property $DST backupd:placeholder - -
    assert_property $DST/top backupd:placeholder - -
    assert_same_guids ""
    assert_equal "$before" "$(guids remote /top/sub; guids remote /top/sub/below)" "the children's snapshots"
    snap $SRC/top/sub hourly-4
    once
    assert_same_guids /top/sub hourly-1 hourly-4
}

test_an_encrypted_dataset_replaces_a_placeholder_that_nothing_is_below() {
    encrypted $SRC/vault
    fill $SRC/vault file
    zfs create $SRC/vault/inner
    snap $SRC/vault/inner hourly-1
    once
    assert_property $DST/vault backupd:placeholder on local
    assert_property $DST/vault encryption off
    zfs destroy -r $DST/vault/inner
    zfs destroy -r $SRC/vault/inner
    snap $SRC/vault hourly-2
    once
    assert_snapshots remote /vault hourly-2
    assert_same_guids /vault
    assert_property $DST/vault backupd:placeholder - -
    assert_property $DST/vault keystatus unavailable
}

test_an_encrypted_dataset_does_not_fit_over_a_placeholder_with_children_and_the_error_says_the_way_out() {
    local before
    encrypted $SRC/safe
    zfs create $SRC/safe/inner
    snap $SRC/safe/inner hourly-1
    once
    before=$(guids remote /safe/inner)
    snap $SRC/safe hourly-2
    snap $SRC/top/sub hourly-5
    backupd -once
    assert_status 1
    assert_output_has "the placeholder $DST/safe cannot take an encrypted dataset" \
        "zfs rename it out of the way on the remote"
    # Nothing is destroyed for it, and the other datasets go their way.
    assert_equal "$before" "$(guids remote /safe/inner)"
    assert_same_guids /top/sub hourly-5
    zfs rename $DST/safe $DST_POOL/old-safe
    once
    assert_same_guids /safe hourly-2
    assert_same_guids /safe/inner hourly-1
    assert_property $DST/safe keystatus unavailable
    assert_equal "$before" "$(zfs list -H -t snapshot -o name,guid $DST_POOL/old-safe/inner | sed 's/.*@//; s/\t/ /')"
}

scenario_begin
run_tests "$@"
