"""`python -m tinygrad_lite.examples`: what examples there are."""

from __future__ import annotations

from tinygrad_lite.examples import cluster, convnet, gpt, lstm, mlp_moons

for example in (mlp_moons, convnet, lstm, gpt, cluster):
    print(f"python -m {example.__name__:34} {str(example.__doc__).splitlines()[0]}")
