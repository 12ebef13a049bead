"""Makes tests/data/checkpoints: small checkpoints in the forms that people have, and what their originals answer.

    python tests/make_checkpoints.py      (needs torch, timm, transformers and Pillow; developers only)

  wrappers/*        one ViT of timm as training programs save it, a file each, beside config.json
  refused/*         the same in forms that are refused
  hf/               a ViT of transformers, and configs that say other things of the same weights
  one_logit/        the same with a single class
  timm_wrapper/     timm's ViT as transformers saves it
  processors/*      documents on how pictures are prepared, for --preprocess with hf/
  expected.txt      a line a model: its path, then LABEL=SCORE of every class, best first, as timm or the pipeline of
                    transformers answers on tests/data/cli/dog.png

The same versions make the same files (torch 2.13, timm 1.0.31, transformers 5.23)."""
import argparse
import json
import os
import pathlib
import shutil
import sys

os.environ['HF_HUB_OFFLINE'] = '1'
import timm
import torch
import transformers
from PIL import Image
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent / 'data' / 'checkpoints'
PICTURE = pathlib.Path(__file__).parent / 'data' / 'cli' / 'dog.png'
NAMES = ['apple', 'pear', 'fig', 'plum']
ARGS = dict(img_size=16, patch_size=4, embed_dim=8, depth=1, num_heads=2, mlp_ratio=2.0)
RECIPE = {'input_size': [3, 16, 16], 'fixed_input_size': True, 'interpolation': 'bicubic', 'crop_pct': 0.9,
          'crop_mode': 'center', 'mean': [0.5] * 3, 'std': [0.5] * 3}
CONFIG = {'architecture': 'vit_tiny_patch16_224', 'num_classes': 4, 'num_features': 8, 'global_pool': 'token',
          'model_args': ARGS, 'label_names': NAMES, 'pretrained_cfg': RECIPE}
expected = []


def dump(path, thing):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(thing, indent=1) + '\n')


def expect(path, top):
    expected.append(f'{path} ' + ' '.join(f'{label}={score:.7f}' for label, score in top))


def answer(net, recipe, names=NAMES):
    """timm's: softmax of the logits on what its transform makes of the picture."""
    transform = timm.data.create_transform(**timm.data.resolve_data_config(recipe))
    with torch.no_grad():
        scores = net(transform(Image.open(PICTURE).convert('RGB'))[None])[0].softmax(0)
    return [(names[i], float(scores[i])) for i in scores.argsort(descending=True, stable=True)]


# ---- one model in many wrappers -------------------------------------------------------------------------------------

class Averaged(torch.nn.Module):
    """What a program makes that keeps the model in an attribute, beside a criterion with weights of its own."""
    def __init__(self, net):
        super().__init__()
        self.backbone = net
        self.criterion = torch.nn.Linear(2, 1)


def wrappers(net):
    state = net.state_dict()
    zero = {k: torch.zeros(1).expand(v.shape) for k, v in state.items()}   # views of one element
    under = lambda *prefixes: {''.join(prefixes) + k: v for k, v in state.items()}
    compiled = torch.compile(net)
    averaged = torch.optim.swa_utils.AveragedModel(net)
    averaged.update_parameters(net)
    files = {
        'plain.pth': dict(state),
        'compiled.pth': compiled.state_dict(),
        'compiled_inside.pth': {k.replace('blocks.0.', 'blocks.0._orig_mod.'): v for k, v in state.items()},
        'ddp.pth': under('module.'), 'ddp.safetensors': under('module.'),
        'ddp_compiled.pth': under('module.', '_orig_mod.'), 'compiled_ddp.safetensors': under('_orig_mod.', 'module.'),
        'twice.pth': under('module.', 'module.'),
        'swa.pth': averaged.state_dict(),
        'lightning.ckpt': {'epoch': 1, 'global_step': 7, 'pytorch-lightning_version': '2.5.0',
                           'state_dict': under('model.'), 'loops': {}, 'hyper_parameters': {'lr': 1e-3}},
        'lightning_net.ckpt': {'state_dict': under('net.', '_orig_mod.')},
        'wrapper.safetensors': under('timm_model.'),
        'ema.pth': {'model': zero, 'model_ema': under('module.'), 'args': argparse.Namespace(lr=1)},
        'train.pth.tar': {'arch': 'x', 'state_dict': zero, 'state_dict_ema': dict(state), 'epoch': 1},
        'order.pth': {'model': zero, 'state_dict': dict(state)},
        'module.pt': {'module': dict(state), 'ds_config': {}, 'global_steps': 5},
        'dino.pth': {'student': zero, 'teacher': under('module.', 'backbone.')},
        'steps.pth': {'model_state_dict': dict(state), 'optimizer_state_dict': {'state': {}}},
        'ema_alone.pth': {'ema': dict(state)},
        'params.pth': {'params': zero, 'params_ema': dict(state)},
        'nested.pth': {'state_dict': {'model': dict(state)}},
        'ema_pytorch.pth': {**under('ema_model.'), **{f'online_model.{k}': v for k, v in zero.items()},
                            'initted': torch.tensor(True), 'step': torch.tensor(7)},
        'ema_pytorch.safetensors': under('module.', 'ema_model.'),
        'thop.pth': {**state, 'total_ops': torch.zeros(1), 'total_params': torch.zeros(1),
                     'blocks.0.total_ops': torch.zeros(1)},
        'foreign.ckpt': {'state_dict': Averaged(net).state_dict()},
    }
    dump(HERE / 'wrappers' / 'config.json', CONFIG)
    for name, thing in files.items():
        path = HERE / 'wrappers' / name
        if name.endswith('safetensors'):
            save_file(thing, path)
        else:
            torch.save(thing, path)
        expect(f'wrappers/{name}', answer(net, RECIPE))


