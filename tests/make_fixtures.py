#!/usr/bin/env python3
"""make_fixtures.py ORACLE - makes tests/data/FAMILY anew; with --set, the larger cases of make oracle.

ORACLE is the folder of oracle scripts; the interpreter must have what its setup.sh installs. Every case is run by the
original program, computed once more in float64 by the numpy references beside the scripts (np_forward.py, ref.py), and
turned into a native model directory by oracle2native.py. Of CvT and EfficientNet-Lite the references also give the
intermediates that the original's hooks do not reach. All other families say in families/NAME.py which cases they keep.

  --set NAME   fixtures: the committed ones (the default)
               presets:  every small preset of the oracles, under all names of weights
               full:     full-size models, timm's hub form too
               random:   configs of CvT and EfficientNet-Lite drawn at random (--count, --seed)
  --out DIR    where to; without it tests/data
  --only TEXT  only cases whose names, FAMILY/NAME, hold this
  --seed N     of weights and inputs (and of the random configs)

For cases of EfficientNet-Lite that are not committed, DIR/CASE/original.npy and original/TAP.npy hold the original's
own float32 results: in deep random networks they are far from float64.
"""
import argparse
import contextlib
import importlib.util
import json
import os
import random
import shlex
import shutil
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("oracle", metavar="ORACLE")
parser.add_argument("--set", default="fixtures", choices=["fixtures", "presets", "full", "random"])
parser.add_argument("--out", default=os.path.join(HERE, "data"))
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--only", default="")
parser.add_argument("--count", type=int, default=12)
args = parser.parse_args()

CVT, MORE = os.path.join(args.oracle, "cvt"), os.path.join(args.oracle, "more")
sys.path[:0] = [CVT, MORE]
sys.argv = sys.argv[:1]
with contextlib.suppress(ImportError):
    import tvfix  # noqa: E402, F401  the oracle's stubs, where torchvision does not match torch: before timm, transformers
import hf_oracle as s3  # noqa: E402
import np_forward  # noqa: E402
import ref  # noqa: E402
from families import MODULES  # noqa: E402

ref.F = np.float64


def wanted(out):
    return args.only in "/".join(os.path.abspath(out).split(os.sep)[-2:])


def native(case, out):
    shutil.rmtree(out, ignore_errors=True)
    subprocess.run([sys.executable, os.path.join(HERE, "oracle2native.py"), case, out], check=True)


# ---- any family: what an oracle's command line makes ------------------------------------------------------------------

def run_oracle(case, line):
    words = shlex.split(line)
    folder, script = os.path.split(words[0])
    subprocess.run([sys.executable, script, *words[1:], "--out", os.path.abspath(case)], check=True,
                   cwd=os.path.join(args.oracle, folder))


