"""Who may do what to a run: its owner, and the teacher by the token that was set when the lab started."""

from __future__ import annotations

from ..errors import NotAllowed
from .classroom import is_same_secret
from .config import Owner
from .folder import Run


class Rights:
    """The rights of one lab; without a token nobody is its teacher."""

    def __init__(self, teacher_token: str | None = None) -> None:
        self._token = teacher_token

    def is_teacher(self, token: str | None) -> bool:
        return is_same_secret(token, self._token)

    def is_owner(self, run: Run, by: Owner) -> bool:
        """Whether the run is `by`'s. Nobody in particular (an empty id) owns nothing."""
        return is_same_secret(by.id, run.config.owner.id)

    def may_change(self, run: Run, by: Owner, token: str | None = None) -> bool:
        """Whether `by` may stop, resume, test, rename and delete the run."""
        return self.is_teacher(token) or self.is_owner(run, by)

    def check(self, run: Run, by: Owner, token: str | None, action: str) -> Run:
        """The run.  Raises: NotAllowed."""
        if not self.may_change(run, by, token):
            raise NotAllowed(run=run.id, owner=run.config.owner.name or "somebody else", action=action)
        return run
