"""The labelled images that bench/learn.py compares on, and how they are split: lists of (path, label).

    stamps       Debian's tuxpaint-stamps-default, unpacked: its categories, but for "symbols", whose images are letters
    openclipart  Debian's openclipart-png, unpacked: the second level of folders that have 30 images or more
    digits       scikit-learn's digits, enlarged to 96 x 96"""
import pathlib
import random


def by_folder(root, folders, least):
    pairs = []
    for folder in folders:
        files = sorted(path for path in folder.rglob("*.png") if path.is_file())
        if len(files) >= least:
            pairs += [(path.absolute(), str(folder.relative_to(root))) for path in files]
    return pairs


def stamps(root):
    root = pathlib.Path(root) / "usr/share/tuxpaint/stamps"
    return by_folder(root, [folder for folder in sorted(root.glob("*/")) if folder.name != "symbols"], 6)


def openclipart(root):
    root = pathlib.Path(root) / "usr/share/openclipart/png"
    return by_folder(root, sorted(root.glob("*/*/")), 30)


def digits(to):
    from PIL import Image
    from sklearn.datasets import load_digits
    data = load_digits()
    pairs = []
    for i, (pixels, label) in enumerate(zip(data.images, data.target)):
        path = (pathlib.Path(to) / f"{i:04d}.png").absolute()
        image = Image.fromarray((255 - pixels * 15.9).astype("uint8"))
        image.resize((96, 96), Image.Resampling.BICUBIC).save(path)
        pairs.append((path, str(label)))
    return pairs


def split(pairs, seed):
    """To learn from, and 3 of 10 images of each label held out."""
    rng = random.Random(seed)
    learn, held = [], []
    for name in sorted({label for _, label in pairs}):
        own = [pair for pair in pairs if pair[1] == name]
        rng.shuffle(own)
        cut = round(0.3 * len(own))
        held += own[:cut]
        learn += own[cut:]
    return sorted(learn), sorted(held)
