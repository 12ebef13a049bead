"""Makes tests/data/torch: small PyTorch checkpoints, what torch.load reads from them, and hostile ones.

    python tests/make_torch.py            (needs torch and numpy; developers only)

  *.pth         good checkpoints, in every form that people have
  expected.txt  a line a tensor of them: file, name, dtype, shape ("-" for a scalar), bytes in hex ("-" for none)
  hostile.txt   a line a case that must be refused: kind, name, a part of the message, bytes in hex. Kinds: `zip` and
                `legacy` are whole files; `pickle` is an object pickle, to be put between the lines `head` and `tail`
                into a legacy file. Cases of kind `good` are pickles that must load, so that it is not the frame that is
                refused. Wherever a pickle would run something, it would make a file named cvt-canary.

The same torch makes the same files, but for legacy checkpoints: they name their storages after addresses."""
import argparse
import binascii
import collections
import datetime
import io
import pathlib
import struct
import zipfile

import numpy as np
import torch

HERE = pathlib.Path(__file__).parent / 'data' / 'torch'
DTYPES = {torch.float32: 'F32', torch.float16: 'F16', torch.bfloat16: 'BF16', torch.float64: 'F64', torch.int64: 'I64',
          torch.int32: 'I32', torch.int16: 'I16', torch.int8: 'I8', torch.uint8: 'U8', torch.bool: 'BOOL'}
expected = []


# ---- good checkpoints -----------------------------------------------------------------------------------------------

def tensors():
    g = torch.Generator().manual_seed(5)
    r = lambda *shape: torch.randn(*shape, generator=g)
    big = r(40)
    return collections.OrderedDict(
        a=r(3, 4), shared1=big[:12].view(3, 4), shared2=big[10:40:3], t=r(4, 3).t(),
        permuted=r(2, 3, 4, 5).permute(3, 0, 2, 1),
        n=torch.tensor(7), h=r(5).half(), b=r(5).bfloat16(), p=torch.nn.Parameter(r(2, 2)), d=r(3).double(),
        i32=torch.arange(-2, 3, dtype=torch.int32), i16=torch.arange(-2, 3, dtype=torch.int16),
        i8=torch.arange(-2, 3, dtype=torch.int8), u8=torch.arange(5, dtype=torch.uint8),
        flag=torch.tensor([True, False, True]),
        empty=torch.zeros(0, 3), expanded=r(1).expand(2, 3), column=r(4, 4)[:, 1:2], last=r(4, 4)[3],
        tied=big[:12].view(3, 4),
        ranks=r(1, 2, 1, 2, 1, 2, 1, 1), h_t=r(2, 3).half().t(), n_t=torch.arange(6).view(2, 3).t(),
        u8_t=torch.arange(6, dtype=torch.uint8).view(2, 3).t(), **{'größe.weight': r(2)})


def expect(file, state):
    for name, t in state.items():
        t = t.detach().contiguous()
        data = t.reshape(-1).view(torch.uint8).numpy().tobytes() if t.numel() else b''
        shape = ','.join(map(str, t.shape)) or '-'
        expected.append(f'{file} {name} {DTYPES[t.dtype]} {shape} {data.hex() or "-"}')


def load(file):
    return torch.load(HERE / file, weights_only=False, map_location='cpu')   # our own files


def save(file, value, key=None, **options):
    torch.save(value, HERE / file, **options)
    state = load(file)
    for k in key.split('.') if key else []: state = state[k]
    expect(file, {k: v for k, v in state.items() if isinstance(v, torch.Tensor)})


def good():
    state = tensors()
    w, b = state['a'], state['d']
    small = collections.OrderedDict(w=w, b=b)
    optimizer = {'state': {0: {'step': torch.tensor(3.), 'exp_avg': torch.ones(3, 4)}},
                 'param_groups': [{'lr': .1, 'params': [0, 1]}]}
    for z in (False, True):
        form = {'_use_new_zipfile_serialization': z}
        s = 'zip' if z else 'legacy'
        module = torch.nn.BatchNorm2d(3)
        save(f'plain_{s}.pth', state, **form)
        save(f'metadata_{s}.pth', module.state_dict(), **form)      # an OrderedDict with attributes: BUILD
        save(f'wrapped_{s}.pth', {'epoch': 3, 'best': torch.tensor(.5),
                                  'args': argparse.Namespace(lr=.1, x=[1], when=datetime.date(2020, 1, 2)),
                                  'score': np.float64(.5), 'history': np.arange(3), 'path': pathlib.PurePosixPath('a'),
                                  'counts': collections.defaultdict(list, a=[1]), 'kinds': {1, 2},
                                  'dtype': torch.float16,
                                  'device': torch.device('cpu'), 'optimizer': optimizer, 'big': 1 << 70,
                                  'raw': b'\xff\0',
                                  'model': small}, 'model', **form)
        save(f'ema_{s}.pth', {'state_dict': {'module.w': w}, 'state_dict_ema': {'module.w': w + 1, 'module.b': b}},
             'state_dict_ema', **form)
        save(f'half_prefix_{s}.pth', {'module.w': w, 'b': b}, **form)
        save(f'optimizer_{s}.pth', {'optimizer': torch.optim.SGD([torch.zeros(1)], lr=1), 'net': small}, 'net', **form)
    for protocol in (3, 4, 5): save(f'protocol{protocol}.pth', small, pickle_protocol=protocol)
    for name, write in REWRITERS.items():
        (HERE / f'rezip_{name}.pth').write_bytes(write(members(torch_zip(small))))
        expect(f'rezip_{name}.pth', load(f'rezip_{name}.pth'))
    (HERE / 'python2.pth').write_bytes(zip_of(pickle_members(python2())))
    expect('python2.pth', load('python2.pth'))
    (HERE / 'view_legacy.pth').write_bytes(legacy(viewed()))
    expect('view_legacy.pth', load('view_legacy.pth'))
    (HERE / 'empty.safetensors').write_bytes(b'\2\0\0\0\0\0\0\0{}')


