"""The families of oracle2native.py: see case.py."""
import importlib
import os
import pkgutil

MODULES = {m.name: importlib.import_module("." + m.name, __name__)
           for m in pkgutil.iter_modules([os.path.dirname(__file__)]) if m.name != "case"}
BARE = {name: config for m in MODULES.values() for name, config in getattr(m, "BARE", {}).items()}
ARCHS = {arch: convert for m in MODULES.values() for arch, convert in m.ARCHS.items()}
