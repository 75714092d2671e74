"""When a kill of one login ends, and with what result. Pure.

FLAT is what two agreeing looks have proven and nothing else; everything short of that is said as what it is. It always
ends by its deadline.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from engine.core.kill.closes.closing import Closing
from engine.core.kill.held.ledger import Ledger
from engine.core.kill.looks.looking import Looking
from engine.core.kill.looks.survey import Survey
from engine.core.kill.looks.witness import Says, Witness
from engine.core.kill.other_kills.joining import Joining
from engine.core.kill.other_kills.proven import ProvenFlat
from engine.core.kill.outcome.evidence import Evidence
from engine.core.kill.outcome.proof import Proof
from engine.core.kill.reach import Reach
from engine.core.kill.report import LoginOutcome
from engine.core.kill.settings import KillSettings

ZERO = Decimal(0)


@dataclass(slots=True, kw_only=True)
class Ending:
    settings: KillSettings
    evidence: Evidence
    ledger: Ledger
    closing: Closing
    looking: Looking
    joining: Joining
    reach: Reach
    witness: Witness
    proven: ProvenFlat
    proof: Proof = field(default_factory=Proof)
    outcome: LoginOutcome | None = None
    finished_ns: int | None = None

    @property
    def at_ns(self) -> int:
        """When this part of the kill ends at the latest: the work, or the watch after it."""
        if self.finished_ns is None:
            return self._deadline_ns
        return self.finished_ns + self.settings.quarantine_ns

    @property
    def _deadline_ns(self) -> int:
        return self.evidence.pressed_ns + self.settings.deadline_ns

    def wrapping_up(self, now_ns: int) -> bool:
        """Near the end nothing new is sent, and our own unfilled orders are withdrawn."""
        whole_ns = self.settings.deadline_ns if self.finished_ns is None else self.settings.quarantine_ns
        return now_ns >= self.at_ns - min(self.settings.wrap_up_ns, whole_ns // 4)

    # proof of flat --------------------------------------------------------------------------------------------------

    def judge(self, survey: Survey, now_ns: int, *, quiet_ns: int) -> None:
        """Is this survey clean, and was everything clean since one begun long enough before it, `quiet_ns` at least?"""
        clean = not survey.orders and self.ledger.all_zero() and not self.closing.any_live and not self.closing.strays
        clean = clean and not survey.unread and not self._contradicted
        if clean and not self.looking.counts(survey):
            self.proof.break_half()  # what a dead kill sent last may still surface
            return
        gap_ns = max(self._proof_gap_ns(survey), quiet_ns)
        if not self.proof.looked(clean=clean, begun_ns=survey.begun_ns, now_ns=now_ns, gap_ns=gap_ns):
            return
        if self.proof.proven:
            self.evidence.mark("flat", now_ns)
            self.evidence.say(now_ns, "flat", "two agreeing reads: no position, no working order")
        else:
            self.evidence.unmark("flat")
            self.evidence.say(now_ns, "not_flat", "something is open again")

    def _proof_gap_ns(self, survey: Survey) -> int:
        """Where executions cannot be read, only time shows whether a fill is still on its way to the positions. Lists
        that were empty from the first may be those of a TWS that has not loaded its positions yet."""
        gap_ns = self.settings.proof_gap_ns if survey.executions is not None else self.settings.settle_ns
        if not self._unseen:
            return gap_ns
        gap_ns = max(gap_ns, self.settings.nothing_seen_ns)
        match self.witness.says():
            case Says.NOTHING_HELD:
                return gap_ns
            case Says.MAY_BE_NOTHING:
                return max(gap_ns, self.settings.contradicted_ns)
        return max(gap_ns, min(self.settings.unwitnessed_ns, self.settings.deadline_ns * 3 // 4))

    @property
    def needs_witness(self) -> bool:
        """Only the account values can tell an account that holds nothing from a TWS that has not loaded anything."""
        return self._unread_accounts and not self.proof.proven

    def why_unloaded(self) -> str:
        """Why empty lists are not believed, where they are not."""
        return self.witness.words() if self.needs_witness and (self._unseen or self._contradicted) else ""

    @property
    def _contradicted(self) -> bool:
        return self._unread_accounts and self.witness.says() is Says.SOMETHING_HELD

    @property
    def _unread_accounts(self) -> bool:
        """No list has ever shown a contract, or none of one of the accounts. Beside accounts that are shown its values
        only contradict: their silence costs no time, for many logins have an account in which nothing is done."""
        return self._unseen or (bool(self.witness.blank) and not self.proven.covers_last)

    @property
    def _unseen(self) -> bool:
        """No list of positions has ever shown a contract (an execution is no list: it tells of none that is held beside
        its own), nor has another kill proven that nothing was held behind these trades."""
        return not self.ledger.named and not self.proven.covers_last

    def orders_seen(self, now_ns: int) -> None:
        """A list shows open orders; whether the rest of the look comes or not, nothing is flat."""
        proven = self.proof.proven
        self.proof.withdraw()
        self.evidence.unmark("flat")
        if proven:
            self.evidence.say(now_ns, "not_flat", "an order is open again")

    def doubt(self) -> None:
        """Half a proof is none; and a whole one that is not told yet must not be told any more."""
        if self.finished_ns is not None:
            self.proof.break_half()
            return
        self.proof.withdraw()
        self.evidence.unmark("flat")

    # the result -----------------------------------------------------------------------------------------------------

    def result(self, now_ns: int) -> LoginOutcome | None:
        """The outcome, when it is time to give one."""
        if self.proof.proven:
            return LoginOutcome.FLAT
        if now_ns >= self._deadline_ns:
            return self.present(now_ns)
        if self.reach.given_up(now_ns, self.evidence.pressed_ns, self.settings):
            return LoginOutcome.UNREACHABLE
        return LoginOutcome.RESIDUE if self._nothing_more_to_do(now_ns) else None

    def present(self, now_ns: int) -> LoginOutcome:
        """What can be said at this moment, short of a proof."""
        if not self.reach.ever_connected:
            return LoginOutcome.UNREACHABLE
        return self._shown(self.looking.last if self.looking.fresh(now_ns) and self.reach.healthy else None)

    def _shown(self, survey: Survey | None) -> LoginOutcome:
        """Where nothing is left, and yet it is not proven: doubt is not residue."""
        if survey is None or survey.unread:
            return LoginOutcome.UNKNOWN
        held = any(self.ledger.position(key) != ZERO for key in self.ledger.seen())
        something = survey.orders or held or self.closing.strays
        return LoginOutcome.RESIDUE if something else LoginOutcome.UNKNOWN

    def _nothing_more_to_do(self, now_ns: int) -> bool:
        """Every position that is left is one that only a person can close, by facts newer than the last order."""
        survey = self.looking.last
        if survey is None or survey.orders or survey.unread or not self.looking.fresh(now_ns):
            return False
        if not self.joining.may_close or not self.reach.healthy or self.closing.strays:
            return False
        if any(self.ledger.doubtful(key) for key in self.ledger.seen()):
            return False
        left = [i for i in self.closing.items.values() if self.ledger.position(i.key) != ZERO or i.live]
        return bool(left) and all(i.lessons.given_up and not i.live and survey.serial > i.min_serial for i in left)

    def told(self) -> LoginOutcome:
        """The outcome for the report: the result, as far as it still holds."""
        outcome = self.outcome or (LoginOutcome.UNKNOWN if self.reach.ever_connected else LoginOutcome.UNREACHABLE)
        if self.proof.proven:
            return LoginOutcome.FLAT
        if self.finished_ns is not None and outcome in (LoginOutcome.FLAT, LoginOutcome.RESIDUE):
            return self._shown(self.looking.last)  # what came after the result: a late fill, an order, a person's close
        if outcome is LoginOutcome.UNREACHABLE and self.reach.ever_connected:  # it came up after all
            return self._shown(self.looking.last if self.reach.healthy else None)
        return outcome
