"""Compares answers of `cvt classify -f jsonl -k 5`: python agreement.py REFERENCE OTHER...

Prints for each OTHER in how many images the first class is REFERENCE's, in how many the five are the same set, and the
mean and largest difference of the first class's score.
"""
import json
import sys
from pathlib import Path


def read(path):
    records = [json.loads(line) for line in open(path, encoding="utf-8")]
    return {record["path"]: {top["index"]: top["score"] for top in record["top"]} for record in records}


def main():
    reference = read(sys.argv[1])
    for path in sys.argv[2:]:
        other = read(path)
        if other.keys() != reference.keys():
            sys.exit(f"{path}: not the images of {sys.argv[1]}")
        pairs = [(reference[image], other[image]) for image in reference]
        first = sum(next(iter(a)) == next(iter(b)) for a, b in pairs)
        five = sum(a.keys() == b.keys() for a, b in pairs)
        off = [abs(a[c] - b.get(c, 0)) for a, b in pairs for c in [next(iter(a))]]
        print(f"{Path(path).stem}: top-1 {100 * first / len(pairs):.2f} %, top-5 sets {100 * five / len(pairs):.2f} %, "
              f"first score off by {sum(off) / len(off):.4f}, at most {max(off):.3f}, over {len(pairs)} images")


main()
