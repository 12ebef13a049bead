"""ResNet of torchvision, timm and Hugging Face (modern/resnet.py)."""
from .case import renamed

KEYS = ("depths", "hidden_sizes", "channels", "stem_width", "stem_type", "avg_down", "embedding_size", "layer_type",
        "downsample_in_first_stage", "downsample_in_bottleneck", "num_classes", "num_labels")


def resnet(case):
    config = {"arch": "resnet", "input_size": list(case.x.shape[2:]), "num_channels": case.x.shape[1]}
    if case.config["dialect"] == "timm":
        config.update(case.need("layers"), layer_type="basic" if case.config["block"] == "basic" else "bottleneck")
    config.update({k: case.config[k] for k in KEYS if k in case.config})
    return config, renamed(case, {r"(stem|embed|pool)": r"\1", r"stage_(\d+)": r"stage\1",
                                  r"block_(\d+)_(\d+)": r"stage\1.block\2"})


ARCHS = {"resnet": resnet}
FIXTURES = {
    "bottleneck": "modern/resnet.py --seed 71 --model bottleneck --size 40x56 --batch 2",
    "basic": "modern/resnet.py --seed 72 --model basic --size 33x31",
    "d": "modern/resnet.py --seed 73 --model d --size 45x33 --batch 2",
    "d_small": "modern/resnet.py --seed 74 --model d --size 16x9",
    "hf": "modern/resnet.py --seed 75 --dialect hf --size 35x49",
    "hf_basic": "modern/resnet.py --seed 76 --dialect hf --model basic --size 32",
    "hf_v1": "modern/resnet.py --seed 77 --dialect hf --model v1 --size 35x32 --batch 3",
    "eps_timm": "modern/resnet.py --seed 78 --size 32 --shrink 0.02",
    "eps_hf": "modern/resnet.py --seed 79 --dialect hf --size 32 --shrink 0.02",
}
FULL = {
    "resnet18": "modern/resnet.py --seed 1 --model resnet18",
    "resnet50": "modern/resnet.py --seed 2 --model resnet50",
    "resnet50d": "modern/resnet.py --seed 3 --model resnet50d",
}
