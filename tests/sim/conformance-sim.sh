#!/bin/bash
# conformance-sim.sh [SIM [CLASSIFIER]]: holds the simulation against what the real OpenZFS 2.3 said to the same
# commands (conformance.sh, conformance.expected): output, exit status, words and the class that backupd gives to
# them. SIM and CLASSIFIER are the built tests/sim/sim and tests/sim/classify-words. Prints TAP; 1 if a test failed.

set -u -o pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/sim/conformance-compare.sh
. "$here/conformance-compare.sh"
classifier=${2:-$(built classify-words)}
dir=$(mktemp -d "${TMPDIR:-/tmp}/conformance-sim.XXXXXX")
trap 'rm -rf "$dir"' EXIT

"$here/sim.sh" make "$dir" ${1:+"$1"} || exit 1
PATH=$dir/bin:$PATH "$here/conformance.sh" | "$classifier" >"$dir/found" || exit 1
compare /dev/null "$dir/found"
