// An authorization server with one client, whose keys it fetches: node server.mjs MODULES JWKS_URI. Prints its issuer.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [modules, jwksUri] = process.argv.slice(2);
const require = createRequire(pathToFileURL(`${modules}/package.json`));
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'worker',
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'ES256',
      jwks_uri: jwksUri,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    }],
    features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
    // The server refuses private addresses; the keys of this test are on one.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  });
  provider.on('grant.error', (ctx, error) => console.error(`${error.message}: ${error.error_detail ?? error.cause ?? ''}`));
  server.on('request', provider.callback());
  console.log(issuer);
});