def torch_zip(value):
    b = io.BytesIO()
    torch.save(value, b)
    return b.getvalue()


def members(data):
    z = zipfile.ZipFile(io.BytesIO(data))
    return {i.filename: z.read(i) for i in z.infolist()}


class Pipe(io.RawIOBase):                  # cannot seek: zipfile then writes data descriptors
    def __init__(self): self.data = b''
    def writable(self): return True
    def write(self, b): self.data += bytes(b); return len(b)


def zip_of(files, comment=b'', stream=False, zip64=False):
    out = Pipe() if stream else io.BytesIO()
    with zipfile.ZipFile(out, 'w') as z:
        z.comment = comment
        for name, data in files.items():
            with z.open(zipfile.ZipInfo(name), 'w', force_zip64=zip64) as f: f.write(data)
    return out.data if stream else out.getvalue()


def central64(files):                       # all numbers of the directory in ZIP64 fields
    data = zip_of(files)
    start = struct.unpack('<I', data[-6:-2])[0]
    out, at = data[:start], start
    while data[at:at + 4] == b'PK\1\2':
        n, entry = 46 + struct.unpack('<H', data[at + 28:at + 30])[0], bytearray(data[at:])
        field = struct.pack('<HHQQQ', 1, 24, *struct.unpack('<II', entry[20:28]), *struct.unpack('<I', entry[42:46]))
        entry[20:28], entry[42:46], entry[30:32] = b'\xff' * 8, b'\xff' * 4, struct.pack('<H', len(field))
        out, at = out + bytes(entry[:n]) + field, at + n
    return out + data[at:-10] + struct.pack('<IIH', len(out) - start, start, 0)


REWRITERS = {'central64': central64, 'plain': zip_of, 'comment': lambda f: zip_of(f, b'a comment'),
             'stream': lambda f: zip_of(f, stream=True),
             'zip64': lambda f: zip_of(f, zip64=True), 'stream64': lambda f: zip_of(f, stream=True, zip64=True)}


# ---- pickles by hand ------------------------------------------------------------------------------------------------

def text(s): b = s.encode() if isinstance(s, str) else s; return b'X' + struct.pack('<I', len(b)) + b
def integer(n): return b'J' + struct.pack('<i', n) if -2**31 <= n < 2**31 else b'\x8a\x08' + struct.pack('<q', n)
def glob(module, name): return f'c{module}\n{name}\n'.encode()
def tup(*items): return b'(' + b''.join(items) + b't'
def ints(values): return tup(*map(integer, values))
def call(callee, *args): return callee + tup(*args) + b'R'
def proto(body): return b'\x80\x02' + body + b'.'
def dict_of(*pairs): return b'}(' + b''.join(pairs) + b'u'


ORDERED = glob('collections', 'OrderedDict') + b')R'
REBUILD = glob('torch._utils', '_rebuild_tensor_v2')
PARAMETER = glob('torch._utils', '_rebuild_parameter')
COUNT = 6                                   # elements of storage "0" in all pickles by hand
DATA = np.arange(COUNT, dtype='<f4').tobytes()


def storage(kind='FloatStorage', key='0', count=COUNT, extra=b''):
    return tup(text('storage'), glob('torch', kind), text(key), text('cpu'), integer(count), extra) + b'Q'


def tensor(size=(2, 3), stride=(3, 1), offset=0, store=None, grad=b'\x89', hooks=ORDERED, extra=b''):
    return call(REBUILD, storage() if store is None else store, integer(offset), ints(size), ints(stride), grad,
                hooks, extra)


def state(*more): return proto(dict_of(text('w'), tensor(), *more))
def beside(value, *more): return state(text('x'), value, *more)


def pickle_members(data): return {'a/data.pkl': data, 'a/version': b'3\n', 'a/data/0': DATA}


HEAD = (b'\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.' + proto(b'M\xe9\x03') +
        proto(dict_of(text('protocol_version'), b'M\xe9\x03', text('little_endian'), b'\x88', text('type_sizes'),
                      b'}')))
TAIL = proto(b']' + text('0') + b'a') + struct.pack('<q', COUNT) + DATA


def legacy(data): return HEAD + data + TAIL


def python2():                              # str keys, and an OrderedDict of a list of lists
    name = lambda s: b'T' + struct.pack('<I', len(s)) + s.encode()
    pair = lambda n, t: b'](' + name(n) + t + b'e'
    pairs = b'](' + pair('w', tensor()) + pair('v', tensor((2,), (1,), 4)) + b'e'
    return proto(call(glob('collections', 'OrderedDict'), pairs))


def viewed():                               # the sixth item of a legacy persistent id: a part of the root storage
    view = lambda offset, count: storage(extra=tup(text(f'view{offset}'), integer(offset), integer(count)))
    whole = storage(extra=b'N')
    return proto(dict_of(text('w'), tensor((2,), (1,), 1, view(2, 4)), text('all'), tensor(store=whole),
                         text('t'), tensor((2, 2), (1, 2), 0, view(1, 4)), text('none'), tensor((3,), (2,), 1, whole)))


