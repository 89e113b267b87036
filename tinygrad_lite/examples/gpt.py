"""Train a small GPT to write text, character by character: Python's own manual, or any file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import nn
from tinygrad_lite.examples import training


class GPT(nn.Module):
    """A decoder: (N, T) characters by number to (N, T, characters) scores of the one that follows each.

    Radford et al., "Language models are unsupervised multitask learners" (2019): attention looks back only, and each
    block normalises what it reads.
    """

    def __init__(self, characters: int, context: int = 64, width: int = 128, heads: int = 4, layers: int = 4) -> None:
        self.context = context
        self.token, self.position = nn.Embedding(characters, width), nn.Embedding(context, width)
        block = nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(block, layers, nn.LayerNorm(width))
        self.out = nn.Linear(width, characters)

    def forward(self, x: Any) -> Any:
        length = x.shape[1]
        later = np.triu(np.ones((length, length), bool), 1)  # True: is not looked at
        return self.out(self.blocks(self.token(x) + self.position(np.arange(length)), later))


class Excerpts(tg.data.Dataset):
    """As many excerpts of a text as asked, from random places: x (T,) characters by number, y the one after each."""

    def __init__(self, text: Any, length: int, examples: int) -> None:
        self.text, self.length, self.examples = text, length, examples

    def __len__(self) -> int:
        return self.examples

    def batch(self, indices: Any) -> Any:
        starts = tg.random.generator.integers(len(self.text) - self.length, size=len(indices))
        windows = self.text[starts[:, None] + np.arange(self.length + 1)]
        return windows[:, :-1], windows[:, 1:]


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, report, write; returns the exit status."""
    parser = training.parser("tinygrad_lite.examples.gpt", __doc__, epochs=20, batch_size=32, lr=0.003)
    parser.add_argument("--text", metavar="FILE", help="in UTF-8; without it, Python's manual")
    parser.add_argument("--steps", type=training.POSITIVE, default=100, help="batches in an epoch")
    for name, default in (("context", 64), ("width", 128), ("heads", 4), ("layers", 4)):
        parser.add_argument(f"--{name}", type=training.POSITIVE, default=default, help="of the model")
    options = training.parsed(parser, arguments)

    text = tg.data.text(options.text)
    alphabet = sorted(set(text))
    codes = np.searchsorted(alphabet, list(text))
    cut = len(codes) * 9 // 10
    size, blocks = options.context, (len(codes) - cut - 1) // options.context
    if blocks < 1:
        parser.error(f"argument --text: has {len(text):,} characters; needs {10 * size + 10:,} or more")
    held_out = [codes[cut + i : cut + i + blocks * size].reshape(blocks, size) for i in (0, 1)]
    valid = tg.data.batches(*held_out, shuffle=False)
    train = Excerpts(codes[:cut], size, options.steps * options.batch_size)
    loader = tg.data.DataLoader(train, options.batch_size)
    model = GPT(len(alphabet), size, options.width, options.heads, options.layers)
    optimizer = tg.optim.AdamW(model.parameters(), lr=options.lr, betas=(0.9, 0.99))
    print(f"{cut:,} characters to learn from, {len(codes) - cut:,} held out")

    def loss(x: Any, y: Any) -> Any:
        return tg.cross_entropy(np.swapaxes(model(x), 1, 2), y)

    print(f"Before training it writes:\n{written(model, alphabet)}")
    status = training.fit(model, loss, loader, valid, options, optimizer, clip=1.0, threads=None)
    print(f"After training it writes:\n{written(model, alphabet)}")
    return status


def written(model: GPT, alphabet: Sequence[str], length: int = 300, seed: int = 0) -> str:
    """`length` characters, each drawn with the probability that the model gives it after those before it."""
    codes, rng = [0], np.random.default_rng(seed)
    with tg.no_grad():
        for _ in range(length):
            scores = model(np.array([codes[-model.context :]]))[0, -1]
            codes.append(int(rng.choice(len(alphabet), p=tg.softmax(scores.data.astype(np.float64)))))
    return "".join(alphabet[code] for code in codes[1:])


if __name__ == "__main__":
    raise SystemExit(main())
