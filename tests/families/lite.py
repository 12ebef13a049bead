"""EfficientNet-Lite (more/timm_more.py)."""
from .case import Refused


def divisible(v):
    """timm's make_divisible by 8."""
    n = max(8, int(v + 4) // 8 * 8)
    return n + 8 if n < 0.9 * v else n


EXPANSIONS = {"timm": "blocks.{s}.{j}.conv_pw.weight", "rangilyu": "blocks.{s}.{j}._expand_conv.weight",
              "lukemelas": "_blocks.{f}._expand_conv.weight"}


def efficientnet_lite(case):
    config = {"arch": "efficientnet_lite", "input_size": list(case.x.shape[2:]), "in_chans": case.x.shape[1],
              **case.need("num_classes", "stem_size", "num_features", "stage_repeats", "pad_type", "bn_eps")}
    if "act_layer" in case.config:
        config["act_layer"] = case.config["act_layer"]
    blocks, repeats = case.need("blocks")["blocks"], config["stage_repeats"]
    if sum(repeats) != len(blocks):
        raise Refused(f"{case.path}: stage_repeats sums to {sum(repeats)}, there are {len(blocks)} blocks")
    places = [(s, j) for s, n in enumerate(repeats) for j in range(n)]
    shapes, pattern, config["blocks"] = case.shapes(), EXPANSIONS.get(case.config.get("dialect")), []
    for f, (s, j) in enumerate(places):
        b = {k: blocks[f][k] for k in ("kernel_size", "stride", "expand_ratio", "out_chs")}
        shape = shapes.get(pattern.format(s=s, j=j, f=f)) if pattern and b["expand_ratio"] != 1 else None
        if shape and divisible(shape[1] * b["expand_ratio"]) != shape[0]:  # the oracle rounds the ratio
            b["expand_ratio"] = shape[0] / shape[1]
        config["blocks"].append(b)
    taps, files = {}, case.intermediates()
    for f, (s, j) in enumerate(places):
        file = files.pop(f"block_{f:02d}", None)
        if file:
            taps[f"stage{s}.block{j}"] = case.array(file), file
            if j == repeats[s] - 1:
                taps[f"stage{s}"] = taps[f"stage{s}.block{j}"]
    for name in ("stem", "head", "pool"):
        if name in files:
            taps[name] = case.array(files[name]), files.pop(name)
    if files:
        raise Refused(f"{case.path}: no tap is known for {', '.join(files)}")
    return config, taps


ARCHS = {"efficientnet_lite": efficientnet_lite}
