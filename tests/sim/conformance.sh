#!/bin/bash
# conformance.sh: runs what backupd asks of zfs, and every failure that it has to tell apart, on the zfs in PATH: the
# simulated one of tests/sim or the real one of a guest. Prints a record for each command:
#
#   == NUMBER COMMAND        of a pipeline from zfs send to zfs receive the parts follow as `send` and `receive`
#   exit STATUS
#   out TEXT                 a line of standard output
#   err TEXT                 a line of standard error
#
# What may differ from run to run is made the same by normalise(), and by nothing else. conformance-sim.sh and
# conformance-guest.sh hold the records against conformance.expected. It makes and destroys pools named
# tank, backup, small, fresh and other, and so takes a real zfs only in a guest.

set -u -o pipefail
export LC_ALL=C

work=$(mktemp -d "${TMPDIR:-/tmp}/conformance.XXXXXX")
background=
trap '[ -z "$background" ] || kill -KILL -- "-$background" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

# --- what is done in another way here and there ---

# In a simulated world zfs and sim are the same program.
simulated() { [ "$(command -v sim)" -ef "$(command -v zfs)" ]; }

simulated || [ -x /usr/sbin/guest-init ] || {
    echo "conformance.sh: this is neither a simulation nor a guest, and pools would be destroyed" >&2
    exit 1
}

# pool NAME MIB
pool() {
    if simulated; then
        sim pool "$1" $(($2 * 1048576))
        return
    fi
    zpool destroy -f "$1" 2>/dev/null
    rm -f "/var/tmp/conformance-$1"
    truncate -s "$2M" "/var/tmp/conformance-$1"
    zpool create -f "$1" "/var/tmp/conformance-$1"
}

# fill DATASET NAME MIB: more data, which cannot be compressed
fill() {
    if simulated; then
        sim write "$1" $(($3 * 1048576))
    elif [ "$(zfs get -H -o value type "$1")" = volume ]; then
        # There is no udev in a guest, and one volume so far.
        dd if=/dev/urandom of=/dev/zd0 bs=1M count="$3" conv=fsync status=none
    else
        dd if=/dev/urandom of="/$1/$2" bs=1M count="$3" conv=fsync status=none
    fi
}

# write_to DATASET: what was received is written to without a snapshot
write_to() {
    if simulated; then
        sim write "$1" 100000
        return
    fi
    zfs set readonly=off "$1"
    zfs mount "$1"
    dd if=/dev/urandom of="/$1/changed" bs=100k count=1 conv=fsync status=none
    zfs unmount "$1"
    zfs set readonly=on "$1"
}

# The next snapshot is of another second.
later() {
    if simulated; then
        [ "$(sim clock)" -gt 1700000000 ] || sim clock 1700000000
        sim clock +60
    else
        sleep 1.1
    fi >/dev/null
}

# --- records ---

number=0

title() {
    number=$((number + 1))
    echo "== $number $1"
}

# report ROLE STATUS: what $work holds of one program
report() {
    local role=$1 prefix=${1:+$1 }
    echo "${prefix}exit $2"
    [ "$role" != '' ] || sed "s/^/out /" "$work/out"
    sed "s/^/${prefix}err /" "$work/err$role"
}

# run COMMAND: one program
run() {
    local status=0
    title "$1"
    (eval "$1") >"$work/out" 2>"$work/err" </dev/null || status=$?
    report '' $status
}

