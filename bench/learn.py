"""Beside scikit-learn: what `cvt learn` reaches on features, and how long its fit takes.

    bench/learn.py --cvt ./cvt TRAIN TEST     directories with a directory of images for each label; or lists of path,
                                              tab and label
    bench/learn.py --cvt ./cvt --stamps DIR --openclipart DIR --digits     a line for each set of learn_sets.py

`cvt embed` writes the features; LogisticRegressionCV learns from the same ones, standardised, with 5 folds, in one
thread. `cvt learn --val TEST` is timed as a whole, so the time of `cvt embed` on TRAIN and TEST is taken off. Both
times are of the processor; the memory is the most that `cvt learn` held, less the features. With --swap N that many labels of TRAIN are swapped (--seed), and what counts is how many of
them are among the 2 N most doubtful. With --unknown RATE a quarter of the labels of TRAIN, and 3 of 10 images of the
others, are not learned from; what counts is how many of either `cvt classify --unknown=RATE` calls unknown.
Needs numpy and scikit-learn, at the versions of requirements-learn.txt."""
import argparse
import json
import os
import pathlib
import random
import re
import resource
import subprocess
import tempfile
import time
import warnings

import learn_sets

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
import numpy  # noqa: E402
from sklearn.linear_model import LogisticRegressionCV  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402