# ---- hostile pickles ------------------------------------------------------------------------------------------------

def exec_cases():
    command = text('touch cvt-canary')
    run = lambda g: beside(call(g, command))
    for module, name in (('os', 'system'), ('posix', 'system'), ('nt', 'system'), ('subprocess', 'Popen'),
                         ('subprocess', 'check_output'),
                         ('builtins', 'eval'), ('__builtin__', 'eval'), ('builtins', 'exec'), ('builtins', 'getattr'),
                         ('builtins', '__import__'), ('builtins', 'compile'), ('sys', 'modules'), ('runpy', 'run_path'),
                         ('importlib', 'import_module'), ('pty', 'spawn'), ('timeit', 'timeit'), ('code', 'interact'),
                         ('pkgutil', 'resolve_name'), ('functools', 'partial'), ('operator', 'attrgetter'),
                         ('types', 'FunctionType'),
                         ('torch', 'load'), ('torch.hub', 'load'), ('torch.nn.modules.linear', 'Linear'),
                         ('torch._utils', '_rebuild_tensor_v3'), ('torch', 'ComplexFloatStorage'),
                         ('torch', 'FloatTensor'),
                         ('numpy', 'load'), ('numpy.testing._private.utils', 'runstring'), ('__main__', 'Evil'),
                         ('collections', 'OrderedDict.__init__'), ('torch.optim', 'os.system'), ('torch.optimx', 'SGD'),
                         ('omegaconfx', 'X'), ('', ''), ('os\0', 'system'), ('numpy', 'dtype\0')):
        label, refused = f'{module}.{name}'.replace('\0', '0'), 'which is not allowed in a data file'
        yield f'global {label}', refused, run(glob(module, name))
        yield (f'stack_global {label}', refused,
               b'\x80\x04' + beside(call(text(module) + text(name) + b'\x93', command))[2:])
    yield 'named in the message', 'refers to posix.system', run(glob('posix', 'system'))
    yield 'unused global', 'refers to os.system', beside(glob('os', 'system'))
    yield 'popped global', 'refers to os.system', proto(glob('os', 'system') + b'0' + state()[2:-1])
    yield 'inst', 'opcode 0x69', beside(b'(' + command + b'ios\nsystem\n')
    yield 'obj', 'opcode 0x6f', beside(b'(' + text('os') + command + b'o')
    yield 'newobj', 'refers to os.system', beside(glob('os', 'system') + tup(command) + b'\x81')
    yield 'newobj_ex', 'opcode 0x92', beside(glob('argparse', 'Namespace') + tup(command) + b'}\x92')
    for op, arg in ((0x82, b'\1'), (0x83, b'\1\0'), (0x84, b'\1\0\0\0')):
        yield f'ext {op:#x}', f'opcode {op:#x}', beside(bytes([op]) + arg)
    yield 'persid', 'opcode 0x50', beside(b'P0\n')
    yield 'stack_global of numbers', 'a name that is no text', beside(b'K\1K\2\x93')
    yield 'stack_global too long', 'a name of more than 128 bytes', beside(text('o' * 129) + text('x') + b'\x93')
    for op in b'gpiIFLSV12PdlO\x8d\x8e\x8f\x90\x91\x96\x97\x98\xff\0\n':
        yield f'opcode {op:#04x}', f'opcode 0x{op:02x}', beside(bytes([op]) + b'0\n0\n')


def call_cases():
    dead = call(glob('argparse', 'Namespace'))
    ordered = glob('collections', 'OrderedDict')
    for name, callee in (('a text', text('os.system')), ('a dead value', dead), ('a dict', b'}'), ('none', b'N'),
                         ('a tensor', tensor()),
                         ('a tuple', tup(text('os'), text('system')))):
        yield f'call of {name}', 'calls a value that is no name', beside(call(callee, text('true')))
    yield 'call of a storage', 'calls a storage type', beside(call(glob('torch', 'FloatStorage'), integer(5)))
    yield 'call without a tuple', 'arguments are no tuple', beside(ordered + b']R')
    yield 'dead call without a tuple', 'arguments are no tuple', beside(glob('argparse', 'Namespace') + b'NR')
    yield 'ordered dict of a dict', 'an OrderedDict of no list', beside(call(ordered, b'}'))
    yield 'ordered dict of two', 'an OrderedDict of no list', beside(call(ordered, b']', b']'))
    yield 'ordered dict of singles', 'an OrderedDict of no list', beside(call(ordered, b'](K\1e'))
    yield 'ordered dict of triples', 'an OrderedDict of no list', beside(call(ordered, b'](' + ints((1, 2, 3)) + b'e'))
    yield 'ordered dict of a list key', 'a dict key of a type', beside(call(ordered, b'](' + tup(b']', b'N') + b'e'))
    yield 'newobj of an ordered dict', 'makes an object', beside(ordered + b')\x81')
    yield 'newobj of a tensor function', 'makes an object', beside(REBUILD + b')\x81')
    yield 'newobj of a text', 'makes an object', beside(text('x') + b')\x81')
    yield 'newobj without a tuple', 'arguments are no tuple', beside(glob('argparse', 'Namespace') + b'N\x81')
    yield 'build of a tensor', 'sets the state', beside(tensor() + b'}b')
    yield 'build of a tuple', 'sets the state', beside(b')}b')
    yield 'build of a list', 'sets the state', beside(b']}b')
    yield 'build of a name', 'sets the state', beside(ordered + b'}b')
    yield 'build of setstate', 'refers to os.system', beside(ordered + b')R' + dict_of(text('__setstate__'),
                                                                                       glob('os', 'system')) + b'b')
    yield 'build of a dict by a text', 'sets the state', beside(b'}' + text('x') + b'b')
    yield 'parameter of a text', 'a parameter of no tensor', beside(call(PARAMETER, text('x'), b'\x89', ORDERED))
    yield 'parameter of one', 'a parameter of no tensor', beside(call(PARAMETER, tensor()))
    yield 'size of a list', 'a size of no tuple', beside(call(glob('torch', 'Size'), b']'))
    yield 'size of two', 'a size of no tuple', beside(call(glob('torch', 'Size'), b')', b')'))


