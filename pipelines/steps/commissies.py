"""Bring the commissies from Sportlink to Rondo Club."""

from pipelines.result.functions import FunctionsDownloadResult
from pipelines.result.posts import PostsResult
from pipelines.steps.posts import PostType, sync_posts
from pipelines.systems import Systems
from pipelines.transform.commissies import wanted_commissies
from pipelines.transform.titles import shown_title, typed


def sync_commissies(systems: Systems, result: PostsResult, download: FunctionsDownloadResult, *, force: bool = False) -> None:
    """Write to Rondo Club the commissies that are new or different; all of them by force.

    Args:
        systems: Where from and where to.
        result: What becomes of them.
        download: What this run downloaded; only one that has the places of everyone, and any at all, says which
            commissies are gone.
        force: Write all of them.
    """
    rondo_club, state = systems.rondo_club, systems.state.commissies
    state.store(wanted_commissies(systems.state.functions.places()))
    keys = {typed(post.key): post.key for post in state.posts()}
    kind = PostType(
        plural="commissies",
        step="commissie-sync",
        id_name="commissie_name",
        state=state,
        key_of=lambda post: keys.get(title := shown_title(post), title),
        list=rondo_club.list_commissies,
        create=rondo_club.create_commissie,
        update=rondo_club.update_commissie,
        delete=rondo_club.delete_commissie,
        new_fields={"content": ""},
    )
    is_complete = download.is_complete and download.downloaded > 0
    sync_posts(systems, result, kind, may_delete=is_complete, is_complete=is_complete, force=force)
