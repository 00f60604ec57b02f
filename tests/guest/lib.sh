# shellcheck shell=bash
# What is set and defined here is for those who source it:
# shellcheck disable=SC2034,SC2119,SC2120
#
# lib.sh: what the scenarios are written with. A scenario is a bash file like this:
#
#     # shellcheck source-path=SCRIPTDIR source=../lib.sh
#     . "$(dirname "$0")/../lib.sh"
#
#     test_the_second_run_sends_nothing() { ... }
#
#     scenario_begin
#     run_tests "$@"
#
# It runs as root where there is ZFS, in a guest or not; run.sh and host.sh do that, and by hand it is
# BACKUPD=/path/to/backupd bash scenarios/NAME.sh [test_SENTENCE...]
#
# A test's name is the sentence that it proves: test_the_second_run_sends_nothing. Tests run in the order of the file,
# each in a subshell with `set -eu -o pipefail` where a command that fails fails the test; what they do to the pools
# stays for the next one, variables do not. A test that takes longer than TEST_LIMIT seconds (400; set it before
# run_tests) is killed with all it started.
#
# What scenario_begin gives, and a trap takes away again however the scenario ends:
#
#     SCENARIO_DIR           a folder of its own; pools, mounts, logs, configuration lie below it
#     SRC_POOL, DST_POOL     two fresh pools on sparse files; `fresh_pools` replaces them by new ones
#     SRC, DST               the local root, an empty dataset, and the remote root, which does not exist yet
#     CONFIG                 a configuration with defaults that work (see write_config)
#     REMOTE_KIND            guest: over ssh to port 2222, which `test-sshd` stops, cuts and re-keys (see README.md)
#                            own:   over ssh to an sshd of this scenario's own on another port
#                            none:  there is no sshd; the remote is a pool of this machine
#                            BACKUPD_TEST_REMOTE in the environment forces one of them
#     REMOTE_HOST            user@host, for `remote` lines; "" with none
#     REMOTE_SSH_OPTIONS     the TOML list for ssh_options
#
# Making things. Full dataset names, unless it says SIDE NAME: local or remote, and a name below the root ("" the root).
#
#     ds SIDE NAME                       print the full name
#     snap [-r] DATASET SNAPSHOT...      snapshots, each in a later second than any before it
#     fill DATASET FILE [KIB]            64 KiB of random bytes, or so many, in a mounted dataset
#     volume_device VOLUME               print the path of its device, once there is one
#     write_config [SECTION LINES]...    write $CONFIG anew: the defaults, with these lines. SECTION is top, local,
#                                        local.policy, remote, remote.policy, sync, history or any other, such as
#                                        'overrides."/a".local.policy'; ";" separates lines. A key replaces the
#                                        default of the same name; a policy replaces the whole default policy.
#
# Running it. Each puts standard output in STDOUT, standard error in STDERR, both in OUTPUT, the exit status in STATUS
# and the seconds it took in TOOK, and fails only if it does not end within 240 seconds (RUN_LIMIT).
#
#     backupd WORD...                    with -config $CONFIG
#     backupd_bare WORD...               without
#     once [WORD...]                     -once; the test fails unless every dataset succeeded
#     with_zfs PATTERN SCRIPT COMMAND... where the first zfs whose arguments match PATTERN does SCRIPT before
#     daemon_start [WORD...]             in the background: DAEMON_PID, and its log in the file DAEMON_LOG
#     daemon_stop [SIGNAL]               TERM, and wait for the end (60 s): STATUS, OUTPUT (the log), TOOK
#     wait_until SECONDS COMMAND...      until the command succeeds; else the test fails
#     wait_for_log SECONDS TEXT          until DAEMON_LOG has it
#
# Looking. Lists are oldest first, by createtxg.
#
#     snapshots SIDE NAME                names, one a line
#     guids SIDE NAME                    "snapshot guid", one a line
#     property DATASET PROPERTY          its value
#     bookmarks DATASET                  names behind the #, one a line
#     exists NAME                        whether there is such a dataset, snapshot or bookmark
#     received                           how many streams the remote pool has taken in so far
#     fingerprint                        all of both pools that a look should not change, as text
#
# Claims. Each fails the test with its reason.
#
#     assert_status N
#     assert_output_has TEXT...          each of them, in OUTPUT, as it stands
#     assert_output_lacks TEXT...
#     assert_snapshots SIDE NAME SNAPSHOT...    exactly these, in this order; none: no snapshot at all
#     assert_same_guids NAME [SNAPSHOT...]      on both sides; default: every name that both have, at least one
#     assert_property DATASET PROPERTY VALUE [SOURCE]
#     assert_equal EXPECTED FOUND [WHAT]
#     assert_exists NAME...              dataset, snapshot or bookmark
#     assert_missing NAME...
#     assert COMMAND...                  it succeeds
#     refute COMMAND...                  it does not
#     fail REASON
#     skip REASON                        the test counts as skipped
#
# For those who look for the cause of a failure: each test leaves a trace of its commands and their output in
# $BACKUPD_TEST_LOGS/SCENARIO/test_SENTENCE.log, which run.sh fetches.