def tensor_cases():
    one = lambda name, message, *args, **kw: (f'tensor {name}', message, beside(tensor(*args, **kw)))
    outside = 'a tensor outside of its storage'
    yield one('negative size', 'a size that is no size', (-2, 3))
    yield one('negative stride', 'a stride that is no size', (2, 3), (-3, 1))
    yield one('negative offset', 'offset is no size', offset=-1)
    yield one('too long', outside, (3, 3))
    yield one('offset out', outside, offset=1)
    yield one('offset far out', outside, offset=2**62)
    yield one('stride out', outside, (2, 3), (4, 1))
    yield one('empty outside', outside, (0, 3), offset=7)
    yield one('stride overflow', outside, (3, 3), (2**62, 1))
    yield one('stride sum overflow', outside, (2, 2, 2, 2), (2**62,) * 4)
    yield one('product overflow', 'too large', (2**33, 2**33), (0, 0))
    yield one('byte overflow', 'too large', (2**62,), (0,))
    yield one('product of zero overflow', 'too large', (2**33, 2**33, 0), (0, 0, 0))
    yield one('expand bomb', 'too many times', (2**20,), (0,))
    yield one('expand bomb 2', 'too many times', (2**31, 2**20), (0, 0))
    yield one('fewer strides', 'not as many strides', (2, 3), (1,))
    yield one('more strides', 'not as many strides', (2,), (3, 1))
    yield one('nine dimensions', 'more than 8 dimensions', (1,) * 9, (1,) * 9)
    yield one('text storage', 'without a storage', store=text('0'))
    yield one('dict hooks', 'hooks are no dict', hooks=text('x'))
    yield one('text grad', 'requires_grad is no bool', grad=text('x'))
    yield one('metadata', 'a tensor with metadata', extra=dict_of(text('neg'), b'\x88'))
    yield one('eight arguments', 'number of arguments', extra=b'NN')
    yield 'tensor no arguments', 'number of arguments', beside(REBUILD + b')R')
    for n in range(1, 6):
        yield f'tensor {n} arguments', 'number of arguments', beside(call(REBUILD, storage(),
                                                                          *([integer(0)] * (n - 1))))
    yield 'tensor float size', 'a size that is no size', beside(call(REBUILD, storage(), integer(0),
                                                                     tup(b'G' + bytes(8)), ints([1]), b'\x89', ORDERED))
    yield 'tensor list size', 'is no tuple', beside(call(REBUILD, storage(), integer(0), b']', b')', b'\x89', ORDERED))
    yield 'tensor long size', 'a size that is no size', beside(call(REBUILD, storage(), integer(0),
                                                                    tup(b'\x8a\x09' + b'\1' * 9), ints([1]), b'\x89',
                                                                    ORDERED))
    yield 'tensor bool offset', 'offset is no size', beside(call(REBUILD, storage(), b'\x88', b')', b')', b'\x89',
                                                                 ORDERED))

    store = lambda name, message, id: (f'storage {name}', message, beside(id + b'Q'))
    parts = lambda *p: tup(*p)
    f, k, c = glob('torch', 'FloatStorage'), text('0'), text('cpu')
    yield store('no tuple', 'no tuple of 5 or 6', text('0'))
    yield store('short', 'no tuple of 5 or 6', parts(text('storage'), f, k, c))
    yield store('long', 'no tuple of 5 or 6', parts(text('storage'), f, k, c, integer(6), b'N', b'N'))
    yield store('list', 'no tuple of 5 or 6', b']' + b'(' + text('storage') + f + k + c + integer(6) + b'e')
    yield store('module', 'is no storage', parts(text('module'), f, k, c, integer(6)))
    yield store('text type', 'no known type', parts(text('storage'), text('FloatStorage'), k, c, integer(6)))
    yield store('dead type', 'no known type', parts(text('storage'), glob('torch', 'float32'), k, c, integer(6)))
    yield store('number key', 'no short text', parts(text('storage'), f, integer(0), c, integer(6)))
    yield store('long key', 'no short text', parts(text('storage'), f, text('0' * 65), c, integer(6)))
    yield store('empty key', 'no short text', parts(text('storage'), f, text(''), c, integer(6)))
    yield store('number location', 'location is no text', parts(text('storage'), f, k, integer(0), integer(6)))
    yield store('negative count', 'count of elements', parts(text('storage'), f, k, c, integer(-6)))
    yield store('text count', 'count of elements', parts(text('storage'), f, k, c, text('6')))
    yield store('huge count', 'too large for memory', parts(text('storage'), f, k, c, integer(2**62)))
    yield store('text view', 'view that is no tuple', parts(text('storage'), f, k, c, integer(6), text('x')))
    yield store('short view', 'view that is no tuple', parts(text('storage'), f, k, c, integer(6), ints((0, 1))))
    yield store('view out', 'view outside', parts(text('storage'), f, k, c, integer(6), tup(k, integer(3), integer(4))))
    yield store('view negative', 'no size', parts(text('storage'), f, k, c, integer(6),
                                                  tup(k, integer(-1), integer(4))))
    yield store('view overflow', 'view outside', parts(text('storage'), f, k, c, integer(6),
                                                       tup(k, integer(1), integer(2**63 - 1))))
    yield store('view number key', 'view whose key', parts(text('storage'), f, k, c, integer(6),
                                                           tup(integer(0), integer(1), integer(2))))
    yield 'tensor out of its view', outside, beside(tensor((3,), (1,), 0,
                                                           storage(extra=tup(k, integer(1), integer(2)))))
    yield 'storage of two types', 'described in two ways', beside(tensor(store=storage('IntStorage')))
    yield 'storage of two sizes', 'described in two ways', beside(tensor((1,), (1,), 0, storage(count=5)))
    yield 'storage of a lie', 'the file ends within', proto(dict_of(text('w'), tensor((7,), (1,), 0, storage(count=7))))
    yield 'storage of a small lie', 'has 6 elements, the pickle says 5', proto(dict_of(text('w'),
                                                                                       tensor((5,), (1,), 0,
                                                                                              storage(count=5))))
    yield 'storage of a huge lie', 'the file ends within', proto(dict_of(text('w'),
                                                                         tensor((2**40,), (1,), 0,
                                                                                storage(count=2**40))))
    yield 'storage not there', 'storage "1" has no data', beside(tensor(store=storage(key='1')))
    yield 'no storage', 'there is no dict of tensors', proto(b'}')


