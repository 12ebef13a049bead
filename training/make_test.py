"""Draws the 200 lines of tests/data/script and the pages beside them: what may be shown without a question of licence.

Fonts: only families under the SIL Open Font License or the Bitstream Vera licence, or in the public domain; held-
out ones where the script has such, else Noto (which is in training; their file names end in "-known"). Words: held-
out ones that CLDR has (Unicode licence), or letters put together where CLDR has too few. Half of the lines are
clean, half damaged; these in 8 greys, which keeps the files small.

    python make_test.py WORK tests/data/script
"""

import os
import sys
import unicodedata

from PIL import Image

from classes import CODES
from evaluate import page, whole_line
from make_data import Maker
from words import MARKS, SPLIT, TABLE, localedata, strings

# Families of held-out foundries that are free to show; scripts that are not here have none, and get Noto.
FREE = {
    "Latn": ["DejaVu Sans", "DejaVu Serif", "Cantarell"],
    "Cyrl": ["DejaVu Sans", "DejaVu Serif", "Cantarell"],
    "Grek": ["DejaVu Sans", "DejaVu Serif", "GFS Didot"],
    "Arab": ["DejaVu Sans", "Amiri"],
    "Deva": ["Annapurna SIL"],
    "Gujr": ["Rasa"],
    "Taml": ["Karla Tamil Upright", "Karla Tamil Inclined"],
    "Laoo": ["DejaVu Sans"],
    "Tibt": ["DDC Uchen"],
    "Mymr": ["Padauk", "Padauk Book"],
    "Khmr": ["Khmer Mondulkiri", "Khmer Busra"],
    "Geor": ["DejaVu Sans", "DejaVu Serif"],
    "Armn": ["DejaVu Sans", "DejaVu Serif"],
    "Ethi": ["Abyssinica SIL"],
    "Hani": ["LXGW WenKai"],
    "Jpan": ["BIZ UDPGothic"],
    "Hang": ["NanumGothic", "NanumMyeongjo"],
    "Cans": ["DejaVu Sans"],
    "Thaa": ["MPH 2B Damase"],
    "Tfng": ["DejaVu Sans"],
}


def cldr_words():
    """Every word of the locale data."""
    out = set()
    for name in sorted(localedata.locale_identifiers()):
        for text in strings(localedata.load(name, merge_inherited=False)):
            for word in SPLIT.split(unicodedata.normalize("NFC", text)):
                out.add("".join(c for c in word if c not in MARKS and TABLE.get(c)))
    return out


def restrict(maker):
    """Leaves the writer of `maker` only the words and fonts that may be shown. Returns the scripts in known fonts."""
    cldr, known, writer = cldr_words(), set(), maker.writer
    train = Maker(maker.work, "known").writer
    for s in list(writer.words):
        words = [w for w in writer.words[s] if w in cldr]
        if len(words) >= 10:
            writer.words[s] = words
        if s in FREE:
            rows = [(f, [(fam, x) for fam, x in fams if fam in FREE[s]]) for f, fams in writer.fonts[s]]
        else:
            known.add(s)
            rows = [(f, [(fam, x) for fam, x in fams if fam.startswith("Noto")]) for f, fams in train.fonts[s]]
        writer.fonts[s] = [(f, fams) for f, fams in rows if fams]
        writer.weights[s] = [len(x) ** 0.5 for _, x in writer.fonts[s]]
        print(s, len(words), "words of CLDR;", ", ".join(fam for _, x in writer.fonts[s] for fam, _ in x))
    return known


def main(work, out):
    maker = Maker(work, "test")
    known, maker.photos = restrict(maker), []
    for code in CODES:
        for i in range(7 if code in ("Latn", "Cyrl", "Grek", "Thai", "Laoo", "Hani", "Jpan", "Zxxx") else 6):
            image = whole_line(maker, code, i % 2, 5000 + i, ask=(100, 200), most=224)
            if image is None:
                raise SystemExit(f"no line {i} of {code}")
            folder = os.path.join(out, code)
            os.makedirs(folder, exist_ok=True)
            kind = ("damaged" if i % 2 else "clean") + ("-known" if code in known else "")
            if i % 2:
                image = (image >> 5) * 36
            Image.fromarray(image).save(os.path.join(folder, f"{i}-{kind}.png"), optimize=True)
    os.makedirs(out + "_pages", exist_ok=True)
    for code in ("Arab", "Khmr"):
        sheet = Image.fromarray(page(maker, code, 5000)).convert("1")
        sheet.save(os.path.join(out + "_pages", f"{code}.png"), optimize=True)
        sheet.rotate(180).save(os.path.join(out + "_pages", f"{code}-upside-down.png"), optimize=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
