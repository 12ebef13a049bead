"""Closed-form parameter and MAC counts of the CvT systems, checked against instantiated models."""

import torch
from torch import nn

import flax_oracle as s1
import hf_oracle as s3


def co(n, k, s, p):
    return (n + 2 * p - k) // s + 1


def hf(spec, labels, h, w):
    P = M = 0
    per, cin = [], spec["num_channels"]
    for i in range(len(spec["depth"])):
        c, k, kq = spec["embed_dim"][i], spec["patch_sizes"][i], spec["kernel_qkv"][i]
        h, w = (co(n, k, spec["patch_stride"][i], spec["patch_padding"][i]) for n in (h, w))
        p = k * k * cin * c + c + 2 * c
        m = k * k * cin * c * h * w
        cls = int(spec["cls_token"][i])
        p += c * cls
        hk, wk = (co(n, kq, spec["stride_kv"][i], spec["padding_kv"][i]) for n in (h, w))
        T, S, hid = h * w + cls, hk * wk + cls, int(c * spec["mlp_ratio"][i])
        qb = c if spec["qkv_bias"][i] else 0
        bp = 3 * (kq * kq * c + 2 * c) + 3 * (c * c + qb) + c * c + c + 4 * c + c * hid + hid + hid * c + c
        bm = kq * kq * c * (h * w + 2 * hk * wk) + c * c * (T + 2 * S) + 2 * T * S * c + c * c * T + 2 * T * c * hid
        p += spec["depth"][i] * bp
        m += spec["depth"][i] * bm
        per.append((h, w, hk, wk, T, S, p, m))
        P, M, cin = P + p, M + m, c
    P += 2 * cin + cin * labels + labels
    M += cin * labels
    return P, M, per


def hooked_macs(model, x):
    tot = [0]

    def h(m, i, o):
        if isinstance(m, nn.Conv2d):
            tot[0] += o[0].numel() * m.weight[0].numel()
        elif isinstance(m, nn.Linear):
            tot[0] += o[0].numel() * m.in_features
        elif type(m).__name__ == "CvtSelfAttention":
            pass

    for m in model.modules():
        m.register_forward_hook(h)
    with torch.no_grad():
        model(pixel_values=x)
    return tot[0]


if __name__ == "__main__":
    W24 = s3.spec(embed_dim=[192, 768, 1024], num_heads=[3, 12, 16], depth=[2, 2, 20], drop_path_rate=[0.0, 0.0, 0.3])
    C13, C21 = s3.spec(), s3.spec(depth=[1, 4, 16])
    for name, s in (("cvt-13", C13), ("cvt-21", C21), ("cvt-w24", W24)):
        with torch.device("meta"):
            _, m = s3.hf_model(s, 1000)
        n = sum(p.numel() for p in m.parameters())
        nb = sum(b.numel() for b in m.buffers())
        keys = list(m.state_dict())
        for r in (224, 384):
            P, M, per = hf(s, 1000, r, r)
            assert P == n, (P, n)
            print(f"{name}@{r}: params {P:,} (buffers {nb:,}, {len(keys)} tensors) MACs {M:,}")
            for i, q in enumerate(per):
                print(
                    "   stage",
                    i,
                    "grid %dx%d kv %dx%d T=%d S=%d params=%s macs=%s" % (*q[:6], f"{q[6]:,}", f"{q[7]:,}"),
                )
        if name == "cvt-13":
            print(
                "\n".join(
                    f"   {k} {tuple(v.shape)} {v.dtype}"
                    for k, v in m.state_dict().items()
                    if ".stages.0." in k or k.startswith(("lay", "cla")) or k.endswith("cls_token")
                )
            )
    for name in ("seed", "default"):
        st, nc, *_ = s1.PRESETS[name]
        with torch.device("meta"):
            m = s1.FlaxCvt({"stages": st, "num_classes": nc})
        tr = s1.flax_tree({"stages": st})
        sd = m.state_dict()
        pp = sum(sd[t].numel() for f, t, _ in tr if f.startswith("params/"))
        al = sum(sd[t].numel() for f, t, _ in tr)
        print(f"flax {name}: params {pp:,}; params+batch_stats (what the README prints) {al:,}; tensors {len(tr)}")
    from vit_pytorch.cvt import CvT

    for h3 in (4, 6):
        m = CvT(num_classes=1000, s3_heads=h3)
        print("vit-pytorch s3_heads", h3, f"{sum(p.numel() for p in m.parameters()):,}", len(m.state_dict()))
