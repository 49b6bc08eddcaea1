"""The terminal app over `sde_core`; the engine is reached through `session` alone."""
