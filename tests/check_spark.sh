#!/bin/sh
# check_spark.sh: runs examples/cluster/spark_job.py: in one process with two threads, then on a master with two
# workers on this machine, of which one is killed with its executor in mid-job. Each time the rows must be those of a
# plain run, each image once. `make check-spark` installs what it needs (pyspark by pip into build/spark-env, Java by
# apt-get) and runs it. Prints "ok NAME" or "not ok NAME: why" a case.
#   IMAGES=3000   how many    SPARK_ENV=DIR   a Python environment with pyspark, pandas and pyarrow
set -u
tests=$(cd "$(dirname "$0")" && pwd)
cd "$tests/.." || exit 1
# shellcheck source=tests/case.sh
. "$tests/case.sh"
program=$PWD/cvt
job=$PWD/examples/cluster/spark_job.py
model=$tests/data/cvt/tiny
environment=${SPARK_ENV:-$PWD/build/spark-env}
port=17077

install() {
    if ! command -v java >/dev/null 2>&1; then
        apt-get install -y -qq --no-install-recommends openjdk-17-jre-headless || return 1
    fi
    [ -x "$environment/bin/spark-submit" ] || {
        python3 -m venv "$environment" &&
            "$environment/bin/pip" install -q 'pyspark==3.5.8' 'pandas==2.3.3' 'pyarrow==22.0.0'
    }
}
check "Java and pyspark are here" install
[ "$failures" -eq 0 ] || exit 1
export PYSPARK_PYTHON="$environment/bin/python" SPARK_LOCAL_IP=127.0.0.1
SPARK_HOME=$("$environment/bin/python" -c 'import os, pyspark; print(os.path.dirname(pyspark.__file__))')
export SPARK_HOME

mkdir "$work/images"
i=0
while [ $i -lt "${IMAGES:-3000}" ]; do
    case $((i % 7)) in
    0) ln "$tests/data/cli/dog.png" "$work/images/$i" 2>/dev/null || cp "$tests/data/cli/dog.png" "$work/images/$i" ;;
    1) head -c $((i % 700 == 1 ? 100 : 100000)) "$tests/data/cli/cat.jpg" >"$work/images/$i" ;; # some of them are torn
    *) cp "$tests/data/cli/cat.jpg" "$work/images/$i" ;;
    esac
    echo "$work/images/$i"
    i=$((i + 1))
done >"$work/list"
"$program" classify -m "$model" -k 1 -q -f jsonl --files-from "$work/list" >"$work/plain.jsonl" 2>/dev/null
equal "the plain run has a record for each image" "$(lines "$work/plain.jsonl")" "${IMAGES:-3000}"

# same_rows FOLDER: the rows of the Parquet files are the records of the plain run
same_rows() {
    "$environment/bin/python" - "$1" "$work/plain.jsonl" <<'PYTHON'
import json, sys
import pyarrow.parquet as parquet
keys = "path", "ok", "label", "index", "score", "error"
rows = sorted(tuple(row[key] for key in keys) for row in parquet.read_table(sys.argv[1]).to_pylist())
plain = []
for line in open(sys.argv[2]):
    r = json.loads(line)
    best = r["top"][0] if r["ok"] else {}
    error = r.get("error", {}).get("code")
    plain.append((r["path"], r["ok"], best.get("label"), best.get("index"), best.get("score"), error))
plain.sort()
if rows != plain:
    sys.exit(f"{len(rows)} rows, {len(plain)} records, {len(set(rows) ^ set(plain))} differ")
PYTHON
}
submit() { # MASTER OUT PROGRAM
    "$SPARK_HOME/bin/spark-submit" --master "$1" --conf "spark.sql.warehouse.dir=$work/warehouse" "$job" --cvt "$3" \
        --model "$model" --list "$work/list" --out "$2" --partitions 40 >"$2.log" 2>&1
}
check "a job in one process" submit 'local[2]' "$work/local" "$program"
check "its rows are the plain run's" same_rows "$work/local"

# ---- a master and two workers, of which one dies ----

daemon() { # NAME CLASS ARGUMENTS...
    name=$1
    shift
    SPARK_WORKER_DIR=$work/$name setsid "$SPARK_HOME/bin/spark-class" "$@" >"$work/$name.log" 2>&1 &
    eval "$name=\$!"
}
stop_all() {
    for name in master one two; do
        eval "pid=\${$name:-}"
        # each is a group of its own, with its executors
        [ -n "$pid" ] && kill -9 "-$pid" 2>/dev/null
    done
    rm -rf "$work"
}
trap stop_all EXIT
said() { # FILE WORDS: within a minute
    for _ in $(seq 120); do
        grep -q "$2" "$1" 2>/dev/null && return 0
        sleep 0.5
    done
    tail -n 3 "$1"
    return 1
}
at=spark://127.0.0.1:$port
daemon master org.apache.spark.deploy.master.Master --host 127.0.0.1 --port $port --webui-port 0
check "the master starts" said "$work/master.log" 'New state: ALIVE'
for name in one two; do
    daemon $name org.apache.spark.deploy.worker.Worker --host 127.0.0.1 --cores 1 --memory 1g --webui-port 0 "$at"
    check "worker $name starts" said "$work/$name.log" 'Successfully registered with master'
done
# slow enough that there is a middle
printf '#!/bin/sh\nsleep 1\nexec "%s" "$@"\n' "$program" >"$work/slow" && chmod +x "$work/slow"
submit "$at" "$work/cluster" "$work/slow" &
job_process=$!
# in mid-job: some tasks have written, others have not
for _ in $(seq 240); do
    written=$(find "$work/cluster" -name 'part-*' 2>/dev/null | wc -l)
    [ "$written" -ge 5 ] && break
    sleep 0.25
done
# shellcheck disable=SC2154  # daemon sets it
kill -9 "-$one" 2>/dev/null
check "a worker is killed in mid-job" test "$written" -ge 5 -a "$written" -lt 38
wait $job_process
equal "the job ends all the same" "$?" 0
check "its rows are the plain run's, each image once" same_rows "$work/cluster"
check "a worker was lost" grep -qi 'lost executor\|Executor.*lost\|ExecutorLost\|Worker.*removed' "$work/cluster.log"
[ "$failures" -eq 0 ]
