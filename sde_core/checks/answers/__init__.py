"""Checks on what the answers say and how they are shaped."""
