// What the console's API answers. The Python side is the contract: web/console.py, web/browser.py.

export interface Failure { code: string; message: string; where?: string; why?: string; fix?: string; line?: number; column?: number; hint?: string }
export interface Finding { code: string; file: string; line: number; column: number; message: string; why?: string; fix?: string; severity: string }

export interface GraphNode { id: string; noun: string; kind: string; name: string; label: string; stage: number; tables?: string[] }
export interface Graph { nodes: GraphNode[]; edges: { from: string; to: string }[] }
export interface RangeChoice { text: string; label: string }
export interface Listed { name: string; title: string; description: string; tiles: { title: string; kind: string }[]; findings: Finding[] }

export interface Console {
  name: string; description: string | null; version: string; timezone: string; day_starts: string; database: string;
  ranges: RangeChoice[]; themes: Record<string, object>; graph: Graph; dashboards: Listed[];
  first: { method: string; path: string; body: string; key: boolean } | null;
  queries: { name: string; sql: string; description: string | null }[];
}

export interface Tile {
  id: string; title: string; kind: string; sql: string; query: string | null; description: string; text: string;
  format: string; unit: string; compare: string | null; width: number; height: number; timezone: string; database: string;
}
export interface Filter { name: string; label: string; type: string; column: string | null; options: string[]; sql: string | null; default: string | null }
export interface Dashboard {
  name: string; title: string; description: string; range: string; range_label: string; timezone: string; day_starts: string;
  filters: Filter[]; tiles: Tile[]; ranges: RangeChoice[]; timed: boolean; findings: Finding[];
}

export type Cell = string | number | boolean | null;
export interface Table { columns: { name: string; type: string; numeric: boolean }[]; rows: Cell[][] }
export interface Answer extends Table { truncated: boolean; stats: { elapsed_ms?: number; scanned_bytes?: number; tables?: string[] } }

export interface NumberShown {
  value: number | null; text: string; spark?: object;
  before?: { value: number | null; text: string; change?: number };
}
export interface AlarmShown {
  name: string; state: string | null; since: number | null; told: string | null; reason: string | null; description: string | null;
  when: string | null; value: number | null; error: string | null;
}
export interface Shown {
  state: "ok" | "empty" | "error" | "waiting"; option?: Record<string, unknown>; number?: NumberShown; table?: Table;
  note?: string; range?: string; error?: Failure; waits?: { table: string; crawler: string; place: string }; alarms?: AlarmShown[];
}
export interface TileNews { tile: string; rev: number; ran_at: number; changed_at: number | null; cost_ms: number; interval: number; shown?: Shown }

export interface Counts {
  accepted: number; delivered: number; dropped: number; rejected: number; expired: number; erased: number; buffered: number;
  log?: string; lag?: number; adds_up?: boolean;
}
export interface Status {
  name: string; version: string;
  processes?: { role: string; pid: number | null; restarts?: number }[];
  urls?: Record<string, string>;
  ledger?: Record<string, Counts>;
  doors?: Record<string, { accepted: number; duplicate: number; refused: number }>;
  resources?: Record<string, unknown>[];
  streams?: Record<string, { accepted: number; kept: number; shards: number; retention_seconds: number }>;
  flow?: { deliveries?: Record<string, Record<string, unknown>>; functions?: Record<string, Record<string, unknown>>; alerts?: Record<string, { state: string | null; since?: number; told?: string | null; error?: string }>; trouble?: string | null; error?: Failure };
  problems?: (Failure & { about?: string })[];
}
