#!/bin/sh
# instructions.sh FOLDER: instructions for a snapshot of the planner and the parsers of FOLDER/bench_plan and bench_parse,
# as valgrind's callgrind counts them: exact, the same on every machine of that kind, and slow, so small sizes only.
set -eu
command -v valgrind >/dev/null || { echo 'not counted: valgrind is not installed'; exit 0; }
for what in plan validate parse; do
    program=$1/bench_plan
    [ "$what" != parse ] || program=$1/bench_parse
    for size in 1000 10000 100000; do
        count=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect="measured_$what" \
            "$program" --count "$size" 2>&1 | awk '$2 == "Collected" { print $4 }')
        [ -n "$count" ] || { echo "not counted: valgrind does not run $program"; exit 1; }
        echo "$what: $size snapshots, $((count / size)) instructions for each"
    done
done
