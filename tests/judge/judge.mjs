#!/usr/bin/env node
// Asks DuckDB, which shares no code with us, what is in the packs below a directory.
//
//   node judge.mjs DIR SQL          prints each row as one line of JSON
//   node judge.mjs DIR CASES.json   [{"what": …, "sql": …, "rows": [[…], …]}, …]: compares, prints what
//                                   differs, exits 1 when anything does
//
// SQL may use the view `packs` (every DIR/**/*.parquet, with project, run_id and rank from the path
// where it has them) and $ROOT, which becomes DIR. 64-bit integers come out as strings, because
// JSON's numbers cannot hold them; so do NaN and the infinities, dates and bytes.
// DuckDB is looked for in $RUNLOG_JUDGE/node_modules, then next to this file.
import { createRequire } from 'node:module';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const [dir, question] = process.argv.slice(2);
if (!dir || !question) {
  console.error('usage: node judge.mjs DIR SQL | node judge.mjs DIR CASES.json');
  process.exit(2);
}

function loadDuckDb() {
  const here = dirname(fileURLToPath(import.meta.url));
  for (const base of [process.env.RUNLOG_JUDGE, here]) {
    if (base && existsSync(join(base, 'node_modules/@duckdb/node-api'))) {
      return createRequire(join(resolve(base), 'package.json'))('@duckdb/node-api');
    }
  }
  console.error(`judge.mjs: DuckDB is not installed; run npm install in ${here}`);
  process.exit(77);  // what CTest may take as "skipped"
}

const quoted = (text) => `'${text.replaceAll("'", "''")}'`;
const root = resolve(dir);

/** What JSON can hold without loss, so that rows can be compared as text. */
function plain(value) {
  if (value === null || value === undefined) return null;
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number') {
    if (Object.is(value, -0)) return '-0';
    return Number.isFinite(value) ? value : String(value);
  }
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object') return String(value);
  return value;
}

async function rowsOf(connection, sql) {
  const reader = await connection.runAndReadAll(sql.replaceAll('$ROOT', root));
  return reader.getRows().map((row) => row.map(plain));
}

async function connect() {
  const { DuckDBInstance } = loadDuckDb();
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  await connection.run(
      'CREATE VIEW packs AS SELECT * FROM read_parquet(' +
      `${quoted(`${root}/**/*.parquet`)}, hive_partitioning=true, union_by_name=true)`);
  return connection;
}

async function compare(connection, cases) {
  let differences = 0;
  for (const { what, sql, rows } of cases) {
    let found;
    try {
      found = await rowsOf(connection, sql);
    } catch (error) {
      found = String(error);
    }
    if (JSON.stringify(found) === JSON.stringify(rows)) continue;
    differences += 1;
    console.log(`differs: ${what}\n  expected ${JSON.stringify(rows)}\n  found    ${JSON.stringify(found)}`);
  }
  console.log(`${cases.length - differences} of ${cases.length} cases match`);
  return differences === 0;
}

const connection = await connect();
if (question.endsWith('.json')) {
  process.exitCode = (await compare(connection, JSON.parse(readFileSync(question, 'utf8')))) ? 0 : 1;
} else {
  for (const row of await rowsOf(connection, question)) console.log(JSON.stringify(row));
}
