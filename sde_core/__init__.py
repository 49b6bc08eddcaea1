"""The engine of sde: everything but the screens."""
