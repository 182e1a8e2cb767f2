// Usage: node read.mjs duckdb|hyparquet FORMAT FILE COLUMNS
// Reads a published file and prints {"types":{column: type},"rows":[[text or null, …], …]}: the columns in the order of COLUMNS, which is
// [{"name":…,"type":…},…] with the types of the Table Schema, and behind them the geometry as WKT where the format has one.
// A CSV has no types: it is read as the columns that COLUMNS says. All other files say theirs.
import { readFile } from 'node:fs/promises';

const [reader, format, file, list] = process.argv.slice(2);
const columns = JSON.parse(list);
const maps = format === 'geojson' || format === 'geoparquet';
const names = [...columns.map((c) => c.name), ...(maps ? ['geometry'] : [])];
const point = (g) => (g == null ? null : `POINT (${g.coordinates[0]} ${g.coordinates[1]})`);
console.log(JSON.stringify(await { duckdb, hyparquet }[reader]()));

async function duckdb() {
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const db = await (await DuckDBInstance.create(':memory:')).connect();
  const ask = async (sql) => (await db.runAndReadAll(sql)).getRowObjectsJson();
  const quote = (s) => `'${s.replaceAll("'", "''")}'`;
  const name = (s) => `"${s.replaceAll('"', '""')}"`;
  const told = { string: 'VARCHAR', integer: 'BIGINT', number: 'DOUBLE', boolean: 'BOOLEAN', date: 'DATE', datetime: 'TIMESTAMP' };
  const csv = (more) => `SELECT * FROM read_csv(${quote(file)}, header=true, quote='"', escape='"', auto_detect=false, ${more},
    columns={${columns.map((c) => `${quote(c.name)}: '${told[c.type]}'`).join(', ')}})`;
  const text = `(geometry->>'$.coordinates[0]') || ' ' || (geometry->>'$.coordinates[1]')`;
  const from = {
    csv: () => csv(`delim=','`),
    'csv-excel': () => csv(`delim=';', decimal_separator=',', new_line='\\r\\n'`),
    parquet: () => `SELECT * FROM ${quote(file)}`,
    geoparquet: () => `SELECT * FROM ${quote(file)}`,
    ndjson: () => `SELECT * FROM read_json(${quote(file)}, format='newline_delimited', sample_size=-1)`,
    geojson: async () => `SELECT properties.*, CASE WHEN json_type(geometry) = 'OBJECT' THEN 'POINT (' || ${text} || ')' END AS geometry FROM
      (SELECT unnest(features, max_depth := 2) FROM read_json(${quote(file)}, sample_size=-1, maximum_object_size=268435456, columns={features: ${quote(`STRUCT(geometry JSON, properties ${await inferred(ask, quote(file))})[]`)}}))`,
  };
  const sql = await from[format]();
  const types = Object.fromEntries((await ask(`DESCRIBE ${sql}`)).map((c) => [c.column_name, c.column_type.replace('HUGEINT', 'BIGINT')])); // of integers of both signs, in JSON
  const rows = await ask(`SELECT ${names.map((n) => `${name(n)}::VARCHAR AS ${name(n)}`).join(', ')} FROM (${sql})`);
  return { types, rows: rows.map((r) => names.map((n) => (types[n] === 'TIMESTAMP' ? r[n]?.replace(' ', 'T') : r[n]) ?? null)) };
}

// inferred is the type that DuckDB finds for the properties by itself.
async function inferred(ask, file) {
  const [{ t }] = await ask(`SELECT typeof(features[1].properties) AS t FROM read_json(${file}, sample_size=-1, maximum_object_size=268435456) LIMIT 1`);
  return t;
}

async function hyparquet() {
  const { parquetReadObjects } = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  const bytes = await readFile(file);
  const objects = await parquetReadObjects({ file: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength), compressors });
  const types = {};
  for (const n of names) {
    const v = objects.find((o) => o[n] != null)?.[n];
    types[n] = v instanceof Date ? 'Date' : typeof v;
  }
  const days = Object.fromEntries(columns.map((c) => [c.name, c.type === 'date' ? 10 : 19]));
  const cell = (n, v) => (v == null ? null : n === 'geometry' ? point(v) : v instanceof Date ? v.toISOString().slice(0, days[n]) : String(v));
  return { types, rows: objects.map((o) => names.map((n) => cell(n, o[n]))) };
}
