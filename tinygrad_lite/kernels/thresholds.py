"""From what size on a faster way pays: every measured threshold of the plug-ins, with its unit.

Measured on an AMD EPYC with two threads; on other processors they may lie a factor of two off, which costs little.
"""

# ---------------------------------------------------------------------------------------- convolution and pooling

COLUMNS_OF_A_NARROW_MATRIX = 32  # matrices with fewer are slow to multiply
NUMBERS_TO_UNFOLD_AT_ONCE = 100_000  # seen by all windows: up to so many, one matrix takes less time than many rows
ELEMENTS_TO_UNFOLD = 1 << 20  # of unfolded rows and their products at a time: 4 MB of float32
PRODUCTS_OF_A_SMALL_MATRIX = 1_000_000  # of numbers: up to so many OpenBLAS multiplies without packing its operands
ELEMENTS_TO_POOL_AT_ONCE = 1 << 15  # seen: up to so many, a copy of all takes less time than a pass for each element
ELEMENTS_FOR_A_POOLING_THREAD = 1 << 19  # fewer are done before another thread has begun

# ----------------------------------------------------------------------------------------------------- memory order

ELEMENTS_FOR_ONE_ORDER = 1 << 15  # of an operand: fewer fit into the cache, in any order
EXAMPLES_FOR_BATCH_INNERMOST = 16  # a batch of fewer gains nothing by lying innermost
EXAMPLES_TO_TURN_SINGLY = 8  # a loop over few of them takes up to ten times as long
ELEMENTS_OF_A_TURNED_STRIP = 4096  # of each example: they stay in the cache
ELEMENTS_TO_COPY_BY_KERNEL_ELEMENT = 1000  # for each element of a kernel; worth a copy of their own
