// Signs, verifies, encrypts and decrypts with the libraries that Node.js services use.
//
//   node libraries.mjs MODULES
//
// MODULES is the directory that node_modules is in. Each line on standard input is a request, each line on standard
// output the answer to the next one: {"ok": true, "result"} or {"ok": false, "error"}. A request names a `library`
// and an `operation`, and brings what services have: `key`, the text of a private JWK or PEM file (`form`), or
// `jwks`, the text of the published set, from which the library picks the key by the token's kid.

import { createPrivateKey, createSecretKey } from 'node:crypto';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [modules] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const jose = await import(pathToFileURL(require.resolve('jose')));
const nodeJose = require('node-jose');
const jwksClient = require('jwks-rsa');
const jsonwebtoken = require('jsonwebtoken');

const octets = (text) => new TextEncoder().encode(text);
const text = (bytes) => new TextDecoder().decode(bytes);

const joseKey = ({ key, form, alg }) => (form === 'JWK' ? JSON.parse(key) : jose.importPKCS8(key, alg));

// jose picks only public keys out of a set: https://github.com/panva/jose, createLocalJWKSet.
const joseSet = ({ jwks }) => jose.createLocalJWKSet(JSON.parse(jwks));

const joseLibrary = {
  async sign({ payload, alg, kid, ...request }) {
    const signer = new jose.CompactSign(octets(payload)).setProtectedHeader({ alg, kid });
    return signer.sign(await joseKey({ alg, ...request }));
  },
  async verify({ token, alg, ...request }) {
    const key = request.jwks ? joseSet(request) : await joseKey({ alg, ...request });
    return text((await jose.compactVerify(token, key, { algorithms: [alg] })).payload);
  },
  async encrypt({ payload, alg, enc, kid, ...request }) {
    const key = request.jwks ? JSON.parse(request.jwks).keys.find((one) => one.kid === kid) : await joseKey({ alg, ...request });
    return new jose.CompactEncrypt(octets(payload)).setProtectedHeader({ alg, enc, kid }).encrypt(key);
  },
  async decrypt({ token, alg, ...request }) {
    return text((await jose.compactDecrypt(token, await joseKey({ alg, ...request }))).plaintext);
  },
};

const nodeJoseKey = ({ key, form }) => (form === 'JWK' ? nodeJose.JWK.asKey(JSON.parse(key)) : nodeJose.JWK.asKey(key, 'pem'));
const nodeJoseSet = ({ jwks }) => nodeJose.JWK.asKeyStore(JSON.parse(jwks));

const nodeJoseLibrary = {
  async sign({ payload, alg, kid, ...request }) {
    const options = { format: 'compact', fields: { alg, kid } };
    const key = { key: await nodeJoseKey(request), reference: false };
    return nodeJose.JWS.createSign(options, key).update(payload, 'utf8').final();
  },
  async verify({ token, alg, ...request }) {
    const keys = request.jwks ? await nodeJoseSet(request) : await nodeJoseKey(request);
    return (await nodeJose.JWS.createVerify(keys, { algorithms: [alg] }).verify(token)).payload.toString();
  },
  async encrypt({ payload, alg, enc, kid, ...request }) {
    const key = request.jwks ? (await nodeJoseSet(request)).get(kid) : await nodeJoseKey(request);
    const recipient = { key, reference: false };
    const options = { format: 'compact', contentAlg: enc, fields: { alg, kid } };
    return nodeJose.JWE.createEncrypt(options, recipient).update(payload, 'utf8').final();
  },
  async decrypt({ token, ...request }) {
    return (await nodeJose.JWE.createDecrypt(await nodeJoseKey(request)).decrypt(token)).plaintext.toString();
  },
};

const secretOf = (jwk) => createSecretKey(Buffer.from(jwk.k, 'base64url'));

function nodeKey({ key, form }) {
  if (form === 'PEM') return key;
  const jwk = JSON.parse(key);
  return jwk.kty === 'oct' ? secretOf(jwk) : createPrivateKey({ key: jwk, format: 'jwk' });
}

const jsonwebtokenLibrary = {
  sign({ payload, alg, kid, ...request }) {
    return jsonwebtoken.sign(payload, nodeKey(request), { algorithm: alg, keyid: kid });
  },
  async verify({ token, alg, jwks, ...request }) {
    if (!jwks) return jsonwebtoken.verify(token, nodeKey(request), { algorithms: [alg] });
    const client = jwksClient({ jwksUri: 'unused', getKeysInterceptor: () => JSON.parse(jwks).keys });
    const { kid } = jsonwebtoken.decode(token, { complete: true }).header;
    const key = await client.getSigningKey(kid);
    return jsonwebtoken.verify(token, key.getPublicKey(), { algorithms: [alg] });
  },
};

const libraries = { jose: joseLibrary, 'node-jose': nodeJoseLibrary, jsonwebtoken: jsonwebtokenLibrary };

async function answer({ library, operation, ...request }) {
  try {
    return { ok: true, result: await libraries[library][operation](request) };
  } catch (error) {
    return { ok: false, error: `${error.name}: ${error.message}` };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)))}\n`);
}
