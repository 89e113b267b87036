"""From what size on a faster way pays: every measured threshold of the plug-ins, with its unit.

Measured on an AMD EPYC with two threads; on other processors they may lie a factor of two off, which costs little.
"""

# ---------------------------------------------------------------------------------------------------------------- oneDNN

CONV_ELEMENTS_FOR_ONEDNN = 2048  # of the input: a call takes some 10 µs more than NumPy's
CONV_PRODUCTS_FOR_ONEDNN = 1 << 18  # of two numbers
