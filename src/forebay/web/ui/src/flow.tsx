// The project as a picture: resources in columns by stage, and what flows between them.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Graph } from "./types";

const NAMES: Record<string, string> = {
  simulate: "generator", ingest: "route", bus: "bus", streams: "stream", streamsql: "stream SQL", functions: "function",
  delivery: "delivery", lake: "bucket", catalog: "table", crawler: "crawler", view: "view", query: "named query", dashboards: "dashboard", topics: "topic", keyvalue: "key-value", alerts: "alert",
};
const LINKS: Record<string, (name: string) => string> = {
  dashboards: (name) => `/dashboards/${name}`, catalog: (name) => `/query?table=${encodeURIComponent(name)}`,
  streams: () => "/streams", delivery: () => "/deliveries", functions: () => "/functions",
  alerts: (name) => `/alerts/${encodeURIComponent(name)}`, topics: () => "/topics", keyvalue: () => "/keyvalue",
};

export function Flow({ graph, busy, state }: { graph: Graph; busy: Set<string>; state: (id: string) => string }) {
  const box = useRef<HTMLDivElement>(null);
  const [lines, setLines] = useState<{ d: string; id: string; busy: boolean }[]>([]);
  const joined = new Set(graph.edges.flatMap((each) => [each.from, each.to]));
  const shown = graph.nodes.filter((each) => joined.has(each.id));
  const stages = [...new Set(shown.map((each) => each.stage))].sort((a, b) => a - b);
  const stirring = [...busy].sort().join();

  useLayoutEffect(() => {
    const draw = () => {
      const root = box.current;
      if (!root) return;
      const origin = root.getBoundingClientRect();
      const place = (id: string) => root.querySelector(`[data-node="${CSS.escape(id)}"]`)?.getBoundingClientRect();
      setLines(graph.edges.flatMap(({ from, to }) => {
        const a = place(from), b = place(to);
        if (!a || !b) return [];
        const down = b.top > a.bottom && Math.abs(a.left - b.left) < a.width;
        const x1 = (down ? a.left + 28 : a.right) - origin.left, y1 = (down ? a.bottom : a.top + a.height / 2) - origin.top;
        const x2 = (down ? b.left + 28 : b.left) - origin.left, y2 = (down ? b.top : b.top + b.height / 2) - origin.top;
        const bend = down ? 0 : Math.max(16, (x2 - x1) / 2);
        return [{ id: `${from}>${to}`, busy: busy.has(from) && busy.has(to) || busy.has(from), d: down ? `M${x1} ${y1}L${x2} ${y2}` : `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}` }];
      }));
    };
    draw();
    const watch = new ResizeObserver(draw);
    if (box.current) watch.observe(box.current);
    return () => watch.disconnect();
  }, [graph, stirring]);

  if (!shown.length) return null;
  return (
    <div class="flow" ref={box} role="group" aria-label="What flows where">
      <svg class="flow-lines" aria-hidden="true">
        {lines.map((each) => <path key={each.id} d={each.d} class={each.busy ? "busy" : ""} />)}
      </svg>
      {stages.map((stage) => (
        <div class="flow-stage" key={stage}>
          {shown.filter((each) => each.stage === stage).map((each) => {
            const href = LINKS[each.noun]?.(each.tables?.[0] ?? each.name);
            const detail = state(each.id);
            const inside = <><span class="flow-noun">{NAMES[each.kind] ?? NAMES[each.noun] ?? each.noun}</span><strong title={each.name}>{each.label || each.name}</strong>{detail && <span class="flow-detail">{detail}</span>}</>;
            return href ? <a key={each.id} class={`flow-node n-${each.noun}`} data-node={each.id} href={href}>{inside}</a>
              : <div key={each.id} class={`flow-node n-${each.noun}`} data-node={each.id}>{inside}</div>;
          })}
        </div>
      ))}
    </div>
  );
}
