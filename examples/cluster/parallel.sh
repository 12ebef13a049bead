#!/bin/sh
# parallel.sh - shards of one list by GNU parallel, on this machine or on several by ssh:
#     parallel.sh MODEL LIST OUT SHARDS
# --shard I/N lets each job take its own part of the same list. Run it again after a failure: --resume-failed starts the
# jobs that did not end well, and --resume within them keeps every record that was written. CVT names the program;
# SSHLOGIN=host1,host2 (with a shared folder) spreads the jobs.
set -eu
if [ $# -eq 5 ]; then # one job: parallel calls the script itself so. Status 1, some images failed, is no failure of it
    "${CVT:-cvt}" classify -m "$1" -t 1 -j 1 -q -f jsonl --header --resume -o "$3/shard-$5.jsonl" --shard "$5/$4" \
        --files-from "$2" || [ $? -eq 1 ]
    exit
fi
[ $# -eq 4 ] || { echo "usage: parallel.sh MODEL LIST OUT SHARDS" >&2; exit 2; }
mkdir -p "$3"
export CVT="${CVT:-cvt}"
# shellcheck disable=SC2086
seq "$4" | parallel ${SSHLOGIN:+--sshlogin "$SSHLOGIN"} --env CVT --joblog "$3/joblog" --resume-failed \
    sh "$(realpath "$0")" "$1" "$2" "$3" "$4" "{}"
