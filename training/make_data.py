"""Draws lines and stores them: OUT/w<width>-<number>.npz with `x` uint8 [n, 32, width], `y` class, `level`, `font`.

A shard is made from its number alone, so any of them can be made again, in any order, by any process.

    python make_data.py WORK --side train --first 0 --count 400 [--lines 4096]
"""

import argparse
import json
import os
import random
import sys
import time

import numpy as np

import damage
from classes import CODES, WEIGHT
from fonts import LETTERS, load
from lines import Writer

SIDES = ["train", "test", "known"]
WIDTHS = [64, 96, 128, 160, 192, 224, 256]
SHARES = [0.05, 0.13, 0.19, 0.2, 0.15, 0.12, 0.16]


def visible_kana(words, first, last):
    """Whether the seen part of a Japanese line has kana, two letters from each end left out of account."""
    t = "".join(words)
    a, b = int(np.ceil(first * len(t))), int(last * len(t))
    return any("\u3041" <= c <= "\u30ff" for c in t[a:b])


class Maker:
    def __init__(self, work, side):
        with open(os.path.join(work, "words.json"), encoding="utf-8") as f:
            words = json.load(f)
        fonts = load(work)
        self.side, self.work, self.photos = side, work, []
        path = os.path.join(work, "photos.npz")
        if os.path.exists(path):
            with np.load(path) as d:
                self.photos = [d[k] for k in sorted(d) if k.startswith("train" if side == "train" else "test")]
        # "known": held-out words in the fonts of training, to tell what the unseen fonts cost.
        self.writer = Writer(
            words, fonts, "train" if side == "train" else "test", "test" if side == "test" else "train", LETTERS
        )

    def samples(self, code, width, level, rng, nrng, others, times=2):
        """Up to `times` lines of one drawing: [(image, font name)]."""
        if code == "Zxxx":
            return [(damage.no_text(width, nrng, others, self.photos), "-")]
        got = self.writer.line(code, width, rng)
        if got is None:
            return []
        mask, name, words = got
        out = []
        for _ in range(times):
            m = damage.weight(mask, rng) if self.side == "train" or level else mask
            ink, first, last = damage.place(m, width, level, nrng)
            if ink.mean() < 0.02 or (code == "Jpan" and not visible_kana(words, first, last)):
                continue
            for _ in range(4):
                image = damage.finish(ink, level, nrng, others)
                if image is not None:
                    break
            else:
                image = damage.finish(ink, 0, nrng, others)
            out.append((image, name))
            others.append(ink)
            if len(others) > 40:
                others.pop(0)
        return out

    def shard(self, number, lines, levels=(0.3, 0.42, 0.28)):
        rng = random.Random(f"{self.side} {number}")
        nrng = np.random.default_rng([number, SIDES.index(self.side)])
        width = nrng.choice(WIDTHS, p=SHARES)
        weights = [WEIGHT.get(c, 1.0) if self.side == "train" else 1.0 for c in CODES]
        x, y, lv, names, others = [], [], [], [], []
        while len(x) < lines:
            code = rng.choices(CODES, weights)[0]
            level = int(nrng.choice(3, p=levels))
            for image, name in self.samples(code, int(width), level, rng, nrng, others):
                x.append(image)
                y.append(CODES.index(code))
                lv.append(level)
                names.append(name)
        order = nrng.permutation(len(x))[:lines]
        return (
            int(width),
            np.stack(x)[order],
            np.array(y, np.uint8)[order],
            np.array(lv, np.uint8)[order],
            np.array(names)[order],
        )


def main():
    p = argparse.ArgumentParser()
    p.add_argument("work")
    p.add_argument("--side", default="train", choices=SIDES)
    p.add_argument("--first", type=int, default=0)
    p.add_argument("--count", type=int, default=1)
    p.add_argument("--step", type=int, default=1)
    p.add_argument("--lines", type=int, default=4096)
    a = p.parse_args()
    maker = Maker(a.work, a.side)
    out = os.path.join(a.work, "data-" + a.side)
    os.makedirs(out, exist_ok=True)
    for number in range(a.first, a.first + a.count * a.step, a.step):
        if any(os.path.exists(os.path.join(out, f"w{w}-{number:05d}.npz")) for w in WIDTHS):
            continue
        if os.path.exists(os.path.join(a.work, "STOP")):
            break
        t = time.time(), time.process_time()
        w, x, y, lv, names = maker.shard(number, a.lines)
        path = os.path.join(out, f"w{w}-{number:05d}.npz")
        with open(path + ".part", "wb") as f:
            np.savez(f, x=x, y=y, level=lv, font=names)
        os.replace(path + ".part", path)
        print(
            number,
            w,
            f"{len(x) / (time.time() - t[0]):.0f} lines/s, {len(x) / (time.process_time() - t[1]):.0f} a CPU second",
            flush=True,
        )


if __name__ == "__main__":
    main()
