"""CvT of Hugging Face and microsoft (cvt/hf_oracle.py)."""
from .case import Refused, as_map

CVT_LISTS = ("patch_sizes", "patch_stride", "patch_padding", "embed_dim", "num_heads", "depth", "mlp_ratio", "qkv_bias",
             "cls_token", "qkv_projection_method", "kernel_qkv", "padding_kv", "stride_kv", "padding_q", "stride_q")


def cvt(case):
    c = case.config
    case.expect(batch_norm_mode="running", attention_scale="embed_dim", padding="explicit", batch_norm_eps=1e-5)
    config = {"arch": "cvt", "input_size": list(case.x.shape[2:]), **case.need("num_channels", "num_labels")}
    if "activation" in c:
        config["activation"] = c["activation"]
    config.update(case.need(*CVT_LISTS))

    def grid_after(grid, kernel, stride, padding):
        return tuple((n + 2 * padding - kernel) // stride + 1 for n in grid)

    def pooled(grid, kernel, stride, padding):
        """AvgPool2d with ceil_mode: the last window begins inside the map or its leading padding."""
        out = [-(-(n + 2 * padding - kernel) // stride) + 1 for n in grid]
        return tuple(o - 1 if (o - 1) * stride >= n + padding else o for o, n in zip(out, grid))

    grids, grid = [], case.x.shape[2:]
    for k, s, p in zip(c["patch_sizes"], c["patch_stride"], c["patch_padding"]):
        grid = grid_after(grid, k, s, p)
        grids.append(grid)

    def place(name):
        """Name and layout: the map's grid, or None for tokens."""
        if name == "final_norm":
            return "norm", None
        stage, _, rest = name.partition("_")
        i = int(stage[len("stage"):])
        if rest == "out":
            return stage, grids[i]
        if rest == "embed":
            return f"{stage}.embed", grids[i]
        block, _, part = rest.partition("_")
        if part in ("conv_q", "conv_k", "conv_v"):
            s, p = ("stride_q", "padding_q") if part == "conv_q" else ("stride_kv", "padding_kv")
            after = pooled if c["qkv_projection_method"][i] == "avg" else grid_after
            return f"{stage}.{block}.attn.{part}", after(grids[i], c["kernel_qkv"][i], c[s][i], c[p][i])
        if part in ("", "attn", "map"):
            return ".".join([stage, block] + {"": [], "attn": ["attn"], "map": ["attn", "map"]}[part]), None
        raise Refused(f"{case.path}: no tap is known for the intermediate {name}")

    taps = {}
    for name, file in case.intermediates().items():
        tap, grid = place(name)
        data = case.array(file)
        taps[tap] = (as_map(data, grid, file) if grid else data, file)
    return config, taps


ARCHS = {"cvt": cvt}
