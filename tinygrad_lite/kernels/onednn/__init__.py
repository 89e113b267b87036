"""Forwards and gradients by oneDNN, where it is installed: large arrays of float32, everything else passes on.

oneDNN is the library that PyTorch calls on processors. `pip install tinygrad-lite[fast]` brings it; one from conda,
Homebrew or the system serves too. It is loaded when the first large array comes, and leaves nothing behind.
"""

import importlib

NOUNS = ("conv", "elementwise", "matmul", "norm", "pool", "softmax")

for _noun in NOUNS:
    importlib.import_module(f".{_noun}", __name__)