set -u -o pipefail
export LC_ALL=C
# Not the caller's: sbin is not on everybody's path.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$PATH

TEST_LIMIT=${TEST_LIMIT:-400}
RUN_LIMIT=${RUN_LIMIT:-240}
SRC_POOL=bkdt_src
DST_POOL=bkdt_dst
SRC=$SRC_POOL/data
DST=$DST_POOL/copy
scenario_name=$(basename "$0" .sh)
lib_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BACKUPD=$(realpath "${BACKUPD:-$lib_dir/../../build/backupd}")
dir_pattern=/var/tmp/bkdt

# --- the scenario ---

# scenario_begin: see above. Ends the scenario with a failed test if it cannot.
scenario_begin() {
    SCENARIO_DIR=
    own_sshd=
    test_pid=
    watch_pid=
    trap scenario_end EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    SCENARIO_DIR=$(mktemp -d $dir_pattern.XXXXXX) || exit 1
    SCENARIO_LOGS=${BACKUPD_TEST_LOGS:-$SCENARIO_DIR/logs}/$scenario_name
    CONFIG=$SCENARIO_DIR/backupd.toml
    DAEMON_LOG=$SCENARIO_DIR/daemon.log
    STATUS='' OUTPUT='' STDOUT='' STDERR='' TOOK=''
    # The socket of ssh and the lock, so that no daemon of this machine is in the way or disturbed.
    export RUNTIME_DIRECTORY=$SCENARIO_DIR/run
    mkdir -p "$SCENARIO_DIR/mnt" "$SCENARIO_LOGS" "$RUNTIME_DIRECTORY"
    chmod 700 "$RUNTIME_DIRECTORY"
    # The start has to be able to fail without an `if` around it, which would switch errexit off.
    (set -e; begin_checks; make_pools) >"$SCENARIO_LOGS/begin.log" 2>&1 &
    wait $! || {
        echo "1..1"
        echo "not ok 1 - $scenario_name begins"
        sed 's/^/# /' "$SCENARIO_LOGS/begin.log"
        exit 1
    }
    choose_remote >>"$SCENARIO_LOGS/begin.log" 2>&1
    write_config
}

begin_checks() {
    local pool
    [ "$(id -u)" = 0 ] || fail "this needs root"
    zfs version || fail "there is no ZFS here"
    "$BACKUPD" version || fail "cannot run $BACKUPD"
    for pool in $SRC_POOL $DST_POOL; do
        zpool list -H "$pool" 2>/dev/null || continue
        # One of a scenario that was killed lies in a folder like ours; nothing else is ours to destroy.
        case $(zpool list -vHP -o name "$pool") in
        *"$dir_pattern".*) destroy_pool "$pool" ;;
        *) fail "a pool named $pool exists, and is not of these tests" ;;
        esac
    done
}

make_pools() {
    local pool options=()
    # A pool of a test must not come back at the next boot of somebody's machine. A guest is ours, and its power is cut.
    in_guest || options=(-o cachefile=none)
    for pool in $SRC_POOL $DST_POOL; do
        rm -f "$SCENARIO_DIR/$pool.img"
        truncate -s 1G "$SCENARIO_DIR/$pool.img"
        zpool create -f ${options[@]+"${options[@]}"} -O atime=off -O "mountpoint=$SCENARIO_DIR/mnt/$pool" \
            "$pool" "$SCENARIO_DIR/$pool.img"
    done
    zfs create $SRC
}

