// Signs, verifies, encrypts and decrypts with the libraries that Node.js services use.
//
//   node libraries.mjs MODULES
//
// MODULES is the directory that node_modules is in. Each line on standard input is a request, each line on standard
// output the answer to the next one: {"ok": true, "result"} or {"ok": false, "error"}. A request names a `library`
// and an `operation`, and brings what services have: `key`, the text of a mounted private key (`form`: JWK, JWKSet or
// PEM), or `jwks`, the text of the published set, from which the library picks the key by its kid.

import { createPrivateKey, createPublicKey, createSecretKey } from 'node:crypto';
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

const privateJwk = ({ key, form, kid }) => {
  const read = JSON.parse(key);
  return form === 'JWKSet' ? read.keys.find((one) => one.kid === kid) : read;
};

const open = { extractable: true };
const published = (jwks, kid) => JSON.parse(jwks).keys.find((one) => one.kid === kid);

const joseKey = (request) => (request.form === 'PEM' ? jose.importPKCS8(request.key, request.alg) : privateJwk(request));

const joseLibrary = {
  async sign(request) {
    const { payload, alg, kid } = request;
    return new jose.CompactSign(octets(payload)).setProtectedHeader({ alg, kid }).sign(await joseKey(request));
  },
  async verify(request) {
    const { jwks, token, alg } = request;
    const key = jwks ? jose.createLocalJWKSet(JSON.parse(jwks)) : await joseKey(request);
    return text((await jose.compactVerify(token, key, { algorithms: [alg] })).payload);
  },
  async encrypt(request) {
    const { jwks, payload, alg, enc, kid } = request;
    const key = jwks ? published(jwks, kid) : await joseKey(request);
    return new jose.CompactEncrypt(octets(payload)).setProtectedHeader({ alg, enc, kid }).encrypt(key);
  },
  async decrypt(request) {
    return text((await jose.compactDecrypt(request.token, await joseKey(request))).plaintext);
  },
  async privateJwk(request) {
    const { form, key, alg } = request;
    const read = form === 'PEM' ? jose.importPKCS8(key, alg, open) : jose.importJWK(privateJwk(request), alg, open);
    return JSON.stringify(await jose.exportJWK(await read));
  },
  async publicJwk({ jwks, alg, kid }) {
    return JSON.stringify(await jose.exportJWK(await jose.importJWK(published(jwks, kid), alg, open)));
  },
};

async function nodeJoseKey({ key, form, kid }) {
  if (form === 'PEM') return nodeJose.JWK.asKey(key, 'pem');
  if (form === 'JWK') return nodeJose.JWK.asKey(JSON.parse(key));
  return (await nodeJose.JWK.asKeyStore(JSON.parse(key))).get(kid);
}

const nodeJoseLibrary = {
  async sign(request) {
    const { payload, alg, kid } = request;
    const signer = { key: await nodeJoseKey(request), reference: false };
    const options = { format: 'compact', fields: { alg, kid } };
    return nodeJose.JWS.createSign(options, signer).update(payload, 'utf8').final();
  },
  async verify(request) {
    const { jwks, token, alg } = request;
    const keys = jwks ? await nodeJose.JWK.asKeyStore(JSON.parse(jwks)) : await nodeJoseKey(request);
    return (await nodeJose.JWS.createVerify(keys, { algorithms: [alg] }).verify(token)).payload.toString();
  },
  async encrypt(request) {
    const { jwks, payload, alg, enc, kid } = request;
    const key = await nodeJoseKey(jwks ? { key: jwks, form: 'JWKSet', kid } : request);
    const options = { format: 'compact', contentAlg: enc, fields: { alg, kid } };
    return nodeJose.JWE.createEncrypt(options, { key, reference: false }).update(payload, 'utf8').final();
  },
  async decrypt(request) {
    return (await nodeJose.JWE.createDecrypt(await nodeJoseKey(request)).decrypt(request.token)).plaintext.toString();
  },
  async privateJwk(request) {
    return JSON.stringify((await nodeJoseKey(request)).toJSON(true));
  },
  async publicJwk({ jwks, kid }) {
    return JSON.stringify((await nodeJoseKey({ key: jwks, form: 'JWKSet', kid })).toJSON());
  },
};

function nodeKey(request) {
  if (request.form === 'PEM') return request.key;
  const jwk = privateJwk(request);
  if (jwk.kty === 'oct') return createSecretKey(Buffer.from(jwk.k, 'base64url'));
  return createPrivateKey({ key: jwk, format: 'jwk' });
}

const clientOf = (jwks) => jwksClient({ jwksUri: 'unused', getKeysInterceptor: () => JSON.parse(jwks).keys });

async function publishedKey(jwks, token) {
  const { kid } = jsonwebtoken.decode(token, { complete: true }).header;
  return (await clientOf(jwks).getSigningKey(kid)).getPublicKey();
}

const jsonwebtokenLibrary = {
  sign(request) {
    return jsonwebtoken.sign(request.payload, nodeKey(request), { algorithm: request.alg, keyid: request.kid });
  },
  async verify(request) {
    const { jwks, token, alg } = request;
    const key = jwks ? await publishedKey(jwks, token) : nodeKey(request);
    return jsonwebtoken.verify(token, key, { algorithms: [alg] });
  },
  privateJwk(request) {
    const key = nodeKey(request);
    return JSON.stringify((typeof key === 'string' ? createPrivateKey(key) : key).export({ format: 'jwk' }));
  },
  async publicJwk({ jwks, kid }) {
    const pem = (await clientOf(jwks).getSigningKey(kid)).getPublicKey();
    return JSON.stringify(createPublicKey(pem).export({ format: 'jwk' }));
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
