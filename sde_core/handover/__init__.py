"""A finished run for other hands and other tools: adapter and card, merged weights, the rows, and recipes that point at them.

Only TRL's recipe was run. What of the others was read, parsed or tried stands in each tool's module.
"""
