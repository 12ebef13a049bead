"""Oracle: vit_pytorch.vit.ViT with Recorder (attention maps) and Extractor (embeddings).

  --version 0.35.8 | 1.0.2 | 1.4.5 | current     four layouts of the weights, see cvt-config(5)
  --preset small | readme
"""

import sys, os
import common

a = common.args(
    __doc__,
    version=dict(default='0.35.8', choices=['0.35.8', '1.0.2', '1.4.5', 'current']),
    preset=dict(default='small'),
    pool=dict(default='cls', choices=['cls', 'mean']),
    nonsquare=dict(action='store_true'),
    one_head=dict(action='store_true'),
    smaller_input=dict(action='store_true'),
)
if a.version != 'current':
    sys.path.insert(0, os.path.join(common.ROOT, 'vp_' + a.version))
common.quiet_torchvision()
import torch
from vit_pytorch.vit import ViT
from vit_pytorch.recorder import Recorder
from vit_pytorch.extractor import Extractor

if a.preset == 'readme':
    kw = dict(image_size=256, patch_size=32, num_classes=1000, dim=1024, depth=6, heads=16, mlp_dim=2048)
else:
    kw = dict(image_size=32, patch_size=8, num_classes=10, dim=24, depth=3, heads=3, mlp_dim=40, dim_head=16)
    if a.nonsquare:
        kw.update(image_size=(24, 40), patch_size=(8, 4))
    if a.one_head:
        kw.update(heads=1, dim_head=24)
kw['pool'] = a.pool
m = ViT(**kw, dropout=0.1, emb_dropout=0.1)
common.randomise(m, a.seed)
hw = kw['image_size'] if isinstance(kw['image_size'], tuple) else (kw['image_size'],) * 2
ph, pw = kw['patch_size'] if isinstance(kw['patch_size'], tuple) else (kw['patch_size'],) * 2
if a.smaller_input:  # fewer patches than the positional table: its first n+1 rows are used
    hw = (hw[0] - ph, hw[1])
x = common.rnd_image(a.seed, a.batch, 3, *hw)
with torch.no_grad():
    r = Recorder(m)
    y, attns = r(x)
    r.eject()
    e = Extractor(m)
    y2, emb = e(x)
    e.eject()
    inter = dict(attns=attns, embeddings=emb)
    for i, (at, ff) in enumerate(m.transformer.layers):
        at.register_forward_hook(lambda mod, inp, o, i=i: inter.update({f'attn_out_{i:02d}': o}))
        ff.register_forward_hook(lambda mod, inp, o, i=i: inter.update({f'ff_out_{i:02d}': o}))
    m.to_patch_embedding.register_forward_hook(lambda mod, inp, o: inter.update(tokens_embed=o))
    y3 = m(x)
assert torch.equal(y, y2) and torch.equal(y, y3)
layout = {'0.35.8': 'a', '1.0.2': 'b', '1.4.5': 'c', 'current': 'd'}[a.version]
conf = dict(
    arch='vit',
    variant='vit_pytorch',
    layout=layout,
    image_size=list(hw),
    patch_size=[ph, pw],
    pos_image_size=list(kw['image_size']) if isinstance(kw['image_size'], tuple) else [kw['image_size']] * 2,
    channels=3,
    dim=kw['dim'],
    depth=kw['depth'],
    heads=kw['heads'],
    dim_head=kw.get('dim_head', 64),
    mlp_dim=kw['mlp_dim'],
    num_classes=kw['num_classes'],
    pool=a.pool,
    layer_norm_eps=1e-5,
    activation='gelu_erf',
)
print('attns', tuple(attns.shape), 'embeddings', tuple(emb.shape))
common.save_all(a.out, conf, m.state_dict(), x, y, inter)
