#!/bin/bash
# test.sh [BACKUPD] [--slow] [--judge] [WORD]: attacks on the web role of the real backupd, which works on a simulated
# zfs. Prints TAP; 1 if a test failed. See attack.py. WEB_TEST_KEEP=1 keeps the folders, with the logs, where one failed.
#
# SIM is the built tests/sim/sim; by default that of BACKUPD's own build folder.
exec "$(dirname "$0")/with-backupd.sh" attack.py "$@"
