#!/usr/bin/env python3
"""oracle2native.py CASE OUT - turns a directory that an oracle wrote into a model directory of cvt.

CASE holds config.json, weights.safetensors, input.npy, expected.npy, perhaps expected64.npy, and intermediates (in
inter/ or beside the others), as the scripts of the oracle folder write them. OUT (created) gets

  config.json          the native dialect, see cvt-config(5)
  weights.safetensors  a copy: the tensors keep their upstream names (of a layer by itself, which has none, native ones)
  x.npy                the input, NCHW, f32; x2.npy ...: further ones
  expected.npy         the logits; expected64.npy: of the float64 run, where the case has one
  taps/TAP.npy         every intermediate under cvt's name of it, in cvt's layout: maps [N,C,H,W], tokens [N,T,C]
  taps.json            {TAP: file it comes from}

so that `cvt run -m OUT -i OUT/x.npy -o RESULT --tap all` can be compared with it file by file. Needs numpy and nothing
else. A family is a module in families/.

  -q  print nothing      --check  convert nothing, say only whether the case is understood
"""
import argparse
import json
import os
import shutil
import sys

import numpy as np

from families import ARCHS, BARE
from families.case import Case, Refused, write_tensors


def read(path):
    case = Case(path, BARE)
    arch = case.config.get("arch")
    if case.config.get("model_type") in ARCHS:  # one script runs several families of Hugging Face
        arch = case.config["model_type"]
    if arch not in ARCHS:
        raise Refused(f"{path}: arch is {arch!r}; known are {', '.join(ARCHS)}")
    config, taps = ARCHS[arch](case)
    if case.x.ndim != 4:
        raise Refused(f"{path}: the input has shape {case.x.shape}, which has not four axes")
    return case, config, taps


def save(path, array, dtype):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    np.save(path, np.ascontiguousarray(array, dtype=dtype))


def write(case, config, taps, out):
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(out, "config.json"), "w", encoding="utf-8") as f:
        lines = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in config.items())
        f.write("{\n" + lines + "\n}\n")
    weights = os.path.join(out, "weights.safetensors")
    if case.tensors is None:
        shutil.copyfile(case.weights, weights)
    else:
        write_tensors(weights, case.tensors)
    save(os.path.join(out, "x.npy"), case.x, np.float32)
    for i, more in enumerate(case.more):
        save(os.path.join(out, f"x{i + 2}.npy"), more, np.float32)
    save(os.path.join(out, "expected.npy"), case.array("expected.npy"), np.float32)
    if os.path.isfile(os.path.join(case.path, "expected64.npy")) or "expected64.npy" in case.given:
        save(os.path.join(out, "expected64.npy"), case.array("expected64.npy"), np.float64)
    for tap, (data, _) in taps.items():
        save(os.path.join(out, "taps", tap + ".npy"), data, np.float32)
    with open(os.path.join(out, "taps.json"), "w", encoding="utf-8") as f:
        json.dump({tap: file for tap, (_, file) in taps.items()}, f, indent=1)
        f.write("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", metavar="CASE")
    parser.add_argument("out", metavar="OUT", nargs="?")
    parser.add_argument("-q", "--quiet", action="store_true")
    parser.add_argument("--check", action="store_true")
    a = parser.parse_args()
    if not a.check and not a.out:
        parser.error("OUT is missing")
    try:
        case, config, taps = read(a.case)
        if not a.check:
            write(case, config, taps, a.out)
    except (Refused, OSError, ValueError, KeyError, IndexError) as e:
        sys.exit(f"oracle2native.py: {a.case}: {e}" if not isinstance(e, Refused) else f"oracle2native.py: {e}")
    if not a.quiet:
        arch = config.get("arch", config.get("model_type"))
        print(f"{a.out or a.case}: {arch}, input {list(case.x.shape)}, {len(taps)} taps")


if __name__ == "__main__":
    main()
