#!/usr/bin/env python3
"""Writes WebP images, JPEGs for --decode fast and PNGs for --alpha, and what Pillow 13 makes of them, for test_image.c.

    make_decoders.py FOLDER           the full set: then build/test_image FOLDER
    make_decoders.py --small FOLDER   the few small ones that are committed as tests/data/decoders

FOLDER/manifest.txt is as that of make_images.py, with these steps more: decode-white and decode-black, the pixels laid
over that colour, which NumPy computes from Pillow's RGBA (or from the samples, where Pillow has no RGBA of them); and
RECIPE/draft, the tensor of RECIPE after Image.draft for the size that the recipe resizes to. Fixed seed.
HEIC is written and read by pillow-heif, AVIF by Pillow; only such as all versions of libheif decode to the same pixels.
Needs what make_images.py needs, pillow-heif, and cwebp and webpmux (Debian: webp)."""
import io
import os
import struct
import subprocess
import sys
import tempfile
import zlib

import numpy as np
import pillow_heif
from PIL import Image, ImageOps, features

import make_images
from make_images import RECIPES, chunk, picture, png, tiff

make_images.rng = np.random.default_rng(20261201)
FILES = []  # (name, bytes, small, lines)


def crc(array):
    return f"{zlib.crc32(np.ascontiguousarray(array).tobytes()):08x}"


def line(step, array):
    """A line of the manifest without the file's name: pixels are [H, W, 3], tensors [C, H, W]."""
    height, width = array.shape[:2] if array.dtype == np.uint8 else array.shape[1:]
    return f"{step} {height} {width} {crc(array)}"


def add(name, data, lines, small=False):
    assert name not in [file[0] for file in FILES], name
    FILES.append((name, data, small, lines))


def over(rgba, back):
    """(c a + b (255 - a)) / 255, rounded: halves do not occur, since 255 is odd."""
    colour, a = rgba[..., :3].astype(np.int64), rgba[..., 3:].astype(np.int64)
    return np.rint((colour * a + back * (255 - a)) / 255).astype(np.uint8)


def blends(rgba):
    return [line("decode-white", over(rgba, 255)), line("decode-black", over(rgba, 0))]


# ---- WebP ---------------------------------------------------------------------------------------------------------

def webp_lines(data, index):
    image = Image.open(io.BytesIO(data))
    rgba = np.asarray(image.convert("RGBA"))
    rgb = image.convert("RGB")
    turned = rgb.copy()
    turned.info = dict(image.info)
    upright = ImageOps.exif_transpose(turned) if "exif" in image.info else rgb
    upright.info = {}
    lines = [line("decode", np.asarray(rgb)), line("orient", np.asarray(upright))] + blends(rgba)
    names = ["timm", "vit", "squash", "border_whole", "lanczos"]
    recipe = names[index % len(names)]
    if max(upright.size) < 50 * min(upright.size):
        lines.append(line(recipe, RECIPES[recipe](upright)))
    return lines


def webp(name, data, small=False):
    add(f"webp_{name}.webp", data, webp_lines(data, len(FILES)), small)


def saved(image, **how):
    out = io.BytesIO()
    image.save(out, "WEBP", **how)
    return out.getvalue()


def image_of(width, height, channels):
    pixels = picture(width, height, channels).astype(np.uint8)
    return Image.fromarray(pixels if channels > 1 else pixels[..., 0])


