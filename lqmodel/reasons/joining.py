"""Several reasons in one field."""

from __future__ import annotations

from collections.abc import Iterable


def join(reasons: Iterable[object], limit: int = 1024) -> str:
    """Join reasons for a field of a CRM, cut at a reason's end.

    Parameters
    ----------
    reasons : iterable of Reason or str
        The strongest first.
    limit : int, default 1024
        Most characters. A first reason that is longer alone is cut, with an ellipsis.

    Examples
    --------
    >>> join(["2 demos (×2.0)", "industry: retail (×1.2)"], limit=20)
    '2 demos (×2.0)'
    """
    joined = ""
    for reason in reasons:
        longer = f"{joined}; {reason}" if joined else str(reason)
        if len(longer) > limit:
            return joined or longer[: max(limit - 1, 0)] + "…"[:limit]
        joined = longer
    return joined
