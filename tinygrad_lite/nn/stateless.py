"""Layers that are one function: `layer` makes each from its function, with the arguments after the inputs bound."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, Generic, Literal, ParamSpec, overload

import numpy as np

from ..ops.shape import flatten, unflatten
from ..settings import bind, checked
from ..tensor import Tensor, implements
from ..values import Array
from . import functional as F
from .layer import settings_of
from .module import Module

P = ParamSpec("P")


class LayerClass(type, Generic[P]):
    """The class of a layer that is made from a function, whose arguments it has."""

    if TYPE_CHECKING:

        def __call__(cls, *args: P.args, **kwargs: P.kwargs) -> Function: ...

    @property
    def __signature__(cls: Any) -> inspect.Signature | None:
        """What `inspect.signature` shows. A subclass with a constructor of its own has that one's."""
        return cls.signature if cls.__init__ is Function.__init__ else None


class Function(Module):
    """A function of its inputs. The constructor binds its other arguments, which are attributes of these names.

    A function's argument `training` is the module's. A call may give others than those that are bound, by name.
    """

    function: ClassVar[Callable[..., Any]]
    inputs: ClassVar[int]
    fixed: ClassVar[dict[str, Any]]
    signature: ClassVar[inspect.Signature]  # the arguments that are bound
    trains: ClassVar[bool]  # whether the function is told if it is in training

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        for name, value in bind(type(self).__name__, self.signature, args, kwargs).items():
            if self.signature.parameters[name].annotation == "Probability":
                value = checked(f"{type(self).__name__}: {name}", value, "Probability")
            setattr(self, name, Tensor(value) if isinstance(value, np.ndarray) else value)

    @property
    def settings(self) -> dict[str, Any]:
        """What is bound, by name."""
        return {name: getattr(self, name) for name in self.signature.parameters}

    def forward(self, *inputs: Any, **more: Any) -> Any:
        more = {"training": self.training, **more} if self.trains else more
        return type(self).function(*inputs, **self.settings | self.fixed | more)

    def extra_repr(self) -> str:
        return ", ".join(settings_of(self, self.settings))


@overload
def layer(name: str, function: Callable[Concatenate[Any, P], Any], **fixed: Any) -> LayerClass[P]: ...
@overload
def layer(name: str, function: Callable[Concatenate[Any, Any, P], Any], inputs: Literal[2]) -> LayerClass[P]: ...
@overload
def layer(name: str, function: Callable[Concatenate[Any, Any, Any, P], Any], inputs: Literal[3]) -> LayerClass[P]: ...
@overload
def layer(
    name: str, function: Callable[Concatenate[Any, Any, Any, Any, P], Any], inputs: Literal[4]
) -> LayerClass[P]: ...
def layer(name: str, function: Callable[..., Any], inputs: int = 1, last: str = "", **fixed: Any) -> Any:
    """The layer `name`: a call gives its `inputs` to the function, the constructor binds the arguments after them.

    Those in `fixed` have one value for all layers of the name, and the one named `last` comes last.
    """
    parameters = list(inspect.signature(function).parameters.values())
    bound = [p for p in parameters[inputs:] if p.name not in ("training", *fixed)]
    bound.sort(key=lambda p: p.name == last)
    given = "".join(f", {key}={value!r}" for key, value in fixed.items())
    body = {
        "__doc__": f"`{function.__name__}` as a layer{given}.\n\n    {function.__doc__}", "__module__": __name__,
        "function": staticmethod(function), "inputs": inputs, "fixed": fixed,
        "signature": inspect.Signature(bound), "trains": any(p.name == "training" for p in parameters),
    }  # fmt: skip
    return LayerClass(name, (Function,), body)


def layers(name: str, *functions: Callable[Concatenate[Any, P], Any], **fixed: Any) -> list[LayerClass[P]]:
    """The layers `name` for 1, 2 and 3 spatial axes."""
    return [layer(f"{name}{n}d", function, **fixed) for n, function in enumerate(functions, 1)]


# ---------------------------------------------------------------------------------------------------- activations

