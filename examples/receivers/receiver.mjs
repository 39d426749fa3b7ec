#!/usr/bin/env node
// Receives the documents of Switchhook and stores each one once, as a file named by its id.
//
//     mkdir documents
//     WEBHOOK_SECRETS="whsec_…" node receiver.mjs --listen 127.0.0.1:8088 --folder documents
//
// WEBHOOK_SECRETS holds the secrets of the webhook, separated by spaces; two while they are rotated.
// Node 18 or later, no packages. docs/receivers.md explains each check.

import { createHmac, randomUUID, timingSafeEqual } from "node:crypto";
import { link, open, readdir, unlink } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";

const BODY_LIMIT = 4 * 1024 * 1024;
const TOLERANCE_S = 5 * 60;

// An id has no dot: the signed text is "id.timestamp.body", and a dot would make it ambiguous.
// It is a file's name too, so it has no slash either.
const ID = /^[A-Za-z0-9_-]{1,128}$/;
const TIMESTAMP = /^[0-9]{1,12}$/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

function fail(message) {
  console.error(message);
  process.exit(1);
}

function readArguments() {
  const found = { "--listen": "127.0.0.1:8088", "--folder": "documents" };
  const given = process.argv.slice(2);
  for (let i = 0; i < given.length; i += 2) {
    if (!(given[i] in found) || given[i + 1] === undefined) {
      fail("usage: receiver.mjs [--listen HOST:PORT] [--folder FOLDER]");
    }
    found[given[i]] = given[i + 1];
  }
  const colon = found["--listen"].lastIndexOf(":");
  const host = found["--listen"].slice(0, colon);
  const port = Number(found["--listen"].slice(colon + 1));
  return { host, port, folder: found["--folder"] };
}

function readKeys(text) {
  const secrets = text.split(/\s+/).filter((secret) => secret !== "");
  if (secrets.length === 0) {
    fail("WEBHOOK_SECRETS is not set; set it to the signing secret of the webhook");
  }
  return secrets.map((secret, index) => {
    const encoded = secret.replace(/^whsec_/, "");
    // Buffer.from skips what is not base64 instead of failing, so the text is checked first.
    if (!BASE64.test(encoded) || encoded.length % 4 !== 0) {
      fail(`secret ${index + 1} of WEBHOOK_SECRETS is not base64 after whsec_`);
    }
    const key = Buffer.from(encoded, "base64");
    if (key.length < 24 || key.length > 64) {
      fail(`secret ${index + 1} of WEBHOOK_SECRETS has ${key.length} bytes; it needs 24 to 64`);
    }
    return key;
  });
}

// Why a request is not genuine; undefined when it is.
function whyRefused(keys, headers, body, nowS) {
  const id = headers["webhook-id"] ?? "";
  const timestamp = headers["webhook-timestamp"] ?? "";
  if (!ID.test(id)) return "webhook-id is missing or malformed";
  if (!TIMESTAMP.test(timestamp)) return "webhook-timestamp is missing or malformed";
  if (Math.abs(nowS - Number(timestamp)) > TOLERANCE_S) {
    return "webhook-timestamp is more than five minutes off; compare the clocks";
  }
  const given = (headers["webhook-signature"] ?? "")
    .split(" ")
    .filter((entry) => entry.startsWith("v1,"))
    .map((entry) => Buffer.from(entry.slice("v1,".length)));
  let isGenuine = false;
  for (const key of keys) {
    // The body as it came: a document that was parsed and written again has other bytes.
    const mac = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body);
    const expected = Buffer.from(mac.digest("base64"));
    for (const signature of given) {
      // timingSafeEqual throws when the lengths differ. The length is no secret.
      const fits = signature.length === expected.length && timingSafeEqual(signature, expected);
      isGenuine = isGenuine || fits;
    }
  }
  return isGenuine ? undefined : "no signature of webhook-signature fits";
}

