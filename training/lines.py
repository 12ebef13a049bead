"""One line of text as a mask of its ink: which words, which font, drawn by HarfBuzz through Pillow.

`Writer` draws from the training or the held-out words, and from the training or the held-out fonts. Every letter is
looked up in the font before it is drawn: no other font steps in and no box is drawn.
"""

import random

import numpy as np
from PIL import ImageFont

SIZE = 48  # nominal size in pixels, before the ink of a font is measured
INK = 44  # height of the ink of a line of the mask, about
NO_SPACE = {"Hani", "Jpan", "Thai", "Laoo", "Khmr", "Mymr", "Tibt"}
CASED = {"Latn", "Cyrl", "Grek", "Armn"}
# Shapes that several of Latin, Cyrillic and Greek share: a line needs others too.
SHARED = set(
    "AaBbCcEeHhIiJjKkMmNnOoPpSsTtXxYyZzuvwWdq"
    "АаВСсЕеНІіЈјКкМмОоРрЅѕТтХхУуԀԁԛԜѵп"
    "ΑαΒΕΗΙιΚκΜΝνΟοΡρΤΥυΧχΖτηγωω"
    "0123456789.,:;!?-()'\"/ "
)
MARKS = ".,:;!?-()\"'/"
COMMON = "0123456789"


