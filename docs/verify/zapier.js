// Code by Zapier, "Run JavaScript": verifies a webhook of aftercall that "Catch Raw Hook" took.
// Input Data, from the trigger's fields: secret, body, id, timestamp, signature. Throws, which stops the Zap, unless genuine.
const { createHmac, timingSafeEqual } = require("crypto");

const { secret, body, id, timestamp, signature } = inputData;
if (!secret || !body || !id || !signature || !/^[0-9]{1,12}$/.test(timestamp || "")) {
  throw new Error("not signed, or a field of Input Data is missing");
}
// A Zap may start late: an hour here, where a receiver of your own takes five minutes.
if (Math.abs(Date.now() / 1000 - Number(timestamp)) > 3600) {
  throw new Error("webhook-timestamp is too old, or from the future");
}
const key = secret.startsWith("whsec_") ? Buffer.from(secret.slice(6), "base64") : Buffer.from(secret);
if (key.length === 0) throw new Error("no secret is set, or it is not base64 after whsec_");
const expected = Buffer.from("v1," + createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64"));
const genuine = signature.split(" ").some((one) => {
  const claimed = Buffer.from(one);
  return claimed.length === expected.length && timingSafeEqual(claimed, expected);
});
if (!genuine) throw new Error("webhook-signature does not match");

const event = JSON.parse(body);
const { call = {}, summary = {} } = event.data;
return {
  id: event.id,
  type: event.type,
  intent: event.intent,
  customer: call.account ? call.account.name : null,
  customer_number: call.account ? call.account.number : null,
  call_title: call.title,
  call_url: call.url,
  headline: summary.headline,
  text: summary.text,
};