# piped SEND RECEIVE [FILTER]: a stream. FILTER, which may shorten or spoil it, stands between them.
piped() {
    local status
    title "$1 |${3:+ $3 |} $2"
    (eval "$1") 2>"$work/errsend" </dev/null |
        if [ $# -gt 2 ]; then eval "$3"; else cat; fi 2>/dev/null |
        (eval "$2") 2>"$work/errreceive" >/dev/null
    status=("${PIPESTATUS[@]}")
    report send "${status[0]}"
    report receive "${status[2]}"
}

# during COMMAND: starts a pipeline, in which `pause BYTES` lets so much through and then nothing, and returns when
# it has come so far
during() {
    rm -f "$work/paused"
    export work
    setsid bash -c 'pause() { head -c "$1"; touch "$work/paused"; sleep 300; }
'"$1" >/dev/null 2>&1 </dev/null &
    background=$!
    for _ in {1..600}; do
        [ ! -e "$work/paused" ] || break
        sleep 0.1
    done
    simulated || sleep 1
}

end_during() {
    kill -KILL -- "-$background" 2>/dev/null
    wait "$background" 2>/dev/null
    # The others of its group are not ours to wait for.
    for _ in {1..100}; do
        pgrep -r D,R,S,T -g "$background" >/dev/null || break
        sleep 0.05
    done
    background=
    simulated || sleep 2
}

token() { zfs get -Hp -o value receive_resume_token "$1"; }

# The only place that hides differences. Symbols are in the order in which what they stand for appears:
#   G1...    guids, decimal as in lists and hexadecimal as in tokens
#   T1...    createtxg, which each pool counts for itself
#   C1...    times of creation and of holds
#   V1...    times at which the snapshots of a dataset changed
#   TOKEN    resume tokens
#   N        amounts of data and offsets, but 0 is told apart, save of usedbysnapshots: that depends on how metadata lies
#   SNAPSHOT the one of several that is named as an example
#   $long    300 letters x
# Lines of progress are dropped, which come if it takes more than a second, usage texts after their first line, and what
# a sender says whose receiver has ended before it: whether it is still writing then is chance. What else is said of
# several datasets at once is sorted, because the real one walks through its tables of hashes.
normalise() {
    awk '
    function decimal(hex,    d, n, i, k, carry, digits) {
        n = 1; d[1] = 0
        for (i = 1; i <= length(hex); i++) {
            carry = index("0123456789abcdef", substr(hex, i, 1)) - 1
            for (k = 1; k <= n; k++) {
                carry += d[k] * 16; d[k] = carry % 10; carry = int(carry / 10)
            }
            while (carry > 0) { d[++n] = carry % 10; carry = int(carry / 10) }
        }
        digits = ""
        for (k = n; k >= 1; k--) digits = digits d[k]
        return digits
    }
    function symbol(letter, what) {
        if (!((letter, what) in symbols)) symbols[letter, what] = letter (++count[letter])
        return symbols[letter, what]
    }
    # The value that a column or property of a name has.
    function value(property, text, dataset,    pool) {
        if (text == "-" || text == "") return text
        if (property == "guid") return symbol("G", text)
        if (property == "createtxg") {
            pool = dataset
            sub(/[\/@#].*/, "", pool)
            return symbol("T", pool " " text)
        }
        if (property == "creation") return symbol("C", text)
        if (property == "snapshots_changed") return symbol("V", text)
        if (property == "receive_resume_token") return "TOKEN"
        if (property == "usedbysnapshots") return "N"
        if (property ~ /^(usedbydataset|written|referenced)$/) return text == "0" ? "0" : "N"
        return text
    }
    function row(text,    field, n, i, line, name, kind) {
        n = split(text, field, "\t")
        name = target
        for (i = 1; i <= n; i++) if (column[i] == "name") name = field[i]
        line = ""
        for (i = 1; i <= n; i++) {
            kind = column[i]
            if (kind == "value") kind = column[i - 1] == "property" ? field[i - 1] : property
            field[i] = value(kind, field[i], name)
            line = line (i > 1 ? "\t" : "") field[i]
        }
        return line
    }
    function words(text,    guid) {
        gsub(/[0-9]-[0-9a-f]+-[0-9a-f]+-[0-9a-f]+/, "TOKEN", text)
        if (match(text, /(guid = |source )0x[0-9a-f]+/)) {
            guid = substr(text, RSTART, RLENGTH)
            sub(/.*0x/, "", guid)
            sub(/0x[0-9a-f]+/, symbol("G", decimal(guid)), text)
        }
        if (text ~ /^\t(object|offset|bytes) = 0x/) sub(/0x.*/, "N", text)
        if (text ~ /^(full|incremental|size)\t/) sub(/[0-9]+$/, "N", text)
        sub(/\(eg\. [^)]*\)/, "(eg. SNAPSHOT)", text)
        gsub(/xxxxxxxx+/, "$long", text)
        sub(/estimated size is [0-9.]+[BKMG]?/, "estimated size is N", text)
        return text
    }
    # Neighbours of one place are sorted.
    function sort_kept(    i, k, line) {
        for (i = 2; i <= kept_n; i++) {
            line = kept[i]
            for (k = i - 1; k >= 1 && place[k] == place[i] && place[i] != "" && kept[k] > line; k--)
                kept[k + 1] = kept[k]
            kept[k + 1] = line
        }
    }
    function keep(line) {
        kept[++kept_n] = line
        place[kept_n] = line ~ /^err cannot create snapshot / ? "snapshots" : listed ? "list" : ""
        if (line ~ /err use .-[rR]. /) listed = 1
    }
    function flush(    i) {
        sort_kept()
        if (receive_status != 0 && (send_status == 0 || send_status == 141 || broken)) sent_n = 0
        else if (sent_n > 0) for (i = 1; i <= sent_n; i++) print sent[i]
        if (sent_n == 0 && piped) print "send gone"
        for (i = 1; i <= kept_n; i++) print kept[i]
        sent_n = kept_n = send_status = receive_status = broken = piped = usage = listed = 0
    }
    /^== / {
        flush()
        print
        n = split($0, word, " ")
        split("", column)
        target = word[n]
        property = ""
        for (i = 3; i < n; i++) if (word[i] == "-o") split(word[i + 1], column, ",")
        if (word[4] == "get") property = word[n - 1]
        if (word[4] == "holds") { column[3] = "creation" }
        next
    }
    /^send exit / { piped = 1; send_status = $3; sent[++sent_n] = $0; next }
    /^receive exit / { receive_status = $3; usage = 0; keep($0); next }
    {
        role = ""; text = $0
        if (match(text, /^(send|receive) /)) { role = substr(text, 1, RLENGTH); text = substr(text, RLENGTH + 1) }
        kind = substr(text, 1, 4)
        text = substr(text, 5)
        if (kind == "exit") { keep($0); next }
        if (usage || text ~ /^[0-9][0-9]:[0-9][0-9]:[0-9][0-9]\t/ || text ~ /^TIME /) next
        if (text ~ /^usage:/) usage = 1
        if (text ~ /Broken pipe/) broken = 1
        text = kind == "out " && (1 in column || 3 in column) ? row(text) : words(text)
        if (role == "send ") sent[++sent_n] = role kind text
        else keep(role kind text)
    }
    END { flush() }'
}

# --- the world ---

D="zfs list -Hp -t filesystem,volume -o name,type,encryption,receive_resume_token,usedbydataset,usedbysnapshots"
S="zfs list -Hp -t snapshot,bookmark -o name,guid,createtxg,creation,written"
X="zfs list -Hp -t snapshot -o name,guid,userrefs,clones"
N="zfs list -Hp -t snapshot,bookmark -o name,guid,createtxg"
F="zfs list -Hp -t snapshot,bookmark -o name,guid,creation,written"
V="zfs list -Hp -t filesystem,volume -o name,guid,origin,snapshots_changed"
P="zfs get -Hp -o property,value,source backupd:placeholder,type,mounted,mountpoint,referenced"
# shellcheck disable=SC2034 # in commands
long=$(printf 'x%.0s' {1..300})

set_up() {
    local snapshot
    pool tank 2048
    pool backup 2048
    pool small 80
    zfs create tank/data
    zfs create tank/data/home
    zfs create "tank/data/with space"
    for snapshot in a b c d; do
        fill tank/data/home $snapshot 4
        later
        zfs snapshot "tank/data/home@$snapshot"
    done
    zfs clone tank/data/home@b tank/clone
    later
    zfs hold keep tank/data/home@c
    zfs bookmark tank/data/home@a 'tank/data/home#a'
    zfs create tank/data/big
    fill tank/data/big first 24
    later
    zfs snapshot tank/data/big@one
    fill tank/data/big second 16
    later
    zfs snapshot tank/data/big@two
    zfs create -V 32M tank/data/volume
    simulated || sleep 1
    fill tank/data/volume - 16
    later
    zfs snapshot tank/data/volume@one
    echo 12345678 | zfs create -o encryption=on -o keyformat=passphrase tank/data/secret
    fill tank/data/secret first 4
    later
    zfs snapshot tank/data/secret@one
    fill tank/data/secret second 4
    later
    zfs snapshot tank/data/secret@two
}

lists() {
    run "$D -r tank"
    run "$D tank/data/home"
    run "$S -r tank"
    run "$S -d 1 tank/data/home"
    run "$S -d 1 tank/data/volume"
    run "$X tank/data/home@a tank/data/home@b tank/data/home@c"
    run "zfs list -Hp -o name tank/data"
    run "zfs list -Hp -o name 'tank/data/with space'"
    run "zfs list -Hp -o name tank/nope"
    run "$D -r nope"
    run "$D -r tank/nope"
    run "$S -d 1 tank/nope"
    run "$X tank/data/home@a tank/data/home@nope tank/data/home@c"
    run "$D 'tank/da*ta'"
    run "zfs list -Hp -o name tank/\$long"
    run "zfs list -Hp -o name,nope tank"
    run "$P tank/data"
    run "$P tank/nope"
    run "zfs holds -H tank/data/home@c"
    run "zfs holds -H tank/data/home@a"
}

snapshots() {
    later
    run "zfs snapshot -r tank/data@r"
    run "$S -r tank/data"
    run "zfs snapshot -r tank/data@r"
    run "zfs snapshot -r tank/data@a"
    run "zfs snapshot -r tank/nope@a"
    run "zfs snapshot -r nope@a"
    run "zfs snapshot 'tank/data@a b*c'"
    run "zfs snapshot tank/data@\$long"
    run "zfs bookmark tank/data/home@r 'tank/data/home#backupd-1'"
    run "zfs bookmark tank/data/home@r 'tank/data/home#backupd-1'"
    run "zfs bookmark tank/data/home@nope 'tank/data/home#b'"
    run "zfs bookmark tank/data/home@a 'tank/data/home#a*b'"
    run "zfs bookmark tank/nope@a 'tank/nope#a'"
    run "zfs hold keep tank/data/home@c"
    run "zfs hold keep tank/data/home@nope"
    run "zfs hold -r more tank/data@r"
    run "$X tank/data/home@r"
    run "zfs release -r more tank/data@r"
    run "zfs release nope tank/data/home@c"
    run "zfs rollback tank/data/home@c"
    run "zfs rollback tank/data/home@nope"
    run "zfs rollback tank/data/home@r"
    run "$D tank/clone"
}

destroys() {
    run "zfs destroy tank/data/home@nope"
    run "zfs destroy tank/data/home@nope,nada"
    run "zfs destroy tank/data/home@r,nope"
    run "zfs destroy tank/nope@a"
    run "zfs destroy tank/data/home@c"
    run "zfs destroy tank/data/home@b"
    run "zfs destroy tank/data/home@b,c"
    run "zfs destroy tank/data/home@c,d"
    run "$S -d 1 tank/data/home"
    run "zfs destroy 'tank/data/home#nope'"
    run "zfs destroy 'tank/data/home#backupd-1'"
    run "zfs destroy tank/data"
    run "zfs destroy tank/data/big"
    run "zfs destroy tank/nope"
    run "zfs destroy nope@a"
    run "zfs destroy tank/data/volume@r"
    run "zfs destroy tank/data/secret@r"
    run "$S -r tank/data"
}

placeholders() {
    run "zfs create -o canmount=off -o backupd:placeholder=on backup/data"
    run "$P backup/data"
    run "zfs create -o canmount=off -o backupd:placeholder=on backup/data"
    run "zfs create -o canmount=off -o backupd:placeholder=on backup/nope/child"
    run "zfs create -o canmount=off -o backupd:placeholder=on nope/child"
    run "zfs create backup/plain"
    run "zfs set backupd:placeholder=on readonly=on backup/plain"
    run "$P backup/plain"
    run "zfs inherit backupd:placeholder backup/plain"
    run "$P backup/plain"
    run "zfs inherit backupd:placeholder backup/nope"
    run "zfs set backupd:placeholder=on readonly=on backup/nope"
    run "zfs destroy backup/plain"
    run "zfs create -o canmount=off -o backupd:placeholder=on backup/other"
}

sends() {
    run "zfs send -n -w -P -v tank/data/home@a"
    run "zfs send -n -w -P -v -i tank/data/home@a tank/data/home@c"
    run "zfs send -n -w -P -v -i 'tank/data/home#a' tank/data/home@c"
    run "zfs send -n -w -v tank/data/home@a"
    run "zfs send -w -P -v tank/data/home@nope"
    run "zfs send -w -P -v tank/nope@a"
    run "zfs send -w -P -v -i tank/data/home@nope tank/data/home@c"
    run "zfs send -w -P -v -i 'tank/data/home#nope' tank/data/home@c"
    run "zfs send -w -P -v -i tank/data/home@c tank/data/home@b"
    run "zfs send -w -P -v -i 'tank/data/home#a' tank/data/home@a"
    run "zfs send -P -v -t nonsense"
    run "zfs send -n -v -t 1-c740b4779-b8-789c636064000310a500c4ec50360710"
}

receives() {
    piped "zfs send -w -P -v tank/data/home@a" "zfs receive -s -u -o readonly=on -o canmount=noauto backup/data/home"
    run "$P backup/data/home"
    run "zfs get -Hp -o property,value,source readonly,canmount backup/data/home"
    run "$S -d 1 backup/data/home"
    piped "zfs send -w -P -v -i tank/data/home@a tank/data/home@b" "zfs receive -s -u backup/data/home"
    run "$S -d 1 backup/data/home"
    piped "zfs send -w -P -v tank/data/volume@one" "zfs receive -s -u -o readonly=on backup/data/volume"
    piped "zfs send -w -P -v tank/data/secret@one" \
        "zfs receive -s -u -o readonly=on -o canmount=noauto backup/data/secret"
    piped "zfs send -w -P -v -i tank/data/secret@one tank/data/secret@two" "zfs receive -s -u backup/data/secret"
    run "$D -r backup"
    run "$S -r backup"
    piped "zfs send -w -P -v tank/data/home@a" "zfs receive -s -u backup/data/home"
    piped "zfs send -w -P -v tank/data/home@a" "zfs receive -s -u -F backup/data/home"
    piped "zfs send -w -P -v tank/data/home@a" "zfs receive -s -u backup/other"
    piped "zfs send -w -P -v tank/data/secret@one" "zfs receive -s -u -F backup/other"
    piped "zfs send -w -P -v tank/data/volume@one" "zfs receive -s -u -F backup/other"
    run "$D backup/other"
    run "zfs destroy backup/other@one"
    run "zfs destroy backup/other"
    run "zfs create -o canmount=off -o backupd:placeholder=on backup/other"
    piped "zfs send -w -P -v tank/data/home@a" "zfs receive -s -u -F backup/other"
    run "$P backup/other"
    run "zfs inherit backupd:placeholder backup/other"
    run "$P backup/other"
    piped "zfs send -w -P -v -i tank/data/home@c tank/data/home@d" "zfs receive -s -u backup/data/home"
    piped "zfs send -w -P -v -i tank/data/home@a tank/data/home@b" "zfs receive -s -u backup/data/home"
    piped "zfs send -w -P -v -i tank/data/home@a tank/data/home@b" "zfs receive -s -u backup/nope"
    piped "zfs send -w -P -v tank/data/home@a" "zfs receive -s -u backup/nope/child"
    piped "zfs send -w -P -v tank/data/home@a" "zfs receive -s -u nope/child"
    piped "zfs send -w -P -v tank/data/home@a" "zfs receive -s -u 'backup/a*b'"
    piped "zfs send -w -P -v tank/data/home@nope" "zfs receive -s -u backup/nothing"
    piped "zfs send -w -P -v tank/data/volume@one" "zfs receive -s -u -o canmount=noauto backup/volume"
    piped "zfs send -P -v -i tank/data/secret@one tank/data/secret@two" "zfs receive -s -u backup/data/secret"
    piped "zfs send -w -P -v tank/data/home@a" "zfs receive -s -u backup/garbage" "head -c 1000000 /dev/zero"
    write_to backup/data/home
    piped "zfs send -w -P -v -i tank/data/home@b tank/data/home@c" "zfs receive -s -u backup/data/home"
    later
    zfs snapshot backup/data/home@own
    piped "zfs send -w -P -v -i tank/data/home@b tank/data/home@c" "zfs receive -s -u backup/data/home"
    run "zfs destroy backup/data/home@own"
    run "zfs rollback backup/data/home@b"
    piped "zfs send -w -P -v -i tank/data/home@b tank/data/home@c" "zfs receive -s -u backup/data/home"
    run "zfs destroy backup/data/home@b"
    piped "zfs send -w -P -v -i tank/data/home@b tank/data/home@c" "zfs receive -s -u backup/data/home"
    run "$S -d 1 backup/data/home"
    piped "zfs send -w -P -v tank/data/home@a" "zfs receive -s -u -o readonly=on backup/marked"
    piped "zfs send -w -P -v -i 'tank/data/home#a' tank/data/home@c" "zfs receive -s -u backup/marked"
    run "$S -d 1 backup/marked"
}

partials() {
    piped "zfs send -w -P -v tank/data/big@one" "zfs receive -u backup/cut" "head -c 10000000"
    run "zfs list -Hp -o name backup/cut"
    piped "zfs send -w -P -v tank/data/big@one" "zfs receive -s -u -o readonly=on backup/cut" "head -c 10000000"
    run "$D backup/cut"
    run "$S -d 1 backup/cut"
    run "zfs send -n -v -t \$(token backup/cut)"
    piped "zfs send -w -P -v tank/data/big@one" "zfs receive -s -u backup/cut"
    piped "zfs send -w -P -v tank/data/big@one" "zfs receive -s -u -F backup/cut"
    piped "zfs send -P -v -t \$(token backup/cut)" "zfs receive -s -u backup/data/home"
    piped "zfs send -P -v -t \$(token backup/cut)" "zfs receive -s -u backup/nope"
    # shellcheck disable=SC2034 # the commands below use it
    old=$(token backup/cut)
    piped "zfs send -P -v -t \$(token backup/cut)" "zfs receive -s -u backup/cut" "head -c 6000000"
    run "[ \$(token backup/cut) != \$old ]"
    piped "zfs send -P -v -t \$old" "zfs receive -s -u backup/cut"
    piped "zfs send -P -v -t \$(token backup/cut)" "zfs receive -s -u backup/cut"
    run "$D backup/cut"
    run "$S -d 1 backup/cut"
    piped "zfs send -P -v -t \$old" "zfs receive -s -u backup/cut"
    piped "zfs send -w -P -v -i tank/data/big@one tank/data/big@two" "zfs receive -s -u backup/cut" "head -c 8000000"
    run "$D backup/cut"
    run "zfs send -n -v -t \$(token backup/cut)"
    piped "zfs send -w -P -v -i tank/data/big@one tank/data/big@two" "zfs receive -s -u backup/cut"
    run "zfs receive -A backup/cut"
    run "$D backup/cut"
    run "zfs receive -A backup/cut"
    run "zfs receive -A backup/nope"
    piped "zfs send -w -P -v tank/data/secret@one" "zfs receive -s -u -o readonly=on backup/raw" "head -c 2000000"
    run "$D backup/raw"
    run "zfs send -n -v -t \$(token backup/raw)"
    piped "zfs send -P -v -t \$(token backup/raw)" "zfs receive -s -u backup/raw"
    run "$D backup/raw"
    piped "zfs send -w -P -v -i 'tank/data/home#a' tank/data/home@c" "zfs receive -s -u backup/other" "head -c 3000000"
    run "zfs send -n -v -t \$(token backup/other)"
    piped "zfs send -P -v -t \$(token backup/other)" "zfs receive -s -u backup/other"
    run "$S -d 1 backup/other"
    zfs create -o canmount=off -o backupd:placeholder=on backup/place
    piped "zfs send -w -P -v tank/data/big@one" "zfs receive -s -u -F backup/place" "head -c 10000000"
    run "$D backup/place"
    run "$P backup/place"
    piped "zfs send -P -v -t \$(token backup/place)" "zfs receive -s -u backup/place"
    run "zfs receive -A backup/place"
    run "$D backup/place"
    piped "zfs send -w -P -v tank/data/big@one" "zfs receive -s -u -F backup/place" "head -c 10000000"
    piped "zfs send -P -v -t \$(token backup/place)" "zfs receive -s -u -F backup/place"
    run "$D backup/place"
    run "$S -d 1 backup/place"
    later
    zfs snapshot tank/data/big@stale
    piped "zfs send -w -P -v tank/data/big@stale" "zfs receive -s -u backup/stale" "head -c 10000000"
    run "zfs destroy tank/data/big@stale"
    run "zfs send -n -v -t \$(token backup/stale)"
    run "zfs send -P -v -t \$(token backup/stale)"
    later
    run "zfs snapshot tank/data/big@stale"
    run "zfs send -n -v -t \$(token backup/stale)"
    run "zfs receive -A backup/stale"
    run "zfs list -Hp -o name backup/stale"
    run "zfs destroy backup/cut@one"
}

under_way() {
    during "zfs send -w tank/data/big@one | pause 1000000"
    run "zfs destroy tank/data/big@one"
    run "zfs destroy tank/data/big@one,two"
    end_during
    during "zfs send -w tank/data/big@one | pause 10000000 | zfs receive -s -u backup/busy"
    run "zfs send -n -v -t \$(token backup/busy)"
    piped "zfs send -w -P -v tank/data/big@one" "zfs receive -s -u backup/busy"
    run "zfs receive -A backup/busy"
    run "zfs destroy backup/busy"
    end_during
    run "$D backup/busy"
    piped "zfs send -P -v -t \$(token backup/busy)" "zfs receive -s -u backup/busy"
    during "zfs send -w -i @c tank/data/home@d | pause 1000000 | zfs receive -s -u backup/data/home"
    piped "zfs send -w -P -v -i tank/data/home@c tank/data/home@d" "zfs receive -s -u backup/data/home"
    run "zfs destroy backup/data/home@c"
    run "zfs rollback backup/data/home@c"
    end_during
    run "zfs receive -A backup/data/home"
}

space_and_pools() {
    fill tank/data/big third 60
    later
    zfs snapshot tank/data/big@three
    piped "zfs send -w -P -v tank/data/big@three" "zfs receive -s -u small/big"
    run "zfs destroy -r small/big"
    zpool export small
    run "zfs list -Hp -o name small"
    piped "zfs send -w -P -v tank/data/home@a" "zfs receive -s -u small/home"
    zpool destroy tank
    zpool destroy backup
    run "zfs list -Hp -o name tank"
}

# All options of a receive at once, first and resumed. The pools are new, and small is gone.
overwrites() {
    local new="-o readonly=on -o canmount=noauto" shown="zfs get -Hp -o property,value,source"
    pool tank 256
    pool backup 256
    zfs create tank/data
    fill tank/data file 8
    zfs create -V 8M tank/data/volume
    later
    zfs snapshot -r tank/data@a
    zfs create -o canmount=off -o backupd:placeholder=on backup/data
    piped "zfs send -w -P -v tank/data@a" "zfs receive -s -u -F $new backup/data"
    run "$shown backupd:placeholder,readonly,canmount,mounted backup/data"
    run "zfs inherit backupd:placeholder backup/data"
    run "$shown backupd:placeholder,readonly,canmount,mounted backup/data"
    zfs create -o canmount=off -o backupd:placeholder=on backup/volume
    piped "zfs send -w -P -v tank/data/volume@a" "zfs receive -s -u -F -o readonly=on backup/volume"
    run "$shown type,readonly backup/volume"
    piped "zfs send -w -P -v tank/data@a" "zfs receive -s -u $new backup/cut" "head -c 3000000"
    piped "zfs send -P -v -t \$(token backup/cut)" "zfs receive -s -u $new backup/cut"
    zfs create -o canmount=off -o backupd:placeholder=on backup/place
    piped "zfs send -w -P -v tank/data@a" "zfs receive -s -u -F $new backup/place" "head -c 3000000"
    piped "zfs send -P -v -t \$(token backup/place)" "zfs receive -s -u -F $new backup/place"
    run "$shown backupd:placeholder,readonly,canmount,mounted backup/place"
    run "$D -r backup"
    zpool destroy tank
    zpool destroy backup
}

# The listings of a cycle that knows most of it already. The pools are new.
known() {
    pool fresh 256
    pool other 256
    zfs create fresh/data
    zfs create fresh/data/home
    zfs create -V 8M fresh/data/volume
    fill fresh/data file 1
    later
    zfs snapshot -r fresh/data@a
    later
    zfs snapshot -r fresh/data@b
    zfs bookmark fresh/data@a fresh/data#mark
    run "$N -r fresh/data"
    run "$F -r fresh/data"
    run "$F fresh/data@a fresh/data/home@b fresh/data#mark"
    run "$F fresh/data@a fresh/data@nope fresh/data/volume@b"
    run "$F fresh/data@a fresh/data#nope fresh/data@b"
    run "$F fresh/data@a fresh/nope@a fresh/data@b"
    run "$F fresh/data@nope"
    zfs send -w fresh/data@a | zfs receive -s -u other/data
    later
    zfs send -w -i @a fresh/data@b | zfs receive -s -u other/data
    run "$F -r other/data"
    changes
    compressions
    zpool destroy fresh
    zpool destroy other
}

# When the snapshots of a dataset changed, as far as 2.2 and later say it.
changes() {
    zfs create fresh/new
    later
    run "$V -r fresh"
    run "$V -r other"
    zfs bookmark fresh/data@b fresh/data#other
    zfs hold keep fresh/data@b
    zfs release keep fresh/data@b
    zfs destroy fresh/data#mark
    zfs rollback fresh/data@b
    zfs rename fresh/data/home fresh/data/house
    zfs clone fresh/data@a fresh/clone
    run "$V -r fresh"
    later
    zfs snapshot fresh/data@c
    run "$V -r fresh/data"
    later
    zfs rename fresh/data@c fresh/data@d
    run "$V -r fresh/data"
    later
    zfs destroy fresh/data@d
    run "$V -r fresh/data"
    later
    zfs snapshot fresh/data/house@c
    run "$V -r fresh/data"
    zfs destroy -r fresh/data/house
    later
    zfs create fresh/data/house
    run "$V -r fresh/data"
}

# Whether a stream is worth compressing.
compressions() {
    local shown="zfs get -Hp -o property,value compression,refcompressratio"
    zfs create -o compression=off fresh/plain
    zfs create -o compression=lz4 fresh/packed
    run "$shown fresh/plain"
    run "$shown fresh/packed"
    run "$shown fresh/nope"
}

all() {
    set_up >&2
    lists
    snapshots
    destroys
    placeholders
    sends
    receives
    partials
    under_way
    space_and_pools
    overwrites
    known
}

all | normalise
