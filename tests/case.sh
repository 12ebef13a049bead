# shellcheck shell=sh
# case.sh - what shell tests begin with, to be read by `.`: a folder of the test's own, $work, none of the caller's
# settings, and cases that print "ok NAME" or "not ok NAME: why". $failures counts the latter.
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
unset CVT_MODEL CVT_MODEL_PATH CVT_THREADS CVT_ISA OMP_NUM_THREADS
export LC_ALL=C
failures=0

pass() { echo "ok $1"; }
fail() { # NAME WHY
    echo "not ok $1: $(echo "$2" | head -c 300 | tr '\n' ' ')"
    failures=$((failures + 1))
}

# check NAME COMMAND...: the command succeeds; what it prints is the reason if it does not
check() {
    name=$1
    shift
    if why=$("$@" 2>&1); then pass "$name"; else fail "$name" "$(echo "$why" | head -n 1)"; fi
}

equal() { # NAME GOT WANT
    if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "got $2, want $3"; fi
}
same() { # NAME FILE FILE
    if [ -s "$2" ] && cmp -s "$2" "$3"; then pass "$1"; else fail "$1" "$2 and $3 differ or are empty"; fi
}
lines() { wc -l <"$1" | tr -d ' '; }
