"""Makes data/learn/: features of three classes that overlap, and what scikit-learn's LogisticRegression, run to
convergence in double precision, makes of them. Needs numpy and scikit-learn 1.5 or newer.

    python3 tests/make_learn.py tests/data/learn

Each case is a text file: n, d, classes, l2; then n lines of a label and d features; then, a class a line, d weights and
the bias. l2 is the penalty of src/learn/logistic.h: scikit-learn's C is 1 / (l2 * n). Features are standardised by
cvt, so they are standardised here in the same way; the weights are those of the features as they stand in the file."""
import pathlib
import sys

import numpy as np
from sklearn.linear_model import LogisticRegression

CASES = {"tall": (90, 5, 3, 0.05), "wide": (24, 60, 3, 0.02), "two": (40, 7, 2, 0.5)}


def make(n, d, classes, l2, rng):
    labels = np.arange(n) % classes
    x = rng.normal(size=(n, d)) + 1.5 * rng.normal(size=(classes, d))[labels]
    x = (x * rng.uniform(0.1, 9, d) + rng.uniform(-5, 5, d)).astype(np.float32)
    x[:, 1] = 2.5  # tells nothing
    mean, deviation = x.astype(float).mean(0), x.astype(float).std(0)
    deviation[1] = 1
    model = LogisticRegression(C=1 / (l2 * n), tol=1e-12, max_iter=100000)
    if classes == 2:  # scikit-learn fits one row for two classes, whose penalty is half that of two rows
        model.C = 2 / (l2 * n)
    model.fit((x - mean) / deviation, labels)
    w, b = model.coef_, model.intercept_
    if classes == 2:
        w, b = np.concatenate([-w / 2, w / 2]), np.concatenate([-b / 2, b / 2])
    w = w / deviation
    return x, labels, w, b - b.mean() - w @ mean


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    for name, (n, d, classes, l2) in CASES.items():
        x, labels, w, b = make(n, d, classes, l2, rng)
        with open(folder / f"{name}.txt", "w") as file:
            print(n, d, classes, l2, file=file)
            for label, row in zip(labels, x):
                print(label, *(repr(float(v)) for v in row), file=file)
            for row, bias in zip(w, b):
                print(*(f"{v:.9g}" for v in row), f"{bias:.9g}", file=file)


main(pathlib.Path(sys.argv[1]))
