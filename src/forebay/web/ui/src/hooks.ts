import { useEffect, useState } from "preact/hooks";
import { failureOf, get } from "./api";
import { live } from "./live";
import type { Failure } from "./types";

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

const EVERY = 2000;

// What the path answers, asked again every two seconds while the page is seen.
export function useAgain<T>(path: string | null): { found: T | null; failure: Failure | null } {
  const [found, setFound] = useState<T | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  useEffect(() => {
    if (!path) return;
    let gone = false;
    const ask = () => {
      if (document.hidden) return;
      get<T>(path).then((answer) => { if (!gone) { setFound(answer); setFailure(null); } }, (error) => { if (!gone) setFailure(failureOf(error)); });
    };
    ask();
    const timer = setInterval(ask, EVERY);
    const forget = live.onChanged(ask);
    return () => { gone = true; clearInterval(timer); forget(); };
  }, [path]);
  return { found, failure };
}

// What this browser keeps; private windows may refuse: then it lasts as long as the page.
export function kept(key: string): string | null {
  try { return localStorage.getItem(key); } catch { return null; }
}

export function keep(key: string, text: string) {
  try { localStorage.setItem(key, text); } catch { /* not kept */ }
}

export type Scheme = "light" | "dark";
export type Choice = "auto" | Scheme;
const dark = matchMedia("(prefers-color-scheme: dark)");
const schemes = new Set<() => void>();

const stored = kept("forebay.theme");
let choice: Choice = stored === "light" || stored === "dark" ? stored : "auto";
const scheme = (): Scheme => (choice === "auto" ? (dark.matches ? "dark" : "light") : choice);

function apply() {
  document.documentElement.dataset.theme = scheme();
  schemes.forEach((each) => each());
}
dark.addEventListener("change", apply);
apply();

export function choose(next: Choice) {
  choice = next;
  keep("forebay.theme", next);
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
