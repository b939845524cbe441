// The key-value tables, and the first items of the one that is chosen.
import { count, written } from "./format";
import { useAgain } from "./hooks";
import { DataTable, Empty, Problem } from "./parts";
import type { Table } from "./types";

interface Index { name: string; key: string[]; local: boolean }
interface KeyValueTable { name: string; key: string[]; indexes: Index[]; ttl: string | null; items: number; bytes: number }

function Items({ name }: { name: string }) {
  const { found, failure } = useAgain<Table & { more: boolean }>(`/api/keyvalue/${encodeURIComponent(name)}`);
  if (failure) return <Problem failure={failure} />;
  if (!found) return null;
  if (!found.rows.length) return <p class="hint">No items yet.</p>;
  return <><DataTable table={found} caption={`Items of ${name}`} />{found.more && <p class="hint">The first {found.rows.length} items are shown.</p>}</>;
}

export function KeyValue({ name }: { name?: string }) {
  const { found, failure } = useAgain<{ tables: KeyValueTable[] }>("/api/keyvalue");
  const tables = found?.tables ?? [];
  return (
    <div class="page">
      <header class="page-head"><h1>Key-value tables</h1></header>
      {failure && <Problem failure={failure} />}
      {found && !tables.length && <div class="card"><Empty title="No tables"><p class="hint">A small table that functions read and change: add it under keyvalue: in forebay.yaml.</p></Empty></div>}
      <div class="resource-list">
        {tables.map((each) => (
          <section class={`card resource${each.name === name ? " wide" : ""}`} key={each.name} aria-label={each.name}>
            <h2><i class="dot up" aria-hidden="true" />{each.name === name ? each.name : <a href={`/keyvalue/${encodeURIComponent(each.name)}`}>{each.name}</a>}</h2>
            <dl class="facts">
              <div><dt>key</dt><dd>{each.key.join(", ")}</dd></div>
              <div><dt>items</dt><dd>{count(each.items)}</dd></div>
              <div><dt>size</dt><dd>{written(each.bytes, "bytes")}</dd></div>
              {each.ttl && <div><dt>time to live</dt><dd>{each.ttl}</dd></div>}
              {each.indexes.map((index) => <div key={index.name}><dt>{index.name}</dt><dd>{index.key.join(", ")}</dd></div>)}
            </dl>
            {(each.name === name || tables.length === 1) && <Items key={each.name} name={each.name} />}
          </section>
        ))}
      </div>
    </div>
  );
}