fresh_pools() {
    destroy_pool $SRC_POOL
    destroy_pool $DST_POOL
    make_pools
}

# What still has it open ends by itself: the far end of a connection, a receive that was cut.
destroy_pool() {
    local tries
    for tries in {1..40}; do
        zpool list -H "$1" >/dev/null 2>&1 || return 0
        zpool destroy -f "$1" && return 0
        sleep 0.5
    done
    echo "after $tries tries the pool $1 is still in use" >&2
    return 1
}

in_guest() { command -v test-sshd >/dev/null; }

choose_remote() {
    REMOTE_KIND=${BACKUPD_TEST_REMOTE:-}
    if [ -z "$REMOTE_KIND" ] && in_guest; then
        REMOTE_KIND=guest
    fi
    REMOTE_HOST=root@127.0.0.1
    case $REMOTE_KIND in
    guest)
        test-sshd start
        # The default key exchange takes seconds to emulate, for each connection.
        grep -qs KexAlgorithms ~/.ssh/config || echo 'KexAlgorithms curve25519-sha256' >>~/.ssh/config
        REMOTE_SSH_OPTIONS='["-p", "2222"]'
        ;;
    none) ;;
    *)
        REMOTE_KIND=none
        if start_own_sshd; then
            REMOTE_KIND=own
        fi
        ;;
    esac
    if [ "$REMOTE_KIND" = none ]; then
        REMOTE_HOST='' REMOTE_SSH_OPTIONS='[]'
    fi
}

# An sshd for this scenario alone, with keys of its own: nobody's settings are touched.
start_own_sshd() {
    local sshd dir=$SCENARIO_DIR/ssh pam=no port
    sshd=$(command -v sshd) || return 1
    mkdir -m 700 "$dir"
    ssh-keygen -q -t ed25519 -N '' -f "$dir/host" && ssh-keygen -q -t ed25519 -N '' -f "$dir/id" || return 1
    # Without PAM a root whose password is locked could not log in.
    [ ! -e /etc/pam.d/sshd ] || pam=yes
    for _ in {1..10}; do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        cat >"$dir/config" <<END
ListenAddress 127.0.0.1:$port
PidFile none
HostKey $dir/host
AuthorizedKeysFile $dir/id.pub
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM $pam
UseDNS no
END
        echo "[127.0.0.1]:$port $(cat "$dir/host.pub")" >"$dir/known_hosts"
        "$sshd" -D -e -f "$dir/config" >"$dir/log" 2>&1 </dev/null &
        own_sshd=$!
        REMOTE_SSH_OPTIONS="[\"-F\", \"none\", \"-p\", \"$port\", \"-i\", \"$dir/id\", \"-oIdentitiesOnly=yes\""
        REMOTE_SSH_OPTIONS+=", \"-oUserKnownHostsFile=$dir/known_hosts\"]"
        for _ in {1..20}; do
            kill -0 $own_sshd 2>/dev/null || break
            ssh -F none -p $port -i "$dir/id" -oIdentitiesOnly=yes -oUserKnownHostsFile="$dir/known_hosts" \
                -oStrictHostKeyChecking=yes -oBatchMode=yes "$REMOTE_HOST" zfs version && return 0
            sleep 0.5
        done
        if kill $own_sshd 2>/dev/null; then
            # It listens and lets nobody in: another port will not help.
            cat "$dir/log"
            own_sshd=
            return 1
        fi
    done
    own_sshd=
    return 1
}

scenario_end() {
    trap '' INT TERM HUP
    [ -z "$watch_pid" ] || kill -KILL -- "-$watch_pid" 2>/dev/null
    [ -z "$test_pid" ] || kill -KILL -- "-$test_pid" 2>/dev/null
    [ -n "$SCENARIO_DIR" ] || return
    {
        destroy_pool $SRC_POOL
        destroy_pool $DST_POOL
        [ -z "$own_sshd" ] || kill "$own_sshd"
        # What is mounted is none of a file's business.
        rm -rf --one-file-system "$SCENARIO_DIR" || rm -rf "$SCENARIO_DIR"
    } >/dev/null 2>&1
}

