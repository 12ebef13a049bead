"""Trains the network on the shards of make_data.py. Stops and goes on at any time.

    python train.py WORK NAME [--dims 32,64,128 --depth 1,2,4 --heads 1,2,4] [--images N] [--decay-images N]

WORK/NAME/last.pt is the state, written every few minutes and at the end; the same command goes on from it. A file
WORK/STOP ends the run after a checkpoint. The rate of learning rises, stays, and falls over the last --decay-images of
--images (warm-up, stable, decay), so that a run can be made longer later: start it again with a larger --images from a
state before the fall. The weights that are evaluated are a moving average. Every line of WORK/NAME/log.jsonl is a
record of the run. --from takes the average of another run of the same layout to begin with; a last layer of other classes
begins anew.
"""

import argparse
import copy
import glob
import json
import os
import random
import time

import numpy as np
import torch
import torch.nn.functional as F

import model
from classes import CODES


class Shards:
    """All shards of a folder in memory, by width; new ones are taken up as they appear."""

    def __init__(self, folder, limit):
        self.folder, self.limit, self.held = folder, limit, {}
        self.by_width, self.bytes = {}, 0

    def look(self):
        for path in sorted(glob.glob(os.path.join(self.folder, "w*.npz")), key=lambda p: p[-9:]):
            if path in self.held or self.bytes > self.limit:
                continue
            with np.load(path) as d:
                x, y, level = d["x"], d["y"], d["level"]
            self.held[path] = len(x)
            self.bytes += x.nbytes
            self.by_width.setdefault(x.shape[2], []).append(
                {"x": x, "y": y, "level": level, "order": None, "at": 0, "used": 0}
            )

    def count(self):
        return sum(self.held.values())

    def batch(self, rng, size):
        """About size * 160 / width lines of one width from four shards, those less used more often."""
        widths = sorted(self.by_width)
        w = rng.choices(widths, [sum(len(s["y"]) for s in self.by_width[k]) for k in widths])[0]
        n = max(8, round(size * 160 / w))
        xs, ys = [], []
        shards = self.by_width[w]
        # A new shard comes more often than an old one, but no batch is made of new ones alone.
        some = rng.choices(shards, [1 / (1 + s["used"]) for s in shards], k=4)
        for s in some:
            k = max(1, n // len(some))
            if s["order"] is None or s["at"] + k > len(s["y"]):
                s["order"] = np.random.default_rng(rng.randrange(2**32)).permutation(len(s["y"]))
                s["used"] += s["at"] > 0
                s["at"] = 0
            idx = s["order"][s["at"] : s["at"] + k]
            s["at"] += k
            xs.append(s["x"][idx])
            ys.append(s["y"][idx])
        return np.concatenate(xs), np.concatenate(ys)


def augment(x, nrng):
    """Small changes that cost little: place, contrast, polarity, margins (grey ones as cvt fills them,
    black ones as others), lost parts."""
    n, h, w = x.shape
    x = x.astype(np.float32)
    x = np.roll(x, int(nrng.integers(-1, 2)), 1) if nrng.random() < 0.3 else x
    flip = nrng.random(n) < 0.1
    x[flip] = 255 - x[flip]
    gain, offset = nrng.uniform(0.75, 1.1, (n, 1, 1)), nrng.uniform(-20, 20, (n, 1, 1))
    x = ((x - 127.5) * gain + offset).astype(np.float32)
    for i in np.flatnonzero(nrng.random(n) < 0.15):
        q = int(nrng.integers(4, 24))
        a = int(nrng.integers(0, w - q))
        x[i, :, a : a + q] = x[i, :, a : a + 1].mean() if nrng.random() < 0.5 else nrng.uniform(-127, 127)
    if nrng.random() < 0.4 and w < 256:
        k = nrng.random()
        # Half as cvt prepares a short line: in the middle of 256, grey around it.
        more = 256 - w if k < 0.5 else int(nrng.integers(1, (256 - w) // 16 + 1)) * 16
        left = more // 2 if k < 0.75 else int(nrng.integers(0, more + 1))
        edge = np.median(np.concatenate((x[:, :, 0], x[:, :, -1]), 1), 1)
        fill = (
            np.full(n, 0.5) if k < 0.6 else np.full(n, -127.5) if k < 0.75 else np.full(n, 127.5) if k < 0.85 else edge
        )
        big = np.repeat(np.repeat(fill[:, None, None], h, 1), w + more, 2).astype(np.float32)
        big[:, :, left : left + w] = x
        x, w = big, w + more
    return np.clip(x / 127.5, -1, 1)


def prepared(x):
    return torch.from_numpy(np.ascontiguousarray(x)).float()[:, None]


# Scripts whose letters turned by 180 degrees are letters too, and what is no text, say nothing about up and down.
NO_UP = [CODES.index(c) for c in ("Cans", "Tfng", "Zxxx", "Zyyy")]


def turned(x, y, nrng):
    """Lines of scripts that have an up, half of them upside down, and which: for the model `upright`."""
    keep = ~np.isin(y, NO_UP)
    x, down = x[keep].copy(), nrng.random(keep.sum()) < 0.5
    x[down] = x[down][:, ::-1, ::-1]
    return x, down.astype(np.int64)


def begin_with(net, path):
    """Gives `net` the averaged weights of the run whose state is at `path`: all that have the same shape, which is all
    but the last layer where the classes are others."""
    origin, own = torch.load(path, weights_only=False, map_location="cpu")["mean"], net.state_dict()
    other = [k for k in own if k not in origin or origin[k].shape != own[k].shape]
    if not set(other) <= {"classifier.weight", "classifier.bias"} or set(origin) != set(own):
        raise SystemExit(f"{path} is of another layout: {', '.join(other[:3])}")
    net.load_state_dict({k: own[k] if k in other else origin[k] for k in own})


def evaluate(net, folder, upright):
    """The share of right answers by level [3] and by class, on the shards of a folder."""
    net.eval()
    good, count, by_class = np.zeros(3), np.zeros(3), np.zeros((2, len(CODES)))
    nrng = np.random.default_rng(1)
    with torch.no_grad():
        for path in sorted(glob.glob(os.path.join(folder, "w*.npz"))):
            with np.load(path) as d:
                x, code, level = d["x"], d["y"], d["level"]
            y = code
            if upright:
                keep = ~np.isin(code, NO_UP)
                code, level = code[keep], level[keep]
                x, y = turned(x, y, nrng)
            for i in range(0, len(y), 128):
                with torch.autocast("cpu", torch.bfloat16):
                    p = net(prepared(x[i : i + 128].astype(np.float32) / 127.5 - 1)).float().argmax(1).numpy()
                right = p == y[i : i + 128]
                np.add.at(good, level[i : i + 128], right)
                np.add.at(count, level[i : i + 128], 1)
                np.add.at(by_class[0], code[i : i + 128], right)
                np.add.at(by_class[1], code[i : i + 128], 1)
    net.train()
    return good / np.maximum(1, count), by_class[0] / np.maximum(1, by_class[1])


def parse():
    p = argparse.ArgumentParser()
    p.add_argument("work")
    p.add_argument("name")
    p.add_argument("--dims", default="32,64,128")
    p.add_argument("--depth", default="1,2,4")
    p.add_argument("--heads", default="1,2,4")
    p.add_argument("--stride", default="4,2,2")
    p.add_argument("--drop-path", type=float, default=0.05)
    p.add_argument("--rate", type=float, default=2e-3)
    p.add_argument("--batch", type=int, default=96)
    p.add_argument("--upright", action="store_true", help="learn whether a line is upside down, not its script")
    p.add_argument("--from", dest="origin", help="the state of another run, whose weights this one begins with")
    p.add_argument("--images", type=int, default=10**9)
    p.add_argument("--decay-images", type=int, default=0)
    p.add_argument("--warm-up", type=int, default=300, help="steps in which the rate rises")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--minutes", type=float, default=1e9)
    p.add_argument("--memory", type=float, default=9e9)
    p.add_argument("--least", type=int, default=1, help="wait until there are so many lines")
    p.add_argument("--eval-minutes", type=float, default=15)
    return p.parse_args()


def ints(text):
    return [int(v) for v in text.split(",")]


class Run:
    """A run: the network, the moving average of its weights, the optimizer, and how far they are."""

    def __init__(self, a):
        self.a, self.folder = a, os.path.join(a.work, a.name)
        self.cfg = model.layout(
            ints(a.dims), ints(a.depth), ints(a.heads), labels=2 if a.upright else len(CODES), drop_path=a.drop_path
        )
        self.cfg["patch_stride"] = ints(a.stride)
        self.net = model.Cvt(self.cfg)
        if a.origin:
            begin_with(self.net, a.origin)
        self.mean = copy.deepcopy(self.net)
        decayed = [q for q in self.net.parameters() if q.ndim > 1]
        rest = [q for q in self.net.parameters() if q.ndim <= 1]
        self.opt = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0}],
            lr=a.rate,
            betas=(0.9, 0.98),
            fused=True,
        )
        self.step = self.images = 0
        self.before = 0.0  # seconds that earlier runs took
        os.makedirs(self.folder, exist_ok=True)
        self.state_path = os.path.join(self.folder, "last.pt")
        if os.path.exists(self.state_path):
            self.go_on()
        self.shards = Shards(os.path.join(a.work, "data-train"), a.memory)
        self.shards.look()
        while self.shards.count() < a.least:
            time.sleep(10)
            self.shards.look()
        self.begin = time.time()

    def go_on(self):
        s = torch.load(self.state_path, weights_only=False)
        self.net.load_state_dict(s["net"])
        self.mean.load_state_dict(s["mean"])
        self.opt.load_state_dict(s["opt"])
        self.step, self.images, self.before = s["step"], s["images"], s["seconds"]

    def seconds(self):
        return self.before + time.time() - self.begin

    def save(self):
        s = {
            "net": self.net.state_dict(),
            "mean": self.mean.state_dict(),
            "opt": self.opt.state_dict(),
            "step": self.step,
            "images": self.images,
            "seconds": self.seconds(),
            "cfg": self.cfg,
            "args": vars(self.a),
        }
        torch.save(s, self.state_path + ".part")
        os.replace(self.state_path + ".part", self.state_path)

    def log(self, **more):
        record = {
            "step": self.step,
            "images": self.images,
            "seconds": round(self.seconds()),
            "lines": self.shards.count(),
            **more,
        }
        with open(os.path.join(self.folder, "log.jsonl"), "a") as f:
            f.write(json.dumps(record) + "\n")
        print(record, flush=True)

    def test(self, final=False):
        out = {}
        for name in ("test", "known"):
            d = os.path.join(self.a.work, "data-" + name)
            if os.path.isdir(d):
                acc, by_class = evaluate(self.mean, d, self.a.upright)
                out[name] = [round(100 * float(v), 2) for v in acc]
                out[name + "_class"] = {c: round(100 * float(v)) for c, v in zip(CODES, by_class)}
        self.log(eval=out, final=final)

    def stopped(self):
        return os.path.exists(os.path.join(self.a.work, "STOP"))

    def rate(self):
        rate = self.a.rate * min(1, (self.step + 1) / self.a.warm_up)
        if self.a.decay_images:
            rate *= min(1, max(0.01, (self.a.images - self.images) / self.a.decay_images))
        return rate

    def learn(self, x, y):
        """One step. Returns the loss, and how many answers were right."""
        for g in self.opt.param_groups:
            g["lr"] = self.rate()
        with torch.autocast("cpu", torch.bfloat16):
            z = self.net(x)
        z = z.float()
        loss = F.cross_entropy(z, y, label_smoothing=0.05)
        self.opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.opt.step()
        self.step += 1
        self.images += len(y)
        k = min(0.998, (self.step + 1) / (self.step + 20))
        with torch.no_grad():  # _foreach_lerp_: one call for all tensors
            torch._foreach_lerp_(list(self.mean.parameters()), list(self.net.parameters()), 1 - k)
            for m, q in zip(self.mean.buffers(), self.net.buffers()):
                m.lerp_(q, 1 - k) if m.is_floating_point() else m.copy_(q)
        return float(loss.detach()), int((z.argmax(1) == y).sum())


