#!/bin/sh
# mutants.sh [TEST...] - tests the tests. It runs the shell tests that are named, or all that use the program, with a
# stub in place of the program: one stub does nothing and succeeds, one fails, one dies, one prints the same line
# whatever it is asked. A case that passes with a stub can hardly fail. Prints "ok TEST with STUB" or "not ok TEST with
# STUB: the cases". It takes some minutes and is not part of `make check`: run it after a change to shell tests.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
cd "$tests/.." || exit 1
# shellcheck source=tests/case.sh
. "$tests/case.sh"

stub() { # NAME LINE...
    printf '#!/bin/sh\n' >"$work/$1"
    name=$1
    shift
    printf '%s\n' "$@" >>"$work/$name"
    chmod +x "$work/$name"
}
stub nothing 'exit 0'
stub failure 'exit 1'
# shellcheck disable=SC2016 # the stub's own
stub death 'kill -SEGV $$'
stub parrot "echo 'cvt: something is wrong' >&2" 'exit 3'

# harmless TEST STUB: an expression for the cases that may pass: those that do not look at the program, and, of a program
# that does nothing and succeeds, those that ask for no more than that. Other cases then look at what was to be written.
harmless() {
    case $1,$2 in
    test_cli,nothing) more='|preprocess|preprocess --stop|convert|status 0 no input|streams nobody reads: .*|run|run taps|run one tap|convert over itself' ;;
    *) more= ;;
    esac
    case $1 in
    test_cli) echo "^ok (tables [a-z-]*\.[135] is clean|examples (are|of the help are) found|examples libcvt\.3.*$more)\$" ;;
    test_completion) echo '^ok (a model|bash runs nothing that a name says)$' ;;
    test_configs) echo '^ok .* is among them$' ;;
    test_embed) echo '^ok (nothing half-written stays|embed: status, nothing said)$' ;;
    test_pack) echo '^ok there are committed cases$' ;;
    test_precision) echo '^ok (there are committed cases|int8 weights (under native|go back to foreign) names.*)$' ;;
    test_classify) echo "^ok (mixed inputs: (status|messages with '.*')|a long list: status|no inputs)\$" ;;
    *) echo '^$' ;;
    esac
}

[ $# -gt 0 ] || set -- attend classify cli completion configs embed models network pack precision
for test; do
    test=test_${test#test_}
    for stub in nothing failure death parrot; do
        CVT=$work/$stub CVT_BUILD=release CVT_BIN=$PWD/build CVT_TEST_MODEL=$PWD/tests/data/cvt/tiny \
            timeout 600 sh "tests/$test.sh" >"$work/out" 2>"$work/err"
        ended=$?
        passed=$(grep '^ok' "$work/out" | grep -vE "$(harmless "$test" "$stub")")
        if [ $ended -eq 0 ]; then
            fail "$test with $stub" "it ended with status 0"
        elif [ -n "$passed" ]; then
            fail "$test with $stub" "$(echo "$passed" | wc -l) pass: $(echo "$passed" | head -n 4)"
        else
            pass "$test with $stub"
        fi
    done
done
[ "$failures" -eq 0 ]
