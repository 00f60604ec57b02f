#!/bin/bash
# load.sh [BACKUPD] [--short] [--judge]: what many readers cost a running transfer. Prints TAP, with the figures in
# comments; 1 if there was an error, with --judge also beyond the bars. See load.py.
#
# SIM is the built tests/sim/sim; by default that of BACKUPD's own build folder.
exec "$(dirname "$0")/with-backupd.sh" load.py "$@"
