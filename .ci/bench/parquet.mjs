// Usage: node parquet.mjs FILE.csv SCHEMA.json OUT.parquet
// DuckDB writes a CSV to Parquet (zstd), with the types of a Table Schema; records that it cannot read so are left out.
// Prints {"cpu":seconds,"rows":n}: what DuckDB alone took, without Node's start.
import { readFile } from 'node:fs/promises';
import { DuckDBInstance } from '@duckdb/node-api';

const [csv, schema, out] = process.argv.slice(2);
const quote = (s) => `'${s.replaceAll("'", "''")}'`;
const types = { number: 'DOUBLE', integer: 'BIGINT', date: 'DATE', datetime: 'TIMESTAMP', boolean: 'BOOLEAN' };
const { fields } = JSON.parse(await readFile(schema, 'utf8'));
const columns = fields.map((f) => `${quote(f.name)}: '${types[f.type] ?? 'VARCHAR'}'`).join(', ');
const db = await (await DuckDBInstance.create(':memory:', { threads: '2' })).connect();
const start = process.cpuUsage();
const read = `read_csv(${quote(csv)}, columns={${columns}}, auto_detect=false, header=true, delim=',', quote='"', escape='"', ignore_errors=true)`;
const result = await db.run(`COPY (SELECT * FROM ${read}) TO ${quote(out)} (FORMAT parquet, COMPRESSION zstd)`);
const { user, system } = process.cpuUsage(start);
console.log(JSON.stringify({ cpu: (user + system) / 1e6, rows: result.rowsChanged }));
