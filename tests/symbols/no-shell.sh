#!/bin/sh
# no-shell.sh NM PROGRAM: fails where the program could run a shell, or a program that was not named
# by its path: execve with an argv is the only way in which anything is started.
set -eu
nm=$1
program=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$nm" -D -u "$program" | awk '{ print $NF }' | sed 's/@.*//' | sort -u >"$work/wanted"
grep -qx execve "$work/wanted" || { echo "$program starts nothing: this check looked at the wrong file"; exit 1; }
bad=$(grep -xE '(system|p2open|popen|_IO_popen|wordexp|exec(l|lp|le|v|vp|vpe|vP|veat)|fexecve|posix_spawnp?)' \
    "$work/wanted" || true)
if [ -n "$bad" ]; then
    echo "$program asks for what can run a shell:"
    printf '%s\n' "$bad" | sed 's/^/    /'
    exit 1
fi
echo "of $(wc -l <"$work/wanted") symbols only execve runs a program"
