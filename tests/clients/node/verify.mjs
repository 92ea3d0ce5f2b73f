// Verifies tokens as an ordinary Node.js service does: jsonwebtoken, with keys from jwks-rsa.
//
//   node verify.mjs MODULES SETTINGS
//
// MODULES is the directory that node_modules is in, SETTINGS the JSON object of jwks-rsa's client options
// (https://github.com/auth0/node-jwks-rsa). Each line on standard input is a question, {"jwksUri", "token"};
// each line on standard output the answer to the next one, {"ok": true} or {"ok": false, "error"}. The keys stay
// cached between questions, as they do in a service that runs for days.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [modules, settings] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const jwksClient = require('jwks-rsa');
const { verify } = require('jsonwebtoken');

const clients = new Map();

function clientFor(jwksUri) {
  if (!clients.has(jwksUri)) {
    clients.set(jwksUri, jwksClient({ ...JSON.parse(settings), jwksUri }));
  }
  return clients.get(jwksUri);
}

function answer({ jwksUri, token }) {
  const keyFor = (header, done) =>
    clientFor(jwksUri).getSigningKey(header.kid).then((key) => done(null, key.getPublicKey()), done);
  return new Promise((resolve) => {
    verify(token, keyFor, { algorithms: ['ES256', 'RS256'] }, (error) => {
      resolve(error ? { ok: false, error: `${error.name}: ${error.message}` } : { ok: true });
    });
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)))}\n`);
}
