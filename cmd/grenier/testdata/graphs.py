"""Reads catalogue pages with rdflib, and says where the syntaxes of one page are not one graph.

usage: python graphs.py FOLDER. In it, NAME.ttl, NAME.rdf, NAME.jsonld and NAME.nt are the same page. With rapper on the machine, it reads them too.
"""

import pathlib
import shutil
import subprocess
import sys

from rdflib import BNode, Graph

FORMATS = {".ttl": "turtle", ".rdf": "xml", ".jsonld": "json-ld", ".nt": "nt"}
RAPPER = {".ttl": "turtle", ".rdf": "rdfxml", ".nt": "ntriples"}


def statements(graph):
    """The statements about named things, where a blank node is what is said of it: ours are leaves of a tree."""

    def term(node):
        if not isinstance(node, BNode):
            return node.n3()
        return "[" + " ; ".join(sorted(p.n3() + " " + term(o) for p, o in graph.predicate_objects(node))) + "]"

    found = sorted(s.n3() + " " + p.n3() + " " + term(o) for s, p, o in graph if not isinstance(s, BNode))
    loose = [b for b in set(graph.subjects()) if isinstance(b, BNode) and len(list(graph.subject_predicates(b))) != 1]
    if loose:
        sys.exit(f"{len(loose)} blank nodes are not said of one thing")
    return found


def rapper(path):
    out = subprocess.run(["rapper", "-q", "-i", RAPPER[path.suffix], "-o", "ntriples", str(path)], capture_output=True, text=True)
    if out.returncode or out.stderr.strip():
        sys.exit(f"{path.name}: rapper: {out.stderr}")
    return Graph().parse(data=out.stdout, format="nt")


def compare(name, want, got):
    if got != want:
        only = [f"- {s}" for s in want if s not in got] + [f"+ {s}" for s in got if s not in want]
        sys.exit(f"{name} says something else:\n" + "\n".join(only[:20]))


pages = triples = by_rapper = 0
for first in sorted(pathlib.Path(sys.argv[1]).glob("*.ttl")):
    want = None
    for suffix, name in FORMATS.items():
        path = first.with_suffix(suffix)
        graph = Graph().parse(data=path.read_bytes(), format=name)
        if suffix == ".ttl":
            want = statements(graph)
            pages, triples = pages + 1, triples + len(graph)
        if not want:
            sys.exit(f"{path.name}: no statement")
        compare(path.name, want, statements(graph))
        if suffix in RAPPER and shutil.which("rapper"):
            by_rapper += 1
            compare(path.name + " by rapper", want, statements(rapper(path)))
print(f"{pages} pages, {triples} statements, {by_rapper} documents read by rapper too")
