# Usage: python read.py FORMAT FILE COLUMNS
# pyarrow reads a published file; what it prints is what read.mjs prints. A CSV has no types: it is read as the columns that COLUMNS says. So are
# the moments of NDJSON, and its dates as texts: JSON has neither, and pyarrow would make moments of both. All other types are those of the file.
import json
import struct
import sys
from datetime import date, datetime

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

format, file, columns = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
TOLD = {"string": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_(), "date": pa.date32(), "datetime": pa.timestamp("us")}


def read_csv(delimiter, point):
    return pa.csv.read_csv(
        file,
        parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            column_types={c["name"]: TOLD[c["type"]] for c in columns}, null_values=[""], strings_can_be_null=True, decimal_point=point
        ),
    )


def read_ndjson():
    told = pa.schema([(c["name"], pa.string() if c["type"] == "date" else TOLD[c["type"]]) for c in columns if c["type"] in ("date", "datetime")])
    return pa.json.read_json(file, parse_options=pa.json.ParseOptions(explicit_schema=told, newlines_in_values=False))


def text(v):
    if v is None:
        return None
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, (date, datetime)):
        return v.isoformat()
    if isinstance(v, bytes):  # WKB of a point
        order, kind, lon, lat = struct.unpack("<BIdd", v)
        assert (order, kind) == (1, 1), v
        return f"POINT ({lon!r} {lat!r})"
    return repr(v) if isinstance(v, float) else str(v)


read = {
    "csv": lambda: read_csv(",", "."),
    "csv-excel": lambda: read_csv(";", ","),
    "ndjson": read_ndjson,
    "parquet": lambda: pa.parquet.read_table(file),
    "geoparquet": lambda: pa.parquet.read_table(file),
}
table = read[format]()
names = [c["name"] for c in columns] + (["geometry"] if format == "geoparquet" else [])
rows = zip(*(table.column(n).to_pylist() for n in names))
json.dump({"types": {n: str(table.schema.field(n).type) for n in names}, "rows": [[text(v) for v in r] for r in rows]}, sys.stdout)
