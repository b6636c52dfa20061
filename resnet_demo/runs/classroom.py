"""What a lab allows its visitors: the limits of its line, and how a lesson's minutes are shared among its people."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field

from ..errors import AlreadyInLine, InvalidOption, LineFull

OVERHEAD_SECONDS = 10.0  # of a run: loading, and the test at the end
SHORTEST_SECONDS = 10.0  # of a run that is worth a turn
STEP_SECONDS = 5.0  # turns are rounded down to whole multiples
PUBLIC_LONGEST_SECONDS = 1800.0
LONGEST_GPU_SECONDS = 100.0  # ZeroGPU refuses visitors who ask for more than about 120 s
USUAL_LINE = 64  # runs that may wait
LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # none that is taken for another one on a blackboard


@dataclass(frozen=True)
class Limits:
    """What the lab allows: runs waiting, runs waiting or training a person, seconds a run, and on a GPU
    that is lent; None is no limit."""

    line: int | None = USUAL_LINE
    per_person: int | None = None
    longest_seconds: float | None = None
    longest_lent_seconds: float | None = None

    def check_length(self, seconds: float | None) -> None:
        """`seconds` of training, None if nobody can say.  Raises: InvalidOption if that is too long."""
        longest = self.longest_seconds
        if longest is not None and seconds is not None and seconds > longest:
            raise InvalidOption(option="seconds", value=f"{seconds:g}", allowed=f"at most {longest:g} in this lab")

    def check_lent(self, seconds: float | None) -> None:
        """The same for `seconds` on a GPU that is lent, None for a run that no clock ends.  Raises: InvalidOption."""
        longest = self.longest_lent_seconds
        if longest is not None and seconds is not None and seconds > longest:
            raise InvalidOption(option="seconds", value=f"{seconds:g}", allowed=f"at most {longest:g} on a lent GPU")
        self.check_length(seconds)

    def check_room(self, own: list[str], waiting: int) -> None:
        """`own` are the runs that somebody has waiting or training.  Raises: AlreadyInLine, LineFull."""
        if self.per_person is not None and len(own) >= self.per_person:
            raise AlreadyInLine(run=own[0])
        if self.line is not None and waiting >= self.line:
            raise LineFull(length=waiting)


@dataclass(frozen=True)
class Classroom:
    """A lab's settings. `people` and `minutes` are the lesson's, 0 outside of one; `slots` runs are trained at a time.

    A lab is `is_shared` when others than its owner can reach it, and `is_public` when anybody can. `keep_runs` is how
    many runs are kept and `disk_gb` the room for them, 0 for any. `longest_run` (seconds) and `longest_line` (runs)
    take the place of what would hold otherwise. `is_lent` where Hugging Face lends visitors a GPU (ZeroGPU).
    """

    people: int = 0
    minutes: float = 0.0
    slots: int = 1
    is_shared: bool = False
    is_public: bool = False
    teacher_token: str | None = field(default=None, repr=False)
    keep_runs: int = 200
    disk_gb: float = 10.0
    longest_run: float | None = None
    longest_line: int | None = None
    is_lent: bool = False

    @property
    def is_on(self) -> bool:
        return self.people > 0 and self.minutes > 0

    @property
    def turn_seconds(self) -> float:
        """What each one's share of the lesson is, loading and testing included."""
        return 60 * self.minutes * self.slots / self.people if self.is_on else 0.0

    @property
    def longest_seconds(self) -> float | None:
        """The longest run: in a lesson the longest with which everyone gets a turn. None is no limit."""
        if self.longest_run is not None:
            return self.longest_run
        if not self.is_on:
            return PUBLIC_LONGEST_SECONDS if self.is_public or self.is_shared else None
        return max(SHORTEST_SECONDS, (self.turn_seconds - OVERHEAD_SECONDS) // STEP_SECONDS * STEP_SECONDS)

    @property
    def turns(self) -> int:
        """Runs of the longest kind that the lesson has room for."""
        longest = self.longest_seconds
        if not self.is_on or longest is None:
            return 0
        return int(60 * self.minutes * self.slots // (longest + OVERHEAD_SECONDS))

    @property
    def everyone_gets_a_turn(self) -> bool:
        """Not where the lesson is too short even for the shortest runs: then some have to join others' runs."""
        return not self.is_on or self.turns >= self.people

    @property
    def joins(self) -> bool:
        """Whether identical requests become one run that all who asked watch."""
        return self.is_on

    @property
    def limits(self) -> Limits:
        is_crowd = self.is_on or self.is_shared or self.is_public
        line = max(USUAL_LINE, self.people) if self.longest_line is None else self.longest_line
        lent = LONGEST_GPU_SECONDS if self.is_lent else None
        return Limits(line, 1 if is_crowd else None, self.longest_seconds, lent)

    def longest_of(self, gpus: int) -> float | None:
        """The longest run on that many GPUs, 0 for the CPU."""
        limits = [self.limits.longest_seconds, self.limits.longest_lent_seconds if gpus else None]
        return min((limit for limit in limits if limit is not None), default=None)

    def is_teacher(self, token: str | None) -> bool:
        """Whether this is the teacher's token; how long the answer takes tells nothing about it."""
        return is_same_secret(token, self.teacher_token)


def make_code() -> str:
    """A code for a class that can be read aloud, such as K7PM-3XQD."""
    letters = "".join(secrets.choice(LETTERS) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"


def is_same_secret(said: str | None, secret: str | None) -> bool:
    """Compared in a time that does not depend on how much of it is right; no secret equals nothing."""
    return bool(secret and said) and hmac.compare_digest(str(said).encode(), str(secret).encode())
