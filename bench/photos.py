"""Large JPEGs as cameras write them, made from images that are at hand: for measuring decoding.

    bench/photos.py SOURCE... OUT --count 60                 SOURCE: images, or directories of them
    bench/photos.py stamps/ OUT --count 600 --smallest 64 --square --size 2200x2200    cliparts on a white square

Each image is laid over white where it is transparent, cut to the shape of --size about its middle (with --square it is
padded instead), scaled by Pillow's Lanczos filter and saved with 4:2:0 chroma at a quality that --seed draws from
--quality, which is also what chooses --count of the sources. Needs Pillow."""
import argparse
import pathlib
import random

from PIL import Image, ImageOps

ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}


def sources(paths):
    """The images, one of a name (packages hold each wallpaper at many sizes: the largest file counts)."""
    found = {}
    for path in paths:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.suffix.lower() not in ENDINGS or not file.is_file() or file.is_symlink():
                continue
            # plasma's wallpapers: NAME/contents/images/WIDTHxHEIGHT.png
            name = file.parent if file.stem.split("x")[0].isdigit() else file
            if name not in found or file.stat().st_size > found[name].stat().st_size:
                found[name] = file
    return [found[name] for name in sorted(found)]


def make(file, options, size):
    image = Image.open(file)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    image = image.convert("RGB")
    if options.square:
        return ImageOps.pad(image, size, Image.Resampling.LANCZOS, color="white")
    return ImageOps.fit(image, size, Image.Resampling.LANCZOS)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="+", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=60, help="how many; 0: all")
    parser.add_argument("--size", default="4000x3000")
    parser.add_argument("--quality", default="85-92")
    parser.add_argument("--square", action="store_true")
    parser.add_argument("--smallest", type=int, default=1000, help="pass over images with a shorter side, in pixels")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    size = tuple(int(side) for side in options.size.split("x"))
    lowest, highest = (int(q) for q in options.quality.split("-"))
    rng = random.Random(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    files = sources(options.source)
    rng.shuffle(files)
    made = 0
    for file in files:
        if options.count and made == options.count:
            break
        with Image.open(file) as image:
            if min(image.size) < options.smallest:
                continue
        to = options.out / f"{made:04d}-{file.stem}.jpg"
        make(file, options, size).save(to, quality=rng.randint(lowest, highest), subsampling="4:2:0")
        made += 1
    bytes_ = sum(file.stat().st_size for file in options.out.glob("*.jpg"))
    print(f"{made} JPEGs of {options.size}, {bytes_ / max(made, 1) / 1e6:.2f} MB each")


if __name__ == "__main__":
    main()