def run(*command, good=(0,)):
    """The output of a program and the processor time that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode not in good:
        raise SystemExit(f"{command[1]}: {done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def read_pairs(data):
    """(path, label) of a directory, or of a list."""
    if data.is_file():
        return [line.split("\t") for line in data.read_text().splitlines()]
    return [(path, path.relative_to(data).parts[0]) for path in sorted(data.rglob("*")) if path.is_file()]


def features(options, data, to):
    """Features, labels, and the processor time. Images that cannot be read are left out, as `cvt learn` leaves them."""
    label_of = {str(path): label for path, label in read_pairs(data)}
    (to / "list").write_text("".join(f"{path}\n" for path in label_of))
    _, seconds = run(options.cvt, "embed", "--files-from", to / "list", "--alpha", options.alpha, "-t", 1, "-j", 1, "-o",
                     to / "f.npy", good=(0, 1))
    labels = [label_of[line] for line in (to / "f.txt").read_text().splitlines()]
    return numpy.load(to / "f.npy").reshape(len(labels), -1), numpy.array(labels), seconds


def peak(*command):
    """The output of a program that may leave out images, its processor time, and the most memory it held, in MB. (What
    wait4 says of the memory is that of this process too.)"""
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen([str(part) for part in command], stdout=out, stderr=subprocess.DEVNULL)
        memory = 0
        while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            memory = max([memory] + [int(kb) for kb in re.findall(r"VmHWM:\s*(\d+)", status)])
            time.sleep(0.01)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 1):
            raise SystemExit(f"{command[1]} ended with status {process.returncode}")
        out.seek(0)
        return out.read(), used.ru_utime + used.ru_stime, memory / 1024


def beside(options, to):
    """Top-1 and time, of both."""
    x, y, first = features(options, options.train, to)
    held, truth, second = features(options, options.test, to)
    start = time.process_time()
    scale = StandardScaler().fit(x)
    model = LogisticRegressionCV(Cs=10, cv=5, max_iter=100, scoring="accuracy").fit(scale.transform(x), y)
    seconds = time.process_time() - start
    right = (model.predict(scale.transform(held)) == truth).sum()
    print(f"scikit-learn: {right} of {len(truth)} right, fit {seconds:.2f} s")
    out, whole, memory = peak(options.cvt, "learn", options.train, "--val", options.test, "--alpha", options.alpha,
                              "-t", 1, "-j", 1, "-o", to / "new.safetensors")
    share = float(re.search(r"held back ([0-9.]+) %", out)[1])
    own = whole - first - second
    memory -= (x.nbytes + held.nbytes) / 2 ** 20
    print(f"cvt: {round(share * len(truth) / 100)} of {len(truth)} right, fit {own:.2f} s, ratio {own / seconds:.2f}; "
          f"{memory:.0f} MB besides the features")


def sets(options, to):
    """`beside` for each set that is given."""
    (to / "digits").mkdir()
    given = [("stamps", options.stamps and learn_sets.stamps(options.stamps), ("drop", "white")),
             ("openclipart", options.openclipart and learn_sets.openclipart(options.openclipart), ("drop",)),
             ("digits", options.digits and learn_sets.digits(to / "digits"), ("drop",))]
    for name, pairs, alphas in given:
        if not pairs:
            continue
        options.train, options.test = to / "train.tsv", to / "test.tsv"
        for file, part in zip((options.train, options.test), learn_sets.split(pairs, options.seed)):
            file.write_text("".join(f"{path}\t{label}\n" for path, label in part))
        for options.alpha in alphas:
            print(f"{name}, --alpha {options.alpha}, seed {options.seed}:", flush=True)
            beside(options, to)


def swapped(options, to):
    """How many of the labels that were swapped are found."""
    rng = random.Random(options.seed)
    files = sorted(path for path in options.train.rglob("*") if path.is_file())
    labels = {path: path.relative_to(options.train).parts[0] for path in files}
    counts = {label: list(labels.values()).count(label) for label in labels.values()}
    big = sorted(counts, key=lambda label: (-counts[label], label))[:5]
    moved = rng.sample([path for path in files if labels[path] in big], options.swap)
    lines = [f"{path.absolute()}\t{labels[path]}" for path in files if path not in moved]
    lines += [f"{path.absolute()}\t{rng.choice([label for label in big if label != labels[path]])}" for path in moved]
    (to / "list.tsv").write_text("\n".join(lines) + "\n")
    out, _ = run(options.cvt, "learn", to / "list.tsv", "--alpha", options.alpha, "--top", 2 * options.swap, "-o",
                 to / "new.safetensors")
    found = sum(f"\t{path.absolute()}\n" in out for path in moved)
    print(f"seed {options.seed}: {found} of {options.swap} swapped labels are among the {2 * options.swap} shown")


def strangers(options, to):
    """How many images of known and of other labels are called unknown."""
    rng = random.Random(options.seed)
    files = sorted(path.absolute() for path in options.train.rglob("*") if path.is_file())
    labels = {path: path.relative_to(options.train.absolute()).parts[0] for path in files}
    names = sorted(set(labels.values()))
    others = rng.sample(names, max(2, len(names) // 4))
    known = rng.sample([path for path in files if labels[path] not in others],
                       sum(labels[path] not in others for path in files))
    cut = len(known) * 7 // 10
    (to / "learn.tsv").write_text("".join(f"{path}\t{labels[path]}\n" for path in known[:cut]))
    run(options.cvt, "learn", to / "learn.tsv", "--alpha", options.alpha, "-o", to / "new.safetensors")
    for what, paths in (("known", known[cut:]), ("other", [path for path in files if labels[path] in others])):
        (to / "list").write_text("".join(f"{path}\n" for path in paths))
        out, _ = run(options.cvt, "classify", "-m", to / "new.safetensors", "--alpha", options.alpha, "-f", "jsonl",
                     f"--unknown={options.unknown}", "--files-from", to / "list")
        unknown = sum(json.loads(line)["unknown"] for line in out.splitlines())
        print(f"seed {options.seed}: of {len(paths)} images of {what} labels {unknown} are called unknown, "
              f"{100 * unknown / len(paths):.1f} %")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=pathlib.Path, nargs="?")
    parser.add_argument("test", type=pathlib.Path, nargs="?")
    parser.add_argument("--cvt", default="./cvt")
    parser.add_argument("--alpha", default="drop", help="as cvt's")
    parser.add_argument("--swap", type=int, default=0)
    parser.add_argument("--unknown", metavar="RATE")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stamps", metavar="DIR", help="tuxpaint-stamps-default, unpacked by dpkg -x")
    parser.add_argument("--openclipart", metavar="DIR", help="openclipart-png, unpacked by dpkg -x")
    parser.add_argument("--digits", action="store_true")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")  # of fits that end at max_iter, and of labels with fewer images than folds
    with tempfile.TemporaryDirectory() as to:
        if options.stamps or options.openclipart or options.digits:
            sets(options, pathlib.Path(to))
        elif not options.train:
            parser.error("TRAIN, or a set")
        elif options.swap:
            swapped(options, pathlib.Path(to))
        elif options.unknown:
            strangers(options, pathlib.Path(to))
        elif options.test:
            beside(options, pathlib.Path(to))
        else:
            parser.error("TEST, --swap or --unknown")


if __name__ == "__main__":
    main()
