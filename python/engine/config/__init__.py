"""quant-engine.toml: where it is, what may stand in it, and what to make of it when it is wrong.

Nothing is imported here: `qe kill` uses `places`, `plan` and `quick` before anything else is loaded.
"""
