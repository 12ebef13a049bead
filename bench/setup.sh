#!/bin/sh
# setup.sh DIR: a virtual environment in DIR with every peer (about 2.5 GB with the CPU build of torch).
# PYTHON names the interpreter (3.11 or later); pip's own settings (PIP_INDEX_URL, PIP_EXTRA_INDEX_URL,
# PIP_FIND_LINKS ...) say where packages come from. Point them at a CPU build of torch.
set -eu
[ $# = 1 ] || { echo "usage: setup.sh DIR" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)

"${PYTHON:-python3}" -m venv "$1"
"$1/bin/python" -m pip install -q -r "$here/requirements.txt"
site=$("$1/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
cp "$here/tvfix.py" "$site/"
"$1/bin/python" -c '
import tvfix, torch, transformers, timm, onnxruntime, openvino, nncf
for m in (torch, transformers, timm, onnxruntime, openvino, nncf):
    print(m.__name__, m.__version__)'
