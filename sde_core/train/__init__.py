"""Fine-tuning: the recipe, the one encoding, what is checked before, and the job itself."""
