"""Small models, each a file to copy and start your own from. `python -m tinygrad_lite.examples` lists them."""
