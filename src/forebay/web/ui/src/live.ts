// The one WebSocket: what is watched now, resumed by itself after the server was away.
import type { Failure, Status, TileNews } from "./types";

export interface Watch {
  dashboard?: { name: string; range: string; filters: Record<string, string> };
  onTile?: (news: TileNews) => void;
  onError?: (failure: Failure) => void;
  onStatus?: (status: Status, at: number) => void;
  onStatusError?: (failure: Failure) => void;
}

export type Link = "connecting" | "live" | "paused" | "down";

class Live {
  private socket: WebSocket | null = null;
  private watch: Watch | null = null;
  private view = 0;
  private wait = 250;
  private timer = 0;
  private stopped = false; // the user's own pause
  private listeners = new Set<() => void>();
  private changed = new Set<() => void>();
  link: Link = "connecting";

  constructor() {
    // Nothing is asked for a page that nobody sees.
    document.addEventListener("visibilitychange", () => this.pace());
  }

  get paused() { return this.stopped; }

  start(watch: Watch): () => void {
    this.watch = watch;
    this.view += 1;
    if (this.socket?.readyState === WebSocket.OPEN) this.ask(); else this.connect();
    return () => {
      if (this.watch !== watch) return;
      this.watch = null;
      this.say({ type: "leave" });
    };
  }

  pause(paused: boolean) { this.stopped = paused; this.pace(); }

  onLink(listener: () => void): () => void { this.listeners.add(listener); return () => this.listeners.delete(listener); }
  onChanged(listener: () => void): () => void { this.changed.add(listener); return () => this.changed.delete(listener); }

  private get idle() { return this.stopped || document.hidden; }

  private pace() {
    this.say({ type: this.idle ? "pause" : "resume" });
    if (this.socket?.readyState === WebSocket.OPEN) this.set(this.stopped ? "paused" : "live");
  }

  private set(link: Link) { this.link = link; this.listeners.forEach((each) => each()); }

  private say(message: object) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  private ask() {
    const watch = this.watch;
    if (!watch) return;
    this.say({ type: "leave" });
    if (watch.dashboard) {
      const { name, range, filters } = watch.dashboard;
      this.say({ type: "subscribe", view: this.view, dashboard: name, range, filters });
    }
    if (watch.onStatus) this.say({ type: "status" });
  }

  private connect() {
    if (this.socket && this.socket.readyState <= WebSocket.OPEN) return;
    clearTimeout(this.timer);
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/live`);
    this.socket = socket;
    socket.onopen = () => {
      this.wait = 250;
      this.set(this.stopped ? "paused" : "live");
      this.ask();
      if (this.idle) this.say({ type: "pause" });
    };
    socket.onmessage = (event) => this.take(JSON.parse(event.data));
    socket.onclose = () => {
      if (this.socket !== socket) return;
      this.set("down");
      this.timer = window.setTimeout(() => this.connect(), this.wait);
      this.wait = Math.min(this.wait * 2, 4000);
    };
  }

  private take(message: { type: string; view?: number; at?: number; data?: never; error?: Failure }) {
    if (message.type === "changed") { this.changed.forEach((each) => each()); return; }
    const watch = this.watch;
    if (!watch) return;
    if (message.type === "status") {
      if (message.error) watch.onStatusError?.(message.error);
      else watch.onStatus?.(message.data as unknown as Status, message.at ?? Date.now() * 1000);
    } else if (message.view === this.view) {
      if (message.type === "tile") watch.onTile?.(message.data as unknown as TileNews);
      else if (message.type === "error" && message.error) watch.onError?.(message.error);
    }
  }
}

export const live = new Live();
