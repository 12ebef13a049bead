#!/usr/bin/env python3
"""Makes tests/data/rollout: what `cvt attend --rollout` must give for models whose layers have fewer keys than tokens.

The attention maps are those of transformers, taken behind its softmax. For each layer the whole matrix over its tokens is
written out, A = (mean over heads with keys spread over tokens + I) / 2, and multiplied, in float64. From which tokens a
key is made is asked of the model's own convolutions and pools: each token is set by itself, with weights of one, and the
keys that see it are those that are made from it. So nothing of this is known from the program's own sources.

    make_rollout.py      needs torch, transformers, Pillow, and ./cvt for the tensor of the image, which
                         test_image.c compares with the image processors
"""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import AutoModelForImageClassification, PvtV2Config, PvtV2ForImageClassification

here = os.path.dirname(os.path.abspath(__file__))
data = os.path.join(here, "data")
cvt = os.environ.get("CVT", os.path.join(here, "..", "cvt"))
image = os.path.join(data, "images", "jpeg_portrait.jpg")


def hub(case):
    return AutoModelForImageClassification.from_pretrained(os.path.join(data, case))


def linear(case):
    """A case whose config is native: its keys are those of transformers, but for three."""
    config = json.load(open(os.path.join(data, case, "config.json")))
    for key in ("arch", "input_size"):
        config.pop(key)
    model = PvtV2ForImageClassification(PvtV2Config(**config))
    model.load_state_dict(load_file(os.path.join(data, case, "weights.safetensors")))
    return model


def spread(reduce, height, width):
    """[keys, tokens]: each key's row is even over the tokens that it is made from. reduce: a map to a smaller map."""
    cells = torch.eye(height * width).reshape(height * width, 1, height, width)
    seen = (reduce(cells).reshape(height * width, -1) > 0).T.double()
    return seen / seen.sum(1, keepdim=True)


def ones(conv):
    """The convolution with weights of one, on one channel."""
    weight = torch.ones(1, 1, *conv.kernel_size)
    return lambda x: torch.nn.functional.conv2d(x, weight, stride=conv.stride, padding=conv.padding)


def with_class(s):
    """The class token, in front, is a key and a token."""
    out = torch.zeros(s.shape[0] + 1, s.shape[1] + 1, dtype=torch.float64)
    out[0, 0] = 1
    out[1:, 1:] = s
    return out


def layers_of_cvt(model):
    """The attentions of the last stage, and how each reduces its keys."""
    stage = model.cvt.encoder.stages[-1]
    return [(block.attention.attention.dropout,
             ones(block.attention.attention.convolution_projection_key.convolution_projection.convolution))
            for block in stage.layers]


def layers_of_pvt(model, stage):
    return [(block.attention.self.dropout, ones(block.attention.self.sequence_reduction))
            for block in model.pvt.encoder.block[stage]]


def layers_of_linear(model, stage):
    pool = torch.nn.functional.adaptive_avg_pool2d
    return [(block.attention.attn_drop, lambda x: pool(x, 7)) for block in model.pvt_v2.encoder.layers[stage].blocks]


def rollout(case, model, layers, size, has_class):
    maps = {}
    for i, (dropout, _) in enumerate(layers):
        dropout.register_forward_hook(lambda m, x, y, i=i: maps.__setitem__(i, x[0].double()))
    with tempfile.TemporaryDirectory() as work:
        x = os.path.join(work, "x.npy")
        subprocess.run([cvt, "preprocess", "-m", os.path.join(data, case), image, "-o", x], check=True)
        pixels = torch.from_numpy(np.load(x))
    with torch.no_grad():
        model.eval()(pixel_values=pixels)
    product = None
    for i, (_, reduce) in enumerate(layers):
        attention = maps[i][0].mean(0)
        tokens = attention.shape[0]
        cells = spread(reduce, size, size)
        assert tokens == size * size + has_class
        a = attention @ (with_class(cells) if has_class else cells)
        a = (a + torch.eye(tokens, dtype=torch.float64)) / 2
        a = a / a.sum(1, keepdim=True)
        product = a if product is None else a @ product
    row = product[0, 1:] if has_class else product.mean(0)
    out = row.reshape(size, size).numpy().astype("<f4")
    path = os.path.join(data, "rollout", case.replace("/", "_") + ".npy")
    np.save(path, out)
    print(path, out.shape, out.sum())


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    m = hub("cvt/hub_f32")
    rollout("cvt/hub_f32", m, layers_of_cvt(m), 14, True)
    m = hub("pvt/hub")
    rollout("pvt/hub", m, layers_of_pvt(m, 2), 4, False)
    m = linear("pvt_v2/hf_li")
    rollout("pvt_v2/hf_li", m, layers_of_linear(m, 0), 16, False)
