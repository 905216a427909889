// An application that takes its interactions over HTTP, verified by Discord's own library.
//
//     node endpoint.mjs API PUBLIC_KEY
//
// It prints the address of its endpoint as one line of JSON, and ends with its standard input.

import { createServer } from "node:http";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { verifyKey } = require("discord-interactions");
const [api, publicKey] = process.argv.slice(2);

const server = createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const body = Buffer.concat(parts);
  const signature = request.headers["x-signature-ed25519"];
  const timestamp = request.headers["x-signature-timestamp"];
  if (!(await verifyKey(body, signature, timestamp, publicKey))) {
    response.writeHead(401).end("invalid request signature");
    return;
  }
  const interaction = JSON.parse(body);
  const answer = (json) => {
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(json));
  };
  if (interaction.type === 1) return answer({ type: 1 });
  answer({ type: 5 });
  const original = `${api}/api/v10/webhooks/${interaction.application_id}/${interaction.token}/messages/@original`;
  const content = `Done for ${interaction.member.user.username}`;
  const edit = () =>
    fetch(original, {
      method: "PATCH",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ content }),
    });
  // There is nothing to edit until the answer above has arrived.
  for (let tries = 0; tries < 100 && (await edit()).status === 404; tries += 1);
});

server.listen(0, "127.0.0.1", () => {
  const { port } = server.address();
  process.stdout.write(`${JSON.stringify({ endpoint: `http://127.0.0.1:${port}/` })}\n`);
});
process.stdin.on("end", () => server.close(() => process.exit(0))).resume();
