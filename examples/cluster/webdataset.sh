#!/bin/sh
# webdataset.sh - tar shards from wherever a command can read them, never unpacked to disk:
#     webdataset.sh MODEL OUT SHARD.tar...
# READ is the command that writes a shard to its output: `cat` here, `aws s3 cp "$1" -`, `curl -sf "$1"` or
# `zstd -dc "$1"` elsewhere. A shard that could be read only in part is told by the status of READ. CVT names the program.
set -eu
[ $# -ge 3 ] || { echo "usage: webdataset.sh MODEL OUT SHARD.tar..." >&2; exit 2; }
model=$1 out=$2
shift 2
mkdir -p "$out"
failed=0
for shard in "$@"; do
    records=$out/$(basename "$shard" .tar).jsonl
    # shellcheck disable=SC2016  # the shell of READ expands it
    status=$({ { sh -c "${READ:-cat \"\$1\"}" read "$shard" || echo read >&3; } |
        "${CVT:-cvt}" classify -m "$model" -q -f jsonl --header --resume -o "$records" --tar - >&2 ||
        echo $? >&3; } 3>&1)
    # 1: some images failed, and their records say so
    case $status in '' | 1) ;; *) echo "webdataset.sh: $shard: $status" >&2 && failed=1 ;; esac
done
exit $failed
