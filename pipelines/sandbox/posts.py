"""The posts of Rondo Club that are no persons: teams, committees and discipline cases, and the terms of their seasons."""

import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import JSONResponse, Response

from pipelines.sandbox.acf import Check, check_day, check_gender, check_number, check_post, check_text
from pipelines.sandbox.calls import Call
from pipelines.sandbox.rest import (
    RestError,
    error_answer,
    invalid,
    missing_params,
    not_found,
    paging,
    pick,
    read_object,
    read_status,
    rest,
    show_title,
    to_json,
    wants_force,
)
from pipelines.sandbox.storage import transaction
from pipelines.sandbox.system import Handler

JsonObject = dict[str, Any]

WP = "/wp-json/wp/v2"
FIRST_POST_ID, FIRST_TERM_ID = 500_000, 40  # far from the ids of persons

_SCHEMA = """
CREATE TABLE IF NOT EXISTS posts (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  type TEXT NOT NULL,
  status TEXT NOT NULL,
  title TEXT NOT NULL,
  content TEXT NOT NULL,
  created_gmt TEXT NOT NULL,
  modified_gmt TEXT NOT NULL,
  acf TEXT NOT NULL,
  terms TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS terms (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  slug TEXT NOT NULL UNIQUE
);
"""
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def _check_case_day(path: str, value: Any) -> list[str]:
    return check_day(path, value, written="YYYYMMDD")


def _check_charged(path: str, value: Any) -> list[str]:
    known = value is None or isinstance(value, bool) or value in ("", "sportlink", "rondo")
    return [] if known else [f"{path} is niet een van sportlink en rondo."]


@dataclass(frozen=True, slots=True, kw_only=True)
class PostType:
    """A kind of post: the part of its address, and the custom fields that it has."""

    name: str
    checks: Mapping[str, Check] = field(default_factory=dict)
    has_seasons: bool = False


POST_TYPES = (
    PostType(name="teams", checks={"publicteamid": check_text, "activiteit": check_text, "gender": check_gender}),
    PostType(name="commissies"),
    PostType(
        name="discipline-cases",
        has_seasons=True,
        checks={
            "dossier_id": check_text,
            "person": check_post,
            "match_date": _check_case_day,
            "processing_date": _check_case_day,
            "match_description": check_text,
            "team_name": check_text,
            "charge_codes": check_text,
            "charge_description": check_text,
            "sanction_description": check_text,
            "administrative_fee": check_number,
            "is_charged": _check_charged,
            "home_team": check_text,
            "away_team": check_text,
        },
    ),
)


