// Runs a program's checks, one after the other, and says of each on a line how it ended.
// It runs beside somebody else's client and knows nothing of forebay.
import { pathToFileURL } from "node:url";

const { checks } = await import(pathToFileURL(process.argv[2]).href);
for (const [check, run] of Object.entries(checks)) {
  let failed = null;
  try {
    await run();
  } catch (error) {
    failed = `${error?.stack ?? error} ${JSON.stringify(error?.$metadata ?? {})}`;
  }
  console.log(JSON.stringify({ check, failed }));
}
process.exit(0);
