#!/bin/sh
# sim.sh make DIR [PROGRAM]: a simulated world in DIR: bin/{zfs,zpool,ssh,sim}, to be put first in PATH, and state/.
# PROGRAM is the built tests/sim/sim; by default the newest in a build folder of this tree.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

[ $# -ge 2 ] && [ "$1" = make ] || {
    sed -n '2,3s/^# //p' "$0" >&2
    exit 2
}
dir=$2
program=${3:-}
if [ -z "$program" ]; then
    # shellcheck disable=SC2012 # names without surprises
    program=$(ls -t "$root"/build*/tests/sim/sim "$root"/build*/*/tests/sim/sim 2>/dev/null | head -n 1)
fi
[ -n "$program" ] && [ -x "$program" ] || {
    echo "sim.sh: tests/sim/sim is not built: meson setup build-sim && ninja -C build-sim" >&2
    exit 1
}
program=$(cd "$(dirname "$program")" && pwd)/$(basename "$program")
mkdir -p "$dir/bin" "$dir/state/local" "$dir/state/remote"
for name in zfs zpool ssh sim; do
    ln -sfn "$program" "$dir/bin/$name"
done
