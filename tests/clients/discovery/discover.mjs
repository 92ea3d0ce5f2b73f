// Finds an issuer by its metadata with a client library, and verifies a token with the set that the metadata names:
// discover.mjs MODULES LIBRARY ISSUER TOKEN. Prints what it found as JSON; fails otherwise.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [modules, library, issuer, token] = process.argv.slice(2);
const require = createRequire(pathToFileURL(`${modules}/package.json`));
const load = (name) => import(pathToFileURL(require.resolve(name)));

async function openidClient(algorithm) {
  const client = await load("openid-client");
  const execute = [client.allowInsecureRequests]; // loopback
  return (await client.discovery(new URL(issuer), "app", undefined, undefined, { algorithm, execute })).serverMetadata();
}

const libraries = {
  "openid-client": () => openidClient("oidc"),
  "openid-client RFC 8414": () => openidClient("oauth2"),
  mcp: async () => (await load("@modelcontextprotocol/sdk/client/auth.js")).discoverAuthorizationServerMetadata(issuer),
};

const metadata = await libraries[library]();
const { createRemoteJWKSet, jwtVerify } = await load("jose");
const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(metadata.jwks_uri)), { issuer: metadata.issuer });
console.log(JSON.stringify({ jwksUri: metadata.jwks_uri, issuer: metadata.issuer, sub: payload.sub }));