// The whole body, or undefined when it is larger than the limit.
async function readBody(request) {
  if (Number(request.headers["content-length"] ?? 0) > BODY_LIMIT) return undefined;
  const chunks = [];
  let length = 0;
  // "data" and not `for await`, whose early end would destroy the connection before the reply.
  return new Promise((resolve, reject) => {
    request.on("data", (chunk) => {
      length += chunk.length;
      if (length > BODY_LIMIT) {
        chunks.length = 0;
        resolve(undefined);
      } else {
        chunks.push(chunk);
      }
    });
    request.on("end", () => resolve(Buffer.concat(chunks)));
    request.on("error", reject);
    request.on("close", () => reject(new Error("the request broke off")));
  });
}

async function syncFolder(folder) {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

// Stores a document and returns true, or returns false when its id is there already.
async function put(folder, id, body) {
  const part = join(folder, `${id}.${randomUUID()}.part`);
  try {
    const handle = await open(part, "wx");
    try {
      await handle.writeFile(body);
      await handle.sync();
    } finally {
      await handle.close();
    }
    let isNew = true;
    try {
      // Exclusive, and only of a whole file: a crash never leaves a document that is half written
      // under its id, which the repeat would then take for stored.
      await link(part, join(folder, `${id}.document`));
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      isNew = false;
    }
    // Of a repeat too: the first request may have died before it came to this.
    await syncFolder(folder);
    return isNew;
  } finally {
    await unlink(part).catch(() => {});
  }
}

function reply(response, status, text = "", headers = {}) {
  const body = text === "" ? "" : `${text}\n`;
  const type = status === 204 ? {} : { "Content-Type": "text/plain; charset=utf-8", "Content-Length": body.length };
  response.writeHead(status, { ...type, ...headers });
  response.end(body);
  if (status >= 400) console.error(`replied ${status}: ${text}`);
}

async function receive(keys, folder, request, response) {
  if (request.method !== "POST") {
    return reply(response, 405, "send documents by POST", { Allow: "POST" });
  }
  const body = await readBody(request);
  if (body === undefined) {
    // Node reads the rest and drops it, so that a sender that is still writing gets the reply.
    return reply(response, 413, `a document has at most ${BODY_LIMIT} bytes`);
  }
  const why = whyRefused(keys, request.headers, body, Date.now() / 1000);
  if (why !== undefined) return reply(response, 401, why);
  const id = request.headers["webhook-id"];
  let isNew;
  try {
    isNew = await put(folder, id, body);
  } catch (error) {
    console.error(`cannot store ${id}: ${error.message}`);
    return reply(response, 503, "the document could not be stored", { "Retry-After": "10" });
  }
  // The document is on the disk. Only now may the sender forget it.
  reply(response, 204);
  console.log(isNew ? `stored ${id}, ${body.length} bytes` : `repeat ${id}`);
}

let isStopping = false;
const { host, port, folder } = readArguments();
const keys = readKeys(process.env.WEBHOOK_SECRETS ?? "");
const left = await readdir(folder).catch(() => fail(`the folder ${folder} is not there; make it with mkdir`));
for (const name of left) {
  // A crash left it; nobody got a 2xx for it.
  if (name.endsWith(".part")) await unlink(join(folder, name));
}

let inProgress = 0;
const server = createServer((request, response) => {
  inProgress += 1;
  response.on("close", () => {
    inProgress -= 1;
    if (isStopping && inProgress === 0) server.closeAllConnections();
  });
  receive(keys, folder, request, response).catch((error) => {
    if (!request.destroyed) console.error(error.message);
    response.destroy();
  });
});
server.requestTimeout = 30_000;

// No new connection is accepted and requests in progress get their replies. Then all connections
// end. closeIdleConnections would not do: it leaves a connection on which no request came yet.
function stop() {
  isStopping = true;
  server.close();
  if (inProgress === 0) server.closeAllConnections();
  setTimeout(() => server.closeAllConnections(), 10_000).unref();
}
process.once("SIGTERM", stop);
process.once("SIGINT", stop);

server.on("error", (error) => fail(`cannot listen on ${host}:${port}: ${error.message}`));
server.listen(port, host, () => console.log(`listening on ${host}:${server.address().port}`));
