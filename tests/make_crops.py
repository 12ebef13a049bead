"""Makes crops of real photos, for tests/agreement.sh: python make_crops.py OUT COUNT PHOTO...

Crop number i comes from photo i mod the number of photos: turned by up to 15 degrees, a random part of 8 to 100 % of
the area, flipped or not, brightness, contrast and colour times 0.7 to 1.4, every fourth blurred a little; 256 x 256,
JPEG. The same names and, with the same Pillow, the same bytes in every run. Needs Pillow (13) alone.
"""
import random
import sys
from pathlib import Path

from PIL import Image, ImageEnhance, ImageFilter

SIDE = 256


def crop(photo, rng):
    image = photo.rotate(rng.uniform(-15, 15), Image.Resampling.BICUBIC)
    share, ratio = rng.uniform(0.08, 1), rng.uniform(0.75, 1.33)
    width = min(image.width, (share * image.width * image.height * ratio) ** 0.5)
    height = min(image.height, width / ratio)
    x, y = rng.uniform(0, image.width - width), rng.uniform(0, image.height - height)
    image = image.resize((SIDE, SIDE), Image.Resampling.BICUBIC, (x, y, x + width, y + height))
    if rng.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for change in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = change(image).enhance(rng.uniform(0.7, 1.4))
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 1.5))) if rng.random() < 0.25 else image


def main():
    out, count = Path(sys.argv[1]), int(sys.argv[2])
    photos = [Image.open(path).convert("RGB") for path in sys.argv[3:]]
    out.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        crop(photos[i % len(photos)], random.Random(i)).save(out / f"{i:05}.jpg", quality=92)


main()
