"""The command line: the app's twin."""
