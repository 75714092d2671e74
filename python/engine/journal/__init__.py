"""What must survive: typed events in a hash chain, the store that holds them, and what they come to."""
