#!/bin/bash
# test.sh [BACKUPD] [--slow] [--judge] [WORD]: attacks on the web role of the real backupd, which works on a simulated
# zfs. Prints TAP; 1 if a test failed. See attack.py. WEB_TEST_KEEP=1 keeps the folders, with the logs, where one failed.
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
    echo "test.sh: there is no $backupd" >&2
    exit 1
}
sim=$(dirname "$backupd")/tests/sim/sim
[ -n "${SIM:-}" ] || [ ! -x "$sim" ] || export SIM="$sim"
exec python3 -B "$here/attack.py" "$backupd" "$@"