def machine_cases():
    body = state()[2:-1]
    yield 'no protocol', 'no pickle of protocol 2 to 5', body + b'.'
    for p in (0, 1, 6, 255): yield f'protocol {p}', f'protocol {p} is not known', bytes([0x80, p]) + body + b'.'
    yield 'protocol again', 'protocol 9 is not known', proto(b'\x80\x09' + body)
    yield 'only stop', 'ends with 0 values', proto(b'')
    yield 'two values', 'ends with 2 values', proto(b'N' + body)
    yield 'open mark', 'ends with 1 values', proto(b'(' + body)
    yield 'stack empty', 'fewer than 1', proto(b'0')
    yield 'below the mark', 'fewer than 1', proto(body + b'(0')
    yield 'setitem below the mark', 'fewer than 2', proto(b'}(' + b'N' + b's')
    yield 'tuple3 of two', 'fewer than 3', proto(b'NN\x87')
    yield 'no mark', 'there is no mark', proto(b'Nt')
    yield 'setitems of a list', 'no dict', proto(b']' + b'(' + text('w') + tensor() + b'u')
    yield 'setitem of a list', 'no dict', proto(b']' + text('w') + tensor() + b's')
    yield 'setitem of a tuple', 'no dict', proto(b')' + text('w') + tensor() + b's')
    yield 'setitem of a tensor', 'no dict', proto(tensor() + text('w') + tensor() + b's')
    yield 'setitem of a storage', 'no dict', proto(storage() + text('w') + tensor() + b's')
    yield 'setitem of a text', 'no dict', proto(text('x') + text('w') + tensor() + b's')
    yield 'setitem of a name', 'no dict', proto(REBUILD + text('w') + tensor() + b's')
    yield 'setitems odd', 'a key without a value', proto(b'}(' + text('w') + b'u')
    yield 'setitems of nothing', 'fewer than 1', proto(b'(u')
    yield 'append to a dict', 'no list', proto(b'}Na')
    yield 'append to a tuple', 'no list', proto(b')Na')
    yield 'appends to a tensor', 'no list', proto(tensor() + b'(Ne')
    yield 'list key', 'a dict key of a type', proto(b'}]Ns')
    yield 'tensor key', 'a dict key of a type', proto(b'}' + tensor() + b'Ns')
    yield 'memo unset', 'memo index 7 was never set', proto(b'h\7')
    yield 'memo unset far', 'never set', proto(b'j\xff\xff\xff\xff')
    yield 'memo far', 'memo index 4294967295 is too large', proto(b'Nr\xff\xff\xff\xff')
    yield 'memo of nothing', 'fewer than 1', proto(b'q\0')
    yield 'memoize of nothing', 'fewer than 1', proto(b'\x94')
    yield 'dict in itself', 'contains itself', proto(body + b'q\0' + text('x') + b'h\0s')
    yield 'circle of three', 'contains itself', proto(body + b'q\0' + text('x') + b']q\1}q\2' + text('y') + b'h\0sas')
    yield 'circle by a key', 'contains itself', proto(body + b'q\0' + b']q\1h\1\x85a' + b'\x85Ns')
    yield 'deep lists', 'deeper than 64', proto(body + text('x') + b']' * 80 + b'a' * 79 + b's')
    yield 'deep tuples', 'deeper than 64', proto(body + text('x') + b'N' + b'\x85' * 1000 + b's')
    yield 'deep bomb', 'deeper than 64', proto(body + text('x') + b'N' + b'q\0h\0\x86' * 70 + b's')
    yield 'deep marks', 'more than 256 open marks', proto(body + text('x') + b'(' * 300)
    yield 'long too long', 'data end early', proto(body + text('x') + b'\x8b\xff\xff\xff\x7f')
    yield 'long negative', 'data end early', proto(body + text('x') + b'\x8b\xff\xff\xff\xff')
    yield 'text too long', 'data end early', proto(body + b'X\xff\xff\xff\xffx')
    yield 'bytes too long', 'data end early', proto(body + b'B\xff\xff\xff\x7fx')
    yield 'text no utf-8', 'no UTF-8', proto(body + text(b'\xff\xfe') + b'Ns')
    yield 'text surrogate', 'no UTF-8', proto(body + text(b'\xed\xa0\x80') + b'Ns')
    yield 'frame too long', 'a frame longer', proto(b'\x95' + b'\xff' * 8 + body)
    yield 'name too long', 'a name of more than 128 bytes', proto(body + b'c' + b'a' * 1000)
    yield 'zero in a name', 'no plain text', proto(dict_of(text('w\0x'), tensor()))
    yield 'empty name', 'no plain text', proto(dict_of(text(''), tensor()))
    yield 'number name', 'no plain text', proto(dict_of(integer(1), tensor()))
    yield 'bytes name', 'no plain text', proto(dict_of(b'C\1w', tensor()))
    yield 'name twice', 'is there twice', state(text('w'), tensor())
    yield 'name twice behind a prefix', 'is there twice', proto(dict_of(text('module.w'), tensor(), text('module.w'),
                                                                        tensor()))
    for name, root in (('a list', b']'), ('a tuple', b')'), ('a tensor', tensor()), ('none', b'N'),
                       ('a text', text('x')),
                       ('a dead value', call(glob('argparse', 'Namespace'))),
                       ('a wrapped text', dict_of(text('model'), text('x'))),
                       ('a wrapped list', dict_of(text('model'), b']' + tensor() + b'a')), ('a name', REBUILD),
                       ('other keys', dict_of(text('weights'), state()[2:-1])),
                       ('dead arrays', dict_of(text('w'), call(glob('numpy.core.multiarray', '_reconstruct'))))):
        yield f'root is {name}', 'there is no dict of tensors', proto(root)
    yield 'trailing data', 'no pickle of protocol', state() + b'N'


