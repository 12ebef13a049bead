"""TNT of timm and huawei-noah (more/timm_more.py --model small_tnt)."""
from .case import Refused

KEYS = ("patch_size", "embed_dim", "inner_dim", "depth", "num_heads_inner", "num_heads_outer", "mlp_ratio", "qkv_bias",
        "first_stride", "num_classes")


def tnt(case):
    case.expect(layer_norm_eps=1e-5)
    config = {"arch": "tnt", "input_size": list(case.x.shape[2:]), "in_chans": case.x.shape[1]}
    config.update({k: case.config[k] for k in ("legacy", "global_pool") if k in case.config})
    config.update(case.need("img_size", *KEYS))

    def words(name):
        """[N * patches, words, C] -> [N, patches * words, C]"""
        data = case.array(name)
        return data.reshape(len(case.x), -1, data.shape[-1])

    taps = {}
    for name, file in case.intermediates().items():
        kind, _, rest = name.partition("_")
        if name == "pixel_embed":
            taps["embed"] = words(file), file
        elif kind == "pixel" and rest.isdigit():
            taps[f"block{int(rest)}.inner"] = words(file), file
        elif kind == "tokens" and rest.isdigit():
            taps[f"block{int(rest)}"] = case.array(file), file
        else:
            raise Refused(f"{case.path}: no tap is known for the intermediate {name}")
    return config, taps


ARCHS = {"tnt": tnt}
FIXTURES = {
    "timm": "more/timm_more.py --model small_tnt --seed 6",
    "legacy": "more/timm_more.py --model small_tnt_legacy --seed 7",
    "huawei": "more/timm_more.py --model small_tnt --dialect huawei --seed 8 --batch 3",
    "huawei_legacy": "more/timm_more.py --model small_tnt_legacy --dialect huawei --seed 9",
    "eps": "more/timm_more.py --model small_tnt --seed 33 --shrink 0.02",
}
FULL = {
    "tnt_s_patch16_224": "more/timm_more.py --model tnt_s_patch16_224 --seed 1",
    "tnt_s_legacy_patch16_224": "more/timm_more.py --model tnt_s_legacy_patch16_224 --seed 1",
    "tnt_s_huawei": "more/timm_more.py --model tnt_s_patch16_224 --dialect huawei --seed 1",
    "tnt_b_patch16_224": "more/timm_more.py --model tnt_b_patch16_224 --seed 1",
}
