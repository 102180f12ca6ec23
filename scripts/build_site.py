"""Put the documentation site together in ``build/site/html``: guides, examples with their figures, references.

The pages are those of the repository. Their links are turned to where the pages lie in the site; a source file or folder that a
page links to becomes a page. A link that leads nowhere, in what FORD writes too, and what comes from a foreign host are errors.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import check_site

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "build" / "site"
PAGES = SITE / "pages"
FORTRAN = PAGES / "reference" / "fortran"

_LINK = re.compile(r"\]\(([^)\s#]+)(#[^)\s]*)?\)")
_FENCE = re.compile(r"^( *)```")
_LANGUAGES = {f".{end}": "fortran" for end in ("f90", "fypp", "nml")} | {f".{end}": end for end in ("py", "cpp", "c", "cmake")}
# What FORD's pages fetch from elsewhere, and what they get instead: MkDocs carries the same library. They have no formulas.
_FOREIGN = {
    r'<link\s+href="https://[^"]*/bootstrap.min.css"[^>]*>': '<link href="{root}css/bootstrap.min.css" rel="stylesheet">',
    r'<script\s+src="https://[^"]*/bootstrap.bundle.min.js"[^>]*>': '<script src="{root}js/bootstrap.bundle.min.js">',
    r'<script\s+src="https://[^"]*/MathJax.js[^"]*"[^>]*>\s*</script>': "",
}


def pages() -> dict[Path, Path]:
    """Return the pages of the repository, and where each lies in the site."""
    docs = [page for page in (ROOT / "docs").glob("*.md") if page.name != "ford.md"]
    found = [*docs, *(ROOT / "examples").rglob("README.md"), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
    return {page: page.relative_to(ROOT) for page in sorted(found)} | {ROOT / "docs" / "site" / "index.md": Path("index.md")}


def in_the_site(text: str, page: Path, places: dict[Path, Path]) -> str:
    """Return a page with its links turned; what they lead to and is no page yet is added to ``places``."""

    def turned(link: re.Match[str]) -> str:
        file = ((page if page.is_dir() else page.parent) / link[1]).resolve()
        if not file.exists() or ROOT not in file.parents:
            return link[0]
        name = file.relative_to(ROOT)
        place = places.setdefault(file, name / "files.md" if file.is_dir() else name.with_name(name.name + ".md"))
        return f"]({os.path.relpath(place, places[page].parent)}{link[2] or ''})"

    return _LINK.sub(turned, text)


def with_wide_lists(text: str) -> str:
    """Return a page with what is indented indented twice as far: MkDocs wants four blanks where the repository has two."""
    lines, fence = [], None
    for line in text.splitlines():
        mark = _FENCE.match(line)
        lines.append((fence if fence is not None else line[: len(line) - len(line.lstrip())]) + line)
        if mark:
            fence = mark[1] if fence is None else None
    return "\n".join(lines) + "\n"


def figures(folder: str) -> Iterator[str]:
    """Copy the figures that ``make examples`` has drawn for an example; yield what its page says about them."""
    sys.path.insert(0, str(ROOT / "examples"))
    from run import EXAMPLES

    for picture in next((example.pictures for example in EXAMPLES if example.folder == folder), ()):
        drawn = ROOT / "build" / "examples" / folder / picture
        if drawn.exists():
            shutil.copy(drawn, PAGES / "examples" / folder)
            yield f"\n![{picture}]({picture})\n"
        else:
            yield f"\n`{picture}` is not drawn yet: `make examples`, then `make site` again.\n"


def text_of(page: Path, places: dict[Path, Path]) -> str:
    """Return what stands on a page: its own text, the files of a folder, or a source file."""
    if page.is_dir():
        listed = "".join(f"- [{file.name}]({file.name})\n" for file in sorted(page.iterdir()) if file.suffix in _LANGUAGES)
        return in_the_site(f"# {page.name}\n\n{listed}", page, places)
    if page.suffix == ".md":
        return with_wide_lists(in_the_site(page.read_text(), page, places))
    return f"# {page.name}\n\n````{_LANGUAGES.get(page.suffix, 'text')}\n{page.read_text()}````\n"


def write_pages() -> None:
    """Write the pages of the repository, and those of the source files and folders that they link to."""
    places, written = pages(), set[Path]()
    while waiting := places.keys() - written:
        for page in waiting:
            target = PAGES / places[page]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text_of(page, places))
        written |= waiting
    for page, place in places.items():
        if page.name == "README.md" and (drawn := list(figures(page.parent.name))):
            with (PAGES / place).open("a") as text:
                text.write("\n## Figures\n" + "".join(drawn))
    first = PAGES / "index.md"  # wide enough to be read without scrolling
    first.write_text(f"---\nhide: [toc]\n---\n{first.read_text()}")
    (PAGES / "assets").mkdir()
    shutil.copy(ROOT / "docs" / "site" / "iframe-worker.js", PAGES / "assets")


def write_fortran() -> None:
    """Write the reference of all procedures, and a page that leads into it."""
    FORTRAN.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["ford", "docs/ford.md", "--output_dir", str(FORTRAN)], cwd=ROOT, check=True)
    theme = Path(str(distribution("mkdocs").locate_file("mkdocs/themes/mkdocs")))
    for file in ("css/bootstrap.min.css", "js/bootstrap.bundle.min.js"):
        shutil.copy(theme / file, FORTRAN / file)
    for page in FORTRAN.rglob("*.html"):
        root = "../" * (len(page.relative_to(FORTRAN).parts) - 1)
        text = page.read_text().replace(f"{FORTRAN}/", root)  # some of FORD's links are not relative
        for pattern, ours in _FOREIGN.items():
            text = re.sub(pattern, ours.format(root=root), text)
        page.write_text(text)
    guide = (ROOT / "docs" / "ford.md").read_text().split("---\n", 2)[2]
    guide = re.sub(r"\[\[(\w+)\]\]", r"[\1](fortran/module/\1.html)", guide.partition("\nThe guides (")[0])
    (FORTRAN.parent / "fortran.md").write_text(f"# Fortran\n\n[All procedures](fortran/lists/procedures.html).\n{guide}")


def write_python() -> None:
    """Write a page for each Python package: its public names, which MkDocs fills with their docstrings."""
    for package in ("pt2ts", "ftorch"):
        tree = ast.parse((ROOT / "python" / package / "__init__.py").read_text())
        lists = [node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"]
        names = [name for name in ast.literal_eval(lists[0]) if not name.startswith("_")]
        shown = [f"::: {package}.{name}\n    options: {{show_root_heading: true, show_root_toc_entry: true}}\n" for name in names]
        head = (ast.get_docstring(tree) or "").partition("\n")[0]
        (FORTRAN.parent / f"{package}.md").write_text(f"# {package}\n\n{head}\n\n" + "\n".join(shown))


def main() -> int:
    """Write, build, check; return the exit status."""
    shutil.rmtree(SITE, ignore_errors=True)
    PAGES.mkdir(parents=True)
    write_pages()
    write_fortran()
    write_python()
    words = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--config-file", str(ROOT / "mkdocs.yml")]
    if subprocess.run(words, check=False, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}).returncode != 0:
        return 1
    (SITE / "html" / "404.html").unlink()  # for servers, and with links that only hold at the root of one
    wrong = list(check_site.findings(SITE / "html", only_files=SITE / "html" / FORTRAN.relative_to(PAGES)))
    print("\n".join(wrong), end="\n" * bool(wrong))
    print(f"[site] {SITE / 'html' / 'index.html'}: " + (f"{len(wrong)} links are wrong" if wrong else "all links lead somewhere"))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
