#!/usr/bin/env python3
"""Writes tests/data/formats: small files by the packages that define the formats (numpy, safetensors, torch).

Element i of every float array is i * 0.25 - 3, exact in each float type; of every integer array i - 3 modulo its range.
The C tests compute the same. Needs numpy, torch and safetensors; run from the repository root."""
import json
import os

import numpy as np
import torch
from safetensors.numpy import save_file as save_numpy
from safetensors.torch import save_file as save_torch

FOLDER = "tests/data/formats"


def ramp(*shape):
    return (np.arange(int(np.prod(shape))) * 0.25 - 3).reshape(shape)


def whole(*shape):
    return (np.arange(int(np.prod(shape))) - 3).reshape(shape)


def npy():
    def save(name, array, **how):
        with open(f"{FOLDER}/{name}.npy", "wb") as file:
            np.lib.format.write_array(file, array, **how)

    save("c_f4", ramp(2, 3, 4).astype("<f4"))
    save("c_f8", ramp(2, 3, 4).astype("<f8"))
    save("c_f2", ramp(2, 3, 4).astype("<f2"))
    save("fortran_f4", np.asfortranarray(ramp(2, 3, 4).astype("<f4")))
    save("fortran_f2", np.asfortranarray(ramp(2, 1, 3, 2).astype("<f2")))
    save("version2", ramp(5).astype("<f4"), version=(2, 0))
    save("version3", ramp(5).astype("<f4"), version=(3, 0))
    save("scalar", np.float32(-3))
    save("empty", np.zeros((2, 0, 3), "<f4"))
    save("bytes", (np.arange(18) % 256).astype("u1").reshape(2, 3, 3))
    save("big_endian", ramp(4).astype(">f4"))
    save("integers", whole(4).astype("<i8"))
    save("objects", np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
    save("records", np.zeros(2, dtype=[("x", "<f4"), ("y", "<f4")]))


def safetensors():
    mixed = {
        "f32": torch.from_numpy(ramp(2, 3).astype("float32")),
        "f16": torch.from_numpy(ramp(3, 3).astype("float16")),
        "bf16": torch.from_numpy(ramp(7)).to(torch.bfloat16),
        "f64": torch.from_numpy(ramp(1, 2, 1, 2)),
        "i64": torch.from_numpy(whole(3)),
        "i32": torch.from_numpy(whole(3)).to(torch.int32),
        "i16": torch.from_numpy(whole(3)).to(torch.int16),
        "i8": torch.from_numpy(whole(3)).to(torch.int8),
        "u8": torch.from_numpy(whole(5)[3:].copy()).to(torch.uint8),
        "bool": torch.tensor([True, False, True]),
        "scalar": torch.tensor(-3.0),
        "no elements": torch.zeros(0, 4),
        "dotted.näme": torch.from_numpy(ramp(1).astype("float32")),
    }
    save_torch(mixed, f"{FOLDER}/mixed.safetensors", metadata={"format": "pt", "note": 'a "quoted" \\ line\nand é'})
    save_torch({"w": torch.zeros(4).to(torch.float8_e4m3fn)}, f"{FOLDER}/float8.safetensors")
    save_numpy({"w": np.zeros(2, "uint16")}, f"{FOLDER}/uint16.safetensors")


def shards():
    folder = f"{FOLDER}/sharded"
    os.makedirs(folder, exist_ok=True)
    tensors = {"a": ramp(4).astype("float32"), "b": ramp(2).astype("float32"), "c": ramp(3).astype("float16")}
    names = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    names["c"] = names["b"]
    for file in sorted(set(names.values())):
        part = {name: tensors[name] for name in tensors if names[name] == file}
        save_numpy(part, f"{folder}/{file}", metadata={"format": "pt"})
    index = {"metadata": {"total_size": sum(t.nbytes for t in tensors.values())}, "weight_map": names}
    with open(f"{folder}/model.safetensors.index.json", "w") as file:
        file.write(json.dumps(index, indent=2, sort_keys=True) + "\n")


os.makedirs(FOLDER, exist_ok=True)
npy()
safetensors()
shards()
