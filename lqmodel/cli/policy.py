"""`lqmodel policy`: the rule that marketing and sales share."""

from __future__ import annotations

import typer

from lqmodel.cli import policy_compare, policy_sign

EXAMPLE = policy_compare.EXAMPLE
HELP = "The rule that marketing and sales share."

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=HELP)
group.command("compare", epilog=f"Example: {policy_compare.EXAMPLE}")(policy_compare.command)
group.command("sign", epilog=f"Example: {policy_sign.EXAMPLE}")(policy_sign.command)
