"""The verdict of frictionless on tables, one JSON object a line: {"schema": path, "table": path} in, a list of faults out.

Fields are matched by name, as Validata does; the header is line 1 and the delimiter the comma, so that only the judgement is compared.
"""

import json
import sys

from frictionless import Detector, Dialect, Resource, Schema, system
from frictionless.formats import CsvControl


def faults(schema, table):
    resource = Resource(
        path=table,
        schema=Schema.from_descriptor(schema),
        encoding="utf-8",
        dialect=Dialect(header_rows=[1], controls=[CsvControl(delimiter=",")]),
        detector=Detector(schema_sync=True),
    )
    report = resource.validate(limit_errors=100000)
    found = []
    for error in report.flatten(["type", "rowNumber", "fieldName", "note"]):
        kind, row, field, note = error
        found.append({"type": kind, "row": row or 0, "field": field or "", "note": (note or "")[:200]})
    return found


def main():
    with system.use_context(trusted=True):
        for line in sys.stdin:
            task = json.loads(line)
            try:
                answer = {"faults": faults(task["schema"], task["table"])}
            except Exception as broken:  # said, so that the other side can tell
                answer = {"broken": f"{type(broken).__name__}: {broken}"[:300]}
            print(json.dumps(answer), flush=True)


main()
