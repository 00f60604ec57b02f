#!/bin/bash
# configuration.sh: what is wrong with a command line or a configuration is said, and nothing is touched.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# In a guest run.sh puts the test data beside the scenarios.
data=$lib_dir/config
[ -d "$data" ] || data=$lib_dir/../unit/data/config

test_every_mistake_of_a_configuration_is_reported_with_its_position_and_nothing_is_touched() {
    local before after
    before=$(fingerprint)
    cp "$data/twenty-mistakes.toml" "$SCENARIO_DIR/"
    backupd_bare -config "$SCENARIO_DIR/twenty-mistakes.toml" -once
    assert_status 2
    assert_equal "$(cat "$data/twenty-mistakes.expected")" "${STDERR//"$SCENARIO_DIR/"/}"
    assert_equal '' "$STDOUT" "standard output"
    after=$(fingerprint)
    assert_equal "$before" "$after"
}

test_no_command_runs_with_a_wrong_configuration() {
    local words
    cp "$CONFIG" "$SCENARIO_DIR/wrong.toml"
    echo 'colour = "green"' >>"$SCENARIO_DIR/wrong.toml"
    for words in "" -once "-once -dryrun" "-debug /a" plan check adopt; do
        # shellcheck disable=SC2086 # words, or none
        backupd_bare -config "$SCENARIO_DIR/wrong.toml" $words
        assert_status 2
        assert_output_has "wrong.toml:" "colour is no known key"
    done
}

test_a_configuration_that_is_not_toml_is_reported_with_its_position() {
    printf '[local]\nroot = tank\n' >"$SCENARIO_DIR/wrong.toml"
    backupd_bare -config "$SCENARIO_DIR/wrong.toml" check
    assert_status 2
    assert_output_has "wrong.toml:2:"
}

test_a_missing_configuration_is_an_error_that_names_it() {
    backupd_bare -config "$SCENARIO_DIR/nowhere.toml" -once
    assert_status 2
    assert_output_has "$SCENARIO_DIR/nowhere.toml"
}

test_without_a_configuration_the_places_to_write_one_are_named() {
    local path
    for path in /etc/backupd.toml /usr/local/etc/backupd.toml /opt/local/etc/backupd.toml; do
        [ ! -e $path ] || skip "this machine has a configuration"
    done
    backupd_bare -once
    assert_status 2
    assert_output_has /etc/backupd.toml /usr/local/etc/backupd.toml
}

test_usage_errors_end_with_2_and_say_what_is_wrong() {
    local words
    for words in -frobnicate frobnicate -config -debug '-once -once' 'plan -once' '-debug /a -once' 'check now' \
        'adopt /a /b' '-addr nowhere' '-json' '-once=maybe' 'plan -remote /dev/null' 'plan -local - -remote -'; do
        case $words in
        plan*)
            # shellcheck disable=SC2086
            backupd $words
            ;;
        *)
            # shellcheck disable=SC2086
            backupd_bare $words
            ;;
        esac
        assert_status 2
        assert_equal '' "$STDOUT" "standard output of $words"
        assert_output_has "backupd: "
    done
    backupd -debug "elsewhere/data"
    assert_status 2
    assert_output_has "elsewhere/data is neither below $SRC"
}

test_help_and_version_need_no_configuration() {
    backupd_bare help
    assert_status 0
    assert_output_has "backupd [OPTIONS]" "-once"
    backupd_bare version
    assert_status 0
    assert_output_has "backupd "
    # Options may have one dash or two.
    backupd_bare --help
    assert_status 0
}

test_check_says_that_all_is_well_and_what_is_not() {
    backupd check
    assert_status 0
    assert_output_has "correct" "$SRC: 1 dataset" "$DST: not there yet"
    write_config local "root = \"$SRC_POOL/nowhere\"" remote "root = \"bkdt_nowhere/copy\""
    backupd check
    assert_status 1
    assert_output_has "there is no dataset $SRC_POOL/nowhere" "bkdt_nowhere is not imported"
    write_config
}

scenario_begin
run_tests "$@"