def good_pickles():
    yield 'plain', state()
    yield 'two tensors', beside(tensor((6,), (1,)))
    yield 'parameter', beside(call(PARAMETER, tensor(), b'\x88', ORDERED))
    yield 'size', beside(call(REBUILD, storage(), integer(0), call(glob('torch', 'Size'), ints([6])), ints([1]),
                              b'\x89', ORDERED))
    yield 'none hooks and metadata', beside(tensor(hooks=b'N', extra=b'N'))
    yield 'empty metadata', beside(tensor(extra=b'}'))
    yield 'dead values', beside(glob('argparse', 'Namespace') + b')\x81' + dict_of(text('lr'), b'N') + b'b', text('y'),
                               glob('yacs.config',
                                    'CfgNode') + b')\x81(' + text('A') + b'Nu' + text('B') + b'Ns(NNeNa', text('z'),
                               call(glob('torch.optim.sgd', 'SGD')), text('u'), glob('torch.optim', 'Adam'))
    yield 'odd values', beside(b'\x8b\x10\0\0\0' + b'\1' * 16, text('y'), b'B\2\0\0\0\xff\0', text('z'), b'U\1\xff',
                               b'K\1', b'N',
                              ints([1]), b'N', b'N', b'N')
    yield 'deep but not too deep', proto(state()[2:-1] + text('x') + b'N' + b'\x85' * 60 + b's')
    yield 'memo gaps', proto(state()[2:-1] + b'r\0\0\1\0j\0\0\1\0' + b'0')
    yield 'unicode name', proto(dict_of(text('größe'), tensor()))
    yield 'protocol 4', (b'\x80\x04\x95\x05\0\0\0\0\0\0\0' + state()[2:-1] + b'\x94\x8c\1x' +
                         text('argparse') + text('Namespace') + b'\x93)Rs.')


# ---- hostile files --------------------------------------------------------------------------------------------------

def patch(data, at, new): return data[:at] + new + data[at + len(new):]


def legacy_cases():
    ok, p = legacy(state()), state()
    keys = lambda *k: proto(b'](' + b''.join(k) + b'e')
    one = struct.pack('<q', COUNT) + DATA
    yield 'trailing byte', 'bytes follow the last storage', ok + b'x'
    yield 'key unknown', 'that no tensor has', HEAD + p + keys(text('1')) + one
    yield 'key is a number', 'that no tensor has', HEAD + p + keys(integer(0)) + one
    yield 'key twice', 'is there twice', HEAD + p + keys(text('0'), text('0')) + one + one
    yield 'no keys', 'has no data', HEAD + p + keys()
    yield 'keys are no list', 'is no list', HEAD + p + proto(text('0')) + one
    yield 'count lies', 'has 5 elements', ok.replace(one, struct.pack('<q', COUNT - 1) + DATA)
    yield 'count negative', 'has -1 elements', ok.replace(one, struct.pack('<q', -1) + DATA)
    yield 'wrong version', 'not version 1001', ok.replace(b'M\xe9\x03', b'M\xea\x03', 1)
    yield 'big endian', 'big-endian', ok.replace(b'\x88', b'\x89', 1)
    yield 'info is a list', 'big-endian', ok.replace(b'}(', b'](', 1).replace(b'}u', b'}e', 1)
    yield 'other magic', 'magic number', patch(ok, 5, b'\0')
    yield 'plain pickle', 'magic number', proto(b'}')


