"""Makes the pictures of tests/data/cli (developers only; needs numpy and Pillow 13): a smooth photo-like JPEG with an
EXIF orientation, and a palette PNG."""
import os

import numpy as np
from PIL import Image

folder = os.path.join(os.path.dirname(__file__), "data", "cli")
y, x = np.mgrid[0:30, 0:40]
waves = np.stack([128 + 100 * np.sin(x / 5 + k) * np.cos(y / (4 + k)) for k in range(3)], axis=-1).astype(np.uint8)
exif = Image.Exif()
exif[0x0112] = 6
Image.fromarray(waves).save(os.path.join(folder, "cat.jpg"), quality=80, exif=exif)
Image.fromarray(waves[:24, :24]).quantize(16).save(os.path.join(folder, "dog.png"), optimize=True)
