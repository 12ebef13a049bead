#!/bin/sh
# test_sbom.sh - cvt --version --json says what cvt --version says, and examples/packages/sbom.sh what that says.
# Prints "ok NAME" or "not ok NAME: why" a case.
# CVT: the program.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$tests")
program=$(realpath "${CVT:-$root/cvt}")
# shellcheck source=tests/case.sh
. "$tests/case.sh"
cd "$work" || exit 1

"$program" --version >text
"$program" --version --json >json
equal "one line" "$(lines json)" 1
value() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" json; }
equal "the version" "$(value cvt)" "$(sed -n '1s/cvt \([0-9.]*\) .*/\1/p' text)"
equal "the commit" "$(value git)" "$(sed -n '1s/.*(git \(.*\))/\1/p' text | grep -v unknown)"
equal "the kernels" "$(value kernels)" "$(sed -n 's/^kernels: //p' text)"
for name in libjpeg-turbo libpng zlib cJSON libwebp libheif libarchive; do
    equal "$name" "$(value $name)" "$(sed -n "s/.*$name \([0-9][0-9.]*\).*/\1/p" text)"
done
check "--json alone" refuses 2 "option '--json' is for --version" "$program" --json

CVT=$program sh "$root/examples/packages/sbom.sh" >one.json
CVT=$program sh "$root/examples/packages/sbom.sh" >two.json
same "the same bytes each time" one.json two.json
equal "a component for each library" "$(grep -c '"type":"library"' one.json)" \
    "$(grep -oE '"(libjpeg-turbo|libpng|zlib|cJSON|libwebp|libheif|libarchive)":"' json | wc -l | tr -d ' ')"
for name in libpng zlib; do
    check "$name in the list" grep -qF "\"name\":\"$name\",\"version\":\"$(value $name)\"" one.json
done
if command -v python3 >/dev/null 2>&1; then
    check "both are JSON" python3 -c 'import json, sys
for name in sys.argv[1:]: json.load(open(name, encoding="utf-8"))' json one.json
else
    echo "skip both are JSON: no python3 here"
fi
[ "$failures" -eq 0 ]
