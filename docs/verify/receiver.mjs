#!/usr/bin/env node
// A minimal receiver of aftercall's webhooks: verifies, remembers, answers. Node 18 or newer, only its own modules.
// WEBHOOK_SECRET=whsec_… PORT=9000 node receiver.mjs
import { createServer } from "node:http";
import { verify } from "./verify.mjs";

const SECRET = process.env.WEBHOOK_SECRET;
if (!SECRET) throw new Error("WEBHOOK_SECRET is not set");
const MAX_BODY = 2 << 20; // more than aftercall sends

// In memory for the example. Yours is a table with a unique webhook-id, written in the transaction that does the work.
const seen = new Set();

/** Does the work once. False if the id is known. */
function take(webhookId, event) {
  if (seen.has(webhookId)) return false;
  seen.add(webhookId);
  // … write what you make of the event here.
  return true;
}

async function rawBody(request) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > MAX_BODY) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const server = createServer(async (request, response) => {
  const answer = (status, text = "") => {
    console.log(status, text);
    response.writeHead(status, { "content-length": Buffer.byteLength(text) }).end(text);
  };
  try {
    if (request.method !== "POST") return answer(405);
    const body = await rawBody(request); // raw: nothing has parsed it yet
    if (body === null) return answer(413);
    let webhookId;
    try {
      webhookId = verify(SECRET, request.headers, body);
    } catch (error) {
      return answer(401, error.message);
    }
    const event = JSON.parse(body);
    const known = !take(webhookId, event);
    answer(200, `verified ${event.type} ${webhookId}${known ? " again" : ""}`);
  } catch (error) {
    console.error(error);
    if (!response.headersSent) answer(500);
  }
});

server.listen(Number(process.env.PORT ?? 9000), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
