#!/bin/sh
# coprocess.sh - one `cvt classify` that lives as long as the script and answers picture by picture:
#     coprocess.sh MODEL PICTURE...
# The model is loaded once. A path goes in as a line, a record (JSON) comes out as a line, for a picture that cannot be
# read too. CVT names the program.
set -eu
cvt=${CVT:-cvt}
[ $# -ge 2 ] || { echo "usage: coprocess.sh MODEL PICTURE..." >&2; exit 2; }
model=$1
shift

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap '' PIPE # a cvt that has ended is told by an error of printf
mkfifo "$folder/questions" "$folder/answers"
"$cvt" classify -m "$model" -k 1 -f jsonl --files-from - <"$folder/questions" >"$folder/answers" &
exec 3>"$folder/questions" 4<"$folder/answers"

for picture in "$@"; do
    printf '%s\n' "$picture" >&3
    read -r record <&4 || { echo "cvt has ended" >&2; exit 1; }
    printf 'asked for %s: %s\n' "$picture" "$record"
done

exec 3>&- # the end of the questions ends cvt
wait $! || true # its status is 1 if a picture could not be read; the record has told
