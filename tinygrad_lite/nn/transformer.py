"""Attention with weights, and the layers of a transformer. Names, arguments, state and masks are PyTorch's.

In masks of booleans, True is what may *not* be attended to; in masks of numbers, what is added to the scores.
`is_causal`, `tgt_is_causal` and so on only say that a mask is the causal one: the mask is to be given all the same.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..settings import Depth, Positive, Probability, checked
from ..tensor import Tensor
from ..values import Array, as_array
from . import functional as F
from .containers import ModuleList
from .init import xavier_uniform_
from .layer import Layer, constant, uniform
from .layers import Linear
from .module import Module
from .normalization import LayerNorm
from .stateless import Dropout

__all__ = [
    "MultiheadAttention", "TransformerEncoderLayer", "TransformerEncoder", "TransformerDecoderLayer",
    "TransformerDecoder", "Transformer",
]  # fmt: skip


def _added(mask: Any, dtype: Any) -> Array | None:
    """A mask as numbers to add: -∞ where it is True."""
    if mask is None:
        return None
    mask = as_array(mask)
    if mask.dtype.kind == "b":
        return np.where(mask.data if isinstance(mask, Tensor) else mask, -np.inf, 0).astype(dtype)
    if mask.dtype.kind != "f":
        raise TypeError("MultiheadAttention: a mask must be booleans (True: not attended to) or floating numbers")
    return mask


class MultiheadAttention(Layer):
    """Attention in num_heads parts of embed_dim, each with its own projections (Vaswani et al., 2017).

    A call with query (L, N, embed_dim), key (S, N, kdim) and value (S, N, vdim) returns (out (L, N, embed_dim), the
    weights (N, L, S)): with batch_first N comes first, and for one example it is missing. key_padding_mask (N, S) and
    attn_mask (L, S) or (N · num_heads, L, S) are as this file's head says; is_causal is a hint that attn_mask is the
    causal mask. The weights are the mean over the heads, or with average_attn_weights=False (N, num_heads, L, S);
    without need_weights, None. `dropout` is the probability with which a weight is dropped in training.

    Raises:
        ValueError: num_heads doesn't divide embed_dim, or a size is not a positive integer; on a call, shapes that
            don't fit, or is_causal without attn_mask.
    """

    def __init__(
        self, embed_dim: Positive, num_heads: Positive, dropout: Probability = 0.0, bias: bool = True,
        kdim: Positive | None = None, vdim: Positive | None = None, batch_first: bool = False, dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        if embed_dim % num_heads:
            raise ValueError(f"num_heads={num_heads} must divide embed_dim={embed_dim}")
        self.kdim, self.vdim = kdim, vdim = kdim or embed_dim, vdim or embed_dim
        if kdim == vdim == embed_dim:
            self.in_proj_weight = xavier_uniform_(uniform((3 * embed_dim, embed_dim), 1, dtype, "in_proj_weight"))
        else:
            for name, size in (("q_proj_weight", embed_dim), ("k_proj_weight", kdim), ("v_proj_weight", vdim)):
                setattr(self, name, xavier_uniform_(uniform((embed_dim, size), 1, dtype, name)))
        self.in_proj_bias = constant(0, (3 * embed_dim,), dtype, "in_proj_bias") if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, dtype)
        if self.out_proj.bias is not None:
            self.out_proj.bias = constant(0, (embed_dim,), dtype, "bias")

    def forward(
        self, query: Any, key: Any, value: Any, key_padding_mask: Any = None, need_weights: bool = True,
        attn_mask: Any = None, average_attn_weights: bool = True, is_causal: bool = False,
    ) -> tuple[Any, Any]:  # fmt: skip
        if is_causal and attn_mask is None:
            raise ValueError("MultiheadAttention: is_causal is a hint about attn_mask: give that, too")
        turned = np.ndim(query) == 3 and not self.batch_first
        given = [np.swapaxes(x, 0, 1) if turned else x for x in (query, key, value)]
        q, k, v = (self._heads(x, w, b) for x, w, b in zip(given, *self._projections()))
        *lead, heads, length, width = np.shape(q)
        mask = _added(attn_mask, q.dtype)
        if mask is not None and np.ndim(mask) == 3:
            mask = np.reshape(mask, (*lead, heads, *np.shape(mask)[1:]))
        padded = _added(key_padding_mask, q.dtype)
        if padded is not None:
            padded = np.reshape(padded, (*lead, 1, 1, np.shape(k)[-2]))
            mask = padded if mask is None else mask + padded
        p = self.dropout if self.training else 0.0
        weights = None
        if need_weights:
            scores = (q * (1 / math.sqrt(width))) @ np.swapaxes(k, -1, -2)
            weights = F.dropout(F.softmax(scores if mask is None else scores + mask), p)
            out = weights @ v
            weights = np.mean(weights, axis=-3) if average_attn_weights else weights
        else:
            out = F.scaled_dot_product_attention(q, k, v, mask, p)
        out = self.out_proj(np.reshape(np.swapaxes(out, -3, -2), (*lead, length, self.embed_dim)))
        return np.swapaxes(out, 0, 1) if turned else out, weights

    def _projections(self) -> tuple[list[Any], list[Any]]:
        """The weights, and the biases, of query, key and value."""
        if hasattr(self, "in_proj_weight"):
            weights = np.split(self.in_proj_weight, 3)
        else:
            weights = [getattr(self, f"{name}_proj_weight") for name in "qkv"]
        biases: Any = [None] * 3 if self.in_proj_bias is None else np.split(self.in_proj_bias, 3)
        return weights, biases

    def _heads(self, x: Any, weight: Any, bias: Any) -> Any:
        """(..., L, width) to (..., heads, L, embed_dim / heads)."""
        x = F.linear(x, weight, bias)
        return np.swapaxes(np.reshape(x, (*np.shape(x)[:-1], self.num_heads, self.embed_dim // self.num_heads)), -3, -2)


class _Block(Layer):
    """What the layers of encoder and decoder share: attention, then a net of two layers, each added to what went in."""

    norms = 2  # how many things are added
    self_attn: MultiheadAttention
    multihead_attn: MultiheadAttention

    def __init__(
        self, d_model: Positive, nhead: Positive, dim_feedforward: Positive = 2048, dropout: Probability = 0.1,
        activation: str | Callable[[Any], Any] = "relu", layer_norm_eps: float = 1e-5, batch_first: bool = False,
        norm_first: bool = False, bias: bool = True, dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        activations = {"relu": F.relu, "gelu": F.gelu}
        if not callable(activation) and str(activation) not in activations:
            raise ValueError(f"activation must be 'relu', 'gelu' or a function, got {activation!r}")
        self.activation = activation if callable(activation) else activations[str(activation)]
        for name in ("self_attn", "multihead_attn")[: self.norms - 1]:
            setattr(self, name, MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, dtype=dtype))
        self.linear1 = Linear(d_model, dim_feedforward, bias, dtype)
        self.linear2 = Linear(dim_feedforward, d_model, bias, dtype)
        for i in range(1, self.norms + 1):
            setattr(self, f"norm{i}", LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype))
            setattr(self, f"dropout{i}", Dropout(dropout))
        self.dropout = Dropout(dropout)

    def _add(self, i: int, x: Any, f: Callable[[Any], Any]) -> Any:
        """x + f(norm x), or norm(x + f(x))."""
        norm, drop = getattr(self, f"norm{i}"), getattr(self, f"dropout{i}")
        return x + drop(f(norm(x))) if self.norm_first else norm(x + drop(f(x)))

    def _net(self, x: Any) -> Any:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))


class TransformerEncoderLayer(_Block):
    """Attention of a sequence to itself, then linear, activation, linear; each added to its input and normalised.

    norm_first normalises before each, instead of after. src is (S, N, d_model), or (N, S, d_model) with batch_first.
    """

    def forward(self, src: Any, src_mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool = False) -> Any:
        masks = {"attn_mask": src_mask, "key_padding_mask": src_key_padding_mask, "is_causal": is_causal}
        src = self._add(1, src, lambda x: self.self_attn(x, x, x, need_weights=False, **masks)[0])
        return self._add(2, src, self._net)


class TransformerDecoderLayer(_Block):
    """Attention of a sequence to itself, attention to the encoder's memory, then linear, activation, linear.

    Each is added to its input and normalised; norm_first normalises before. Shapes as for the encoder's layer.
    """

    norms = 3

    def forward(
        self, tgt: Any, memory: Any, tgt_mask: Any = None, memory_mask: Any = None, tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None, tgt_is_causal: bool = False, memory_is_causal: bool = False,
    ) -> Any:  # fmt: skip
        own = {"attn_mask": tgt_mask, "key_padding_mask": tgt_key_padding_mask, "is_causal": tgt_is_causal}
        other = {"attn_mask": memory_mask, "key_padding_mask": memory_key_padding_mask, "is_causal": memory_is_causal}
        tgt = self._add(1, tgt, lambda x: self.self_attn(x, x, x, need_weights=False, **own)[0])
        tgt = self._add(2, tgt, lambda x: self.multihead_attn(x, memory, memory, need_weights=False, **other)[0])
        return self._add(3, tgt, self._net)


class _Stack(Module):
    """num_layers copies of a layer one after the other, each with the same weights at first; then `norm`, if given."""

    def __init__(self, layer: Module, num_layers: int, norm: Module | None = None) -> None:
        checked("num_layers", num_layers, "Depth")
        if not isinstance(layer, Module) or not isinstance(norm, Module | None):
            raise TypeError("the layer and norm must be modules")
        self.layers = ModuleList(copy.deepcopy(layer) for _ in range(num_layers))
        self.norm = norm

    def forward(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        for layer in self.layers:
            x = layer(x, *args, **kwargs)
        return x if self.norm is None else self.norm(x)


class TransformerEncoder(_Stack):
    """num_layers copies of an encoder layer, called with (src, mask, src_key_padding_mask); then `norm`, if given."""

    def __init__(self, encoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__(encoder_layer, num_layers, norm)

    def forward(self, src: Any, mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool = False) -> Any:
        return super().forward(src, mask, src_key_padding_mask, is_causal)


class TransformerDecoder(_Stack):
    """num_layers copies of a decoder layer, called with that layer's arguments; then `norm`, if given."""

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__(decoder_layer, num_layers, norm)


