"""Ask Rondo Club what has changed there: who is a volunteer, who has a person already, and whose contact details are others."""

import logging
from datetime import datetime, timedelta

from pipelines.steps.changes import detect_changes
from pipelines.systems import Systems
from pipelines.transform.person import remote_person, stranger_email

logger = logging.getLogger(__name__)

# Rondo Club's times are whole seconds, and there may be more to come of the second that was read last.
_OVERLAP = timedelta(seconds=1)


def refresh_persons(systems: Systems) -> None:
    """Take over what Rondo Club says of the persons that were modified since the last time.

    With an old or lost state this finds the persons that exist already, before they would be created once more; with
    a state that is up to date it costs a request for every hundred persons modified.
    """
    state = systems.state.rondo
    people = list(systems.rondo_club.list_people(modified_after=state.refreshed_until()))
    if not people:
        return
    newest = max(datetime.fromisoformat(person["modified_gmt"]) for person in people)
    until = f"{(newest - _OVERLAP).isoformat()}Z"
    state.remember_persons([known for person in people if (known := remote_person(person))], until=until)
    state.remember_strangers({person["id"]: stranger_email(person["acf"]) for person in people})
    for person in people:
        detect_changes(systems, person)
    logger.debug("%d persons were modified in Rondo Club", len(people))