def main():
    a = parse()
    torch.set_num_threads(a.threads)
    torch.manual_seed(1)
    run = Run(a)
    rng, nrng = random.Random(run.step), np.random.default_rng(run.step)
    parameters = sum(q.numel() for q in run.net.parameters())
    print(parameters, "parameters;", run.shards.count(), "lines;", "from step", run.step, flush=True)
    saved = evaluated = looked = run.begin
    seen, total, right, losses = run.images, 0, 0, []
    while run.images < a.images:
        x, y = run.shards.batch(rng, a.batch)
        if a.upright:
            x, y = turned(x, y, nrng)
        rate = run.rate()
        loss, good = run.learn(prepared(augment(x, nrng)), torch.from_numpy(y.astype(np.int64)))
        losses.append(loss)
        right += good
        total += len(y)
        now = time.time()
        stop = run.stopped() or (now - run.begin) / 60 > a.minutes
        if run.step % 200 == 0:
            run.log(
                loss=round(float(np.mean(losses)), 4),
                train=round(100 * right / total, 2),
                rate=rate,
                per_second=round((run.images - seen) / (now - looked), 1),
            )
            seen, looked, total, right, losses = run.images, now, 0, 0, []
            run.shards.look()
        if now - saved > 240 or stop:
            run.save()
            saved = now
        if stop:
            break
        if now - evaluated > a.eval_minutes * 60:
            run.test()
            evaluated = now
    run.save()
    if not run.stopped():
        run.test(True)


if __name__ == "__main__":
    main()
