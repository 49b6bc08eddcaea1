"""Stage 3: what a causal language model says about rows, and what training on a choice of them is worth."""
