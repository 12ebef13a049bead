"""From a mask of ink to a grey line of 32 x W, as it might come from a clean file, a bad scan or a photograph.

Every function takes and gives float32 arrays, 0 = no ink or black. `level` 0 is clean (geometry within what
cutting lines gives, a contrast, slight blur), 1 is damaged, 2 badly damaged.
"""

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

H = 32


def blur(a, sigma):
    if sigma < 0.15:
        return a
    im = Image.fromarray(np.clip(a * 255, 0, 255).astype(np.uint8))
    return np.asarray(im.filter(ImageFilter.GaussianBlur(sigma)), np.float32) / 255


def weight(mask, rng):
    """Thicker or thinner strokes: part of a 3 x 3 maximum or minimum."""
    k = rng.random()
    if k < 0.5:
        return mask
    im = Image.fromarray(mask)
    f = ImageFilter.MaxFilter(3) if k < 0.78 else ImageFilter.MinFilter(3)
    share = rng.uniform(0.2, 0.9) if k < 0.78 else rng.uniform(0.2, 0.6)
    return (mask * (1 - share) + np.asarray(im.filter(f)) * share).astype(np.uint8)


def place(mask, width, level, rng):
    """Draws the mask into 32 x width by one bilinear map: size, place, stretch, slant, skew, curve, elastic. Returns
    the ink [32, width], 0 to 1, and where the seen part of the mask begins and ends, in parts of its width."""
    h, w = mask.shape
    tall = rng.uniform(18, 29) if rng.random() < 0.75 else rng.uniform(13, 31.5)
    stretch = np.exp(rng.normal(0, 0.06 if level == 0 else 0.13))
    s = h / tall  # mask pixels a pixel, down
    sx = s / stretch  # and across
    have = w / sx
    x0 = (width - have) / 2 if have < width else -rng.uniform(0, have - width)
    if have < width:
        x0 += rng.uniform(-0.5, 0.5) * (width - have) * (rng.random() < 0.5)
    y0 = (H - tall) / 2 + rng.uniform(-1, 1) * min(2.5, max(0.5, (H - tall) / 2))
    ys, xs = np.mgrid[0:H, 0:width].astype(np.float32)
    u, v = xs - x0, ys - y0
    slant = rng.normal(0, 0.04 if level == 0 else 0.12)
    u = u + slant * (ys - H / 2)
    skew = rng.normal(0, 0.3 if level == 0 else (0.8 if level == 1 else 1.2)) * np.pi / 180
    v = v + np.tan(skew) * (xs - width / 2) * min(1.0, 160 / width)
    if level and rng.random() < 0.3:
        v = v + rng.normal(0, 1.2) * np.sin(xs / width * np.pi * rng.uniform(0.5, 2.5) + rng.uniform(0, 6))
    if rng.random() < (0.2 if level == 0 else 0.45):
        a, f, g = rng.uniform(0.2, 0.9), rng.uniform(0.05, 0.35), rng.uniform(0.1, 0.5)
        p = rng.uniform(0, 6, 4)
        u = u + a * np.sin(ys * g + p[0] + xs * f * 0.6) * np.cos(xs * f + p[1])
        v = v + a * 0.7 * np.sin(xs * f + p[2]) * np.cos(ys * g + p[3])
    if s > 1.6:
        mask = np.asarray(Image.fromarray(mask).filter(ImageFilter.BoxBlur((s - 1) * 0.45)))
    u, v = u * sx, v * s
    pad = np.zeros((h + 2, w + 2), np.float32)
    pad[1:-1, 1:-1] = mask
    u, v = np.clip(u + 1, 0, w + 0.999), np.clip(v + 1, 0, h + 0.999)
    iu, iv = u.astype(np.int32), v.astype(np.int32)
    fu, fv = u - iu, v - iv
    flat, base = pad.ravel(), iv * (w + 2) + iu
    a = flat[base] * (1 - fu) + flat[base + 1] * fu
    b = flat[np.minimum(base + w + 2, flat.size - 1)] * (1 - fu) + flat[np.minimum(base + w + 3, flat.size - 1)] * fu
    ink = (a * (1 - fv) + b * fv) * (1 / 255)
    return ink, max(0.0, -x0 / have), min(1.0, (width - x0) / have)


