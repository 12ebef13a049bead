"""Fails when a held-out font draws letters as a font of training does: two names, one source.

For every script, every family of one side is compared with every family of the other: letters cut to their ink, scaled
to 24 x 24, and correlated; the mean over letters counts. From 0.97 on the pair is a copy and the build fails; from 0.93
it is shown, to be looked at (plain sans faces of Latin reach 0.95 honestly).

    python check_sources.py WORK
"""

import os
import re
import sys

import numpy as np
from PIL import Image, ImageFont

from fonts import LETTERS, load

FAIL, SHOW = 0.97, 0.93
N = 24


def letters_of(path, index, text):
    try:
        font = ImageFont.truetype(path, 64, index=index, layout_engine=ImageFont.Layout.BASIC)
    except OSError:
        return None
    box = bytes(font.getmask("\U0010fffe", mode="L"))
    out = []
    for c in text:
        m = font.getmask(c, mode="L")
        w, h = m.size
        if w < 3 or h < 3 or bytes(m) == box:
            out.append(None)
            continue
        a = np.frombuffer(bytes(m), np.uint8).reshape(h, w)
        ys, xs = np.flatnonzero(a.max(1) > 40), np.flatnonzero(a.max(0) > 40)
        if len(ys) < 3 or len(xs) < 3:
            out.append(None)
            continue
        a = a[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
        v = np.asarray(Image.fromarray(a).resize((N, N), Image.BOX), np.float32).ravel()
        v = v - v.mean()
        n = np.linalg.norm(v)
        out.append(v / n if n > 1 else None)
    return out


def regular(files):
    """The plainest file of a family."""

    def rank(f):
        name = os.path.basename(f[0])
        return (bool(re.search(r"Bold|Italic|Oblique|Light|Black|Cond|Thin|[3579]00|italic", name)), len(name), name)

    return min(files, key=rank)


def main(work):
    fonts = load(work)
    bad = 0
    for s in sorted(fonts):
        text = LETTERS[s][:30]
        sides = {}
        for side in ("train", "test"):
            for foundry, families in sorted(fonts[s][side].items()):
                for family, files in sorted(families.items()):
                    v = letters_of(*regular(files), text)
                    if v:
                        sides.setdefault(side, []).append((foundry + "/" + family, v))
        best = []
        for name, v in sides.get("test", []):
            for other, u in sides.get("train", []):
                both = [float(a @ b) for a, b in zip(v, u) if a is not None and b is not None]
                if len(both) >= 5:
                    best.append((float(np.mean(both)), name, other))
        best.sort(reverse=True)
        for c, name, other in best[:1] + [b for b in best[1:] if b[0] >= SHOW][:6]:
            print(f"{s} {c:.3f} {name} ~ {other}" + (" COPY" if c >= FAIL else ""), flush=True)
        bad += sum(c >= FAIL for c, _, _ in best)
    print(f"{bad} copies")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
