"""A reader of the mathematics in docstrings: `∂L/∂x = g · (1 - tanh² x)` as a program on NumPy arrays.

It knows the notation and nothing of the ops. Whatever it has no reading for it refuses.

    equations   stand three spaces or a line apart; `a = b = c` says that all are equal;
                `…, where h = g · weight`, or an equation of its own, names an expression
    products    · / @ × ⋆ ∗ mod, from left to right; 2x and πx bind more tightly
    functions   sin πx, tan² x, log₂ x, ψₙ₊₁(x), Φ′(x): without brackets they take the tight product that follows
    sums        Σ and Π take the whole product that follows, along the op's `axis`; max, min, mean and var of one
                argument are taken along it too; n elements are summed. Summed axes stay, as axes of 1.
                At the head of ∂L/∂p, Σ runs along the axes that p was broadcast along
    choices     x where x > 0, else 0; without an `else` the rest is 0; [x > 0] is 1 or 0
    matrices    xᵀ, x⁻¹ (never 1 / x), x⁻ᵀ, x⁺, I, det x, tr x, tril x
    elements    xᵢ or x[i]: i runs along the op's `axis`, else along the last; elements outside are 0.
                Σⱼ xⱼ over j ≤ i: without a subscript, Σ runs over all letters that have no value yet
    windows     i ∈ p, p ∋ i: element i is in window p, of which K elements count; ⋆ slides one over the other, ∗ is its
                adjoint
    places      x[index], x[indices] along axis, 0 but for out[index] += x
"""

from .call import Call, subject
from .notation import Formula, Refused, read

__all__ = ["Call", "Formula", "Refused", "read", "subject"]
