"""The conv-transformer blocks of russellgeum as networks of layers (cvt/blocks_oracle.py)."""
from .case import Refused, as_map

KEYS = ("in_channels", "heads", "dim_head", "dim_mlp", "depth", "self_feature_size", "cross_features_size")


def blocks(case):
    c = case.config
    case.expect(activation="gelu_erf", batch_norm_mode="running", attention_scale="head_dim", layer_norm_eps=1e-5,
                batch_norm_eps=1e-5, cross_interpolation="bilinear_align_corners")
    case.need("graph")
    xs = [case.x, *case.more]
    inputs = [{"name": "input" + (str(i + 1) if i else ""), "channels": x.shape[1], "size": list(x.shape[2:])}
              for i, x in enumerate(xs)]
    layers = []
    for block in c["graph"]:
        layer = {"type": block["type"]}
        if block["weights_prefix"]:
            layer["name"] = block["weights_prefix"].rstrip(".")
        layer.update({"inputs": block["inputs"], "output": block["output"]})
        layer.update({k: block[k] for k in KEYS if k in block})
        layers.append(layer)
    config = {"arch": "network", "inputs": inputs, "layers": layers}
    if len(layers) > 1:
        config["output"] = c["graph"][-1]["output"]

    def block_of(name):
        """The block that an intermediate belongs to, and the rest of its name."""
        for block in c["graph"]:
            prefix = block["weights_prefix"].replace(".", "_")
            if name.startswith(prefix):
                return block, name[len(prefix):]
        raise Refused(f"{case.path}: no block is known for the intermediate {name}")

    def place(name):
        """Tap and, of a map, its grid."""
        block, rest = block_of(name)
        crosses = block["type"] == "cross_block"
        prefix = block["weights_prefix"]
        grid = block["cross_features_size" if crosses else "self_feature_size"]
        if rest == "LayerNorm" and crosses:
            rest = "LayerNorm_1"  # the hook kept the second call
        head, _, part = rest.rpartition("_")
        if part in ("Q", "K", "V"):
            return prefix + head.replace("_", ".") + "." + part, grid
        return prefix + rest.replace("_", "."), None

    taps = {}
    for name, file in case.intermediates().items():
        tap, grid = place(name)
        data = case.array(file)
        taps[tap] = (as_map(data, grid, file) if grid else data, file)
    return config, taps


ORACLE = "cvt/blocks_oracle.py"
ARCHS = {"cvt_blocks": blocks}
FIXTURES = {
    "self": f"{ORACLE} --seed 1 --preset self_tiny",
    "self_deep": f"{ORACLE} --seed 2 --preset self_deep",
    "self_noproj": f"{ORACLE} --seed 3 --preset self_noproj",
    "cross": f"{ORACLE} --seed 4 --preset cross_tiny",
    "cross_up": f"{ORACLE} --seed 5 --preset cross_up",
    "cross_one": f"{ORACLE} --seed 6 --preset cross_one",
    "hetero": f"{ORACLE} --seed 7 --preset hetero",
}
PRESETS = {f"{name}-{seed}": f"{ORACLE} --seed {seed} --preset {name}" for seed in (1, 11) for name in
           ("self_tiny", "self_deep", "self_noproj", "cross_tiny", "cross_same", "cross_up", "cross_one", "hetero",
            "seed_self", "seed_cross", "seed_hetero")}
