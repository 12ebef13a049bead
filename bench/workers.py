"""Two workers against one: how many times as many images a second?

    bench/workers.py --cvt ./cvt -m efficientnet-lite0 DIR --rounds 9

In each round DIR is classified by one process with one thread, by two such processes with --shard 1/2 and 2/2, and by
one process with -j 2, one after the other; each process of one thread is kept on one core, as it would use a second one
for decoding. The time is that of a clock, of a quiet machine with two free cores. A
ratio is the time of the first by that of another in the same round. A run over an empty list, whose time is taken off
both, is the starting, which a long job does not notice; the ratios with it stand behind. The records of all three must
be the same. A hash does not cut a few
images into halves: take some thousands, which may be links to the same file."""
import argparse
import statistics
import subprocess
import sys
import tempfile
import time


def run(options, *ways):
    """Starts a process for each way; seconds until the last one ends, and the lines of all."""
    command = ["taskset", "-c", "0", options.cvt, "classify", "-q", "-m", options.model, "-f", "jsonl", "-t", "1"]
    files = [tempfile.TemporaryFile() for _ in ways]  # a pipe that is not read would stop its worker
    start = time.perf_counter()
    # one process on one core: with -t 1 -j 1 it still decodes the next image while it runs the model on this one
    cores = ["0", "1"] if "2" not in ways[0] else ["0,1"]
    processes = [subprocess.Popen([*command[:2], cores[i], *command[3:], *way], stdout=file)
                 for i, (way, file) in enumerate(zip(ways, files))]
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


def told(name, ratios):
    return f"{name}: {statistics.median(ratios):.2f} [{min(ratios):.2f} .. {max(ratios):.2f}]"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory")
    parser.add_argument("--cvt", default="./cvt")
    parser.add_argument("-m", "--model", default="efficientnet-lite0")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    ways = {"one worker": [["-j", "1", "-r", options.directory]],
            "two processes, --shard": [["-j", "1", "--shard", f"{i}/2", "-r", options.directory] for i in (1, 2)],
            "one process, -j 2": [["-j", "2", "-r", options.directory]]}
    ratios = {name: ([], []) for name in ways}
    for n in range(options.rounds):
        empty, _ = run(options, ["-j", "1", "--files-from", "/dev/null"])
        for name, arguments in ways.items():
            seconds, lines = run(options, *arguments)
            if name == "one worker":
                first, records = seconds, lines
                print(f"round {n + 1}: {len(lines) / (seconds - empty):.1f} images a second, one worker", flush=True)
            elif lines != records:
                sys.exit(f"{name}: other records than one worker's")
            ratios[name][0].append((first - empty) / (seconds - empty))
            ratios[name][1].append(first / seconds)
    for name in list(ways)[1:]:
        print(told(name, ratios[name][0]), told("; with starting", ratios[name][1]), sep="")


if __name__ == "__main__":
    main()
