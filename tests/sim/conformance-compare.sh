# shellcheck shell=bash
# What conformance-sim.sh and conformance-guest.sh share. To be sourced.
#
# The records are those of conformance.sh with the classes that classify-words adds. conformance.expected is what
# OpenZFS 2.3 says, conformance.expected-2.1 holds the records in which 2.1 says something else.

# shellcheck disable=SC2154 # the folder of who sources it
expected=$here/conformance.expected

# built NAME: the newest that was built of tests/sim
built() {
    # shellcheck disable=SC2012 # names without surprises
    ls -t "$here"/../../build*/tests/sim/"$1" "$here"/../../build*/*/tests/sim/"$1" 2>/dev/null | head -n 1
}

# An awk program that reads files of records and leaves record[file, number], for files 1, 2, 3; last is the highest
# number of any.
# shellcheck disable=SC2016 # awk's
read_records='
    FNR == 1 { file = ARGIND_OF[FILENAME] }
    /^== / { number = $2 + 0; if (number > last) last = number; title[number] = substr($0, length("== " $2 " ") + 1) }
    { record[file, number] = record[file, number] $0 "\n" }'

# compare VARIANT FOUND: holds the records of FOUND against the expected ones, of which those of VARIANT (or /dev/null)
# take the place. Prints TAP; 1 if one differs.
compare() {
    awk -v variant="$1" -v expected="$expected" -v found="$2" '
    BEGIN { ARGIND_OF[variant] = 1; ARGIND_OF[expected] = 2; ARGIND_OF[found] = 3 }'"$read_records"'
    function show(mark, text,    n, i, line) {
        n = split(text, line, "\n")
        for (i = 1; i < n; i++) print "# " mark " " line[i]
    }
    END {
        for (i = 1; i <= last; i++) {
            wanted = (1, i) in record ? record[1, i] : record[2, i]
            same = wanted != "" && record[3, i] == wanted
            print (same ? "ok " : "not ok ") i " - " title[i]
            if (same) continue
            failed = 1
            show("expected", wanted)
            show("found   ", record[3, i])
        }
        print (last >= 60 ? "ok " : "not ok ") last + 1 " - there are records of 60 commands and more"
        print "1.." last + 1
        exit failed || last < 60
    }' "$1" "$expected" "$2"
}

# differing FOUND: the records of FOUND that are not the expected ones
differing() {
    awk -v expected="$expected" -v found="$1" '
    BEGIN { ARGIND_OF[expected] = 2; ARGIND_OF[found] = 3 }'"$read_records"'
    END { for (i = 1; i <= last; i++) if (record[3, i] != record[2, i]) printf "%s", record[3, i] }' "$expected" "$1"
}
