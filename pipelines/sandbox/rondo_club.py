"""Rondo Club: persons behind the REST API of a WordPress site."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import ClassVar

from starlette.responses import JSONResponse, Response

from pipelines.sandbox import acf
from pipelines.sandbox.calls import Call, Upload
from pipelines.sandbox.club import Club, JsonObject
from pipelines.sandbox.faults import Fault, FaultKind
from pipelines.sandbox.images import image_type
from pipelines.sandbox.posts import Posts
from pipelines.sandbox.rest import (
    LONGEST_PAGE,
    RestError,
    error_answer,
    invalid,
    is_day,
    missing_params,
    not_found,
    paging,
    pick,
    read_moment,
    read_object,
    read_status,
    rest,
    show_title,
    to_json,
    utc,
    wants_force,
)
from pipelines.sandbox.secrets import basic_credentials, secret
from pipelines.sandbox.storage import open_storage, transaction
from pipelines.sandbox.system import Handler, System

WP = "/wp-json/wp/v2/people"
RONDO = "/wp-json/rondo/v1/people"

FIRST_ID = 2000
MADE_BY_HAND = slice(101, None, 50)  # small clubs have none: their tests begin with an empty site

SCHEMA = """
CREATE TABLE IF NOT EXISTS persons (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  status TEXT NOT NULL,
  created_gmt TEXT NOT NULL,
  modified_gmt TEXT NOT NULL,
  acf TEXT NOT NULL
);
-- For a page of the list, without a look at those that it leaves out.
CREATE INDEX IF NOT EXISTS persons_newest_first ON persons (status, created_gmt DESC, id DESC, modified_gmt);
CREATE TABLE IF NOT EXISTS person_emails (
  email TEXT NOT NULL,
  person_id INTEGER NOT NULL,
  PRIMARY KEY (email, person_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS person_emails_by_person ON person_emails (person_id);
CREATE TABLE IF NOT EXISTS photos (
  person_id INTEGER PRIMARY KEY,
  filename TEXT NOT NULL,
  content_type TEXT NOT NULL,
  content BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS activities (
  id INTEGER PRIMARY KEY,
  person_id INTEGER NOT NULL,
  activity_type TEXT NOT NULL,
  activity_date TEXT NOT NULL,
  content TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS todos (
  id INTEGER PRIMARY KEY,
  person_id INTEGER NOT NULL,
  content TEXT NOT NULL,
  due_date TEXT
);
"""


class RondoClub(System):
    """The persons of the club, with their photos, activities and things to do, beside its teams, committees and cases."""

    name: ClassVar[str] = "rondo-club"

    def __init__(self, path: Path, club: Club, *, clock: Callable[[], float]) -> None:
        self._storage = open_storage(path, SCHEMA)
        self._club = club
        self._clock = clock
        self._username = "sportlink-sync"
        self._password = secret(club.seed, "rondo-app-password")
        self.posts = Posts(self._storage, now=self._now)
        self._add_persons_made_by_hand()

    def persons(self) -> list[JsonObject]:
        """All persons that are not in the trash, as the API shows them, in the order in which they were made."""
        rows = self._storage.execute("SELECT * FROM persons WHERE status != 'trash' ORDER BY id").fetchall()
        return [self._shown(row) for row in rows]

    def photos(self) -> dict[int, Upload]:
        """The photos by person."""
        rows = self._storage.execute("SELECT * FROM photos").fetchall()
        return {
            row["person_id"]: Upload(filename=row["filename"], content_type=row["content_type"], content=row["content"])
            for row in rows
        }

    def activities(self) -> list[JsonObject]:
        """All activities, oldest first."""
        return [dict(row) for row in self._storage.execute("SELECT * FROM activities ORDER BY id").fetchall()]

    def todos(self) -> list[JsonObject]:
        """All things to do, oldest first."""
        return [dict(row) for row in self._storage.execute("SELECT * FROM todos ORDER BY id").fetchall()]

    def list_members(self) -> list[int]:
        """The ids of the persons that carry a KNVB ID."""
        query = """SELECT id FROM persons WHERE status = 'publish' AND json_extract(acf, '$."knvb-id"') != '' ORDER BY id"""
        return [row["id"] for row in self._storage.execute(query).fetchall()]

    def find_person(self, person_id: int) -> JsonObject:
        """A person as the API shows it."""
        return self._shown(self._row(person_id))

    def change_by_hand(self, person_id: int, fields: JsonObject) -> None:
        """Somebody of the club changes fields of a person on the site."""
        self._write(self._row(person_id), "publish", fields)

    def settings(self, url: str) -> Mapping[str, str]:
        """The environment variables that lead a client here."""
        return {
            "RONDO_URL": url,
            "RONDO_USERNAME": self._username,
            "RONDO_APP_PASSWORD": self._password,
            "RONDO_PARENT_TYPE": str(acf.PARENT),
            "RONDO_CHILD_TYPE": str(acf.CHILD),
        }

    def routes(self) -> Iterable[tuple[str, str, Handler]]:
        """WordPress's own routes for persons, then the site's, then those for other posts."""
        yield "GET", WP, rest(self._list_persons)
        yield "POST", WP, rest(self._create_person)
        yield "GET", f"{WP}/{{id:int}}", rest(self._get_person)
        for method in ("POST", "PUT", "PATCH"):  # WordPress takes all three for a change
            yield method, f"{WP}/{{id:int}}", rest(self._update_person)
        yield "DELETE", f"{WP}/{{id:int}}", rest(self._delete_person)
        yield "GET", f"{RONDO}/find-by-email", rest(self._find_by_email)
        yield "GET", f"{RONDO}/filtered", rest(self._list_filtered)
        yield "POST", f"{RONDO}/{{id:int}}/activities", rest(self._add_activity)
        yield "POST", f"{RONDO}/{{id:int}}/photo", rest(self._upload_photo)
        yield "DELETE", f"{RONDO}/{{id:int}}/photo", rest(self._delete_photo)
        yield "POST", f"{RONDO}/{{id:int}}/todos", rest(self._add_todo)
        yield from self.posts.routes()

    def refuse_caller(self, call: Call) -> Response | None:
        """User name and application password; the spaces that it is shown with do not count."""
        user, password = basic_credentials(call.headers.get("authorization", "")) or (None, "")
        if user is None:
            return error_answer(RestError(401, "rest_not_logged_in", "Je bent momenteel niet ingelogd."))
        if user.lower() != self._username:
            return error_answer(RestError(401, "invalid_username", "Onbekende gebruikersnaam. Controleer de gegevens."))
        if password.replace(" ", "") != self._password:
            message = "Het opgegeven wachtwoord is een ongeldig applicatiewachtwoord."
            return error_answer(RestError(401, "incorrect_password", message))
        return None

    def subject(self, call: Call) -> str:
        """The KNVB ID of the person, else a mail address, else the name; of another post its title."""
        stored = self._stored_acf(call)
        written = call.fields.get("acf")
        known: JsonObject = {**stored, **(written if isinstance(written, dict) else {})}
        addresses = sorted(acf.email_addresses(stored))
        if subject := self.posts.subject(call):
            return subject
        return str(known.get("knvb-id") or call.query.get("email") or "".join(addresses[:1]) or acf.title(known) or call.path)

    def fail(self, fault: Fault, call: Call) -> Response:
        """WordPress words all but the refusal of data itself."""
        match fault.kind:
            case FaultKind.TOO_MANY_REQUESTS:
                response = error_answer(RestError(429, "rate_limit_exceeded", "Te veel verzoeken."))
                response.headers["Retry-After"] = f"{fault.seconds:.0f}"
                return response
            case FaultKind.REFUSED if call.path.endswith("/photo"):
                return error_answer(RestError(400, "rest_upload_unknown_error", "Het bestand kon niet worden verwerkt."))
            case FaultKind.REFUSED:
                return error_answer(invalid(acf="De gegevens van deze persoon zijn geweigerd."))
            case _:
                message = "Er heeft zich een kritieke fout voorgedaan op deze site."
                return error_answer(RestError(500, "internal_server_error", message))

    def no_route(self, call: Call) -> Response:
        """The answer where there is nothing."""
        del call
        message = "Geen route gevonden die overeenkomt met de URL en de aanvraagmethode."
        return error_answer(RestError(404, "rest_no_route", message))

    def close(self) -> None:
        """Let go of the file."""
        self._storage.close()

    def _add_persons_made_by_hand(self) -> None:
        """A site that is new has a few persons already: volunteers, and parents that somebody typed in, without KNVB ID."""
        if self._storage.execute("SELECT 1 FROM sqlite_sequence WHERE name = 'persons'").fetchone():
            return
        self._storage.execute("INSERT INTO sqlite_sequence VALUES ('persons', ?)", (FIRST_ID,))
        for child in self._club.members[MADE_BY_HAND]:
            if child.get("EmailAddressParent1"):
                self._insert("publish", acf.person(child["NameParent1"], email=child["EmailAddressParent1"]))
        if len(self._club.members) > MADE_BY_HAND.start:
            for member in self._club.members:
                if member.get("PublicPersonId") in self._club.volunteers:
                    self._insert("publish", acf.volunteer(member))

    def _list_persons(self, call: Call) -> Response:
        where, values = "status = 'publish'", []
        if "modified_after" in call.query:
            where, values = f"{where} AND modified_gmt > ?", [read_moment(call.query["modified_after"])]
        total = self._storage.execute(f"SELECT count(*) FROM persons WHERE {where}", values).fetchone()[0]  # noqa: S608  our own words
        limit, offset, pages = paging(call, total, default_size=10)
        query = f"SELECT * FROM persons WHERE {where} ORDER BY created_gmt DESC, id DESC LIMIT ? OFFSET ?"  # noqa: S608  as above
        rows = self._storage.execute(query, [*values, limit, offset]).fetchall()
        headers = {"X-WP-Total": str(total), "X-WP-TotalPages": str(pages)}
        return JSONResponse([pick(self._shown(row), call) for row in rows], headers=headers)

    def _create_person(self, call: Call) -> Response:
        body = read_object(call)
        status = read_status(body, "draft")
        _check_acf(body)
        row = self._insert(status, acf.merge({}, body["acf"]))
        return JSONResponse(self._shown(row), 201, {"Location": f"{call.base_url}{WP}/{row['id']}"})

    def _get_person(self, call: Call) -> Response:
        return JSONResponse(pick(self._shown(self._known(call)), call))

    def _update_person(self, call: Call) -> Response:
        known, body = self._known(call), read_object(call)
        status = read_status(body, known["status"])
        _check_acf(body)
        return JSONResponse(self._shown(self._write(known, status, body["acf"])))

    def _delete_person(self, call: Call) -> Response:
        known = self._known(call)
        shown = self._shown(known)
        with transaction(self._storage):
            self._storage.execute("DELETE FROM person_emails WHERE person_id = ?", (known["id"],))
            if wants_force(call):
                self._storage.execute("DELETE FROM photos WHERE person_id = ?", (known["id"],))
                self._storage.execute("DELETE FROM persons WHERE id = ?", (known["id"],))
                return JSONResponse({"deleted": True, "previous": shown})
            self._storage.execute("UPDATE persons SET status = 'trash' WHERE id = ?", (known["id"],))
        return JSONResponse({**shown, "status": "trash"})

    def _find_by_email(self, call: Call) -> Response:
        email = call.query.get("email", "").strip().lower()
        if not email:
            raise missing_params("email")
        query = "SELECT min(id) FROM persons JOIN person_emails ON person_id = id WHERE email = ? AND status = 'publish'"
        return JSONResponse({"id": self._storage.execute(query, (email,)).fetchone()[0]})

    def _list_filtered(self, call: Call) -> Response:
        found = [person for person in self._published() if self._is_wanted(person["acf"], call.query)]
        limit, offset, pages = paging(call, len(found), default_size=LONGEST_PAGE)
        people = [{"id": person["id"], "acf": person["acf"]} for person in found[offset : offset + limit]]
        return JSONResponse({"people": people, "total": len(found), "total_pages": pages})

    def _add_activity(self, call: Call) -> Response:
        known, body = self._known(call), read_object(call)
        names = ("content", "activity_type", "activity_date")
        if missing := [name for name in names if not body.get(name)]:
            raise missing_params(*missing)
        activity = {name: str(body[name]) for name in names}
        if not is_day(activity["activity_date"]):
            raise invalid(activity_date="activity_date is geen geldige datum.")
        statement = "INSERT INTO activities (person_id, content, activity_type, activity_date) VALUES (?, ?, ?, ?)"
        activity_id = self._storage.execute(statement, (known["id"], *activity.values())).lastrowid
        return JSONResponse({"id": activity_id, "person_id": known["id"], **activity}, 201)

    def _add_todo(self, call: Call) -> Response:
        known, body = self._known(call), read_object(call)
        content, due_date = body.get("content"), body.get("due_date")
        if not content:
            raise missing_params("content")
        if due_date is not None and not is_day(str(due_date)):
            raise invalid(due_date="due_date is geen geldige datum.")
        statement = "INSERT INTO todos (person_id, content, due_date) VALUES (?, ?, ?) RETURNING *"
        [row] = self._storage.execute(statement, (known["id"], str(content), due_date)).fetchall()
        return JSONResponse(dict(row), 201)

    def _upload_photo(self, call: Call) -> Response:
        known, file = self._known(call), call.fields.get("file")
        if not isinstance(file, Upload) or not file.content:
            raise RestError(400, "rest_upload_no_data", "Geen gegevens aangeleverd.")
        if image_type(file.content) is None:
            message = "Je hebt geen toestemming om dit bestandstype te uploaden."
            raise RestError(400, "rest_upload_sideload_error", message)
        row = (known["id"], file.filename, file.content_type, file.content)
        self._storage.execute("INSERT OR REPLACE INTO photos VALUES (?, ?, ?, ?)", row)
        url = f"{call.base_url}/wp-content/uploads/{file.filename}"
        return JSONResponse({"success": True, "person_id": known["id"], "url": url})

    def _delete_photo(self, call: Call) -> Response:
        known = self._known(call)
        if not self._storage.execute("DELETE FROM photos WHERE person_id = ?", (known["id"],)).rowcount:
            raise RestError(404, "rest_no_photo", "Deze persoon heeft geen foto.")
        return JSONResponse({"success": True, "person_id": known["id"]})

    def _known(self, call: Call) -> sqlite3.Row:
        """The person of the path; one in the trash is as good as gone."""
        return self._row(int(call.params["id"]))

    def _row(self, person_id: int) -> sqlite3.Row:
        row = self._find(person_id)
        if row is None:
            raise not_found()
        return row

    def _find(self, person_id: int) -> sqlite3.Row | None:
        query = "SELECT * FROM persons WHERE id = ? AND status != 'trash'"
        row: sqlite3.Row | None = self._storage.execute(query, (person_id,)).fetchone()
        return row

    def _stored_acf(self, call: Call) -> JsonObject:
        row = self._find(int(call.params["id"])) if "id" in call.params else None
        return json.loads(row["acf"]) if row else {}

    def _published(self) -> list[JsonObject]:
        return [person for person in self.persons() if person["status"] == "publish"]

    def _is_wanted(self, fields: JsonObject, query: Mapping[str, str]) -> bool:
        """Volunteers or not; and of those asked for the certificate, whoever lacks one or has an old one."""
        if "huidig_vrijwilliger" in query and fields["huidig-vrijwilliger"] != query["huidig_vrijwilliger"]:
            return False
        years = query.get("vog_older_than_years", "")
        if query.get("vog_missing") != "1" and not years:
            return True
        lacks = query.get("vog_missing") == "1" and not fields["datum-vog"]
        return lacks or (years.isdecimal() and self._is_older(fields["datum-vog"], int(years)))

    def _is_older(self, day: str, years: int) -> bool:
        today = self._now()[:10]
        return bool(day) and f"{int(today[:4]) - years:04}{today[4:]}" > day

    def _insert(self, status: str, kept: JsonObject) -> sqlite3.Row:
        now = self._now()
        with transaction(self._storage):
            statement = "INSERT INTO persons (status, created_gmt, modified_gmt, acf) VALUES (?, ?, ?, ?) RETURNING *"
            [row] = self._storage.execute(statement, (status, now, now, to_json(kept))).fetchall()
            self._note_emails(row["id"], kept)
        return row  # type: ignore[no-any-return]  # sqlite3 does not know its row factory

    def _write(self, known: sqlite3.Row, status: str, fields: JsonObject) -> sqlite3.Row:
        kept = acf.merge(json.loads(known["acf"]), fields)
        with transaction(self._storage):
            statement = "UPDATE persons SET status = ?, modified_gmt = ?, acf = ? WHERE id = ? RETURNING *"
            [row] = self._storage.execute(statement, (status, self._now(), to_json(kept), known["id"])).fetchall()
            self._note_emails(row["id"], kept)
        return row  # type: ignore[no-any-return]  # sqlite3 does not know its row factory

    def _note_emails(self, person_id: int, kept: JsonObject) -> None:
        self._storage.execute("DELETE FROM person_emails WHERE person_id = ?", (person_id,))
        pairs = [(email, person_id) for email in acf.email_addresses(kept)]
        self._storage.executemany("INSERT INTO person_emails VALUES (?, ?)", pairs)

    def _shown(self, row: sqlite3.Row) -> JsonObject:
        stored = json.loads(row["acf"])
        return {
            "id": row["id"],
            "date_gmt": row["created_gmt"],
            "modified_gmt": row["modified_gmt"],
            "status": row["status"],
            "type": "person",
            "title": show_title(acf.title(stored)),
            "acf": acf.show(stored, is_volunteer=stored.get("knvb-id") in self._club.volunteers),
        }

    def _now(self) -> str:
        return utc(self._clock())


def _check_acf(body: JsonObject) -> None:
    if "acf" not in body:
        raise missing_params("acf")
    if problems := acf.find_problems(body["acf"]):
        raise invalid(acf=" ".join(problems))
