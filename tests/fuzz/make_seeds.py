"""Makes tests/fuzz/seeds and tests/fuzz/dict: small inputs of every fuzz target, and the words that its mutators use.

    python tests/fuzz/make_seeds.py      (needs ./cvt and nothing but Python; developers only)

Most are files of tests/data; the others are made here. What fuzzing itself has found (seeds whose names begin with
"found") stays: `tests/fuzz/run.sh` adds it. The whole folder has at most 400 kB.
"""
import io
import json
import pathlib
import pickle
import re
import struct
import subprocess
import tarfile
import tempfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DATA = ROOT / "tests/data"
SEEDS = HERE / "seeds"


def put(target, name, data):
    folder = SEEDS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())


def copy(target, pattern, most, limit=100):
    files = [f for f in sorted(DATA.glob(pattern)) if f.is_file() and f.stat().st_size <= most]
    assert files, pattern
    for f in files[:limit]:
        put(target, f.name, f.read_bytes())


def images():
    """The last byte of an image chooses options (target_image.c): some get one more."""
    for name in ("jpeg_tiny_1x1", "jpeg_tiny_17x15", "exif_6", "jpeg_gray", "jpeg_ycck",
                 "jpeg_1x2_-", "jpeg_2x2_pa", "jpeg_3x1_-", "jpeg_junk_after", "jpeg_mixed1",
                 "jpeg_2x2_a", "bad_jpeg_12bit", "bad_jpeg_lossless", "bad_jpeg_huge", "bad_jpeg_p_cut_305",
                 "bad_jpeg_no_tables", "bad_jpeg_two", "bad_jpeg_no_frame", "exif_behind_junk", "bad_other_GIF"):
        put("jpeg", name, (DATA / f"images/{name}.jpg").read_bytes())
    for choice in (0x00, 0x11, 0x51, 0x81, 0xd0, 0x71):
        put("jpeg", f"options_{choice:02x}", (DATA / "images/jpeg_tiny_17x15.jpg").read_bytes() + bytes([choice]))
        put("png", f"options_{choice:02x}", (DATA / "decoders/alpha_palette_4.png").read_bytes() + bytes([choice]))
    for name in ("jpeg_gray", "jpeg_cmyk_pillow", "jpeg_2x2_pa"):
        data = (DATA / f"images/{name}.jpg").read_bytes()
        put("jpeg", f"truncated_{name}", data[:len(data) * 2 // 3] + b"\x01")
    turned, rows = ((DATA / f"images/{name}.jpg").read_bytes() for name in ("exif_6", "jpeg_2x1_r"))
    exif = turned.index(b"\xff\xe1")
    exif = turned[exif:exif + 2 + int.from_bytes(turned[exif + 2:exif + 4], "big")]
    height = rows.index(b"\xff\xc0") + 5
    first_rows = rows[2:height] + (24).to_bytes(2, "big") + rows[height + 2:rows.index(b"\xff\xd2")] + b"\xff\xd9"
    put("jpeg_pieces", "turned", rows[:2] + exif + first_rows)  # 24 rows, with a restart marker after each eighth
    copy("png", "images/png_*.png", 1100)
    copy("png", "images/exif_8.png", 1300)
    copy("png", "images/exif_after_pixels.png", 600)
    for name in ("bad_png_crc_text", "bad_png_few_rows", "bad_png_i_cut", "bad_png_no_pixels", "bad_png_not_zlib",
                 "bad_png_huge", "bad_png_critical", "bad_png_cut_40"):
        put("png", name, (DATA / f"images/{name}.png").read_bytes())
    copy("webp", "decoders/*.webp", 1200)
    copy("heif", "decoders/*.avif", 1600)
    copy("heif", "decoders/*.heic", 1600)
    heic = (DATA / "decoders/heic_exif_6.heic").read_bytes()
    at = heic.index(b"ispe") + 8
    for name, width, height in (("wider", 65, 64), ("huge", 70000, 70000), ("none", 0, 64)):
        put("heif", "size_" + name, heic[:at] + struct.pack(">II", width, height) + heic[at + 8:])
    for name, old, new in (("brand", b"ftypheic", b"ftyphevx"), ("codec", b"hvc1", b"vvc1"), ("box", b"iloc", b"ilox")):
        put("heif", "other_" + name, heic.replace(old, new))


def exif():
    def block(order, entries, inner=()):
        """Directories of entries (tag, type, count, value); a value of more than 4 bytes lies behind them."""
        out, behind = b"", b""
        directories = [entries, inner] if inner else [entries]
        at = 8 + sum(2 + 12 * len(d) + 4 for d in directories)
        start = 8
        for d in directories:
            start += 2 + 12 * len(d) + 4
            out += struct.pack(order + "H", len(d))
            for tag, kind, count, value in d:
                if tag == 0x8769:
                    value = struct.pack(order + "I", start)
                if len(value) > 4:
                    behind, value = behind + value, struct.pack(order + "I", at + len(behind))
                out += struct.pack(order + "HHI", tag, kind, count) + value.ljust(4, b"\0")
            out += bytes(4)
        head = b"II*\0" if order == "<" else b"MM\0*"
        return head + struct.pack(order + "I", 8) + out + behind

    time = b"2026:11:30 12:34:56\0"
    for order, name in (("<", "little"), (">", "big")):
        put("exif", f"{name}_short", block(order, [(0x112, 3, 1, struct.pack(order + "H", 6))]))
        put("exif", f"{name}_long", b"Exif\0\0" + block(order, [(0x112, 4, 1, struct.pack(order + "I", 3))]))
        taken = [(0x9003, 2, 20, time), (0x9011, 2, 7, b"+01:00\0")]
        put("exif", f"{name}_taken", block(order, [(0x112, 3, 1, struct.pack(order + "H", 8)), (0x8769, 4, 1, b"")], taken))
    put("exif", "several", block("<", [(0x112, 3, 4, struct.pack("<4H", 5, 6, 7, 8))]))
    put("exif", "byte", block("<", [(0x112, 1, 1, b"\6")]))
    put("exif", "none", block("<", [(0x100, 3, 1, b"\1\0")]))


def texts():
    for name, text in {
        "all": '{"a": [1, -2.5e3, 0.1, true, false, null], "b": {"c": "d\\n\\u00e9\\ud83d\\ude00", "": []}, "e": {}}',
        "string": '"x"', "number": "-0.0", "word": "null", "list": "[[[[1]]], 2, 3]", "spaces": " \t\r\n[ 1 , 2 ] \n",
        "twice": '{"a": 1, "a": 2}', "python": '{"a": NaN, "b": Infinity, "c": -Infinity}', "half": '"\\ud800"',
        "zero": '"\\u0000"', "deep": "[" * 64 + "]" * 64, "deeper": "[" * 70 + "]" * 70, "large": "[1e400]",
        "integers": "[9007199254740991, 9007199254740993, -1, 1.0, 1e2]", "open": '{"a": [1, "b', "junk": "{} x",
        "escape": '["\\/\\b\\f\\n\\r\\t\\"\\\\", "\\x"]', "utf8": '["\u00e9\u20ac\U0001f600"]', "mark": "\ufeff{}",
        "numbers": "[01, +1, .5, 1., 1e, 0x1, -]"}.items():
        put("json", name, text)
    put("json", "bad_utf8", b'["\xff\xc0\x80"]')
    for family in sorted(DATA.iterdir()):
        for config in sorted(family.glob("*/config.json"))[:7 if family.name == "blocks" else 3]:
            put("config", f"{family.name}_{config.parent.name}", config.read_bytes())
    for name in ("checkpoints/hf/nulls", "checkpoints/hf/numbers", "checkpoints/wrappers/center_0.7",
                 "checkpoints/wrappers/tag", "checkpoints/wrappers/no_recipe", "cli/tiny"):
        put("config", name.replace("/", "_"), (DATA / f"{name}.json").read_bytes())
    for name in ("hetero-32x32", "cross-32x80-16x40", "efficientnet-lite0", "dinov2-small", "siglip-base-patch16-224"):
        put("config", name, (ROOT / f"configs/{name}.json").read_bytes())
    for name in ("vit_base_patch16_224", "resnet50", "convnext_tiny", "nothing_known"):
        put("config", "timm_" + name, json.dumps({"architecture": name}))
    layer = {"type": "self_block", "name": "a", "in_channels": 8, "heads": 2, "dim_head": 4, "dim_mlp": 8}
    network = {"arch": "network", "inputs": [{"name": "x", "channels": 8, "size": [4, 4]}]}
    for name, layers in {
        "one": [{}], "cycle": [{"inputs": ["b"]}, {"name": "b", "inputs": ["a"]}], "unknown": [{"inputs": ["y"]}],
        "same": [{}, {}], "result": [{"name": "output"}], "unread": [{}, {"name": "b", "inputs": ["x"]}],
        "two": [{"inputs": ["x", "x"]}], "heads": [{"heads": 3}], "channels": [{"in_channels": 16}]}.items():
        put("config", "network_" + name, json.dumps(network | {"layers": [layer | change for change in layers]}))
    put("config", "network_output", json.dumps(network | {"output": "z", "layers": [layer]}))
    tiny = json.loads((DATA / "cli/tiny.json").read_text())
    for name, change in {"divide": {"num_heads": [1, 3, 3]}, "entries": {"depth": [1, 2]}, "hidden": {"mlp_ratio": [0.01, 1, 1]},
                         "list": {"embed_dim": []}, "near": {"num_head": [1, 2, 3]}, "null": {"depth": None}}.items():
        put("config", "wrong_" + name, json.dumps(tiny | change))
    copy("preprocess", "checkpoints/processors/*.json", 1000)
    copy("preprocess", "lines/preprocessor_config.json", 1000)
    put("preprocess", "timm", json.dumps({
        "input_size": [3, 24, 32], "interpolation": "bicubic", "crop_pct": 0.9, "crop_mode": "border",
        "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}))
    for name, text in {
        "lines": "tench\ngoldfish\nshark\nray\n", "windows": "\ufefftench\r\ngoldfish\r\nshark\r\nray\r\n\r\n",
        "list": '["tench", 2, null, true]', "object": '{"0": "a", "1": "b", "2": "c", "3": 4.5}',
        "few": "tench\n", "many": "a\nb\nc\nd\ne\n", "bracket": "[tench\nb\nc\nd", "wrong": '{"4": "e", "x": 1}',
        "nested": '[["a"], {}, "c", "d"]', "nul": "a\0b\nc\nd\ne\n", "empty": ""}.items():
        put("labels", name, text)


def weights():
    copy("safetensors", "formats/*.safetensors", 1100)
    copy("safetensors", "torch/empty.safetensors", 100)

    def tensors(header, data=b"", pad=0):
        text = json.dumps(header).encode() + b" " * pad
        return struct.pack("<Q", len(text)) + text + data

    one = {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]}
    put("safetensors", "metadata", tensors({"__metadata__": {"cvt.config": "{}", "b": "c"}, "w": one}, bytes(8), 5))
    put("safetensors", "kinds", tensors({
        kind: {"dtype": kind, "shape": [size], "data_offsets": [at, at + size * bits // 8]} for kind, size, bits, at in
        (("F64", 1, 64, 0), ("BF16", 2, 16, 8), ("F16", 2, 16, 12), ("I8", 3, 8, 16), ("U8", 1, 8, 19))}, bytes(20)))
    put("safetensors", "prefixed", tensors({f"module.model.{k}": {"dtype": "F16", "shape": [], "data_offsets": [i, i + 2]}
                                            for i, k in ((0, "a"), (2, "b"))}, bytes(4)))
    put("safetensors", "huge", tensors({"w": {"dtype": "F32", "shape": [1 << 40, 0], "data_offsets": [0, 0]}}))
    for name, text in {
        "good": '{"metadata": {"total_size": 8}, "weight_map": {"a": "a.st", "b": "b.st"}}', "one": '{"weight_map": {"a": "a.st"}}',
        "wrong": '{"weight_map": {"b": "a.st"}}', "missing": '{"weight_map": {"a": "c.st"}}', "config": '{"arch": "vit"}',
        "path": '{"weight_map": {"a": "../a.st", "b": "."}}', "list": '{"weight_map": []}', "itself":
        '{"weight_map": {"a": "model.safetensors.index.json"}}'}.items():
        put("index", name, text)
    copy("torch_zip", "torch/*_zip.pth", 2800)
    copy("torch_zip", "torch/rezip_*.pth", 2800)
    copy("torch_zip", "torch/protocol*.pth", 2800)
    copy("torch_zip", "checkpoints/refused/o*.pth", 4000)
    copy("torch_legacy", "torch/*_legacy.pth", 2000)
    copy("torch_legacy", "torch/python2.pth", 2000)
    pickles = [f for f in sorted(DATA.glob("torch/*.pth")) if zipfile.is_zipfile(f)]
    for f in pickles:
        with zipfile.ZipFile(f) as z:
            name = next(n for n in z.namelist() if n.endswith("data.pkl"))
            if z.getinfo(name).file_size < 1500:
                put("pickle", f.stem, z.read(name))
    for line in (DATA / "torch/hostile.txt").read_text().splitlines():
        kind, name, *fields = line.split("\t")
        data = bytes.fromhex(fields[-1]) if re.fullmatch("[0-9a-f]+", fields[-1]) else b""
        if 0 < len(data) < 200 and kind in ("good", "bad") and hash_of(name) % 6 == 0:
            put("pickle", "hostile_" + re.sub("[^a-z0-9]+", "_", name.lower())[:40], data)
    values = {"a": [1, 2.5, -70000, 1 << 40, 1 << 80], "b": (None, True, "x", b"y"), "c": {"d": ()}, "e": "\u20ac" * 90}
    for protocol in range(6):
        put("pickle", f"python_{protocol}", pickle.dumps(values, protocol))


def hash_of(text):
    return sum((i + 1) * ord(c) for i, c in enumerate(text))


def models():
    def convert(name, source, *options, isa=None):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "x.safetensors"
            env = {"CVT_ISA": isa} if isa else {}
            done = subprocess.run([ROOT / "cvt", "convert", "-o", out, *options, source], env=env, capture_output=True)
            if done.returncode == 0:
                put("model", name, out.read_bytes())
            else:
                print(name, done.stderr.decode())

    hf = DATA / "checkpoints/hf"
    convert("native", hf, "--names", "native", "--dtype", "f16")
    with tempfile.TemporaryDirectory() as folder:  # weights become int8 from 48 channels on
        config, wide = pathlib.Path(folder) / "config.json", pathlib.Path(folder) / "wide.safetensors"
        config.write_text(json.dumps({"arch": "vit", "variant": "timm", "img_size": 4, "patch_size": 2, "embed_dim": 48,
                                      "depth": 1, "num_heads": 2, "mlp_ratio": 0.25, "num_classes": 4, "num_channels": 1}))
        subprocess.run([ROOT / "cvt", "init", "-c", config, "-o", wide], check=True)
        convert("int8", wide, "--dtype", "int8")
    for name in ("ddp", "compiled_ddp"):  # with words in front of names
        wrapped = (DATA / f"checkpoints/wrappers/{name}.safetensors").read_bytes()
        size = struct.unpack("<Q", wrapped[:8])[0]
        header = json.loads(wrapped[8:8 + size])
        header["__metadata__"] = {"cvt.config": (DATA / "checkpoints/wrappers/config.json").read_text()}
        text = json.dumps(header).encode()
        put("model", name, struct.pack("<Q", len(text)) + text + wrapped[8 + size:])
    convert("packed", hf, "--names", "native", "--pack", isa="ref")
    convert("bf16", hf, "--dtype", "bf16")


def golden():
    """Small models whose files bring golden data: one that reads no images, and one that does."""
    small = {"arch": "vit", "variant": "timm", "img_size": 4, "patch_size": 2, "embed_dim": 4, "depth": 1, "num_heads": 2,
             "mlp_ratio": 1, "num_classes": 4}
    with tempfile.TemporaryDirectory() as folder:
        config, out = pathlib.Path(folder) / "config.json", pathlib.Path(folder) / "x.safetensors"

        def make(name, change, *options):
            config.write_text(json.dumps(small | change))
            subprocess.run([ROOT / "cvt", "init", "-c", config, "-o", out], check=True)
            subprocess.run([ROOT / "cvt", "convert", out, "-o", out.with_name("golden.safetensors"), "--golden", *options],
                           check=True)
            put("golden", name, out.with_name("golden.safetensors").read_bytes())

        make("f32", {"num_channels": 2}, "2", "--seed", "3")
        make("f16", {"num_channels": 2}, "1", "--dtype", "f16")
        make("bf16", {"num_channels": 2}, "1", "--dtype", "bf16")
        make("features", {"num_channels": 2, "num_classes": 0}, "1")
        make("images", {"global_pool": "avg"}, "1", "--names", "native")
        make("int8", {"num_channels": 2, "embed_dim": 48, "mlp_ratio": 0.25}, "1", "--dtype", "int8")
    whole = (SEEDS / "golden/f32").read_bytes()
    for name, old, new in (("other_seed", b'seed\\":\\"3', b'seed\\":\\"4'), ("no_inputs", b"inputs", b"imputs"),
                           ("precision", b'precision\\":\\"f32', b'precision\\":\\"f16'), ("weights", whole[-4:], bytes(4)),
                           ("output", b'output\\":\\"', b'output\\":\\"AAAAQ'), ("top", b'top\\":[[', b'top\\":[[],['),
                           ("no_golden", b"cvt.golden", b"cvt.g0lden")):
        assert old in whole, name
        changed = whole.replace(old, new, 1)
        put("golden", name, struct.pack("<Q", struct.unpack("<Q", whole[:8])[0] + len(new) - len(old)) + changed[8:])


def files():
    copy("npy", "formats/*.npy", 400)

    def archive(name, form, entries, end=True):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=form) as t:
            for entry, data, kind in entries:
                info = tarfile.TarInfo(entry)
                info.size, info.type = len(data), kind
                if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                    info.linkname = "a.png"
                t.addfile(info, io.BytesIO(data))
        data = out.getvalue()
        size = len(data.rstrip(b"\0")) + 511 & ~511
        put("tar", name, data[:size + 1024 if end else size])

    png, text = (DATA / "images/png_0_1_29x17.png").read_bytes(), b"7\n"
    regular, directory, link, hard = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
    archive("ustar", tarfile.USTAR_FORMAT, [("d", b"", directory), ("d/a.png", png, regular), ("d/a.cls", text, regular)])
    archive("gnu", tarfile.GNU_FORMAT, [("n" * 150 + ".png", png, regular), ("b.json", b'{"label": 3}', regular), ("b.png", png, regular)])
    archive("pax", tarfile.PAX_FORMAT, [("\u00e9" * 60 + ".png", png, regular), ("c.txt", b" a cat ", regular), ("c.png", png, regular)])
    archive("links", tarfile.USTAR_FORMAT, [("a.png", png, regular), ("b.png", b"", link), ("c.png", b"", hard), ("a.png", png, regular)])
    archive("open", tarfile.USTAR_FORMAT, [("a.png", png, regular)], end=False)
    archive("empty", tarfile.USTAR_FORMAT, [("a.txt", text, regular), (".b.png", b"", regular)])
    whole = (SEEDS / "tar/ustar").read_bytes()
    put("tar", "cut", whole[:1300])
    put("tar", "two", whole + (SEEDS / "tar/links").read_bytes())
    put("tar", "labels_of_all", (SEEDS / "tar/gnu").read_bytes() + b"\1")
    for name, data in {"gzip": b"\x1f\x8b\x08", "zip": b"PK\3\4", "text": b"hello\n" * 100, "nothing": b""}.items():
        put("tar", name, data)
    for name, data in {
        "plain": b"a.jpg\nb.png\n", "windows": b"\xef\xbb\xbfa.jpg\r\nb.png\r\n", "nul": b"a.jpg\0b.png\0\1", "dash": b"-\n",
        "utf16": "a.jpg\n".encode("utf-16"), "bytes": b"\xff\xfe.jpg\n\x1b[31m\n", "open": b"a.jpg", "empty": b"\n\n",
        "folder": b".\n"}.items():
        put("list", name, data)
    for name, data in {
        "tabs": b"path\tlabel\na.jpg\tcat\nb.jpg\tdog\na.jpg\tcat\n", "commas": b'path,label\n"a,1.jpg",cat\nb.jpg,"d""og"\n',
        "windows": b"\xef\xbb\xbfa.jpg,cat\r\nb.jpg,dog\r\n", "open": b'"a.jpg,cat\n', "behind": b'"a"x,cat\n', "nul": b"a\0,b\n",
        "three": b"a,b,c\n", "none": b"a.jpg\n", "empty": b"", "quotes": b'"a.jpg","c""at"\n"","x"\n'}.items():
        put("labelled", name, data)


def records():
    head = ('{"cvt":"0.2.0","model":"tiny","weights_sha256":"00","config_sha256":"00","preprocess":{"mean":[0.5]},'
            '"options":{"top_k":5,"exif":"apply"}}\n')
    good = '{"path":"a.jpg","ok":true,"top":[{"index":1,"label":"a <b> & c","score":0.5},{"label":"d","score":0.25}]}\n'
    bad = '{"path":"b.jpg","ok":false,"error":{"code":"truncated","message":"JPEG data ends early"}}\n'
    encoded = '{"path_b64":"/2E=","ok":true,"top":[]}\n'
    entry = '{"tar":"x.tar","path":"d/a.jpg","ok":true,"top":[],"taken":"2026-11-30T12:34:56","file":"m/a.png"}\n'
    truth = '{"path":"c.jpg","ok":true,"top":[],"truth":{"index":2,"label":"e"}}\n{"path":"d","ok":true,"truth":"x"}\n'
    for target in ("records", "report"):
        put(target, "all", head + good + bad + encoded + entry + truth)
        put(target, "twice", good * 2 + bad)
        put(target, "cut", head + good + bad[:40])
        put(target, "escapes", '{"path":"\\u00e9\\ud83d\\ude00\\"\\\\","ok":true,"truth":3}\n')
        put(target, "foreign", ' { "ok" : true , "path" : "a" , "x" : [ { } , "]" ] }\n')
        put(target, "wrong", '{"path":1,"ok":true}\n{"path":"a"}\n[]\nx\n{"path":"a","ok":true,"top":[{"label":1}]}\n')
        put(target, "deep", '{"cvt":"1","x":' + "[" * 60 + "]" * 60 + "}\n")
        put(target, "nul", (good + bad).replace("\n", "\0") + "\1")
    put("records", "retry", good + bad + "\2")
    put("records", "other_options", head.replace('"top_k":5', '"top_k":4') + good)
    whole = ('{"cvt":"0.2.0","weights_sha256":"00","config_sha256":"00","preprocess":{"mean":[0.5]},"options":{"top_k":5,'
             '"exif":"apply","gray16":"scale","alpha":"drop","min_score":null,"lines":false}}\n')
    put("records", "earlier_version", whole + good)
    put("records", "no_header", '{"cvt"\n' + good)


# ---- words ----


def words(name, texts=(), strings=(), raw=()):
    """texts: strings of JSON, with quotes; strings: as they are; raw: bytes."""
    def escape(data):
        return '"' + "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\x{b:02x}" for b in data) + '"'

    lines = [escape(json.dumps(t).encode()) for t in sorted(set(texts))]
    lines += [escape(s.encode()) for s in strings] + [escape(r) for r in raw]
    (HERE / "dict").mkdir(exist_ok=True)
    (HERE / f"dict/{name}.dict").write_text("\n".join(lines) + "\n")


def literals(*sources):
    found = set()
    for source in sources:
        for line in (ROOT / source).read_text().splitlines():
            if not line.startswith("#"):
                found |= set(re.findall(r'"([A-Za-z_][A-Za-z0-9_.-]{1,40})"', line))
    return found


def of_schema(value):
    """The names of keys, and the words that values are chosen from."""
    found = set()
    if isinstance(value, dict):
        found |= set(value.get("properties", {}))
        found |= {v for v in value.get("enum", []) if isinstance(v, str)}
        if isinstance(value.get("const"), str):
            found.add(value["const"])
        for v in value.values():
            found |= of_schema(v)
    elif isinstance(value, list):
        for v in value:
            found |= of_schema(v)
    return found


def dictionaries():
    be = lambda *values: [struct.pack(">H", v) for v in values]  # noqa: E731
    words("jpeg", strings=["JFIF", "Exif", "Adobe", "ICC_PROFILE"],
          raw=be(0xffd8, 0xffd9, 0xffc0, 0xffc1, 0xffc2, 0xffc3, 0xffc4, 0xffc9, 0xffcc, 0xffda, 0xffdb, 0xffdd, 0xffd0,
                 0xffd7, 0xffe0, 0xffe1, 0xffee, 0xfffe, 0xffff, 0xff00, 0xff01) + [b"\1\x11\0", b"\1\x22\0", b"\3\x11\1"])
    words("png", strings=["IHDR", "IDAT", "IEND", "PLTE", "tRNS", "gAMA", "eXIf", "iCCP", "sRGB", "tEXt", "zTXt", "iTXt",
                          "bKGD", "sBIT", "acTL", "fcTL", "fdAT", "pHYs"],
          raw=[b"\x89PNG\r\n\x1a\n", b"\0\0\0\r", b"\0\0\0\0IEND\xaeB`\x82", b"\x78\x9c", b"\x7f\xff\xff\xff"])
    words("webp", strings=["RIFF", "WEBP", "VP8 ", "VP8L", "VP8X", "ALPH", "ANIM", "ANMF", "EXIF", "ICCP", "XMP "],
          raw=[b"\x9d\x01\x2a", b"\x2f", b"\xff\xff\xff\xff", b"\n\0\0\0"])
    words("heif", strings=["ftyp", "heic", "mif1", "avif", "avis", "meta", "hdlr", "pict", "pitm", "iloc", "iinf", "infe",
                           "iprp", "ipco", "ipma", "ispe", "hvcC", "av1C", "pixi", "irot", "imir", "colr", "mdat", "idat",
                           "iref", "dimg", "auxC", "thmb", "cdsc", "grid", "iovl", "Exif", "hvc1", "av01", "clap"])
    words("exif", strings=["Exif", "2026:11:30 12:34:56", "+01:00"],
          raw=[b"II*\0", b"MM\0*", b"\x12\x01\x03\0", b"\x01\x12\0\x03", b"\x69\x87\x04\0", b"\x87\x69\0\x04", b"\x03\x90",
               b"\x90\x03", b"\x11\x90", b"\x90\x11", b"\2\0", b"\0\2"])
    words("json", strings=["null", "true", "false", "NaN", "Infinity", "-Infinity", "1e308", "1e-400", "-0", "\\u0000",
                           "\\ud800", "\\udc00", "\\ud83d\\ude00", "\\\"", "{}", "[]", "[[[[[[[[", "]]]]]]]]", "\"a\":"],
          raw=[b"\xef\xbb\xbf", b"\xff", b"\xe2\x82\xac", b"\xf0\x9f\x98\x80", b"\xed\xa0\x80"])
    schema = json.loads(subprocess.run([ROOT / "cvt", "list", "--schema"], capture_output=True, check=True).stdout)
    keys = of_schema(schema)
    words("config", keys | literals("src/arch/arch.c", "src/arch/hf_vit.c", "src/arch/vit_resolve.c") |
          {"architecture", "model_type", "architectures", "num_classes", "model_args", "pretrained_cfg", "id2label", "labels",
           "vit_base_patch16_224", "resnet50", "convnextv2_tiny", "swin_tiny_patch4_window7_224"})
    words("preprocess", literals("src/arch/preprocess.c"))
    words("labels", ["0", "1", "2", "3", "4", "-1", "a"], raw=[b"\xef\xbb\xbf", b"\r\n", b"\0"])
    words("safetensors", ["dtype", "shape", "data_offsets", "__metadata__", "weight_map", "metadata", "F32", "F16", "BF16",
                          "F64", "I8", "U8", "I64", "BOOL", "F8_E4M3", "a", "b", "a.st", "b.st", "module.a", "model.a", "arch"])
    meta = {"cvt.config", "cvt.preprocessor", "cvt.labels", "cvt.score", "cvt.learned", "cvt.origin", "cvt.precision",
            "cvt.packed", "int8", "native", "hf", "softmax", "f32 4x16", "F32", "F16", "BF16", "I8", "dtype", "shape",
            "data_offsets", "__metadata__"}
    names = set()
    for f in sorted((SEEDS / "model").iterdir()):
        data = f.read_bytes()
        names |= set(json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]]))
    words("model", meta | names)
    words("golden", ["cvt", "seed", "precision", "config", "metadata", "tensors", "shape", "inputs", "image", "prepared", "top",
                     "output", "f32", "f16", "bf16", "int8", "cvt.labels", "cvt.preprocessor", "AAAAAA==", "AADAfw==", "AACAfw==",
                     "18446744073709551615", "9223372036854775807", "0"], strings=["[[0,0.5]]", "[[],[0]]", "[0,1e308]", "[]"])
    words("pickle", strings=["data.pkl", "archive/data.pkl", "archive/data/0", "version", "byteorder", "storage", "cpu",
                             "state_dict", "model", "FloatStorage"],
          raw=[b"\x80\2", b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\6", b"PK\6\7", b"PK\7\x08", b"ctorch\nFloatStorage\n",
               b"ccollections\nOrderedDict\n", b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", b"\x80\2M\xe9\3.", b"\xff\xff\xff\xff"])
    words("npy", strings=["descr", "fortran_order", "shape", "True", "False", "'<f4'", "'<f2'", "'<f8'", "'>f4'", "'|O'",
                          "(3,)", "()", "(1, 2)", "{'descr': '<f4', ", "'|u1'"], raw=[b"\x93NUMPY\1\0", b"\x93NUMPY\2\0"])
    words("tar", strings=["ustar", "ustar  ", "a.png", "b.png", "a.cls", "a.txt", "a.json", "././@LongLink", "path=a.png\n",
                          "12 path=a.png\n", "size=100\n", "12 size=100\n", "GNU.sparse.major=1\n", "../", "/"],
          raw=[bytes(16), b"\x80\0\0\0", b"\x89PNG\r\n\x1a\n"])
    words("list", strings=["a.jpg", "b.png", "path", "label", ",", '"', "-", ".", ".."],
          raw=[b"\n", b"\r\n", b"\t", b"\0", b"\xef\xbb\xbf", b"\xff\xfe", b'""'])
    words("records", ["path", "path_b64", "ok", "tar", "tar_b64", "top", "label", "index", "score", "error", "code",
                      "message", "truth", "file", "taken", "cvt", "options", "preprocess", "weights_sha256", "config_sha256",
                      "top_k", "a.jpg", "/2E=", "QQ==", "QUI="], strings=["true", "false", "null", "\\n", "\\u003c", "</script>"])


if __name__ == "__main__":
    for old in SEEDS.glob("*/*"):
        if not old.name.startswith("found"):
            old.unlink()
    images()
    exif()
    texts()
    weights()
    models()
    golden()
    files()
    records()
    dictionaries()
    for folder in sorted(SEEDS.iterdir()):
        sizes = [f.stat().st_size for f in folder.iterdir()]
        print(f"{folder.name:14} {len(sizes):4} files {sum(sizes):7} bytes")
    total = sum(f.stat().st_size for f in SEEDS.glob("*/*"))
    print("all", total)
    assert total <= 400_000
