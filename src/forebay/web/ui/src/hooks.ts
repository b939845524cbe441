import { useEffect, useState } from "preact/hooks";

export interface Place { path: string; query: URLSearchParams }

const read = (): Place => ({ path: location.pathname, query: new URLSearchParams(location.search) });
const moved = new Set<() => void>();
addEventListener("popstate", () => moved.forEach((each) => each()));

export function go(to: string, replace = false) {
  history[replace ? "replaceState" : "pushState"](null, "", to);
  moved.forEach((each) => each());
}

export function usePlace(): Place {
  const [place, set] = useState(read);
  useEffect(() => {
    const listen = () => set(read());
    moved.add(listen);
    return () => { moved.delete(listen); };
  }, []);
  return place;
}

// One clock for all "3 s ago".
const ticks = new Set<() => void>();
setInterval(() => { if (!document.hidden) ticks.forEach((each) => each()); }, 1000);

export function useNow(): number {
  const [now, set] = useState(Date.now);
  useEffect(() => {
    const tick = () => set(Date.now());
    ticks.add(tick);
    return () => { ticks.delete(tick); };
  }, []);
  return now;
}

export type Scheme = "light" | "dark";
export type Choice = "auto" | Scheme;
const dark = matchMedia("(prefers-color-scheme: dark)");
const schemes = new Set<() => void>();

function stored(): Choice {
  try { const kept = localStorage.getItem("forebay.theme"); return kept === "light" || kept === "dark" ? kept : "auto"; } catch { return "auto"; }
}
let choice: Choice = stored();
const scheme = (): Scheme => (choice === "auto" ? (dark.matches ? "dark" : "light") : choice);

function apply() {
  document.documentElement.dataset.theme = scheme();
  schemes.forEach((each) => each());
}
dark.addEventListener("change", apply);
apply();

export function choose(next: Choice) {
  choice = next;
  try { localStorage.setItem("forebay.theme", next); } catch { /* private windows may refuse: it lasts as long as the page */ }
  apply();
}

export function useScheme(): { scheme: Scheme; choice: Choice } {
  const [, again] = useState(0);
  useEffect(() => {
    const listen = () => again((n) => n + 1);
    schemes.add(listen);
    return () => { schemes.delete(listen); };
  }, []);
  return { scheme: scheme(), choice };
}
