"""Seeing what backprop does."""
