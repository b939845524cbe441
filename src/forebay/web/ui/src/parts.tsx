// Small pieces that several pages show.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Icon } from "./icons";
import type { Cell, Failure, Finding, Table } from "./types";

export function Problem({ failure, sql }: { failure: Failure; sql?: string }) {
  const line = sql !== undefined && failure.line ? sql.split("\n")[failure.line - 1] : undefined;
  return (
    <div class="problem" role="alert">
      <p class="problem-head"><Icon name="alert" size={16} /><span>{failure.message}</span></p>
      {line !== undefined && (
        <pre class="caret" aria-label={`line ${failure.line}, column ${failure.column}`}>
          <span class="caret-line">{failure.line}</span>{line}{"\n"}
          <span class="caret-line" />{" ".repeat(Math.max(0, (failure.column ?? 1) - 1))}<b>^</b>
        </pre>
      )}
      {failure.why && <p>{failure.why}</p>}
      {(failure.hint ?? failure.fix) && <p class="fix">{failure.hint ?? failure.fix}</p>}
      {failure.where && <p class="where">{failure.where}</p>}
    </div>
  );
}

export function Findings({ findings }: { findings: Finding[] }) {
  if (!findings.length) return null;
  return (
    <section class="problem findings" aria-label="Findings">
      <p class="problem-head"><Icon name="alert" size={16} /><span>{findings.length === 1 ? "One thing to mend" : `${findings.length} things to mend`} in this file; the rest is shown.</span></p>
      <ul>
        {findings.map((each) => (
          <li key={`${each.line}${each.code}${each.message}`}>
            <code>{each.file}{each.line ? `:${each.line}` : ""}</code> {each.message}{each.fix ? <span class="hint">: {each.fix}</span> : null}
          </li>
        ))}
      </ul>
    </section>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <svg viewBox="0 0 64 30" width="64" height="30" aria-hidden="true"><path d="M2 8c6 0 6-5 12-5s6 5 12 5 6-5 12-5 6 5 12 5 6-5 12-5M2 18c6 0 6-5 12-5s6 5 12 5 6-5 12-5 6 5 12 5 6-5 12-5M2 28c6 0 6-5 12-5s6 5 12 5 6-5 12-5 6 5 12 5 6-5 12-5" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" /></svg>
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

const STATES: Record<string, string> = { ALARM: "alarm", OK: "ok", INSUFFICIENT_DATA: "no data" };

// The state of an alarm; null is one that is refused.
export function Badge({ state }: { state: string | null }) {
  const kind = state === "ALARM" ? "bad" : state === "OK" ? "good" : "unsure";
  return <span class={`badge ${kind}`}>{state === null ? "refused" : STATES[state] ?? state}</span>;
}

export function Copy({ text }: { text: string }) {
  const [done, set] = useState(false);
  const copy = async () => {
    try { await navigator.clipboard.writeText(text); } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    set(true);
    setTimeout(() => set(false), 1500);
  };
  return (
    <button class="quiet copy" onClick={copy} aria-label={done ? "Copied" : "Copy"} title="Copy">
      <Icon name={done ? "check" : "copy"} size={15} />
    </button>
  );
}

function shown(value: Cell, numeric: boolean): string {
  if (value === null) return "";
  if (typeof value === "number" && numeric) return Number.isInteger(value) ? value.toLocaleString("en-US") : String(Number(value.toPrecision(12)));
  if (numeric) return String(value).replace(/^-?\d+(?=\.|$)/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ",")); // decimals come as text
  return String(value);
}

export function DataTable({ table, caption }: { table: Table; caption: string }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={caption}>
      <table class="data">
        <caption class="sr">{caption}</caption>
        <thead>
          <tr>{table.columns.map((each, at) => <th key={at} scope="col" class={each.numeric ? "num" : ""} title={each.type}>{each.name}</th>)}</tr>
        </thead>
        <tbody>
          {table.rows.map((row, at) => (
            <tr key={at}>
              {row.map((value, column) => {
                const numeric = table.columns[column]?.numeric ?? false;
                return <td key={column} class={`${numeric ? "num" : ""}${value === null ? " null" : ""}`}>{value === null ? "NULL" : shown(value, numeric)}</td>;
              })}
            </tr>
          ))}
        </tbody>
      </table>
      {!table.rows.length && <p class="hint pad">No rows</p>}
    </div>
  );
}

// Headings, lists, emphasis, code and links of a text tile; anything else stays as it was written.
export function Prose({ text }: { text: string }) {
  const blocks = text.trim().split(/\n\s*\n/);
  return <div class="prose">{blocks.map((block, at) => <Block key={at} text={block} />)}</div>;
}

function Block({ text }: { text: string }) {
  const lines = text.split("\n").map((each) => each.trim());
  const heading = /^(#{1,3})\s+(.*)$/.exec(text.trim());
  if (heading && lines.length === 1) return <h3><Inline text={heading[2] ?? ""} /></h3>;
  if (lines.every((each) => /^[-*]\s/.test(each))) return <ul>{lines.map((each, at) => <li key={at}><Inline text={each.slice(2)} /></li>)}</ul>;
  return <p><Inline text={lines.join(" ")} /></p>;
}

function Inline({ text }: { text: string }) {
  const parts = text.split(/(\*\*[^*]+\*\*|`[^`]+`|\*[^*]+\*|\[[^\]]+\]\([^)\s]+\))/);
  return (
    <>
      {parts.map((part, at) => {
        const link = /^\[([^\]]+)\]\(([^)\s]+)\)$/.exec(part);
        if (link && /^(https?:\/\/|\/)/.test(link[2] ?? "")) return <a key={at} href={link[2]} rel="noreferrer noopener">{link[1]}</a>;
        if (part.startsWith("**") && part.length > 4) return <strong key={at}>{part.slice(2, -2)}</strong>;
        if (part.startsWith("`") && part.length > 2) return <code key={at}>{part.slice(1, -1)}</code>;
        if (part.startsWith("*") && part.length > 2) return <em key={at}>{part.slice(1, -1)}</em>;
        return part;
      })}
    </>
  );
}
