"""From what size on a faster way pays: every measured threshold of the plug-ins, with its unit.

Measured on an AMD EPYC with two threads; on other processors they may lie a factor of two off, which costs little.
"""

# memory_order.py, one_order.py
ELEMENTS_FOR_ONE_ORDER = 1 << 15  # elements of an operand: fewer fit into the cache, in any order
