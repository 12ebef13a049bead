#!/usr/bin/env python3
"""make_lines.py - a small CvT that reads lines of text, images of lines and pages, and what it must answer for them.

    make_lines.py tests/data/lines

The answers come from transformers and Pillow: a line is resized to the height of the input, cut into windows, and the
logarithms of the shares of all windows are averaged. The lines of a page are cut here at the places where they were
drawn, with the margins that the manual tells.
"""

import json
import math
import os
import sys

import numpy as np
import torch
from PIL import Image, ImageDraw
from transformers import CvtConfig, CvtForImageClassification

HEIGHT, WIDTH, CLASSES, MAX_WINDOWS = 32, 64, 5, 32


def make_model(out):
    torch.manual_seed(16)
    config = CvtConfig(
        num_channels=1,
        patch_sizes=[7, 3],
        patch_stride=[4, 2],
        patch_padding=[3, 1],
        embed_dim=[8, 16],
        num_heads=[1, 2],
        depth=[1, 2],
        mlp_ratio=[2.0, 2.0],
        attention_drop_rate=[0.0, 0.0],
        drop_rate=[0.0, 0.0],
        drop_path_rate=[0.0, 0.0],
        qkv_bias=[True, True],
        cls_token=[False, True],
        qkv_projection_method=["dw_bn", "dw_bn"],
        kernel_qkv=[3, 3],
        padding_kv=[1, 1],
        stride_kv=[2, 2],
        padding_q=[1, 1],
        stride_q=[1, 1],
        num_labels=CLASSES,
    )
    model = CvtForImageClassification(config).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn_like(p) * (0.9 if p.ndim > 1 else 0.5))
        model.cvt.encoder.stages[1].cls_token.mul_(0.1)  # so that the answer depends on the image
        for m in model.modules():
            if isinstance(m, torch.nn.BatchNorm2d):
                m.running_mean.normal_(0, 0.3)
                m.running_var.uniform_(0.5, 2)
    model.save_pretrained(out)
    recipe = {
        "preprocess": {
            "input_size": [1, HEIGHT, WIDTH],
            "crop_mode": "windows",
            "interpolation": "bicubic",
            "mean": 0.5,
            "std": 0.5,
        }
    }
    with open(os.path.join(out, "preprocessor_config.json"), "w") as f:
        json.dump(recipe, f)
    return model


def windows(image):
    """The windows of a line, [n, HEIGHT, WIDTH] of 0 to 255."""
    w, h = image.size
    full = max(1, round(w * HEIGHT / h))
    a = np.asarray(image.convert("L").resize((full, HEIGHT), Image.BICUBIC))
    if full <= WIDTH:
        left = (WIDTH - full) // 2
        out = np.full((HEIGHT, WIDTH), 128, np.uint8)
        out[:, left : left + full] = a
        return out[None]
    n = min(MAX_WINDOWS, math.ceil(full / WIDTH))
    return np.stack([a[:, x : x + WIDTH] for x in ((full - WIDTH) * i // (n - 1) for i in range(n))])


def answer(model, lines):
    """The mean of the logarithms of the shares over all windows of all lines, as shares again."""
    x = np.concatenate([windows(line) for line in lines]).astype(np.float64)
    with torch.no_grad():
        z = model.double()(pixel_values=torch.from_numpy((x / 255 - 0.5) / 0.5)[:, None]).logits
    mean = torch.log_softmax(z, 1).mean(0)
    return torch.softmax(mean, 0).tolist(), len(x)


def letters(draw, x, y, width, height, rng, ink):
    """Something like a line of text of exactly this box."""
    at = x
    while at < x + width - 1:
        w = int(min(rng.integers(3, 9), x + width - at))
        draw.rectangle((at, y, at + 1, y + height - 1), fill=ink)  # a stem
        bar = y + int(rng.integers(0, height - 2))
        draw.rectangle((at, bar, at + w - 1, bar + 1), fill=ink)
        at += w + 2
    draw.rectangle((x + width - 2, y, x + width - 1, y + height - 1), fill=ink)


def line_image(width, height, rng, ink=30, paper=230):
    image = Image.new("L", (width, height), paper)
    letters(ImageDraw.Draw(image), 3, height // 6, width - 6, height - height // 3, rng, ink)
    return image


def page_image(boxes, rng, ink, paper, size=(420, 300)):
    """A page with lines at these boxes (x, y, width, height), a picture and dirt; accents above the second line."""
    image = Image.new("L", size, paper)
    draw = ImageDraw.Draw(image)
    for x, y, w, h in boxes:
        letters(draw, x, y, w, h, rng, ink)
    x, y, w, h = boxes[1]
    for i in range(4):
        draw.rectangle((x + 10 + 30 * i, y - 5, x + 13 + 30 * i, y - 4), fill=ink)  # two rows of dots, two rows above
    draw.rectangle((30, 190, 200, 280), fill=ink)  # a picture
    draw.rectangle((300, 175, 303, 177), fill=ink)  # dirt
    return image


def cut(image, box):
    """The line of a box with an eighth of its height above and below and a quarter at its ends."""
    x, y, w, h = box
    dy, dx = (h + 4) // 8, (h + 2) // 4
    return image.crop((max(0, x - dx), max(0, y - dy), min(image.size[0], x + w + dx), min(image.size[1], y + h + dy)))


def main(out):
    os.makedirs(out, exist_ok=True)
    model = make_model(out)
    rng = np.random.default_rng(16)
    rows = []
    for name, (w, h) in {
        "short": (41, 26),
        "odd": (45, 32),
        "whole": (64, 32),
        "two": (150, 41),
        "three": (300, 57),
        "low": (900, 12),
        "endless": (4000, 20),
        "tall": (20, 60),
    }.items():
        image = line_image(w, h, rng)
        image.save(os.path.join(out, name + ".png"))
        scores, n = answer(model, [image])
        rows.append((name, "", n, scores))
        if name == "three":  # what one who asks for one tensor gets: the middle window
            x = (windows(image)[n // 2].astype(np.float32) / np.float32(255) - np.float32(0.5)) / np.float32(0.5)
            np.save(os.path.join(out, "three.npy"), x[None, None])
    boxes = [(20, 20, 380, 16), (20, 60, 330, 17), (20, 100, 120, 15), (260, 100, 130, 15), (20, 140, 250, 16)]
    for name, ink, paper in (("page", 20, 235), ("dark", 240, 25)):
        image = page_image(boxes, rng, ink, paper)
        image.save(os.path.join(out, name + ".png"))
        x, y, w, h = boxes[1]
        drawn = [boxes[0], (x, y - 5, w, h + 5), *boxes[2:]]  # the dots belong to the second line
        scores, n = answer(model, [cut(image, b) for b in drawn])
        rows.append((name, "--lines", n, scores))
    Image.new("L", (200, 100), 240).save(os.path.join(out, "blank.png"))
    with open(os.path.join(out, "expected.tsv"), "w") as f:
        for name, option, n, scores in rows:
            f.write("\t".join([name + ".png", option or "-", str(n), *(f"{s:.7f}" for s in scores)]) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
