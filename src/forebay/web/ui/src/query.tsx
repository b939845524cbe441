import { useEffect, useRef, useState } from "preact/hooks";
import { failureOf, post } from "./api";
import type { Editor } from "./editor";
import { duration, written } from "./format";
import { useScheme } from "./hooks";
import { Icon } from "./icons";
import { DataTable, Empty, Problem } from "./parts";
import type { Answer, Console, Failure } from "./types";

const KEPT = "forebay.sql";

function start(console: Console): string {
  const table = new URLSearchParams(location.search).get("table");
  if (table) return `SELECT *\nFROM ${table}\nLIMIT 100`;
  try { const kept = localStorage.getItem(KEPT); if (kept) return kept; } catch { /* nothing kept */ }
  const first = console.graph.nodes.find((each) => each.noun === "catalog" && each.kind !== "crawler");
  return first ? `SELECT count(*) AS events\nFROM ${first.name}` : "SELECT 1 AS one";
}

export function QueryPage({ console }: { console: Console }) {
  const box = useRef<HTMLDivElement>(null);
  const editor = useRef<Editor | null>(null);
  const sql = useRef(start(console));
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [ran, setRan] = useState("");
  const [busy, setBusy] = useState(false);
  const [loaded, setLoaded] = useState(false);
  const { scheme } = useScheme();
  const tables = console.graph.nodes.filter((each) => each.noun === "catalog").flatMap((each) => each.tables ?? [each.name]);

  const run = async () => {
    const text = sql.current.trim();
    if (!text) return;
    try { localStorage.setItem(KEPT, text); } catch { /* not kept */ }
    setBusy(true);
    setRan(sql.current);
    try {
      setAnswer(await (await post("/api/query", { sql: sql.current })).json());
      setFailure(null);
    } catch (error) { setFailure(failureOf(error)); setAnswer(null); }
    setBusy(false);
  };
  const latest = useRef(run);
  latest.current = run;
  const save = async () => {
    try {
      const file = await (await post("/api/query", { sql: ran || sql.current, format: "csv" })).blob();
      const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: "query.csv" });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    } catch (error) { setFailure(failureOf(error)); }
  };

  useEffect(() => {
    let gone = false;
    void import("./editor").then(({ edit }) => {
      if (gone || !box.current) return;
      editor.current = edit(box.current, sql.current, scheme, tables, (text) => { sql.current = text; }, () => void latest.current());
      setLoaded(true);
    });
    return () => { gone = true; editor.current?.close(); editor.current = null; };
  }, [scheme]);
  useEffect(() => { if (new URLSearchParams(location.search).has("table")) void latest.current(); }, []);
  const put = (text: string) => {
    sql.current = text;
    editor.current?.set(sql.current);
    void latest.current();
  };

  return (
    <div class="page">
      <header class="page-head">
        <div><h1>Query</h1><p class="hint">Athena SQL over the lake and what is not yet in it. Times are UTC.</p></div>
      </header>
      <section class="card editor-card" aria-label="SQL">
        <div ref={box} class="editor" />
        {!loaded && <textarea class="editor-plain" aria-label="SQL" spellcheck={false} onInput={(event) => { sql.current = event.currentTarget.value; }}>{sql.current}</textarea>}
        <div class="editor-bar">
          <button class="primary" onClick={() => void run()} disabled={busy}><Icon name="play" size={13} />{busy ? "Running" : "Run"}</button>
          <kbd>Ctrl Enter</kbd>
          <span class="chips">{tables.slice(0, 12).map((each) => <button class="chip" key={each} onClick={() => put(`SELECT *\nFROM ${each}\nLIMIT 100`)}>{each}</button>)}
            {console.queries.slice(0, 20).map((each) => <button class="chip named" key={each.name} title={each.description ?? "named query"} onClick={() => put(each.sql)}>{each.name}</button>)}</span>
        </div>
      </section>
      {failure && <Problem failure={failure} sql={ran} />}
      {answer ? (
        <section class="card result" aria-label="Result">
          <div class="result-bar" role="status">
            <span><b>{written(answer.rows.length)}</b> {answer.rows.length === 1 ? "row" : "rows"}{answer.truncated ? " (the first of more)" : ""}</span>
            {answer.stats.elapsed_ms !== undefined && <span class="hint">{duration(answer.stats.elapsed_ms / 1000)}</span>}
            {answer.stats.scanned_bytes !== undefined && <span class="hint">{written(answer.stats.scanned_bytes, "bytes")} read</span>}
            <button class="quiet text" onClick={() => void save()}><Icon name="download" size={15} />CSV</button>
          </div>
          <DataTable table={answer} caption="Result of the query" />
        </section>
      ) : !failure && <div class="card"><Empty title={busy ? "Running" : "No result yet"}><p class="hint">Write a SELECT and run it.</p></Empty></div>}
    </div>
  );
}
