"""How fast this library is beside others, measured: `python -m tests.benchmarks --help`."""
