#!/usr/bin/env node
// Verifies a webhook of aftercall. Node 18 or newer, nothing but its own modules.
// As a library: verify() or verifyPlain(). By hand: verify.mjs [--plain] SECRET HEADERS-FILE BODY-FILE
import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";

const TOLERANCE = 300; // seconds

/** Returns the webhook-id, or throws and says why. `headers`: an object with lower-case names; `body`: a Buffer. */
export function verify(secret, headers, body) {
  const id = headers["webhook-id"] ?? "";
  const timestamp = headers["webhook-timestamp"] ?? "";
  const signatures = headers["webhook-signature"] ?? "";
  if (!id || !signatures || !/^[0-9]{1,12}$/.test(timestamp)) {
    throw new Error("not signed: webhook-id, webhook-timestamp or webhook-signature is missing");
  }
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE) {
    throw new Error("webhook-timestamp is too old, or from the future");
  }
  const tag = createHmac("sha256", keyOf(secret)).update(`${id}.${timestamp}.`).update(body).digest("base64");
  // Several while a secret is rotated; one has to fit.
  if (!signatures.split(" ").some((one) => same(one, `v1,${tag}`))) {
    throw new Error("webhook-signature does not match");
  }
  return id;
}

/** The other signature: the key is the text of the secret, the message is the body alone. */
export function verifyPlain(secret, headers, body) {
  if (!secret) throw new Error("no secret is set");
  const tag = createHmac("sha256", secret).update(body).digest("hex");
  if (!same(headers["x-signature"] ?? "", `sha256=${tag}`)) {
    throw new Error("x-signature is missing or does not match");
  }
}

/** What base64 after whsec_ decodes to; of any other secret its text. */
function keyOf(secret) {
  const key = secret.startsWith("whsec_") ? Buffer.from(secret.slice(6), "base64") : Buffer.from(secret);
  if (key.length === 0) throw new Error("no secret is set, or it is not base64 after whsec_");
  return key;
}

function same(claimed, expected) {
  const [a, b] = [Buffer.from(claimed), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function main(args) {
  const plain = args[0] === "--plain";
  if (args.length !== (plain ? 4 : 3)) {
    console.error("usage: verify.mjs [--plain] SECRET HEADERS-FILE BODY-FILE");
    return 2;
  }
  const [secret, headersFile, bodyFile] = args.slice(plain ? 1 : 0);
  const lines = readFileSync(headersFile, "latin1").split(/\r?\n/).filter((line) => line.includes(":"));
  const headers = Object.fromEntries(lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
  }));
  const body = readFileSync(bodyFile);
  try {
    (plain ? verifyPlain : verify)(secret, headers, body);
  } catch (error) {
    console.log(`refused: ${error.message}`);
    return 1;
  }
  console.log("verified");
  return 0;
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = main(process.argv.slice(2));
}
