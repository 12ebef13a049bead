#!/usr/bin/env python3
"""Writes pictures of all kinds and what Pillow 13 and the real image processors make of them, for test_image.c.

    make_images.py FOLDER           the full set, a few hundred pictures: then build/test_image FOLDER
    make_images.py --small FOLDER   the few dozen small ones that are committed as tests/data/images

FOLDER/manifest.txt has lines "FILE STEP HEIGHT WIDTH CRC32": the checksum of the RGB bytes after decode, decode-clip
(16-bit grey as Pillow has it), decode-torn (with LOAD_TRUNCATED_IMAGES), orient, RECIPE/resize, or of the f32 tensor of
RECIPE; and "FILE error CODE" for a file that must be refused. The recipes are those of test_image.c. Fixed seed.
Needs pillow 13, numpy, torch, torchvision, timm, transformers, a C compiler and libjpeg."""
import io
import os
import struct
import subprocess
import sys
import tempfile
import zlib

import numpy as np

try:
    import tvfix  # noqa: F401  lets a torchvision load that does not fit the installed torch
except ImportError:
    pass
import PIL
from PIL import Image, ImageFile, ImageOps
from timm.data.transforms_factory import transforms_imagenet_eval
from torchvision import transforms
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil
from transformers.models.deit.image_processing_pil_deit import DeiTImageProcessorPil
from transformers.models.pvt.image_processing_pil_pvt import PvtImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

assert PIL.__version__.startswith("13."), "the pixels are those of Pillow 13"
Image.MAX_IMAGE_PIXELS = None
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
HALF = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}

rng = np.random.default_rng(20261122)


# ---- content ------------------------------------------------------------------------------------------------------

