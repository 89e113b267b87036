"""What is shown: the recorded graph as cards and frames, folded if it is large, with its steps and formulas."""
