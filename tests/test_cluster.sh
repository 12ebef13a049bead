#!/bin/sh
# test_cluster.sh - the examples for many machines (examples/cluster), on this one: together their records are those of
# a plain run, and those of a second start too. Spark has a check of its own, check_spark.sh.
# Prints "ok NAME" or "not ok NAME: why" a case. CVT: the program.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$tests")
program=$(realpath "${CVT:-$root/cvt}")
examples=$root/examples/cluster
# shellcheck source=tests/case.sh
. "$tests/case.sh"
cd "$work" || exit 1
export CVT="$program"
model=$tests/data/cvt/tiny

mkdir images
i=0
while [ $i -lt 40 ]; do
    cp "$tests/data/cli/$(if [ $((i % 3)) -eq 0 ]; then echo dog.png; else echo cat.jpg; fi)" images/$i
    echo images/$i
    i=$((i + 1))
done >list
echo images/none >>list
"$program" classify -m "$model" -q -f jsonl --files-from list 2>/dev/null | sort >plain
equal "a plain run has all records" "$(lines plain)" 41

# together FILE...: the records without the headers, sorted
together() { grep -h '"path"' "$@" | sort >records; }

check "xargs.sh" status 0 sh -c "sh '$examples/xargs.sh' '$model' list parts >out 2>err"
together out
same "xargs.sh: the records of a plain run" plain records

if command -v parallel >/dev/null 2>&1 && parallel --version 2>/dev/null | grep -q GNU; then
    check "parallel.sh" status 0 sh "$examples/parallel.sh" "$model" list shards 3
    together shards/*.jsonl
    same "parallel.sh: the records of a plain run" plain records
    rm shards/shard-2.jsonl && sed -i.old '/\t2$/d; $d' shards/joblog
    check "parallel.sh again" status 0 sh "$examples/parallel.sh" "$model" list shards 3
else
    echo "skip parallel.sh: GNU parallel is not here"
fi

# Slurm's part is played by its variables and by an scontrol of ours
mkdir bin && printf '#!/bin/sh\necho "$@" >>"%s/requeued"\n' "$work" >bin/scontrol && chmod +x bin/scontrol
task() { # NUMBER LIST: in place of this shell
    PATH=$work/bin:$PATH exec env SLURM_ARRAY_JOB_ID=7 SLURM_ARRAY_TASK_ID="$1" SLURM_ARRAY_TASK_MAX=2 \
        SLURM_CPUS_PER_TASK=1 sh "$examples/slurm.sh" "$model" "$2" slurm
}
whole_task() { (task "$@"); }
for i in 1 2; do check "slurm.sh, task $i" status 0 whole_task $i list; done
together slurm/*.jsonl
same "slurm.sh: the records of a plain run" plain records
mkfifo slow
{ head -n 20 list && sleep 60; } >slow &
feeder=$!
rm -r slurm
# a list that has not ended: the time limit comes first
task 1 slow >out 2>&1 &
job=$!
for _ in $(seq 100); do
    if [ -s slurm/shard-1.jsonl.partial ]; then break; fi
    sleep 0.1
done
kill -TERM $job
wait $job
equal "slurm.sh ends well before the time limit" "$?" 0
kill $feeder 2>/dev/null
equal "and asks to be queued again" "$(cat requeued)" 'requeue 7_1'
for i in 1 2; do check "then task $i goes on" status 0 whole_task $i list; done
together slurm/*.jsonl
same "and the records are those of a plain run" plain records

if "$program" --version | grep -q '^tar: none'; then
    echo "skip webdataset.sh: this program was built without libarchive"
else
    tar cf a.tar images/1 images/2 images/3 && tar cf b.tar images/4 images/5
    check "webdataset.sh" status 0 sh "$examples/webdataset.sh" "$model" tars a.tar b.tar
    together tars/*.jsonl
    grep -E '"images/[1-5]"' plain >five
    same "webdataset.sh: the records of a plain run" five records
    # shellcheck disable=SC2016  # the script's shell expands it
    check "webdataset.sh tells a shard that cannot be read" status 1 env READ='false "$1"' sh "$examples/webdataset.sh" \
        "$model" broken a.tar
fi
[ "$failures" -eq 0 ]
