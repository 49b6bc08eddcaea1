"""Widgets: they get values and send messages, and know neither the session nor the screens."""
