"""Puts a made-up club together from its parts."""

from typing import Any

from pipelines.sandbox.families import make_members, pick_volunteers
from pipelines.sandbox.office import make_cases, make_contributions, make_free_fields, make_invoices, pick_blocked
from pipelines.sandbox.tasks import make_committees, make_functions
from pipelines.sandbox.teams import make_teams


def found(size: int, *, seed: int) -> dict[str, Any]:
    """What a new club of `size` members consists of, by the names of `Club`."""
    members = make_members(size, seed=seed)
    volunteers = pick_volunteers(members, seed=seed)
    ids = [knvb_id for member in members if (knvb_id := member.get("PublicPersonId"))]
    return {
        "members": members,
        "volunteers": volunteers,
        "teams": make_teams(members, seed=seed),
        "functions": make_functions(volunteers, seed=seed),
        "committees": make_committees(volunteers, seed=seed),
        "free_fields": make_free_fields(ids, volunteers, seed=seed),
        "blocked": pick_blocked(ids),
        "invoices": make_invoices(members),
        "cases": make_cases(ids, seed=seed),
        "contributions": make_contributions(members, seed=seed),
    }
