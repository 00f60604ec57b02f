#!/bin/sh
# pure.sh NM LIBRARY: fails where the library asks for a symbol that is not on the list below. A
# list of what is allowed, not of what is not: a new way to do I/O is refused without being known.
set -eu
nm=$1
library=$2
allowed='
memcpy memmove memset memcmp memchr strlen strcmp strncmp strchr strrchr strcpy strncpy strspn
strcspn strstr strtok_r strcasecmp strncasecmp qsort free malloc calloc realloc abs
snprintf vsnprintf __snprintf_chk __vsnprintf_chk __memcpy_chk __memset_chk __memmove_chk
strpbrk abort
__strcpy_chk __stack_chk_fail __ctype_b_loc strsignal
'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$nm" -u "$library" | awk '$1 == "U" { print $2 }' | sed 's/@.*//' | sort -u >"$work/wanted"
"$nm" --defined-only "$library" | awk 'NF == 3 { print $3 }' | sort -u >"$work/own"
[ -s "$work/own" ] || { echo "$library defines nothing: this check looked at the wrong file"; exit 1; }

bad=$(comm -23 "$work/wanted" "$work/own" | while read -r symbol; do
    case $symbol in
    # our own lower folders, which are held to the same list by linking them below
    err_* | mem_* | str_* | strpool_* | u64map_* | hash_* | text_* | names_* | dsname_* | snapname_* | name_* | \
    bookmark_* | side_* | snapset_* | facts_* | inventory_* | holding_* | policy_* | rules_* | target_* | keep_* | \
    plan_* | step_* | op_* | event_* | state_* | dataset_* | row_* | rows_* | chronicle_* | verdict_* | cycle_* | error_* | \
    json_* | jsonp_* | __asan_* | __ubsan_* | __sanitizer_* | __gcov_* | _GLOBAL_OFFSET_TABLE_)
        continue ;;
    esac
    echo "$allowed" | grep -qw -- "$symbol" || echo "$symbol"
done)
# jansson can read and write files; only its functions in memory are allowed.
files=$(grep -E '^json_(load|dump)(f|fd|_file|_callback)$' "$work/wanted" || true)
if [ -n "$bad$files" ]; then
    echo "$library asks for what a pure folder may not have:"
    printf '    %s\n' "$bad" "$files"
    exit 1
fi
echo "$(wc -l <"$work/wanted") symbols, none of which does I/O"
