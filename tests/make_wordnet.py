#!/usr/bin/env python3
"""Writes models/imagenet-1k-ids.txt, the WordNet id of each class of ILSVRC-2012, a line a class, from what the package
timm carries; or checks it, with --check. Two lists that were made apart are held against each other: for each class
WordNet's lemmas of the id, which timm has too, must have a name in common with the names that models/imagenet-1k.txt has
for it.

    tests/make_wordnet.py [--check]
"""
import importlib.util
import pathlib
import sys

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "models"
# found without being imported: only its data are wanted
INFO = pathlib.Path(importlib.util.find_spec("timm").origin).parent / "data" / "_info"


def names_of(text):
    return {name.strip().lower().replace("_", " ") for name in text.split(",")}


def main():
    ids = (INFO / "imagenet_synsets.txt").read_text().split()
    lemmas = dict(line.split("\t") for line in (INFO / "imagenet_synset_to_lemma.txt").read_text().splitlines())
    lines = (FOLDER / "imagenet-1k.txt").read_text().splitlines()
    assert len(ids) == len(lines) == len(set(ids)) == 1000, (len(ids), len(lines))
    apart = [(i, ids[i], lemmas[ids[i]], lines[i]) for i in range(1000)
             if not names_of(lemmas[ids[i]]) & names_of(lines[i])]
    assert not apart, apart
    path, text = FOLDER / "imagenet-1k-ids.txt", "".join(name + "\n" for name in ids)
    if sys.argv[1:] == ["--check"]:
        assert path.read_text() == text, f"{path} is another list"
    else:
        path.write_text(text)
    print("1000 ids, each with a name in common")


main()
