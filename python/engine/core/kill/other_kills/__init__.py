"""Other kills of the same login: who may close, who gives way, and what they have proven or closed."""
