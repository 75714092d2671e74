"""The cockpit: it shows what the guard and the journal say, and passes on what a person wants. It decides nothing about
trading, and dies without consequence: the guard, the engines and a kill that it has started go on.
"""
