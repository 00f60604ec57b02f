#!/bin/bash
# conformance-guest.sh VERSION [CLASSIFIER]: has the real OpenZFS 2.1 or 2.3 run the commands of conformance.sh in a
# guest, and holds what it says against conformance.expected and, of 2.1, conformance.expected-2.1. Prints TAP; 1 if
# a test failed.
# conformance-guest.sh VERSION --update [CLASSIFIER]: writes these files anew; of 2.1 after 2.3.
# conformance-guest.sh VERSION --records: prints the records, without classes.

set -u -o pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
vm=$here/../guest/vm.sh
# shellcheck source=tests/sim/conformance-compare.sh
. "$here/conformance-compare.sh"

die() {
    echo "conformance-guest.sh: $*" >&2
    exit 1
}

version=${1-} action=compare
case $version in
2.1) variant=$here/conformance.expected-2.1 ;;
2.3) variant=/dev/null ;;
*) die "usage: conformance-guest.sh 2.1|2.3 [--update|--records] [CLASSIFIER]" ;;
esac
shift
case ${1-} in
--update | --records)
    action=${1#--}
    shift
    ;;
esac
classifier=${1:-$(built classify-words)}
[ -x "$classifier" ] || die "tests/sim/classify-words is not built"
guest=$(mktemp -d "${TMPDIR:-/tmp}/conformance-guest.XXXXXX")

clean_up() {
    trap '' INT TERM HUP
    "$vm" kill "$guest" 2>/dev/null
    rm -rf "$guest"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# A child is waited for, because bash takes no signal while one runs before it.
attend() {
    "$@" </dev/null &
    wait $!
}

attend "$vm" start "$guest" "$version" --cpus 1 --owner $$ || die "the guest did not start"
attend "$vm" put "$guest" "$here/conformance.sh" /root/ || die "cannot copy the commands in"
attend "$vm" ssh "$guest" -n bash /root/conformance.sh >"$guest/records" || die "the guest did not live to the end"
if [ "$action" = records ]; then
    cat "$guest/records"
    exit 0
fi
"$classifier" <"$guest/records" >"$guest/found" || die "the records are not understood"
case $action$version in
update2.3) cp "$guest/found" "$expected" ;;
update2.1) differing "$guest/found" >"$variant" ;;
*) compare "$variant" "$guest/found" ;;
esac
