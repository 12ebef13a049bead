"""Swin, versions 1 and 2, of timm, Hugging Face and Microsoft (modern/swin.py)."""
from .case import Refused, renamed

KEYS = ("patch_size", "embed_dim", "depths", "num_heads", "window_size", "mlp_ratio")


def as_tokens(data):
    """[N,H,W,C] -> [N,T,C]; tokens pass."""
    return data.reshape(len(data), -1, data.shape[-1])


def swin(case):
    hf = case.config["dialect"] == "hf"
    config = {"arch": "swin", "version": 2 if case.config["arch"] == "swinv2" else 1, "in_chans": case.x.shape[1],
              "input_size": list(case.x.shape[2:]), **{k: case.config[k] for k in KEYS if k in case.config}}
    config["image_size"] = case.config["image_size" if hf else "img_size"]
    config["num_classes"] = case.config["num_labels" if hf else "num_classes"]
    for key in ("layer_norm_eps", "pretrained_window_sizes"):
        if key in case.config:
            config[key] = case.config[key]
    stages, patch = len(config["depths"]), config["patch_size"]
    if "embed_dim" not in config:  # a full size, whose script does not tell
        config["embed_dim"] = case.shapes()["norm.weight"][0] >> (stages - 1)
    h, w = (-(-side // patch) for side in config["input_size"])

    def as_map(data, halvings):
        grid = [-(-side // 2 ** halvings) for side in (h, w)]
        return as_tokens(data).transpose(0, 2, 1).reshape(len(data), data.shape[-1], *grid)

    def stage(match, data, file):
        i = int(match[1])
        if hf and i < stages - 1:  # it includes the merging at the start of the next
            return f"stage{i + 1}.downsample", as_tokens(data)
        return f"stage{i}", as_map(data, i)

    def block(match, data, file):
        return f"stage{match[1]}.block{match[2]}", as_tokens(data)

    def attention(match, data, file):
        images = len(case.x)
        if len(data) % images:
            raise Refused(f"{file}: {len(data)} windows of {images} images")
        return f"stage{match[1]}.block{match[2]}.attn.map", data.reshape(images, -1, *data.shape[2:])

    return config, renamed(case, {"embed": lambda match, data, file: ("embed", as_map(data, 0)),
                                  "norm": lambda match, data, file: ("norm", as_tokens(data)),
                                  r"stage_(\d+)": stage, r"block_(\d+)_(\d+)": block, r"attn_(\d+)_(\d+)": attention})


ARCHS = {"swin": swin, "swinv2": swin}
# The scores of version 2 are cosines times up to 100, and their error in float32 grows from block to block: by how much,
# the random weights decide. The seeds are those with which the original's own float32 stays near its float64.
FIXTURES = {
    "timm": "modern/swin.py --seed 1 --batch 3",
    "timm_24x36": "modern/swin.py --seed 2 --size 24x36",
    "timm_last_fits": "modern/swin.py --seed 3 --model last_fits",
    "timm_padded": "modern/swin.py --seed 4 --model padded",
    "hf": "modern/swin.py --seed 5 --dialect hf",
    "hf_30x44": "modern/swin.py --seed 6 --dialect hf --size 30x44",
    "hf_padded": "modern/swin.py --seed 7 --dialect hf --model padded",
    "microsoft": "modern/swin.py --seed 8 --dialect ms",
    "eps": "modern/swin.py --seed 16 --shrink 0.02",
    "v2_timm": "modern/swin.py --seed 61 --version 2",
    "v2_timm_padded": "modern/swin.py --seed 48 --version 2 --model padded",
    "v2_timm_pretrained": "modern/swin.py --seed 50 --version 2 --model last_fits --pretrained-window 6",
    "v2_hf": "modern/swin.py --seed 44 --version 2 --dialect hf",
    "v2_hf_padded": "modern/swin.py --seed 69 --version 2 --dialect hf --model padded",
    "v2_hf_pretrained": "modern/swin.py --seed 56 --version 2 --dialect hf --model last_fits --pretrained-window 6",
    "v2_microsoft": "modern/swin.py --seed 44 --version 2 --dialect ms",
}
PRESETS = {
    "swin_eps_hf": "modern/swin.py --seed 17 --dialect hf --shrink 0.02",
    "swin_hf_last_fits": "modern/swin.py --seed 18 --dialect hf --model last_fits --batch 2",
    "swinv2_timm_20x36": "modern/swin.py --seed 30 --version 2 --size 20x36",
    "swinv2_hf_30x44": "modern/swin.py --seed 67 --version 2 --dialect hf --size 30x44",
}
FULL = {
    "swin_tiny_patch4_window7_224": "modern/swin.py --seed 1 --model swin_tiny_patch4_window7_224",
    "swinv2_tiny_window8_256": "modern/swin.py --seed 2 --model swinv2_tiny_window8_256",
}
TIMM_HUBS = ("swin_tiny_patch4_window7_224", "swinv2_tiny_window8_256")
