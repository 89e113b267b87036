"""Small models, each trained from its own file: copy one to start your own. `python -m tinygrad_lite.examples` lists them."""
