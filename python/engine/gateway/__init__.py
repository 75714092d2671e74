"""The gateway: any program that speaks to TWS connects here instead, and every order passes the same checks."""