class Transformer(Layer):
    """An encoder over src, and a decoder over tgt that attends to what comes out of it (Vaswani et al., 2017).

    src is (S, N, d_model) and tgt (T, N, d_model), or with batch_first N comes first; the result has tgt's shape. Masks
    are as this file's head says: src_mask (S, S), tgt_mask (T, T), memory_mask (T, S), and for each a key padding mask,
    (N, S) or (N, T). Weights of more than one axis start as xavier_uniform_ has them.

    Args:
        custom_encoder, custom_decoder: modules in the places of encoder and decoder.
    """

    def __init__(
        self, d_model: Positive = 512, nhead: Positive = 8, num_encoder_layers: Depth = 6,
        num_decoder_layers: Depth = 6, dim_feedforward: Positive = 2048, dropout: Probability = 0.1,
        activation: str | Callable[[Any], Any] = "relu", custom_encoder: Module | None = None,
        custom_decoder: Module | None = None, layer_norm_eps: float = 1e-5, batch_first: bool = False,
        norm_first: bool = False, bias: bool = True, dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        self.batch_first = batch_first
        rest = (dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias, dtype)

        def stack(kind: type[_Stack], layer: type[_Block], number: int) -> _Stack:
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
            return kind(layer(d_model, nhead, *rest), number, norm)

        self.encoder: Module = custom_encoder or stack(TransformerEncoder, TransformerEncoderLayer, num_encoder_layers)
        self.decoder: Module = custom_decoder or stack(TransformerDecoder, TransformerDecoderLayer, num_decoder_layers)
        for p in self.parameters():
            if p.ndim > 1:
                xavier_uniform_(p)

    def forward(
        self, src: Any, tgt: Any, src_mask: Any = None, tgt_mask: Any = None, memory_mask: Any = None,
        src_key_padding_mask: Any = None, tgt_key_padding_mask: Any = None, memory_key_padding_mask: Any = None,
        src_is_causal: bool = False, tgt_is_causal: bool = False, memory_is_causal: bool = False,
    ) -> Any:  # fmt: skip
        memory = self.encoder(src, src_mask, src_key_padding_mask, src_is_causal)
        padding, causal = (tgt_key_padding_mask, memory_key_padding_mask), (tgt_is_causal, memory_is_causal)
        return self.decoder(tgt, memory, tgt_mask, memory_mask, *padding, *causal)

    @staticmethod
    def generate_square_subsequent_mask(sz: int, dtype: Any = np.float32) -> Array:
        """(sz, sz): 0 where a step may attend, to itself and those before it, and -∞ elsewhere."""
        return np.where(np.tri(sz, dtype=bool), 0, -np.inf).astype(dtype)
