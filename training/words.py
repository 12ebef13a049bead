"""Words by script: CLDR's locale data (Babel), translation catalogues (.mo) and spelling lists of the system.

A word is in the held-out part when the CRC of its UTF-8 is 0 modulo 10. Thin scripts get invented words besides, made
from pairs of letters that stand together in real words; held-out ones come from another seed and are no
training words.

    python words.py OUT.json        {"Latn": {"train": [...], "test": [...]}, ...}
"""

import gettext
import glob
import json
import random
import re
import sys
import unicodedata
import zlib

from babel import Locale, localedata

# First and last letter of each block that counts for a script.
BLOCKS = {
    "Latn": [(0x41, 0x5A), (0x61, 0x7A), (0xC0, 0x24F), (0x1E00, 0x1EFF)],
    "Cyrl": [(0x400, 0x52F)],
    "Grek": [(0x370, 0x3FF), (0x1F00, 0x1FFF)],
    "Armn": [(0x531, 0x587)],
    "Hebr": [(0x591, 0x5F4)],
    "Arab": [(0x610, 0x6FF), (0x750, 0x77F)],
    "Thaa": [(0x780, 0x7B1)],
    "Deva": [(0x900, 0x97F)],
    "Beng": [(0x980, 0x9FE)],
    "Guru": [(0xA01, 0xA76)],
    "Gujr": [(0xA81, 0xAFF)],
    "Orya": [(0xB01, 0xB77)],
    "Taml": [(0xB82, 0xBFA)],
    "Telu": [(0xC00, 0xC7F)],
    "Knda": [(0xC80, 0xCF2)],
    "Mlym": [(0xD00, 0xD7F)],
    "Sinh": [(0xD81, 0xDF4)],
    "Thai": [(0xE01, 0xE5B)],
    "Laoo": [(0xE81, 0xEDF)],
    "Tibt": [(0xF00, 0xFDA)],
    "Mymr": [(0x1000, 0x109F)],
    "Geor": [(0x10D0, 0x10FF)],
    "Ethi": [(0x1200, 0x139F)],
    "Cher": [(0x13A0, 0x13FD)],
    "Cans": [(0x1400, 0x167F)],
    "Khmr": [(0x1780, 0x17F9)],
    "Tfng": [(0x2D30, 0x2D7F)],
    "Hani": [(0x4E00, 0x9FFF), (0x3400, 0x4DBF)],
    "Kana": [(0x3041, 0x30FF)],
    "Hang": [(0xAC00, 0xD7A3)],
}
MARKS = {"\u200c", "\u200d"}  # joiners: taken off, many fonts draw them as a box
LIMIT = 30000
THIN = {"Cans": 4000, "Thaa": 4000, "Tfng": 4000, "Cher": 2000}


def script_of(c):
    n = ord(c)
    for s, blocks in BLOCKS.items():
        for a, b in blocks:
            if a <= n <= b and not (unicodedata.category(c) in ("Nd", "No", "Po") and s not in ("Tibt",)):
                return s
    return None


TABLE = {}
for _s, _b in BLOCKS.items():
    for _a, _z in _b:
        for _n in range(_a, _z + 1):
            if script_of(chr(_n)) == _s:
                TABLE[chr(_n)] = _s
SPLIT = re.compile(r"[\s/|\u00a0\u2000-\u200b\u2010-\u206f\u3000-\u3002]+")


def strings(x):
    if isinstance(x, str):
        yield x
    elif isinstance(x, dict):
        for k, v in x.items():
            yield from strings(v)
    elif isinstance(x, (list, tuple)):
        for v in x:
            yield from strings(v)


def texts():
    for name in sorted(localedata.locale_identifiers()):
        if name.count("_") > 1:
            continue
        data = localedata.load(name, merge_inherited=False) if name != "root" else {}
        yield name, strings(data)
    for path in sorted(glob.glob("/usr/share/locale/*/LC_MESSAGES/*.mo")):
        lang = path.split("/")[4]
        if lang.split("_")[0].split("@")[0] == "en":
            continue
        try:
            with open(path, "rb") as f:
                cat = gettext.GNUTranslations(f)._catalog
        except (OSError, UnicodeDecodeError, ValueError, LookupError):
            continue
        yield lang, (v for k, v in cat.items() if k and isinstance(v, str))
    for path in sorted(glob.glob("/usr/share/hunspell/*.dic")):
        lang = path.split("/")[-1][:-4]
        for code in ("utf-8", "latin-1"):
            try:
                lines = open(path, encoding=code).read().split("\n")[1:]
                break
            except UnicodeDecodeError:
                continue
        if code == "latin-1":
            continue
        yield lang, (x.split("/")[0].split("\t")[0] for x in lines)


def held(word):
    return zlib.crc32(word.encode()) % 10 == 0


def collect():
    pool, japan = {s: set() for s in BLOCKS}, set()
    for lang, parts in texts():
        ja = lang.startswith("ja")
        for text in parts:
            for word in SPLIT.split(unicodedata.normalize("NFC", text)):
                word = "".join(c for c in word if c not in MARKS and c != "_").strip(
                    "\"'.,;:!?()[]{}<>=+*&%#$-…“”‘’«»`~^@\\"
                )
                seen = {TABLE.get(c) for c in word}
                if not word or None in seen or len(word) > 24:
                    continue
                if ja and (seen <= {"Kana", "Hani"}):
                    if "Kana" in seen:
                        japan.add(word)
                    else:
                        pool["Hani"].add(word)
                elif len(seen) == 1:
                    s = seen.pop()
                    if s == "Latn" and len(pool[s]) > 400000:
                        continue
                    pool[s].add(word)
    del pool["Kana"]
    pool["Jpan"] = japan
    return pool


def invent(words, count, rng, real):
    """Words of letter pairs seen in `words`."""
    after, first = {}, []
    for w in sorted(words):
        first.append(w[0])
        for a, b in zip(w, w[1:]):
            after.setdefault(a, []).append(b)
    out = set()
    tries = 0
    while len(out) < count and tries < count * 40:
        tries += 1
        w = rng.choice(first)
        n = rng.randint(2, 9)
        while len(w) < n and w[-1] in after:
            w += rng.choice(after[w[-1]])
        if len(w) >= 2 and w not in real and not unicodedata.category(w[0]).startswith("M"):
            out.add(w)
    return out


def main(out):
    pool, result = collect(), {}
    for s in sorted(pool):
        words = {w for w in pool[s] if len(w) > 1 or s in ("Hani", "Jpan", "Hang")}
        train = sorted(w for w in words if not held(w))
        test = sorted(w for w in words if held(w))
        rng = random.Random("words " + s)
        rng.shuffle(train)
        rng.shuffle(test)
        real = len(words)
        if s in THIN:
            made = invent(words, THIN[s], rng, words)
            train += sorted(w for w in made if not held(w))
            test += sorted(w for w in made if held(w))
        result[s] = {"train": train[:LIMIT], "test": test[: LIMIT // 8]}
        print(s, real, len(result[s]["train"]), len(result[s]["test"]), " ".join(result[s]["train"][:4]))
    with open(out, "w", encoding="utf-8") as f:
        json.dump(result, f, ensure_ascii=False, indent=0)


if __name__ == "__main__":
    main(sys.argv[1])
