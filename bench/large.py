"""One large image from the command to the answer, against Pillow's decoding and resizing alone.

    bench/large.py --cvt ./cvt --model models/efficientnet-lite0.safetensors PHOTO... [--threads 1] [--rounds 12]

Both take turns. What is compared is CPU time: all of the process `cvt classify`, its start and its network included,
and in this process `Image.open`, `convert` and `resize` to the shorter edge of 256, bicubic. Needs Pillow."""
import argparse
import resource
import statistics
import subprocess

from PIL import Image

from common import cpu_ms, spread


def ask_cvt(args, photo):
    begin = cpu_ms(resource.RUSAGE_CHILDREN)
    subprocess.run([args.cvt, "classify", "-m", args.model, "-t", args.threads, photo], stdout=subprocess.DEVNULL,
                   check=True)
    return cpu_ms(resource.RUSAGE_CHILDREN) - begin


def ask_pillow(photo):
    begin = cpu_ms(resource.RUSAGE_SELF)
    image = Image.open(photo).convert("RGB")
    short = min(image.size)
    image.resize(tuple(side * 256 // short for side in image.size), Image.Resampling.BICUBIC)
    return cpu_ms(resource.RUSAGE_SELF) - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+", metavar="PHOTO")
    parser.add_argument("--cvt", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--threads", default="1")
    parser.add_argument("--rounds", type=int, default=12)
    args = parser.parse_args()
    for photo in args.photos:
        pairs = [(ask_cvt(args, photo), ask_pillow(photo)) for _ in range(args.rounds)]
        cvt, pillow = (statistics.median(values) for values in zip(*pairs))
        print(f"{photo}: cvt / Pillow {spread([c / p for c, p in pairs])}, medians {cvt:.1f} and {pillow:.1f} ms of CPU",
              flush=True)


if __name__ == "__main__":
    main()