# ---- what cannot be opened ------------------------------------------------------------------------------------------

class Own(torch.nn.Module):
    pass


def refused(net):
    state = net.state_dict()
    norm = torch.nn.utils.parametrizations.weight_norm(timm.create_model('vit_tiny_patch16_224', num_classes=4, **ARGS)
                                                       .head)
    factors = {k: v for k, v in state.items() if k != 'head.weight'}
    factors.update({f'head.{k}': v for k, v in norm.state_dict().items() if 'original' in k})
    files = {
        'zero3.pt': {'module': {k: torch.empty(0) for k in state}, 'ds_config': {}},
        'weight_norm.pth': factors,
        'shadow.pth': {'epoch': 1, 'ema': {'decay': .9, 'shadow_params': [v for v in state.values()]}},
        'other.pth': {f'encoder.part{i}.weight': torch.zeros(2, 3) for i in range(7)},
        'optimizer_alone.pth': {'state': {}, 'param_groups': []},
        'own_class.pth': Own(),
    }
    (HERE / 'refused').mkdir(parents=True, exist_ok=True)
    for name, thing in files.items():
        torch.save(thing, HERE / 'refused' / name)


# ---- transformers ---------------------------------------------------------------------------------------------------

SMALL = dict(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, image_size=16, patch_size=4)
LABELS = dict(id2label=dict(enumerate(NAMES)), label2id={n: i for i, n in enumerate(NAMES)})


def vit(**more):
    torch.manual_seed(3)
    net = transformers.ViTForImageClassification(transformers.ViTConfig(**SMALL, **more)).eval()
    for p in net.parameters():
        p.data.normal_(0, 0.5)
    return net


def pipeline(net, processor):
    pipe = transformers.pipeline('image-classification', model=net, image_processor=processor)
    return [(r['label'], r['score']) for r in pipe(str(PICTURE), top_k=4)]


def hf():
    processor = transformers.ViTImageProcessorPil(size={'height': 16, 'width': 16})
    net = vit(**LABELS)
    net.save_pretrained(HERE / 'hf')
    processor.save_pretrained(HERE / 'hf')
    config = json.loads((HERE / 'hf' / 'config.json').read_text())
    top = pipeline(net, processor)
    expect('hf/config.json', top)
    for kind in ('multi_label_classification', 'regression', 'single_label_classification'):
        net.config.problem_type = kind
        dump(HERE / 'hf' / f'{kind}.json', {**config, 'problem_type': kind})
        expect(f'hf/{kind}.json', pipeline(net, processor))
    net.config.problem_type = None
    renamed = lambda rename: [(rename(NAMES.index(label)), score) for label, score in top]
    for name, change, label in (
            ('unknown_type', {'problem_type': 'of_ones_own'}, lambda i: NAMES[i]),
            ('numbers', {'id2label': {str(i): 10 * i for i in range(4)}}, lambda i: str(10 * i)),
            ('nulls', {'id2label': {str(i): None for i in range(4)}}, str),
            ('own_class', {'architectures': ['MyViT']}, lambda i: NAMES[i]),
            ('no_class', {'architectures': []}, lambda i: NAMES[i])):
        dump(HERE / 'hf' / f'{name}.json', {**config, **change})
        expect(f'hf/{name}.json', renamed(label))
    # what Python reads and JSON does not have: a key twice, of which the last one counts, and infinity
    text = json.dumps({**config, 'longest': float('inf')}, indent=1).replace('{', '{\n "patch_size": 8,', 1)
    (HERE / 'hf' / 'python.json').write_text(text)
    expect('hf/python.json', top)
    one = vit(id2label={0: 'defect'}, label2id={'defect': 0})
    one.save_pretrained(HERE / 'one_logit')
    processor.save_pretrained(HERE / 'one_logit')
    expect('one_logit', pipeline(one, processor))
    processors(net)


