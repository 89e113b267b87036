"""Opaque array code, where speed is won. No autograd in it: rules call it like any NumPy function."""
