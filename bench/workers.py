"""Two workers against one: how many times as many images a second?

    bench/workers.py --cvt ./cvt -m efficientnet-lite0 DIR --rounds 9

In each round DIR is classified by one process with one thread, by two such processes with --shard 1/2 and 2/2, and by
one process with -j 2, one after the other. Times are those of a clock, so the machine must be quiet and have two free
cores. A ratio is the time of one worker by that of the others in the same round, less the time that a run over an empty
list takes: a long job does not notice the starting. The ratios with the starting stand behind.

The records of all three must be the same. A hash does not cut a few images into halves: take some thousands, which may
be links to the same file."""
import argparse
import subprocess
import sys
import tempfile
import time

from common import spread


def run(options, workers):
    """Starts a process for each (cores, arguments); seconds until the last one ends, and the lines of all."""
    command = [options.cvt, "classify", "-q", "-m", options.model, "-f", "jsonl", "-t", "1"]
    files = [tempfile.TemporaryFile() for _ in workers]  # a pipe that is not read would stop its worker
    start = time.perf_counter()
    processes = [subprocess.Popen(["taskset", "-c", cores, *command, *arguments], stdout=file)
                 for (cores, arguments), file in zip(workers, files)]
    failed = [process.wait() for process in processes]
    seconds = time.perf_counter() - start
    if any(failed):
        sys.exit("a worker has failed")
    lines = []
    for file in files:
        file.seek(0)
        lines += file.read().splitlines()
        file.close()
    return seconds, sorted(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory")
    parser.add_argument("--cvt", default="./cvt")
    parser.add_argument("-m", "--model", default="efficientnet-lite0")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    # Each process of one thread is kept on one core: even with -t 1 -j 1 it decodes an image while the model runs.
    images = ["-r", options.directory]
    ways = {"one worker": [("0", ["-j", "1", *images])],
            "two processes, --shard": [(core, ["-j", "1", "--shard", shard, *images])
                                       for core, shard in (("0", "1/2"), ("1", "2/2"))],
            "one process, -j 2": [("0,1", ["-j", "2", *images])]}
    ratios = {name: ([], []) for name in ways}
    for n in range(options.rounds):
        empty, _ = run(options, [("0", ["-j", "1", "--files-from", "/dev/null"])])
        for name, workers in ways.items():
            seconds, lines = run(options, workers)
            if name == "one worker":
                first, records = seconds, lines
                print(f"round {n + 1}: {len(lines) / (seconds - empty):.1f} images a second, one worker", flush=True)
            elif lines != records:
                sys.exit(f"{name}: other records than one worker's")
            ratios[name][0].append((first - empty) / (seconds - empty))
            ratios[name][1].append(first / seconds)
    for name in list(ways)[1:]:
        print(f"{name}: {spread(ratios[name][0])}; with starting: {spread(ratios[name][1])}")


if __name__ == "__main__":
    main()
