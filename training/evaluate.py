"""Measures a model with the program itself, on lines and pages in held-out fonts and words; beside it Tesseract.

    python evaluate.py WORK MODEL OUT --cvt PROGRAM [--lines 100] [--pages 50] [--curves 20] [--tesseract]

OUT gets the images (lines/, pages/, curves/), results.json and results.txt. What is drawn depends on the
numbers alone:
line number i of a class is the same in every run. Sets:

    clean, damaged   whole lines of 10 to 45 letters, 32 pixels high
    crop96 ... 256   clean pieces of lines of this many pixels, read alone
    pages            six lines of one script, letters of 300 dpi; half clean, half turned by up to half a degree,
                     paler, noisy;
                     cvt cuts the lines by itself (--lines)
    curves           clean lines with one damage in steps
"""

import argparse
import csv
import io
import json
import os
import random
import subprocess
import time

import numpy as np
from PIL import Image, ImageFilter

import damage
from classes import CLASSES, CODES
from make_data import Maker

# What Tesseract's osd.traineddata can answer, as codes.
OSD = {
    "Arabic": "Arab",
    "Bengali": "Beng",
    "Cyrillic": "Cyrl",
    "Devanagari": "Deva",
    "Greek": "Grek",
    "Han": "Hani",
    "Hebrew": "Hebr",
    "Japanese": "Jpan",
    "Kannada": "Knda",
    "Korean": "Hang",
    "Latin": "Latn",
    "Malayalam": "Mlym",
    "Tamil": "Taml",
    "Telugu": "Telu",
    "Thai": "Thai",
}
SCRIPTS = [c for c in CODES if c not in ("Zxxx", "Zyyy")]


def whole_line(maker, code, level, seed):
    """A whole line as a cutter gives it, 32 high; None where none came."""
    rng, nrng = random.Random(f"line {code} {level} {seed}"), np.random.default_rng([seed, CODES.index(code), level, 7])
    if code == "Zxxx":
        return damage.no_text(int(nrng.integers(96, 500)), nrng, [], maker.photos)
    for _ in range(20):
        got = maker.writer.line(code, rng.uniform(180, 640), rng)
        if got is None:
            continue
        mask, _, words = got
        width = int(np.clip(mask.shape[1] * 27 / mask.shape[0] * nrng.uniform(1.0, 1.15), 48, 1200))
        if sum(len(w) for w in words) < 4:
            continue
        ink, _, _ = damage.place(mask, width, level, nrng)
        image = damage.finish(ink, level, nrng, [])
        if image is not None:
            return image
    return None


def crop(maker, code, width, seed):
    rng, nrng = random.Random(f"crop {code} {width} {seed}"), np.random.default_rng([seed, CODES.index(code), width, 8])
    for _ in range(20):
        got = maker.samples(code, width, 0, rng, nrng, [], times=1)
        if got:
            return got[0][0]
    return None


def page(maker, code, seed, lines=6):
    """A page of six lines at 300 dpi, white; odd ones are turned, paler and noisy."""
    rng, nrng = random.Random(f"page {code} {seed}"), np.random.default_rng([seed, CODES.index(code), 9])
    sheet, y, done = Image.new("L", (1500, 640), 255), 60, 0
    for _ in range(60):
        if done == lines:
            break
        got = maker.writer.line(code, rng.uniform(350, 800), rng)
        if got is None:
            continue
        mask = got[0][:, :1360]
        if mask.shape[0] > 84:
            continue
        ink = Image.fromarray(255 - mask)
        sheet.paste(ink, (70, y))
        y += max(78, mask.shape[0] + 18)
        done += 1
    a = sheet
    if seed % 2:
        a = a.rotate(nrng.uniform(-0.5, 0.5), Image.BICUBIC, fillcolor=255)
        v = np.asarray(a, np.float32)
        low, high = nrng.uniform(0, 70), nrng.uniform(200, 255)
        v = low + v / 255 * (high - low) + nrng.normal(0, nrng.uniform(2, 14), v.shape)
        a = Image.fromarray(np.clip(v, 0, 255).astype(np.uint8))
    return np.asarray(a)


def blurred(a, s):
    return np.asarray(Image.fromarray(a).filter(ImageFilter.GaussianBlur(s)))


def noisy(a, s):
    return np.clip(a + np.random.default_rng(a.shape[1]).normal(0, s, a.shape), 0, 255).astype(np.uint8)


def small(a, h):
    im = Image.fromarray(a)
    return np.asarray(im.resize((max(8, round(a.shape[1] * h / 32)), int(h)), Image.BOX))


def skewed(a, d):
    im = Image.fromarray(a)
    fill = int(np.median(np.concatenate((a[0], a[-1]))))
    return np.asarray(im.rotate(d, Image.BICUBIC, fillcolor=fill))


def jpeg(a, q):
    f = io.BytesIO()
    Image.fromarray(a).save(f, "JPEG", quality=int(q))
    return np.asarray(Image.open(f).convert("L"))


