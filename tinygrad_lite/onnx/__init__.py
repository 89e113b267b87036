"""Models as ONNX files, which other runtimes read. `rules.py` says for each op what it is in ONNX."""

from .export import to_onnx as to_onnx
