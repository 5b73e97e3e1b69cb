"""Ask Rondo Club what has changed there: who is a volunteer, who has a person already, and whose contact details are others."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice

from pipelines.clients import JsonObject
from pipelines.steps.changes import detect_changes
from pipelines.systems import Systems
from pipelines.transform.person import remote_person, stranger_email

logger = logging.getLogger(__name__)

# Rondo Club's times are whole seconds, and there may be more to come of the second that was read last.
_OVERLAP = timedelta(seconds=1)
_BATCH = 500
"""How many persons are held at once: a club that is read for the first time is large."""


def refresh_persons(systems: Systems) -> None:
    """Take over what Rondo Club says of the persons that were modified since the last time.

    With an old or lost state this finds the persons that exist already, before they would be created once more; with
    a state that is up to date it costs a request for every hundred persons modified.
    """
    state = systems.state.rondo
    people = systems.rondo_club.list_people(modified_after=state.refreshed_until())
    modified_at = list[datetime]()
    while batch := list(islice(people, _BATCH)):
        _take_over(systems, batch)
        modified_at += [datetime.fromisoformat(person["modified_gmt"]) for person in batch]
    if modified_at:
        state.mark_refreshed(until=f"{(max(modified_at) - _OVERLAP).isoformat()}Z")
    logger.debug("%d persons were modified in Rondo Club", len(modified_at))


def _take_over(systems: Systems, people: Sequence[JsonObject]) -> None:
    state = systems.state.rondo
    state.remember_persons([known for person in people if (known := remote_person(person))])
    state.remember_strangers({person["id"]: stranger_email(person["acf"]) for person in people})
    for person in people:
        detect_changes(systems, person)
