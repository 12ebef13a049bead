"""Measures a model with the program itself, on lines and pages in held-out fonts and words; beside it Tesseract.

    python evaluate.py WORK MODEL OUT --cvt PROGRAM [--sets clean,pages] [--lines 100] [--pages 50] [--curves 20]

OUT gets the images (a folder for each set) and results.json. What is drawn depends on the numbers alone: line number i
of a class is the same in every run. Sets:

    clean, damaged   whole lines of 10 to 45 letters, 32 pixels high
    crop96 ... 256   clean pieces of lines of this many pixels, read alone
    pages            six lines of one script, letters of 300 dpi; half clean, half turned by up to half a degree,
                     paler, noisy; cvt cuts the lines by itself (--lines)
    curves           clean lines with one damage in steps
    tesseract        its script detection on the pages
    upright          clean and damaged lines, and pages, half of them upside down, for the model `upright`
"""

import argparse
import csv
import io
import json
import os
import random
import resource
import subprocess
import time

import numpy as np
from PIL import Image, ImageFilter

import damage
from classes import CLASSES, CODES
from make_data import Maker
from train import NO_UP

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


def whole_line(maker, code, level, seed, ask=(180, 640), most=1200):
    """A whole line as a cutter gives it, 32 high; None where none came. `ask`: how wide, about; `most`: what is
    wider is cut off."""
    rng, nrng = random.Random(f"line {code} {level} {seed}"), np.random.default_rng([seed, CODES.index(code), level, 7])
    if code == "Zxxx":
        return damage.no_text(int(nrng.integers(96, min(500, most))), nrng, [], maker.photos)
    for _ in range(20):
        got = maker.writer.line(code, rng.uniform(*ask), rng)
        if got is None:
            continue
        mask, _, words = got
        width = int(np.clip(mask.shape[1] * 27 / mask.shape[0] * nrng.uniform(1.0, 1.15), 48, most))
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
            Image.fromarray(image).save(path + ".part", "PNG")
            os.replace(path + ".part", path)  # whole, or not there
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


def score(truth, got, group=None):
    """The share of right answers, over all and by class (or by group(path)), and which classes are taken for which."""
    per = {}
    for path, code in truth.items():
        n = per.setdefault(group(path) if group else code, [0, 0])
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


