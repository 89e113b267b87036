"""From what size on a faster way pays: every measured threshold of the plug-ins, with its unit.

Measured on an AMD EPYC with two threads; on other processors they may lie a factor of two off, which costs little.
"""

# ------------------------------------------------------------------------------------------------- blocks and threads

BYTES_FOR_A_SECOND_THREAD = 6_000_000  # times the work for each number (see blocks.in_blocks)
BYTES_FOR_A_RUN_WITHOUT_BUFFER = 1000  # from such a run of equal elements on NumPy is faster without its buffer
PRODUCTS_FOR_A_SECOND_THREAD = 1 << 24  # products of numbers: fewer are done before another thread has begun
SECONDS_AWAKE = 0.1  # for so long the BLAS's threads spin after their last work, and ours count as awake
