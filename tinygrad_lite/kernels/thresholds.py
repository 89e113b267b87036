"""From what size on a faster way pays: every measured threshold of the plug-ins, with its unit.

Measured on an AMD EPYC with two threads; on other processors they may lie a factor of two off, which costs little.
"""
