"""Make posts of teams and commissies in Rondo Club, and take out those that nobody knows any more."""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from pipelines.clients import JsonObject
from pipelines.errors import RondoClubNotFoundError
from pipelines.result import ErrorRecord
from pipelines.result.posts import PostsResult
from pipelines.state import Post, PostsState
from pipelines.steps.items import DAYS_DOUBTED, find_orphans, is_most, item
from pipelines.systems import Systems

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostType:
    """What differs between teams and commissies.

    Attributes:
        plural: What they are called.
        step: Tag of what fails.
        id_name: Name of the identifier in an error.
        key_of: The key that a post of Rondo Club shows; empty where it has none.
        sources: Which of several answers a key came from last; empty where there is but one.
        new_fields: What the body of a new one has besides.
    """

    plural: str
    step: str
    id_name: str
    state: PostsState
    key_of: Callable[[JsonObject], str]
    list: Callable[[], list[JsonObject]]
    create: Callable[..., int]
    update: Callable[..., None]
    delete: Callable[[int], None]
    new_fields: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)

    def identity(self, name: str) -> dict[str, str]:
        """How an error names one of them."""
        return {self.id_name: name, "system": self.step}


def sync_posts(  # noqa: PLR0913  what both kinds need
    systems: Systems, result: PostsResult, kind: PostType, *, may_delete: bool, is_complete: bool, force: bool
) -> None:
    """Write those that are new or different, all by force, and delete those that are in the latest download no more.

    Args:
        systems: Where to.
        result: What becomes of them.
        kind: What the posts are about.
        may_delete: There is a download to go by; without one, nobody can say what is gone.
        is_complete: The download had all its sources; else what nobody knows may come from the one that is missing.
        force: Write all of them.
    """
    remote = {post["id"]: kind.key_of(post) for post in kind.list()}
    known = [*kind.state.posts(), *kind.state.gone()]
    _write_posts(systems, result, kind, remote, force=force)
    if may_delete:
        _delete_orphans(result, kind, known, remote)
    if may_delete and is_complete:
        _delete_strangers(result, kind, known, remote)
    logger.info("%s: %s", kind.plural, result.told("created", "updated", "skipped", "deleted"))


def _write_posts(systems: Systems, result: PostsResult, kind: PostType, remote: Mapping[int, str], *, force: bool) -> None:
    posts = kind.state.posts()
    ids = _find_ids(posts, remote)
    changed = [post for post in posts if force or post.is_changed or ids.get(post.key) != post.post_id or post.post_id is None]
    result.total, result.skipped = len(posts), len(posts) - len(changed)
    for post in systems.track(changed, f"syncing {kind.plural}"):
        with item(result.failures, **kind.identity(post.name)):
            _write_post(result, kind, post, ids.get(post.key))


def _find_ids(posts: Collection[Post], remote: Mapping[int, str]) -> dict[str, int]:
    """The post of Rondo Club for each key: the one known from before or, as states get lost, one that shows the key."""
    ids = {post.key: post.post_id for post in posts if post.post_id in remote and post.post_id is not None}
    taken = set(ids.values())
    shown = {key: post_id for post_id, key in sorted(remote.items(), reverse=True) if key and post_id not in taken}
    return shown | ids


def _write_post(result: PostsResult, kind: PostType, post: Post, post_id: int | None) -> None:
    if post_id is not None:
        try:
            kind.update(post_id, post.body, subject=post.name)
        except RondoClubNotFoundError:
            logger.debug("%s is gone", post.name)
        else:
            kind.state.mark_synced(post, post_id)
            result.updated += 1
            return
    kind.state.mark_synced(post, kind.create({**post.body, **kind.new_fields}, subject=post.name))
    result.created += 1


def _delete_orphans(result: PostsResult, kind: PostType, known: Collection[Post], remote: Collection[int]) -> None:
    """Delete those that are in the download no more."""
    theirs = {post.post_id for post in kind.state.posts()} - {None}  # what is called otherwise now has taken over the post
    for orphan in _find_orphans(kind, known, remote, result.failures):
        with item(result.failures, **kind.identity(orphan.name)):
            is_gone = orphan.post_id not in theirs
            if is_gone and orphan.post_id is not None and orphan.post_id in remote:
                kind.delete(orphan.post_id)
            kind.state.forget(orphan.key)
            result.deleted += is_gone


def _find_orphans(kind: PostType, known: Collection[Post], remote: Collection[int], failures: list[ErrorRecord]) -> list[Post]:
    """Each source is judged on its own. Whatever it says, those deleted by hand are gone, and those missing for long."""
    present, long_gone = {post.key for post in kind.state.posts()}, kind.state.long_gone(days=DAYS_DOUBTED)
    orphans = [
        post for post in known if post.key in long_gone or (post.post_id not in {*remote, None} and post.key not in present)
    ]
    remedy = f"they go when they are missing for {DAYS_DOUBTED} days; to be rid of them now, delete them in Rondo Club by hand"
    for source in sorted({kind.sources.get(post.key, "") for post in known}):
        own = {post.key: post for post in known if post.post_id in remote and kind.sources.get(post.key, "") == source}
        doubtful = {key: post for key, post in own.items() if key not in long_gone}
        orphans += find_orphans(doubtful, present, failures, remedy=remedy, system=kind.step)
    return orphans


def _delete_strangers(result: PostsResult, kind: PostType, known: Collection[Post], remote: Mapping[int, str]) -> None:
    """Delete those of Rondo Club that the state does not know.

    When that would be most of them, it is the state that is strange.
    """
    ours = {post.post_id for post in (*known, *kind.state.posts())}
    strangers = [post_id for post_id in remote if post_id not in ours]
    if is_most(len(strangers), len(remote)):
        found = f"{len(strangers)} of the {len(remote)} {kind.plural} in Rondo Club are unknown"
        message = f"{found}: all are kept (look at them there; SYNC_STATE_DIR may be the wrong one)"
        result.failures.append(ErrorRecord(message=message, system=kind.step))
        return
    for post_id in strangers:
        with item(result.failures, **kind.identity(remote[post_id] or str(post_id))):
            kind.delete(post_id)
            result.deleted += 1
