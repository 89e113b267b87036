"""`python -m tinygrad_lite`: train a conv net on the bundled digits, and draw its graph."""

from __future__ import annotations

from tinygrad_lite.examples.convnet import main

if __name__ == "__main__":
    raise SystemExit(main(module="tinygrad_lite"))
