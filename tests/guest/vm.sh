#!/bin/bash
# vm.sh: starts, reaches and kills guests. DIR is a folder of the caller's for one guest: its log, keys and state.
#
#   vm.sh start DIR VERSION [OPTION...]   boot OpenZFS 2.1 or 2.3 and return once ssh works; for each --forward,
#                                         in order, print the port on 127.0.0.1 that leads to it
#       --disk FILE       keep what is written in FILE, made from the image if absent; the default forgets it all
#       --forward PORT    make PORT of the guest reachable from here (again for more)
#       --memory MIB      4096
#       --cpus N          2
#       --owner PID       the guest dies with this process; default: what called vm.sh; 0: nobody
#   vm.sh ssh DIR COMMAND...              run it as root, joined with spaces as ssh does
#   vm.sh put DIR LOCAL... REMOTE         copy files or folders in
#   vm.sh get DIR REMOTE LOCAL            copy one out
#   vm.sh forward DIR PORT GUEST_PORT     make 127.0.0.1:GUEST_PORT of the guest reachable as 127.0.0.1:PORT here; what
#                                         comes through it comes from the guest itself
#   vm.sh kill DIR                        cut the power
#   vm.sh stop DIR                        export the pools, sync, power off
#
# Each guest hangs from a watcher in a session of its own: the guest dies with the watcher (by the kernel's hand),
# the watcher ends within a second of the owner's death. So nothing is left behind, whoever is killed and how.

set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
self=$here/$(basename "${BASH_SOURCE[0]}")
boot_timeout=${BACKUPD_BOOT_TIMEOUT:-180}
kvm_timeout=40
# What guards a machine with secrets or finds faults of its kernel costs an emulated processor a tenth of its time.
lean='mitigations=off init_on_alloc=0 audit=0 apparmor=0 nokaslr nowatchdog nosoftlockup rcupdate.rcu_expedited=1'

die() {
    echo "vm.sh: $*" >&2
    exit 1
}

# When a process started, which tells it from a later one with its number.
start_time() {
    local stat
    read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
    # The second field, the name, may hold anything but its last parenthesis.
    # shellcheck disable=SC2086 # into fields
    set -- ${stat##*) }
    echo "${20}"
}

# --- the watcher ---

# watch DIR OWNER OWNER_START QEMU...
watch() {
    local dir=$1 owner=$2 owner_start=$3
    shift 3
    setpriv --pdeathsig KILL "$@" &
    qemu=$!
    trap 'kill -KILL $qemu 2>/dev/null' EXIT
    trap 'exit 1' TERM INT HUP
    echo "$qemu" >"$dir/pid"
    while kill -0 $qemu 2>/dev/null; do
        [ "$owner" = 0 ] || [ "$(start_time "$owner")" = "$owner_start" ] || break
        sleep 1 &
        wait -n || :
    done
    kill -KILL "$qemu" 2>/dev/null || :
    rm -f "$dir/pid"
}

# --- the caller's side ---

qemu_pid() {
    local pid
    pid=$(cat "$1/pid" 2>/dev/null) || return 1
    case $(cat "/proc/$pid/comm" 2>/dev/null) in
    qemu-system*) echo "$pid" ;;
    *) return 1 ;;
    esac
}

# The control socket is named relative to DIR, since the path of a socket may not be long.
in_guest() {
    local dir=$1 program=$2
    shift 2
    cd "$dir"
    "$program" -F none -q -o ControlPath=ctl -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityFile=id \
        -o HostKeyAlias=guest -o UserKnownHostsFile=host_key -o GlobalKnownHostsFile=none \
        -o StrictHostKeyChecking=yes -o ConnectTimeout=10 -o Port="$(cat port)" "$@"
}

tail_and_die() {
    echo "vm.sh: $2; the end of $1/serial.log and qemu.log:" >&2
    tail -n 25 "$1/serial.log" "$1/qemu.log" >&2 || :
    exit 1
}

# A port is free when qemu could bind it: no other test is fooled in between.
random_port() {
    echo $((20000 + (RANDOM * 32768 + RANDOM) % 12000))
}

# Whether /dev/kvm works shows only when it boots; the answer holds until this machine boots again.
accelerators() {
    local known
    [ -w /dev/kvm ] || {
        echo tcg
        return
    }
    known=$(cat "$1" 2>/dev/null || :)
    case $known in
    "$boot_id tcg" | "$boot_id kvm") echo "${known##* }" ;;
    *) echo kvm tcg ;;
    esac
}

kill_guest() {
    local pid watcher=${2-}
    if pid=$(qemu_pid "$1"); then
        kill -KILL "$pid" 2>/dev/null || :
        while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
    fi
    [ -z "$watcher" ] || kill -TERM "$watcher" 2>/dev/null || :
    [ -z "$watcher" ] || wait "$watcher" 2>/dev/null || :
    rm -f "$1/pid" "$1/ctl"
}

# boot_once DIR TIMEOUT QEMU...: 0 once ssh works, 1 if the guest does not come up, 2 if a port was taken.
boot_once() {
    local dir=$1 deadline=$((SECONDS + $2)) watcher
    shift 2
    : >"$dir/serial.log"
    rm -f "$dir/pid" "$dir/ctl"
    setsid "$self" --watch "$dir" "$owner" "$owner_start" "$@" >"$dir/qemu.log" 2>&1 </dev/null &
    watcher=$!
    # shellcheck disable=SC2064 # this watcher
    trap "kill -TERM $watcher 2>/dev/null" EXIT
    while [ $SECONDS -lt $deadline ] && kill -0 $watcher 2>/dev/null; do
        if grep -q 'guest-init: ready' "$dir/serial.log" &&
            (in_guest "$dir" ssh -M -N -f root@127.0.0.1 >/dev/null 2>&1); then
            trap - EXIT
            return 0
        fi
        sleep 0.2
    done
    kill_guest "$dir" $watcher
    trap - EXIT
    ! grep -q 'Could not set up host forwarding' "$dir/qemu.log" || return 2
    return 1
}

