"""What `--decode fast` saves, and how often it answers otherwise.

    bench/decode.py --cvt ./cvt -m efficientnet-lite0 DIR --rounds 7       DIR: JPEGs, as photos.py makes them

A round classifies DIR with each of both, in turn, with one thread; the time is that of the processor (getrusage), of
the whole process. A run over an empty list takes the time of starting off both. The answers are compared too: on how
many images is the best class the same, and by how much does its score differ?"""
import argparse
import json
import resource
import statistics
import subprocess

from common import cpu_ms, spread


def classify(options, decode, directory):
    """Milliseconds of the processor, and the best class of each path with its score."""
    before = cpu_ms(resource.RUSAGE_CHILDREN)
    command = [options.cvt, "classify", "-q", "-m", options.model, "-f", "jsonl", "-k", "1", "-j", "1", "-t", "1",
               "--decode", decode, *([directory] if directory else ["--files-from", "/dev/null"])]
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    spent = cpu_ms(resource.RUSAGE_CHILDREN) - before
    best = {}
    for line in out.splitlines():
        record = json.loads(line)
        best[record["path"]] = (record["top"][0]["index"], record["top"][0]["score"])
    return spent, best


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory")
    parser.add_argument("--cvt", default="./cvt")
    parser.add_argument("-m", "--model", default="efficientnet-lite0")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    times, ratios = {"exact": [], "fast": []}, []
    for _ in range(options.rounds):
        empty, _ = classify(options, "exact", None)
        for decode, kept in times.items():
            spent, best = classify(options, decode, options.directory)
            kept.append((spent - empty) / len(best))
            if decode == "exact":
                exact = best
        ratios.append(times["exact"][-1] / times["fast"][-1])
    for decode, kept in times.items():
        print(f"{decode}: {spread(kept)} ms of CPU an image")
    print(f"exact / fast: {spread(ratios)}")
    for least in (0, 0.5):
        paths = [path for path in exact if exact[path][1] >= least]
        same = [path for path in paths if exact[path][0] == best[path][0]]
        apart = [abs(exact[path][1] - best[path][1]) for path in same] or [0]
        print(f"of scores from {least}: the same best class for {len(same)} of {len(paths)} images, "
              f"{100 * len(same) / max(len(paths), 1):.1f} %; its score differs by {statistics.median(apart):.4f} "
              f"(median), at most {max(apart):.3f}")


if __name__ == "__main__":
    main()