# --- tests ---

# run_tests [FUNCTION...]: prints TAP; 1 if any failed. The last command of a scenario.
run_tests() {
    local tests=("$@") number=0 failed=0 name sentence status begin
    [ $# -gt 0 ] || mapfile -t tests < <(grep -oE '^test_[a-z0-9_]+' "$0")
    echo "1..${#tests[@]}"
    for name in "${tests[@]}"; do
        number=$((number + 1))
        sentence=${name#test_}
        sentence=${sentence//_/ }
        begin=$SECONDS
        rm -f "$SCENARIO_DIR"/{why,skipped,late,last}
        # Not before an ||, which would switch errexit off in the test as well.
        run_one "$name"
        status=$?
        if [ -e "$SCENARIO_DIR/skipped" ]; then
            echo "ok $number - $sentence # SKIP $(cat "$SCENARIO_DIR/skipped")"
        elif [ $status = 0 ] && [ ! -e "$SCENARIO_DIR/why" ]; then
            echo "ok $number - $sentence"
        else
            failed=1
            echo "not ok $number - $sentence"
            explain "$name" $status
        fi
        echo "# $((SECONDS - begin)) s"
    done
    return $failed
}

# The test gets a process group of its own, so that whatever it leaves behind can be ended with it.
run_one() {
    local status=0
    set -m
    (
        set +m
        trap - INT TERM HUP EXIT
        : >"$SCENARIO_LOGS/$1.log"
        exec >>"$SCENARIO_LOGS/$1.log" 2>&1 9>&1 </dev/null
        # Not standard error, which a test may well want to read.
        BASH_XTRACEFD=9
        PS4='+ ${SECONDS}s ${BASH_SOURCE[0]##*/}:$LINENO: '
        set -eEux
        trap 'note_error $? $LINENO "$BASH_COMMAND"' ERR
        "$1"
    ) &
    test_pid=$!
    (
        sleep "$TEST_LIMIT"
        : >"$SCENARIO_DIR/late"
        kill -KILL -- "-$test_pid"
    ) >/dev/null 2>&1 &
    watch_pid=$!
    set +m
    # bash says "Killed" of what is killed, here and nowhere else.
    wait "$test_pid" 2>/dev/null || status=$?
    kill -KILL -- "-$watch_pid" "-$test_pid" 2>/dev/null
    wait "$watch_pid" 2>/dev/null
    test_pid=
    watch_pid=
    return $status
}

note_error() {
    { set +x; } 2>/dev/null
    # The first one is the cause.
    [ -e "$SCENARIO_DIR/why" ] || [ -e "$SCENARIO_DIR/skipped" ] ||
        echo "line $2: status $1 of: $3" >"$SCENARIO_DIR/why"
}

explain() {
    {
        [ ! -e "$SCENARIO_DIR/late" ] || echo "not done after $TEST_LIMIT s"
        if [ -e "$SCENARIO_DIR/why" ]; then
            cat "$SCENARIO_DIR/why"
        else
            echo "status $2; the end of its log:"
            tail -n 15 "$SCENARIO_LOGS/$1.log"
        fi
        [ ! -e "$SCENARIO_DIR/last" ] || tail -n 40 "$SCENARIO_DIR/last"
        timeout 20 zfs list -H -t all -o name -s name -r $SRC_POOL $DST_POOL 2>&1 | head -n 60
    } | tee -a "$SCENARIO_LOGS/$1.log" | sed 's/^/# /'
}

# Where in the test we are, for the reason of a failure.
here_in_test() {
    local i
    for ((i = 1; i < ${#FUNCNAME[@]}; i++)); do
        case ${FUNCNAME[$i]} in
        test_*)
            echo "line ${BASH_LINENO[$((i - 1))]}: "
            return
            ;;
        esac
    done
}

fail() {
    { set +x; } 2>/dev/null
    printf '%s%s\n' "$(here_in_test)" "$*" >&2
    printf '%s%s\n' "$(here_in_test)" "$*" >"$SCENARIO_DIR/why"
    exit 1
}

skip() {
    { set +x; } 2>/dev/null
    printf '%s' "$*" >"$SCENARIO_DIR/skipped"
    exit 0
}

# --- making things ---

ds() {
    case $1 in
    local) printf '%s\n' "$SRC$2" ;;
    remote) printf '%s\n' "$DST$2" ;;
    *) fail "ds: no side is called $1" ;;
    esac
}

# Waits until this second is later than that of the last snapshot: policies count by seconds.
next_second() {
    local now last
    last=$(cat "$SCENARIO_DIR/second" 2>/dev/null || echo 0)
    printf -v now '%(%s)T' -1
    while [ "$now" -le "$last" ]; do
        sleep 0.1
        printf -v now '%(%s)T' -1
    done
}

snap() {
    local recursive=() dataset name
    if [ "$1" = -r ]; then
        recursive=(-r)
        shift
    fi
    dataset=$1
    shift
    for name; do
        next_second
        zfs snapshot ${recursive[@]+"${recursive[@]}"} "$dataset@$name"
        printf '%(%s)T' -1 >"$SCENARIO_DIR/second"
    done
}

fill() { dd if=/dev/urandom of="$(property "$1" mountpoint)/$2" bs=1K "count=${3:-64}" status=none; }

volume_device() {
    local tries device
    for tries in {1..50}; do
        if [ -e "/dev/zvol/$1" ]; then
            printf '%s\n' "/dev/zvol/$1"
            return
        fi
        # Without udev nobody makes the links.
        for device in /dev/zd*; do
            if [ -b "$device" ] && [ "$(/lib/udev/zvol_id "$device" 2>/dev/null)" = "$1" ]; then
                printf '%s\n' "$device"
                return
            fi
        done
        sleep 0.1
    done
    fail "no device for the volume $1 after $tries looks"
}

# --- configuration ---

# config_section NAME DEFAULTS GIVEN: a table with the default lines whose keys are not given.
config_section() {
    local line key given keys=' '
    given=$(tr ';' '\n' <<<"$3" | sed 's/^ *//; /^$/d')
    while IFS= read -r line; do
        keys+="${line%%=*}"
    done <<<"$given"
    [ -z "$1" ] || echo "[$1]"
    while IFS= read -r line; do
        key=${line%%=*}
        case $keys in
        *" $key"*) ;;
        *) [ -z "$line" ] || printf '%s\n' "$line" ;;
        esac
    done <<<"$2"
    [ -z "$given" ] || printf '%s\n' "$given"
}

