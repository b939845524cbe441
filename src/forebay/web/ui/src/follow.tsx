// A live question in Flink SQL: a socket to /api/follow, and its rows as they come, the newest first; rows that change
// do so in their places.
import { useEffect, useRef, useState } from "preact/hooks";
import { count, written } from "./format";
import { DataTable, Empty } from "./parts";
import type { Cell, Failure, Table } from "./types";

export interface StreamTable { name: string; log: string; columns: [string, string][]; time: string | null }
export interface Noted { name: string; sql: string }
export type Begin = "latest" | "earliest";

interface Opened { type: "columns"; columns: [string, string][]; log: string; changing: boolean }
interface Came { type: "rows"; rows: Record<string, Cell>[]; watermark: number | null; lag: number; late: number; unreadable: number; left_out: number; ops?: string[]; groups?: number[]; order?: number[] }
interface Failed { type: "error"; error: Failure }

export interface Followed extends Table { log: string; seen: number; facts: Omit<Came, "type" | "rows"> | null; live: boolean; changing: boolean }

const MOST = 500; // rows that the page keeps
const NUMBER = /^(TINYINT|SMALLINT|INT|BIGINT|FLOAT|DOUBLE|DECIMAL)/;

// A whole number of more digits than a double has stays as it was written, where the browser tells.
const exact = (_: string, value: unknown, context?: { source?: string }) =>
  typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value) ? context?.source ?? value : value;

const cell = (value: unknown): Cell => (value !== null && typeof value === "object" ? JSON.stringify(value) : (value ?? null) as Cell);

const NAME = /^[A-Za-z_]\w*$/;
export const quoted = (name: string) => (NAME.test(name) ? name : `\`${name.replaceAll("`", "``")}\``);
export const rowsOf = (table: StreamTable) => `SELECT *\nFROM ${quoted(table.name)}`;

// What to begin with: events by ten seconds, where a table has a time.
export function firstQuestion(tables: StreamTable[]): string {
  const timed = tables.find((each) => each.time);
  if (timed?.time) return `SELECT window_start, COUNT(*) AS events\nFROM TABLE(TUMBLE(TABLE ${quoted(timed.name)}, DESCRIPTOR(${quoted(timed.time)}), INTERVAL '10' SECOND))\nGROUP BY window_start, window_end`;
  return tables[0] ? rowsOf(tables[0]) : "";
}

export function useFollow() {
  const socket = useRef<WebSocket | null>(null);
  const held = useRef(new Map<number, Cell[]>()); // rows that change, by which row it is
  const [followed, setFollowed] = useState<Followed | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);

  const stop = () => {
    const open = socket.current;
    socket.current = null;
    open?.close();
    setBusy(false);
    setFollowed((now) => now && { ...now, live: false });
  };
  useEffect(() => stop, []);

  const start = (sql: string, begin: Begin) => {
    stop();
    setFollowed(null);
    setFailure(null);
    setBusy(true);
    const made = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/follow`);
    socket.current = made;
    made.onopen = () => made.send(JSON.stringify({ sql, begin }));
    made.onmessage = (event) => {
      if (socket.current !== made) return;
      const said: Opened | Came | Failed = JSON.parse(event.data, exact);
      if (said.type === "columns") {
        const columns = said.columns.map(([name, type]) => ({ name, type, numeric: NUMBER.test(type) }));
        held.current = new Map();
        setFollowed({ columns, rows: [], log: said.log, seen: 0, facts: null, live: true, changing: said.changing });
      } else if (said.type === "rows") {
        const { rows, type: _, ...facts } = said;
        setFollowed((now) => now && { ...now, ...(now.changing ? changed(now, said, held.current) : taken(now, rows)), facts });
      } else {
        setFailure(said.error);
        stop();
      }
    };
    made.onclose = () => {
      if (socket.current !== made) return;
      setFailure({ code: "HungUp", message: "forebay hung up", fix: "run it again" });
      stop();
    };
  };
  return { followed, failure, busy, start, stop, forget: () => { stop(); setFollowed(null); setFailure(null); } };
}

function taken(now: Followed, rows: Record<string, Cell>[]): Pick<Followed, "rows" | "seen"> {
  if (!rows.length) return now;
  const made = rows.slice(-MOST).reverse().map((row) => now.columns.map(({ name }) => cell(row[name])));
  return { rows: [...made, ...now.rows].slice(0, MOST), seen: now.seen + rows.length };
}

// What became of rows, taken into `held`. State may be made twice of one message: the same again changes nothing.
function changed(now: Followed, { rows, ops, groups, order }: Came, held: Map<number, Cell[]>): Pick<Followed, "rows" | "seen"> {
  if (!rows.length && !order) return now;
  rows.forEach((row, at) => {
    const group = groups?.[at] ?? 0, op = ops?.[at];
    if (op === "-D") held.delete(group);
    else if (op !== "-U") held.set(group, now.columns.map(({ name }) => cell(row[name])));
  });
  const made: Cell[][] = [];
  for (const group of order ?? held.keys()) {
    const row = held.get(group);
    if (row) made.push(row);
    if (made.length === MOST) break;
  }
  return { rows: made, seen: held.size };
}

const clock = (ms: number) => new Date(ms).toISOString().replace("T", " ").replace(/(\.000)?Z$/, "");

export function FollowResult({ followed }: { followed: Followed }) {
  const { facts, seen, live, rows, log, changing } = followed;
  return (
    <section class="card result" aria-label="Live result">
      <div class="result-bar follow-bar">
        <span class={`pulse${live ? " live" : ""}`}><i aria-hidden="true" />{live ? "Live" : "Ended"}</span>
        <span role="status"><b>{written(seen)}</b> {seen === 1 ? "row" : "rows"}{seen > rows.length ? ` (the ${changing ? "first" : "last"} ${rows.length} are shown)` : ""}</span>
        {changing && <span class="hint" title="A row changes in its place as events come">rows change</span>}
        {facts?.watermark != null && <span class="hint" title="No window that ends before is open any more">watermark {clock(facts.watermark)}</span>}
        {!!facts?.late && <span class="hint" title="Events that came after all their windows had closed">{count(facts.late)} late</span>}
        {!!facts?.unreadable && <span class="hint" title="Events that are no JSON, or do not fit their columns">{count(facts.unreadable)} unreadable</span>}
        {!!facts?.lag && <span class="hint">{count(facts.lag)} {facts.lag === 1 ? "event" : "events"} to go</span>}
        {!!facts?.left_out && <span class="hint" title="More rows at once than can be shown">{count(facts.left_out)} rows left out</span>}
      </div>
      {rows.length || !live ? <DataTable table={followed} caption={changing ? "Rows as they are now" : "Rows as they come, the newest first"} />
        : <Empty title={`Waiting for events of ${log}`}><p class="hint">Rows come with events; those of a window when later events close it.</p></Empty>}
    </section>
  );
}