start() {
    local dir version image disk='' memory=4096 cpus=2 forwards=() accel accels port guest net drive timeout status
    [ $# -ge 2 ] || die "start DIR VERSION [OPTION...]"
    dir=$1 version=$2
    shift 2
    owner=$PPID
    while [ $# -ge 2 ]; do
        case $1 in
        --disk) disk=$2 ;;
        --forward) forwards+=("$2") ;;
        --memory) memory=$2 ;;
        --cpus) cpus=$2 ;;
        --owner) owner=$2 ;;
        *) die "unknown option $1" ;;
        esac
        shift 2
    done
    [ $# -eq 0 ] || die "unknown or incomplete option $1"
    owner_start=0
    [ "$owner" = 0 ] || owner_start=$(start_time "$owner") || die "no process $owner"
    image=$("$here/image.sh" "$version")
    mkdir -p "$dir"
    dir=$(realpath "$dir")
    ! qemu_pid "$dir" >/dev/null || die "$dir has a guest that runs"
    install -m 600 "$image/id" "$image/host_key" "$dir"
    if [ -z "$disk" ]; then
        drive="file=$image/disk.img,snapshot=on"
    else
        [ -e "$disk" ] || cp --sparse=always --reflink=auto "$image/disk.img" "$disk"
        drive="file=$(realpath "$disk"),cache=unsafe"
    fi
    boot_id=$(cat /proc/sys/kernel/random/boot_id)
    accels=$(accelerators "$(dirname "$image")/accelerator")
    for accel in $accels; do
        timeout=$boot_timeout
        [ "$accels" = "$accel" ] || [ "$accel" = tcg ] || timeout=$kvm_timeout
        status=2
        for _ in {1..20}; do
            net=user,id=n0,restrict=on
            : >"$dir/forwards"
            for guest in 22 ${forwards[@]+"${forwards[@]}"}; do
                port=$(random_port)
                net+=",hostfwd=tcp:127.0.0.1:$port-:$guest"
                if [ "$guest" = 22 ]; then
                    echo "$port" >"$dir/port"
                else
                    echo "$port" >>"$dir/forwards"
                fi
            done
            status=0
            # The folder for what a throw-away disk collects is ours, so that it has the room of DIR.
            TMPDIR=$dir boot_once "$dir" "$timeout" \
                qemu-system-x86_64 -nodefaults -no-user-config -machine q35 -accel "$(accel_option "$accel")" \
                -cpu "$(cpu_model "$accel")" -smp "$cpus" -m "$memory" -display none -serial "file:$dir/serial.log" \
                -kernel "$image/vmlinuz" -initrd "$image/initrd.img" \
                -append "root=/dev/vda rw console=ttyS0 init=/usr/sbin/guest-init net.ifnames=0 panic=-1 quiet $lean" \
                -no-reboot -drive "$drive,if=virtio,format=raw" \
                -netdev "$net" -device virtio-net-pci,netdev=n0,romfile= -device virtio-rng-pci || status=$?
            [ $status = 2 ] || break
        done
        if [ $status = 0 ]; then
            [ "$accels" = "$accel" ] || echo "$boot_id $accel" >"$(dirname "$image")/accelerator"
            echo "vm.sh: OpenZFS $version ready in ${SECONDS}s ($accel)" >&2
            cat "$dir/forwards"
            return
        fi
    done
    tail_and_die "$dir" "the guest did not come up"
}

# Emulated, a processor of few features is the fastest: one that says that it is good at "rep movsb" (erms) is taken at its
# word by the kernel, which copies byte by byte then. A zfs send over ssh took half the time (16 s, 30 s), a boot two thirds.
cpu_model() {
    case $1 in
    tcg) echo Westmere ;;
    *) echo max ;;
    esac
}

accel_option() {
    case $1 in
    tcg) echo tcg,thread=multi ;;
    *) echo "$1" ;;
    esac
}

copy_in() {
    local dir=$1 locals=() remote=${*: -1}
    shift
    while [ $# -gt 1 ]; do
        locals+=("$(realpath "$1")")
        shift
    done
    in_guest "$dir" scp -r -p "${locals[@]}" "root@127.0.0.1:$remote"
}

stop_guest() {
    local pid
    pid=$(qemu_pid "$1") || return 0
    (in_guest "$1" ssh -n root@127.0.0.1 guest-poweroff) >/dev/null 2>&1 || :
    for _ in {1..300}; do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    kill_guest "$1"
}

command=${1-}
[ $# -lt 2 ] || shift
case $command in
start) start "$@" ;;
ssh)
    dir=$1
    shift
    in_guest "$dir" ssh root@127.0.0.1 "$@"
    ;;
put) copy_in "$@" ;;
get) in_guest "$1" scp -r -p "root@127.0.0.1:$2" "$(realpath "$3")" ;;
forward) in_guest "$1" ssh -O forward -L "127.0.0.1:$2:127.0.0.1:$3" root@127.0.0.1 ;;
kill) kill_guest "$1" ;;
stop) stop_guest "$1" ;;
--watch) watch "$@" ;;
*)
    sed -n '2,/^$/s/^# \{0,1\}//p' "$self" >&2
    exit 2
    ;;
esac
