"""Images without text, for the class "no text": wallpapers of Debian packages in grey, at most 1000 pixels on a side.

python photos.py OUT.npz FOLDER...     arrays "train/NAME" and "test/NAME"; a fifth is held out, by the CRC of the name
"""

import glob
import os
import sys
import zlib

import numpy as np
from PIL import Image


def main(out, folders):
    found = {}
    for folder in folders:
        for path in sorted(glob.glob(os.path.join(folder, "**", "*"), recursive=True)):
            name = os.path.basename(path)
            if not name.lower().endswith((".jpg", ".jpeg", ".png")) or "logo" in name or "buntu" in name:
                continue  # those have a name written on them
            with Image.open(path) as image:
                image = image.convert("RGB").convert("L")
            image.thumbnail((1000, 1000))
            side = "test" if zlib.crc32(name.encode()) % 5 == 0 else "train"
            found[f"{side}/{name}"] = np.asarray(image)
    print(len(found), "images,", sum(k.startswith("test") for k in found), "held out")
    np.savez(out, **found)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
