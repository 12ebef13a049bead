#!/bin/sh
# setup.sh DIR - makes DIR, a Python environment in which every script here runs: the original programs, and beside the
# scripts the folders of older versions (cvx_*, vp_*, xt_*) that have other names or layouts of the weights. About 1 GB.
# Then: make oracle PYTHON=DIR/bin/python
#   PYTHON=python3  the interpreter, 3.11 or later. pip's own settings say where packages come from.
set -eu
dir=${1:?usage: setup.sh DIR}
here=$(cd "$(dirname "$0")" && pwd)

"${PYTHON:-python3}" -m venv "$dir"
install() { "$dir/bin/python" -m pip install -q --disable-pip-version-check "$@"; }
install -r "$here/requirements.txt"
install --no-deps comvex==0.4.0
site=$("$dir/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
cp "$here/../../bench/tvfix.py" "$site/"
for version in 0.1.0 0.2.3 0.3.0; do install --no-deps --upgrade --target "$here/cvx_$version" "comvex==$version"; done
for version in 0.35.8 1.0.2 1.4.5; do install --no-deps --upgrade --target "$here/vp_$version" "vit-pytorch==$version"; done
install --no-deps --upgrade --target "$here/xt_0.31.0" x-transformers==0.31.0
"$dir/bin/python" -c 'import tvfix, torch, timm, transformers; print("ready: torch", torch.__version__)'
