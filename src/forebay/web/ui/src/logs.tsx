// The log groups: searched for words, or asked as Logs Insights is.
import { useRef, useState } from "preact/hooks";
import { failureOf, post } from "./api";
import { duration, written } from "./format";
import { keep, kept, useAgain } from "./hooks";
import { Icon } from "./icons";
import { DataTable, Empty, Problem } from "./parts";
import type { Failure, Table } from "./types";

interface Group { name: string; bytes: number; retention: number | null; created: number }
interface Answer extends Table { stats: { elapsed_ms: number; scanned_bytes: number; scanned: number; matched: number } }

const KEPT = "forebay.insights";
const SPANS: [number, string][] = [[900, "15 minutes"], [3600, "1 hour"], [86400, "1 day"], [604800, "1 week"], [31536000, "1 year"]];
const START = "fields @timestamp, @logStream, @message\n| sort @timestamp desc\n| limit 100";
const MORE: [string, string][] = [
  ["latest", START],
  ["by minute", "stats count(*) as events by bin(1m) as minute\n| sort minute desc"],
  ["errors", "filter @message like /(?i)error|exception/\n| fields @timestamp, @message\n| limit 100"],
  ["fields", "fields @timestamp, @log, @logStream, @message | limit 20"],
];

// What a person means by words: all of them are in the message, in any case.
function searched(words: string): string {
  const tests = words.split(/\s+/).filter(Boolean).map((word) => `@message like /(?i)${word.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")}/`);
  return `${tests.length ? `filter ${tests.join(" and ")}\n| ` : ""}${START}`;
}

export function Logs() {
  const { found, failure: listing } = useAgain<{ groups: Group[] }>("/api/logs/groups");
  const groups = found?.groups ?? [];
  const [chosen, choose] = useState<string[] | null>(null);
  const [span, setSpan] = useState(3600);
  const [text, setText] = useState(() => kept(KEPT) ?? START);
  const [ran, setRan] = useState("");
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  const words = useRef("");
  const first = groups[0];
  const picked = chosen ?? (first ? [first.name] : []);

  const run = async (query = text) => {
    if (!picked.length || !query.trim()) return;
    keep(KEPT, query);
    setText(query);
    setRan(query);
    setBusy(true);
    try {
      setAnswer(await (await post("/api/logs/query", { text: query, groups: picked, span })).json());
      setFailure(null);
    } catch (error) { setFailure(failureOf(error)); setAnswer(null); }
    setBusy(false);
  };
  const turn = (name: string) => choose(picked.includes(name) ? picked.filter((each) => each !== name) : [...picked, name]);

  return (
    <div class="page">
      <header class="page-head">
        <div><h1>Logs</h1><p class="hint">Lines of functions, access logs of routes, and what was put with CloudWatch Logs. Times are UTC.</p></div>
      </header>
      {listing && <Problem failure={listing} />}
      {found && !groups.length && <div class="card"><Empty title="No log groups"><p class="hint">A function's lines come here with its first call; a route's access log with telemetry: {"{access_log: json}"} in forebay.yaml.</p></Empty></div>}
      {groups.length > 0 && (
        <>
          <section class="card" aria-label="Log groups">
            <h2>Log groups</h2>
            <ul class="log-groups">
              {groups.map((each) => (
                <li key={each.name}>
                  <label><input type="checkbox" checked={picked.includes(each.name)} onChange={() => turn(each.name)} /><span>{each.name}</span>
                    <span class="hint">{written(each.bytes, "bytes")}{each.retention ? `, kept ${each.retention} days` : ""}</span></label>
                </li>
              ))}
            </ul>
          </section>
          <section class="card editor-card" aria-label="Query">
            <form class="log-search" onSubmit={(event) => { event.preventDefault(); void run(searched(words.current)); }}>
              <label class="field"><span>Search for</span><input type="search" placeholder="timeout user-17" onInput={(event) => { words.current = event.currentTarget.value; }} /></label>
              <label class="field"><span>Time</span><select value={span} onChange={(event) => setSpan(Number(event.currentTarget.value))}>{SPANS.map(([value, label]) => <option key={value} value={value}>{label}</option>)}</select></label>
              <button class="quiet text" disabled={busy || !picked.length}>Search</button>
            </form>
            <textarea class="editor-plain" aria-label="Logs Insights query" spellcheck={false} rows={Math.max(4, text.split("\n").length + 1)} value={text}
              onInput={(event) => setText(event.currentTarget.value)}
              onKeyDown={(event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); void run(); } }} />
            <div class="editor-bar">
              <button class="primary" onClick={() => void run()} disabled={busy || !picked.length}><Icon name="play" size={13} />{busy ? "Running" : "Run"}</button>
              <kbd>Ctrl Enter</kbd>
              <span class="chips">{MORE.map(([name, query]) => <button class="chip" key={name} onClick={() => void run(query)}>{name}</button>)}</span>
            </div>
          </section>
          {failure && <Problem failure={failure} sql={ran} />}
          {answer ? (
            <section class="card result log-lines" aria-label="Result">
              <div class="result-bar" role="status">
                <span><b>{written(answer.rows.length)}</b> {answer.rows.length === 1 ? "row" : "rows"}</span>
                <span class="hint">{written(answer.stats.matched)} of {written(answer.stats.scanned)} lines matched</span>
                <span class="hint">{duration(answer.stats.elapsed_ms / 1000)}</span>
              </div>
              <DataTable table={answer} caption="Result of the query" />
            </section>
          ) : !failure && <div class="card"><Empty title={busy ? "Running" : "No result yet"}><p class="hint">Search for words, or write a query and run it.</p></Empty></div>}
        </>
      )}
    </div>
  );
}