CURVES = {
    "blur": (blurred, [0, 0.5, 1, 1.5, 2, 2.5]),
    "noise": (noisy, [0, 10, 20, 40, 60, 80]),
    "height": (small, [32, 24, 20, 16, 12, 10, 8]),
    "skew": (skewed, [0, 0.5, 1, 1.5, 2, 3]),
    "jpeg": (jpeg, [90, 60, 40, 25, 15, 8]),
}


def save(folder, name, image):
    path = os.path.join(folder, name + ".png")
    if image is not None:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if not os.path.exists(path):
            Image.fromarray(image).save(path)
    return image is not None


def answers(cvt, model, paths, options=()):
    """The code that the program gives for each path, and the seconds it took."""
    begin = time.time()
    text = subprocess.run(
        [cvt, "classify", "-m", model, "-k", "1", "-f", "tsv", "--files-from", "-", *options],
        input="\n".join(paths),
        capture_output=True,
        text=True,
    ).stdout
    seconds = time.time() - begin
    return {
        r["path"]: r["label"].split(" ")[0]
        for r in csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)
        if r["ok"] == "true"
    }, seconds


def wilson(good, n):
    if n == 0:
        return 0, 0
    z, p = 1.96, good / n
    mid, half, by = p + z * z / (2 * n), z * ((p * (1 - p) + z * z / (4 * n)) / n) ** 0.5, 1 + z * z / n
    return round(100 * (mid - half) / by, 2), round(100 * (mid + half) / by, 2)


def score(truth, got):
    per = {}
    for path, code in truth.items():
        n = per.setdefault(code, [0, 0])
        n[0] += got.get(path) == code
        n[1] += 1
    good, n = sum(v[0] for v in per.values()), sum(v[1] for v in per.values())
    pairs = {}
    for path, code in truth.items():
        if got.get(path) != code:
            pairs[code + ">" + str(got.get(path))] = pairs.get(code + ">" + str(got.get(path)), 0) + 1
    return {
        "n": n,
        "percent": round(100 * good / max(1, n), 2),
        "interval": wilson(good, n),
        "class": {c: round(100 * v[0] / v[1], 1) for c, v in sorted(per.items())},
        "pairs": dict(sorted(pairs.items(), key=lambda x: -x[1])[:25]),
    }


def tesseract(paths):
    out, begin = {}, time.time()
    for path in paths:
        text = subprocess.run(["tesseract", path, "-", "--psm", "0"], capture_output=True, text=True).stdout
        name = next((x.split(": ")[1] for x in text.split("\n") if x.startswith("Script: ")), None)
        out[path] = OSD.get(name, name)
    return out, time.time() - begin


def main():
    p = argparse.ArgumentParser()
    p.add_argument("work")
    p.add_argument("model")
    p.add_argument("out")
    p.add_argument("--cvt", default="cvt")
    p.add_argument("--lines", type=int, default=100)
    p.add_argument("--pages", type=int, default=50)
    p.add_argument("--curves", type=int, default=20)
    p.add_argument("--tesseract", action="store_true")
    a = p.parse_args()
    maker = Maker(a.work, "test")
    results = {}

    def run(name, codes, n, draw, options=()):
        truth = {}
        for code in codes:
            for i in range(n):
                path = os.path.join(a.out, name, code, f"{i:03d}")
                if os.path.exists(path + ".png") or save(a.out, os.path.join(name, code, f"{i:03d}"), draw(code, i)):
                    truth[path + ".png"] = code
        got, seconds = answers(a.cvt, a.model, list(truth), options)
        results[name] = {
            **score(truth, got),
            "seconds": round(seconds, 2),
            "per_second": round(len(truth) / max(seconds, 1e-9), 1),
        }
        print(name, results[name]["n"], results[name]["percent"], results[name]["interval"], flush=True)
        return truth

    run("clean", CODES, a.lines, lambda c, i: whole_line(maker, c, 0, i))
    run("damaged", CODES, a.lines, lambda c, i: whole_line(maker, c, 1 + i % 2, i))
    for w in (96, 160, 256):
        run(f"crop{w}", CODES, a.lines // 2, lambda c, i: crop(maker, c, w, i))
    truth = run("pages", SCRIPTS, a.pages, lambda c, i: page(maker, c, i), ["--lines"])
    known = {path: c for path, c in truth.items() if c in OSD.values()}
    got, _ = answers(a.cvt, a.model, list(known), ["--lines"])
    results["pages_osd15"] = score(known, got)
    print("pages, scripts of osd", results["pages_osd15"]["percent"])
    if a.tesseract:
        got, seconds = tesseract(list(truth))
        results["tesseract"] = {**score(truth, got), "seconds": round(seconds, 2)}
        results["tesseract_osd15"] = score(known, got)
        print("tesseract", results["tesseract"]["percent"], results["tesseract_osd15"]["percent"])
    for kind, (change, steps) in CURVES.items():
        for step in steps:

            def draw(c, i):
                image = whole_line(maker, c, 0, 1000 + i)
                return None if image is None else change(image, step) if step else image

            run(f"curves/{kind}-{step}", SCRIPTS, a.curves, draw)
    with open(os.path.join(a.out, "results.json"), "w") as f:
        json.dump(results, f, indent=1)


if __name__ == "__main__":
    main()
