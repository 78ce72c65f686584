"""The weights file: its format, saving, loading, and safety."""
