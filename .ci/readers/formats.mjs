// Usage: node formats.mjs FOLDER NAME
// DuckDB reads NAME.csv, .excel.csv, .ndjson, .geojson and .geo.parquet and counts the rows that differ from those of NAME.parquet; hyparquet reads
// the geometries of the GeoParquet file. Prints {"rows":n,"types":{…},"differences":{"csv":n,…},"geometries":[…]}.
import { DuckDBInstance } from '@duckdb/node-api';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';

const [folder, base] = process.argv.slice(2);
const path = (ext) => `'${folder.replaceAll("'", "''")}/${base.replaceAll("'", "''")}.${ext}'`;
const name = (s) => `"${s.replaceAll('"', '""')}"`;
const db = await (await DuckDBInstance.create(':memory:')).connect();
const rows = async (sql) => (await db.runAndReadAll(sql)).getRowObjectsJson();

const columns = await rows(`DESCRIBE SELECT * FROM ${path('parquet')}`);
const list = (expression) => columns.map((c) => `${expression(name(c.column_name), c.column_type)} AS ${name(c.column_name)}`).join(', ');
// An empty text and no value are one in CSV.
const bare = list((c, type) => (type === 'VARCHAR' ? `nullif(${c}, '')` : c));
const truth = `SELECT ${bare} FROM ${path('parquet')}`;
const csv = (ext, delimiter) => `read_csv(${path(ext)}, delim='${delimiter}', header=true, all_varchar=true, quote='"', escape='"', strict_mode=false)`;
// What a spreadsheet does with the cells of the CSV for spreadsheets.
const shown = (c) => `CASE WHEN ${c}[1:2] = '="' THEN ${c}[3:-2] WHEN ${c}[1:2] IN ('''=', '''@', '''-', '''+') THEN ${c}[2:] ELSE ${c} END`;
const struct = columns.map((c) => `${name(c.column_name)} ${c.column_type}`).join(', ');
const asked = {
  csv: `SELECT ${list((c, type) => `CAST(${c} AS ${type})`)} FROM ${csv('csv', ',')}`,
  'csv-excel': `SELECT ${list((c, type) => `CAST(${type === 'DOUBLE' ? `replace(${shown(c)}, ',', '.')` : shown(c)} AS ${type})`)} FROM ${csv('excel.csv', ';')}`,
  ndjson: `SELECT ${bare} FROM read_json(${path('ndjson')}, format='newline_delimited', columns={${columns.map((c) => `'${c.column_name.replaceAll("'", "''")}': '${c.column_type}'`).join(', ')}})`,
  geojson: `SELECT ${bare} FROM (SELECT unnest(f.properties) FROM (SELECT unnest(features) AS f FROM read_json(${path('geojson')}, columns={features: 'STRUCT(geometry JSON, properties STRUCT(${struct}))[]'})))`,
  geoparquet: `SELECT ${bare} FROM (SELECT * EXCLUDE (geometry) FROM ${path('geo.parquet')})`,
};
const differences = {};
for (const [format, sql] of Object.entries(asked)) {
  const [{ d }] = await rows(`SELECT (SELECT count(*) FROM (${truth} EXCEPT ALL ${sql}))::INT + (SELECT count(*) FROM (${sql} EXCEPT ALL ${truth}))::INT AS d`);
  differences[format] = d;
}
// The points of the GeoJSON file, as DuckDB reads them, against those of the GeoParquet file.
const [{ points }] = await rows(`SELECT count(*)::INT AS points FROM (
  SELECT 'POINT (' || (f.geometry->>'$.coordinates[0]') || ' ' || (f.geometry->>'$.coordinates[1]') || ')' AS g FROM (SELECT unnest(features) AS f FROM read_json(${path('geojson')}, columns={features: 'STRUCT(geometry JSON)[]'})) WHERE f.geometry->>'$.type' = 'Point'
  EXCEPT ALL SELECT geometry::VARCHAR FROM ${path('geo.parquet')})`);
differences.points = points;
const read = await parquetReadObjects({ file: await asyncBufferFromFile(`${folder}/${base}.geo.parquet`), compressors });
const types = Object.fromEntries((await rows(`DESCRIBE SELECT * FROM ${path('geo.parquet')}`)).map((c) => [c.column_name, c.column_type]));
console.log(JSON.stringify({ rows: read.length, types, differences, geometries: read.slice(0, 5).map((r) => r.geometry ?? null) }));
