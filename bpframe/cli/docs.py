"""bpframe docs: open the documents of this version, offline."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("page", default="README", metavar="[PAGE | DISTRIBUTION]")
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), help="The folder to write the pages to.")
@click.option("--no-browser", is_flag=True, help="Print the path of the page alone.")
def docs(page: str, output: Path | None, no_browser: bool) -> None:
    """Open the documents of this version in a browser, offline: PAGE, or the list of all.

    Of an installed DISTRIBUTION of plugins it prints a page in Markdown instead: its components with their formulas and
    arguments, for the documents of its author.

    PAGE is a name as in `bpframe docs write-a-plugin` or `bpframe docs reference/optimizers`. The pages are written as
    HTML to the user's folder for caches, or to --output.
    """
    from bpframe.cli.distribution_page import distribution_page, is_distribution
    from bpframe.cli.documents import is_page, page_name, pages_folder, write_html

    if not is_page(page) and is_distribution(page):
        click.echo(distribution_page(page), nl=False)
        return
    name, folder = page_name(page), output or pages_folder()
    write_html(folder)
    path = (folder / f"{name}.html").absolute()
    click.echo(path)
    if not no_browser:
        import webbrowser

        webbrowser.open(path.as_uri())
