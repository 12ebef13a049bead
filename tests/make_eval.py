#!/usr/bin/env python3
"""What cvt eval must find, from scikit-learn, scipy and timm.

    tests/make_eval.py                                      writes tests/data/eval: made-up logits and what follows
    tests/make_eval.py --check EVAL.json RECORDS LOGITS     computes every number that cvt eval -f json gave again: from
                                                            what --records wrote, and a .npy of the images' logits

Top-1 and top-5 are those of timm's validate.py (timm.utils.accuracy), which scikit-learn must agree with.
"""
import importlib.util
import json
import math
import pathlib
import sys

import numpy as np
import torch
from scipy import optimize, special, stats
from sklearn import metrics

FOLDER = pathlib.Path(__file__).resolve().parent / "data" / "eval"
BINS = 15


def timm_accuracy(logits, truth):
    """timm's own function, from its file: the package need not be imported whole."""
    path = pathlib.Path(importlib.util.find_spec("timm").origin).parent / "utils" / "metrics.py"
    spec = importlib.util.spec_from_file_location("timm_metrics", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [float(a) / 100 for a in module.accuracy(torch.tensor(logits), torch.tensor(truth), topk=(1, 5))]


def loss_at(temperature, logits, truth):
    scores = special.log_softmax(logits / temperature, axis=1)
    return -scores[np.arange(len(truth)), truth].mean()


def bins_of(confidence, right):
    """Guo et al.: bin m holds what lies in ((m - 1) / M, m / M]."""
    edges, rows = np.linspace(0, 1, BINS + 1), []
    for low, high in zip(edges[:-1], edges[1:]):
        chosen = (confidence > low) & (confidence <= high)
        rows.append((int(chosen.sum()), right[chosen].mean() if chosen.any() else None,
                     confidence[chosen].mean() if chosen.any() else None))
    return rows


def measure(logits, truth):
    """Everything, as a dict; classes are those that occur."""
    n, answer = len(truth), logits.argmax(axis=1)
    probabilities = special.softmax(logits, axis=1)
    top1, top5 = timm_accuracy(logits, truth)
    assert abs(top1 - metrics.accuracy_score(truth, answer)) < 1e-6
    if logits.shape[1] > 5:
        labels = np.arange(logits.shape[1])
        assert abs(top5 - metrics.top_k_accuracy_score(truth, logits, k=5, labels=labels)) < 1e-6
    bins = bins_of(probabilities.max(axis=1), answer == truth)
    best = optimize.minimize_scalar(lambda u: loss_at(math.exp(u), logits, truth), method="bounded",
                                    bounds=(-6 * math.log(2), 6 * math.log(2)), options={"xatol": 1e-10})
    inside = abs(best.x) < 5.9 * math.log(2) and not (answer == truth).all()  # else the loss falls for ever
    temperature = math.exp(best.x) if inside else None
    seen = np.union1d(truth, answer)
    p, r, f, s = metrics.precision_recall_fscore_support(truth, answer, labels=seen, zero_division=0)
    return {
        "images": n, "top1": round(top1 * n) / n, "top5": round(top5 * n) / n,
        "top1_interval": list(stats.binomtest(round(top1 * n), n).proportion_ci(method="wilson")),
        "top5_interval": list(stats.binomtest(round(top5 * n), n).proportion_ci(method="wilson")),
        "mean_class_accuracy": metrics.balanced_accuracy_score(truth, answer),
        "mean_precision": metrics.precision_score(truth, answer, average="macro", zero_division=0),
        "mean_f1": metrics.f1_score(truth, answer, average="macro", zero_division=0),
        "ece": sum(k * abs(a - c) for k, a, c in bins if k) / n, "temperature": temperature,
        "loss": metrics.log_loss(truth, probabilities, labels=np.arange(logits.shape[1])),
        "loss_at_temperature": loss_at(temperature, logits, truth) if temperature else None,
        "bins": bins, "seen": seen.tolist(),
        "classes": list(zip(p.tolist(), r.tolist(), f.tolist(), s.tolist())),
        "matrix": metrics.confusion_matrix(truth, answer, labels=seen).tolist(),
    }


def write(name, logits, truth):
    logits = np.round(logits, 3).astype(np.float32).astype(np.float64)
    wanted = measure(logits, truth)
    keys = ("mean_class_accuracy", "mean_precision", "mean_f1", "ece", "loss", "temperature", "loss_at_temperature")
    lines = [f"{len(truth)} {logits.shape[1]}"]
    lines += [" ".join([str(t)] + [f"{z:.3f}" for z in row]) for t, row in zip(truth, logits)]
    lines.append(f"{round(wanted['top1'] * len(truth))} {len(wanted['seen'])}")
    lines.append(" ".join("nan" if wanted[key] is None else f"{wanted[key]:.10g}" for key in keys))
    for k, (p, r, f, s), row in zip(wanted["seen"], wanted["classes"], wanted["matrix"]):
        lines.append(f"{k} {s} {p:.10g} {r:.10g} {f:.10g} " + " ".join(map(str, row)))
    (FOLDER / f"{name}.txt").write_text("\n".join(lines) + "\n")


def make():
    random = np.random.default_rng(13)
    FOLDER.mkdir(exist_ok=True)

    def logits_for(truth, classes, width, pull):
        return random.normal(0, width, (len(truth), classes)) + pull * np.eye(classes)[truth]

    truth = random.integers(0, 5, 150)
    write("five", logits_for(truth, 5, 1.5, 2), truth)
    truth = random.choice([3, 4, 11, 17, 29], 60)  # few of the classes have images
    write("subset", logits_for(truth, 30, 4, 7), truth)
    truth = random.integers(0, 2, 40)
    write("two", logits_for(truth, 2, 0.2, 0.3), truth)
    truth = np.arange(12) % 3  # all right: no temperature is best
    write("right", logits_for(truth, 3, 0.5, 9), truth)


def near(a, b, digits=1e-5):
    return (a is None and b is None) or (a is not None and b is not None and abs(a - b) <= digits * max(1, abs(b)))


def check(path, records, logits):
    got, logits = json.loads(pathlib.Path(path).read_text()), np.load(logits).astype(np.float64)
    rows = [json.loads(line) for line in pathlib.Path(records).read_text().splitlines()]
    rows = [row for row in rows if row.get("ok")]
    truth, top = np.array([r["truth"]["index"] for r in rows]), [[t["index"] for t in r["top"]] for r in rows]
    assert len(rows) == len(logits) == got["images"] - got["failed"]
    wanted, n = measure(logits, truth), 0
    assert [t[0] for t in top] == logits.argmax(axis=1).tolist()
    assert abs(np.mean([t in k for t, k in zip(truth, top)]) - wanted["top5"]) < 1e-9
    for key in ("top1", "top5", "mean_class_accuracy", "mean_precision", "mean_f1", "ece", "temperature", "loss",
                "loss_at_temperature"):
        assert near(got[key], wanted[key]), (key, got[key], wanted[key])
        n += 1
    for key in ("top1_interval", "top5_interval"):
        assert all(near(a, b) for a, b in zip(got[key], wanted[key])), (key, got[key], wanted[key])
        n += 2
    for bin, (images, accuracy, confidence) in zip(got["bins"], wanted["bins"]):
        assert bin["images"] == images and near(bin["accuracy"], accuracy) and near(bin["confidence"], confidence), bin
        n += 3
    assert got["confusion"]["labels"] == wanted["seen"] == [c["index"] for c in got["classes"]]
    assert got["confusion"]["matrix"] == wanted["matrix"]
    for c, (p, r, f, s) in zip(got["classes"], wanted["classes"]):
        assert c["support"] == s and near(c["precision"], p) and near(c["recall"], r) and near(c["f1"], f), c
        n += 4
    for name in got["mapping"]:
        if name["index"] is not None:
            assert sum(m["images"] for m in got["mapping"] if m["index"] == name["index"]) >= (truth == name["index"]).sum()
    print(f"{len(rows)} images: {n + len(wanted['seen']) ** 2} numbers are as computed again")


if sys.argv[1:2] == ["--check"]:
    check(*sys.argv[2:5])
else:
    make()
