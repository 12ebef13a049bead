"""Makes tests/data/cnn_checkpoints: small ResNets and ConvNeXts as timm, transformers and torch save them.

    python tests/make_cnn_checkpoints.py      (needs torch, timm, transformers and Pillow; developers only)

  hf_*, timm_*      directories as save_pretrained and save_for_hf write them
  pth/              state dicts of torchvision's and Facebook's programs, and configs for them
  expected.txt      a line a model: its path, then LABEL=SCORE of every class, best first, as transformers or timm
                    answers on tests/data/cli/dog.png; of a model without a classifier its features

The same versions make the same files (torch 2.13, timm 1.0.31, transformers 5.23)."""
import collections
import contextlib
import json
import os
import pathlib
import re
import shutil
import sys

os.environ['HF_HUB_OFFLINE'] = '1'
with contextlib.suppress(ImportError):
    import tvfix  # noqa: F401  stubs, where torchvision does not match torch
import timm
import torch
import transformers as tf
from PIL import Image
from timm.models import save_for_hf

HERE = pathlib.Path(__file__).parent / 'data' / 'cnn_checkpoints'
IMAGE = pathlib.Path(__file__).parent / 'data' / 'cli' / 'dog.png'
NAMES = ['apple', 'pear', 'fig', 'plum']
LABELS = dict(id2label=dict(enumerate(NAMES)), label2id={n: i for i, n in enumerate(NAMES)})
RESNET = dict(embedding_size=6, hidden_sizes=[8, 12, 16, 20], depths=[1, 1, 1, 1])
CONVNEXT = dict(hidden_sizes=[4, 6, 8, 10], depths=[1, 1, 2, 1])
expected = []


def randomise(net, seed):
    g = torch.Generator().manual_seed(seed)
    for name, t in [*net.named_parameters(), *net.named_buffers()]:
        if not t.is_floating_point():
            t.fill_(7)
        elif name.endswith('running_var'):
            t.data = torch.rand(t.shape, generator=g) + 0.5
        else:
            spread = 1 if t.dim() < 2 else 2 / max(1, t[0].numel()) ** 0.5
            t.data = torch.randn(t.shape, generator=g) * spread * 0.7 + (1 if name.endswith('gamma') else 0)
    return net.eval()


def expect(path, names, values, ordered=True):
    pairs = list(zip(names, (float(v) for v in values)))
    if ordered:
        pairs.sort(key=lambda p: -p[1])
    expected.append(f'{path} ' + ' '.join(f'{name}={value:.7f}' for name, value in pairs))


def features(path, values):
    expect(path, range(values.numel()), values.flatten(), ordered=False)


def hf(name, make, config, seed, dtype=torch.float32, **how):
    """A classifier of transformers and its processor."""
    net = randomise(make(config), seed).to(dtype)
    processor = tf.ConvNextImageProcessorPil(size={'shortest_edge': 64}, crop_pct=0.875)
    net.save_pretrained(HERE / name, **how)
    processor.save_pretrained(HERE / name)
    with torch.no_grad():
        out = net.float()(**processor(Image.open(IMAGE).convert('RGB'), return_tensors='pt'))
    if hasattr(out, 'logits'):
        expect(name, NAMES, out.logits[0].softmax(0))
    else:
        features(name, out.pooler_output)
    return net


def transform(recipe):
    return timm.data.create_transform(**timm.data.resolve_data_config(recipe))


def run(net, recipe):
    with torch.no_grad():
        return net(transform(recipe)(Image.open(IMAGE).convert('RGB'))[None])[0]