def smooth_noise(h, w, cells, rng):
    small = rng.random((max(2, cells), max(2, round(cells * w / h)))).astype(np.float32)
    return np.asarray(Image.fromarray(small).resize((w, h), Image.BICUBIC))


def soiled(ink, level, rng, others):
    """What befalls the ink: pale and broken strokes, parts of other lines, rules. Also what shows through the paper."""
    h, w = ink.shape
    if level and rng.random() < 0.25:
        ink = np.clip(ink * rng.uniform(0.6, 1.6) + (rng.uniform(-0.15, 0.15) * ink), 0, 1)
    if level and rng.random() < 0.2:  # broken strokes
        ink = ink * (smooth_noise(h, w, rng.integers(6, 16), rng) > rng.uniform(0.05, 0.25))
    under = np.zeros_like(ink)
    if others and rng.random() < (0.12 if level == 0 else 0.4):  # parts of the lines above and below
        o = others[rng.integers(len(others))][:, :w]
        if o.shape[1] == w:
            d = int(rng.integers(24, 31))
            n = np.zeros_like(ink)
            if rng.random() < 0.5:
                n[: h - d] = o[d:]
            else:
                n[d:] = o[: h - d]
            ink = np.maximum(ink, n)
    if level and others and rng.random() < 0.15:
        o = others[rng.integers(len(others))][:, :w]
        if o.shape[1] == w:
            under = blur(o[:, ::-1], rng.uniform(0.5, 1.5)) * rng.uniform(0.08, 0.3)
    if level and rng.random() < 0.15:  # a ruled line or a frame
        y = int(rng.integers(0, h))
        ink = ink.copy()
        if rng.random() < 0.75:
            ink[y : y + int(rng.integers(1, 3))] = np.maximum(ink[y : y + 2][:1], rng.uniform(0.3, 1))
        else:
            x = int(rng.integers(0, w))
            ink[:, x : x + int(rng.integers(1, 3))] = rng.uniform(0.3, 1)
    return ink, under


def printed(ink, level, rng):
    """The grey of ink on paper, in its light."""
    h, w = ink.shape
    if level == 0:
        paper, dark = rng.uniform(0.85, 1), rng.uniform(0, 0.25)
        if rng.random() < 0.5:
            paper, dark = 1.0, 0.0
    elif level == 1:
        paper = rng.uniform(0.55, 1)
        dark = paper - rng.uniform(0.35, 1) * paper
    else:
        paper = rng.uniform(0.35, 1)
        dark = paper - rng.uniform(0.18, 0.9) * paper
    g = paper + (dark - paper) * ink
    if level and rng.random() < 0.5:  # uneven light, shadow
        xs, ys = np.linspace(-1, 1, w, dtype=np.float32), np.linspace(-1, 1, h, dtype=np.float32)
        g = g * (
            1 + rng.normal(0, 0.12) * xs[None] + rng.normal(0, 0.08) * ys[:, None] + rng.normal(0, 0.06) * xs[None] ** 2
        )
    if level and rng.random() < 0.35:  # mottled paper
        g = g + (smooth_noise(h, w, int(rng.integers(3, 24)), rng) - 0.5) * rng.uniform(
            0.03, 0.2 if level == 1 else 0.35
        )
    return g