ReLU = layer("ReLU", F.relu)
ReLU6 = layer("ReLU6", F.relu6)
LeakyReLU = layer("LeakyReLU", F.leaky_relu)
ELU = layer("ELU", F.elu)
SELU = layer("SELU", F.selu)
CELU = layer("CELU", F.celu)
GELU = layer("GELU", F.gelu)
SiLU = layer("SiLU", F.silu)
Mish = layer("Mish", F.mish)
Sigmoid = layer("Sigmoid", F.sigmoid)
LogSigmoid = layer("LogSigmoid", F.logsigmoid)
Hardsigmoid = layer("Hardsigmoid", F.hardsigmoid)
Hardswish = layer("Hardswish", F.hardswish)
Hardtanh = layer("Hardtanh", F.hardtanh)
Tanh = layer("Tanh", F.tanh)
Tanhshrink = layer("Tanhshrink", F.tanhshrink)
Softplus = layer("Softplus", F.softplus)
Softsign = layer("Softsign", F.softsign)
Softshrink = layer("Softshrink", F.softshrink)
Hardshrink = layer("Hardshrink", F.hardshrink)
Threshold = layer("Threshold", F.threshold)
RReLU = layer("RReLU", F.rrelu)
GLU = layer("GLU", F.glu)
Softmax = layer("Softmax", F.softmax)
Softmin = layer("Softmin", F.softmin)
LogSoftmax = layer("LogSoftmax", F.log_softmax)


@implements()
def softmax2d(x: Array) -> Array:
    """softmax over the channels of each pixel of (N, C, H, W) or (C, H, W)."""
    if np.ndim(x) not in (3, 4):
        raise ValueError(f"x must be (N, C, H, W) or (C, H, W); it has shape {np.shape(x)}")
    return F.softmax(x, -3)


Softmax2d = layer("Softmax2d", softmax2d)
Dropout = layer("Dropout", F.dropout)
Dropout1d, Dropout2d, Dropout3d = layers("Dropout", F.dropout1d, F.dropout2d, F.dropout3d)
AlphaDropout = layer("AlphaDropout", F.alpha_dropout)
FeatureAlphaDropout = layer("FeatureAlphaDropout", F.feature_alpha_dropout)

# -------------------------------------------------------------------------------------------------------- windows

MaxPool1d, MaxPool2d, MaxPool3d = layers("MaxPool", F.max_pool1d, F.max_pool2d, F.max_pool3d, last="ceil_mode")
MaxUnpool1d = layer("MaxUnpool1d", F.max_unpool1d, 2)
MaxUnpool2d = layer("MaxUnpool2d", F.max_unpool2d, 2)
MaxUnpool3d = layer("MaxUnpool3d", F.max_unpool3d, 2)
AvgPool1d, AvgPool2d, AvgPool3d = layers("AvgPool", F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)
LPPool1d, LPPool2d, LPPool3d = layers("LPPool", F.lp_pool1d, F.lp_pool2d, F.lp_pool3d)
AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d = layers(
    "AdaptiveAvgPool", F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d
)
AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d = layers(
    "AdaptiveMaxPool", F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d
)
Fold = layer("Fold", F.fold)
Unfold = layer("Unfold", F.unfold)
LocalResponseNorm = layer("LocalResponseNorm", F.local_response_norm)

# -------------------------------------------------------------------------------------------------------- padding


def _pad(n: int) -> Callable[..., Array]:
    @implements()
    def pad(x: Array, padding: int | Sequence[int], mode: str, value: float | None) -> Array:
        """The last axes, framed: by one integer, or by (before, after) for each, from the last axis on; as `F.pad`:"""
        widths = (padding,) * (2 * n) if isinstance(padding, (int, np.integer)) else tuple(padding)
        if len(widths) != 2 * n:
            raise ValueError(f"padding must be an integer or {2 * n} of them, before and after each axis")
        return F.pad(x, widths, mode, value)

    pad.__doc__ = f"{pad.__doc__}\n\n    {F.pad.__doc__}"
    return pad


