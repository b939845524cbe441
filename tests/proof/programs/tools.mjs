// What the programs share: waiting with a deadline, expecting an error, and losing an answer on its way.
import assert from "node:assert/strict";

export async function until(question, patience = 60_000) {
  const deadline = Date.now() + patience;
  for (;;) {
    const answer = await question();
    if (answer) return answer;
    assert.ok(Date.now() < deadline, `not within ${patience} ms; the last answer was ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

// The error that a call raises, whose name is this.
export async function refused(name, call) {
  const error = await call().then(
    () => assert.fail(`${name} was expected`),
    (raised) => raised,
  );
  assert.equal(error.name, name, String(error?.stack ?? error));
  return error;
}

// The next answer of this client is lost after the server gave it; resolves to the attempts' invocation ids.
export function losing(client) {
  const handler = client.config.requestHandler;
  const ids = [];
  client.config.requestHandler = {
    ...handler,
    metadata: handler.metadata,
    handle: async (request, options) => {
      const answer = await handler.handle(request, options);
      ids.push(request.headers["amz-sdk-invocation-id"]);
      if (ids.length === 1) throw Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });
      return answer;
    },
    destroy: () => handler.destroy(),
  };
  return ids;
}

export const unique = (name) => `${name}-${Math.random().toString(36).slice(2, 12)}`;
export const text = (bytes) => Buffer.from(bytes).toString();
