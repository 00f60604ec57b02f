#!/bin/bash
# with-backupd.sh PROGRAM [BACKUPD] [OPTION...]: what test.sh and load.sh share. Runs PROGRAM, of this folder, with the path of
# BACKUPD (build/backupd) and the options. SIM is the built tests/sim/sim; by default that of BACKUPD's own build folder.
set -u
here=$(cd "$(dirname "$0")" && pwd)
program=$1
shift
case ${1:-} in
'' | --*) backupd=$(realpath "$here/../../build/backupd") ;;
*)
    backupd=$(realpath "$1")
    shift
    ;;
esac
[ -x "$backupd" ] || {
    echo "$program: there is no $backupd" >&2
    exit 1
}
sim=$(dirname "$backupd")/tests/sim/sim
[ -n "${SIM:-}" ] || [ ! -x "$sim" ] || export SIM="$sim"
exec python3 -B "$here/$program" "$backupd" "$@"