PADS = [_pad(n) for n in (1, 2, 3)]
ZeroPad1d, ZeroPad2d, ZeroPad3d = layers("ZeroPad", *PADS, mode="constant", value=None)
ConstantPad1d, ConstantPad2d, ConstantPad3d = layers("ConstantPad", *PADS, mode="constant")
ReflectionPad1d, ReflectionPad2d, ReflectionPad3d = layers("ReflectionPad", *PADS, mode="reflect", value=None)
ReplicationPad1d, ReplicationPad2d, ReplicationPad3d = layers("ReplicationPad", *PADS, mode="replicate", value=None)
CircularPad1d, CircularPad2d, CircularPad3d = layers("CircularPad", *PADS, mode="circular", value=None)

# --------------------------------------------------------------------------------------------------------- shapes


def identity(x: Array) -> Array:
    """x itself."""
    return x


Identity = layer("Identity", identity)
Flatten = layer("Flatten", flatten)
Unflatten = layer("Unflatten", unflatten)
PixelShuffle = layer("PixelShuffle", F.pixel_shuffle)
PixelUnshuffle = layer("PixelUnshuffle", F.pixel_unshuffle)
ChannelShuffle = layer("ChannelShuffle", F.channel_shuffle)
Upsample = layer("Upsample", F.interpolate)
UpsamplingNearest2d = layer("UpsamplingNearest2d", F.interpolate, mode="nearest", align_corners=None)
UpsamplingBilinear2d = layer("UpsamplingBilinear2d", F.interpolate, mode="bilinear", align_corners=True)

# ------------------------------------------------------------------- of two and three inputs: distances, losses

CosineSimilarity = layer("CosineSimilarity", F.cosine_similarity, 2)
PairwiseDistance = layer("PairwiseDistance", F.pairwise_distance, 2)
L1Loss = layer("L1Loss", F.l1_loss, 2)
MSELoss = layer("MSELoss", F.mse_loss, 2)
HuberLoss = layer("HuberLoss", F.huber_loss, 2)
SmoothL1Loss = layer("SmoothL1Loss", F.smooth_l1_loss, 2)
PoissonNLLLoss = layer("PoissonNLLLoss", F.poisson_nll_loss, 2)
GaussianNLLLoss = layer("GaussianNLLLoss", F.gaussian_nll_loss, 3)
BCELoss = layer("BCELoss", F.binary_cross_entropy, 2)
BCEWithLogitsLoss = layer("BCEWithLogitsLoss", F.binary_cross_entropy_with_logits, 2)
CrossEntropyLoss = layer("CrossEntropyLoss", F.cross_entropy, 2)
NLLLoss = layer("NLLLoss", F.nll_loss, 2)
KLDivLoss = layer("KLDivLoss", F.kl_div, 2)
SoftMarginLoss = layer("SoftMarginLoss", F.soft_margin_loss, 2)
HingeEmbeddingLoss = layer("HingeEmbeddingLoss", F.hinge_embedding_loss, 2)
MarginRankingLoss = layer("MarginRankingLoss", F.margin_ranking_loss, 3)
TripletMarginLoss = layer("TripletMarginLoss", F.triplet_margin_loss, 3)
TripletMarginWithDistanceLoss = layer("TripletMarginWithDistanceLoss", F.triplet_margin_with_distance_loss, 3)
CosineEmbeddingLoss = layer("CosineEmbeddingLoss", F.cosine_embedding_loss, 3)
MultiMarginLoss = layer("MultiMarginLoss", F.multi_margin_loss, 2)
MultiLabelMarginLoss = layer("MultiLabelMarginLoss", F.multilabel_margin_loss, 2)
MultiLabelSoftMarginLoss = layer("MultiLabelSoftMarginLoss", F.multilabel_soft_margin_loss, 2)
CTCLoss = layer("CTCLoss", F.ctc_loss, 4)

# Every layer. (A type checker would take an __all__ that is computed for an empty one.)
globals()["__all__"] = [name for name, made in globals().items() if isinstance(made, LayerClass)]
