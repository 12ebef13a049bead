#!/bin/sh
# sbom.sh: writes to standard output what the program is made of, as CycloneDX 1.5 (https://cyclonedx.org): the program,
# the libraries that `cvt --version --json` names, and their licences. No date and no number of its own: the same build
# gives the same bytes.
#   CVT=./cvt   the program
set -eu
json=$("${CVT:-./cvt}" --version --json)

# value NAME: the string of that name in the object; nothing for null
value() { printf '%s\n' "$json" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

# component TYPE NAME VERSION LICENCE: without the braces around it
component() {
    printf '"type":"%s","bom-ref":"%s@%s","name":"%s","version":"%s","purl":"pkg:generic/%s@%s"' \
        "$1" "$2" "$3" "$2" "$3" "$2" "$3"
    case $4 in
    *' '*) printf ',"licenses":[{"expression":"%s"}]' "$4" ;;
    *) printf ',"licenses":[{"license":{"id":"%s"}}]' "$4" ;;
    esac
}

version=$(value cvt)
commit=$(value git)
printf '{"bomFormat":"CycloneDX","specVersion":"1.5","version":1,\n'
printf '"metadata":{"component":{%s' "$(component application cvt "$version" MIT)"
printf ',"properties":[{"name":"git","value":"%s"},{"name":"compiler","value":"%s"}]}},\n"components":[' \
    "${commit:-unknown}" "$(value compiler)"
comma='' used=''
while read -r name licence; do
    found=$(value "$name")
    [ -n "$found" ] || continue
    printf '%s\n{%s}' "$comma" "$(component library "$name" "$found" "$licence")"
    used="$used$comma\"$name@$found\""
    comma=,
done <<END
libjpeg-turbo IJG AND BSD-3-Clause AND Zlib
libpng libpng-2.0
zlib Zlib
cJSON MIT
libwebp BSD-3-Clause
libheif LGPL-3.0-or-later
libarchive BSD-2-Clause
END
printf '],\n"dependencies":[{"ref":"cvt@%s","dependsOn":[%s]}]}\n' "$version" "$used"