write_config() {
    local top='' local='' remote='' sync='' history='' local_policy remote_policy others='' table
    local_policy='hourly = 3;daily = 2'
    remote_policy='hourly = 2;daily = 3'
    local given_policies=' '
    while [ $# -gt 0 ]; do
        case $1 in
        top) top+="$2;" ;;
        local) local+="$2;" ;;
        remote) remote+="$2;" ;;
        sync) sync+="$2;" ;;
        history) history+="$2;" ;;
        local.policy | remote.policy)
            table=${1/./_}
            case $given_policies in
            *" $1 "*) ;;
            *) printf -v "$table" '%s' '' ;;
            esac
            given_policies+="$1 "
            printf -v "$table" '%s;%s' "${!table}" "$2"
            ;;
        *) others+=$(config_section "$1" '' "$2")$'\n' ;;
        esac
        shift 2
    done
    {
        config_section '' '' "$top"
        config_section local "root = \"$SRC\"" "$local"
        config_section local.policy '' "$local_policy"
        config_section remote "root = \"$DST\"
ssh_host = \"$REMOTE_HOST\"
ssh_options = $REMOTE_SSH_OPTIONS" "$remote"
        config_section remote.policy '' "$remote_policy"
        config_section sync 'interval = "1h"
parallel = 2
stall_timeout = "60s"' "$sync"
        # No other place of this machine is written to.
        config_section history 'path = ""' "$history"
        printf '%s' "$others"
    } >"$CONFIG"
}

# --- running backupd ---

