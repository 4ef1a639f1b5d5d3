"""The command ``fsa cache``: the tokens that trainings keep on disk, listed and removed."""

import datetime
from typing import Annotated

import typer

cache = typer.Typer(no_args_is_help=True, help="List and remove the tokens that are kept on disk.")


@cache.command("list")
def list_tables() -> None:
    """List the token tables under FSA_CACHE_DIR: their size, and when they were used last."""
    from rich.table import Table

    from fsa_jax.data import table_files
    from fsa_jax.opinions.console import open_console
    from fsa_jax.runtime import locations
    from fsa_jax.runtime.files import sized

    root = locations.token_tables()
    found = table_files.kept(root)
    if not found:
        typer.echo(f"{root} holds no tokens")
        return
    shown = Table(title=str(root))
    for head in ("table", "size", "last used"):
        shown.add_column(head, justify="right" if head == "size" else "left")
    for one in found:
        day = datetime.datetime.fromtimestamp(one.used).date()
        shown.add_row(one.folder.name, sized(one.bytes), str(day))
    open_console().print(shown)
    typer.echo(f"{len(found)} tables, {sized(sum(one.bytes for one in found))} in all")


@cache.command("clean")
def clean(
    unused_days: Annotated[
        float, typer.Option(min=0, help="Remove what was not used for so many days; 0 for all.")
    ] = 30,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be removed.")
    ] = False,
) -> None:
    """Remove old token tables; whoever needs one makes it again."""
    from fsa_jax.data import table_files
    from fsa_jax.runtime import locations
    from fsa_jax.runtime.files import sized

    found = table_files.kept(locations.token_tables())
    old = [one for one in found if one.unused_days >= unused_days]
    for one in old:
        if not dry_run:
            table_files.remove(one)
        typer.echo(f"{sized(one.bytes):>10}  {one.folder}")
    verb = "would be removed" if dry_run else "removed"
    size = sized(sum(one.bytes for one in old))
    typer.echo(f"{verb}: {len(old)} of {len(found)} tables, {size}")