def processors(net):
    """Each gives the model its 16 x 16 pixels, on different ways."""
    t = transformers
    squash, crop, edge = {'height': 16, 'width': 16}, {'height': 16, 'width': 16}, {'shortest_edge': 20}
    for name, processor in {
            'bit': t.BitImageProcessorPil(size=edge, crop_size=crop),
            'bit_small': t.BitImageProcessorPil(size={'shortest_edge': 11}, crop_size=crop),
            'clip': t.CLIPImageProcessorPil(size=edge, crop_size=crop),
            'siglip': t.SiglipImageProcessorPil(size=squash),
            'beit': t.BeitImageProcessorPil(size=squash),
            'beit_crop': t.BeitImageProcessorPil(size={'height': 20, 'width': 24}, crop_size=crop, do_center_crop=True),
            'deit': t.DeiTImageProcessorPil(size={'height': 19, 'width': 19}, crop_size=crop),
            'levit': t.LevitImageProcessorPil(size={'shortest_edge': 16}, crop_size=crop),
            'levit_squash': t.LevitImageProcessorPil(size={'height': 18, 'width': 21}, crop_size=crop),
            'efficientnet': t.EfficientNetImageProcessorPil(size=squash),
            'efficientnet_offset': t.EfficientNetImageProcessorPil(size=squash, rescale_offset=True, include_top=False,
                                                                   rescale_factor=1 / 127.5),
            'efficientnet_twice': t.EfficientNetImageProcessorPil(size={'height': 21, 'width': 20}, crop_size=crop,
                                                                  do_center_crop=True, do_normalize=False,
                                                                  image_std=[.2, .3, .4]),
            'convnext_wide': t.ConvNextImageProcessorPil(size={'shortest_edge': 16}, crop_pct=1.3),
            'mobilenet': t.MobileNetV2ImageProcessorPil(size=edge, crop_size=crop)}.items():
        document = processor.to_dict()
        document['resample'] = int(document['resample'])
        dump(HERE / 'processors' / f'{name}.json', document)
        expect(f'processors/{name}.json', pipeline(net, processor))
    plain = t.ViTImageProcessorPil(size=squash, resample=3)
    document = plain.to_dict()
    for name, change in (('by_name', {'resample': 'PIL.Image.BICUBIC'}), ('by_word', {'resample': 'bicubic'}),
                         ('number', {'resample': 3, 'size': 16})):
        dump(HERE / 'processors' / f'{name}.json', {**document, **change})
        expect(f'processors/{name}.json', pipeline(net, plain))
    inside = {'image_processor': {**document, 'resample': 3}, 'processor_class': 'CLIPProcessor'}
    dump(HERE / 'processors' / 'inside.json', inside)
    expect('processors/inside.json', pipeline(net, plain))


# ---- timm ---------------------------------------------------------------------------------------------------------

def timm_forms(net):
    forms = {'tag': {'architecture': 'vit_tiny_patch16_224.augreg_in21k'}, 'null_names': {'label_names': None},
             'nothing_to_add': {'model_args': {**ARGS, 'num_classes': 4, 'in_chans': 3, 'global_pool': 'token'}}}
    for mode in ('center', 'squash', 'border'):
        for pct in (0.7, 1.25):
            forms[f'{mode}_{pct}'] = {'pretrained_cfg': {**RECIPE, 'crop_pct': pct, 'crop_mode': mode}}
    for name, change in forms.items():
        config = {**CONFIG, **change}
        dump(HERE / 'wrappers' / f'{name}.json', config)
        names = NAMES if config['label_names'] else ['0', '1', '2', '3']
        expect(f'wrappers/{name}.json', answer(net, config['pretrained_cfg'], names))
    dump(HERE / 'wrappers' / 'no_recipe.json', {k: v for k, v in CONFIG.items() if k != 'pretrained_cfg'})
    expect('wrappers/no_recipe.json', answer(net, net.pretrained_cfg | {'input_size': [3, 16, 16]}))
    save = HERE / 'saved'
    dump(save / 'config.json', CONFIG)
    save_file(net.state_dict(), save / 'model.safetensors')
    wrapper = transformers.AutoModelForImageClassification.from_pretrained(save)
    wrapper.save_pretrained(HERE / 'timm_wrapper')
    shutil.rmtree(save)
    expect('timm_wrapper', answer(net, RECIPE))


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    (HERE / 'wrappers').mkdir(parents=True)
    transformers.utils.logging.set_verbosity_error()
    torch.manual_seed(0)
    net = timm.create_model('vit_tiny_patch16_224', num_classes=4, **ARGS).eval()
    for p in net.parameters():
        p.data.normal_(0, 0.5)
    wrappers(net)
    refused(net)
    timm_forms(net)
    hf()
    (HERE / 'expected.txt').write_text('\n'.join(expected) + '\n')
    print(f'{len(expected)} models in {HERE}')


if __name__ == '__main__':
    sys.exit(main())