def timm_hub(name, architecture, seed, recipe, classes=4, **args):
    """As timm pushes a model to the hub: pytorch_model.bin and config.json."""
    net = randomise(timm.create_model(architecture, num_classes=classes, **args), seed)
    net.pretrained_cfg.update(recipe)
    more = {'label_names': NAMES} if classes else {}
    save_for_hf(net, HERE / name, model_config=more, model_args=args, safe_serialization='both')
    weights = 'pytorch_model.bin' if seed % 2 else 'model.safetensors'
    (HERE / name / weights).unlink()
    y = run(net, net.pretrained_cfg)
    expect(name, NAMES, y.softmax(0)) if classes else features(name, y)
    return net


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    (HERE / 'pth').mkdir(parents=True)
    tf.utils.logging.set_verbosity_error()
    hf('hf_resnet', tf.ResNetForImageClassification, tf.ResNetConfig(**RESNET, **LABELS), 1)
    hf('hf_resnet_bf16', tf.ResNetForImageClassification,
       tf.ResNetConfig(**RESNET, **LABELS, layer_type='basic', downsample_in_first_stage=True), 2, torch.bfloat16)
    hf('hf_resnet_model', tf.ResNetModel, tf.ResNetConfig(**RESNET), 3)
    hf('hf_convnext', tf.ConvNextForImageClassification, tf.ConvNextConfig(**CONVNEXT, **LABELS), 4,
       max_shard_size='8KB')
    hf('hf_convnext_unscaled', tf.ConvNextForImageClassification,
       tf.ConvNextConfig(**CONVNEXT, **LABELS, layer_scale_init_value=0.0), 5)
    hf('hf_convnext_model', tf.ConvNextModel, tf.ConvNextConfig(**CONVNEXT), 6)
    v2 = hf('hf_convnextv2', tf.ConvNextV2ForImageClassification, tf.ConvNextV2Config(**CONVNEXT, **LABELS), 7)
    (HERE / 'hf_convnextv2' / 'model.safetensors').unlink()  # an older repository
    torch.save(v2.state_dict(), HERE / 'hf_convnextv2' / 'pytorch_model.bin')
    size = {'input_size': (3, 56, 56), 'crop_pct': 0.875}
    small = dict(layers=[1, 1, 1, 1], channels=[2, 3, 4, 5])
    net = timm_hub('timm_resnet50', 'resnet50', 8, {**size, 'interpolation': 'bilinear'}, **small)
    deep = dict(small, stem_width=4)
    timm_hub('timm_resnet50d', 'resnet50d', 9, {**size, 'crop_pct': 0.95}, **deep)
    timm_hub('timm_resnet50_features', 'resnet50', 10, size, classes=0, **small)
    dims = dict(depths=[1, 1, 1, 1], dims=[4, 6, 8, 10])
    timm_hub('timm_convnext_atto', 'convnext_atto', 11, {**size, 'crop_mode': 'squash', 'crop_pct': 1.0}, **dims)
    facebook = timm_hub('timm_convnextv2_tiny', 'convnextv2_tiny', 12, size, **dims)
    timm_hub('timm_convnext_features', 'convnext_tiny', 13, size, classes=0, **dims)
    hf('hf_resnet_silu', tf.ResNetForImageClassification, tf.ResNetConfig(**RESNET, **LABELS, hidden_act='silu'), 14)
    hf('hf_resnet_gelu', tf.ResNetForImageClassification,
       tf.ResNetConfig(**RESNET, **LABELS, hidden_act='gelu_new', layer_type='basic'), 15)
    # what only training reads, and None, which timm takes as if it were not there
    timm_hub('timm_convnext_args', 'convnext_atto', 16, size, **dims, conv_mlp=True, head_init_scale=0.5,
             ls_init_value=None, act_layer='quick_gelu')
    # timm's models as transformers saves them, without their classifier: num_classes stays in the config
    wrapper = randomise(tf.TimmWrapperModel(tf.TimmWrapperConfig(architecture='resnet18', model_args=small,
                                                                 num_labels=4)), 17)
    recipe = {**wrapper.timm_model.pretrained_cfg, **size, 'interpolation': 'bilinear'}
    wrapper.config.pretrained_cfg = recipe
    wrapper.save_pretrained(HERE / 'timm_wrapper_features')
    features('timm_wrapper_features', run(lambda x: wrapper(x).pooler_output, recipe))
    # torchvision's names are timm's
    torch.save(collections.OrderedDict(net.state_dict()), HERE / 'pth' / 'resnet.pth')
    config = {'arch': 'resnet', **small, 'input_size': 56, 'labels': NAMES}
    (HERE / 'pth' / 'resnet.json').write_text(json.dumps(config) + '\n')
    expect('pth/resnet.pth', NAMES, run(net, {**size, 'interpolation': 'bilinear'}).softmax(0))
    state = {}
    for k, v in facebook.state_dict().items():
        k = re.sub(r'^stem\.', 'downsample_layers.0.', k)
        k = re.sub(r'^stages\.(\d)\.downsample', r'downsample_layers.\1', k)
        k = re.sub(r'^stages\.(\d)\.blocks', r'stages.\1', k).replace('conv_dw', 'dwconv')
        v = v.reshape(1, 1, 1, -1) if 'grn' in k else v
        k = k.replace('mlp.grn.weight', 'grn.gamma').replace('mlp.grn.bias', 'grn.beta').replace('mlp.fc', 'pwconv')
        state[k.replace('head.norm', 'norm').replace('head.fc', 'head')] = v
    torch.save({'model': state}, HERE / 'pth' / 'convnextv2.pth')
    config = {'arch': 'convnext', **dims, 'use_grn': True, 'input_size': 56, 'labels': NAMES}
    (HERE / 'pth' / 'convnextv2.json').write_text(json.dumps(config) + '\n')
    expect('pth/convnextv2.pth', NAMES, run(facebook, {**size, 'interpolation': 'bicubic'}).softmax(0))
    (HERE / 'expected.txt').write_text('\n'.join(expected) + '\n')
    print(f'{len(expected)} models in {HERE}')


if __name__ == '__main__':
    sys.exit(main())
