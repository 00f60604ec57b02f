#!/bin/bash
# load.sh [BACKUPD] [--short] [--judge]: what many readers cost a running transfer. Prints TAP, with the figures in
# comments; 1 if there was an error, with --judge also beyond the bars. See load.py.
#
# SIM is the built tests/sim/sim; by default that of BACKUPD's own build folder.
set -u
here=$(cd "$(dirname "$0")" && pwd)
case ${1:-} in
'' | --*) backupd=$(realpath "$here/../../build/backupd") ;;
*)
    backupd=$(realpath "$1")
    shift
    ;;
esac
[ -x "$backupd" ] || {
    echo "load.sh: there is no $backupd" >&2
    exit 1
}
sim=$(dirname "$backupd")/tests/sim/sim
[ -n "${SIM:-}" ] || [ ! -x "$sim" ] || export SIM="$sim"
exec python3 -B "$here/load.py" "$backupd" "$@"
