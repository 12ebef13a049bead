#!/bin/sh
# run.sh - from nothing to the model, and on from wherever it was. Needs Debian 12, root for apt-get, Python 3.11, npm.
#
#     training/run.sh WORK [NAME [OPTION-OF-TRAIN.PY]...]
#
# WORK (20 GB) gets everything: the Python environment, fonts, words, shards of lines and runs. Drawing and training go
# on side by side at the lowest priority. `touch WORK/STOP` ends both, training after a checkpoint; the same command goes
# on (it takes STOP away).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$1
name=${2:-a}
shift "$(($# < 2 ? $# : 2))"
mkdir -p "$work"
work=$(cd "$work" && pwd)
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 DEBIAN_FRONTEND=noninteractive
python=$work/venv/bin/python

if [ ! -e "$work/installed" ]; then
    grep -v '^#' "$here/packages.txt" | xargs apt-get install -y --no-install-recommends >"$work/apt.log"
    mkdir -p "$work/npm"
    cp "$here/package.json" "$work/npm/"
    (cd "$work/npm" && npm install --ignore-scripts --no-audit --no-fund >npm.log)
    "${PYTHON:-python3}" -m venv "$work/venv"
    "$work/venv/bin/pip" install -q -r "$here/requirements.txt"
    touch "$work/installed"
fi
[ -e "$work/words.json" ] || "$python" "$here/words.py" "$work/words.json"
[ -e "$work/fonts.json" ] ||
    "$python" "$here/fonts.py" "$work/fonts.json" /usr/share/fonts "$work/npm/node_modules" "$work/venv/lib"
[ -e "$work/photos.npz" ] || "$python" "$here/photos.py" "$work/photos.npz" /usr/share/backgrounds
"$python" "$here/check_sources.py" "$work"

rm -f "$work/STOP"
draw() { # SIDE COUNT
    nice -n 19 "$python" "$here/make_data.py" "$work" --side "$1" --count "$2" --lines 2048 >>"$work/draw-$1.log" 2>&1 &
}
draw test 6
draw known 4
draw train "${SHARDS:-300}"
nice -n 19 "$python" "$here/train.py" "$work" "$name" --least 20000 "$@" >>"$work/$name.log" 2>&1 &
wait
