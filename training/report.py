"""Writes the figures of evaluate.py's results.json into models/README.md, so that no figure is typed.

    python report.py models/README.md OUT...       OUT: folders of evaluate.py

What stands between <!-- NAME --> and <!-- /NAME --> is replaced, for the names of BLOCKS.
"""

import json
import os
import re
import sys

from classes import CLASSES
from evaluate import CURVES

ROWS = [
    ("clean", "clean lines, 32 pixels high", "96"),
    ("damaged", "damaged lines (half of them badly)", "92"),
    ("crop256", "pieces of clean lines, 256 pixels wide", ""),
    ("crop160", "the same, 160 pixels", ""),
    ("crop96", "the same, 96 pixels", ""),
    ("pages", "pages of six lines, cut by `--lines`", "99"),
    ("pages_osd15", "of these, the 15 scripts that Tesseract can name", ""),
    ("tesseract", "Tesseract 5.3.0 `--psm 0` on the pages, all scripts", ""),
    ("tesseract_osd15", "the same, its 15 scripts", ""),
]
UP_ROWS = [
    ("up_clean", "clean lines", "99"),
    ("up_damaged", "damaged lines (half of them badly)", ""),
    ("up_pages", "pages of six lines, cut by `--lines`", ""),
]
UNITS = {"blur": "sigma, pixels", "noise": "sigma, of 255", "height": "pixels", "skew": "degrees", "jpeg": "quality"}


def main_table(r, rows):
    out = ["| held-out fonts and words | images | right % | 95 % interval | aim |", "|---|--:|--:|---|--:|"]
    for name, text, bar in rows:
        if name in r:
            v = r[name]
            low, high = v["interval"]
            out.append(f"| {text} | {v['n']} | {v['percent']:.1f} | {low:.1f} to {high:.1f} | {bar} |")
    return out


def class_table(r):
    names = [("clean", "clean"), ("damaged", "damaged"), ("pages", "pages"), ("tesseract", "Tesseract, pages")]
    names = [x for x in names if x[0] in r]
    out = ["| code | script | " + " | ".join(t for _, t in names) + " |", "|---|---|" + "--:|" * len(names)]
    for code, text in CLASSES:
        cells = [r[n]["class"].get(code) for n, _ in names]
        out.append(f"| {code} | {text} | " + " | ".join("" if c is None else f"{c:.0f}" for c in cells) + " |")
    return out


def pairs(r):
    out = []
    for name in ("clean", "damaged", "pages"):
        if name in r and r[name]["pairs"]:
            some = list(r[name]["pairs"].items())[:10]
            out.append(f"- {name} ({r[name]['n']}): " + ", ".join(f"{k.replace('>', ' as ')} {n}" for k, n in some))
    return out


def curve_table(r):
    out = ["| damage | right % at each step |", "|---|---|"]
    for kind, (_, steps) in CURVES.items():
        cells = [(s, r.get(f"curves/{kind}-{s}")) for s in steps]
        if all(v for _, v in cells):
            text = ", ".join(f"{s}: {v['percent']:.1f}" for s, v in cells)
            out.append(f"| {kind} ({UNITS[kind]}) | {text} |")
    return out


def up_class(r):
    low = sorted(r["up_clean"]["class"].items(), key=lambda x: x[1])[:8] if "up_clean" in r else []
    return ["Lowest on clean lines: " + ", ".join(f"{c} {v:.0f}" for c, v in low) + "."] if low else []


BLOCKS = {
    "figures": lambda r: main_table(r, ROWS),
    "classes": class_table,
    "pairs": pairs,
    "curves": curve_table,
    "upright": lambda r: main_table(r, UP_ROWS) + [""] + up_class(r) if "up_clean" in r else [],
}


def main(page, *folders):
    results = {}
    for folder in folders:
        with open(os.path.join(folder, "results.json")) as f:
            results.update(json.load(f))
    with open(page, encoding="utf-8") as f:
        text = f.read()
    for name, make in BLOCKS.items():
        body = "\n".join(make(results))
        text, n = re.subn(
            rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", lambda m: m[1] + body + "\n" + m[2], text, flags=re.S
        )
        if n != 1 and body.strip():
            raise SystemExit(f"{page} has no place for {name}")
    with open(page, "w", encoding="utf-8") as f:
        f.write(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
