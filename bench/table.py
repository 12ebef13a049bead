"""Markdown tables of what `ratio.py --out FILE` wrote: python table.py FILE [--peer openvino]

A row for each network, precision and batch: the peer's time / cvt's at each number of threads (above 1 cvt is faster),
its lowest and highest round, and cvt's milliseconds. Where several runs of the peer stand beside one of cvt (in int8
those in int8 and in bf16), the row shows the fastest of them. A later line of the file replaces an earlier one.
"""
import argparse
import json
from pathlib import Path

from common import spread

NAMES = {"cvt13": "CvT-13", "cvt21": "CvT-21", "deit_tiny": "DeiT-tiny", "vit_b16": "ViT-B/16",
         "convit_tiny": "ConViT-tiny", "crossvit_9": "CrossViT-9", "dinov2_small": "DINOv2-small",
         "swin_tiny": "Swin-T", "convnext_tiny": "ConvNeXt-T", "resnet50": "ResNet-50", "beit_base": "BEiT-B"}


def fastest(records, peer):
    """(model, precision, batch) -> threads -> the record of the fastest run whose peer's name begins with `peer`."""
    latest = {(r["model"], r["precision"], r["batch"], r["threads"], r["peer"], r["peer_precision"]): r for r in records}
    rows = {}
    for (model, precision, batch, threads, name, _), record in latest.items():
        if name.startswith(peer):
            row = rows.setdefault((model, precision, batch), {})
            if threads not in row or record["ratio"] < row[threads]["ratio"]:
                row[threads] = record
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--peer", default="openvino", help="peers whose name begins so (default openvino)")
    args = parser.parse_args()
    rows = fastest(map(json.loads, args.file.read_text().splitlines()), args.peer)
    threads = sorted({t for row in rows.values() for t in row})
    heads = [f"{args.peer} / cvt, {t} thread{'s' if t > 1 else ''} | ms" for t in threads]
    print(f"| network, precision, batch | {' | '.join(heads)} | peer |")
    print(f"|---{'|--:|--:' * len(threads)}|---|")
    order = {"f32": 0, "f16": 1, "bf16": 2, "int8": 3}
    for model, precision, batch in sorted(rows, key=lambda k: (order[k[1]], list(NAMES).index(k[0]), k[2])):
        row = rows[model, precision, batch]
        cells = [f"{spread(row[t]['ratio_rounds'])} | {row[t]['cvt_ms']:.1f}" if t in row else "- | -" for t in threads]
        peers = sorted({f"{r['peer']} {r['peer_precision']}" for r in row.values()})
        print(f"| {NAMES[model]}, {precision}, batch {batch} | {' | '.join(cells)} | {', '.join(peers)} |")


if __name__ == "__main__":
    main()
