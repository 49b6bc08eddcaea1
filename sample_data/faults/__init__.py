"""Everything that is wrong with the sample dataset, on purpose and on record."""
