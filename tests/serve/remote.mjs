// Verifies one token with jose's remote set, as an ordinary service does:
//
//   node remote.mjs MODULES JWKS_URI TOKEN
import { createRequire } from 'node:module';

const [modules, uri, token] = process.argv.slice(2);
const { createRemoteJWKSet, jwtVerify } = await import(createRequire(`${modules}/`).resolve('jose'));
const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(uri)));
process.stdout.write(payload.sub);
