// Verifies tokens with the published set. jose asks again for an unknown kid (at most every 30 s), and every ten minutes.
import { createInterface } from 'node:readline';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const ISSUER = 'https://auth.example.com'; // and `audience`, if your tokens have one
const keys = createRemoteJWKSet(new URL(process.argv[2])); // one for all tokens: it keeps the set

for await (const token of createInterface({ input: process.stdin })) {
  try {
    const { payload } = await jwtVerify(token, keys, { issuer: ISSUER });
    console.log(`good: ${payload.sub}`);
  } catch (error) {
    console.log(`refused: ${error.code} ${error.message}`);
  }
}
