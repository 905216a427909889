// discord.js, found where NODE_PATH says, and pointed at a Discord of one's own.

import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
export const discord = require("discord.js");

/** A client that is logged in. Who fails to log in says so on standard output and ends with 1. */
export async function connect(api, token, intents) {
  const rest = { api: `${api}/api`, version: "10", retries: 0 };
  const client = new discord.Client({ intents, rest });
  client.on("error", (error) => say({ event: "error", message: String(error) }));
  const ready = new Promise((resolve) => client.once("clientReady", resolve));
  try {
    await client.login(token);
  } catch (error) {
    say({ event: "refused", message: error.message });
    process.exit(1);
  }
  await ready;
  return client;
}

/** One line of JSON. */
export function say(what) {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}
