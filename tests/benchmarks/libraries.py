"""What differs between the libraries: how a tensor is made, where its functions are, how a gradient is asked for.

Workloads are written once, over `F`, a library's functions under the names and argument orders of torch.nn.functional
(and NumPy's for what NumPy has). A function that a library doesn't offer is an AttributeError: the table has a dash.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Array = Any
Arrays = Sequence[Any]
Step = Callable[[], Any]


class Library:
    """One library. `F` holds its functions; `vjp`, `train` and `hvp` prepare a workload and return what is to be timed.

    What they return gives tensors; `arrays` makes NumPy arrays of them, to be compared.
    """

    sources: tuple[Any, ...] = ()  # modules in which a function is looked up, the first that has it
    package = ""  # that it is imported from, where the class has another name

    def __init__(self, threads: int) -> None:
        self.F: Any = self

    def __getattr__(self, name: str) -> Any:
        for source in self.sources:
            if hasattr(source, name):
                return getattr(source, name)
        raise AttributeError(f"{type(self).__name__} has no {name}")

    def constant(self, array: Array) -> Any:
        return array

    def array(self, tensor: Any) -> Array:
        return np.asarray(tensor)

    def arrays(self, result: Any) -> list[Array]:
        return [self.array(t) for t in result]

    def forward(self, f: Callable[..., Any], inputs: Arrays, constants: Arrays) -> Step:
        """The value, recorded as for a backward pass."""
        xs, cs = [self.leaf(a) for a in inputs], [self.constant(a) for a in constants]
        return lambda: [f(self.F, *xs, *cs)]

    def vjp(self, f: Callable[..., Any], inputs: Arrays, constants: Arrays, seed: Array) -> Step:
        """The value and its gradients; `seed` is the gradient of the value, None where it is a scalar."""
        xs, cs = [self.leaf(a) for a in inputs], [self.constant(a) for a in constants]
        g = None if seed is None else self.constant(seed)

        def step() -> list[Any]:
            for x in xs:
                x.grad = None
            out = f(self.F, *xs, *cs)
            out.backward() if g is None else out.backward(g)
            return [out, *[x.grad for x in xs]]

        return step

    def train(self, f: Callable[..., Any], inputs: Arrays, constants: Arrays, optimizer: str) -> Step:
        """One step of training; gives the loss and the parameters after it."""
        xs, cs = [self.leaf(a) for a in inputs], [self.constant(a) for a in constants]
        update = self.optimizer(optimizer, xs)

        def step() -> list[Any]:
            loss = f(self.F, *xs, *cs)
            update.zero_grad()
            loss.backward()
            update.step()
            return [loss, *xs]

        return step

    def hvp(self, f: Callable[..., Any], inputs: Arrays, constants: Arrays, v: Arrays) -> Step:
        raise AttributeError(f"{type(self).__name__} has no Hessian-vector product")


    def zeros(self, shape: tuple[int, ...]) -> Any:
        return np.zeros(shape, np.float32)


LEARNING_RATE = {"SGD": 0.01, "Adam": 0.001}


class tinygrad_lite(Library):
    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        import tinygrad_lite as tg

        self.tg = tg
        self.sources = (tg.nn.functional, np)
        getattr(tg, "set_num_threads", lambda n: None)(threads)

    def leaf(self, array: Array) -> Any:
        return self.tg.Tensor(array, requires_grad=True)

    def constant(self, array: Array) -> Any:
        return self.tg.Tensor(array) if isinstance(array, np.ndarray) else array

    def array(self, tensor: Any) -> Array:
        return tensor.data

    def optimizer(self, name: str, parameters: list[Any]) -> Any:
        from tinygrad_lite import optim

        return getattr(optim, name)(parameters, lr=LEARNING_RATE[name])

    def hvp(self, f: Callable[..., Any], inputs: Arrays, constants: Arrays, v: Arrays) -> Step:
        xs, cs, vs = ([self.constant(a) for a in arrays] for arrays in (inputs, constants, v))
        return lambda: self.tg.hvp(lambda *xs: f(self.F, *xs, *cs), xs, vs)

    def arrays(self, result: Any) -> list[Array]:
        return [getattr(t, "data", t) if not isinstance(t, np.ndarray) else t for t in result]

    def attention(self, q: Any, k: Any, v: Any) -> Any:
        return self.F.scaled_dot_product_attention(q, k, v, is_causal=True)


class numpy_alone(tinygrad_lite):
    """This library without oneDNN."""

    package = "tinygrad_lite"

    def __init__(self, threads: int) -> None:
        os.environ["TINYGRAD_LITE_FAST"] = "0"
        super().__init__(threads)


class torch(Library):
    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        import torch

        torch.set_num_threads(threads)
        self.torch = torch
        self.sources = (torch.nn.functional, torch)

    def leaf(self, array: Array) -> Any:
        return self.torch.tensor(array, requires_grad=True)

    def constant(self, array: Array) -> Any:
        return self.torch.tensor(array) if isinstance(array, np.ndarray) else array

    def array(self, tensor: Any) -> Array:
        return tensor.detach().numpy()

    def optimizer(self, name: str, parameters: list[Any]) -> Any:
        return getattr(self.torch.optim, name)(parameters, lr=LEARNING_RATE[name])

    def hvp(self, f: Callable[..., Any], inputs: Arrays, constants: Arrays, v: Arrays) -> Step:
        xs = [self.leaf(a) for a in inputs]
        cs, vs = [self.constant(a) for a in constants], [self.constant(a) for a in v]

        def step() -> Any:
            gs = self.torch.autograd.grad(f(self.F, *xs, *cs), xs, create_graph=True)
            return self.torch.autograd.grad(gs, xs, vs)

        return step

    def zeros(self, shape: tuple[int, ...]) -> Any:
        return self.torch.zeros(shape)

    def transpose(self, x: Any, axes: tuple[int, ...]) -> Any:
        return x.permute(axes)

    def attention(self, q: Any, k: Any, v: Any) -> Any:
        return self.F.scaled_dot_product_attention(q, k, v, is_causal=True)


class _Composed(Library):
    """What MyGrad and HIPS autograd leave to the user: optimisers in NumPy, and functions composed of their own."""

    def gelu(self, x: Any) -> Any:
        return x * (self.erf(x * np.float32(1 / np.sqrt(2))) + 1) * np.float32(0.5)

    def layer_norm(self, x: Any, shape: tuple[int, ...], weight: Any, bias: Any) -> Any:
        centred = x - self.mean(x, axis=-1, keepdims=True)
        variance = self.mean(centred * centred, axis=-1, keepdims=True)
        return centred / self.sqrt(variance + np.float32(1e-5)) * weight + bias

    def linear(self, x: Any, weight: Any, bias: Any) -> Any:
        return self.matmul(x, self.transpose(weight)) + bias

    def attention(self, q: Any, k: Any, v: Any) -> Any:
        n, d = q.shape[-2:]
        scores = self.matmul(q, self.swapaxes(k, -1, -2)) * np.float32(1 / np.sqrt(d))
        return self.matmul(self.softmax(scores + np.triu(np.full((n, n), np.float32(-1e9)), 1), -1), v)

    def optimizer(self, name: str, parameters: list[Any]) -> Any:
        return {"SGD": _SGD, "Adam": _Adam}[name](parameters, LEARNING_RATE[name])


class _SGD:
    """p ← p - lr · g, in place."""

    def __init__(self, parameters: list[Any], lr: float) -> None:
        self.parameters, self.lr = parameters, np.float32(lr)

    def zero_grad(self) -> None:
        pass

    def step(self) -> None:
        for p in self.parameters:
            p.data[...] -= self.lr * p.grad


class _Adam(_SGD):
    """Adam with its usual settings, in place."""

    def __init__(self, parameters: list[Any], lr: float) -> None:
        super().__init__(parameters, lr)
        self.m = [np.zeros_like(p.data) for p in parameters]
        self.v = [np.zeros_like(p.data) for p in parameters]
        self.t = 0

    def step(self) -> None:
        self.t += 1
        rate = np.float32(self.lr / (1 - 0.9**self.t))
        root = np.float32(1 / np.sqrt(1 - 0.999**self.t))
        for p, m, v in zip(self.parameters, self.m, self.v):
            m += np.float32(0.1) * (p.grad - m)
            v += np.float32(0.001) * (p.grad * p.grad - v)
            p.data[...] -= rate * m / (np.sqrt(v) * root + np.float32(1e-8))


class mygrad(_Composed):
    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        import mygrad
        from mygrad.nnet import activations, layers

        self.mg: Any = mygrad
        self.layers = layers
        self.mg.turn_memory_guarding_off()  # as its documentation advises for speed
        self.sources = (activations, mygrad)

    def leaf(self, array: Array) -> Any:
        return self.mg.tensor(array)

    def array(self, tensor: Any) -> Array:
        return tensor.data if hasattr(tensor, "null_grad") else np.asarray(tensor)

    def vjp(self, f: Callable[..., Any], inputs: Arrays, constants: Arrays, seed: Array) -> Step:
        xs = [self.leaf(a) for a in inputs]

        def step() -> list[Any]:
            for x in xs:
                x.null_grad()
            out = f(self.F, *xs, *constants)
            out.backward(seed)
            return [out, *[x.grad for x in xs]]

        return step

    def cross_entropy(self, x: Any, target: Any) -> Any:
        from mygrad.nnet.losses import softmax_crossentropy

        return softmax_crossentropy(x, target)

    def conv2d(
        self, x: Any, w: Any, bias: Any = None, stride: int = 1, padding: int = 0, dilation: int = 1, groups: int = 1
    ) -> Any:
        if groups != 1:
            raise AttributeError("MyGrad's conv_nd has no groups")
        out = self.layers.conv_nd(x, w, stride=stride, padding=padding, dilation=dilation)
        return out if bias is None else out + bias.reshape(1, -1, 1, 1)

    def max_pool2d(self, x: Any, size: int, stride: int, padding: int = 0) -> Any:
        if padding:
            raise AttributeError("MyGrad's max_pool has no padding")
        return self.layers.max_pool(x, (size, size), stride)

    def batch_norm(self, x: Any, mean: None, variance: None, weight: Any, bias: Any, training: bool) -> Any:
        return self.layers.batchnorm(x, gamma=weight, beta=bias, eps=1e-5)


class autograd(_Composed):
    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        import autograd.numpy
        import autograd.scipy.signal
        import autograd.scipy.special

        self.ag = autograd
        self.sources = (autograd.numpy, autograd.scipy.special)

    def leaf(self, array: Array) -> Any:
        return array

    def vjp(self, f: Callable[..., Any], inputs: Arrays, constants: Arrays, seed: Array) -> Step:
        from autograd.core import make_vjp

        def step() -> list[Any]:
            pull, out = make_vjp(lambda xs: f(self.F, *xs, *constants), tuple(inputs))
            return [out, *pull(np.ones_like(out) if seed is None else seed)]

        return step

    def train(self, f: Callable[..., Any], inputs: Arrays, constants: Arrays, optimizer: str) -> Step:
        parameters = [_Parameter(a.copy()) for a in inputs]
        update = self.optimizer(optimizer, parameters)
        gradient = self.ag.value_and_grad(lambda xs: f(self.F, *xs, *constants))

        def step() -> list[Any]:
            loss, gradients = gradient(tuple([p.data for p in parameters]))
            for p, g in zip(parameters, gradients):
                p.grad = g
            update.step()
            return [loss, *[p.data for p in parameters]]

        return step

    def hvp(self, f: Callable[..., Any], inputs: Arrays, constants: Arrays, v: Arrays) -> Step:
        along = self.ag.make_hvp(lambda xs: f(self.F, *xs, *constants))
        return lambda: along(tuple(inputs))[0](tuple(v))

    def relu(self, x: Any) -> Any:
        return self.maximum(x, 0)

    def softmax(self, x: Any, axis: int) -> Any:
        y = self.exp(x - self.max(x, axis=axis, keepdims=True))
        return y / self.sum(y, axis=axis, keepdims=True)

    def cross_entropy(self, x: Any, target: Any) -> Any:
        return self.mean(self.logsumexp(x, axis=-1) - x[np.arange(len(target)), target])

    def conv2d(
        self, x: Any, w: Any, bias: Any = None, stride: int = 1, padding: int = 0, dilation: int = 1, groups: int = 1
    ) -> Any:
        if stride != 1 or groups != 1:
            raise AttributeError("HIPS autograd's convolve has no stride and no groups")
        if padding:
            x = self.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), "constant")
        convolve = self.ag.scipy.signal.convolve  # turns the kernel, so it is turned before
        out = convolve(x, w[:, :, ::-1, ::-1], axes=([2, 3], [2, 3]), dot_axes=([1], [1]), mode="valid")
        return out if bias is None else out + self.reshape(bias, (1, -1, 1, 1))

    def max_pool2d(self, x: Any, size: int, stride: int, padding: int = 0) -> Any:
        if size != stride or padding:
            raise AttributeError("HIPS autograd has no pooling with overlap")
        n, c, h, w = x.shape
        return self.max(self.reshape(x, (n, c, h // size, size, w // size, size)), axis=(3, 5))

    def avg_pool2d(self, x: Any, size: int, stride: int) -> Any:
        n, c, h, w = x.shape
        return self.mean(self.reshape(x, (n, c, h // size, size, w // size, size)), axis=(3, 5))

    def batch_norm(self, x: Any, mean: None, variance: None, weight: Any, bias: Any, training: bool) -> Any:
        centred = x - self.mean(x, axis=(0, 2, 3), keepdims=True)
        scale = self.sqrt(self.mean(centred * centred, axis=(0, 2, 3), keepdims=True) + np.float32(1e-5))
        return centred / scale * self.reshape(weight, (1, -1, 1, 1)) + self.reshape(bias, (1, -1, 1, 1))


class _Parameter:
    def __init__(self, data: Array) -> None:
        self.data = data
        self.grad: Array = None


class micrograd(Library):
    """Scalars only."""

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        import sys

        from micrograd.engine import Value

        sys.setrecursionlimit(10_000)  # its backward pass recurses as deep as the graph
        self.Value = Value

    def leaf(self, array: Array) -> Any:
        if np.ndim(array):
            raise AttributeError("micrograd has scalars only")
        return self.Value(float(array))

    def constant(self, array: Array) -> Any:
        points = isinstance(array, list) and isinstance(array[0], list)
        return [[self.Value(v) for v in point] for point in array] if points else array

    def array(self, tensor: Any) -> Array:
        return np.float64(getattr(tensor, "data", tensor))

    def vjp(self, f: Callable[..., Any], inputs: Arrays, constants: Arrays, seed: Array) -> Step:
        xs, cs = [self.leaf(a) for a in inputs], [self.constant(a) for a in constants]

        def step() -> list[Any]:
            for x in xs:
                x.grad = 0
            out = f(self.F, *xs, *cs)
            out.backward()
            return [out, *[x.grad for x in xs]]

        return step

    relu = staticmethod(operator.methodcaller("relu"))


LIBRARIES: dict[str, type[Library]] = {
    library.__name__: library for library in (tinygrad_lite, numpy_alone, torch, mygrad, autograd, micrograd)
}
