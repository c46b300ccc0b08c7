"""Prints how dense the code is, and fails where it is denser than CONTRIBUTING.md allows.

Counted per 1,000 lines of the product, which is everything beside tests and migrations.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
LONGEST_TEMPLATE_LINE = 160
MOST_PER_1000_LINES = {
    "comprehensions": 14,
    "assignments of several things": 2,
    "Any": 10,
}


def product_files() -> Iterator[Path]:
    yield ROOT / "manage.py"
    for package in ("backups", "vbsdash"):
        for file in sorted((ROOT / package).rglob("*.py")):
            if not {"tests", "migrations"} & set(file.relative_to(ROOT).parts):
                yield file


def name_of(node: ast.AST) -> str | None:
    """Returns what a node is counted as, if it is counted."""
    if isinstance(node, COMPREHENSIONS):
        return "comprehensions"
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple):
        unpacks = any(isinstance(target, ast.Tuple) for target in node.targets)
        return "assignments of several things" if unpacks else None
    if isinstance(node, ast.Name) and node.id == "Any":
        return "Any"
    return None


def long_template_lines() -> Iterator[str]:
    for file in sorted((ROOT / "templates").rglob("*.html")):
        for number, line in enumerate(file.read_text().splitlines(), start=1):
            if len(line) > LONGEST_TEMPLATE_LINE:
                yield f"{file.relative_to(ROOT)}:{number} has {len(line)} characters"


def main() -> int:
    counts = dict.fromkeys(MOST_PER_1000_LINES, 0)
    lines = 0
    by_folder: dict[str, dict[str, int]] = {}
    for file in product_files():
        source = file.read_text()
        folder = str(file.parent.relative_to(ROOT))
        in_folder = by_folder.setdefault(folder, {"lines": 0, **dict.fromkeys(counts, 0)})
        lines += source.count("\n")
        in_folder["lines"] += source.count("\n")
        for node in ast.walk(ast.parse(source)):
            name = name_of(node)
            if name is not None:
                counts[name] += 1
                in_folder[name] += 1
    if "--folders" in sys.argv:
        for folder, numbers in by_folder.items():
            print(f"{folder:32}", *(f"{value:6} {name}" for name, value in numbers.items()))
    print(f"{lines:,} lines of Python beside tests and migrations; per 1,000 of them:")
    failed = False
    for name, most in MOST_PER_1000_LINES.items():
        density = 1000 * counts[name] / lines
        print(f"{density:6.1f} {name} (at most {most})")
        failed |= density > most
    for sentence in long_template_lines():
        print(f"{sentence}, more than {LONGEST_TEMPLATE_LINE}")
        failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
