import { count, perSecond, written } from "./format";
import { LiveButton } from "./dashboard";
import { rate, useStatus } from "./overview";
import { Empty, Problem } from "./parts";
import type { Console } from "./types";

const KINDS = {
  streams: { noun: "streams", title: "Streams", empty: "No streams", hint: "A stream is a durable ordered log that others read at their own pace: add it under streams: in forebay.yaml." },
  deliveries: { noun: "delivery", title: "Deliveries", empty: "No deliveries", hint: "A delivery buffers events, transforms them and writes files to the lake: add it under delivery: in forebay.yaml." },
  functions: { noun: "functions", title: "Functions", empty: "No functions", hint: "A function is your own Python in a process of its own: add it under functions: in forebay.yaml." },
} as const;

const HIDDEN = new Set(["noun", "name", "id", "state", "last_error", "error", "from_", "to", "route", "lag", "position", "log", "on", "buffered", "accepted"]);
const BEHIND = 10; // so many seconds' worth of events may wait before something is said to catch up

function value(key: string, found: unknown): string {
  if (typeof found === "number") return key === "pids" ? String(found) : /bytes|size/.test(key) ? written(found, "bytes") : /seconds|_s$/.test(key) ? written(found, "duration") : written(found);
  if (Array.isArray(found)) return found.map((each) => value(key, each)).join(", ");
  if (typeof found === "boolean") return found ? "yes" : "no";
  return typeof found === "object" ? JSON.stringify(found) : String(found);
}

export function Resources({ kind, console }: { kind: keyof typeof KINDS; console: Console }) {
  const { status, failure, history } = useStatus();
  const { noun, title, empty, hint } = KINDS[kind];
  const nodes = console.graph.nodes.filter((each) => each.noun === noun);
  return (
    <div class="page">
      <header class="page-head"><h1>{title}</h1><div class="controls"><LiveButton /></div></header>
      {failure && <Problem failure={failure} />}
      {!nodes.length && <div class="card"><Empty title={empty}><p class="hint">{hint}</p></Empty></div>}
      <div class="resource-list">
        {nodes.map((node) => {
          const counts = status?.ledger?.[node.id];
          const known: Record<string, unknown> = {
            ...(status?.resources ?? []).find((each) => each.noun === noun && each.name === node.name),
            ...{ delivery: status?.flow?.deliveries, functions: status?.flow?.functions, streams: status?.streams }[noun]?.[node.name],
          };
          const on = Array.isArray(known.on) ? known.on as { last_result?: string; last_error?: unknown }[] : [];
          const results = on.map((each) => each.last_result).filter((each) => each);
          if (results.length) known.last_result = results;
          const error = known.last_error ?? known.error;
          const said = error && typeof error === "object" ? error as { code?: string; message?: string } : error ? { message: String(error) } : null;
          const from = console.graph.edges.filter((each) => each.to === node.id).map((each) => each.from);
          const to = console.graph.edges.filter((each) => each.from === node.id).map((each) => each.to);
          const now = rate(history, node.id);
          const whole = noun === "streams" && known.accepted !== undefined;  // a stream says itself what came, once
          const behind = counts?.lag && counts.lag > BEHIND * Math.max(now, 1);
          return (
            <section class="card resource" key={node.id} aria-label={node.name}>
              <h2><i class={`dot ${said ? "down" : behind ? "busy" : "up"}`} aria-hidden="true" />{node.name}<span class="state">{String(known.state ?? (said ? "failing" : behind ? "catching up" : "ready"))}</span></h2>
              {(from.length > 0 || to.length > 0) && <p class="hint">{from.length > 0 && <>from {from.join(", ")} </>}{to.length > 0 && <>to {to.join(", ")}</>}</p>}
              {counts && !whole && (
                <dl class="counts">
                  <div><dt>events/s</dt><dd>{perSecond(now)}</dd></div>
                  {(["accepted", "delivered", "buffered", "dropped", "rejected", "lag"] as const).map((each) => <div key={each} class={counts[each] ? "" : "zero"}><dt>{each}</dt><dd>{count(counts[each])}</dd></div>)}
                </dl>
              )}
              {noun === "functions" && known.invocations === undefined && <p class="hint">Not called since the start.</p>}
              {whole && (
                <dl class="counts">
                  <div><dt>events/s</dt><dd>{perSecond(now)}</dd></div>
                  <div class={known.accepted ? "" : "zero"}><dt>accepted</dt><dd>{count(known.accepted as number)}</dd></div>
                </dl>
              )}
              <dl class="facts">
                {Object.entries(known).filter(([key, found]) => !HIDDEN.has(key) && found !== null && found !== undefined && found !== "").map(([key, found]) => <div key={key}><dt>{key.replace(/^retention_seconds$/, "retention").replaceAll("_", " ")}</dt><dd>{value(key, found)}</dd></div>)}
              </dl>
              {said && <Problem failure={{ code: said.code ?? "LastError", message: said.message ?? "", why: "the last error" }} />}
            </section>
          );
        })}
      </div>
    </div>
  );
}
