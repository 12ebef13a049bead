"""Beside scikit-learn: what `cvt learn` reaches on features, and how long its fit takes.

    bench/learn.py --cvt ./cvt TRAIN TEST     directories with a directory of images for each label; or lists of path,
                                              tab and label
    bench/learn.py --cvt ./cvt --stamps DIR --digits --openclipart DIR --seeds 3     a table for each set of
                                              learn_sets.py, a row for each split

`cvt embed` writes the features; LogisticRegressionCV learns from the same ones, standardised, with 5 folds, in one
thread, and `cvt learn --val` from the same images. Times are of the processor, and of the fit alone; the memory is the
most that `cvt learn` held, less the features. With --swap N that many labels of TRAIN are swapped (--seed), and what
counts is how many of them are among the 2 N most doubtful. With --unknown RATE a quarter of the labels of TRAIN, and 3
of 10 images of the others, are not learned from; what counts is how many of either `cvt classify --unknown=RATE` calls
unknown.
Needs numpy and scikit-learn, at the versions of requirements-learn.txt."""
import argparse
import json
import os
import pathlib
import random
import re
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
    """The output of a program."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode not in good:
        raise SystemExit(f"{command[1]}: {done.stderr}")
    return done.stdout


def read_pairs(data):
    """(path, label) of a directory, or of a list."""
    if data.is_file():
        return [line.split("\t") for line in data.read_text().splitlines()]
    return [(path, path.relative_to(data).parts[0]) for path in sorted(data.rglob("*")) if path.is_file()]


def features(options, pairs, to):
    """Features and labels. Images that cannot be read are left out, as `cvt learn` leaves them."""
    label_of = {str(path): label for path, label in pairs}
    (to / "list").write_text("".join(f"{path}\n" for path in label_of))
    run(options.cvt, "embed", "--files-from", to / "list", "--alpha", options.alpha, "-o", to / "f.npy", "-q",
        good=(0, 1))
    paths = (to / "f.txt").read_text().splitlines()
    return dict(zip(paths, numpy.load(to / "f.npy").reshape(len(paths), -1)))


def learn(options, to):
    """How many images of --val were named rightly, how many there were, the processor time of the fit, the penalty,
    and the most memory that `cvt learn` held, in MB. (What wait4 says of the memory is that of this process too.)"""
    command = [options.cvt, "learn", to / "train.tsv", "--val", to / "test.tsv", "--alpha", options.alpha, "-t", 1,
               "-j", 1, "-v", "-q", "-o", to / "new.safetensors"]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen([str(part) for part in command], stdout=out, stderr=said)
        memory = 0
        while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            memory = max([memory] + [int(kb) for kb in re.findall(r"VmHWM:\s*(\d+)", status)])
            time.sleep(0.05)
        process.wait()
        out.seek(0)
        said.seek(0)
        text, told = out.read(), said.read()
    if process.returncode not in (0, 1):
        raise SystemExit(f"cvt learn: {told}")
    checked = re.search(r"of (\d+) images held back ([0-9.]+) %", text)
    fit = re.search(r"l2 (\S+); .* fit ([0-9.]+) s", told)
    n = int(checked[1])
    return round(float(checked[2]) * n / 100), n, float(fit[2]), float(fit[1]), memory / 1024


def beside(options, vectors, learns, held, to):
    """One row: top-1, penalty and time of both. vectors: path to features."""
    for name, part in (("train.tsv", learns), ("test.tsv", held)):
        (to / name).write_text("".join(f"{path}\t{label}\n" for path, label in part))
    parts = [[(vectors[str(path)], label) for path, label in part if str(path) in vectors] for part in (learns, held)]
    (x, y), (unseen, truth) = [(numpy.array([v for v, _ in part]), numpy.array([label for _, label in part]))
                               for part in parts]
    start = time.process_time()
    scale = StandardScaler().fit(x)
    model = LogisticRegressionCV(Cs=10, cv=5, max_iter=100, scoring="accuracy").fit(scale.transform(x), y)
    seconds = time.process_time() - start
    theirs = int((model.predict(scale.transform(unseen)) == truth).sum())
    right, n, fit, l2, memory = learn(options, to)
    if n != len(truth):
        raise SystemExit(f"{n} images were checked with, not {len(truth)}")
    memory -= (x.nbytes + unseen.nbytes) / 2 ** 20
    print(f"{options.seed:4d}  {len(y):5d} {n:5d}  {theirs:5d} {100 * theirs / n:5.1f} %  {right:5d} "
          f"{100 * right / n:5.1f} %  {right - theirs:+3d}  {1 / (numpy.ravel(model.C_)[0] * len(y)):8.2g} {l2:8.2g}  "
          f"{seconds:7.2f} {fit:7.2f}  {fit / seconds:5.2f}  {memory:4.0f} MB", flush=True)
    return numpy.array([n, theirs, right, seconds, fit])


heading = ("seed  learnt  held  scikit-learn    cvt            diff  l2: theirs ours     fit, s: theirs ours ratio  "
           "beside the features")


def say_sum(rows):
    n, theirs, right, seconds, fit = sum(rows)
    print(f" all         {n:6.0f}  {theirs:5.0f} {100 * theirs / n:5.1f} %  {right:5.0f} {100 * right / n:5.1f} %  "
          f"{100 * (right - theirs) / n:+.2f} points, fit {fit / seconds:.2f} of scikit-learn's", flush=True)


def sets(options, to):
    """A table for each set that is given, with a row for each split."""
    (to / "digits").mkdir()
    given = [("stamps", options.stamps and learn_sets.stamps(options.stamps), ("drop", "white")),
             ("digits", options.digits and learn_sets.digits(to / "digits"), ("drop",)),
             ("openclipart", options.openclipart and learn_sets.openclipart(options.openclipart), ("drop",))]
    for name, pairs, alphas in given:
        for options.alpha in alphas if pairs else ():
            print(f"{name}, --alpha {options.alpha}\n{heading}", flush=True)
            vectors, rows = features(options, pairs, to), []
            for options.seed in range(options.first, options.first + options.seeds):
                rows.append(beside(options, vectors, *learn_sets.split(pairs, options.seed), to))
            say_sum(rows)


def two(options, to):
    """The same of a split that is given."""
    learns, held = read_pairs(options.train), read_pairs(options.test)
    print(heading)
    beside(options, features(options, learns + held, to), learns, held, to)


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
    out = run(options.cvt, "learn", to / "list.tsv", "--alpha", options.alpha, "--top", 2 * options.swap, "-o",
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
        out = run(options.cvt, "classify", "-m", to / "new.safetensors", "--alpha", options.alpha, "-f", "jsonl",
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
    parser.add_argument("--seed", type=int, default=0, help="of --swap and --unknown")
    parser.add_argument("--first", type=int, default=0, help="the first seed of the splits of the sets")
    parser.add_argument("--seeds", type=int, default=1, help="how many splits of each set")
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
            two(options, pathlib.Path(to))
        else:
            parser.error("TEST, --swap or --unknown")


if __name__ == "__main__":
    main()
