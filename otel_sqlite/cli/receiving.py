"""The command that takes spans from other machines and other languages: receive."""

# ruff: noqa: D301 - a backspace in a docstring is how click is told to leave the lines of a paragraph alone

from pathlib import Path

import click

from otel_sqlite import tables
from otel_sqlite.cli.frame import path_option
from otel_sqlite.errors import MissingExtraError
from otel_sqlite.settings import ReceiverToken, Settings

_EXTRA = frozenset({"google", "opentelemetry", "starlette", "uvicorn"})


@click.command()
@click.option("--host", metavar="H", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", metavar="N", type=click.IntRange(0, 65_535), default=4318, show_default=True, help="0: any that is free.")
@click.option(
    "--token-file", metavar="F", type=click.Path(path_type=Path), help="A file with the token, which only you can read."
)
@click.option(
    "--max-mib", metavar="N", type=click.IntRange(min=1), default=64, show_default=True, help="MiB a request, inflated."
)
@click.option("--max-spans", metavar="N", type=click.IntRange(min=1), default=20_000, show_default=True, help="Spans a request.")
@click.option("--max-attributes", metavar="N", type=click.IntRange(min=1), default=1_000, show_default=True, help="Of each span.")
@path_option
def receive(  # noqa: PLR0913 - an option each
    *, path: Path, host: str, port: int, token_file: Path | None, max_mib: int, max_spans: int, max_attributes: int
) -> None:
    """Record what is sent by OTLP over HTTP, until told to end (Ctrl-C, SIGTERM).

    Runs and steps of other machines, of programs in other languages, and of CI systems that speak the official words
    (cicd.pipeline.*); all other spans are accepted and not kept. A client is answered when its rows are safe on disk, and told to
    send again when the database cannot be written just now.

    \b
    otel-sqlite receive
    OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 python pipeline.py

    Where other machines can reach it, clients have to show a token of 16 characters or more: it is in the file, in the
    file that OTEL_SQLITE_RECEIVER_TOKEN_FILE names, or in OTEL_SQLITE_RECEIVER_TOKEN. It travels in the clear: use a
    private network, or a proxy that speaks TLS.

    \b
    OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer%20$TOKEN"

    \b
    POST /v1/traces   protobuf or JSON, plain or gzip
    GET  /health      200 while what is sent can be stored, else 503
    """
    try:
        from otel_sqlite.receiver.application import Conduct  # noqa: PLC0415 - an extra
        from otel_sqlite.receiver.server import Place, Tending, find_token, serve  # noqa: PLC0415 - an extra
        from otel_sqlite.receiver.wire import Limits  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        raise MissingExtraError("otel-sqlite receive", "receiver") from error
    given = ReceiverToken.from_env() if token_file is None else ReceiverToken(file=token_file)
    serve(
        Place(host=host, port=port),
        Conduct(token=find_token(given)),
        Limits(body_bytes=max_mib * 1024 * 1024, spans=max_spans, attributes=max_attributes),
        Tending(settings=Settings.from_env(path)),
        lambda url: click.echo(tables.printable(f"receiving OTLP at {url}/v1/traces, recording in {path}")),
    )
