"""The switch: pressing it, and the page that shows what comes of it."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from engine.web.access import Need
from engine.web.doors import Asked, Door
from engine.web.pages.frame import Frame
from engine.web.reading import NoSuchLogin
from engine.web.runs import CannotStart


class Kill:
    """A press is answered when it is on its way; nothing here waits for its end."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def doors(self) -> list[Door]:
        return [Door("/kill", "GET", Need.SEE, self.kill_page), Door("/kill", "POST", Need.STOP, self.kill)]

    async def kill_page(self, asked: Asked) -> Response:
        return await self._frame.page(asked, "kill.html", "Kill")

    async def kill(self, asked: Asked) -> Response:
        logins = tuple(filter(None, asked.form.get("logins", "").split(",")))
        reason = asked.form.get("reason", "")
        cockpit = self._frame.cockpit
        try:
            await cockpit.at_once(lambda: cockpit.hands.kill(asked.who, reason, logins))
        except NoSuchLogin as error:
            text = f"THE KILL WAS NOT SENT: {error}"
            return await self._frame.page(asked, "kill.html", "Kill", status=409, error=text)
        except CannotStart as error:
            text = f"The guard was told, if one runs. No process of our own: {error}. In a terminal: qe kill"
            return await self._frame.page(asked, "kill.html", "Kill", status=503, error=text)
        finally:
            cockpit.pressed("kill", asked.who, logins=", ".join(logins) or "all")  # the paper comes behind the wire
        return RedirectResponse("/kill", 303)