class Posts:
    """Keeps the posts and the terms."""

    def __init__(self, storage: sqlite3.Connection, *, now: Callable[[], str]) -> None:
        storage.executescript(_SCHEMA)
        self._storage = storage
        self._now = now
        if not storage.execute("SELECT 1 FROM sqlite_sequence WHERE name = 'posts'").fetchone():
            first = [("posts", FIRST_POST_ID), ("terms", FIRST_TERM_ID)]
            storage.executemany("INSERT INTO sqlite_sequence VALUES (?, ?)", first)

    def all(self, type_name: str) -> list[JsonObject]:
        """The posts of a type that are not in the trash, as the API shows them, in the order in which they were made."""
        query = "SELECT * FROM posts WHERE type = ? AND status != 'trash' ORDER BY id"
        return [_shown(row) for row in self._storage.execute(query, (type_name,)).fetchall()]

    def terms(self) -> list[JsonObject]:
        """The seasons."""
        return [_term(row) for row in self._storage.execute("SELECT * FROM terms ORDER BY id").fetchall()]

    def routes(self) -> Iterable[tuple[str, str, Handler]]:
        """The same five for every type of post, and two for the seasons."""
        for kind in POST_TYPES:
            path = f"{WP}/{kind.name}"
            yield "GET", path, self._of(kind, self._list)
            yield "POST", path, self._of(kind, self._create)
            yield "GET", f"{path}/{{id:int}}", self._of(kind, self._get)
            for method in ("POST", "PUT", "PATCH"):
                yield method, f"{path}/{{id:int}}", self._of(kind, self._update)
            yield "DELETE", f"{path}/{{id:int}}", self._of(kind, self._delete)
        yield "GET", f"{WP}/seizoen", rest(self._list_terms)
        yield "POST", f"{WP}/seizoen", rest(self._create_term)

    def subject(self, call: Call) -> str | None:
        """The title of the post that a request is about; None where it is about none."""
        if not call.path.startswith(tuple(f"{WP}/{kind.name}" for kind in POST_TYPES)):
            return None
        title = call.fields.get("title")
        if not title and "id" in call.params:
            row = self._storage.execute("SELECT title FROM posts WHERE id = ?", (call.params["id"],)).fetchone()
            title = row and row["title"]
        return str(title or call.path)

    def _of(self, kind: PostType, handle: Callable[[PostType, Call], Response]) -> Handler:
        return rest(lambda call: handle(kind, call))

    def _list(self, kind: PostType, call: Call) -> Response:
        [total] = self._storage.execute(
            "SELECT count(*) FROM posts WHERE type = ? AND status = 'publish'", (kind.name,)
        ).fetchone()
        limit, offset, pages = paging(call, total, default_size=10)
        query = "SELECT * FROM posts WHERE type = ? AND status = 'publish' ORDER BY created_gmt DESC, id DESC LIMIT ? OFFSET ?"
        rows = self._storage.execute(query, (kind.name, limit, offset)).fetchall()
        headers = {"X-WP-Total": str(total), "X-WP-TotalPages": str(pages)}
        return JSONResponse([pick(_shown(row), call) for row in rows], headers=headers)

    def _create(self, kind: PostType, call: Call) -> Response:
        body = read_object(call)
        title, content = _text(body, "title") or "", _text(body, "content") or ""
        if not title and not content:
            raise RestError(400, "empty_content", "Het bericht heeft geen inhoud.")
        values = (kind.name, read_status(body, "draft"), title, content, self._now(), self._now())
        kept = (to_json(_checked_acf(kind, body)), json.dumps(self._checked_terms(kind, body)))
        statement = (
            "INSERT INTO posts (type, status, title, content, created_gmt, modified_gmt, acf, terms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING *"
        )
        [row] = self._storage.execute(statement, (*values, *kept)).fetchall()
        return JSONResponse(_shown(row), 201, {"Location": f"{call.base_url}{WP}/{kind.name}/{row['id']}"})

    def _get(self, kind: PostType, call: Call) -> Response:
        return JSONResponse(pick(_shown(self._known(kind, call)), call))

    def _update(self, kind: PostType, call: Call) -> Response:
        known, body = self._known(kind, call), read_object(call)
        title, content = (known[name] if (text := _text(body, name)) is None else text for name in ("title", "content"))
        acf = {**json.loads(known["acf"]), **_checked_acf(kind, body)}
        terms = self._checked_terms(kind, body) if "seizoen" in body else json.loads(known["terms"])
        values = (read_status(body, known["status"]), title, content, self._now(), to_json(acf), json.dumps(terms), known["id"])
        statement = (
            "UPDATE posts SET status = ?, title = ?, content = ?, modified_gmt = ?, acf = ?, terms = ? WHERE id = ? RETURNING *"
        )
        [row] = self._storage.execute(statement, values).fetchall()
        return JSONResponse(_shown(row))

    def _delete(self, kind: PostType, call: Call) -> Response:
        known = self._known(kind, call)
        shown = _shown(known)
        if wants_force(call):
            self._storage.execute("DELETE FROM posts WHERE id = ?", (known["id"],))
            return JSONResponse({"deleted": True, "previous": shown})
        self._storage.execute("UPDATE posts SET status = 'trash' WHERE id = ?", (known["id"],))
        return JSONResponse({**shown, "status": "trash"})

    def _known(self, kind: PostType, call: Call) -> sqlite3.Row:
        query = "SELECT * FROM posts WHERE id = ? AND type = ? AND status != 'trash'"
        row: sqlite3.Row | None = self._storage.execute(query, (call.params["id"], kind.name)).fetchone()
        if row is None:
            raise not_found()
        return row

    def _checked_terms(self, kind: PostType, body: JsonObject) -> list[int]:
        """The seasons that a post gets; those that do not exist are left out without a word, as fields are."""
        wanted = body.get("seizoen", []) if kind.has_seasons else []
        if not isinstance(wanted, list) or not all(isinstance(term, int) for term in wanted):
            raise invalid(seizoen="seizoen[0] is niet van het type integer.")
        known = {term["id"] for term in self.terms()}
        return [term for term in wanted if term in known]

    def _list_terms(self, call: Call) -> Response:
        slug = call.query.get("slug")
        return JSONResponse([term for term in self.terms() if slug in {None, term["slug"]}])

    def _create_term(self, call: Call) -> Response:
        body = read_object(call)
        name = _text(body, "name")
        if not name:
            raise missing_params("name")
        slug = _text(body, "slug") or name.lower()
        if not _SLUG.fullmatch(slug):
            raise invalid(slug="slug is ongeldig.")
        with transaction(self._storage):
            known = self._storage.execute("SELECT id FROM terms WHERE slug = ?", (slug,)).fetchone()
            if known:
                message = "Een term met de opgegeven naam bestaat al."
                return error_answer(RestError(400, "term_exists", message, term_id=known["id"]))
            [row] = self._storage.execute("INSERT INTO terms (name, slug) VALUES (?, ?) RETURNING *", (name, slug)).fetchall()
        return JSONResponse(_term(row), 201)


def _checked_acf(kind: PostType, body: JsonObject) -> JsonObject:
    """The custom fields that the type has; others are left out without a word."""
    written = body.get("acf", {})
    if not isinstance(written, dict):
        raise invalid(acf="acf is niet van het type object.")
    known = {name: value for name, value in written.items() if name in kind.checks}
    problems = [problem for name, value in known.items() for problem in kind.checks[name](f"acf[{name}]", value)]
    if problems:
        raise invalid(acf=" ".join(problems))
    return known


def _text(body: JsonObject, name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise invalid(**{name: f"{name} is niet van het type string."})
    return value


def _shown(row: sqlite3.Row) -> JsonObject:
    kind = next(kind for kind in POST_TYPES if kind.name == row["type"])
    stored = json.loads(row["acf"])
    shown: JsonObject = {
        "id": row["id"],
        "date_gmt": row["created_gmt"],
        "modified_gmt": row["modified_gmt"],
        "status": row["status"],
        "type": row["type"],
        "title": show_title(row["title"]),
        "content": {"rendered": row["content"]},
        "acf": {name: stored.get(name) for name in kind.checks},
    }
    return {**shown, "seizoen": json.loads(row["terms"])} if kind.has_seasons else shown


def _term(row: sqlite3.Row) -> JsonObject:
    return {"id": row["id"], "name": row["name"], "slug": row["slug"], "taxonomy": "seizoen"}
