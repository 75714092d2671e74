"""One live TWS login: transport, requests, and a view in which every part is known-at or unknown-why."""
