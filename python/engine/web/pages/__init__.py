"""The pages that a person opens, and what becomes of the forms on them; each subject has a file of its own."""

from __future__ import annotations

from engine.web.cockpit import Cockpit
from engine.web.doors import Door
from engine.web.pages.coming import Coming
from engine.web.pages.desk import Desk
from engine.web.pages.frame import Frame
from engine.web.pages.incidents import Incidents
from engine.web.pages.kill import Kill
from engine.web.pages.limits import Limits
from engine.web.pages.logins import Logins


class Pages:
    """All of them, over one cockpit."""

    def __init__(self, cockpit: Cockpit) -> None:
        self.frame = Frame(cockpit)
        self._subjects = [kind(self.frame) for kind in (Logins, Kill, Incidents, Limits, Desk, Coming)]

    def doors(self) -> list[Door]:
        return [door for subject in self._subjects for door in subject.doors()]
