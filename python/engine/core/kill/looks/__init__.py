"""Looking: what is asked of the broker and when, and what a complete look is. `looking.py` is the way in."""
