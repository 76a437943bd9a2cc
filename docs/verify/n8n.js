// n8n, Code node, "Run Once for All Items", behind a Webhook node with the option "Raw Body".
// Gives one item: {"genuine": true, "event": {…}}, or {"genuine": false, "reason": "…"}.
const { createHmac, timingSafeEqual } = require("crypto");

const secret = "whsec_…"; // or $vars.AFTERCALL_SECRET, or $env.AFTERCALL_SECRET where the node may read it

const refuse = (reason) => [{ json: { genuine: false, reason } }];
const { headers } = $input.first().json;
const body = await this.helpers.getBinaryDataBuffer(0, "data"); // where "Raw Body" puts it
const id = headers["webhook-id"];
const timestamp = headers["webhook-timestamp"];
const signatures = headers["webhook-signature"];

if (!id || !signatures || !/^[0-9]{1,12}$/.test(timestamp || "")) return refuse("not signed");
if (Math.abs(Date.now() / 1000 - Number(timestamp)) > 300) return refuse("webhook-timestamp is too old, or from the future");
const key = secret.startsWith("whsec_") ? Buffer.from(secret.slice(6), "base64") : Buffer.from(secret);
if (key.length === 0) return refuse("no secret is set, or it is not base64 after whsec_");
const tag = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64");
const expected = Buffer.from(`v1,${tag}`);
const genuine = signatures.split(" ").some((one) => {
  const claimed = Buffer.from(one);
  return claimed.length === expected.length && timingSafeEqual(claimed, expected);
});
if (!genuine) return refuse("webhook-signature does not match");
return [{ json: { genuine: true, event: JSON.parse(body.toString()) } }];