backupd_bare() {
    local begin=$SECONDS
    STATUS=0
    timeout -k 5 "$RUN_LIMIT" "$BACKUPD" "$@" >"$SCENARIO_DIR/stdout" 2>"$SCENARIO_DIR/stderr" </dev/null ||
        STATUS=$?
    take_output "backupd $*" "$begin"
    case $STATUS in
    124 | 137) fail "backupd $* did not end within $RUN_LIMIT s" ;;
    esac
}

# take_output WHAT BEGIN
take_output() {
    TOOK=$((SECONDS - $2))
    { set +x; } 2>/dev/null
    STDOUT=$(cat "$SCENARIO_DIR/stdout")
    STDERR=$(cat "$SCENARIO_DIR/stderr")
    OUTPUT=$STDOUT${STDERR:+$'\n'$STDERR}
    printf '$ %s (status %s)\n%s\n' "$1" "$STATUS" "$OUTPUT" | tee "$SCENARIO_DIR/last"
    set -x
}

backupd() { backupd_bare -config "$CONFIG" "$@"; }

once() {
    backupd -once "$@"
    assert_status 0
}

daemon_start() {
    local begin=$SECONDS
    case " $* " in
    *" -addr "*) ;;
    *) set -- -addr 127.0.0.1:0 "$@" ;; # whoever wants its page says where
    esac
    "$BACKUPD" -config "$CONFIG" "$@" >"$DAEMON_LOG" 2>&1 </dev/null 9>&- &
    DAEMON_PID=$!
    until [ -s "$DAEMON_LOG" ] || [ $((SECONDS - begin)) -gt 20 ]; do sleep 0.1; done
    kill -0 $DAEMON_PID 2>/dev/null || fail "the daemon ended at once: $(cat "$DAEMON_LOG")"
}

daemon_stop() {
    local begin=$SECONDS tries
    kill "-${1:-TERM}" "$DAEMON_PID" 2>/dev/null || :
    for tries in {1..600}; do
        kill -0 "$DAEMON_PID" 2>/dev/null || break
        sleep 0.1
    done
    STATUS=0
    if kill -0 "$DAEMON_PID" 2>/dev/null; then
        cp "$DAEMON_LOG" "$SCENARIO_DIR/last"
        fail "the daemon still runs after $tries looks in $((SECONDS - begin)) s"
    fi
    wait "$DAEMON_PID" 2>/dev/null || STATUS=$?
    cp "$DAEMON_LOG" "$SCENARIO_DIR/stdout"
    : >"$SCENARIO_DIR/stderr"
    take_output "backupd, the daemon" "$begin"
}

with_zfs() {
    local bin=$SCENARIO_DIR/bin
    mkdir -p "$bin"
    cat >"$bin/zfs" <<END
#!/bin/sh
PATH=${PATH@Q}
case "\$*" in
$1)
    if mkdir "$bin/done" 2>/dev/null; then
        $2
    fi
    ;;
esac
exec zfs "\$@"
END
    chmod +x "$bin/zfs"
    shift 2
    PATH=$bin:$PATH "$@"
    assert rmdir "$bin/done"
    rm "$bin/zfs"
}

wait_until() {
    local seconds=$1 begin=$SECONDS
    shift
    { set +x; } 2>/dev/null
    until "$@" >/dev/null 2>&1; do
        if [ $((SECONDS - begin)) -ge "$seconds" ]; then
            [ ! -s "$DAEMON_LOG" ] || tail -n 40 "$DAEMON_LOG" >"$SCENARIO_DIR/last"
            fail "not within $seconds s: $*"
        fi
        sleep 0.2
    done
    set -x
}

wait_for_log() { wait_until "$1" grep -qF -- "$2" "$DAEMON_LOG"; }

# --- looking ---

snapshots() { zfs list -H -d 1 -t snapshot -s createtxg -o name "$(ds "$1" "$2")" | sed 's/.*@//'; }

guids() { zfs list -H -d 1 -t snapshot -s createtxg -o name,guid "$(ds "$1" "$2")" | sed 's/.*@//; s/\t/ /'; }

property() { zfs get -Hp -o value "$2" "$1"; }

bookmarks() { zfs list -H -d 1 -t bookmark -s createtxg -o name "$1" | sed 's/.*#//'; }

