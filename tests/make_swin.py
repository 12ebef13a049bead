"""Makes tests/data/swin_hub: small Swins as people have them, and what their originals answer.

    python tests/make_swin.py      (needs torch, timm, transformers and Pillow; developers only)

  hf, hf_v2           as save_pretrained writes them, the second in bfloat16 and in shards
  hf_old.pth          the names of older versions with their buffers, hf_memory.pth those that transformers 5 has in memory
  hf_model            a model without a classifier
  timm, timm_v2       as timm's save_for_hf writes them: safetensors, a pickle
  *.pth               Microsoft's names and buffers in their {"model": ...}, with and without a head; timm's without one
  expected.txt        a line a model: its path, then LABEL=SCORE of every class, best first, as timm or the pipeline of
                      transformers answers on tests/data/cli/dog.png; for models without a classifier the features

The same versions make the same files (torch 2.13, timm 1.0.31, transformers 5.23)."""
import json
import os
import pathlib
import re
import shutil

os.environ['HF_HUB_OFFLINE'] = '1'
import timm
import torch
import transformers
from PIL import Image
from timm.models import save_for_hf

HERE = pathlib.Path(__file__).parent / 'data' / 'swin_hub'
IMAGE = pathlib.Path(__file__).parent / 'data' / 'cli' / 'dog.png'
NAMES = ['apple', 'pear', 'fig', 'plum']
SIZE = dict(embed_dim=8, depths=[1, 2], num_heads=[1, 2], window_size=3, mlp_ratio=2.0)
ARGS = dict(img_size=32, patch_size=4, **SIZE)  # a map of 8 x 8 in windows of 3 x 3: it is filled up
expected = []


def expect(path, top):
    expected.append(f'{path} ' + ' '.join(f'{label}={score:.7f}' for label, score in top))


def randomise(net):
    torch.manual_seed(5)
    for p in net.parameters():
        p.data.normal_(0, 0.5)
    return net.eval()


def dump(path, thing):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(thing, indent=1) + '\n')


# ---- transformers ----

PROCESSOR = transformers.ViTImageProcessorPil(size={'height': 32, 'width': 32})
LABELS = dict(id2label=dict(enumerate(NAMES)), label2id={n: i for i, n in enumerate(NAMES)})


def pipeline(net):
    pipe = transformers.pipeline('image-classification', model=net.float(), image_processor=PROCESSOR)
    return [(r['label'], r['score']) for r in pipe(str(IMAGE), top_k=4)]


def features(net):
    with torch.no_grad():
        hidden = net(**PROCESSOR(Image.open(IMAGE).convert('RGB'), return_tensors='pt')).last_hidden_state
    return [(str(i), float(v)) for i, v in enumerate(hidden.mean(1)[0])]


def hf():
    from safetensors.torch import load_file
    config = transformers.SwinConfig(image_size=32, **SIZE, **LABELS)
    net = randomise(transformers.SwinForImageClassification(config))
    net.save_pretrained(HERE / 'hf')
    PROCESSOR.save_pretrained(HERE / 'hf')
    old = load_file(HERE / 'hf' / 'model.safetensors')
    for name, value in net.named_buffers():
        if name.endswith('relative_position_index'):
            name = name.replace('attention.relative_position_bias.', 'attention.self.')
            old[name] = value.view(9, 9)
    torch.save(old, HERE / 'hf_old.pth')
    torch.save(net.state_dict(), HERE / 'hf_memory.pth')
    for path in 'hf', 'hf_old.pth', 'hf_memory.pth':
        expect(path, pipeline(net))
    bare = transformers.SwinModel(config)
    bare.load_state_dict(net.swin.state_dict())
    bare.eval().save_pretrained(HERE / 'hf_model')
    PROCESSOR.save_pretrained(HERE / 'hf_model')
    expect('hf_model', features(bare))
    v2 = transformers.Swinv2Config(image_size=32, pretrained_window_sizes=[2, 0], **SIZE, **LABELS)
    net = randomise(transformers.Swinv2ForImageClassification(v2)).bfloat16()
    net.save_pretrained(HERE / 'hf_v2', max_shard_size='20KB')
    PROCESSOR.save_pretrained(HERE / 'hf_v2')
    expect('hf_v2', pipeline(net))


# ---- timm and Microsoft ----

def answer(net):
    """timm's softmax, or features, of what its transform makes of the image."""
    recipe = dict(input_size=(3, 32, 32), interpolation='bicubic', crop_pct=0.9, mean=timm.data.IMAGENET_DEFAULT_MEAN,
                  std=timm.data.IMAGENET_DEFAULT_STD)
    with torch.no_grad():
        out = net(timm.data.create_transform(**recipe)(Image.open(IMAGE).convert('RGB'))[None])[0]
    if not net.num_classes:
        return [(str(i), float(v)) for i, v in enumerate(out)]
    scores = out.softmax(0)
    return [(NAMES[i], float(scores[i])) for i in scores.argsort(descending=True, stable=True)]


def microsoft(net):
    """The state dict under Microsoft's names, with the buffers of its files."""
    state = {re.sub(r'layers\.(\d)\.downsample', lambda m: f'layers.{int(m[1]) - 1}.downsample', k)
             .replace('head.fc', 'head'): v for k, v in net.state_dict().items()}
    state.update({k: v for k, v in net.named_buffers() if k.endswith(('relative_position_index', 'attn_mask',
                                                                      'relative_coords_table', 'k_bias'))})
    return {'model': state, 'epoch': 1}


def by_timm():
    for name, architecture, safe in (('timm', 'swin_tiny_patch4_window7_224', True),
                                     ('timm_v2', 'swinv2_tiny_window8_256', False)):
        net = randomise(timm.create_model(architecture, num_classes=4, **ARGS))
        net.pretrained_cfg = {**net.pretrained_cfg, 'input_size': (3, 32, 32)}
        save_for_hf(net, HERE / name, model_config={'label_names': NAMES}, model_args=ARGS, safe_serialization=safe)
        torch.save(microsoft(net), HERE / f'{name.replace("timm", "microsoft")}.pth')
        for path in name, f'{name.replace("timm", "microsoft")}.pth':
            expect(path, answer(net))
        net.reset_classifier(0)
        torch.save(microsoft(net), HERE / f'{name.replace("timm", "microsoft")}_headless.pth')
        torch.save(net.state_dict(), HERE / f'{name}_headless.pth')
        config = json.loads((HERE / name / 'config.json').read_text())
        dump(HERE / f'{name}_headless.json', {**config, 'num_classes': 0})
        for path in f'{name.replace("timm", "microsoft")}_headless.pth', f'{name}_headless.pth':
            expect(path, answer(net))


if __name__ == '__main__':
    shutil.rmtree(HERE, ignore_errors=True)
    HERE.mkdir(parents=True)
    hf()
    by_timm()
    (HERE / 'expected.txt').write_text('\n'.join(expected) + '\n')