def picture(width, height, channels=3, levels=256):
    """Gradients, edges and noise: each in its third of the picture, so that every filter has something to get wrong."""
    y, x = np.mgrid[0:height, 0:width]
    smooth = np.stack([(x * (3 + c) + y * (7 - c)) % (levels * 2) for c in range(channels)], -1)
    smooth = np.where(smooth >= levels, 2 * levels - 1 - smooth, smooth)
    edges = np.repeat((((x // 3 + y // 5) % 2) * (levels - 1))[..., None], channels, -1)
    noise = rng.integers(0, levels, (height, width, channels))
    third = ((3 * x) // max(width, 1))[..., None]
    return np.where(third == 0, smooth, np.where(third == 1, edges, noise)).astype(np.int64)


# ---- writers ------------------------------------------------------------------------------------------------------

FILES = []  # (name, bytes, small, code of the error it must give)


def add(name, data, small=False, error=None):
    assert name not in [file[0] for file in FILES], name
    FILES.append((name, data, small, error))


def bad(name, data, error):
    add("bad_" + name, data, small=len(data) < 25000, error=error)


def by_pillow(image, kind="JPEG", **how):
    out = io.BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


def rgb(width, height):
    return Image.fromarray(picture(width, height).astype(np.uint8))


class Encoder:
    def __init__(self, folder):
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "encode_jpeg.c")
        self.program = os.path.join(folder, "encode_jpeg")
        subprocess.run(["cc", "-O1", "-o", self.program, source, "-ljpeg"], check=True)

    def __call__(self, width, height, components, space, quality, flags, *factors):
        raw = picture(width, height, components).astype(np.uint8).tobytes()
        words = [str(w) for w in (self.program, width, height, components, space, quality, flags, *factors)]
        return subprocess.run(words, input=raw, stdout=subprocess.PIPE, check=True).stdout


def chunk(kind, data, crc=None):
    crc = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def packed(samples, depth):
    """Rows of samples as PNG has them: bytes, or several samples a byte from the left."""
    rows = samples.reshape(samples.shape[0], -1)
    if depth == 16:
        return [row.astype(">u2").tobytes() for row in rows]
    if depth == 8:
        return [row.astype("u1").tobytes() for row in rows]
    bits = (rows[..., None] >> np.arange(depth - 1, -1, -1)) & 1
    return [np.packbits(row.reshape(-1).astype("u1")).tobytes() for row in bits]


def filtered(rows, bpp):
    """Each row behind a filter chosen at random."""
    out, before = [], bytes(len(rows[0])) if rows else b""
    for row in rows:
        kind = int(rng.integers(0, 5))
        line = bytearray(len(row))
        for i, value in enumerate(row):
            a = row[i - bpp] if i >= bpp else 0
            b = before[i]
            c = before[i - bpp] if i >= bpp else 0
            p = a + b - c
            nearest = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            line[i] = (value - (0, a, b, (a + b) // 2, nearest)[kind]) & 255
        out.append(bytes([kind]) + bytes(line))
        before = row
    return b"".join(out)


ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def png(samples, kind, depth, interlace=False, before=b"", after=b"", end=True, idats=1):
    height, width = samples.shape[:2]
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    bpp = max(1, channels * depth // 8)
    parts = [samples]
    if interlace:
        parts = [samples[y::dy, x::dx] for x, y, dx, dy in ADAM7]
    raw = b"".join(filtered(packed(part, depth), bpp) for part in parts if part.size)
    data = zlib.compress(raw, 6)
    cuts = [len(data) * i // idats for i in range(idats + 1)]
    body = b"".join(chunk(b"IDAT", data[a:b]) for a, b in zip(cuts, cuts[1:]))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, int(interlace)))
    return b"\x89PNG\r\n\x1a\n" + head + before + body + after + (chunk(b"IEND", b"") if end else b"")


def tiff(orientation, order="<", kind=3, extra=0):
    """An EXIF block with the orientation behind `extra` other entries."""
    head = b"II*\0" if order == "<" else b"MM\0*"
    entries = b"".join(struct.pack(order + "HHII", 0x100 + i, 4, 1, i) for i in range(extra))
    value = struct.pack(order + ("HH" if kind == 3 else "I"), *((orientation, 0) if kind == 3 else (orientation,)))
    entries += struct.pack(order + "HHI", 0x112, kind, 1) + value
    return head + struct.pack(order + "IH", 8, extra + 1) + entries + struct.pack(order + "I", 0)


def segment(marker, data):
    return bytes([0xff, marker]) + struct.pack(">H", len(data) + 2) + data


def with_segments(jpeg, *segments):
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


# ---- the pictures -------------------------------------------------------------------------------------------------

def jpegs(encode):
    for size in ((97, 61), (320, 240), (48, 200)):
        for sampling in (0, 1, 2):
            for progressive in (False, True):
                for quality in (50, 75, 95):
                    kind = '444 422 420'.split()[sampling] + ('_p' if progressive else '')
                    name = f"jpeg_{size[0]}x{size[1]}_{kind}_q{quality}"
                    data = by_pillow(rgb(*size), subsampling=sampling, progressive=progressive, quality=quality)
                    add(name + ".jpg", data, small=size == (97, 61) and quality == 75)
    for factors in ("4x1", "1x2", "1x4", "4x2", "2x1", "3x1", "2x2", "3x2", "2x4"):
        for flags in ("-", "p", "r", "a", "pa", "pr"):
            add(f"jpeg_{factors}_{flags}.jpg", encode(75, 50, 3, "ycc", 80, flags, factors, "1x1", "1x1"),
                small=flags == "-" or (factors, flags) in (("2x2", "a"), ("2x1", "r"), ("2x2", "pa")))
    for i, factors in enumerate((("1x1", "2x2", "1x1"), ("2x1", "1x2", "1x1"), ("2x2", "2x1", "1x2"), ("1x1", "1x1",
        "2x1"))):
        add(f"jpeg_mixed{i}.jpg", encode(66, 45, 3, "ycc", 85, "p" if i == 2 else "-", *factors), small=i == 1)
    for width, height in ((1, 1), (1, 2), (2, 1), (7, 9), (8, 8), (16, 16), (17, 15), (33, 1), (1, 33), (3, 700),
        (700, 3)):
        add(f"jpeg_tiny_{width}x{height}.jpg", by_pillow(rgb(width, height), quality=90), small=width * height < 300)
        add(f"jpeg_tiny_{width}x{height}_gray.jpg", by_pillow(rgb(width, height).convert("L"), quality=90))
    add("jpeg_65500x1.jpg", encode(65500, 1, 3, "ycc", 60, "-", "2x2", "1x1", "1x1"))
    add("jpeg_1x65500.jpg", encode(1, 65500, 3, "ycc", 60, "-", "2x2", "1x1", "1x1"))
    add("jpeg_wide.jpg", encode(2000, 40, 3, "ycc", 60, "p", "2x2", "1x1", "1x1"))
    add("jpeg_tall.jpg", encode(40, 2000, 3, "ycc", 60, "p", "2x2", "1x1", "1x1"), small=True)
    add("jpeg_photo.jpg", by_pillow(rgb(640, 480), quality=85))
    add("jpeg_portrait.jpg", by_pillow(rgb(427, 640), quality=60), small=True)
    add("jpeg_large.jpg", by_pillow(rgb(1500, 1100), quality=80, progressive=True))
    add("jpeg_gray.jpg", by_pillow(rgb(90, 70).convert("L"), quality=80), small=True)
    add("jpeg_gray_p.jpg", by_pillow(rgb(90, 70).convert("L"), quality=80, progressive=True))
    add("jpeg_gray_2x2.jpg", encode(45, 30, 1, "gray", 80, "-", "2x2"))
    add("jpeg_rgb.jpg", encode(60, 40, 3, "rgb", 85, "-", "1x1", "1x1", "1x1"), small=True)
    add("jpeg_rgb_ids_only.jpg", encode(60, 40, 3, "rgb", 85, "n", "1x1", "1x1", "1x1"), small=True)
    add("jpeg_ycc_no_jfif.jpg", encode(60, 40, 3, "ycc", 85, "n", "2x1", "1x1", "1x1"))
    add("jpeg_cmyk_pillow.jpg", by_pillow(rgb(60, 40).convert("CMYK"), quality=85), small=True)
    add("jpeg_cmyk_adobe.jpg", encode(60, 40, 4, "cmyk", 85, "-", *["1x1"] * 4), small=True)
    add("jpeg_cmyk_plain.jpg", encode(60, 40, 4, "cmyk", 85, "n", *["1x1"] * 4), small=True)
    add("jpeg_cmyk_p.jpg", encode(60, 40, 4, "cmyk", 85, "p", *["1x1"] * 4))
    add("jpeg_ycck.jpg", encode(60, 40, 4, "ycck", 85, "-", "2x2", "1x1", "1x1", "2x2"), small=True)
    add("jpeg_ycck_a.jpg", encode(60, 40, 4, "ycck", 85, "a", "2x1", "1x1", "1x1", "2x1"))
    base = by_pillow(rgb(50, 34), quality=80)
    add("jpeg_junk_after.jpg", base + b"junk" * 50, small=True)
    add("jpeg_junk_segments.jpg", with_segments(base, segment(0xe5, b"x" * 100), segment(0xfe, b"comment"),
        segment(0xe1, b"no exif")))
    flipped = bytearray(by_pillow(rgb(120, 90), quality=80, subsampling=0, restart_marker_blocks=6))
    where = flipped.index(b"\xff\xd1")
    flipped[where:where] = b"\0\0\0"  # bytes before a restart marker: libjpeg warns and goes on
    add("jpeg_extraneous_bytes.jpg", bytes(flipped), small=True)


def oriented():
    for orientation in range(10):
        order = "<>"[orientation % 2]
        exif = segment(0xe1, b"Exif\0\0" + tiff(orientation, order, extra=orientation % 3))
        add(f"exif_{orientation}.jpg", with_segments(by_pillow(rgb(70, 33), quality=85), exif),
            small=orientation in (5, 6, 9))
        chunks = chunk(b"eXIf", tiff(orientation, order))
        add(f"exif_{orientation}.png", png(picture(37, 21), 2, 8, before=chunks), small=orientation > 1)
    jpeg = by_pillow(rgb(40, 25), quality=85)
    first, second = (segment(0xe1, b"Exif\0\0" + tiff(o)) for o in (6, 3))
    add("exif_two.jpg", with_segments(jpeg, first, second))
    add("exif_behind_junk.jpg", with_segments(jpeg, segment(0xe2, b"\xff\xe1" * 40), segment(0xe1, b"http://x"),
        first), small=True)
    add("exif_long.jpg", with_segments(jpeg, segment(0xe1, b"Exif\0\0" + tiff(8, ">", kind=4))))
    add("exif_after_pixels.png", png(picture(20, 11), 2, 8, after=chunk(b"eXIf", tiff(6))), small=True)
    add("exif_prefixed.png", png(picture(20, 11), 2, 8, before=chunk(b"eXIf", b"Exif\0\0" + tiff(5))))


def pngs():
    kinds = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
    for kind, depths in kinds.items():
        for depth in depths:
            for interlace in (False, True):
                for width, height in ((29, 17), (5, 3), (1, 1)):
                    if (width, height) == (1, 1) and not interlace:
                        continue
                    entries = 1 << depth
                    samples = picture(width, height, channels[kind], 1 << depth)
                    colours = rng.integers(0, 256, entries * 3, dtype=np.uint8).tobytes() if kind == 3 else b""
                    before = chunk(b"PLTE", colours) if kind == 3 else b""
                    name = f"png_{kind}_{depth}{'_i' if interlace else ''}_{width}x{height}.png"
                    add(name, png(samples, kind, depth, interlace, before, idats=3), small=width == 29)
    gray, colour = picture(31, 20, 1), picture(31, 20)
    palette = rng.integers(0, 256, (200, 3), dtype=np.uint8)
    plte = chunk(b"PLTE", palette.tobytes())
    add("png_trns_gray.png", png(gray, 0, 8, before=chunk(b"tRNS", struct.pack(">H", int(gray[0, 0, 0])))), small=True)
    add("png_trns_gray4.png", png(gray // 16, 0, 4, before=chunk(b"tRNS", struct.pack(">H", 3))))
    add("png_trns_gray16.png", png(picture(31, 20, 1, 65536), 0, 16, before=chunk(b"tRNS", struct.pack(">H", 300))),
        small=True)
    add("png_trns_rgb.png", png(colour, 2, 8, before=chunk(b"tRNS", struct.pack(">HHH", *map(int, colour[0, 0])))),
        small=True)
    add("png_trns_rgb_i.png", png(colour, 2, 8, True, before=chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3))))
    add("png_trns_palette.png", png(gray % 200, 3, 8, before=plte + chunk(b"tRNS", bytes(range(100)))), small=True)
    add("png_trns_palette_i.png", png(gray % 200, 3, 8, True, before=plte + chunk(b"tRNS", bytes(200))))
    add("png_trns_gama.png", png(gray % 200, 3, 8, before=chunk(b"gAMA", struct.pack(">I",
        45455)) + plte + chunk(b"tRNS", bytes(50))), small=True)
    add("png_palette_partial.png", png(gray % 200, 3, 8, before=plte), small=True)
    add("png_palette_beyond.png", png(gray, 3, 8, before=plte), small=True)
    add("png_gray16_low.png", png(picture(31, 20, 1, 400), 0, 16), small=True)
    add("png_gama.png", png(colour, 2, 8, before=chunk(b"gAMA", struct.pack(">I", 100000))))
    add("png_srgb_chrm.png", png(colour, 2, 8, before=chunk(b"sRGB", b"\0") + chunk(b"cHRM", struct.pack(">8I",
        *range(1, 9)))))
    add("png_iccp.png", png(colour, 2, 8, before=chunk(b"iCCP", b"name\0\0" + zlib.compress(bytes(300)))))
    add("png_text.png", png(colour, 2, 8, before=chunk(b"tEXt", b"a\0b"), after=chunk(b"tEXt", b"c\0d")))
    add("png_bkgd_sbit.png", png(colour, 2, 8, before=chunk(b"sBIT", b"\5\6\5") + chunk(b"bKGD", struct.pack(">HHH",
        9, 9, 9))))
    add("png_private.png", png(colour, 2, 8, before=chunk(b"prVt", bytes(50))))
    add("png_no_end.png", png(colour, 2, 8, end=False), small=True)
    add("png_no_checksum.png", png(colour, 2, 8, end=False)[:-4])
    add("png_no_adler.png", png(colour, 2, 8, end=False)[:-8], small=True)
    add("png_bad_end_crc.png", png(colour, 2, 8)[:-1] + b"\0")
    bad = png(colour, 2, 8, end=False)
    add("png_bad_pixels_crc.png", bad[:-4] + b"\1\2\3\4" + chunk(b"IEND", b""), small=True)
    add("png_bad_late_crc.png", png(colour, 2, 8, after=chunk(b"tEXt", b"a\0b", crc=1)))
    add("png_junk_after.png", png(colour, 2, 8) + b"junk" * 9)
    add("png_many_idats.png", png(colour, 2, 8, idats=200))
    add("png_1x900.png", png(picture(1, 900), 2, 8))
    add("png_900x1.png", png(picture(900, 1), 2, 8, True))
    add("png_300x300_gray.png", png(picture(300, 300, 1), 0, 8))
    add("png_260x777.png", by_pillow(rgb(260, 777), "PNG"))
    add("png_512x300_rgba.png", by_pillow(Image.fromarray(picture(512, 300, 4).astype(np.uint8)), "PNG"))
    frame = struct.pack(">IIIIIHHBB", 0, 31, 20, 0, 0, 1, 10, 0, 0)
    add("png_animated.png", png(colour, 2, 8, before=chunk(b"acTL", struct.pack(">II", 1, 0)) + chunk(b"fcTL", frame)))


# ---- what must be refused -----------------------------------------------------------------------------------------

def patched(data, where, *values):
    return data[:where] + bytes(values) + data[where + len(values):]


def bad_jpegs(encode):
    base = encode(60, 40, 3, "ycc", 85, "-", "2x2", "1x1", "1x1")
    progressive = encode(60, 40, 3, "ycc", 85, "p", "2x2", "1x1", "1x1")
    sof, scan = base.index(b"\xff\xc0"), base.index(b"\xff\xda")  # marker, length, precision, height, width, components
    bad("jpeg_scans.jpg", encode(40, 30, 3, "ycc", 85, "s", "1x1", "1x1", "1x1"), "too_large")
    bad("jpeg_two.jpg", encode(20, 10, 2, "unknown", 85, "-", "1x1", "1x1"), "unsupported")
    bad("jpeg_12bit.jpg", patched(base, sof + 4, 12), "unsupported")
    bad("jpeg_lossless.jpg", patched(base, sof + 1, 0xc3), "unsupported")
    bad("jpeg_huge.jpg", patched(base, sof + 5, 0xff, 0xdc, 0xff, 0xdc), "too_large")
    bad("jpeg_over.jpg", patched(base, sof + 5, 0x34, 0x42, 0x34, 0x42), "too_large")  # 13378 x 13378
    bad("jpeg_side.jpg", patched(base, sof + 5, 0xff, 0xff, 0, 1), "too_large")
    bad("jpeg_lie.jpg", patched(base, sof + 5, 0x23, 0x28, 0x23, 0x28), "truncated")
    lie = progressive.index(b"\xff\xc2")
    # a scan ends at the next one
    bad("jpeg_lie_p.jpg", patched(progressive, lie + 5, 0x23, 0x28, 0x23, 0x28), "corrupt")
    bad("jpeg_no_height.jpg", patched(base, sof + 5, 0, 0), "corrupt")
    bad("jpeg_no_width.jpg", patched(base, sof + 7, 0, 0), "corrupt")
    bad("jpeg_no_tables.jpg", base[:2] + base[sof:], "corrupt")
    bad("jpeg_no_frame.jpg", base[:sof] + base[scan:], "corrupt")
    bad("jpeg_sampling.jpg", patched(base, sof + 11, 0x51), "corrupt")
    bad("jpeg_table_index.jpg", patched(base, sof + 12, 3), "corrupt")
    bad("jpeg_two_pictures.jpg", base[:-2] + base[2:], "corrupt")
    bad("jpeg_no_end.jpg", base[:-2], "truncated")
    bad("jpeg_half_end.jpg", base[:-1], "truncated")
    bad("jpeg_closed_early.jpg", base[:scan + 60] + b"\xff\xd9", "truncated")
    first = progressive.index(b"\xff\xda")
    second = progressive.index(b"\xff\xc4", first)
    bad("jpeg_short_scan.jpg", progressive[:second - 30] + progressive[second:], "corrupt")
    for cut in (2, 20, sof + 6, scan + 4, scan + 40):
        bad(f"jpeg_cut_{cut}.jpg", base[:cut], "truncated")
    for cut in (3, first + 30, second + 10, len(progressive) - 20):
        bad(f"jpeg_p_cut_{cut}.jpg", progressive[:cut], "truncated")


def bad_pngs():
    def file(*chunks, size=(31, 20), depth=8, kind=2, crc=None):
        head = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, kind, 0, 0, 0), crc)
        return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IEND", b"")

    raw = filtered(packed(picture(31, 20), 8), 3)
    good = zlib.compress(raw)
    pixels = chunk(b"IDAT", good)
    stored = bytearray(zlib.compress(raw, 0))
    stored[500] ^= 255
    bad("png_huge.png", file(pixels, size=(1000000, 1000000)), "too_large")
    bad("png_huger.png", file(pixels, size=(2**31 - 1, 2**31 - 1)), "too_large")
    bad("png_impossible.png", file(pixels, size=(2**31, 1)), "corrupt")
    bad("png_over.png", file(pixels, size=(13378, 13378)), "too_large")
    bad("png_side.png", file(pixels, size=(1000001, 1)), "too_large")
    bad("png_lie.png", file(pixels, size=(9000, 9000)), "corrupt")
    bad("png_no_width.png", file(pixels, size=(0, 20)), "corrupt")
    bad("png_no_height.png", file(pixels, size=(31, 0)), "corrupt")
    bad("png_depth.png", file(pixels, depth=3), "corrupt")
    bad("png_kind.png", file(pixels, kind=5), "corrupt")
    bad("png_kind_depth.png", file(pixels, depth=4), "corrupt")
    bad("png_crc_head.png", file(pixels, crc=7), "corrupt")
    bad("png_crc_palette.png", file(chunk(b"PLTE", bytes(9), 7), pixels), "corrupt")
    bad("png_crc_text.png", file(chunk(b"tEXt", b"a\0b", 7), pixels), "corrupt")
    bad("png_adler.png", file(chunk(b"IDAT", good[:-1] + bytes([good[-1] ^ 1]))), "corrupt")
    bad("png_flipped.png", file(chunk(b"IDAT", bytes(stored))), "corrupt")
    bad("png_filter.png", file(chunk(b"IDAT", zlib.compress(b"\7" + raw[1:]))), "corrupt")
    bad("png_few_rows.png", file(chunk(b"IDAT", zlib.compress(raw[:-100]))), "corrupt")
    bad("png_short_data.png", file(chunk(b"IDAT", good[:-40])), "corrupt")
    bad("png_split.png", file(chunk(b"IDAT", good[:90]), chunk(b"tEXt", b"a\0b"), chunk(b"IDAT", good[90:])), "corrupt")
    bad("png_no_pixels.png", file(), "corrupt")
    bad("png_no_palette.png", file(pixels, kind=3), "corrupt")
    bad("png_long_palette.png", file(chunk(b"PLTE", bytes(3 * 257)), pixels, kind=3), "corrupt")
    bad("png_head_late.png", file(pixels)[:8] + chunk(b"tEXt", b"a\0b") + file(pixels)[8:], "corrupt")
    bad("png_critical.png", file(chunk(b"ABCD", b"xx"), pixels), "corrupt")
    bad("png_chunk_length.png", file(struct.pack(">I", 2**31 - 1) + b"tEXt"), "truncated")
    bad("png_not_zlib.png", file(chunk(b"IDAT", b"abcdefgh" * 9)), "corrupt")
    whole = png(picture(31, 20), 2, 8, idats=3, end=False)
    for cut in (1, 8, 12, 20, 33, 40, 200, len(whole) // 2, len(whole) - 30):
        bad(f"png_cut_{cut}.png", whole[:cut], "truncated")
    bad("png_i_cut.png", png(picture(31, 20), 2, 8, True)[:800], "truncated")


def bad_others():
    image = rgb(20, 10)
    bad("empty.jpg", b"", "truncated")
    bad("text.jpg", b"version https://git-lfs.github.com/spec/v1\n", "format")
    bad("zeros.png", bytes(5000), "format")
    bad("noise.jpg", rng.integers(0, 256, 3000, dtype=np.uint8).tobytes(), "format")
    bad("signature.png", b"\x89PNG\n\x1a\n" + bytes(60), "format")  # line ends were converted
    for kind in ("GIF", "BMP", "TIFF", "WEBP", "PPM", "AVIF", "JPEG2000", "QOI", "DDS", "ICO"):
        if kind in ("WEBP", "AVIF"):
            continue  # make_decoders.py has these
        try:
            bad(f"other_{kind}.jpg", by_pillow(image, kind), "unsupported")
        except (KeyError, OSError) as error:
            print(f"this Pillow cannot write {kind}: {error}", file=sys.stderr)


def torn(encode):
    """Files that are read as far as they go with --allow-truncated."""
    for flags in "-", "r":
        data = encode(75, 50, 3, "ycc", 80, flags, "2x2", "1x1", "1x1")
        for part in (0.6, 0.8, 0.97):
            add(f"torn_{flags}_{int(part * 100)}.jpg", data[:int(len(data) * part)], small=part == 0.8,
                error="truncated")
    add("torn_no_end.jpg", encode(75, 50, 3, "ycc", 80, "p", "2x2", "1x1", "1x1")[:-2], error="truncated")
    for kind, channels in ((2, 3), (0, 1)):
        data = png(picture(40, 30, channels), kind, 8)
        for part in (0.3, 0.7):
            add(f"torn_{kind}_{int(part * 100)}.png", data[:int(len(data) * part)], small=True, error="truncated")


# ---- what should come out -----------------------------------------------------------------------------------------

def hf(processor, **how):
    """How a PIL-backed processor of transformers sees an RGB picture."""
    return lambda image: np.asarray(processor(images=image, return_tensors="np", **how)["pixel_values"][0], np.float32)


def timm(size, **how):
    transform = transforms_imagenet_eval(size, **how)
    return lambda image: transform(image).numpy()


def gray(transform):
    return lambda image: transform(image.convert("L"))


def crop_only(size):
    transform = transforms.Compose([transforms.CenterCrop(size), transforms.ToTensor(),
        transforms.Normalize(**IMAGENET)])
    return lambda image: transform(image).numpy()


RECIPES = {
    "convnext224": hf(ConvNextImageProcessorPil(size={"shortest_edge": 224}, image_mean=IMAGENET["mean"],
        image_std=IMAGENET["std"])),
    "convnext384": hf(ConvNextImageProcessorPil()),
    "vit": hf(ViTImageProcessorPil()),
    "deit": hf(DeiTImageProcessorPil()),
    "pvt": hf(PvtImageProcessorPil()),
    "raw": hf(DeiTImageProcessorPil(size={"height": 40, "width": 56}, crop_size={"height": 33, "width": 50},
        do_rescale=False)),
    "unnormalised": hf(ViTImageProcessorPil(size={"height": 50, "width": 30}, do_normalize=False)),
    "hf_crop": hf(DeiTImageProcessorPil(do_resize=False, crop_size={"height": 64, "width": 75})),
    "timm": timm(224, crop_pct=0.875, interpolation="bicubic", **IMAGENET),
    "timm_vit": timm(224, crop_pct=0.9, interpolation="bicubic", **HALF),
    "crossvit": timm(240, crop_pct=0.875, interpolation="bicubic", **IMAGENET),
    "squash": timm((96, 80), crop_pct=0.9, crop_mode="squash", interpolation="bicubic", **IMAGENET),
    "border": timm(128, crop_pct=0.9, crop_mode="border", interpolation="bicubic", **IMAGENET),
    "border_whole": timm((90, 130), crop_pct=1.0, crop_mode="border", interpolation="bilinear", **IMAGENET),
    "keep": timm((96, 160), crop_pct=0.875, interpolation="bicubic", **IMAGENET),
    "torch_crop": crop_only((64, 75)),
    "gray": gray(timm(64, crop_pct=0.875, interpolation="bicubic", mean=(0.5,), std=(0.25,))),
    "nearest": timm(50, crop_pct=0.8, interpolation="nearest", **IMAGENET),
    "box": timm(50, crop_pct=0.8, interpolation="box", **IMAGENET),
    "hamming": timm(50, crop_pct=0.8, interpolation="hamming", **IMAGENET),
    "lanczos": timm(50, crop_pct=0.8, interpolation="lanczos", **IMAGENET),
}
KEEPING = {"convnext224", "timm", "timm_vit", "crossvit", "keep", "gray", "nearest", "box", "hamming", "lanczos"}
# the resized picture itself, where Pillow alone says what it is: filter, and size for a picture of (w, h)
RESIZED = {
    "vit": (Image.BILINEAR, lambda w, h: (224, 224)),
    "convnext224": (Image.BICUBIC, lambda w, h: (256, 256 * h // w) if w <= h else (256 * w // h, 256)),
    "nearest": (Image.NEAREST, lambda w, h: (62, 62 * h // w) if w <= h else (62 * w // h, 62)),
}


def decoded(data):
    """RGB as Pillow has it, and with 16-bit grey scaled."""
    image = Image.open(io.BytesIO(data))
    image.load()
    clipped = image.convert("RGB")
    scaled = clipped
    if image.mode.startswith("I"):
        scaled = Image.fromarray(((np.asarray(image).astype(np.int64) + 128) // 257).astype(np.uint8)).convert("RGB")
    else:
        assert np.array_equal(np.asarray(image.convert("L")), np.asarray(clipped.convert("L")))
    return image, clipped, scaled


def torn_pixels(name, data):
    if not name.startswith("torn"):
        return
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    image = Image.open(io.BytesIO(data)).convert("RGB")
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    yield f"{name} decode-torn {image.height} {image.width} {zlib.crc32(np.asarray(image).tobytes()):08x}"


def expectations(name, data, index):
    image, clipped, scaled = decoded(data)

    def line(step, array, height, width):
        return f"{name} {step} {height} {width} {zlib.crc32(np.ascontiguousarray(array).tobytes()):08x}"

    def pixels(step, picture_):
        return line(step, np.asarray(picture_), picture_.height, picture_.width)

    turned = scaled.copy()
    turned.info = dict(image.info)
    upright = ImageOps.exif_transpose(turned) if "exif" in image.info else scaled
    yield pixels("decode", scaled)
    yield pixels("orient", upright)
    if clipped is not scaled:
        yield pixels("decode-clip", clipped)
    upright.info = {}
    thin = max(upright.size) > 1000 * min(upright.size)  # Pillow would compute all of a resized picture of gigabytes
    names = [name for name in RECIPES if not thin or name not in KEEPING]
    chosen = names if index % 8 == 0 else [names[(index * 5 + 4 * k) % len(names)] for k in range(5)]
    for recipe in chosen:
        try:
            tensor = RECIPES[recipe](upright)
        except (ValueError, MemoryError) as error:
            print(f"{name} {recipe}: {error}", file=sys.stderr)
            continue
        yield line(recipe, tensor, *tensor.shape[1:])
        if recipe in RESIZED:
            method, size = RESIZED[recipe]
            wanted = size(*upright.size)
            if wanted[0] * wanted[1] < 20_000_000:
                yield pixels(recipe + "/resize", upright.resize(wanted, method))


def main():
    arguments = sys.argv[1:]
    small = arguments[:1] == ["--small"]
    folder = arguments[-1]
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        encode = Encoder(scratch)
        jpegs(encode)
        bad_jpegs(encode)
        torn(encode)
    oriented()
    pngs()
    bad_pngs()
    bad_others()
    lines, total = [], 0
    for index, (name, data, is_small, error) in enumerate(FILES):
        if small and not is_small:
            continue
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data)
        total += len(data)
        if error:
            lines.append(f"{name} error {error}")
            lines += torn_pixels(name, data)
        else:
            lines += expectations(name, data, index)
    with open(os.path.join(folder, "manifest.txt"), "w") as file:
        file.write("\n".join(lines) + "\n")
    print(f"{len({line.split()[0] for line in lines})} pictures, {total} bytes, {len(lines)} expectations")


if __name__ == "__main__":
    main()