def trimmed(mask):
    """What is inked of a mask of Pillow: (shape, bytes), or None where nothing is."""
    a = np.frombuffer(bytes(mask), np.uint8).reshape(mask.size[1], mask.size[0])
    ys, xs = np.flatnonzero(a.any(1)), np.flatnonzero(a.any(0))
    if not len(ys):
        return None
    a = a[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
    return a.shape, a.tobytes()


class Font:
    """A font file at the size at which its lines are about INK high, and which letters it really has."""

    def __init__(self, path, index, sample):
        self.font = ImageFont.truetype(path, SIZE, index=index, layout_engine=ImageFont.Layout.RAQM)
        self.known = {}
        m, _ = self.font.getmask2(sample, mode="L")
        h = max(m.size[1], 8)
        self.font = self.font.font_variant(size=max(14, min(150, round(SIZE * INK / h))))
        # What is drawn for a letter that is not there. A mark that is not there takes no room: only ink is compared.
        self.box = trimmed(self.font.getmask2("\U0010fffe", mode="L")[0])

    def has(self, c):
        ok = self.known.get(c)
        if ok is None:
            ink = trimmed(self.font.getmask2(c, mode="L")[0])
            ok = ink is None if c in " \u00a0" else ink is not None and ink != self.box
            self.known[c] = ok
        return ok

    def draw(self, words, gap, rng):
        """Words as one mask, uint8 [H, W]. `gap` is the space between words in parts of the font's
        size, None for the font's own."""
        if gap is None and self.has(" "):
            parts = [" ".join(words)]
            gap = 0
        else:
            parts = words
        rtl = any("\u0590" <= c <= "\u07ff" for c in parts[0])
        drawn, x, space = [], 0, max(2, round((gap or 0.28) * self.font.size))
        for p in (parts[::-1] if rtl else parts):
            m, off = self.font.getmask2(p, mode="L", anchor="ls")
            if m.size[0] == 0 or m.size[1] == 0:
                continue
            drawn.append((np.frombuffer(bytes(m), np.uint8).reshape(m.size[1], m.size[0]), x, off[1]))
            x += m.size[0] + space
        if not drawn:
            return None
        top = min(y for _, _, y in drawn)
        h = max(y + a.shape[0] for a, _, y in drawn) - top
        w = max(q + a.shape[1] for a, q, _ in drawn)
        if h > 200 or w > 6000:
            return None
        out = np.zeros((h, w), np.uint8)
        for a, q, y in drawn:
            v = out[y - top : y - top + a.shape[0], q : q + a.shape[1]]
            np.maximum(v, a, out=v)
        ys = np.flatnonzero(out.max(1) > 20)
        xs = np.flatnonzero(out.max(0) > 20)
        if len(ys) < 8 or len(xs) < 8:
            return None
        return out[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]


class Writer:
    """Draws lines. `samples`: for each script, letters that show the whole height of its lines."""

    def __init__(self, words, fonts, word_side, font_side, samples):
        self.words, self.samples = {s: words[s][word_side] for s in words if s in fonts}, samples
        self.fonts, self.cache = {}, {}
        for s in fonts:
            self.fonts[s] = [
                (f, [(fam, files) for fam, files in sorted(fams.items())])
                for f, fams in sorted(fonts[s][font_side].items())
            ]
        self.weights = {s: [len(x) ** 0.5 for _, x in r] for s, r in self.fonts.items()}

    def font(self, script, rng):
        """A font of a script: a foundry by the root of its number of families, a family, a file. Also its name."""
        while True:
            foundry, families = rng.choices(self.fonts[script], self.weights[script])[0]
            family, paths = rng.choice(families)
            path, index = rng.choice(paths)
            key = (path, index, script)
            if key not in self.cache:
                try:
                    self.cache[key] = Font(path, index, self.samples[script])
                except OSError:
                    self.cache[key] = None
            if self.cache[key] is not None:
                return self.cache[key], foundry + "/" + family

    def text(self, script, font, count, rng):
        """About `count` letters as a list of words that the font can draw; None when it can draw too few."""
        pool, out, n, tries = self.words[script], [], 0, 0
        case = rng.random() if script in CASED else 1
        mixed = rng.random() < 0.25  # a line with numbers
        while n < count and tries < 60:
            tries += 1
            if mixed and out and rng.random() < 0.2:
                w = self.number(rng)
                if not all(font.has(c) for c in w) or sum(len(x) for x in out if x[0] in COMMON) + len(w) > count / 3:
                    continue
            else:
                w = rng.choice(pool)
                if case < 0.12:
                    w = w.upper()
                elif case < 0.3:
                    w = w[0].upper() + w[1:]
                elif case < 0.65:
                    w = w.lower()
                if script == "Jpan" and not kana_dense(w):
                    continue
                if not all(font.has(c) for c in w):
                    continue
                if rng.random() < 0.08:
                    m = rng.choice(".,:;!?") if rng.random() < 0.8 else rng.choice("()\"")
                    if font.has(m):
                        w = w + m if m not in "(" else m + w
            out.append(w)
            n += len(w) + 1
        if not out:
            return None
        if script in ("Latn", "Cyrl", "Grek"):
            body = [c for w in out for c in w if c.isalpha()]
            if sum(c not in SHARED for c in body) < max(2, 0.2 * len(body)):
                return None
        elif script not in ("Hani", "Jpan") and sum(c.isalpha() for w in out for c in w) < 2:
            return None
        if script in NO_SPACE and script != "Tibt":
            k = rng.random()
            if script in ("Hani", "Jpan") or k < 0.7:
                joined, run = [], ""
                for w in out:
                    run += w
                    if rng.random() < 0.2:
                        joined.append(run)
                        run = ""
                out = joined + ([run] if run else [])
        return out

    @staticmethod
    def number(rng):
        k = rng.random()
        if k < 0.4:
            return str(rng.randint(0, 10 ** rng.randint(1, 5)))
        if k < 0.6:
            return f"{rng.randint(1, 31)}.{rng.randint(1, 12)}.{rng.randint(1900, 2030)}"
        if k < 0.7:
            return f"{rng.randint(0, 23)}:{rng.randint(0, 59):02d}"
        if k < 0.85:
            return f"{rng.uniform(0, 1000):.2f}"
        return rng.choice(
            ["(%d)", "%d-", "%d%%", "+%d", "№%d", "%d/7", "[%d]", "#%d", "= %d", "%d,-", "* %d"]
        ) % rng.randint(0, 9999)

    def common(self, font, count, rng):
        out, n = [], 0
        for _ in range(60):
            if n >= count:
                break
            w = (
                self.number(rng)
                if rng.random() < 0.8
                else "".join(rng.choice(".,:;!?-()/*+=%&#<>[]\"'…–—|_") for _ in range(rng.randint(1, 4)))
            )
            if all(font.has(c) for c in w):
                out.append(w)
                n += len(w) + 1
        return out or None

    def line(self, script, width, rng):
        """A mask at least about `width` * INK / 32 wide where words allow; (mask, font name, words) or None."""
        for _ in range(12):
            s = script if script != "Zyyy" else rng.choice(["Latn", "Latn", "Cyrl", "Grek", "Hebr"])
            font, name = self.font(s, rng)
            per = {"Hani": 1.0, "Jpan": 1.0, "Hang": 0.95, "Ethi": 0.75}.get(script, 0.55)
            count = max(2, width / 32 / per * rng.uniform(0.7, 1.5))
            words = self.common(font, count, rng) if script == "Zyyy" else self.text(script, font, count, rng)
            if words is None:
                continue
            gap = None if rng.random() < 0.7 else rng.uniform(0.15, 0.6)
            try:
                mask = font.draw(words, gap, rng)
            except (OSError, ValueError):
                continue
            if mask is not None:
                return mask, name, words
        return None


def kana_dense(w):
    """No more than two letters without kana in a row, so that a crop of a line shows kana."""
    run = 0
    for c in w:
        run = 0 if "\u3041" <= c <= "\u30ff" else run + 1
        if run > 2:
            return False
    return True