def tool(program, *words, **files):
    """Runs cwebp or webpmux in a folder with these files; words "@name" are their paths, "@out" is the result."""
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(data)
        words = [os.path.join(folder, word[1:]) if word.startswith("@") else word for word in words]
        subprocess.run([program, *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(os.path.join(folder, "out"), "rb") as file:
            return file.read()


def webps():
    sizes = [(1, 1), (1, 9), (9, 1), (2, 2), (3, 5), (16, 16), (17, 15), (33, 1), (1, 33), (63, 64), (97, 61), (130, 301),
        (300, 200), (5, 257)]
    for width, height in sizes:
        small = (width, height) in ((1, 1), (17, 15), (97, 61))
        for channels in (3, 4):
            image = image_of(width, height, channels)
            webp(f"lossy{channels}_{width}x{height}", saved(image, quality=70), small)
            webp(f"lossless{channels}_{width}x{height}", saved(image, lossless=True), small and width < 90)
            webp(f"exact{channels}_{width}x{height}", saved(image, lossless=True, exact=True))
    for quality in (0, 1, 10, 30, 50, 75, 90, 95, 99, 100):
        for method in (0, 3, 6):
            webp(f"q{quality}_m{method}", saved(image_of(120, 77, 3 + quality % 2), quality=quality, method=method))
    for quality in (0, 20, 60, 100):
        webp(f"alpha_q{quality}", saved(image_of(75, 50, 4), quality=80, alpha_quality=quality), quality == 20)
        webp(f"lossless_q{quality}", saved(image_of(75, 50, 4), lossless=True, quality=quality))
    webp("gray", saved(image_of(40, 30, 1)))
    webp("palette", saved(image_of(40, 30, 3).quantize(16), lossless=True))
    for colours in (2, 4, 17, 256):
        webp(f"colours{colours}", saved(image_of(61, 40, 3).quantize(colours).convert("RGB"), lossless=True), colours == 2)
    for orientation in range(1, 10):
        exif = tiff(orientation, "<" if orientation % 2 else ">")
        image = image_of(31, 20, 3 + orientation % 2)
        webp(f"exif_{orientation}", saved(image, exif=exif, lossless=orientation % 3 == 0), orientation in (3, 6))
        webp(f"exif_prefix_{orientation}", saved(image, exif=b"Exif\0\0" + exif))
    webp("icc", saved(image_of(31, 20, 3), icc_profile=bytes(200)))
    webp("xmp", saved(image_of(31, 20, 4), xmp=b"<x/>"))
    plain = io.BytesIO()
    image_of(90, 70, 4).save(plain, "PNG")
    plain = plain.getvalue()
    for name, words in {
        "sharp_yuv": ["-sharp_yuv"], "segments": ["-segments", "4", "-q", "20"], "partitions": ["-partition_limit", "90"],
        "near_lossless": ["-near_lossless", "30"], "no_alpha": ["-noalpha"], "simple_filter": ["-nostrong", "-f", "60"],
        "strong_filter": ["-strong", "-f", "100", "-sharpness", "7"], "sharpness": ["-sharpness", "3", "-f", "40"],
        "low_memory": ["-low_memory"], "jpeg_like": ["-jpeg_like"], "noise": ["-sns", "100"], "size": ["-size", "2000"],
        "alpha_filter_best": ["-alpha_filter", "best"], "alpha_filter_none": ["-alpha_filter", "none"],
        "alpha_raw": ["-alpha_method", "0"], "blend_alpha": ["-blend_alpha", "0x336699"], "exact": ["-exact"],
        "photo": ["-preset", "photo"], "drawing": ["-preset", "drawing"], "icon": ["-preset", "icon"],
        "text": ["-preset", "text"], "pass": ["-pass", "6", "-q", "35"], "pre4": ["-pre", "4"], "z9": ["-z", "9"],
        "hint_graph": ["-lossless", "-hint", "graph"], "crop": ["-crop", "3", "5", "61", "33"],
    }.items():
        webp(f"cwebp_{name}", tool("cwebp", *words, "@in.png", "-o", "@out", **{"in.png": plain}),
             name in ("segments", "alpha_raw"))
    for count, loop in ((2, 0), (3, 5)):
        for lossless in (False, True):
            frames = [image_of(53, 37, 4) for _ in range(count)]
            webp(f"animated{count}_{'lossless' if lossless else 'lossy'}", saved(frames[0], save_all=True,
                append_images=frames[1:], duration=40, loop=loop, lossless=lossless), count == 2 and lossless)
    still, other = saved(image_of(31, 20, 4), lossless=True, exact=True), saved(image_of(40, 33, 3))
    for name, first in {"offset": "+10+12+6+0+b", "offset_no_blend": "+10+12+6+1-b", "at_corner": "+10+0+0+1+b"}.items():
        webp(f"animated_{name}", tool("webpmux", "-frame", "@a", first, "-frame", "@b", "+20+2+4+0+b", "-loop", "1",
            "-bgcolor", "255,40,80,120", "-o", "@out", a=still, b=other), name == "offset")
    webp("animated_one", tool("webpmux", "-frame", "@a", "+10+8+2+0+b", "-o", "@out", a=other))
    webp("animated_exif", tool("webpmux", "-set", "exif", "@e", "@w", "-o", "@out", e=tiff(6),
        w=saved(image_of(20, 30, 4), save_all=True, append_images=[image_of(20, 30, 4)], lossless=True)))
    good = saved(image_of(31, 20, 3))
    huge = saved(image_of(31, 20, 3), lossless=True)
    assert huge[12:16] == b"VP8L"
    huge = huge[:21] + struct.pack("<I", 0xfffffff | huge[24] << 24 & 0xf0000000) + huge[25:]  # 16384 x 16384
    webp("junk_after", good + b"junk" * 9, True)
    for name, data, code in (
        ("cut_1", good[:-1], "truncated"), ("cut_head", good[:14], "truncated"), ("cut_half", good[:len(good) // 2],
        "truncated"), ("no_frame", good[:12], "truncated"), ("bad_frame", good[:23] + b"\0\0\0" + good[26:], "corrupt"),
        ("cut_still", still[:60], "truncated"), ("huge", huge, "too_large"), ("huge_cut", huge[:40], "too_large"),
    ):
        try:
            Image.open(io.BytesIO(data)).convert("RGB")
            raise AssertionError(name)
        except (OSError, EOFError, SyntaxError, Image.DecompressionBombError):
            add(f"bad_webp_{name}.webp", data, [f"error {code}"], True)


# ---- HEIC and AVIF ------------------------------------------------------------------------------------------------

def heif(name, data, small=False):
    image = Image.open(io.BytesIO(data))
    rgb, rgba = image.convert("RGB"), np.asarray(image.convert("RGBA"))
    assert image.getexif().get(0x112, 1) == 1, "turned already"
    add(name, data, [line("decode", np.asarray(rgb)), line("orient", np.asarray(rgb)), line("vit", RECIPES["vit"](rgb))]
        + blends(rgba), small)


def heifs():
    pillow_heif.register_heif_opener()

    def encoded(image, kind, **how):
        out = io.BytesIO()
        image.save(out, kind, **how)
        return out.getvalue()

    for width, height in ((64, 64), (97, 61), (300, 200)):
        for channels in (3, 4):
            for chroma in ("422", "444"):
                heif(f"heic_{width}x{height}_{channels}_{chroma}.heic", encoded(image_of(width, height, channels), "HEIF",
                    quality=50, chroma=chroma), width == 64 and chroma == "444")
        heif(f"avif_{width}x{height}.avif", encoded(image_of(width, height, 1), "AVIF", quality=60, subsampling="4:0:0"),
            width == 64)
    for orientation in range(1, 9):
        heif(f"heic_exif_{orientation}.heic", encoded(image_of(80, 66, 3), "HEIF", quality=30, chroma="444",
            exif=b"Exif\0\0" + tiff(orientation)), orientation == 6)
    good = encoded(image_of(64, 64, 3), "HEIF", quality=30, chroma="444")
    add("bad_heic_cut.heic", good[:-40], ["error truncated"], True)
    add("bad_heic_head.heic", good[:40], ["error corrupt"], True)


# ---- alpha --------------------------------------------------------------------------------------------------------

def rgba_of(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


def alpha(name, data, rgba, small=True):
    """Pillow agrees where it has an RGBA of such a file."""
    add(f"alpha_{name}.png", data, blends(rgba), small)


def alphas():
    def trns(*values):
        return chunk(b"tRNS", b"".join(struct.pack(">H", value) for value in values))

    for interlace in (False, True):
        i = "_i" if interlace else ""
        for depth in (8, 16):
            for kind, channels in ((4, 2), (6, 4)):
                data = png(picture(29, 17, channels, 1 << depth), kind, depth, interlace)
                alpha(f"{kind}_{depth}{i}", data, rgba_of(data), depth == 16 or interlace)
        for depth in (1, 2, 4, 8):
            samples = picture(29, 17, 1, 1 << depth)
            key = int(samples[0, 0, 0])
            data = png(samples, 0, depth, interlace, trns(key))
            scaled = samples[..., 0] * (255 // ((1 << depth) - 1))
            rgba = np.stack([scaled] * 3 + [np.where(samples[..., 0] == key, 0, 255)], -1)
            assert np.array_equal(rgba, rgba_of(data)), (depth, "gray")
            alpha(f"gray_{depth}{i}", data, rgba, interlace)
            entries = 1 << depth
            plte = chunk(b"PLTE", make_images.rng.integers(0, 256, entries * 3, dtype=np.uint8).tobytes())
            half = make_images.rng.integers(0, 256, max(1, entries // 2), dtype=np.uint8).tobytes()
            data = png(samples, 3, depth, interlace, plte + chunk(b"tRNS", half))
            alpha(f"palette_{depth}{i}", data, rgba_of(data), not interlace)
        samples = picture(29, 17, 3)
        key = [int(v) for v in samples[0, 0]]
        data = png(samples, 2, 8, interlace, trns(*key))
        rgba = np.concatenate([samples, np.where((samples == key).all(-1), 0, 255)[..., None]], -1)
        assert np.array_equal(rgba, rgba_of(data)), "rgb"
        alpha(f"rgb_8{i}", data, rgba, interlace)
        # Pillow compares these with the upper bytes only, or not at all
        samples = picture(29, 17, 3, 65536)
        key = [int(v) for v in samples[0, 0]]
        samples[1, 1] = [key[0], key[1], key[2] ^ 1]
        data = png(samples, 2, 16, interlace, trns(*key))
        alpha(f"rgb_16{i}", data, np.concatenate([samples >> 8, np.where((samples == key).all(-1), 0, 255)[..., None]], -1))
        gray = picture(29, 17, 1, 65536)[..., 0]
        key = int(gray[0, 0])
        gray[1, 1] = key ^ 1
        data = png(gray[..., None], 0, 16, interlace, trns(key))
        alpha(f"gray_16{i}", data, np.stack([(gray + 128) // 257] * 3 + [np.where(gray == key, 0, 255)], -1))
    data = png(picture(29, 17, 3), 2, 8)
    alpha("none", data, rgba_of(data))


# ---- drafts -------------------------------------------------------------------------------------------------------

def short(size):
    return lambda w, h: (size, size * h // w) if w <= h else (size * w // h, size)


# the size that a recipe resizes an upright image of (w, h) to
TO = {"nearest": short(62), "box": short(62), "lanczos": short(62), "timm": short(256), "timm_vit": short(248),
    "vit": lambda w, h: (224, 224), "squash": lambda w, h: (88, 106), "raw": lambda w, h: (56, 40),
    "torch_crop": None}


def draft_line(data, recipe):
    image = Image.open(io.BytesIO(data))
    turned = image.getexif().get(0x112, 1) in (5, 6, 7, 8)
    if TO[recipe]:
        size = TO[recipe](*(image.size[::-1] if turned else image.size))
        image.draft("RGB", size[::-1] if turned else size)
    image.load()
    rgb = image.convert("RGB")
    rgb.info = dict(image.info)
    upright = ImageOps.exif_transpose(rgb) if turned or "exif" in image.info else rgb
    upright.info = {}
    return line(recipe + "/draft", RECIPES[recipe](upright))


def draft(name, data, recipes, small=False):
    add(f"draft_{name}.jpg", data, [draft_line(data, recipe) for recipe in recipes], small)


def drafts(encode):
    def jpeg(width, height, channels=3, exif=None, **how):
        out = io.BytesIO()
        pixels = (picture(width, height, channels) // 3 + 60).astype(np.uint8)
        image = Image.fromarray(pixels if channels > 1 else pixels[..., 0], "CMYK" if channels == 4 else None)
        extra = {"exif": b"Exif\0\0" + exif} if exif else {}
        image.save(out, "JPEG", **how, **extra)
        return out.getvalue()

    every = list(TO)
    for width, height in ((1600, 1200), (1203, 801), (801, 1203), (499, 2000), (2049, 512), (450, 449), (123, 130), (497, 500)):
        for sampling in ("4:4:4", "4:2:2", "4:2:0"):
            for progressive in (False, True):
                draft(f"{width}x{height}_{sampling.replace(':', '')}{'_p' if progressive else ''}",
                    jpeg(width, height, quality=80, subsampling=sampling, progressive=progressive), every)
    for orientation in range(1, 9):
        draft(f"exif_{orientation}", jpeg(640, 250, exif=tiff(orientation), quality=20), every, orientation == 6)
    draft("gray", jpeg(500, 375, 1, quality=30), every, True)
    draft("cmyk", jpeg(500, 375, 4, quality=30), every)
    draft("small", jpeg(251, 187, quality=25), ["nearest", "box", "raw", "squash", "torch_crop"], True)
    draft("small_p", jpeg(187, 251, quality=25, progressive=True, subsampling="4:2:0"), ["lanczos", "nearest", "raw"], True)
    draft("one_third", jpeg(187, 191, quality=40), ["nearest", "raw"], True)
    for factors in (("4x1",), ("1x2",), ("1x4",), ("4x2",), ("2x4",), ("3x1",), ("3x2",)):
        samples = [*factors, "1x1", "1x1"]
        draft("factors_" + factors[0], encode(700, 555, 3, "ycc", 70, "-", *samples), every)


def main():
    arguments = sys.argv[1:]
    small = arguments[:1] == ["--small"]
    folder = arguments[-1]
    os.makedirs(folder, exist_ok=True)
    webps()
    heifs()
    alphas()
    with tempfile.TemporaryDirectory() as scratch:
        drafts(make_images.Encoder(scratch))
    total = 0
    with open(os.path.join(folder, "manifest.txt"), "w") as manifest:
        for name, data, is_small, lines in FILES:
            if small and not is_small:
                continue
            total += len(data)
            with open(os.path.join(folder, name), "wb") as file:
                file.write(data)
            for text in lines:
                manifest.write(f"{name} {text}\n")
    print(f"{sum(not small or file[2] for file in FILES)} files, {total} bytes; libwebp {features.version('webp')}")


if __name__ == "__main__":
    main()
