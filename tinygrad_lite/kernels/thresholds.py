"""From what size on a faster way pays: every measured threshold of the plug-ins, with its unit.

Measured on an AMD EPYC with two threads; on other processors they may lie a factor of two off, which costs little.
"""

# ------------------------------------------------------------------------------------------------- blocks and threads

BYTES_FOR_A_SECOND_THREAD = 6_000_000  # times the work for each number (see blocks.in_blocks)
BYTES_FOR_A_RUN_WITHOUT_BUFFER = 1000  # from such a run of equal elements on NumPy is faster without its buffer
PRODUCTS_FOR_A_SECOND_THREAD = 1 << 24  # products of numbers: fewer are done before another thread has begun
SECONDS_AWAKE = 0.1  # for so long the BLAS's threads spin after their last work, and ours count as awake

# ------------------------------------------------------------------------------------- sums, products and indices

ELEMENTS_TO_SUM_BY_PRODUCTS = 1 << 15  # elements of an array; OpenBLAS takes no second thread for fewer
ELEMENTS_TO_ADD = 16  # along an axis: up to so many, additions take down to a sixth of np.sum's time
ELEMENTS_BETWEEN_ADDED = 64  # from one of these to the next, at most
ELEMENTS_OF_A_SUMMED_PIECE = 1024  # longer runs are summed in pieces: as exactly as by np.sum, and twice as fast
ELEMENTS_TO_SUM_IN_RUNS = 4096  # of an array whose running sums are products with a triangle of ones
ELEMENTS_OF_A_RUN = 16  # that one such product adds up
PRODUCTS_FOR_BLAS_THREADS = 1 << 18  # of two numbers; OpenBLAS takes no second thread for fewer
ELEMENTS_TO_ADD_AS_ROWS = 64  # for each index; with fewer, np.add.at of single elements is as fast
ELEMENTS_OF_A_TURN = 1 << 13  # that are worth a turn, or a sum, of their own
ELEMENTS_TO_SORT_BY_KEYS = 1 << 13  # of an array
ELEMENTS_OF_A_LINE_OF_KEYS = 64  # along the sorted axis

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

# ------------------------------------------------------------------------------------------------------------- oneDNN

CONV_ELEMENTS_FOR_ONEDNN = 2048  # of the input: a call takes some 10 µs more than one of NumPy's
CONV_PRODUCTS_FOR_ONEDNN = 1 << 18  # of two numbers
MATMUL_ELEMENTS_FOR_ONEDNN = 256  # of the left matrix
MATMUL_PRODUCTS_FOR_ONEDNN = 1 << 18  # of two numbers
ELEMENTS_FOR_ONEDNN_ARITHMETIC = 1 << 17  # of each of two arrays: of fewer, a core's cache holds the result
ELEMENTS_FOR_ONEDNN = 1 << 12  # of an array, for a function of each element or along an axis
ELEMENTS_FOR_ONEDNN_EXP = 1 << 15  # for exp and tanh, which NumPy does as fast in one thread
POOL_ELEMENTS_FOR_ONEDNN = 1 << 12  # of the input
