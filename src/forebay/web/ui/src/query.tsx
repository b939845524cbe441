import { useEffect, useRef, useState } from "preact/hooks";
import { failureOf, get, post } from "./api";
import type { Editor } from "./editor";
import { FollowResult, firstQuestion, rowsOf, useFollow, type Begin, type Noted, type StreamTable } from "./follow";
import { duration, written } from "./format";
import { go, keep, kept, useScheme } from "./hooks";
import { Icon } from "./icons";
import { DataTable, Empty, Problem } from "./parts";
import type { Answer, Console, Failure } from "./types";

const KEPT = { lake: "forebay.sql", live: "forebay.flink" };

const firstOf = (table: string) => `SELECT *\nFROM ${table}\nLIMIT 100`;

function start(console: Console): string {
  const table = new URLSearchParams(location.search).get("table");
  if (table) return firstOf(table);
  const last = kept(KEPT.lake);
  if (last) return last;
  const first = console.graph.nodes.find((each) => each.noun === "catalog" && each.kind !== "crawler");
  return first ? `SELECT count(*) AS events\nFROM ${first.name}` : "SELECT 1 AS one";
}

export function QueryPage({ console }: { console: Console }) {
  const box = useRef<HTMLDivElement>(null);
  const editor = useRef<Editor | null>(null);
  const [follows, setFollows] = useState(() => new URLSearchParams(location.search).has("follow"));
  const [streams, setStreams] = useState<StreamTable[] | null>(null);
  const [noted, setNoted] = useState<Noted[]>([]);
  const [begin, setBegin] = useState<Begin>("latest");
  const live = useFollow();
  const sql = useRef(follows ? kept(KEPT.live) ?? "" : start(console));
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [ran, setRan] = useState("");
  const [busy, setBusy] = useState(false);
  const [loaded, setLoaded] = useState(false);
  const { scheme } = useScheme();
  const lake = console.graph.nodes.filter((each) => each.noun === "catalog").flatMap((each) => each.tables ?? [each.name]);
  const tables = follows ? (streams ?? []).map((each) => each.name) : lake;
  const shown = follows ? live.failure : failure;

  const run = async () => {
    const text = sql.current.trim();
    if (!text) return;
    keep(follows ? KEPT.live : KEPT.lake, text);
    setRan(sql.current);
    if (follows) { live.start(sql.current, begin); return; }
    setBusy(true);
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
  }, [scheme, tables.join()]);
  useEffect(() => {
    if (!follows) return;
    let gone = false;
    get<{ tables: StreamTable[]; questions: Noted[] }>("/api/follow/tables").then((found) => {
      if (gone) return;
      setStreams(found.tables);
      setNoted(found.questions);
      if (!sql.current) write(firstQuestion(found.tables));
    }, () => { if (!gone) setStreams([]); }); // what a question may read is said when it is asked
    return () => { gone = true; };
  }, [follows, console]);
  useEffect(() => { if (new URLSearchParams(location.search).has("table")) void latest.current(); }, []);
  const write = (text: string) => {
    sql.current = text;
    editor.current?.set(text);
  };
  const put = (text: string) => {
    write(text);
    void latest.current();
  };
  const turn = () => {
    keep(follows ? KEPT.live : KEPT.lake, sql.current.trim());
    live.forget();
    go(follows ? "/query" : "/query?follow", true);
    write(follows ? start(console) : kept(KEPT.live) || firstQuestion(streams ?? []));
    setFollows(!follows);
  };

  return (
    <div class="page">
      <header class="page-head">
        <div><h1>Query</h1><p class="hint">{follows ? "Flink SQL over the streams: rows as events come, until you stop or leave. Times are UTC." : "Athena SQL over the lake and what is not yet in it. Times are UTC."}</p></div>
      </header>
      <section class="card editor-card" aria-label="SQL">
        <div ref={box} class="editor" />
        {!loaded && <textarea class="editor-plain" aria-label="SQL" spellcheck={false} onInput={(event) => { sql.current = event.currentTarget.value; }}>{sql.current}</textarea>}
        <div class="editor-bar">
          {live.busy ? <button class="primary" onClick={live.stop}><Icon name="pause" size={13} />Stop</button>
            : <button class="primary" onClick={() => void run()} disabled={busy}><Icon name="play" size={13} />{busy ? "Running" : "Run"}</button>}
          <kbd>Ctrl Enter</kbd>
          <label class="switch"><input type="checkbox" role="switch" checked={follows} onChange={turn} />Follow</label>
          {follows && <label class="switch">from <select value={begin} onChange={(event) => setBegin(event.currentTarget.value as Begin)}><option value="latest">now on</option><option value="earliest">the oldest kept</option></select></label>}
          <span class="chips">{follows ? (streams ?? []).slice(0, 12).map((each) => <button class="chip" key={each.name} title={each.columns.map((column) => column.join(" ")).join(", ")} onClick={() => put(rowsOf(each))}>{each.name}</button>)
            : lake.slice(0, 12).map((each) => <button class="chip" key={each} onClick={() => put(firstOf(each))}>{each}</button>)}
            {follows ? noted.slice(0, 20).map((each) => <button class="chip named" key={each.name} title="a question of a notebook" onClick={() => put(each.sql)}>{each.name}</button>)
            : console.queries.slice(0, 20).map((each) => <button class="chip named" key={each.name} title={each.description ?? "named query"} onClick={() => put(each.sql)}>{each.name}</button>)}</span>
        </div>
      </section>
      {shown && <Problem failure={shown} sql={ran} />}
      {follows ? live.followed ? <FollowResult followed={live.followed} />
        : !shown && <div class="card"><Empty title={live.busy ? "Opening" : "No question yet"}><p class="hint">{streams && !streams.length ? "A question reads the tables that the project's stream SQL declares, or that its own text does before its SELECT." : "Write a SELECT over a stream and run it."}</p></Empty></div>
      : answer ? (
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