def zip_cases():
    files = pickle_members(state())
    ok = zip_of(files)
    end = len(ok) - 22
    directory = struct.unpack('<I', ok[end + 16:end + 20])[0]
    entries = []                            # where each entry of the directory is
    at = directory
    while ok[at:at + 4] == b'PK\1\2':
        entries.append(at)
        n, x, c = struct.unpack('<HHH', ok[at + 28:at + 34])
        at += 46 + n + x + c
    local = [struct.unpack('<I', ok[e + 42:e + 46])[0] for e in entries]
    data = ok.index(DATA)
    local_says, no_end = 'its local header says otherwise', 'there is no end record'
    both = lambda offset, new: [patch(patch(ok, entries[i] + 2 + offset, new), local[i] + offset,
                                      new) for i in range(3)]

    yield 'flipped element', 'CRC-32', patch(ok, data + 5, b'\x55')
    yield 'flipped pickle', 'CRC-32', patch(ok, ok.index(b'FloatStorage'), b'Half')
    yield 'flipped version', 'CRC-32', patch(ok, ok.index(b'3\n'), b'2')
    yield 'central crc', local_says, patch(ok, entries[2] + 16, b'\1\2\3\4')
    yield 'local crc', local_says, patch(ok, local[2] + 14, b'\1\2\3\4')
    yield 'local size', local_says, patch(ok, local[2] + 18, b'\1')
    yield 'local name', local_says, patch(ok, local[2] + 30, b'b')
    yield 'local name length', local_says, patch(ok, local[2] + 26, b'\7\0\1\0')
    yield 'local method', local_says, patch(ok, local[2] + 8, b'\x08')
    yield 'local flags', local_says, patch(ok, local[2] + 6, b'\x01')
    yield 'local mark', 'its local header is not one', patch(ok, local[2], b'PK\1\2')
    yield 'central method', local_says, patch(ok, entries[2] + 10, b'\x08')
    yield 'encrypted', 'it is encrypted', both(6, b'\1')[2]
    yield 'unknown method', 'a method that is not known', patch(ok, entries[2] + 10, b'\x0c')
    yield 'strong encryption', 'flags that are not known', both(6, b'\x40')[2]
    yield 'other disk', 'another part', patch(ok, entries[2] + 34, b'\1')
    yield 'offset out', 'lies outside', patch(ok, entries[2] + 42, struct.pack('<I', len(ok)))
    yield 'offset in the directory', 'lies outside', patch(ok, entries[2] + 42, struct.pack('<I', directory - 29))
    yield 'two sizes', 'two sizes', patch(ok, entries[2] + 20, b'\1')
    yield 'size out', 'reaches out', patch(ok, entries[2] + 20, struct.pack('<II', 1 << 20, 1 << 20))
    yield 'zip64 without field', 'ZIP64 field is missing', patch(ok, entries[2] + 20, b'\xff' * 8)
    yield 'entry mark', 'is not one', patch(ok, entries[1], b'PK\3\4')
    yield 'entry too long', 'reaches out of the directory', patch(ok, entries[2] + 32, b'\xff\xff')
    yield 'fewer entries', 'longer than its entries', patch(ok, end + 8, b'\2\0\2\0')
    yield 'more entries', 'too small for its entries', patch(ok, end + 8, b'\4\0\4\0')
    yield 'too many entries', 'too small for its entries', patch(ok, end + 8, b'\xff\xff\xff\xff')
    yield 'no entries', 'it is empty', b'PK\5\6' + bytes(18)
    yield 'several disks', 'several parts', patch(ok, end + 4, b'\1')
    yield 'disagreeing counts', 'several parts', patch(ok, end + 8, b'\2')
    yield 'directory offset', 'does not end at the end record', patch(ok, end + 16, b'\0\0\0\0')
    yield 'directory size', 'does not end at the end record', patch(ok, end + 12, b'\xff\xff\xff\xff')
    yield 'comment lies', no_end, patch(ok, end + 20, b'\1')
    yield 'trailing byte', no_end, ok + b'x'
    yield 'prepended byte', 'does not end at the end record', b'x' + ok
    yield 'no end', no_end, ok[:end]
    yield 'fake end in the comment', 'does not end at the end record', zip_of(files, b'PK\5\6' + bytes(18))

    wide = zip_of(files, zip64=True)
    yield 'local zip64 lies', local_says, patch(wide, wide.index(DATA) - 16, b'\1')
    stream = zip_of(files, stream=True)
    after = stream.index(DATA) + len(DATA)
    yield 'descriptor crc', 'data descriptor says otherwise', patch(stream, after + 4, b'\1\2\3\4')
    yield 'descriptor size', 'data descriptor says otherwise', patch(stream, after + 8, b'\1\2\3\4')
    yield 'descriptor second size', 'data descriptor says otherwise', patch(stream, after + 12, b'\1\2\3\4')

    tz = torch_zip({'w': torch.zeros(2)})   # torch writes ZIP64 end records always
    loc, end64 = tz.index(b'PK\6\7'), tz.index(b'PK\6\6')
    misplaced = 'ZIP64 record is not where it should be'
    yield 'zip64 offset', misplaced, patch(tz, loc + 8, struct.pack('<Q', 1 << 40))
    yield 'zip64 offset wraps', misplaced, patch(tz, loc + 8, b'\xff' * 8)
    yield 'zip64 offset elsewhere', misplaced, patch(tz, loc + 8, struct.pack('<Q', 0))
    yield 'zip64 size', misplaced, patch(tz, end64 + 4, b'\x2d')
    yield 'zip64 disks', 'several parts', patch(tz, loc + 16, b'\2')
    yield 'zip64 disk', 'several parts', patch(tz, end64 + 16, b'\1')
    yield 'zip64 counts', 'several parts', patch(tz, end64 + 24, b'\1')
    yield 'zip64 count disagrees', 'end records disagree', patch(tz, end64 + 24, struct.pack('<QQ', 1, 1))
    yield 'zip64 directory', 'end records disagree', patch(tz, end64 + 48, b'\0\0\0\0')
    yield 'zip64 hides', 'does not end at the end record', patch(patch(tz, end64 + 48, b'\0\0\0\0'), len(tz) - 6,
                                                                 b'\xff' * 4)

    def names(name, message, *add, drop=(), change={}):
        f = {**{k: v for k, v in files.items() if k not in drop}, **change}
        with io.BytesIO() as b:
            with zipfile.ZipFile(b, 'w') as z:
                for k, v in list(f.items()) + list(add): z.writestr(zipfile.ZipInfo(k), v)
            return name, message, b.getvalue()
    import warnings
    warnings.simplefilter('ignore')         # zipfile warns of names that are there twice
    yield names('name twice', 'is there twice', ('a/data/0', DATA))
    yield names('pickle twice', 'is there twice', ('a/data.pkl', state()))
    for bad in ('../a', '/a/x', 'a/../x', 'a//x', 'a/./x', 'a\\x', 'c:/x', 'a/x\n', 'a/\x7f', '..'):
        yield names(f'name {bad!r}', 'no plain relative path', (bad, b''))
    yield names('two folders', 'in one folder', ('b/data.pkl', state()))
    yield names('no folder', 'in one folder', ('data.pkl', state()))
    yield names('no pickle', 'no member "data.pkl"', drop=['a/data.pkl'])
    yield names('no version', 'no member "version"', drop=['a/version'])
    for v in (b'', b'x\n', b'0\n', b'11\n', b'999\n', b'-3\n'): yield names(f'version {v}', 'format version',
                                                                            change={'a/version': v})
    yield names('big endian', 'little-endian', ('a/byteorder', b'big'))
    yield names('strange endian', 'little-endian', ('a/byteorder', b'little\n'))
    yield names('torchscript code', 'TorchScript', ('a/code/x.py', b''))
    yield names('torchscript constants', 'TorchScript', ('a/constants.pkl', b''))
    yield names('no storage', 'storage "0" is not in the archive', drop=['a/data/0'])
    yield names('short storage', 'has 23 bytes, the pickle says 24', change={'a/data/0': DATA[:-1]})
    yield names('long storage', 'has 25 bytes, the pickle says 24', change={'a/data/0': DATA + b'x'})
    yield names('storage by another way', 'is not in the archive',
                change={'a/data.pkl': proto(dict_of(text('w'), tensor(store=storage(key='../data/0'))))})
    yield names('data after the pickle', '1 bytes follow the pickle', change={'a/data.pkl': state() + b'x'})
    yield names('cut pickle', 'the pickle ends early', change={'a/data.pkl': state()[:-1]})
    yield names('empty pickle', 'no pickle of protocol', change={'a/data.pkl': b''})
    yield names('system', 'a/data.pkl: byte', change={'a/data.pkl': beside(call(glob('os', 'system'),
                                                                                text('touch cvt-canary')))})
    with io.BytesIO() as b:
        with zipfile.ZipFile(b, 'w') as z:
            for k, v in files.items(): z.writestr(zipfile.ZipInfo(k), v, zipfile.ZIP_DEFLATED)
        yield 'deflated', 'is compressed', b.getvalue()
    b = io.BytesIO()
    torch.jit.save(torch.jit.trace(torch.nn.Linear(1, 1), torch.zeros(1, 1)), b)
    yield 'torchscript', 'TorchScript', b.getvalue()
    moved = patch(ok, entries[1] + 42, struct.pack('<I', local[0]))  # two entries on one member
    twin = moved[:entries[1] + 10] + moved[entries[0] + 10:entries[0] + 28] + moved[entries[1] + 28:]
    yield 'entry of another member', local_says, twin
    inner = zip_of({'a/x': b'0123456789'})  # a member that lies within another one
    outer = zip_of({**files, 'a/y': inner[:inner.index(b'PK\1\2')]})
    at = outer.index(b'PK\1\2')
    entry = bytearray(inner[inner.index(b'PK\1\2'):-22])
    entry[42:46] = struct.pack('<I', outer.index(b'a/x') - 30)
    n, size, start = struct.unpack('<HII', outer[-12:-2])
    yield 'overlap', 'overlap', (outer[:-22] + bytes(entry) +
                                 b'PK\5\6' + struct.pack('<HHHHIIH', 0, 0, n + 1, n + 1, size + len(entry), start, 0))


def hostile():
    lines = [('head', '-', '-', HEAD), ('tail', '-', '-', TAIL)]
    lines += [('good', name, '-', data) for name, data in good_pickles()]
    for kind, cases in (('pickle', (exec_cases, call_cases, tensor_cases, machine_cases)),
                        ('legacy', (legacy_cases,)), ('zip', (zip_cases,))):
        lines += [(kind, *case) for group in cases for case in group()]
    names = [line[:2] for line in lines]
    assert len(set(names)) == len(names), collections.Counter(names).most_common(3)
    return ''.join(f'{kind}\t{ascii(name)[1:-1]}\t{message}\t{binascii.hexlify(data).decode()}\n' for kind, name,
                   message, data in lines)


if __name__ == '__main__':
    HERE.mkdir(parents=True, exist_ok=True)
    good()
    (HERE / 'expected.txt').write_text('\n'.join(expected) + '\n', encoding='utf-8')
    (HERE / 'hostile.txt').write_text(hostile())
