#!/bin/sh
# run.sh HARNESS CORPUS [OPTION...]: fuzzes for five seconds. The corpus is copied, so that what
# libFuzzer adds does not land in the source tree. An input that fails is left in the folder from
# which this is run, as crash-*.
set -eu
harness=$1
corpus=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cp -R "$corpus/." "$work"
# libFuzzer ends with 77 when it finds something, which Meson would take for a test that was skipped.
"$harness" -max_total_time=5 -timeout=5 -rss_limit_mb=2048 -print_final_stats=1 "$@" "$work" || exit 1
