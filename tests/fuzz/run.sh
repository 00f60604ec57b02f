#!/bin/sh
# run.sh HARNESS CORPUS [OPTION...]: fuzzes for FUZZ_SECONDS, or ten seconds. The corpus is copied,
# so that what libFuzzer adds does not land in the source tree. An input that fails is left in the
# folder from which this is run, as crash-*. What it ends with has stat::number_of_executed_units.
set -eu
harness=$1
corpus=$2
shift 2
seconds=${FUZZ_SECONDS:-10}
# To libFuzzer no number is a zero, and a zero is for ever.
case $seconds in
'' | 0* | *[!0-9]*) echo "run.sh: FUZZ_SECONDS is \"$seconds\", not a number of seconds" >&2; exit 1 ;;
esac
[ -n "$(ls -A "$corpus")" ] || { echo "run.sh: there is no corpus in $corpus" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$work/corpus"
cp -R "$corpus/." "$work/corpus"
# libFuzzer ends with 77 when it finds something, which Meson would take for a test that was skipped.
rc=0
"$harness" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=2048 -print_final_stats=1 "$@" "$work/corpus" \
    >"$work/log" 2>&1 || rc=1
cat "$work/log"
# A harness that ran nothing has found nothing.
grep -q '^stat::number_of_executed_units: *[1-9]' "$work/log" || rc=1
exit "$rc"
