# shellcheck shell=sh disable=SC2154  # $tests and $program are those of the test
# case.sh - what shell tests share; they read it by `.` at their beginning. It makes a folder for the test alone,
# $work, removes the caller's settings, and has functions for cases, which print "ok NAME" or "not ok NAME: why" and
# are counted in $passes and $failures. The test sets $tests, the folder of this file, and $program where a function
# needs it.
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
unset CVT_MODEL CVT_MODEL_PATH CVT_THREADS CVT_ISA OMP_NUM_THREADS
export LC_ALL=C
passes=0
failures=0

pass() {
    echo "ok $1"
    passes=$((passes + 1))
}
fail() { # NAME WHY
    echo "not ok $1: $(echo "$2" | head -c 300 | tr '\n' ' ')"
    failures=$((failures + 1))
}

# check NAME COMMAND...: the command succeeds; what it prints is the reason if it does not. Never write `! COMMAND`: that
# also holds when the program dies. Say which status is expected (`status 3 COMMAND`), or what is (`differ`, `refuses`).
check() {
    name=$1
    shift
    if why=$("$@" 2>&1 </dev/null); then pass "$name"; else fail "$name" "$(echo "$why" | head -n 1)"; fi
}

equal() { # NAME GOT WANT
    if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "got $2, want $3"; fi
}
same() { # NAME FILE FILE
    if [ -s "$2" ] && cmp -s "$2" "$3"; then pass "$1"; else fail "$1" "$2 and $3 differ or are empty"; fi
}
lines() { wc -l <"$1" | tr -d ' '; }

# status N COMMAND...: the command ends with exactly this status
status() {
    wanted_status=$1
    shift
    "$@"
    got_status=$?
    [ "$got_status" -eq "$wanted_status" ] || { echo "status $got_status instead of $wanted_status" && return 1; }
}

# refused_by RUN MADE NAME STATUS MESSAGE ARGUMENT...: the function RUN, which leaves what the program prints in out and err
# and its exit status in $status, ends so with this one line, prints nothing and makes no file MADE
refused_by() {
    run=$1 made=$2 name=$3 wanted=$4 message=$5
    shift 5
    "$run" "$@"
    if [ "$status" -ne "$wanted" ]; then fail "$name" "status $status: $(cat err)"
    elif [ "$(lines err)" -ne 1 ] || ! grep -qE "^cvt: $message\$" err; then fail "$name" "$(cat err)"
    elif [ -s out ] || [ -n "$(find . -maxdepth 1 -name "$made*")" ]; then fail "$name" "it wrote something"
    else pass "$name"; fi
}

# differ FILE FILE: both are there and hold something, but not the same
differ() { [ -s "$1" ] && [ -s "$2" ] && status 1 cmp -s "$1" "$2"; }

# make_pictures: nine different ones in good/, eight the same JPEG in each orientation; byte 49 is where its EXIF block
# says which
make_pictures() {
    mkdir good
    for o in 1 2 3 4 5 6 7 8; do
        cp "$tests/data/cli/cat.jpg" good/$o.jpg
        # shellcheck disable=SC2059 # an octal escape is made
        printf "\\$(printf '%03o' $o)" | dd of=good/$o.jpg bs=1 seek=49 conv=notrunc 2>/dev/null
    done
    cp "$tests/data/cli/dog.png" good/9.png
}

# make_pets: after make_pictures, pets/ with a folder for each of two labels, and model/ whose labels have them
make_pets() {
    mkdir -p pets/cat pets/dog
    cp good/1.jpg good/3.jpg pets/cat
    cp good/9.png pets/dog/1.png
    cp good/9.png pets/dog/2.png && echo >>pets/dog/2.png
    cp -r "$tests/data/cvt/tiny" model
    printf '%s\n' zero one two three cat five six seven dog nine >model/labels.txt
}

# find_isas: $isas, the names of the instruction sets that can run here, as the program lists them. What a test then does
# for each of them it would do for none where the list is empty or has words that are none: that is a failure.
find_isas() {
    isas=$(CVT_ISA=none "$program" --version 2>&1 | sed -n 's/.*this machine runs //p' | tr -d ,)
    check "the program names the instruction sets of this machine" known_isas
}
known_isas() {
    case " $isas " in *" ref "*) ;; *) echo "no ref among '$isas'" && return 1 ;; esac
    for isa in $isas; do CVT_ISA=$isa "$program" --version >/dev/null || return 1; done
}

# find_cases: $cases, the folders of the committed cases; of the sanitized build, where each takes long, the first of each
# family. It is a failure if there are none.
find_cases() {
    cases=
    for family in "$tests"/data/*; do
        for input in "$family"/*/x.npy; do
            if [ -e "$input" ]; then cases="$cases $(dirname "$input")"; fi
            if [ "${CVT_BUILD:-}" = sanitized ]; then break; fi
        done
    done
    check "there are committed cases" test -n "$cases"
}

# result_of MODEL CASE OUT [OPTION]...: one pass over the case's input
result_of() {
    from=$1 inputs=$2 out=$3
    shift 3
    for input in "$inputs"/x.npy "$inputs"/x[2-9].npy; do
        if [ -e "$input" ]; then set -- "$@" -i "$input"; fi
    done
    rm -rf "$out" && "$program" run -m "$from" -o "$out" "$@"
}

# bytes OUT OUT: two such folders hold the same result
bytes() { cmp "$1/output.npy" "$2/output.npy"; }

# refuses STATUS TEXT COMMAND...: this status, and one line on standard error that holds the text
refuses() {
    want=$1 text=$2
    shift 2
    "$@" >"$work/out" 2>"$work/err"
    status=$?
    [ "$status" -eq "$want" ] && [ "$(lines "$work/err")" -eq 1 ] && grep -qF -e "$text" "$work/err" && return 0
    echo "status $status, $(cat "$work/err")"
    return 1
}

# refused TEXT CONFIG: $program ends with status 3, nothing on standard output, one line that holds the text
refused() {
    printf '%s\n' "$2" >"$work/wrong.json"
    refuses 3 "$1" "$program" summary -c "$work/wrong.json" || return 1
    [ ! -s "$work/out" ] || { echo "something on standard output" && return 1; }
}

matches() { # TEXT PATTERN
    # shellcheck disable=SC2254 # a pattern is wanted
    case $1 in $2) return 0 ;; *) return 1 ;; esac
}

# verdict NAME STATUS OUT ERR GOT: what a command has left in $work/out and $work/err against patterns
verdict() {
    out=$(tr -d '\0' <"$work/out") err=$(cat "$work/err")
    if [ "$5" -ne "$2" ]; then
        fail "$1" "status $5 instead of $2, $err"
    elif ! matches "$out" "$3"; then
        fail "$1" "standard output is '$(echo "$out" | head -c 300)'"
    elif ! matches "$err" "$4"; then
        fail "$1" "standard error is '$err'"
    elif [ "$2" -ne 0 ] && [ "$(wc -l <"$work/err")" -gt 1 ]; then
        fail "$1" "more than one line on standard error"
    else
        pass "$1"
    fi
}

# expect NAME STATUS OUT ERR COMMAND...: exit status and patterns for the two streams
expect() {
    expected_name=$1 expected_status=$2 expected_out=$3 expected_err=$4
    shift 4
    "$@" </dev/null >"$work/out" 2>"$work/err"
    verdict "$expected_name" "$expected_status" "$expected_out" "$expected_err" $?
}
