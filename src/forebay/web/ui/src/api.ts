import type { Failure } from "./types";

export class ApiError extends Error {
  constructor(readonly failure: Failure, readonly status: number) { super(failure.message); }
}

async function checked(response: Response): Promise<Response> {
  if (response.ok) return response;
  let failure: Failure = { code: `Http${response.status}`, message: `the server answered ${response.status}` };
  try { failure = (await response.json()).error ?? failure; } catch { /* not JSON: the status says enough */ }
  throw new ApiError(failure, response.status);
}

async function reach(path: string, init?: RequestInit): Promise<Response> {
  try { return await fetch(path, init); } catch {
    throw new ApiError({ code: "NoServer", message: "forebay does not answer", fix: "is `forebay run` still running?" }, 0);
  }
}

export async function get<T>(path: string): Promise<T> {
  return (await checked(await reach(path))).json();
}

export async function post(path: string, body: unknown): Promise<Response> {
  return checked(await reach(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }));
}

export const failureOf = (error: unknown): Failure =>
  error instanceof ApiError ? error.failure : { code: "Failed", message: String(error) };