def spent():
    """CPU seconds of all programs that were started and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def tesseract(paths, out):
    """The code that Tesseract gives for each path, "None" where it gives none; CPU seconds by path. Its answers are
    kept in OUT/tesseract.tsv, so that a later run, for another model, need not ask again."""
    kept, path_of_kept = {}, os.path.join(out, "tesseract.tsv")
    if os.path.exists(path_of_kept):
        with open(path_of_kept) as f:
            kept = {r[0]: (r[1], float(r[2] or "nan")) for r in csv.reader(f, delimiter="\t")}
    with open(path_of_kept, "a") as f:
        for path in paths:
            if os.path.relpath(path, out) in kept:
                continue
            begin = spent()
            text = subprocess.run(["tesseract", path, "-", "--psm", "0"], capture_output=True, text=True).stdout
            name = next((x.split(": ")[1] for x in text.split("\n") if x.startswith("Script: ")), None)
            row = str(OSD.get(name, name)), round(spent() - begin, 3)
            kept[os.path.relpath(path, out)] = row
            print(os.path.relpath(path, out), *row, sep="\t", file=f, flush=True)
    rows = {p: kept[os.path.relpath(p, out)] for p in paths}
    return {p: r[0] for p, r in rows.items()}, {p: r[1] for p, r in rows.items()}


class Sets:
    """Draws the images of a set, asks the program, and notes what came out in OUT/results.json."""

    def __init__(self, a):
        self.a, self.path, self.results = a, os.path.join(a.out, "results.json"), {}
        if os.path.exists(self.path):
            with open(self.path) as f:
                self.results = json.load(f)

    def note(self, name, value):
        self.results[name] = value
        with open(self.path, "w") as f:
            json.dump(self.results, f, indent=1)
        print(name, value["n"], value["percent"], value["interval"], flush=True)

    def draw(self, name, codes, n, draw):
        """The class of each image of a set; images that are there are not drawn again."""
        truth = {}
        for i in range(n):  # number by number: a part of a set is fair to all classes
            for code in codes:
                image = os.path.join(name, code, f"{i:03d}")
                path = os.path.join(self.a.out, image + ".png")
                if os.path.exists(path) or save(self.a.out, image, draw(code, i)):
                    truth[path] = code
        return truth

    def ask(self, name, truth, options=(), group=None):
        if self.a.model == "-":
            return
        got, seconds = answers(self.a.cvt, self.a.model, list(truth), options)
        rate = round(len(truth) / max(seconds, 1e-9), 1)
        self.note(name, {**score(truth, got, group), "seconds": round(seconds, 2), "per_second": rate})

    def beside(self, truth):
        """On how many images another file of the same model (int8) gives the same answer."""
        here, _ = answers(self.a.cvt, self.a.model, list(truth))
        there, _ = answers(self.a.cvt, self.a.beside, list(truth))
        self.note("beside", score(here, there))
        self.note("beside_truth", score(truth, there))


def turned(draw):
    """Of the images that draw(code, i) gives: those with an odd number upside down."""

    def one(code, i):
        image = draw(code, i)
        return image if image is None or i % 2 == 0 else np.ascontiguousarray(image[::-1, ::-1])

    return one


def upright(sets, maker, a):
    """Lines and pages, half of them upside down, for the model `upright`."""
    codes = [c for i, c in enumerate(CODES) if i not in NO_UP]
    kinds = [
        ("up_clean", a.lines, lambda c, i: whole_line(maker, c, 0, i), ()),
        ("up_damaged", a.lines, lambda c, i: whole_line(maker, c, 1 + i // 2 % 2, i), ()),
        ("up_pages", a.pages // 5, lambda c, i: page(maker, c, 1000 + i // 2), ["--lines"]),
    ]
    for name, n, draw, options in kinds:
        truth = {
            path: "upside" if int(path[-7:-4]) % 2 else "upright" for path in sets.draw(name, codes, n, turned(draw))
        }
        sets.ask(name, truth, options, group=lambda path: path.split(os.sep)[-2])


def main():
    p = argparse.ArgumentParser()
    p.add_argument("work")
    p.add_argument("model", help="- draws the images only")
    p.add_argument("out")
    p.add_argument("--cvt", default="cvt")
    p.add_argument("--sets", default="clean,damaged,crops,pages,curves", help="and tesseract; or upright")
    p.add_argument("--beside", help="another file of the model: how many answers are the same on clean and damaged")
    p.add_argument("--lines", type=int, default=100)
    p.add_argument("--pages", type=int, default=50)
    p.add_argument("--curves", type=int, default=20)
    a = p.parse_args()
    os.makedirs(a.out, exist_ok=True)
    maker, sets, chosen = Maker(a.work, "test"), Sets(a), a.sets.split(",")
    lines = {}
    for name in ("clean", "damaged"):
        if name in chosen:
            level = (0, 0) if name == "clean" else (1, 2)
            truth = sets.draw(name, CODES, a.lines, lambda c, i: whole_line(maker, c, level[i % 2], i))
            sets.ask(name, truth)
            lines.update(truth)
    if a.beside:
        sets.beside(lines)
    if "upright" in chosen:
        upright(sets, maker, a)
    for w in (96, 160, 256) if "crops" in chosen else ():
        sets.ask(f"crop{w}", sets.draw(f"crop{w}", CODES, a.lines // 2, lambda c, i: crop(maker, c, w, i)))
    if "pages" in chosen or "tesseract" in chosen:
        truth = sets.draw("pages", SCRIPTS, a.pages, lambda c, i: page(maker, c, i))
        known = {path: c for path, c in truth.items() if c in OSD.values()}
    if "pages" in chosen:
        sets.ask("pages", truth, ["--lines"])
        sets.ask("pages_osd15", known, ["--lines"])
    if "tesseract" in chosen:
        got, seconds = tesseract(list(truth), a.out)
        for name, some in (("tesseract", truth), ("tesseract_osd15", known)):
            each = float(np.nanmean([seconds[x] for x in some]))
            sets.note(name, {**score(some, got), "cpu_seconds_each": round(each, 3)})
    base = {}

    def damaged(kind, step, c, i):
        if (c, i) not in base:
            base[c, i] = whole_line(maker, c, 0, 1000 + i)
        image = base[c, i]
        return image if image is None or not step else CURVES[kind][0](image, step)

    for kind, (_, steps) in CURVES.items() if "curves" in chosen else ():
        for step in steps:
            name = f"curves/{kind}-{step}"
            sets.ask(name, sets.draw(name, SCRIPTS, a.curves, lambda c, i: damaged(kind, step, c, i)))


if __name__ == "__main__":
    main()
