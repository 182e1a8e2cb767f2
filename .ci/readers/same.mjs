// Usage: node same.mjs FILE.csv FILE.parquet [DELIMITER]
// DuckDB reads both files and counts the rows that one has and the other has not. Prints {"rows":n,"columns":[…],"differences":n}.
import { DuckDBInstance } from '@duckdb/node-api';

const [csv, parquet, delimiter = ','] = process.argv.slice(2);
const quote = (s) => `'${s.replaceAll("'", "''")}'`;
const name = (s) => `"${s.replaceAll('"', '""')}"`;
const db = await (await DuckDBInstance.create(':memory:')).connect();
const rows = async (sql) => (await db.runAndReadAll(sql)).getRowObjectsJson();

// The Parquet file says the types; the CSV, read as text, is cast to them. An empty text and no value are one in CSV.
const columns = await rows(`DESCRIBE SELECT * FROM read_parquet(${quote(parquet)})`);
const text = `read_csv(${quote(csv)}, delim=${quote(delimiter)}, header=true, all_varchar=true, quote='"', escape='"', null_padding=false, strict_mode=true)`;
const fromCSV = columns.map((c) =>
  c.column_type === 'BOOLEAN'
    ? `CASE WHEN ${name(c.column_name)} IS NULL THEN NULL ELSE lower(${name(c.column_name)}) IN ('true','1','oui','t','vrai') END`
    : `TRY_CAST(${name(c.column_name)} AS ${c.column_type})`).join(', ');
const fromParquet = columns.map((c) => (c.column_type === 'VARCHAR' ? `nullif(${name(c.column_name)}, '')` : name(c.column_name))).join(', ');
const a = `SELECT ${fromCSV} FROM ${text}`;
const b = `SELECT ${fromParquet} FROM read_parquet(${quote(parquet)})`;
const [{ n }] = await rows(`SELECT count(*)::INT AS n FROM read_parquet(${quote(parquet)})`);
const [{ d }] = await rows(`SELECT (SELECT count(*) FROM (${a} EXCEPT ALL ${b}))::INT + (SELECT count(*) FROM (${b} EXCEPT ALL ${a}))::INT AS d`);
console.log(JSON.stringify({ rows: n, columns: columns.map((c) => `${c.column_name} ${c.column_type}`), differences: d }));