def scanned(g, level, rng):
    """What the machine that took the image makes of it: blur, low resolution, motion, noise, a threshold."""
    h, w = g.shape
    k = rng.random()
    if level == 0:
        return blur(g, rng.uniform(0, 0.5)) if k < 0.4 else g
    if k < 0.55:
        g = blur(g, rng.uniform(0.2, 0.9 if level == 1 else 1.5))
    elif k < 0.75:  # low resolution
        f = rng.uniform(0.45, 0.9) if level == 1 else rng.uniform(0.36, 0.7)
        im = Image.fromarray(np.clip(g * 255, 0, 255).astype(np.uint8))
        mode = [Image.BILINEAR, Image.BOX, Image.BICUBIC][rng.integers(3)]
        im = im.resize((max(8, round(w * f)), max(8, round(h * f))), mode).resize(
            (w, h), [Image.NEAREST, Image.BILINEAR, Image.BICUBIC][rng.integers(3)]
        )
        g = np.asarray(im, np.float32) / 255
    elif k < 0.82:  # motion
        n = int(rng.integers(2, 4 if level == 1 else 5))
        g = sum(np.roll(g, i - n // 2, 1) for i in range(n)) / n
    if rng.random() < 0.55:
        g = g + rng.normal(0, rng.uniform(0.01, 0.06 if level == 1 else 0.13), g.shape).astype(np.float32)
    if rng.random() < 0.12:  # threshold, as fax and document scanners do
        g = np.clip(g, 0, 1)
        t = g.min() + (g.max() - g.min()) * rng.uniform(0.4, 0.65)
        g = (g + rng.normal(0, 0.03, g.shape) > t).astype(np.float32)
        if rng.random() < 0.5:
            g = np.abs(g - (rng.random(g.shape) < rng.uniform(0.002, 0.02)))
        if rng.random() < 0.5:
            g = blur(g, 0.4)
    elif rng.random() < 0.08:
        g = np.where(rng.random(g.shape) < rng.uniform(0.002, 0.02), rng.integers(0, 2, g.shape), g)
    return g


def finish(ink, level, rng, others):
    """Ink, paper, light, dirt and the machine that took the image. `others`: masks of other lines, for neighbours and
    the other side of the paper. None where the letters cannot be read any more."""
    dirty, under = soiled(ink, level, rng, others)
    g = scanned(printed(np.maximum(dirty, under), level, rng), level, rng)
    if level == 0 and rng.random() < 0.15:
        g = g + rng.normal(0, 0.012, g.shape)
    if rng.random() < (0.08 if level == 0 else 0.15):
        g = 1 - g
    out = np.clip(g * 255 + 0.5, 0, 255).astype(np.uint8)
    if level and rng.random() < 0.4 or rng.random() < 0.1:
        q = int(rng.integers(60, 95)) if level == 0 else int(rng.integers(15, 80))
        f = io.BytesIO()
        Image.fromarray(out).save(f, "JPEG", quality=q)
        f.seek(0)
        out = np.asarray(Image.open(f).convert("L"))
    if level and not abs(np.corrcoef(out.ravel().astype(np.float32), ink.ravel())[0, 1]) > 0.5:
        return None
    return out


def piece(photo, width, rng):
    """A line-shaped piece of a photograph, of any size and place, upright or not."""
    if rng.random() < 0.3:
        photo = photo.T
    h, w = photo.shape
    tall = int(np.clip(np.exp(rng.uniform(np.log(20), np.log(500))), 20, min(h, w * H // width)))
    wide = min(w, max(1, tall * width // H))
    y, x = int(rng.integers(0, h - tall + 1)), int(rng.integers(0, w - wide + 1))
    part = Image.fromarray(np.ascontiguousarray(photo[y : y + tall, x : x + wide]))
    return np.asarray(part.resize((width, H), Image.BOX if tall > 64 else Image.BILINEAR), np.float32) / 255


def flat(width, rng):
    return np.full((H, width), rng.uniform(0, 1), np.float32)


def clouds(width, rng):
    """Clouds of several sizes, as photographs have."""
    g = sum(smooth_noise(H, width, c, rng) * c ** -rng.uniform(0.4, 1.4) for c in (2, 4, 8, 16, 31))
    g = (g - g.min()) / (np.ptp(g) + 1e-6) * rng.uniform(0.3, 1) + rng.uniform(-0.2, 0.3)
    if rng.random() < 0.3:
        g = (g > np.median(g) + rng.normal(0, 0.1)).astype(np.float32)
    return g


def rules(width, rng):
    """Rules, frames, tables."""
    g = np.zeros((H, width), np.float32)
    for _ in range(rng.integers(1, 4)):
        y = int(rng.integers(0, H))
        g[y : y + int(rng.integers(1, 5))] = 1
    for _ in range(rng.integers(0, 7)):
        x = int(rng.integers(0, width))
        g[:, x : x + int(rng.integers(1, 5))] = 1
    if rng.random() < 0.3:
        g *= (np.arange(width, dtype=np.float32) // int(rng.integers(1, 6))) % 2
    return 1 - g * rng.uniform(0.3, 1)


def gratings(width, rng):
    """Halftone, gratings, checks."""
    ys, xs = np.mgrid[0:H, 0:width].astype(np.float32)
    a, f = rng.uniform(0, np.pi), rng.uniform(0.2, 2.5)
    g = np.sin((xs * np.cos(a) + ys * np.sin(a)) * f)
    if rng.random() < 0.6:
        g = g * np.sin((xs * np.sin(a) - ys * np.cos(a)) * f)
    g = 0.5 + 0.5 * g * rng.uniform(0.3, 1)
    if rng.random() < 0.5:
        g = (g > rng.uniform(0.3, 0.7)).astype(np.float32)
    return g


def shapes(width, rng):
    """Discs, boxes, strokes."""
    im = Image.new("L", (width * 2, H * 2), 255 if rng.random() < 0.7 else int(rng.integers(0, 256)))
    d = ImageDraw.Draw(im)
    for _ in range(rng.integers(1, 14)):
        x, y = float(rng.uniform(-10, width * 2)), float(rng.uniform(-20, H * 2))
        r = float(rng.uniform(3, 60))
        c = int(rng.integers(0, 256)) if rng.random() < 0.5 else 0
        t = rng.random()
        if t < 0.25:
            d.ellipse((x - r, y - r, x + r, y + r), fill=c if rng.random() < 0.5 else None, outline=c, width=2)
        elif t < 0.5:
            box = (x, y, x + r * rng.uniform(0.3, 3), y + r)
            d.rectangle(box, fill=c if rng.random() < 0.5 else None, outline=c, width=2)
        elif t < 0.75:
            bends = rng.integers(2, 5)
            line = [(x + float(rng.normal(0, 40)), float(rng.uniform(-10, H * 2 + 10))) for _ in range(bends)]
            d.line(line, fill=c, width=int(rng.integers(1, 7)))
        else:
            corners = rng.integers(3, 7)
            d.polygon([(x + float(rng.normal(0, r)), y + float(rng.normal(0, r))) for _ in range(corners)], fill=c)
    return np.asarray(im.resize((width, H), Image.BOX), np.float32) / 255


def specks(width, rng):
    """Noise and specks."""
    g = np.full((H, width), rng.uniform(0.3, 1), np.float32) + rng.normal(
        0, rng.uniform(0.01, 0.3), (H, width)
    ).astype(np.float32)
    if rng.random() < 0.5:
        g = np.where(rng.random(g.shape) < rng.uniform(0.001, 0.05), 0, g)
    return g


def steps(width, rng):
    """Steps, as in bar codes and charts."""
    n = rng.integers(6, 90)
    v = (rng.random(n) < 0.5).astype(np.float32) if rng.random() < 0.6 else rng.random(n).astype(np.float32)
    if rng.random() < 0.5:
        return np.repeat(v, width // n + 1)[:width][None].repeat(H, 0)
    t = (np.repeat(rng.random(n), width // n + 1)[:width] * H)[None]
    return (np.arange(H, dtype=np.float32)[:, None] > t).astype(np.float32)


# What is no text and is drawn, each up to its share.
DRAWN = [(0.12, flat), (0.34, clouds), (0.5, rules), (0.62, gratings), (0.8, shapes), (0.9, specks), (1, steps)]


def no_text(width, rng, others, photos=()):
    """A line-shaped piece of something that is no text."""
    k = rng.random()
    if len(photos) > 0 and rng.random() < 0.4:
        g = piece(photos[rng.integers(len(photos))], width, rng)
    else:
        g = next(draw for share, draw in DRAWN if k < share)(width, rng)
    if others and rng.random() < 0.3:  # the feet or heads of a neighbouring line only
        o = others[rng.integers(len(others))]
        if o.shape[1] >= width:
            d = int(rng.integers(26, 31))
            n = np.zeros((H, width), np.float32)
            n[: H - d] = o[d:, :width]
            g = g * (1 - n)
    if rng.random() < 0.5:
        g = blur(np.clip(g, 0, 1), rng.uniform(0.2, 1.5))
    if rng.random() < 0.4:
        g = g + rng.normal(0, rng.uniform(0.01, 0.08), g.shape)
    if rng.random() < 0.4:
        a = rng.uniform(0.2, 1)
        g = g * a + rng.uniform(0, 1 - a)
    return np.clip(g * 255 + 0.5, 0, 255).astype(np.uint8)
