"""Stop rules as data: the OR of ``>=`` over flattened keys, as in Tune."""

import msgspec

from pbtune.core.events import Report
from pbtune.core.lease import Rule, reached


class StopRules(msgspec.Struct, frozen=True):
    """``RunConfig.stop`` as a dict: a trial ends as soon as one key has reached its bound.

    ``every``: a stopper of the user's has to see each report, so each one blocks. What it says is
    in the report.
    """

    bounds: tuple[tuple[str, float], ...] = ()
    every: bool = False

    def rules(self) -> tuple[Rule, ...]:
        """The reports that a worker must not pass by itself."""
        return tuple(Rule(key, bound, is_stop=True) for key, bound in self.bounds)

    def reason(self, report: Report) -> str | None:
        """Why this report ends its trial; None if it doesn't.

        A truthy ``done`` ends it before any rule is looked at.
        """
        if report.observed.get("done"):
            return "done"
        for key, bound in self.bounds:
            value = report.value(key)
            if reached(value, bound):
                return f"{key} = {value} >= {bound:g}"
        return report.stop or None
