"""A finished run for other hands and other tools: adapter and card, merged weights, the rows, and recipes that point at them.

Which of the recipes were held against their tool's own parser, and how, stands in each tool's module.
"""
