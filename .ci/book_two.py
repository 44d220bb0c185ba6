"""Build the sources of the book with jupyter-book 2, strictly, without asking any server for a theme.

The first argument is the program of jupyter-book 2; its environment is its own, as it excludes version 1.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import yaml

program, source = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
folder = Path("build/book2/source")
shutil.rmtree(folder, ignore_errors=True)
shutil.copytree(source, folder)
old = yaml.safe_load((folder / "_toc.yml").read_text())


def find(name: str) -> dict:
    return {"file": next(f"{name}{end}" for end in (".ipynb", ".md") if (folder / f"{name}{end}").is_file())}


toc = [find(old["root"])]
toc += [
    {"title": part["caption"], "children": [find(c["file"]) for c in part["chapters"]]}
    for part in old["parts"]
]
# DOIs are looked up on the web, which may not be there; they stand in the bibliography.
rules = [{"rule": "doi-link-valid", "severity": "ignore"}]
project = {"bibliography": ["references.bib"], "toc": toc, "error_rules": rules}
site = {"template": "./template"}  # contents only: the themes live on a server
(folder / "myst.yml").write_text(yaml.safe_dump({"version": 1, "project": project, "site": site}))
(folder / "template").mkdir()
theme = {"myst": "v1", "kind": "site", "title": "Contents", "build": {"install": "true", "start": "true"}}
(folder / "template" / "template.yml").write_text(yaml.safe_dump(theme))
done = subprocess.run([program, "build", "--site", "--strict", "--ci"], cwd=folder, stdin=subprocess.DEVNULL)
pages = len(list((folder / "_build" / "site" / "content").glob("*.json")))
print(f"jupyter-book 2: {pages} pages, exit code {done.returncode}")
sys.exit(done.returncode)
