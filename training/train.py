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
import re
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


def main():
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
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(1)
    ints = lambda t: [int(v) for v in t.split(",")]
    cfg = model.layout(
        ints(a.dims), ints(a.depth), ints(a.heads), labels=2 if a.upright else len(CODES), drop_path=a.drop_path
    )
    cfg["patch_stride"] = ints(a.stride)
    net = model.Cvt(cfg)
    if a.origin:
        begin_with(net, a.origin)
    mean = copy.deepcopy(net)
    plain = [q for q in net.parameters() if q.ndim > 1]
    rest = [q for q in net.parameters() if q.ndim <= 1]
    opt = torch.optim.AdamW(
        [{"params": plain, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0}],
        lr=a.rate,
        betas=(0.9, 0.98),
        fused=True,
    )
    folder = os.path.join(a.work, a.name)
    os.makedirs(folder, exist_ok=True)
    state_path = os.path.join(folder, "last.pt")
    step = images = 0
    seconds = 0.0
    if os.path.exists(state_path):
        s = torch.load(state_path, weights_only=False)
        net.load_state_dict(s["net"])
        mean.load_state_dict(s["mean"])
        opt.load_state_dict(s["opt"])
        step, images, seconds = s["step"], s["images"], s["seconds"]
    shards = Shards(os.path.join(a.work, "data-train"), a.memory)
    shards.look()
    while shards.count() < a.least:
        time.sleep(10)
        shards.look()
    rng, nrng = random.Random(step), np.random.default_rng(step)
    print(
        sum(q.numel() for q in net.parameters()), "parameters;", shards.count(), "lines;", "from step", step, flush=True
    )
    begin = saved = evaluated = looked = time.time()
    seen = images
    total, right, losses = 0, 0, []

    def save(record=None):
        s = {
            "net": net.state_dict(),
            "mean": mean.state_dict(),
            "opt": opt.state_dict(),
            "step": step,
            "images": images,
            "seconds": seconds + time.time() - begin,
            "cfg": cfg,
            "args": vars(a),
        }
        torch.save(s, state_path + ".part")
        os.replace(state_path + ".part", state_path)

    def log(**kw):
        kw = {
            "step": step,
            "images": images,
            "seconds": round(seconds + time.time() - begin),
            "lines": shards.count(),
            **kw,
        }
        with open(os.path.join(folder, "log.jsonl"), "a") as f:
            f.write(json.dumps(kw) + "\n")
        print(kw, flush=True)

    def test(final=False):
        out = {}
        for name in ("test", "known"):
            d = os.path.join(a.work, "data-" + name)
            if os.path.isdir(d):
                acc, by_class = evaluate(mean, d, a.upright)
                out[name] = [round(100 * float(v), 2) for v in acc]
                out[name + "_class"] = {c: round(100 * float(v)) for c, v in zip(CODES, by_class)}
        log(eval=out, final=final)

    while images < a.images:
        x, y = shards.batch(rng, a.batch)
        if a.upright:
            x, y = turned(x, y, nrng)
        x = prepared(augment(x, nrng))
        y = torch.from_numpy(y.astype(np.int64))
        rate = a.rate * min(1, (step + 1) / a.warm_up)
        if a.decay_images:
            rate *= min(1, max(0.01, (a.images - images) / a.decay_images))
        for g in opt.param_groups:
            g["lr"] = rate
        with torch.autocast("cpu", torch.bfloat16):
            z = net(x)
        z = z.float()
        loss = F.cross_entropy(z, y, label_smoothing=0.05)
        opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step()
        step += 1
        images += len(y)
        k = min(0.998, (step + 1) / (step + 20))
        with torch.no_grad():  # _foreach_lerp_: one call for all tensors
            torch._foreach_lerp_(list(mean.parameters()), list(net.parameters()), 1 - k)
            for m, q in zip(mean.buffers(), net.buffers()):
                m.lerp_(q, 1 - k) if m.is_floating_point() else m.copy_(q)
        losses.append(float(loss.detach()))
        right += int((z.argmax(1) == y).sum())
        total += len(y)
        now = time.time()
        stop = os.path.exists(os.path.join(a.work, "STOP")) or (now - begin) / 60 > a.minutes
        if step % 200 == 0:
            log(
                loss=round(float(np.mean(losses)), 4),
                train=round(100 * right / total, 2),
                rate=rate,
                per_second=round((images - seen) / (now - looked), 1),
            )
            seen, looked, total, right, losses = images, now, 0, 0, []
            shards.look()
        if now - saved > 240 or stop:
            save()
            saved = now
        if stop:
            break
        if now - evaluated > a.eval_minutes * 60:
            test()
            evaluated = now
    save()
    if not os.path.exists(os.path.join(a.work, "STOP")):
        test(True)


if __name__ == "__main__":
    main()
