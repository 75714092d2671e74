"""The kill switch as a pure machine: events in, commands out. Sockets, clocks and locks live in its driver.

| where          | what                                                                                    |
| -------------- | --------------------------------------------------------------------------------------- |
| `machine.py`   | the kill of one login: takes every event, asks the rest what to do. Begin reading here   |
| `outcome/`     | when it ends and how, the proof of flat, what is reported                                |
| `cancels/`     | the global cancel, and who goes on sending orders                                        |
| `other_kills/` | the right to close, kills that no lock keeps apart, what they have done                  |
| `closes/`      | each contract's closing order: size, route, price, what it is told, what it learns       |
| `looks/`       | orders, positions, executions: what is asked, when, and when the answer counts           |
| `held/`        | what is really held: positions that may be late, against executions                      |
| the other files| what all of these speak in: events, commands, settings, the report as data, the link     |

Each imports only from those below it (import-linter holds that).
"""
