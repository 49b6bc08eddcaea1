"""Checks on the form of records: fields, roles, turns, characters."""
