"""numpy-only forward pass from an oracle directory (config.json + weights.safetensors + input.npy).

In float64 and without torch, so that it shares no code with the originals.
Usage: np_forward.py DIR [DIR...]; prints the largest error against expected64.npy and
against the recorded intermediates; exit status 1 on an error above 1e-4 (relative to the std).
"""

import json
import math
import os
import struct
import sys

import numpy as np

ERF = np.vectorize(math.erf, otypes=[float])


def read_safetensors(path):
    raw = open(path, "rb").read()
    n = struct.unpack("<Q", raw[:8])[0]
    head, out = json.loads(raw[8 : 8 + n]), {}
    for k, v in head.items():
        if k == "__metadata__" or v["dtype"] == "I64":
            continue
        assert v["dtype"] == "F32", v
        a, b = v["data_offsets"]
        out[k] = np.frombuffer(raw[8 + n + a : 8 + n + b], "<f4").reshape(v["shape"]).astype(np.float64)
    return out


def pads(n, k, s, mode, p):
    if mode == "same":
        tot = max((-(-n // s) - 1) * s + k - n, 0)
        return tot // 2, tot - tot // 2
    return (k // 2, k // 2) if mode == "half" else (p, p)


def windows(x, k, s, mode, p):
    """(N,C,H,W) -> (N,C,OH,OW,k,k)"""
    x = np.pad(x, ((0, 0), (0, 0), pads(x.shape[2], k, s, mode, p), pads(x.shape[3], k, s, mode, p)))
    v = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(2, 3))
    return v[:, :, ::s, ::s]


def conv(x, w, b, s, mode="explicit", p=0):
    y = np.einsum("ncijuv,ocuv->noij", windows(x, w.shape[2], s, mode, p), w, optimize=True)
    return y if b is None else y + b[:, None, None]


def dwconv(x, w, b, s, mode="explicit", p=0):
    y = np.einsum("ncijuv,cuv->ncij", windows(x, w.shape[2], s, mode, p), w[:, 0], optimize=True)
    return y if b is None else y + b[:, None, None]


def avgpool(x, k, s, p):
    def axis(n):
        o = -(-(n + 2 * p - k) // s) + 1
        if (o - 1) * s >= n + p:
            o -= 1
        return [(max(i * s - p, 0), min(i * s - p + k, n), min(i * s - p + k, n + p) - (i * s - p)) for i in range(o)]

    ys, xs = axis(x.shape[2]), axis(x.shape[3])
    out = np.empty(x.shape[:2] + (len(ys), len(xs)))
    for i, (a, b, d) in enumerate(ys):
        for j, (c, e, f) in enumerate(xs):
            out[:, :, i, j] = x[:, :, a:b, c:e].sum((2, 3)) / (d * f)
    return out


def ln(t, w, b=None, eps=1e-5):  # last axis
    mu = t.mean(-1, keepdims=True)
    y = (t - mu) / np.sqrt(((t - mu) ** 2).mean(-1, keepdims=True) + eps) * w
    return y if b is None else y + b


def ln_map(m, w, b=None):
    return ln(m.transpose(0, 2, 3, 1), w.ravel(), None if b is None else b.ravel()).transpose(0, 3, 1, 2)


def bn(m, w, b, mean, var, mode="running"):
    if mode == "batch":
        mean, var = m.mean((0, 2, 3)), m.var((0, 2, 3))
    c = lambda v: v[:, None, None]
    return (m - c(mean)) / np.sqrt(c(var) + 1e-5) * c(w) + c(b)


def act(x, kind):
    if kind == "quick_gelu":
        return x / (1 + np.exp(-1.702 * x))
    if kind == "gelu_tanh":
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + ERF(x / math.sqrt(2)))


def attn(q, k, v, h, scale):  # tokens (N,T,h*d)
    sp = lambda t: t.reshape(t.shape[0], t.shape[1], h, -1).transpose(0, 2, 1, 3)
    s = sp(q) @ sp(k).transpose(0, 1, 3, 2) * scale
    s = np.exp(s - s.max(-1, keepdims=True))
    o = s / s.sum(-1, keepdims=True) @ sp(v)
    return o.transpose(0, 2, 1, 3).reshape(q.shape)


tok = lambda m: m.reshape(m.shape[0], m.shape[1], -1).transpose(0, 2, 1)
unt = lambda t, hw: t.transpose(0, 2, 1).reshape(t.shape[0], t.shape[2], *hw)


def hf_name(name):  # microsoft -> Hugging Face, by table 3.3
    for a, b in (("norm.", "layernorm."), ("head.", "classifier.")):
        if name.startswith(a):
            return b + name[len(a) :]
    st, rest = name.split(".", 1)
    rest = rest.replace("blocks.", "layers.").replace("patch_embed.proj", "embedding.convolution_embeddings.projection")
    rest = rest.replace("patch_embed.norm", "embedding.convolution_embeddings.normalization")
    for s, l in (("q", "query"), ("k", "key"), ("v", "value")):
        rest = rest.replace(
            f"attn.conv_proj_{s}.conv.",
            f"attention.attention.convolution_projection_{l}.convolution_projection.convolution.",
        )
        rest = rest.replace(
            f"attn.conv_proj_{s}.bn.",
            f"attention.attention.convolution_projection_{l}.convolution_projection.normalization.",
        )
        rest = rest.replace(f"attn.proj_{s}.", f"attention.attention.projection_{l}.")
    rest = rest.replace("attn.proj.", "attention.output.dense.").replace("mlp.fc1.", "intermediate.dense.")
    rest = (
        rest.replace("mlp.fc2.", "output.dense.")
        .replace("norm1.", "layernorm_before.")
        .replace("norm2.", "layernorm_after.")
    )
    return f"cvt.encoder.stages.{int(st[5:])}.{rest}"


def run_cvt(c, W, x, rec):
    if c["weights"]["naming"] == "ms":
        W = {hf_name(k): v for k, v in W.items()}
    lin = lambda t, n: t @ W[n + ".weight"].T + W.get(n + ".bias", 0)
    m = x
    for i in range(len(c["depth"])):
        P, dim = f"cvt.encoder.stages.{i}.", c["embed_dim"][i]
        e = P + "embedding.convolution_embeddings."
        m = conv(m, W[e + "projection.weight"], W[e + "projection.bias"], c["patch_stride"][i], p=c["patch_padding"][i])
        hw = m.shape[2:]
        t = ln(tok(m), W[e + "normalization.weight"], W[e + "normalization.bias"])
        rec(f"stage{i}_embed", unt(t, hw), t)
        cls = int(c["cls_token"][i])
        if cls:
            t = np.concatenate([np.broadcast_to(W[P + "cls_token"], (len(t), 1, dim)), t], 1)
        for j in range(c["depth"][i]):
            L = P + f"layers.{j}."
            u = ln(t, W[L + "layernorm_before.weight"], W[L + "layernorm_before.bias"])
            g, qkv = unt(u[:, cls:], hw), []
            for p, st, pd in (
                ("query", "stride_q", "padding_q"),
                ("key", "stride_kv", "padding_kv"),
                ("value", "stride_kv", "padding_kv"),
            ):
                meth, a = (
                    c["qkv_projection_method"][i],
                    L + f"attention.attention.convolution_projection_{p}.convolution_projection.",
                )
                if meth == "dw_bn":
                    z = dwconv(g, W[a + "convolution.weight"], None, c[st][i], p=c[pd][i])
                    z = bn(z, *(W[a + "normalization." + n] for n in ("weight", "bias", "running_mean", "running_var")))
                elif meth == "avg" and p != "query":
                    z = avgpool(g, c["kernel_qkv"][i], c[st][i], c[pd][i])
                else:
                    z = g
                z = tok(z)
                rec(f"stage{i}_block{j}_conv_{p[0]}", z)
                qkv.append(lin(np.concatenate([u[:, :cls], z], 1), L + "attention.attention.projection_" + p))
            o = lin(attn(*qkv, c["num_heads"][i], dim**-0.5), L + "attention.output.dense")
            rec(f"stage{i}_block{j}_attn", o)
            t = t + o
            u = ln(t, W[L + "layernorm_after.weight"], W[L + "layernorm_after.bias"])
            t = t + lin(act(lin(u, L + "intermediate.dense"), c["activation"]), L + "output.dense")
            rec(f"stage{i}_block{j}", t)
        lead, t = t[:, :cls], t[:, cls:]
        m = unt(t, hw)
        rec(f"stage{i}_out", m)
    z = ln(lead if c["cls_token"][-1] else t, W["layernorm.weight"], W["layernorm.bias"])
    rec("final_norm", z)
    return lin(z.mean(1), "classifier")


def run_staged(c, W, x, rec):
    """CvT of Flax and of vit_pytorch, on one set of accessors"""
    fl = c["arch"] == "cvt_flax"
    mode, pad, bnm = ("same" if fl else "half"), 0, c["batch_norm_mode"]
    m = x.transpose(0, 3, 1, 2) if fl else x
    k2 = lambda a: a.transpose(3, 2, 0, 1)  # HWIO -> OIHW
    for i, s in enumerate(c["stages"]):
        if fl:
            T = f"params/Transformer_{i}/"
            m = conv(m, k2(W[f"params/Conv_{i}/kernel"]), W[f"params/Conv_{i}/bias"], s["emb_stride"], mode)
            m = ln_map(m, W[f"params/LayerNorm_{i}/g"], W[f"params/LayerNorm_{i}/b"])
        else:
            m = conv(m, W[f"layers.{i}.0.weight"], W[f"layers.{i}.0.bias"], s["emb_stride"], mode)
            m = ln_map(m, W[f"layers.{i}.1.g"], W[f"layers.{i}.1.b"])
        rec(f"stage{i}_embed", m)
        for j in range(s["depth"]):
            if fl:
                A = T + f"Attention_{j}/"
                n1, n2 = (W[T + f"PreNorm_{2*j}/LayerNorm_0/scale"], None), (
                    W[T + f"PreNorm_{2*j+1}/LayerNorm_0/scale"],
                    None,
                )
                ds = []
                for n in (0, 1):
                    D = A + f"DepthWiseConv2d_{n}/"
                    B = D.replace("params/", "batch_stats/") + "BatchNorm_0/"
                    ds.append(
                        (
                            k2(W[D + "Conv_0/kernel"]),
                            (W[D + "BatchNorm_0/scale"], W[D + "BatchNorm_0/bias"], W[B + "mean"], W[B + "var"]),
                            k2(W[D + "Conv_1/kernel"]),
                        )
                    )
                out, ob = k2(W[A + "Conv_0/kernel"]), None
                f1, b1, f2, b2 = (
                    k2(W[T + f"FeedForward_{j}/Conv_0/kernel"]),
                    None,
                    k2(W[T + f"FeedForward_{j}/Conv_1/kernel"]),
                    None,
                )
            else:
                A, F = f"layers.{i}.2.layers.{j}.0.", f"layers.{i}.2.layers.{j}.1.net."
                n1, n2 = (W[A + "norm.g"], W[A + "norm.b"]), (W[F + "0.g"], W[F + "0.b"])
                ds = [
                    (
                        W[A + n + "net.0.weight"],
                        tuple(W[A + n + "net.1." + z] for z in ("weight", "bias", "running_mean", "running_var")),
                        W[A + n + "net.2.weight"],
                    )
                    for n in ("to_q.", "to_kv.")
                ]
                out, ob = W[A + "to_out.0.weight"], W[A + "to_out.0.bias"]
                f1, b1, f2, b2 = W[F + "1.weight"], W[F + "1.bias"], W[F + "4.weight"], W[F + "4.bias"]
            y, hw = ln_map(m, *n1), m.shape[2:]
            z = []
            for (dw, b, pw), st in zip(ds, (1, s["kv_proj_stride"])):
                z.append(conv(bn(dwconv(y, dw, None, st, mode), *b, bnm), pw, None, 1))
            rec(f"stage{i}_block{j}_q", z[0])
            rec(f"stage{i}_block{j}_kv", z[1])
            k, v = np.split(tok(z[1]), 2, axis=2)
            o = conv(unt(attn(tok(z[0]), k, v, s["heads"], s["dim_head"] ** -0.5), hw), out, ob, 1)
            rec(f"stage{i}_block{j}_attn", o)
            m = m + o
            o = conv(act(conv(ln_map(m, *n2), f1, b1, 1), c["activation"]), f2, b2, 1)
            rec(f"stage{i}_block{j}_mlp", o)
            m = m + o
        rec(f"stage{i}_out", m)
    z = m.mean((2, 3))
    return (
        z @ W["params/Dense_0/kernel"] + W["params/Dense_0/bias"]
        if fl
        else z @ W["to_logits.2.weight"].T + W["to_logits.2.bias"]
    )


def resize_ac(m, hw):
    for ax, n in ((2, hw[0]), (3, hw[1])):
        src = m.shape[ax]
        pos = np.arange(n) * ((src - 1) / (n - 1)) if n > 1 else np.zeros(1)
        i0 = np.minimum(np.floor(pos).astype(int), src - 1)
        i1, f = np.minimum(i0 + 1, src - 1), pos - i0
        f = f.reshape((-1, 1) if ax == 2 else (-1,))
        m = np.take(m, i0, ax) * (1 - f) + np.take(m, i1, ax) * f
    return m


def run_blocks(c, W, xs, rec):
    val = dict(zip(("input", "input2"), xs))
    for b in c["graph"]:
        p, h, cross = b["weights_prefix"], b["heads"], b["type"] == "cross_block"
        w = lambda n: (W[p + n + ".weight"], W[p + n + ".bias"])
        lin = lambda t, n: t @ w(n)[0].T + w(n)[1]

        def sep(m, n):
            m = bn(
                dwconv(m, *w(n + ".depth_wise"), 1, p=1),
                *w(n + ".batchnorm"),
                W[p + n + ".batchnorm.running_mean"],
                W[p + n + ".batchnorm.running_var"],
            )
            m = conv(m, *w(n + ".pointwise"), 1)
            rec((p + n).replace(".", "_"), m)
            return tok(m)

        def attend(mq, mkv, f):
            o = attn(sep(mq, f + ".Q"), sep(mkv, f + ".K"), sep(mkv, f + ".V"), h, b["dim_head"] ** -0.5)
            o = lin(o, f + ".FFN.0") if p + f + ".FFN.0.weight" in W else o
            rec((p + f).replace(".", "_"), o)
            return o

        mlp = lambda t, f: lin(act(lin(t, f + ".net.0"), c["activation"]), f + ".net.2")
        src = [val[n] for n in b["inputs"]]
        hw = src[-1].shape[2:]
        if cross:
            t1, t2 = (ln(tok(s), *w("LayerNorm")) for s in src)
            u1, u2 = (ln(t, *w("Layer1.norm")) for t in (t1, t2))
            t = t2 + attend(resize_ac(unt(u1, src[0].shape[2:]), hw), unt(u2, hw), "Layer1.function")
            t = mlp(ln(t, *w("Layer2.norm")), "Layer2.function")
        else:
            t = ln(tok(src[0]), *w("LayerNorm"))
            for l in range(b["depth"]):
                u = unt(ln(t, *w(f"module.{l}.0.norm")), hw)
                t = t + attend(u, u, f"module.{l}.0.function")
                t = t + mlp(ln(t, *w(f"module.{l}.1.norm")), f"module.{l}.1.function")
        val[b["output"]] = unt(t, hw)
    return val["out"]


def main():
    bad = 0
    for d in sys.argv[1:]:
        c = json.load(open(os.path.join(d, "config.json")))
        W = read_safetensors(os.path.join(d, c["weights"]["file"]))
        x = np.load(os.path.join(d, "input.npy")).astype(np.float64)
        errs, worst = {}, ("", 0.0)

        def rec(name, *alts):
            nonlocal worst
            f = os.path.join(d, "inter", name + ".npy")
            if os.path.exists(f):
                ref = np.load(f)
                a = next((z for z in alts if z.shape == ref.shape), None)
                errs[name] = 9e9 if a is None else float(np.abs(a - ref).max() / (ref.std() + 1e-9))
                if not errs[name] <= worst[1]:
                    worst = (name, errs[name])

        if c["arch"] == "cvt_blocks":
            x2 = os.path.join(d, "input2.npy")
            y = run_blocks(c, W, [x] + ([np.load(x2).astype(np.float64)] if os.path.exists(x2) else []), rec)
        elif c["arch"] == "cvt":
            y = run_cvt(c, W, x, rec)
        else:
            y = run_staged(c, W, x, rec)
        ref = np.load(os.path.join(d, "expected64.npy"))
        e = float(np.abs(y - ref).max())
        ok = e < 1e-9 * 1e3 and worst[1] < 1e-4
        bad |= not ok
        print(
            f"{'ok ' if ok else 'BAD'} {d}: logits err {e:.1e}, {len(errs)} intermediates, "
            f"worst rel {worst[1]:.1e} {worst[0]}"
        )
    return bad


if __name__ == "__main__":
    sys.exit(main())