exists() { zfs list -H -t all -o name "$1" >/dev/null 2>&1; }

# receiver_has_mib N: a receive of /a has the first N MiB of its stream.
receiver_has_mib() {
    local receiver
    receiver=$(pgrep -f '^zfs receive .*/a$') &&
        [ "$(sed -n 's/^rchar: //p' "/proc/$receiver/io" 2>/dev/null)" -ge $(($1 << 20)) ]
}

# What the local pool holds, and that it is still all there.
note_snapshots() { zfs list -H -t snapshot -o name,guid -r $SRC_POOL >"$SCENARIO_DIR/before"; }

assert_nothing_was_destroyed() {
    local now
    now=$(zfs list -H -t snapshot -o name,guid -r $SRC_POOL)
    assert_equal "$(cat "$SCENARIO_DIR/before")" "$now" 'local snapshots'
}

received() { zpool history -i $DST_POOL | grep -c 'finish receiving' || :; }

fingerprint() {
    zpool sync $SRC_POOL $DST_POOL
    local pool
    for pool in $SRC_POOL $DST_POOL; do
        # Not of the pool's own dataset, whose use is that of what ZFS keeps for itself too.
        zfs list -Hp -r -t all -o name,guid,createtxg,creation,referenced "$pool"
        zfs list -Hp -r -t filesystem,volume -o name,used,mounted "$pool" | sed "s/^$pool\\t[0-9]*/$pool -/"
        zfs get -Hp -r -s local,received all "$pool"
        zpool history -i "$pool"
    done
}

# --- claims ---

assert_status() { [ "$STATUS" = "$1" ] || fail "status $STATUS where $1 is right"; }

assert_output_has() {
    local text
    for text; do
        case $OUTPUT in
        *"$text"*) ;;
        *) fail "the output lacks: $text" ;;
        esac
    done
}

assert_output_lacks() {
    local text
    for text; do
        case $OUTPUT in
        *"$text"*) fail "the output has: $text" ;;
        esac
    done
}

assert_equal() {
    [ "$1" = "$2" ] || fail "${3:+$3: }these differ (expected, then found):
$(diff <(printf '%s\n' "$1") <(printf '%s\n' "$2") | head -n 40)"
}

assert_snapshots() {
    local side=$1 name=$2 expected found
    shift 2
    expected=$(printf '%s\n' "$@")
    found=$(snapshots "$side" "$name") || fail "cannot list the snapshots of $(ds "$side" "$name")"
    assert_equal "$expected" "$found" "snapshots of $(ds "$side" "$name")"
}

assert_same_guids() {
    local name=$1 here there snapshot guid compared=0
    shift
    here=$(guids local "$name")
    there=$(guids remote "$name")
    if [ $# -gt 0 ]; then
        for snapshot; do
            guid=$(grep "^$snapshot " <<<"$here") || fail "$(ds local "$name") has no $snapshot"
            grep -qxF "$guid" <<<"$there" || fail "$(ds remote "$name")@$snapshot is not that of $(ds local "$name")"
        done
        return
    fi
    while read -r snapshot guid; do
        grep -q "^$snapshot " <<<"$there" || continue
        grep -qxF "$snapshot $guid" <<<"$there" || fail "$(ds remote "$name")@$snapshot has another guid"
        compared=$((compared + 1))
    done <<<"$here"
    [ $compared -gt 0 ] || fail "$(ds local "$name") and $(ds remote "$name") share no snapshot"
}

assert_property() {
    local found
    found=$(zfs get -Hp -o value "$2" "$1") || fail "cannot read $2 of $1"
    assert_equal "$3" "$found" "$2 of $1"
    [ $# -lt 4 ] || assert_equal "$4" "$(zfs get -Hp -o source "$2" "$1")" "source of $2 of $1"
}

assert_exists() {
    local name
    for name; do exists "$name" || fail "there is no $name"; done
}

assert_missing() {
    local name
    for name; do ! exists "$name" || fail "there is a $name"; done
}

assert() { "$@" || fail "should succeed: $*"; }

refute() { ! "$@" || fail "should fail: $*"; }
