"""Oracle: ConViT of comvex.

  --version 0.4.0   current package; its feed-forward ignores ff_dim (hidden width = dim)
  --version 0.2.3   older package: feed-forward honours ff_dim (default 4*dim), other names
  --preset small|Ti|Ti_plus|S|S_plus|B|B_plus
"""

import sys, os
import common

a = common.args(
    __doc__,
    version=dict(default='0.4.0', choices=['0.1.0', '0.2.3', '0.3.0', '0.4.0']),
    preset=dict(default='small'),
    pre_norm=dict(action='store_true'),
    ff_dim=dict(type=int, default=None),
    act=dict(default='ReLU'),
)
if a.version != '0.4.0':
    sys.path.insert(0, os.path.join(common.ROOT, 'cvx_' + a.version))
common.quiet_torchvision()
import torch
from comvex.convit import ConViTConfig, ConViTWithLinearClassifier

if a.preset == 'small':
    kw = dict(
        image_size=32,
        image_channel=3,
        patch_size=8,
        num_local_layers=2,
        num_nonlocal_layers=2,
        dim=32,
        num_classes=10,
        locality_strength=1.0,
        heads=4,
        pre_norm=a.pre_norm,
        ff_dim=a.ff_dim,
        pred_act_fnc_name=a.act,
    )
    cfg = ConViTConfig(**kw)
else:
    cfg = getattr(ConViTConfig, 'ConViT_' + a.preset)(
        num_classes=1000, pre_norm=a.pre_norm, ff_dim=a.ff_dim, pred_act_fnc_name=a.act
    )
    kw = dict(cfg.__dict__)
kw = dict(cfg.__dict__)  # the model pops two entries out of its config object
m = ConViTWithLinearClassifier(cfg)
common.randomise(m, a.seed)
x = common.rnd_image(a.seed, a.batch, kw['image_channel'], kw['image_size'], kw['image_size'])

inter, calls = {}, {}
base = m.backbone if hasattr(m, 'backbone') else m


def keep(name):
    def f(mod, i, o):
        inter[name] = o

    return f


m.linear_proj.register_forward_hook(keep('tokens_embed'))
n = 0
for stack in (base.local_layers, base.nonlocal_layers):
    for l in stack:
        l.register_forward_hook(keep(f'tokens_{n:02d}'))
        l.attention_block._fn._fn.attention_dropout.register_forward_hook(keep(f'attn_{n:02d}'))
        n += 1
with torch.no_grad():
    y = m(x)
hid = base.local_layers[0].ff_block._fn._fn
hid = (hid.ff_0 if hasattr(hid, 'ff_0') else hid._net[0]).out_features
conf = dict(
    arch='convit',
    variant='comvex',
    comvex_version=a.version,
    image_size=kw['image_size'],
    image_channel=kw['image_channel'],
    patch_size=kw['patch_size'],
    num_local_layers=kw['num_local_layers'],
    num_nonlocal_layers=kw['num_nonlocal_layers'],
    dim=kw['dim'],
    num_classes=kw['num_classes'],
    heads=kw['heads'],
    pre_norm=kw['pre_norm'],
    ff_dim=kw['ff_dim'],
    ff_hidden_effective=hid,
    layer_norm_eps=1e-5,
    activation='gelu_erf',
    pred_act_fnc_name=kw['pred_act_fnc_name'],
)
common.save_all(a.out, conf, m.state_dict(), x, y, inter, drop=('relative_position_index',))