def load_reference(folder):
    """ref.py of an oracle folder in float64: function(config, weights, x, found) -> logits."""
    if folder == "more":
        return ref, ref.forward
    spec = importlib.util.spec_from_file_location("ref_" + folder, os.path.join(args.oracle, folder, "ref.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.F = np.float64
    return module, lambda c, w, x, found: module.FWD[c["arch"], c["variant"]](c, w, x, found)


def add_float64(case, folder):
    """expected64.npy, each image by itself, where the oracle wrote none and there is a reference."""
    path = os.path.join(case, "expected64.npy")
    if os.path.exists(path) or folder == "cvt" or not os.path.exists(os.path.join(case, "config.json")):
        return
    module, forward = load_reference(folder)
    with open(os.path.join(case, "config.json"), encoding="utf-8") as f:
        config = json.load(f)
    weights = module.load(os.path.join(case, "weights.safetensors"))
    x = np.load(os.path.join(case, "input.npy")).astype(np.float64)
    np.save(path, np.concatenate([forward(config, weights, x[i:i + 1], {}) for i in range(len(x))]))


def oracle_case(out, line):
    if not wanted(out):
        return
    with tempfile.TemporaryDirectory() as case:
        run_oracle(case, line)
        add_float64(case, os.path.dirname(line.split()[0]))
        native(case, out)


def run_all(out, folder):
    """The small cases of a folder that are wanted, as its run_all.sh makes them."""
    with tempfile.TemporaryDirectory() as cases:
        subprocess.run(["sh", os.path.join(args.oracle, folder, "run_all.sh"), cases, args.only],
                       env=dict(os.environ, PY=sys.executable), check=True)
        for name in sorted(os.listdir(cases)):
            if wanted(os.path.join(out, name)):
                add_float64(os.path.join(cases, name), folder)
                native(os.path.join(cases, name), os.path.join(out, name))


# ---- CvT -------------------------------------------------------------------------------------------------------------

def run_hf(case, preset, naming, seed):
    sys.argv = ["hf_oracle.py", "--seed", str(seed), "--preset", preset, "--naming", naming, "--out", case]
    s3.main()


def cvt_reference(case):
    """Logits and every intermediate in float64, attention maps too, by numpy."""
    config = json.load(open(os.path.join(case, "config.json"), encoding="utf-8"))
    weights = np_forward.read_safetensors(os.path.join(case, "weights.safetensors"))
    x = np.load(os.path.join(case, "input.npy")).astype(np.float64)
    found, maps, plain = {}, [], np_forward.attn

    def attn(q, k, v, heads, scale):
        split = lambda t: t.reshape(t.shape[0], t.shape[1], heads, -1).transpose(0, 2, 1, 3)
        s = split(q) @ split(k).transpose(0, 1, 3, 2) * scale
        s = np.exp(s - s.max(-1, keepdims=True))
        maps.append(s / s.sum(-1, keepdims=True))
        return plain(q, k, v, heads, scale)

    def record(name, *forms):
        method = config["qkv_projection_method"][int(name[5:name.index("_")])] if name.startswith("stage") else ""
        is_map = name[:-1].endswith("_conv_")
        if is_map and (method == "linear" or (method == "avg" and name.endswith("q"))):
            return  # nothing is computed there
        found[name] = forms[0]

    np_forward.attn = attn
    try:
        y = np_forward.run_cvt(config, weights, x, record)
    finally:
        np_forward.attn = plain
    blocks = [(i, j) for i, n in enumerate(config["depth"]) for j in range(n)]
    found.update({f"stage{i}_block{j}_map": m for (i, j), m in zip(blocks, maps)})
    return y, found


def cvt_case(out, preset, naming, seed):
    """An oracle case and all of its intermediates as the native model directory `out`."""
    if not wanted(out):
        return
    with tempfile.TemporaryDirectory() as case:
        run_hf(case, preset, naming, seed)
        if not preset.startswith("cvt-"):
            y, found = cvt_reference(case)
            e = np.load(os.path.join(case, "expected64.npy"))
            assert np.abs(y - e).max() < 1e-6 * max(1, np.abs(e).max()), (out, np.abs(y - e).max())
            for name, value in found.items():
                np.save(os.path.join(case, "inter", name + ".npy"), value.astype(np.float32))
        native(case, out)


def random_spec(rng):
    n = rng.randint(1, 5)
    s = {k: [] for k in s3.spec() if k != "num_channels"}
    s.update(drop_rate=[0.0] * n, attention_drop_rate=[0.0] * n, drop_path_rate=[0.0] * n)
    s["num_channels"] = rng.choice([1, 3, 3, 4])
    for i in range(n):
        heads, kernel, patch = rng.choice([1, 1, 2, 3, 4]), rng.choice([1, 3, 5, 7]), rng.randint(1, 7)
        s["num_heads"].append(heads)
        s["embed_dim"].append(heads * rng.randint(2, 12))
        s["depth"].append(rng.randint(1, 2))
        s["mlp_ratio"].append(rng.choice([0.5, 1.3, 2.0, 4.0]))
        s["qkv_bias"].append(rng.random() < 0.5)
        s["cls_token"].append(rng.random() < 0.5)
        s["qkv_projection_method"].append(rng.choice(["dw_bn", "dw_bn", "avg", "linear"]))
        s["patch_sizes"].append(patch)
        s["patch_stride"].append(rng.randint(1, 4) if i == 0 else rng.randint(1, 2))
        s["patch_padding"].append(rng.randint(0, patch // 2))
        s["kernel_qkv"].append(kernel)
        s["padding_q"].append(kernel // 2)
        s["stride_q"].append(1)
        s["stride_kv"].append(rng.randint(1, 3))
        s["padding_kv"].append(rng.randint(0, kernel // 2))
    return s


def fits(s, h, w):
    """Has every map at least one pixel, and every kernel room?"""
    for i in range(len(s["depth"])):
        h, w = ((n + 2 * s["patch_padding"][i] - s["patch_sizes"][i]) // s["patch_stride"][i] + 1 for n in (h, w))
        if min(h, w) < 1 or min(h, w) + 2 * s["padding_kv"][i] < s["kernel_qkv"][i]:
            return False
    return True


def random_cvt(out, seed):
    rng = random.Random(seed)
    while True:
        s, h, w = random_spec(rng), rng.randint(9, 49), rng.randint(9, 49)
        if fits(s, h, w):
            break
    s3.PRESETS["random"] = (s, rng.randint(1, 13), h, w, rng.randint(1, 3), False)
    cvt_case(out, "random", "ms", seed)


# ---- EfficientNet-Lite -----------------------------------------------------------------------------------------------

# timm_more.py, but with more intermediates, also of full-size models, and `rows` in place of its small network
DRIVER = """
import sys, common
save = common.save
common.save = lambda *a: save(*a[:6])
rows, sys.argv = eval(sys.argv[1]), sys.argv[2:]
text = open(sys.argv[0]).read()
if rows:
    i = text.index("rows = [[3")
    j = text.index("]]", i) + 2
    text = text[:i] + "rows = " + repr(rows) + text[j:]
names = dict(bn1="stem", bn2="head", global_pool="pool")
hooks = "".join(f"common.hook(m.{module}, R, '{name}')\\n" for module, name in names.items())
text = text.replace("x = common.image(", hooks + "x = common.image(")
exec(compile(text, sys.argv[0], "exec"))
"""


def run_timm(case, model, dialect, size, batch, seed, rows=None):
    command = [sys.executable, "-c", DRIVER, repr(rows), "timm_more.py", "--model", model, "--dialect", dialect,
               "--size", str(size), "--batch", str(batch), "--seed", str(seed), "--out", case]
    subprocess.run(command, check=True, cwd=MORE)


def lite_reference(case):
    config = json.load(open(os.path.join(case, "config.json"), encoding="utf-8"))
    found, activated, plain = {}, [], ref.relu6

    def relu6(x):
        activated.append(plain(x))
        return activated[-1]

    ref.relu6 = relu6
    try:
        weights = ref.load(os.path.join(case, "weights.safetensors"))
        y = ref.forward(config, weights, np.load(os.path.join(case, "input.npy")).astype(np.float64), found)
    finally:
        ref.relu6 = plain
    found.update(stem=activated[0], head=activated[-1], pool=activated[-1].mean((2, 3)))
    return y, found


def lite_case(out, model, dialect, size, batch, seed, rows=None, original=True):
    if not wanted(out):
        return
    with tempfile.TemporaryDirectory() as case:
        run_timm(case, model, dialect, size, batch, seed, rows)
        with tempfile.TemporaryDirectory() as first:
            native(case, first)
            y, found = lite_reference(case)
            np.save(os.path.join(case, "expected64.npy"), y)
            for name, value in found.items():
                np.save(os.path.join(case, name + ".npy"), value.astype(np.float32))
            native(case, out)
            if original:
                shutil.copy(os.path.join(first, "expected.npy"), os.path.join(out, "original.npy"))
                shutil.copytree(os.path.join(first, "taps"), os.path.join(out, "original"))


def random_lite(out, seed):
    rng = random.Random(seed)
    rows = []
    for i in range(rng.randint(1, 5)):
        kernel, stride, ratio = rng.choice([3, 5, 7]), rng.randint(1, 2), 1 if i == 0 else rng.choice([2, 3, 4, 6])
        rows.append([kernel, stride, ratio, 8 * rng.randint(1, 4), rng.randint(1, 3)])
    dialect = rng.choice(["timm", "rangilyu", "lukemelas"])
    model = rng.choice(["small_lite", "small_tf_lite"]) if dialect == "timm" else "small_lite"
    lite_case(out, model, dialect, rng.randint(17, 71), rng.randint(1, 3), seed, rows)


# ---- as the hub has it -----------------------------------------------------------------------------------------------

def hub_cases(out):
    """A tiny CvT as save_pretrained writes it: f32, f16, bf16, sharded, zip and legacy pickle; results in float64 of
    the weights as stored. The preprocessor is that of microsoft/cvt-13."""
    import torch
    from common import randomise
    spec = s3.spec(embed_dim=[6, 8, 12], num_heads=[1, 2, 3], depth=[1, 2, 3], mlp_ratio=[2.0, 2.0, 2.0])
    _, model = s3.hf_model(spec, 5)
    model.config.id2label = {i: f"class {i}" for i in range(5)}
    model.config.label2id = {v: k for k, v in model.config.id2label.items()}
    randomise(model, 11)
    model.eval()
    x = torch.randn(1, 3, 40, 36, generator=torch.Generator().manual_seed(12))
    forms = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16, "sharded": torch.float32,
             "zip": torch.float32, "legacy": torch.float32}
    preprocessor = {"crop_pct": 0.875, "do_normalize": True, "do_resize": True, "resample": 3, "size": 224,
                    "feature_extractor_type": "ConvNextFeatureExtractor",
                    "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
    for form, dtype in forms.items():
        folder = os.path.join(out, "hub_" + form)
        shutil.rmtree(folder, ignore_errors=True)
        stored = model.to(dtype)
        stored.save_pretrained(folder, max_shard_size="24KB" if form == "sharded" else "50GB")
        if form in ("zip", "legacy"):
            os.remove(os.path.join(folder, "model.safetensors"))
            torch.save(stored.state_dict(), os.path.join(folder, "pytorch_model.bin"),
                       _use_new_zipfile_serialization=form == "zip")
        with open(os.path.join(folder, "preprocessor_config.json"), "w", encoding="utf-8") as f:
            json.dump(preprocessor, f, indent=1)
        with torch.no_grad():
            y = s3.Logits(stored.double())(x.double())
        model.float()
        randomise(model, 11)
        np.save(os.path.join(folder, "x.npy"), x.numpy())
        np.save(os.path.join(folder, "expected64.npy"), y.numpy())
        print(f"{folder}: {', '.join(sorted(os.listdir(folder)))}")


# as timm's push_to_hf_hub writes a model, full-size, with random weights
TIMM_HUB = """
import os, sys, common, numpy as np, timm, torch
from timm.models import save_for_hf
name, out, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
m = common.randomise(timm.create_model(name, num_classes=7), seed)
save_for_hf(m, out, model_config=dict(label_names=[f"class {i}" for i in range(7)]))
x = common.image(seed, 1, m.pretrained_cfg["input_size"][1])
with torch.no_grad():
    original, y = m(x), m.double()(x.double())
for name, value in dict(x=x, original=original, expected64=y).items():
    np.save(os.path.join(out, name + ".npy"), value.numpy())
"""


def timm_hub(out, model, seed):
    if not wanted(out):
        return
    shutil.rmtree(out, ignore_errors=True)
    subprocess.run([sys.executable, "-c", TIMM_HUB, model, os.path.abspath(out), str(seed)], check=True, cwd=MORE)
    print(f"{out}: {', '.join(sorted(os.listdir(out)))}")


# ---- sets ------------------------------------------------------------------------------------------------------------

def fixtures(out, seed):
    T = dict(embed_dim=[6, 12, 20], num_heads=[1, 2, 4], depth=[1, 2, 3], mlp_ratio=[2.0, 1.5, 2.0])
    t = dict(embed_dim=[6, 12, 20], num_heads=[2, 3, 4], depth=[1, 2, 1], mlp_ratio=[2.0, 1.5, 2.0])
    cases = {  # name: naming, spec, labels, h, w, batch
        "tiny": ("hf", s3.spec(**T), 10, 32, 24, 3),
        "rect": ("hf", s3.spec(**T), 7, 45, 70, 1),
        "nocls": ("hf", s3.spec(**dict(T, cls_token=[False] * 3, qkv_bias=[False, True, False])), 10, 33, 47, 1),
        "k5": ("hf", s3.spec(**dict(T, kernel_qkv=[5, 3, 1], padding_kv=[2, 1, 0], padding_q=[2, 1, 0],
                                    stride_kv=[3, 2, 1], patch_sizes=[5, 3, 2], patch_stride=[3, 2, 2],
                                    patch_padding=[1, 0, 0], num_channels=1)), 5, 40, 36, 1),
        "clsall": ("hf", s3.spec(embed_dim=[16] * 3, num_heads=[1, 2, 4], depth=[1, 2, 3], mlp_ratio=[2.0] * 3,
                                 cls_token=[True] * 3), 6, 32, 32, 1),
        "two_stages": ("hf", s3.spec(embed_dim=[12, 20], num_heads=[2, 4], depth=[1, 2], mlp_ratio=[4.0, 4.0]),
                       4, 30, 30, 1),
        "ms": ("ms", s3.spec(**t), 10, 32, 40, 1),
        "ms_avg": ("ms", s3.spec(**dict(t, qkv_projection_method=["avg"] * 3)), 10, 45, 70, 1),
        "ms_mixed": ("ms", s3.spec(**dict(t, qkv_projection_method=["avg", "linear", "dw_bn"])), 10, 32, 32, 1),
        "ms_linear": ("ms", s3.spec(**dict(t, qkv_projection_method=["linear"] * 3, cls_token=[True, False, False])),
                      3, 24, 37, 1),
    }
    for k, (name, (naming, spec, labels, h, w, batch)) in enumerate(cases.items()):
        s3.PRESETS["fixture"] = (spec, labels, h, w, batch, naming == "hf")
        cvt_case(os.path.join(out, "cvt", name), "fixture", naming, seed + k)
    if wanted(os.path.join(out, "cvt", "hub")):
        hub_cases(os.path.join(out, "cvt"))
    lite = {"timm": ("small_lite", "timm", 32, 1), "tf": ("small_tf_lite", "timm", 32, 1),
            "rangilyu": ("small_lite", "rangilyu", 32, 3), "lukemelas": ("small_lite", "lukemelas", 32, 1),
            "lukemelas_35": ("small_lite", "lukemelas", 35, 1)}
    for k, (name, (model, dialect, size, batch)) in enumerate(lite.items()):
        lite_case(os.path.join(out, "lite", name), model, dialect, size, batch, seed + k, original=False)
    for family, module in MODULES.items():
        for name, line in getattr(module, "FIXTURES", {}).items():
            oracle_case(os.path.join(out, family, name), line)
        if hasattr(module, "hub") and wanted(os.path.join(out, family, "hub")):
            module.hub(os.path.join(out, family), seed)


def presets(out, seed):
    for preset, (*_, in_hf) in list(s3.PRESETS.items()):
        if preset.startswith("cvt-"):
            continue
        for naming in ["hf", "ms"] if in_hf else ["ms"]:
            cvt_case(os.path.join(out, f"{preset}-{naming}"), preset, naming, seed)
    for model, dialect in (("small_lite", "timm"), ("small_tf_lite", "timm"), ("small_lite", "rangilyu"),
                           ("small_lite", "lukemelas")):
        for size in (32, 35):
            lite_case(os.path.join(out, f"{model}-{dialect}-{size}"), model, dialect, size, 2, seed)
    for folder in ("vit", "more"):
        run_all(out, folder)
    for module in MODULES.values():
        for name, line in getattr(module, "PRESETS", {}).items():
            oracle_case(os.path.join(out, name), line)


def full(out, seed):
    for preset in ("cvt-13", "cvt-21", "cvt-13-384"):
        for naming in ("hf", "ms"):
            cvt_case(os.path.join(out, f"{preset}-{naming}"), preset, naming, seed)
    for i, dialect in enumerate(("lukemelas", "timm", "rangilyu", "lukemelas", "timm")):
        model = f"tf_efficientnet_lite{i}" if dialect == "timm" else f"efficientnet_lite{i}"
        lite_case(os.path.join(out, f"{model}-{dialect}"), model, dialect, 0, 1, seed)
    for model in ("tf_efficientnet_lite0", "efficientnet_lite0"):
        timm_hub(os.path.join(out, f"{model}-hub"), model, seed)
    for module in MODULES.values():
        for name, line in getattr(module, "FULL", {}).items():
            oracle_case(os.path.join(out, name), line)
        for model in getattr(module, "TIMM_HUBS", ()):
            timm_hub(os.path.join(out, f"{model}-hub"), model, seed)


def draw(out, seed):
    for k in range(args.count):
        random_cvt(os.path.join(out, f"random-cvt-{seed}-{k}"), 1000 * seed + k)
        random_lite(os.path.join(out, f"random-lite-{seed}-{k}"), 1000 * seed + k)


{"fixtures": fixtures, "presets": presets, "full": full, "random": draw}[args.set](args.out, args.seed)
