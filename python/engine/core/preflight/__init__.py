"""The checks that every order passes before it is sent, by whichever way it comes. Pure: no clock, no socket, no file.

`desk.Preflight` is what a shell holds for each login (its head says how to use it); `examine` is the check itself,
`verdict` what comes of it, `texts` what is said of it to a person, `settings` what it is held against.
"""
