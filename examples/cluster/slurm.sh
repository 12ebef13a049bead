#!/bin/sh
#SBATCH --job-name=cvt
#SBATCH --array=1-16
#SBATCH --cpus-per-task=4
#SBATCH --mem=2G
#SBATCH --time=04:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:TERM@120
# slurm.sh - a list as an array of jobs:
#     sbatch slurm.sh MODEL LIST OUT
# Each task takes its shard of the same list. Two minutes before the time limit Slurm sends SIGTERM to this script: cvt
# ends the record in hand, and the task asks to be queued again; then --resume goes on behind the last record. A task that
# a node's failure ends is queued again by --requeue, with the same effect. CVT names the program.
set -u
[ $# -eq 3 ] || { echo "usage: sbatch slurm.sh MODEL LIST OUT" >&2; exit 2; }
shard=${SLURM_ARRAY_TASK_ID:?run it by sbatch} shards=${SLURM_ARRAY_TASK_MAX:-$SLURM_ARRAY_TASK_ID}
mkdir -p "$3"

stopped=
"${CVT:-cvt}" classify -m "$1" -j "${SLURM_CPUS_PER_TASK:-1}" -t 1 -f jsonl --header --resume -o "$3/shard-$shard.jsonl" \
    --shard "$shard/$shards" --files-from "$2" &
child=$!
trap 'stopped=1; kill -TERM $child' TERM
wait $child
status=$?
if [ "$stopped" ]; then
    wait $child # the first wait was ended by the signal
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_$shard"
    exit 0
fi
[ $status -le 1 ] # 1: some images failed, and their records say so
